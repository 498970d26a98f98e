"""What the live page costs the controller: CPU and memory without viewers, and with fifty of them.

Three emulated clusters with so many Services each, of which one gets another weight every second. Viewers read the
stream as fast as it comes. CPU and memory are the controller's, which runs as a process of its own.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import psutil

from benchmarks.measures import cpu_s, mib, say
from trafficfed.clock import SystemClock
from trafficfed.sandbox.fleet import Fleet
from trafficfed.testing.deployment import Deployment

ZONE = "fed.test"
HEALTH = {"interval": 10, "timeout": 3}
SETTLE_S, MEASURED_S = 10.0, 20.0


@dataclass(frozen=True)
class Result:
    """With so many viewers: the share of one CPU, MiB, and octets sent to each viewer at first and in a second."""

    services: int
    viewers: int
    cpu: float
    mib: float
    whole: int
    per_second: float


class Reader:
    """One viewer that counts what it is sent."""

    def __init__(self) -> None:
        self.octets = 0
        self.whole = 0

    async def read(self, address: str) -> None:
        async with aiohttp.ClientSession(read_bufsize=2**20) as session, session.get(address) as answer:
            async for piece in answer.content.iter_any():
                if not self.whole and b"\n\n" in piece:
                    self.whole = self.octets + len(piece)
                self.octets += len(piece)


def measure(directory: Path, services: int, viewers: Sequence[int]) -> list[Result]:
    """Start everything at one size, and measure with each number of viewers."""
    return asyncio.run(_measure(directory, services, viewers))


async def _measure(directory: Path, services: int, viewers: Sequence[int]) -> list[Result]:
    say(f"{services} services: starting three emulated clusters and the controller")
    fleet = Fleet(directory / "fleet", SystemClock(), services=services, annotations={"steering": "geo"})
    async with fleet:
        members = [(cluster, fleet.kubeconfig, cluster.name) for cluster in fleet.clusters]
        deployment = Deployment(directory / "product", ZONE, members, health=HEALTH)
        try:
            await asyncio.to_thread(deployment.start_controller, wait_s=300)
            turns = itertools.count()
            return [await _with(fleet, deployment, count, turns) for count in viewers]
        finally:
            await asyncio.to_thread(deployment.stop)


async def _with(fleet: Fleet, deployment: Deployment, count: int, turns: Iterator[int]) -> Result:
    services = len(fleet.names)
    assert deployment.controller is not None
    process = psutil.Process(deployment.controller.pid)
    say(f"{services} services, {count} viewers")
    async with (
        _reading(f"http://127.0.0.1:{deployment.api_port}/api/stream", count) as readers,
        _changing(fleet, turns),
    ):
        await asyncio.sleep(SETTLE_S)
        octets, before_s = sum(reader.octets for reader in readers), cpu_s(process)
        await asyncio.sleep(MEASURED_S)
        cpu, sent = (cpu_s(process) - before_s) / MEASURED_S, sum(reader.octets for reader in readers) - octets
        whole = max((reader.whole for reader in readers), default=0)
        return Result(services, count, cpu, mib(process), whole, sent / MEASURED_S / max(1, count))


@asynccontextmanager
async def _reading(address: str, count: int) -> AsyncIterator[list[Reader]]:
    readers = [Reader() for _ in range(count)]
    async with AsyncExitStack() as stack:
        group = await stack.enter_async_context(asyncio.TaskGroup())
        tasks = [group.create_task(reader.read(address), name="viewer") for reader in readers]
        yield readers
        for task in tasks:
            task.cancel()


@asynccontextmanager
async def _changing(fleet: Fleet, turns: Iterator[int]) -> AsyncIterator[None]:
    """Every second another weight."""

    async def change() -> None:
        for turn in turns:
            fleet.annotate("eu", fleet.names[turn % len(fleet.names)], {"weight": str(1 + turn % 99)})
            await asyncio.sleep(1.0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(change(), name="changes")
        yield
        task.cancel()


def report(results: Sequence[Result]) -> str:
    """As a Markdown table."""
    rows = [
        f"| {each.services:,} | {each.viewers} | {100 * each.cpu:.1f} % | {each.mib:.0f} "
        f"| {each.whole:,} | {each.per_second:,.0f} |"
        for each in results
    ]
    head = "| services | viewers | CPU | MiB | first message, octets | octets a second for each |"
    return "\n".join([head, "|---|---|---|---|---|---|", *rows])
