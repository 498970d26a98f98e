"""A whole vantage with real controllers' feeds and real backends on loopback: what comes and goes changes nothing."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from random import Random

import pytest

from trafficfed import registry
from trafficfed.clock import SystemClock
from trafficfed.feed.messages import Standing
from trafficfed.feed.notes import Note
from trafficfed.feed.source import Lone
from trafficfed.model import HealthCheck, Target
from trafficfed.reports import ReportEvent
from trafficfed.table.table import Snapshot, Table
from trafficfed.testing.backends import Backend
from trafficfed.testing.vantages import CHECK, DEADLINE_S, KEY, Controller, background, key, target
from trafficfed.vantage.vantage import Vantage

pytestmark = pytest.mark.slow

RARELY = HealthCheck(scheme="http", interval_s=60.0, timeout_s=0.5, suspicion_s=0.1)
"""Whatever is seen a second time within a test was not seen because its turn had come."""


class Alone(Lone):
    """A controller that leads nobody and hears no leader."""

    def standing(self) -> Standing:
        return Standing.ALONE


class Watching:
    """A vantage at work, with what it told."""

    def __init__(self, *controllers: Controller, name: str = "eu-1", key: bytes = KEY, cluster: str = "eu") -> None:
        self.notes: list[Note] = []
        self.reports: list[ReportEvent] = []
        self._news = asyncio.Event()
        self.vantage = Vantage(
            name,
            [each.address for each in controllers],
            key,
            registry.probes(),
            SystemClock(),
            self._tell,
            self._report,
            Random(7),
            cluster=cluster,
            region="europe",
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Watching"]:
        async with background(self.vantage.run()):
            yield self

    async def probed(self, times: int) -> None:
        """Wait until so many more probes came back."""
        before = len(self.reports)
        async with asyncio.timeout(DEADLINE_S):
            while len(self.reports) < before + times:
                self._news.clear()
                await self._news.wait()

    async def told(self, part: str) -> None:
        """Wait until something with these words in it is told."""
        async with asyncio.timeout(DEADLINE_S):
            while not any(part in note.message for note in self.notes):
                self._news.clear()
                await self._news.wait()

    def _tell(self, note: Note) -> None:
        self.notes.append(note)
        self._news.set()

    def _report(self, event: ReportEvent) -> None:
        self.reports.append(event)
        self._news.set()


def aim(backend: Backend, n: int = 1, check: HealthCheck = CHECK) -> tuple[Target, ...]:
    return (target(n, backend.port, address=backend.address, check=check),)


async def test_what_it_sees_comes_to_every_controller() -> None:
    with Backend("127.0.0.1") as backend:
        one, two = Controller(), Controller()
        for controller in (one, two):
            controller.desk.set_targets(key(1), aim(backend))
        async with one.running(), two.running(), Watching(one, two).running():
            await one.until(lambda: len(one.seen) >= 2)
            await two.until(lambda: len(two.seen) >= 2)
    assert one.seen[0].vantage == two.seen[0].vantage == "eu-1"
    assert [seen.passed for seen in one.seen[:2]] == [True, True]
    assert one.homes == two.homes == {"eu-1": "eu"}
    assert one.desk.reporting[0].region == "europe"


async def test_it_probes_what_the_controller_of_the_highest_term_wants() -> None:
    with Backend("127.0.0.1") as backend:
        older, newer = Controller(term=1), Controller(term=2)
        older.desk.set_targets(key(1), aim(backend, 1))
        newer.desk.set_targets(key(1), aim(backend, 1))
        newer.desk.set_targets(key(2), aim(backend, 2))
        async with older.running(), newer.running(), Watching(older, newer).running() as watching:
            await newer.until(lambda: len(newer.seen) >= 3)
            assert watching.vantage.numbers().services == 2
    assert {seen.service for seen in newer.seen} == {key(1), key(2)}
    assert {seen.service for seen in older.seen} <= {key(1)}, "it did not ask for the other"


async def test_a_suspicion_of_any_controller_has_it_look_again() -> None:
    """In the time a test has there would be one probe only, and the next a minute later."""
    with Backend("127.0.0.1") as backend:
        followed, other = Controller(term=2), Controller(term=1)
        for controller in (followed, other):
            controller.desk.set_targets(key(1), aim(backend, check=RARELY))
        async with followed.running(), other.running(), Watching(followed, other).running():
            await followed.until(lambda: len(followed.seen) >= 1)
            await other.until(lambda: len(other.seen) >= 1)
            other.desk.suspect(key(1), "eu", "127.0.0.1", True)
            await followed.until(lambda: len(followed.seen) >= 6)


async def test_it_goes_on_probing_without_any_controller_and_tells_what_it_saw_when_one_is_back() -> None:
    with Backend("127.0.0.1") as backend:
        controller = Controller()
        controller.desk.set_targets(key(1), aim(backend))
        async with Watching(controller).running() as watching:
            async with controller.running():
                await controller.until(lambda: len(controller.seen) >= 1)
            controller.desk.set_targets(key(9), aim(backend, 9))
            before = len(controller.seen)
            await watching.probed(2)
            assert watching.vantage.numbers().services == 1
            assert not watching.vantage.numbers().followed
            assert watching.vantage.numbers().controllers[0][2] >= 2
            back_s = controller.clock.now_s()
            async with controller.running():
                await controller.until(lambda: len(controller.seen) >= before + 2)
                await controller.until(lambda: any(seen.service == key(9) for seen in controller.seen))
    moments = [seen.at_s for seen in controller.seen if seen.service == key(1)]
    assert moments == sorted(moments)
    assert min(moments[before:]) < back_s, "what was seen meanwhile was kept"


async def test_a_controller_that_comes_and_goes_disturbs_neither_targets_nor_the_other() -> None:
    with Backend("127.0.0.1") as backend:
        stays, goes = Controller(term=1), Controller(term=2)
        for controller in (stays, goes):
            controller.desk.set_targets(key(1), aim(backend))
        async with stays.running(), Watching(goes, stays).running() as watching:
            for _ in range(2):
                async with AsyncExitStack() as stack:
                    await stack.enter_async_context(goes.running())
                    before = len(goes.seen)
                    await goes.until(lambda seen=before: len(goes.seen) > seen)  # type: ignore[misc]
                before = len(stays.seen)
                await stays.until(lambda seen=before: len(stays.seen) > seen)  # type: ignore[misc]
            assert watching.vantage.numbers().targets == 1
    assert all(seen.passed for seen in stays.seen)


async def test_the_first_targets_are_taken_even_from_a_controller_that_is_alone() -> None:
    with Backend("127.0.0.1") as backend:
        controller = Controller()
        controller.source = Alone(Table(Snapshot(term=3)))
        controller.desk.set_targets(key(1), aim(backend))
        async with controller.running(), Watching(controller).running():
            await controller.until(lambda: len(controller.seen) >= 1)


async def test_a_death_is_known_by_suspicion_long_before_its_turn_would_come() -> None:
    with Backend("127.0.0.1") as backend:
        targets = aim(backend, check=RARELY)
    controller = Controller()
    controller.desk.set_targets(key(1), targets)
    async with controller.running(), Watching(controller).running():
        await controller.until(lambda: len(controller.seen) >= 1)
        controller.desk.suspect(key(1), "eu", "127.0.0.1", True)
        await controller.until(lambda: len(controller.seen) >= RARELY.fall)
    assert not any(seen.passed for seen in controller.seen)
    assert "refused" in controller.seen[0].error


async def test_with_a_wrong_key_it_is_turned_away_with_one_reason_on_either_side() -> None:
    with Backend("127.0.0.1") as backend:
        controller = Controller()
        controller.desk.set_targets(key(1), aim(backend))
        stranger = Watching(controller, name="stranger", key=b"x" * 32)
        async with controller.running(), Watching(controller).running():
            async with stranger.running():
                await stranger.told("does not take our feed key")
                await controller.until(lambda: bool(controller.told("FollowerRefused")))
            await controller.until(lambda: len(controller.seen) >= 1)
    assert len([note for note in stranger.notes if "feed key" in note.message]) == 1
    assert "vantage/stranger does not know the feed key" in controller.told("FollowerRefused")[0]
    assert {seen.vantage for seen in controller.seen} == {"eu-1"}


async def test_a_target_nobody_can_probe_is_counted_and_harms_no_other() -> None:
    with Backend("127.0.0.1") as backend:
        controller = Controller()
        controller.desk.set_targets(key(1), aim(backend))
        strange = target(2, check=HealthCheck(scheme="carrier-pigeon", interval_s=1.0))
        controller.desk.set_targets(key(2), (strange,))
        async with controller.running(), Watching(controller).running() as watching:
            await controller.until(lambda: len(controller.seen) >= 2)
            assert watching.vantage.numbers().impossible >= 1
    assert {seen.service for seen in controller.seen} == {key(1)}
