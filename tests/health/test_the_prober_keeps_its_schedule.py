"""Every target is probed once an interval on a schedule of its own, sooner on suspicion, never beyond the bounds."""

import asyncio
import collections
import itertools
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from trafficfed.errors import Transient
from trafficfed.health.prober import IN_FLIGHT, STARTS_PER_TICK, TICK_S, Prober
from trafficfed.health.vantages import ANCHORS, Anchor, anchor_targets
from trafficfed.model import HealthCheck, Observation, ServiceKey, Target
from trafficfed.reports import Observed, ProbeImpossible, ReportEvent
from trafficfed.testing.probes import ScriptedProbe
from trafficfed.testing.scripted_api import EPOCH_S, LoopClock

pytestmark = pytest.mark.looptime

CHECK = HealthCheck(scheme="tcp")
LATEST_S = TICK_S + 0.005


def target(n: int, check: HealthCheck = CHECK, port: int = 443) -> Target:
    return Target(service=key(n), cluster="eu", address=f"192.0.2.{n}", port=port, check=check)


def key(n: int) -> ServiceKey:
    return ServiceKey("default", "shop", f"s{n}")


class Watched:
    """A prober at work, with all it said."""

    def __init__(self, probe: ScriptedProbe, vantage: str = "v", **bounds: int) -> None:
        self.probe = probe
        self.seen: list[Observation] = []
        self.reports: list[ReportEvent] = []
        self.prober = Prober({"tcp": probe}, LoopClock(), vantage, self.seen.append, self.reports.append, **bounds)

    def want(self, *targets: Target) -> None:
        for each in targets:
            self.prober.set_targets(each.service, (each,))

    def times(self, n: int) -> list[float]:
        return self.probe.asked[f"192.0.2.{n}"]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Watched"]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.prober.run(), name="prober")
            yield self
            task.cancel()


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]


async def test_the_first_probe_comes_within_a_second_and_then_one_an_interval() -> None:
    watched = Watched(ScriptedProbe(takes_s=0.2))
    watched.want(*(target(n) for n in range(20)))
    async with watched.running():
        await asyncio.sleep(100)
    for n in range(20):
        times = watched.times(n)
        assert times[0] <= 1.0 + LATEST_S
        assert 4.9 <= gaps(times)[0] <= 15.1
        assert all(abs(gap - 10.0) <= LATEST_S for gap in gaps(times)[1:])
        assert len(times) in (10, 11)


async def test_starts_are_spread_over_the_interval() -> None:
    watched = Watched(ScriptedProbe())
    watched.want(*(target(n) for n in range(200)))
    async with watched.running():
        await asyncio.sleep(30)
    phases = collections.Counter(int(watched.times(n)[-1] % 10.0) for n in range(200))
    assert len(phases) == 10
    assert max(phases.values()) <= 40


async def test_two_vantages_probe_the_same_target_at_different_times() -> None:
    one, two = Watched(ScriptedProbe(), "one"), Watched(ScriptedProbe(), "two")
    for watched in (one, two):
        watched.want(*(target(n) for n in range(100)))
    async with one.running(), two.running():
        await asyncio.sleep(30)
    together = [n for n in range(100) if abs(one.times(n)[-1] - two.times(n)[-1]) % 10.0 < 0.2]
    assert len(together) <= 12


async def test_a_slow_answer_does_not_shift_the_schedule() -> None:
    watched = Watched(ScriptedProbe(takes_s=2.9))
    watched.want(target(1))
    async with watched.running():
        await asyncio.sleep(1000)
    assert all(abs(gap - 10.0) <= LATEST_S for gap in gaps(watched.times(1))[1:])


async def test_observations_say_who_saw_what_when() -> None:
    probe = ScriptedProbe(takes_s=0.5)
    probe.errors["192.0.2.1"] = "connection refused"
    watched = Watched(probe)
    watched.want(target(1))
    async with watched.running():
        await asyncio.sleep(5)
    (seen,) = watched.seen
    assert (seen.vantage, seen.service, seen.cluster, seen.address) == ("v", key(1), "eu", "192.0.2.1")
    assert (seen.passed, seen.error, seen.rtt_s, seen.total_s) == (False, "connection refused", 0.001, 0.5)
    assert seen.at_s == pytest.approx(EPOCH_S + watched.times(1)[0] + 0.5)
    (report,) = watched.reports
    assert isinstance(report, Observed)
    assert report.observation is seen
    assert 0.0 <= report.late_s <= LATEST_S


