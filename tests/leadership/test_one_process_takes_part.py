"""The process around a candidate, in virtual time: what it tells, what it gives back, and what cannot disturb it."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from random import Random

import pytest

from trafficfed.errors import ConfigError, Refused
from trafficfed.leadership.leader import Leadership
from trafficfed.reports import LeadershipChanged, ProviderFailed, ReportEvent
from trafficfed.testing.elections import Place
from trafficfed.testing.electors import MemoryElector
from trafficfed.testing.scripted_api import LoopClock

pytestmark = pytest.mark.looptime


class Process:
    """One controller's part, with all that it was told."""

    def __init__(self, name: str, places: Sequence[Place], **more: float) -> None:
        self.electors = [MemoryElector(place) for place in places]
        self.clock = LoopClock()
        self.told: list[str] = []
        self.reports: list[ReportEvent] = []
        self.is_ready = True
        self.leadership = Leadership(
            name,
            "prod",
            self.electors,
            self.clock,
            lambda term: self.told.append(f"won {term}"),
            lambda reason: self.told.append(f"lost: {reason}"),
            self.reports.append,
            ready=lambda: self.is_ready,
            luck=Random(name).random,
            **more,
        )

    @property
    def said(self) -> list[str]:
        """What was reported of single electors."""
        return [f"{each.provider}: {each.message}" for each in self.reports if isinstance(each, ProviderFailed)]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Process"]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.leadership.run(), name="leadership")
            yield self
            task.cancel()


@pytest.fixture
def places() -> list[Place]:
    return [Place(name) for name in ("ap", "eu", "us")]


async def until(condition: Callable[[], bool], within_s: float = 60.0) -> float:
    """Seconds until it holds."""
    loop = asyncio.get_running_loop()
    began_s = loop.time()
    for _ in range(int(within_s * 100)):
        if condition():
            return loop.time() - began_s
        await asyncio.sleep(0.01)
    raise AssertionError(f"not within {within_s} s")


async def test_a_new_fleet_has_a_leader_at_once(places: list[Place]) -> None:
    process = Process("eu", places)
    async with process.running():
        assert await until(lambda: process.leadership.leads) < 0.1
        assert process.told == ["won 1"]
        assert (process.leadership.leader, process.leadership.term, process.leadership.reason) == ("eu", 1, "")
        assert 8.5 < process.leadership.remaining_s <= 9.0
        await asyncio.sleep(60)
        assert process.told == ["won 1"]
        assert process.leadership.remaining_s > 6.5


async def test_one_elector_is_enough_where_one_is_named(places: list[Place]) -> None:
    process, other = Process("eu", places[:1]), Process("us", places[:1])
    async with process.running(), other.running():
        await until(lambda: process.leadership.leads or other.leadership.leads)
        await asyncio.sleep(30)
        assert [process.leadership.leads, other.leadership.leads].count(True) == 1


async def test_an_orderly_end_hands_over_at_once(places: list[Place]) -> None:
    first, second = Process("eu", places), Process("us", places)
    async with second.running():
        async with first.running():
            await until(lambda: first.leadership.leads or second.leadership.leads)
            await asyncio.sleep(20)
            leader, other = (first, second) if first.leadership.leads else (second, first)
            assert other.leadership.reason == f"{leader.leadership.leader} leads"
            assert other.leadership.leader == leader.leadership.leader
        if leader is first:
            assert first.told == ["won 1", "lost: this controller ends"]
            assert await until(lambda: second.leadership.leads) < 0.7
            assert second.told == ["won 2"]
        else:
            await asyncio.sleep(1)
            assert second.told == ["won 1"]


async def test_an_ending_process_leaves_nothing_held(places: list[Place]) -> None:
    process = Process("eu", places)
    async with process.running():
        await until(lambda: process.leadership.leads)
    assert [place.seen.record.holder for place in places if place.seen.record] == ["", "", ""]
    assert not process.leadership.leads


