"""Every target is probed once an interval on a schedule of its own, never beyond the bounds."""

import asyncio
import collections
from collections.abc import Callable

import pytest

from trafficfed.errors import Transient
from trafficfed.health.prober import IN_FLIGHT, STARTS_PER_TICK, TICK_S
from trafficfed.model import HealthCheck, Target
from trafficfed.reports import Observed, ProbeImpossible
from trafficfed.testing.probes import ScriptedProbe
from trafficfed.testing.probing import CHECK, LATEST_S, Watched, gaps, key, target
from trafficfed.testing.scripted_api import EPOCH_S

pytestmark = pytest.mark.looptime


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


async def test_setting_the_same_targets_again_changes_no_schedule() -> None:
    watched = Watched(ScriptedProbe())
    watched.want(target(1))
    async with watched.running():
        for _ in range(300):
            watched.want(target(1))
            await asyncio.sleep(0.33)
    assert len(watched.times(1)) in (10, 11)


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