async def test_suspicion_probes_at_once_and_then_every_second_until_it_is_lifted() -> None:
    watched = Watched(ScriptedProbe(takes_s=0.1))
    watched.want(target(1))
    async with watched.running():
        await asyncio.sleep(14)
        calm, suspected_s = len(watched.times(1)), asyncio.get_running_loop().time()
        watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
        await asyncio.sleep(4.5)
        eager = watched.times(1)[calm:]
        watched.prober.suspect(key(1), "eu", "192.0.2.1", False)
        await asyncio.sleep(60)
    assert eager[0] - suspected_s <= LATEST_S or eager[0] - watched.times(1)[calm - 1] <= 1.0 + LATEST_S
    assert all(abs(gap - 1.0) <= LATEST_S for gap in gaps(eager))
    assert len(eager) in (4, 5)
    assert all(abs(gap - 10.0) <= LATEST_S for gap in gaps(watched.times(1)[calm + len(eager) :]))


async def test_while_anything_is_suspicious_the_anchors_are_probed_every_second_too() -> None:
    """A vantage that is cut off must know it before two suspicious seconds are over and its failures count."""
    watched = Watched(ScriptedProbe())
    anchors = anchor_targets(Anchor(region=str(n), address=f"198.51.100.{n}", port=6443) for n in (1, 2))
    watched.want(target(1), target(2))
    watched.prober.set_targets(ANCHORS, anchors)
    asked = watched.probe.asked["198.51.100.1"]
    async with watched.running():
        await asyncio.sleep(25)
        before, suspected_s = len(asked), asyncio.get_running_loop().time()
        for n in (1, 2):
            watched.prober.suspect(key(n), "eu", f"192.0.2.{n}", True)
        await asyncio.sleep(2)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", False)
        await asyncio.sleep(2)
        eager = asked[before:]
        watched.prober.set_targets(key(2), ())
        await asyncio.sleep(40)
    assert eager[0] - suspected_s <= 1.0 + LATEST_S
    assert len(eager) in (4, 5)
    assert all(abs(gap - 1.0) <= LATEST_S for gap in gaps(eager))
    assert len(asked) - before - len(eager) in (3, 4)


async def test_an_anchor_that_becomes_known_in_a_time_of_suspicion_is_probed_eagerly() -> None:
    watched = Watched(ScriptedProbe())
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    watched.prober.set_targets(ANCHORS, anchor_targets([Anchor(region="eu", address="198.51.100.1", port=6443)]))
    async with watched.running():
        await asyncio.sleep(10)
    assert len(watched.probe.asked["198.51.100.1"]) in (9, 10, 11)


async def test_a_death_is_known_within_five_seconds_of_its_first_sign() -> None:
    """A refused connection is seen at once: fall is reached two suspicious seconds later."""
    probe = ScriptedProbe(takes_s=0.01)
    watched = Watched(probe)
    watched.want(target(1))
    async with watched.running():
        await asyncio.sleep(20)
        probe.errors["192.0.2.1"] = "connection refused"
        while not any(not seen.passed for seen in watched.seen):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
        await asyncio.sleep(5)
    failures = [seen.at_s for seen in watched.seen if not seen.passed]
    assert failures[2] - failures[0] <= 2.0 + 2 * LATEST_S


async def test_suspecting_from_within_the_sink_keeps_the_spacing() -> None:
    probe = ScriptedProbe(takes_s=0.25)
    probe.errors["192.0.2.1"] = "refused"
    prober: Prober

    def sink(seen: Observation) -> None:
        prober.suspect(seen.service, seen.cluster, seen.address, True)

    prober = Prober({"tcp": probe}, LoopClock(), "v", sink)
    prober.set_targets(key(1), (target(1),))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(prober.run(), name="prober")
        await asyncio.sleep(10)
        task.cancel()
    assert all(abs(gap - 1.0) <= LATEST_S for gap in gaps(probe.asked["192.0.2.1"]))


async def test_a_target_that_hangs_is_not_probed_twice_at_once_while_nothing_is_suspected() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    watched.want(target(1, HealthCheck(scheme="tcp", interval_s=1.0)))
    async with watched.running():
        await asyncio.sleep(60)
    assert probe.most_open == 1
    assert all(gap >= 3.0 for gap in gaps(watched.times(1)))


async def test_a_suspicious_target_is_probed_a_second_after_the_last_start_even_while_that_one_hangs() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(60)
    assert probe.most_open == 3
    assert all(1.0 - LATEST_S <= gap <= 1.0 + LATEST_S for gap in gaps(watched.times(1)))
    assert len(watched.times(1)) - len(watched.seen) <= 3, "all but those under way have told"


