"""Where a copy of the table is kept beside the disk, as the rest of the program sees it."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from trafficfed.errors import Transient
from trafficfed.model import Value


class Overtaken(Transient):
    """Somebody else wrote there since it was loaded: load again, decide again."""


class Chunk(Value, frozen=True):
    """One thing to keep: a name that is also a valid object name in Kubernetes (RFC 1123), and less than 1 MiB."""

    name: str
    data: bytes


class MirrorPlace(Protocol):
    """One elector's store of chunks. It knows nothing of what is in them. One writer uses it; anybody may ``look``.

    ``deadline_s`` is the duration within which a call ends, one way or another. Raises Transient or Refused.
    """

    @property
    def name(self) -> str:
        """What operators call the place."""
        ...

    async def look(self, deadline_s: float) -> Mapping[str, bytes]:
        """Every chunk there, by name, as of one moment."""
        ...

    async def load(self, deadline_s: float) -> Mapping[str, bytes]:
        """The same, and what is stored from now on is decided upon that."""
        ...

    async def store(self, chunks: Sequence[Chunk], deadline_s: float) -> None:
        """Keep these, the last of them only when all others are kept.

        Each only where what stands is what was last loaded or stored through this object: Overtaken otherwise. After
        any failure it is unknown which were kept; load again.
        """
        ...

    async def drop(self, names: Sequence[str], deadline_s: float) -> None:
        """Delete these chunks where they are there."""
        ...
