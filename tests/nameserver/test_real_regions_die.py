"""A real name server among several controllers, while leaders, links and the process itself fail."""

import asyncio
import contextlib
import os
import subprocess
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from trafficfed.clock import SystemClock
from trafficfed.feed.messages import Standing
from trafficfed.model import Endpoint, Member, Row
from trafficfed.nameserver.settings import NameServerSettings
from trafficfed.table.disk import DiskLog
from trafficfed.table.table import Snapshot
from trafficfed.testing.feeding import KEY, PlayedController
from trafficfed.testing.nameservers import NameServerProcess, values
from trafficfed.testing.processes import free_port
from trafficfed.testing.sample_zone import EU, US, ZONE, anyone, service_row

pytestmark = pytest.mark.real

LEASE_S = 1.0
DAY_S = 86_400.0
BOTH, EU_ONLY, US_ONLY = ("192.0.2.1", "192.0.2.2"), ("192.0.2.1",), ("192.0.2.2",)


def row(*pool: Member) -> Row:
    endpoints = tuple(Endpoint(cluster=each.cluster, addresses=each.addresses[:1]) for each in (EU, US))
    return replace(service_row("web.example.org", anyone(*(pool or (EU, US)))), endpoints=endpoints)


def fleet() -> tuple[PlayedController, PlayedController]:
    """The leader of term 5, and a controller that has its table."""
    leader, other = PlayedController(), PlayedController(Standing.RELAYS)
    leader.take_over(5)
    leader.commit([row()])
    other.copy(leader, leader.feed.epoch)
    return leader, other


class NameServer:
    """The process, asked without standing in the way of the controllers."""

    def __init__(self, directory: Path, *controllers: PlayedController, wait_s: float = 10.0) -> None:
        self.metrics = f"127.0.0.1:{free_port()}"
        settings = NameServerSettings(
            listen=(f"127.0.0.1:{free_port()}",),
            zones=(ZONE,),
            key=KEY,
            state=str(directory / "state"),
            feeds=tuple(each.address for each in controllers),
            metrics=self.metrics,
            wait_s=wait_s,
            lease_s=LEASE_S,
        )
        self.server = NameServerProcess(directory, settings)

    @asynccontextmanager
    async def up(self, rcode: str = "NOERROR") -> AsyncIterator[None]:
        try:
            await asyncio.to_thread(self.server.start, rcode)
            yield
        finally:
            await asyncio.to_thread(self.server.stop)

    async def answers(self, wanted: tuple[str, ...]) -> None:
        """Wait until it answers exactly this."""
        await asyncio.to_thread(self.server.wait_for, "web.example.org", wanted)

    async def answer(self) -> tuple[str, ...]:
        return values(await asyncio.to_thread(self.server.ask, "web.example.org"))

    async def serial(self) -> int:
        response = await asyncio.to_thread(self.server.ask, "example.org", "SOA")
        serial: int = response.answer[0][0].serial
        return serial

    async def first_answer(self) -> tuple[str, ...]:
        """What it says as soon as it says anything but SERVFAIL."""

        def wait() -> tuple[str, ...]:
            process = self.server.process
            assert process is not None
            process.wait_until(lambda: self.server.rcode("web.example.org") == "NOERROR")
            return values(self.server.ask("web.example.org"))

        return await asyncio.to_thread(wait)

    async def metric(self, name: str) -> float:
        def read() -> str:
            with urllib.request.urlopen(f"http://{self.metrics}/metrics", timeout=5) as answer:
                return str(answer.read().decode())

        lines = (await asyncio.to_thread(read)).splitlines()
        return float(
            next(line.rsplit(" ", 1)[1] for line in lines if line.startswith(f"trafficfed_nameserver_{name} "))
        )

    async def reaches_term(self, term: int) -> None:
        async with asyncio.timeout(20):
            while await self.metric("table_term") != term:
                pass  # each look is a round trip

    async def logged(self, text: str) -> None:
        process = self.server.process
        assert process is not None
        await asyncio.to_thread(process.wait_until, lambda: text in process.tail())


async def test_cut_from_the_leader_alone_it_goes_on_through_another_controller(tmp_path: Path) -> None:
    leader, relay = fleet()
    server = NameServer(tmp_path, leader, relay)
    async with relay.up(), contextlib.AsyncExitStack() as stack:
        async with leader.up():
            await stack.enter_async_context(server.up())
            await server.answers(BOTH)
            assert await server.metric(f'followed{{controller="{leader.address}"}}') == 1
        relay.relay(leader.commit([row(US)]))
        await server.answers(US_ONLY)
        assert await server.metric('standing{standing="relays"}') == 1
        assert await server.metric("table_age_seconds") < 5.0