async def test_no_more_than_three_probes_of_a_suspicious_target_are_ever_under_way() -> None:
    probe = ScriptedProbe(takes_s=9.0)
    watched = Watched(probe)
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(90)
    assert probe.most_open == 3
    assert len(watched.times(1)) in (29, 30, 31)


async def test_suspicion_does_not_wait_for_a_probe_that_already_hangs() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    watched.want(target(1))
    async with watched.running():
        while not probe.open:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        began_s = watched.times(1)[-1]
        await asyncio.sleep(2.0)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
        await asyncio.sleep(0.5)
    assert watched.times(1)[-1] - began_s == pytest.approx(2.0, abs=2 * LATEST_S)


async def test_when_suspicion_ends_a_target_that_hangs_is_probed_once_at_a_time_again() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(10)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", False)
        eager = len(watched.times(1))
        await asyncio.sleep(3.1)
        assert probe.open == 0
        probe.most_open = 0
        await asyncio.sleep(60)
    assert probe.most_open == 1
    later = watched.times(1)[eager:]
    assert len(later) in (5, 6, 7)
    assert all(abs(gap - 10.0) <= LATEST_S for gap in gaps(later))


async def test_a_hanging_death_is_known_a_timeout_and_a_second_after_its_first_sign() -> None:
    watched = Watched(ScriptedProbe(takes_s=3.0))
    watched.probe.errors["192.0.2.1"] = "timeout"
    watched.want(target(1))
    async with watched.running():
        while not watched.seen:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
        await asyncio.sleep(10)
    failures = [seen.at_s for seen in watched.seen]
    assert failures[2] - failures[0] <= 4.0 + 3 * LATEST_S


async def test_what_began_before_a_probe_that_has_already_told_is_out_of_date_and_not_told() -> None:
    """The target comes back: a probe that began meanwhile says so before those that hang have given up."""
    probe = ScriptedProbe(takes_s=3.0)
    probe.errors["192.0.2.1"] = "timeout"
    watched = Watched(probe)
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(10.5)
        failed = len(watched.seen)
        probe.takes_s = 0.1
        probe.errors.clear()
        await asyncio.sleep(10)
    assert failed >= 6
    assert not any(seen.passed for seen in watched.seen[:failed])
    told = [seen.passed for seen in watched.seen[failed:]]
    assert True in told
    assert all(told[told.index(True) :]), "no failure from before it came back is told after the first pass"


async def test_a_suspicious_target_that_leaves_takes_all_its_probes_with_it() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    watched.want(target(1), target(2))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(8.5)
        assert probe.open >= 3
        watched.prober.set_targets(key(1), ())
        asked = len(watched.times(1))
        await asyncio.sleep(20)
        assert watched.prober.in_flight <= 1
    assert len(watched.times(1)) == asked


async def test_no_more_probes_start_in_a_tick_than_the_bound_and_none_is_lost() -> None:
    watched = Watched(ScriptedProbe(), starts_per_tick=4)
    watched.want(*(target(n, HealthCheck(scheme="tcp", interval_s=0.01)) for n in range(40)))
    async with watched.running():
        await asyncio.sleep(0.5)
    starts = collections.Counter(int(at / TICK_S + 0.5) for n in range(40) for at in watched.times(n))
    assert max(starts.values()) <= 4
    assert all(len(watched.times(n)) >= 3 for n in range(40))


async def test_no_more_probes_are_open_than_the_bound_and_suspicious_ones_go_first() -> None:
    probe = ScriptedProbe(takes_s=1.0)
    watched = Watched(probe, in_flight=5)
    watched.want(*(target(n) for n in range(60)))
    async with watched.running():
        await asyncio.sleep(2)
        assert watched.prober.in_flight == 5
        assert watched.prober.waiting > 0
        watched.want(target(200))
        watched.prober.suspect(key(200), "eu", "192.0.2.200", True)
        await asyncio.sleep(3)
        assert watched.times(200)
        await asyncio.sleep(10)
    assert probe.most_open == 5
    assert all(watched.times(n) for n in range(60))


@pytest.mark.slow
async def test_ten_thousand_targets_that_hang_stay_within_the_bounds() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    for n in range(10_000):
        each = Target(service=key(n), cluster="eu", address=f"{n}", port=1, check=CHECK)
        watched.prober.set_targets(each.service, (each,))
    async with watched.running():
        await asyncio.sleep(3.0)
        assert len(probe.asked) <= 3.0 / TICK_S * STARTS_PER_TICK
        assert probe.most_open <= IN_FLIGHT
        await asyncio.sleep(6.0)
        assert len(probe.asked) == 10_000


