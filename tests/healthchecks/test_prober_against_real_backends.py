"""The prober with real probes against real servers: it sees them die, hang and come back, and leaks nothing."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import entry_points

import pytest

from trafficfed.clock import SystemClock
from trafficfed.health.prober import Prober
from trafficfed.model import HealthCheck, Observation, ServiceKey, Target
from trafficfed.testing.backends import Backend
from trafficfed_healthchecks.http import HttpProbe
from trafficfed_healthchecks.tcp import TcpProbe

pytestmark = pytest.mark.real

SERVICE = ServiceKey("default", "shop", "web")
QUICK = HealthCheck(scheme="http", path="/healthz", interval_s=0.05, timeout_s=0.2)


class Watch:
    """Waits for what the prober sees."""

    def __init__(self) -> None:
        self.seen: list[Observation] = []
        self._news = asyncio.Event()

    def __call__(self, seen: Observation) -> None:
        self.seen.append(seen)
        self._news.set()

    async def until(self, error: str, address: str) -> None:
        async with asyncio.timeout(10):
            while not any((each.error, each.address) == (error, address) for each in self.seen):
                self._news.clear()
                await self._news.wait()
        self.seen.clear()


@asynccontextmanager
async def probing(*backends: Backend) -> AsyncIterator[Watch]:
    watch = Watch()
    prober = Prober({"http": HttpProbe(), "tcp": TcpProbe()}, SystemClock(), "v", watch)
    targets = tuple(
        Target(service=SERVICE, cluster="eu", address=each.address, port=each.port, check=QUICK) for each in backends
    )
    prober.set_targets(SERVICE, targets)
    async with asyncio.TaskGroup() as group:
        task = group.create_task(prober.run(), name="prober")
        yield watch
        task.cancel()


async def test_it_sees_a_server_die_hang_fail_and_come_back_and_its_neighbour_live_on(
    open_files: Callable[[], int],
) -> None:
    before = open_files()
    with Backend("127.0.73.5") as first, Backend("127.0.73.6") as second:
        async with probing(first, second) as watch:
            await watch.until("", first.address)
            first.stop()
            await watch.until("connection refused", first.address)
            await watch.until("", second.address)
            first.start()
            await watch.until("", first.address)
            first.hang()
            await watch.until("no answer within 0.2 s", first.address)
            await watch.until("", second.address)
            first.recover()
            first.fail(503)
            await watch.until("status 503", first.address)
            first.recover()
            await watch.until("", first.address)
    assert open_files() <= before + 1, "the loop's own wake-up pipe may have been opened meanwhile"


def test_every_registered_check_loads_without_arguments_and_is_callable() -> None:
    found = {entry.name: entry.load() for entry in entry_points(group="trafficfed.healthchecks")}
    assert {"http", "https", "tcp"} <= found.keys()
    assert all(callable(kind()) for kind in found.values())
