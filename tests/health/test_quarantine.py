"""An endpoint that failed while its API server has been out of sight for over an hour returns only when a fresh list
confirms its address, or by force-up: clouds give released addresses to strangers.
"""

import pytest
from msgspec.structs import replace

from trafficfed.health import reasons
from trafficfed.model import Freshness, OperatorControl, ServiceKey, State
from trafficfed.testing.judging import SERVICE, Scene

HOUR_S = 3600.0


def unseen_for(seconds: float) -> Scene:
    scene = Scene("eu", "us")
    scene.api_server("eu", Freshness.STALE)
    scene.wait(seconds)
    both_pass(scene)
    return scene


def both_pass(scene: Scene) -> None:
    for cluster in ("eu", "us"):
        scene.see(cluster, True)


def recover(scene: Scene) -> None:
    """Ten minutes in which probes of both pass."""
    for _ in range(60):
        scene.wait(10)
        both_pass(scene)


def test_a_failure_after_an_hour_out_of_sight_quarantines_and_no_pass_lifts_it() -> None:
    scene = unseen_for(HOUR_S)
    scene.see("eu", False, times=3)
    assert scene.verdict("eu").quarantined
    recover(scene)
    verdict = scene.verdict("eu")
    assert (verdict.state, verdict.serving, verdict.reason) == (State.SERVING, False, reasons.QUARANTINED)


def test_a_failure_before_the_hour_does_not_quarantine_what_is_back_before_it_too() -> None:
    scene = unseen_for(HOUR_S - 1000)
    scene.see("eu", False, times=3)
    recover(scene)
    scene.wait(HOUR_S)
    assert not scene.verdict("eu").quarantined
    assert scene.serving == {"eu", "us"}


@pytest.mark.parametrize("watched", [True, False])
def test_what_is_still_down_when_the_hour_is_over_is_quarantined(watched: bool) -> None:
    """Whether it is probed to be down or nobody looks: it may come back as a stranger's."""
    scene = unseen_for(HOUR_S - 1000)
    scene.see("eu", False, times=3)
    for _ in range(50 if watched else 0):
        scene.wait(9)
        scene.see("eu", False)
    scene.wait(1000)
    assert scene.verdict("eu").quarantined
    recover(scene)
    assert scene.serving == {"us"}


def test_what_goes_on_passing_is_never_quarantined() -> None:
    scene = unseen_for(HOUR_S)
    for _ in range(100):
        scene.wait(600)
        both_pass(scene)
    assert scene.serving == {"eu", "us"}


def test_silence_quarantines_nothing_that_serves() -> None:
    scene = unseen_for(HOUR_S)
    scene.wait(100 * HOUR_S)
    assert (scene.state("eu"), scene.serving) == (State.UNKNOWN, {"eu", "us"})


def test_a_fresh_list_that_has_the_address_lifts_it_and_the_hold_follows() -> None:
    scene = unseen_for(HOUR_S)
    scene.see("eu", False, times=3)
    recover(scene)
    scene.api_server("eu", Freshness.FRESH)
    assert scene.verdict("eu").reason == reasons.FAILBACK_HOLD
    scene.wait(20)
    both_pass(scene)
    scene.wait(20)
    both_pass(scene)
    scene.wait(20)
    assert scene.serving == {"eu", "us"}


def test_a_fresh_list_does_not_lift_what_still_fails() -> None:
    scene = unseen_for(HOUR_S)
    scene.see("eu", False, times=3)
    scene.api_server("eu", Freshness.FRESH)
    verdict = scene.verdict("eu")
    assert (verdict.quarantined, verdict.serving, verdict.reason) == (False, False, reasons.PROBES_FAILING)


@pytest.mark.parametrize("missing", [(SERVICE,), ()])
def test_a_list_that_misses_the_service_confirms_nothing(missing: tuple[ServiceKey, ...]) -> None:
    scene = unseen_for(HOUR_S)
    scene.see("eu", False, times=3)
    scene.sources["eu"] = replace(scene.sources["eu"], freshness=Freshness.FRESH, missing=missing)
    scene.judge()
    assert scene.verdict("eu").quarantined is bool(missing)


def test_a_suspect_api_server_confirms_nothing() -> None:
    scene = unseen_for(HOUR_S)
    scene.see("eu", False, times=3)
    scene.api_server("eu", Freshness.SUSPECT)
    recover(scene)
    assert scene.serving == {"us"}


def test_force_up_lifts_it_for_good() -> None:
    scene = unseen_for(HOUR_S)
    scene.see("eu", False, times=3)
    recover(scene)
    scene.control(OperatorControl(kind="force-up", cluster="eu", who="ann"))
    assert scene.serving == {"eu", "us"}
    recover(scene)
    scene.control()
    assert not scene.verdict("eu").quarantined
    assert scene.serving == {"eu", "us"}


def test_it_is_carried_over_a_restart() -> None:
    scene = unseen_for(HOUR_S)
    scene.see("eu", False, times=3)
    scene.restart()
    recover(scene)
    assert scene.serving == {"us"}


def test_endpoints_without_an_api_server_are_never_quarantined() -> None:
    scene = Scene("eu", "us")
    del scene.sources["eu"]
    both_pass(scene)
    scene.wait(100 * HOUR_S)
    scene.see("eu", False, times=3)
    recover(scene)
    assert scene.serving == {"eu", "us"}