async def test_an_ending_process_waits_for_a_dead_elector_a_second_at_most(places: list[Place]) -> None:
    process = Process("eu", places)
    async with process.running():
        await until(lambda: process.leadership.leads)
        await asyncio.sleep(5)
        process.electors[0].hangs = True
        began_s = process.clock.monotonic_s()
    assert process.clock.monotonic_s() - began_s <= 1.0 + 1e-6
    assert [place.seen.record.holder for place in places[1:] if place.seen.record] == ["", ""]


async def test_what_could_not_be_given_back_is_told(places: list[Place]) -> None:
    process = Process("eu", places)
    async with process.running():
        await until(lambda: process.leadership.leads)
        process.electors[1].away = "no route"
    assert "eu: its vote could not be given back and lapses: no route" in process.said


async def test_a_dead_leaders_lease_is_waited_out_and_no_longer(places: list[Place]) -> None:
    first, second = Process("eu", places), Process("us", places)
    second.is_ready = False
    async with second.running(), first.running():
        await until(lambda: first.leadership.leads)
        second.is_ready = True
        await asyncio.sleep(21.3)
        for elector in first.electors:
            elector.hangs = True
        renewed_s = max(at_s for elector in first.electors for at_s, _ in elector.calls)
        await until(lambda: not first.leadership.leads)
        assert first.leadership.remaining_s == 0.0
        assert not second.leadership.leads
        await until(lambda: second.leadership.leads)
        # A renewal may have been seen up to a look of half a second late, and on the way for some milliseconds.
        assert second.clock.monotonic_s() - renewed_s < 10.6
        assert second.told == ["won 2"]
        assert first.told == ["won 1", "lost: it could not renew its lease at 2 of 3 electors in time"]


async def test_leadership_ends_by_the_clock_even_if_nothing_runs(places: list[Place]) -> None:
    """As after SIGSTOP: who asks is told the truth before the loop had a turn."""
    process = Process("eu", places)
    jump_s = 0.0
    real = process.clock.monotonic_s
    process.clock.monotonic_s = lambda: real() + jump_s  # type: ignore[method-assign]
    async with process.running():
        await until(lambda: process.leadership.leads)
        jump_s = 8.0
        assert process.leadership.leads
        jump_s = 9.5
        assert not process.leadership.leads
        assert process.leadership.term == 0
        assert process.told == ["won 1"]
        await asyncio.sleep(0)
        await until(lambda: process.told[-1] == "won 2")
        assert process.told == ["won 1", "lost: it could not renew its lease at 2 of 3 electors in time", "won 2"]


@pytest.mark.parametrize("fault", ["hangs", "away", "broken"])
async def test_one_bad_elector_delays_nothing(places: list[Place], fault: str) -> None:
    process = Process("eu", places)
    async with process.running():
        await until(lambda: process.leadership.leads)
        bad = process.electors[1]
        bad.hangs, bad.away = fault == "hangs", "no route" if fault == "away" else ""
        bad.fails = ZeroDivisionError("division by zero") if fault == "broken" else None
        await asyncio.sleep(60)
        assert process.told == ["won 1"]
        assert process.leadership.remaining_s > 6.5
        why = {"hangs": "no answer within 1.5 s", "away": "no route", "broken": "ZeroDivisionError: division by zero"}
        assert process.said == [f"eu: {why[fault]}"]
        gaps = [later - earlier for earlier, later in zip(*_starts(process.electors[2], "eu"), strict=True)]
        assert max(gaps) < 2.1


def _starts(elector: MemoryElector, controller: str) -> tuple[list[float], list[float]]:
    starts = [at_s for at_s, what in elector.calls if what.startswith(controller)]
    return starts[:-1], starts[1:]


async def test_an_elector_that_comes_back_has_a_vote_again(places: list[Place]) -> None:
    process = Process("eu", places)
    process.electors[0].away = "no route"
    async with process.running():
        assert 10.0 <= await until(lambda: process.leadership.leads) < 10.6
        process.electors[0].away = ""
        await asyncio.sleep(11)
        process.electors[1].away = "no route"
        await asyncio.sleep(60)
        assert process.told == ["won 1"]