async def test_setting_the_same_targets_again_changes_no_schedule() -> None:
    watched = Watched(ScriptedProbe())
    watched.want(target(1))
    async with watched.running():
        for _ in range(300):
            watched.want(target(1))
            await asyncio.sleep(0.33)
    assert len(watched.times(1)) in (10, 11)


async def test_a_target_that_is_taken_away_is_probed_no_more_and_its_probe_is_cut_short() -> None:
    probe = ScriptedProbe(takes_s=2.0)
    watched = Watched(probe)
    watched.want(target(1), target(2))
    async with watched.running():
        while probe.open != 2:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        watched.prober.set_targets(key(1), ())
        await asyncio.sleep(0.01)
        assert probe.open == 1
        await asyncio.sleep(60)
    assert len(watched.times(1)) == 1
    assert {seen.service for seen in watched.seen} == {key(2)}
    assert list(watched.prober.targets()) == [target(2)]


async def test_a_changed_check_takes_the_place_of_the_old_one() -> None:
    watched = Watched(ScriptedProbe())
    watched.want(target(1))
    async with watched.running():
        await asyncio.sleep(20)
        watched.want(target(1, HealthCheck(scheme="tcp", interval_s=2.0)))
        changed = len(watched.times(1))
        await asyncio.sleep(20)
    assert len(watched.times(1)) - changed in (10, 11)


async def test_one_service_with_several_targets_keeps_what_did_not_change() -> None:
    watched = Watched(ScriptedProbe())
    first = target(1)
    second = Target(service=key(1), cluster="us", address="198.51.100.1", port=443, check=CHECK)
    watched.prober.set_targets(key(1), (first, second))
    async with watched.running():
        await asyncio.sleep(40)
        watched.prober.set_targets(key(1), (first,))
        await asyncio.sleep(60)
    assert len(watched.probe.asked["198.51.100.1"]) in (4, 5)
    assert all(abs(gap - 10.0) <= LATEST_S for gap in gaps(watched.times(1))[1:])


@pytest.mark.parametrize(
    ("broken", "message"),
    [(Transient("no route"), "no route"), (RuntimeError("bug"), "bug"), (ValueError(), "ValueError")],
)
async def test_a_probe_that_cannot_be_carried_out_is_reported_and_is_no_observation(
    broken: Exception, message: str
) -> None:
    probe = ScriptedProbe()
    probe.broken["192.0.2.1"] = broken
    watched = Watched(probe)
    watched.want(target(1), target(2))
    async with watched.running():
        await asyncio.sleep(12)
    assert {seen.address for seen in watched.seen} == {"192.0.2.2"}
    impossible = [each for each in watched.reports if isinstance(each, ProbeImpossible)]
    assert impossible[0] == ProbeImpossible(target(1), message)
    assert len(impossible) in (1, 2), "it is tried again at its interval"


async def test_a_scheme_nobody_can_probe_is_reported_and_harms_no_other() -> None:
    watched = Watched(ScriptedProbe())
    watched.want(target(1, HealthCheck(scheme="carrier-pigeon")), target(2))
    async with watched.running():
        await asyncio.sleep(5)
    assert [seen.address for seen in watched.seen] == ["192.0.2.2"]
    (report,) = [each for each in watched.reports if isinstance(each, ProbeImpossible)]
    assert report.message == "no health check is installed for the scheme carrier-pigeon"


async def test_cancelling_it_ends_every_probe() -> None:
    probe = ScriptedProbe(takes_s=60.0)
    watched = Watched(probe)
    watched.want(*(target(n) for n in range(20)))
    async with watched.running():
        await asyncio.sleep(2)
        assert probe.open == 20
    assert probe.open == 0
    assert watched.prober.in_flight == 0
    assert watched.seen == []


async def test_without_targets_it_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Idling costs nothing: no timer is set while nothing is to be done, and one a probe while little is."""
    loop, timers = asyncio.get_running_loop(), list[float]()
    later: Callable[..., asyncio.TimerHandle] = loop.call_later

    def counted(delay: float, *arguments: object, **options: object) -> asyncio.TimerHandle:
        timers.append(delay)
        return later(delay, *arguments, **options)

    watched = Watched(ScriptedProbe())
    async with watched.running():
        monkeypatch.setattr(loop, "call_later", counted)
        await asyncio.sleep(100)
        idle = len(timers)
        watched.want(target(1))
        await asyncio.sleep(100)
    assert idle <= 1, "the test's own sleep"
    assert len(timers) <= 50
