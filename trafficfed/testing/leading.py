"""A publisher that leads, at a real server and in real time; reports wake whoever waits for one."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from trafficfed.clock import SystemClock
from trafficfed.model import RecordSet, Zone
from trafficfed.ports import Provider
from trafficfed.reports import ReportEvent
from trafficfed.testing.publishing import LEASE_S, ZONE, leading, service_key
from trafficfed.zones.publisher import ZonePublisher
from trafficfed.zones.wish import Wish

PATIENCE_S = 30.0


class Leader:
    """One controller's publisher of ``fed.test``. It closes its provider when it has led."""

    def __init__(self, provider: Provider, zone: str = ZONE, owner: str = "prod") -> None:
        self.provider = provider
        self.zone = zone
        self.reports: list[ReportEvent] = []
        self.fenced: list[int] = []
        self._news = asyncio.Event()
        self.publisher = ZonePublisher(
            provider, Zone(name=zone), "real", owner, SystemClock(), self._report, fenced=self._note
        )

    def want(self, label: str, *values: str, known: tuple[str, ...] = ()) -> None:
        """A service that wants these addresses at ``<label>.<zone>``."""
        name = f"{label}.{self.zone}"
        wish = Wish(
            service=service_key(label),
            names=(name,),
            sets=(RecordSet(name=name, type="A", ttl=30, values=tuple(sorted(values))),),
            known=frozenset((*values, *known)),
            event_at_s=SystemClock().now_s(),
        )
        self.publisher.want(wish)

    @asynccontextmanager
    async def leading(self, term: int, remaining_s: Callable[[], float] = lambda: LEASE_S) -> AsyncIterator[None]:
        """Run as the leader of a term, by default one that believes in its lease whatever happens."""
        async with leading(self.publisher, term, remaining_s):
            yield

    async def until(self, kind: type[ReportEvent], count: int) -> list[ReportEvent]:
        """Wait until so many reports of a kind have come."""
        await self._until(lambda: len(self._said(kind)) >= count)
        return self._said(kind)

    async def until_fenced(self) -> None:
        await self._until(lambda: bool(self.fenced))

    async def _until(self, happened: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not happened():
                self._news.clear()
                await self._news.wait()

    def _said(self, kind: type[ReportEvent]) -> list[ReportEvent]:
        return [event for event in self.reports if isinstance(event, kind)]

    def _report(self, event: ReportEvent) -> None:
        self.reports.append(event)
        self._news.set()

    def _note(self, term: int) -> None:
        self.fenced.append(term)
        self._news.set()