async def test_who_is_not_ready_never_stands(places: list[Place]) -> None:
    process = Process("eu", places)
    process.is_ready = False
    async with process.running():
        await asyncio.sleep(30)
        assert process.told == []
        assert process.leadership.reason.startswith("it is not ready: ")
        assert {what for elector in process.electors for _, what in elector.calls} == {"read"}
        process.is_ready = True
        assert await until(lambda: process.leadership.leads) < 0.6


async def test_whoever_stands_down_leaves_the_leadership_to_others(places: list[Place]) -> None:
    first, second = Process("eu", places), Process("us", places)
    async with first.running():
        await until(lambda: first.leadership.leads)
        async with second.running():
            await asyncio.sleep(11)
            first.leadership.release(10.0, "it can publish nowhere")
            assert not first.leadership.leads
            assert first.told == ["won 1", "lost: it can publish nowhere"]
            assert await until(lambda: second.leadership.leads) < 0.7
            assert second.told == ["won 2"]
            assert first.leadership.leader == "us" or await until(lambda: first.leadership.leader == "us") < 0.7


async def test_who_stood_down_leads_again_where_nobody_else_does(places: list[Place]) -> None:
    process = Process("eu", places)
    async with process.running():
        await until(lambda: process.leadership.leads)
        process.leadership.release(10.0)
        await asyncio.sleep(1)
        assert process.leadership.reason == "it gave up the leadership and leaves it to others for a while"
        assert 8.9 < await until(lambda: process.leadership.leads) < 9.1


async def test_a_newer_term_seen_elsewhere_begins_a_newer_one_at_once(places: list[Place]) -> None:
    process = Process("eu", places)
    async with process.running():
        await until(lambda: process.leadership.leads)
        process.leadership.note_term(1)
        await asyncio.sleep(11)
        assert process.told == ["won 1"]
        process.leadership.note_term(41)
        assert await until(lambda: process.leadership.term == 42) < 0.1
        assert process.told == ["won 1", "lost: term 41 was seen, which is newer than its own", "won 42"]


async def test_terms_known_from_elsewhere_are_exceeded(places: list[Place]) -> None:
    """A table has a term, so the fleet is not new: electors without a record have forgotten it, and are waited for."""
    process = Process("eu", places)
    process.leadership.note_term(7)
    async with process.running():
        assert 10.0 <= await until(lambda: process.leadership.leads) < 10.6
        assert process.told == ["won 8"]


async def test_every_change_of_standing_is_reported_once(places: list[Place]) -> None:
    process = Process("eu", places)
    async with process.running():
        await until(lambda: process.leadership.leads)
        await asyncio.sleep(30)
    changes = [each for each in process.reports if isinstance(each, LeadershipChanged)]
    assert changes[-1] == LeadershipChanged(True, 1, "eu")
    assert len(changes) == len(set(changes))
    assert len(changes) <= 4


async def test_refusals_are_told_with_their_reason(places: list[Place]) -> None:
    process = Process("eu", places)
    for elector in process.electors[:2]:
        elector.fails = Refused("403 Forbidden: leases")
    async with process.running():
        await asyncio.sleep(30)
        assert process.leadership.reason == (
            "it needs 2 of 3 electors (ap: 403 Forbidden: leases; eu: 403 Forbidden: leases)"
        )
        assert process.said == ["ap: 403 Forbidden: leases", "eu: 403 Forbidden: leases"]


@pytest.mark.parametrize(
    ("names", "more", "mistake"),
    [
        ((), {}, "0 electors are given; name one or three"),
        (("ap", "eu"), {}, "2 electors are given; name one or three"),
        (("ap", "eu", "eu"), {}, "ap, eu, eu are not all different"),
        (("eu",), {"lease_s": 5.0, "renew_s": 2.0}, r"renew at least every 1\.5 s"),
    ],
)
async def test_what_cannot_work_is_a_mistake(names: Sequence[str], more: dict[str, float], mistake: str) -> None:
    with pytest.raises(ConfigError, match=mistake):
        Process("eu", [Place(name) for name in names], **more)