async def test_without_any_leader_dead_endpoints_leave_the_answers_until_one_is_back(tmp_path: Path) -> None:
    """The leader's region and one with the endpoint die together; the answer changes, the zone does not."""
    leader, other = fleet()
    server = NameServer(tmp_path, leader, other)
    async with other.up(), contextlib.AsyncExitStack() as stack:
        async with leader.up():
            await stack.enter_async_context(server.up())
            await server.answers(BOTH)
        other.stand(Standing.ALONE)
        other.judge(row(US))
        await server.answers(US_ONLY)
        assert await server.serial() == 1
        assert await server.metric("overlaid_services") == 1
        assert await server.metric('standing{standing="alone"}') == 1
        other.judge(dropped=[row().key])
        await server.answers(BOTH)
        other.judge(row(EU))
        await server.answers(EU_ONLY)
        async with leader.up():
            await server.answers(BOTH)
            assert await server.metric("overlaid_services") == 0


async def test_a_new_leader_ends_what_was_judged_without_one(tmp_path: Path) -> None:
    leader, other = fleet()
    server = NameServer(tmp_path, leader, other)
    async with other.up(), contextlib.AsyncExitStack() as stack:
        async with leader.up():
            await stack.enter_async_context(server.up())
            await server.answers(BOTH)
        other.stand(Standing.ALONE)
        other.judge(row(US))
        await server.answers(US_ONLY)
        other.source.overlay.clear()
        other.source.table.commit([row(US)])
        other.take_over(6)
        await server.reaches_term(6)
        assert (await server.answer(), await server.serial()) == (US_ONLY, 2)
        async with leader.up():  # it knows nothing of term 6 and still believes that it leads
            leader.commit([row(EU)])
            while not leader.feed.followers:
                await server.answer()
            other.commit([row()])
            await server.answers(BOTH)
        assert leader.feed.highest_term == 6


def old_state(directory: Path) -> None:
    """What a name server that was switched off a day ago has on its disk."""
    state = directory / "state"
    DiskLog(state, Snapshot(term=5, generation=1, rows=(row(EU),))).close()
    written_s = SystemClock().now_s() - DAY_S
    for file in state.iterdir():
        os.utime(file, (written_s, written_s))


async def test_restarted_after_a_day_it_answers_nothing_old_while_a_controller_can_be_asked(tmp_path: Path) -> None:
    old_state(tmp_path)
    leader, relay = fleet()
    leader.commit([row(US)])
    server = NameServer(tmp_path, relay, leader)
    async with server.up("SERVFAIL"):
        async with leader.up():
            assert await server.first_answer() == US_ONLY
        assert await server.metric("table_age_seconds") < 30.0


async def test_restarted_after_a_day_without_any_controller_it_serves_what_it_has_and_says_how_old(
    tmp_path: Path,
) -> None:
    old_state(tmp_path)
    server = NameServer(tmp_path, *fleet(), wait_s=1.0)
    async with server.up("SERVFAIL"):
        assert await server.first_answer() == EU_ONLY
        assert DAY_S <= await server.metric("table_age_seconds") < DAY_S + 600
        assert await server.metric("feed_connected") == 0


async def test_after_a_pause_it_answers_nothing_old_while_a_controller_can_be_asked(tmp_path: Path) -> None:
    """Stopped and continued: what it holds may be hours old, though the process does not know of any of them."""
    leader, relay = fleet()
    server = NameServer(tmp_path, leader, relay)
    async with relay.up(), leader.up(), server.up():
        await server.answers(BOTH)
        process = server.server.process
        assert process is not None
        process.pause()
        await asyncio.to_thread(subprocess.run, ["sleep", str(LEASE_S + 0.5)], check=True)
        relay.relay(leader.commit([row(US)]))
        process.resume()
        assert await server.first_answer() == US_ONLY
        await server.logged("the process stood still for longer than a lease")


async def test_cut_from_every_controller_it_serves_on(tmp_path: Path) -> None:
    leader, relay = fleet()
    server = NameServer(tmp_path, leader, relay)
    async with contextlib.AsyncExitStack() as stack:
        async with relay.up(), leader.up():
            await stack.enter_async_context(server.up())
            await server.answers(BOTH)
        await server.logged("event=FeedLost")
        assert await server.answer() == BOTH
        leader.commit([row(US)])
        async with leader.up():
            await server.answers(US_ONLY)
