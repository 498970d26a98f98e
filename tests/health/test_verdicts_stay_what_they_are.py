"""A verdict is the very same object while nothing of meaning changes, and most probes cost no judgement at all."""

import pytest

from trafficfed.health.evidence import Evidence, after, changes_meaning
from trafficfed.health.records import Records
from trafficfed.model import HealthCheck, Observation, ServiceKey
from trafficfed.testing.judging import NOON_S, SERVICE, Scene


def seen(passed: bool, at_s: float, vantage: str = "local") -> Observation:
    return Observation(vantage=vantage, service=SERVICE, cluster="eu", address="192.0.2.1", at_s=at_s, passed=passed)


def test_a_thousand_passes_change_no_verdict_and_are_not_judged() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, times=3)
    before, judgements = scene.row.verdicts, scene.judgements
    for _ in range(1000):
        scene.now_s += 10
        for cluster in ("eu", "us"):
            scene.see(cluster, True)
    assert scene.judgements == judgements
    scene.judge()
    assert scene.row.verdicts is before


def test_a_thousand_failures_with_changing_errors_change_no_verdict() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.see("eu", False, times=3)
    before = scene.verdict("eu")
    for n in range(1000):
        scene.wait(10)
        scene.see("eu", False, error=f"error number {n}")
        scene.judge()
        assert scene.verdict("eu") is before


def test_since_tells_when_state_or_serving_last_changed() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    began_s = scene.now_s
    scene.see("eu", False, times=2)
    assert scene.verdict("eu").since_s == began_s
    scene.see("eu", False)
    assert scene.verdict("eu").since_s == scene.now_s
    scene.see("eu", True, times=3)
    held_s = scene.now_s
    assert scene.verdict("eu").since_s == held_s
    for _ in range(6):
        scene.wait(10)
        scene.see("eu", True)
        scene.see("us", True)
    assert scene.verdict("eu").since_s == held_s + 60


def test_verdicts_are_sorted_by_cluster_and_address_whatever_the_order_of_endpoints() -> None:
    scene = Scene("us", "ap", "eu")
    assert [v.cluster for v in scene.row.verdicts] == ["ap", "eu", "us"]


def test_verdicts_of_endpoints_that_left_leave_too() -> None:
    scene = Scene("eu", "us")
    scene._offer(scene.row.endpoints[:1])
    assert [v.cluster for v in scene.row.verdicts] == ["eu"]


def test_a_run_counts_up_to_what_matters_and_starts_again_after_a_gap() -> None:
    check = HealthCheck(rise=2, fall=3)
    streak = after(None, seen(True, 0.0), check)
    assert (streak.length, streak.up) == (1, None)
    for at_s in (10.0, 20.0, 30.0, 40.0):
        streak = after(streak, seen(True, at_s), check)
    assert (streak.length, streak.up) == (3, True)
    streak = after(streak, seen(False, 50.0), check)
    assert (streak.length, streak.up) == (1, True)
    assert after(streak, seen(False, 79.9), check).length == 2
    gap = after(streak, seen(False, 80.0), check)
    assert (gap.length, gap.up) == (1, None)


def test_evidence_keeps_a_streak_a_vantage_sorted_and_lets_silent_ones_go() -> None:
    check = HealthCheck()
    evidence = Evidence()
    for vantage in ("c", "a", "b"):
        evidence = evidence.after(seen(True, NOON_S, vantage), check)
    assert [s.vantage for s in evidence.streaks] == ["a", "b", "c"]
    evidence = evidence.after(seen(True, NOON_S + 30, "b"), check)
    assert [s.vantage for s in evidence.streaks] == ["b"]
    assert evidence.without({"x"}) is evidence
    assert evidence.without({"b"}) == Evidence()


@pytest.mark.parametrize("late_s", [0.0, 29.0, 31.0])
def test_evidence_that_had_lapsed_means_something_when_it_is_renewed(late_s: float) -> None:
    check = HealthCheck(rise=1, fall=1)
    before = Evidence().after(seen(True, NOON_S), check)
    later = before.after(seen(True, NOON_S + late_s), check)
    assert changes_meaning(before, later, check, NOON_S + late_s) is (late_s > 30)


def test_a_wake_up_for_evidence_that_was_renewed_is_put_off_without_a_judgement() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, times=3)
    seen_s = scene.now_s
    assert scene.records.sleeps_until(SERVICE, seen_s + 27) == seen_s + 28, "eu was seen 2 s before"
    scene.now_s += 20
    scene.see("eu", True)
    scene.see("us", True)
    assert scene.records.sleeps_until(SERVICE, seen_s + 30) == seen_s + 50
    assert scene.records.sleeps_until(SERVICE, seen_s + 50) is None, "now it has lapsed"
    assert scene.records.sleeps_until(ServiceKey("default", "shop", "other"), seen_s) is None


def test_a_wake_up_for_a_hold_is_never_put_off() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    scene.see("eu", False, times=3)
    scene.see("eu", True, times=3)
    hold_s = scene.verdict("eu").hold_until_s
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    assert scene.records.sleeps_until(SERVICE, hold_s - 31) == hold_s - 30
    assert scene.records.sleeps_until(SERVICE, hold_s) is None


def test_results_for_targets_that_left_are_ignored() -> None:
    records = Records({}, 0.0)
    assert records.observe(seen(False, NOON_S), NOON_S) == ()
    assert records.evidence(SERVICE) == {}
    assert records.forget(ServiceKey("default", "shop", "never")) == frozenset()
