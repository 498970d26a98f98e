"""A controller as its vantages see it: a real feed with a desk on a loopback port, and who connects to it by hand."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from trafficfed.clock import SystemClock
from trafficfed.feed.channel import Channel, join
from trafficfed.feed.messages import Beat, Message, Observations, Suspect, Targets, encode
from trafficfed.feed.notes import Note
from trafficfed.feed.server import FeedServer
from trafficfed.feed.source import Lone
from trafficfed.health.vantage_desk import VantageDesk
from trafficfed.model import HealthCheck, Observation, ServiceKey, Target
from trafficfed.reports import ReportEvent
from trafficfed.table.table import Snapshot, Table
from trafficfed.testing.processes import free_port

KEY = b"k" * 32
DEADLINE_S = 20.0
CHECK = HealthCheck(scheme="http", interval_s=1.0, timeout_s=0.5, suspicion_s=0.1)


class Controller:
    """One controller as vantages see it; ``seen`` is what it was told. Starts and ends with ``running``."""

    def __init__(
        self, term: int = 1, homes: dict[str, str] | None = None, clusters: frozenset[str] | None = None
    ) -> None:
        self.port = free_port()
        self.address = f"127.0.0.1:{self.port}"
        self.seen: list[Observation] = []
        self.reports: list[ReportEvent] = []
        self.notes: list[Note] = []
        self.homes = {} if homes is None else homes
        self.clock = SystemClock()
        self.desk = VantageDesk(
            self.homes, self._observe, self.reports.append, clock=self.clock, tell=self._tell, clusters=clusters
        )
        self.source = Lone(Table(Snapshot(term=term)))
        self._news = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Controller"]:
        feed = FeedServer(self.address, lambda identity: KEY, self.source, self._tell, vantages=self.desk, beat_s=0.2)
        listening = asyncio.Event()
        async with background(feed.run(listening.set)):
            await listening.wait()
            yield self

    async def until(self, wanted: Callable[[], bool]) -> None:
        """Wait until something that was told makes it so; fails by deadline."""
        async with asyncio.timeout(DEADLINE_S):
            while not wanted():
                self._news.clear()
                await self._news.wait()

    def told(self, event: str) -> list[str]:
        return [note.message for note in self.notes if note.event == event]

    def _observe(self, seen: Observation) -> None:
        self.seen.append(seen)
        self._news.set()

    def _tell(self, note: Note) -> None:
        self.notes.append(note)
        self._news.set()


class Peer:
    """The other end of a vantage's connection, by hand."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel

    async def tell(self, *seen: Observation, sent_s: float, cluster: str = "", region: str = "") -> None:
        await self.send(Observations(seen, sent_s=sent_s, cluster=cluster, region=region))

    async def send(self, message: Message) -> None:
        await self._channel.send(encode(message))

    async def hear(self) -> Targets | Suspect:
        """The next message that is no beat."""
        while isinstance(message := await self._channel.receive(DEADLINE_S), Beat):
            pass
        assert isinstance(message, Targets | Suspect)
        return message


@asynccontextmanager
async def background(forever: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(forever, name="under test")
        yield
        task.cancel()


@asynccontextmanager
async def connected(controller: Controller, name: str) -> AsyncIterator[Peer]:
    """A connection to a controller as the vantage of that name."""
    reader, writer = await asyncio.open_connection("127.0.0.1", controller.port)
    try:
        yield Peer(await join(reader, writer, f"vantage/{name}", KEY))
    finally:
        writer.close()


def target(
    n: int = 1, port: int = 443, cluster: str = "eu", address: str = "127.0.0.1", check: HealthCheck = CHECK
) -> Target:
    """One address of service number n."""
    return Target(service=key(n), cluster=cluster, address=address, port=port, check=check)


def key(n: int) -> ServiceKey:
    return ServiceKey("default", "shop", f"s{n}")


def observation(of: Target, at_s: float, passed: bool = True, vantage: str = "whoever") -> Observation:
    """What a vantage saw of a target."""
    return Observation(
        vantage=vantage,
        service=of.service,
        cluster=of.cluster,
        address=of.address,
        at_s=at_s,
        passed=passed,
        error="" if passed else "refused",
    )
