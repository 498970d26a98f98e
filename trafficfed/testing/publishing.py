"""A publisher of one zone at a provider in memory, for tests in virtual time."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from trafficfed.model import RecordSet, ServiceKey, Zone
from trafficfed.ports import Provider
from trafficfed.reports import ReportEvent
from trafficfed.testing.scripted_api import LoopClock
from trafficfed.zones.desk import SETTLE_S
from trafficfed.zones.fence import term_in
from trafficfed.zones.publisher import ZonePublisher
from trafficfed.zones.wish import Wish

ZONE = "fed.test"
LEASE_S = 10.0


def service_key(name: str) -> ServiceKey:
    return ServiceKey("default", "shop", name)


@asynccontextmanager
async def leading(publisher: ZonePublisher, term: int, remaining_s: Callable[[], float]) -> AsyncIterator[None]:
    """A publisher runs as the leader of a term while the block lasts."""
    publisher.lead(term, remaining_s)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(publisher.run())
        try:
            yield
        finally:
            task.cancel()


class ZoneInMemory(Provider, Protocol):
    """A provider that lets a test look and write past it; ``writes`` counts what was written."""

    @property
    def writes(self) -> int: ...

    def zone(self, zone: str) -> tuple[RecordSet, ...]: ...

    def write_by_hand(self, zone: str, record_set: RecordSet) -> None: ...

    def erase_by_hand(self, zone: str, name: str, rdtype: str) -> None: ...


class Rig:
    """A controller's publisher of one zone; ``restart`` is another one that remembers nothing, at the same zone."""

    def __init__(self, memory: ZoneInMemory, zone: Zone | None = None, owner: str = "prod") -> None:
        self.memory = memory
        self.zone = zone or Zone(name=ZONE)
        self.owner = owner
        self.reports: list[ReportEvent] = []
        self.fenced: list[int] = []
        self.publisher = self._publisher()

    def restart(self) -> None:
        self.publisher = self._publisher()

    @asynccontextmanager
    async def leading(self, term: int, remaining_s: Callable[[], float] = lambda: LEASE_S) -> AsyncIterator[None]:
        """Run as the leader of a term, by default one that believes in its lease whatever happens."""
        async with leading(self.publisher, term, remaining_s):
            yield

    def term(self) -> int:
        """The term of the fence that stands."""
        return term_in(self.memory.zone(ZONE), ZONE, self.owner)

    def want(
        self,
        name: str,
        *values: str,
        known: Iterable[str] | None = None,
        departed: Iterable[str] = (),
        released: Iterable[str] = (),
        names: tuple[str, ...] | None = None,
        event_at_s: float = 0.0,
        ttl: int = 30,
    ) -> None:
        """A service that wants these addresses at ``<name>.fed.test``, or at ``names``."""
        wished = (f"{name}.{ZONE}",) if names is None else names
        sets = [RecordSet(name=at, type="A", ttl=ttl, values=tuple(sorted(values))) for at in wished if values]
        wish = Wish(
            service=service_key(name),
            names=wished,
            sets=tuple(sets),
            known=frozenset(values if known is None else known),
            departed=frozenset(departed),
            released=frozenset(released),
            event_at_s=event_at_s,
        )
        self.publisher.want(wish)

    async def settle(self) -> None:
        """Load and publish until nothing more is to be done, the brakes' pause included."""
        if self.publisher.state == "Loading":
            await self.publisher.load()
        await self.publisher.publish_once()
        await asyncio.sleep(2 * SETTLE_S)
        await self.publisher.publish_once()

    def at(self, label: str) -> dict[str, tuple[str, ...]]:
        """Values by type at a name; its marker is left out."""
        return {found.type: found.values for found in self.memory.zone(ZONE) if found.name == f"{label}.{ZONE}"}

    def marker(self, label: str) -> str:
        name = f"_trafficfed-owner.{label}.{ZONE}"
        return next((found.values[0] for found in self.memory.zone(ZONE) if found.name == name), "")

    def by_hand(self, label: str, rdtype: str, *values: str) -> None:
        self.memory.write_by_hand(ZONE, RecordSet(name=f"{label}.{ZONE}", type=rdtype, ttl=60, values=values))

    def said(self, kind: type[ReportEvent]) -> list[ReportEvent]:
        return [event for event in self.reports if isinstance(event, kind)]

    def reasons(self) -> list[str]:
        return [refusal.reason for refusal in self.publisher.refusals]

    def _publisher(self) -> ZonePublisher:
        return ZonePublisher(
            self.memory,
            self.zone,
            "memory",
            self.owner,
            LoopClock(),
            self.reports.append,
            luck=lambda: 0.5,
            fenced=self.fenced.append,
        )
