"""A place with one vote in the election of the leader: a record that changes by compare-and-set only."""

from typing import Protocol

from trafficfed.errors import Transient
from trafficfed.leadership.record import Record
from trafficfed.model import Value


class Seen(Value, frozen=True):
    """What stands at an elector. ``version`` is what the next write names as its condition.

    ``uid`` tells one place from another that took its address: with a record it begins with what it is without one.
    """

    record: Record | None = None
    version: str = ""
    uid: str = ""


class Conflict(Transient):
    """Another value stands than the one that the write named."""


class Elector(Protocol):
    """``name`` is the same in the configuration of every controller. A call ends within ``deadline_s``."""

    @property
    def name(self) -> str: ...

    async def read(self, deadline_s: float) -> Seen:
        """What stands there now, never an older state. Raises Transient or Refused."""
        ...

    async def write(self, record: Record, over: Seen, deadline_s: float) -> Seen:
        """Put the record where exactly ``over`` stands; what stands then.

        Raises Conflict where anything else stands; Transient or Refused else. After a Transient that is no Conflict it
        may have been written all the same.
        """
        ...
