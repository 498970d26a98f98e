"""Fresh probes failing by majority take out at once, whatever the API server does; passing ones yield to readiness."""

import itertools

import pytest

from trafficfed.health import reasons
from trafficfed.model import Freshness, State
from trafficfed.testing.judging import Scene


@pytest.mark.parametrize(("freshness", "ready"), list(itertools.product(Freshness, [None, 0, 5])))
def test_failing_probes_take_out_whatever_the_api_server_says(freshness: Freshness, ready: int | None) -> None:
    scene = Scene("eu", "us", ready=ready if ready else None)
    scene.see("eu", True)
    scene.api_server("eu", freshness)
    scene.ready("eu", ready)
    scene.see("eu", False, times=3)
    verdict = scene.verdict("eu")
    assert (verdict.state, verdict.serving, verdict.reason) == (State.NOT_SERVING, False, reasons.PROBES_FAILING)
    assert verdict.detail == "fails its health check: refused, seen from local"


@pytest.mark.parametrize("freshness", [Freshness.STALE, Freshness.SUSPECT])
def test_an_api_server_out_of_sight_changes_nothing_while_probes_pass(freshness: Freshness) -> None:
    scene = Scene("eu", "us", ready=2)
    scene.see("eu", True, times=3)
    before = scene.verdict("eu")
    scene.api_server("eu", freshness)
    for _ in range(1000):
        scene.wait(10)
        scene.see("eu", True)
    assert scene.verdict("eu") is before


def test_passing_probes_with_fresh_readiness_zero_are_not_serving() -> None:
    scene = Scene("eu", "us", ready=2)
    scene.see("eu", True)
    scene.ready("eu", 0)
    verdict = scene.verdict("eu")
    assert (verdict.state, verdict.serving, verdict.reason) == (State.NOT_SERVING, False, reasons.NOT_READY)


def test_readiness_that_nothing_tells_is_not_readiness_zero() -> None:
    scene = Scene("eu", "us", ready=2)
    scene.see("eu", True)
    scene.ready("eu", None)
    assert scene.serving == {"eu"}


def test_a_stale_view_keeps_its_last_readiness_for_300_s_and_then_it_is_ignored() -> None:
    scene = Scene("eu", "us", ready=2)
    scene.see("us", True)
    scene.see("eu", True)
    scene.ready("eu", 0)
    scene.api_server("eu", Freshness.STALE)
    for _ in range(29):
        scene.wait(10)
        scene.see("eu", True)
        scene.see("us", True)
    scene.wait(9.9)
    assert scene.verdict("eu").reason == reasons.NOT_READY
    scene.wait(0.1)
    assert (scene.state("eu"), scene.verdict("eu").reason) == (State.SERVING, reasons.FAILBACK_HOLD)


def test_readiness_that_returns_lets_the_endpoint_back_after_the_failback_hold() -> None:
    scene = Scene("eu", "us", ready=2)
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    scene.ready("eu", 0)
    scene.ready("eu", 1)
    assert scene.verdict("eu").reason == reasons.FAILBACK_HOLD
    for _ in range(12):
        assert scene.serving == {"us"}
        scene.wait(5)
        scene.see("eu", True)
        scene.see("us", True)
    assert scene.serving == {"eu", "us"}


def test_a_flapping_readiness_starts_the_hold_anew_each_time() -> None:
    scene = Scene("eu", "us", ready=2)
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    for _ in range(20):
        scene.ready("eu", 0)
        scene.wait(5)
        scene.ready("eu", 1)
        for _ in range(10):
            scene.wait(5)
            scene.see("eu", True)
            scene.see("us", True)
        assert scene.serving == {"us"}
