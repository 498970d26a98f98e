"""The whole outside world as the core sees it: small Protocols, with a deadline on whatever can wait."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from trafficfed.model import (
    Capabilities,
    HealthCheck,
    NameChange,
    ProbeResult,
    RecordSet,
    Result,
)


class Clock(Protocol):
    """The one source of time. Made in the composition root; pure functions take ``now_s`` instead."""

    def monotonic_s(self) -> float:
        """Seconds on a clock that never jumps, for schedules and deadlines."""
        ...

    def now_s(self) -> float:
        """UTC seconds since the Unix epoch, for what outlives the process."""
        ...


class Provider(Protocol):
    """A DNS provider that keeps record sets. Raises Transient or Refused; maps its vendor's errors once.

    ``deadline_s`` is the duration within which a call ends, one way or another.
    """

    @property
    def capabilities(self) -> Capabilities: ...

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        """Every record set of the zone, sorted by name and type; SOA and DNSSEC records left out."""
        ...

    async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
        """What stands at these names only, sorted: the cost follows the number of names, not the size of the zone."""
        ...

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        """Carry out each change by compare-and-set and tell how each ended, in the order given.

        One change that fails harms no other. Raises only where nothing could be tried at all, and Fenced where not
        exactly ``fence`` stands in the zone: nothing is written from then on. With the capability ``fence`` ``atomic``
        that is a condition of every write; with ``check-first`` it is looked at before them; with ``none`` it must not
        be given.
        """
        ...

    async def close(self) -> None: ...


class Tracking(Protocol):
    """What a provider whose capabilities say ``tracks`` has besides."""

    async def in_sync(self, deadline_s: float) -> bool:
        """Wait until all that was written so far is at every name server; False where that cannot be learnt in time.

        Never raises for what the provider's vendor does, and holds up no write.
        """
        ...


@runtime_checkable
class Budgeted(Protocol):
    """What a provider has besides whose vendor limits the requests of an account."""

    @property
    def requests_left(self) -> float:
        """How many may be sent at once; below 0 as many wait their turn. Shared by all zones of the account."""
        ...


class Probe(Protocol):
    """One probe type. Never raises for what the target does; ``timeout_s`` of the check is a total deadline."""

    async def __call__(self, address: str, port: int, check: HealthCheck) -> ProbeResult: ...
