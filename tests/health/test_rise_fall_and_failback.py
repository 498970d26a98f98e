"""Hysteresis: fall failures take out, rise passes and the failback hold bring back; new endpoints need one pass."""

import pytest

from trafficfed.health import reasons
from trafficfed.model import HealthCheck, State
from trafficfed.testing.judging import Scene


def both_up(check: HealthCheck | None = None) -> Scene:
    scene = Scene("eu", "us", check=check or HealthCheck())
    scene.see("eu", True)
    scene.see("us", True)
    return scene


@pytest.mark.parametrize("fall", [1, 2, 3, 7])
def test_exactly_fall_failures_in_a_row_take_out(fall: int) -> None:
    scene = both_up(HealthCheck(fall=fall))
    scene.see("eu", False, times=fall - 1)
    assert scene.serving == {"eu", "us"}
    scene.see("eu", False)
    assert scene.serving == {"us"}


def test_a_pass_between_failures_starts_the_count_again() -> None:
    scene = both_up()
    for _ in range(10):
        scene.see("eu", False, times=2)
        scene.see("eu", True)
        assert scene.serving == {"eu", "us"}


@pytest.mark.parametrize("rise", [1, 3, 5])
def test_rise_passes_and_then_the_hold_bring_back(rise: int) -> None:
    scene = both_up(HealthCheck(rise=rise, failback_s=20))
    scene.see("eu", False, times=3)
    scene.see("eu", True, times=rise - 1, every_s=10)
    assert scene.state("eu") is State.NOT_SERVING
    scene.see("eu", True)
    assert (scene.state("eu"), scene.serving) == (State.SERVING, {"us"})
    assert scene.verdict("eu").reason == reasons.FAILBACK_HOLD
    scene.wait(19.9)
    assert scene.serving == {"us"}
    scene.wait(0.1)
    assert scene.serving == {"eu", "us"}
    assert scene.verdict("eu").hold_until_s == 0.0


def test_a_failure_while_held_back_is_not_the_end_of_the_hold_but_fall_is() -> None:
    scene = both_up()
    scene.see("eu", False, times=3)
    scene.see("eu", True, times=3)
    held = scene.verdict("eu").hold_until_s
    scene.see("eu", False)
    assert scene.verdict("eu").hold_until_s == held
    scene.see("eu", False, times=2)
    assert scene.state("eu") is State.NOT_SERVING
    scene.see("eu", True, times=3)
    assert scene.verdict("eu").hold_until_s == scene.now_s + 60


def test_a_hold_is_carried_over_a_restart() -> None:
    scene = both_up()
    scene.see("eu", False, times=3)
    scene.see("eu", True, times=3)
    scene.see("eu", True, times=2, every_s=25)
    scene.restart()
    scene.see("eu", True)
    scene.see("us", True)
    scene.wait(29.9)
    scene.restart()
    scene.see("eu", True)
    scene.wait(5.0)
    assert scene.serving == {"us"}
    scene.wait(0.1)
    assert scene.serving == {"eu", "us"}


def test_what_was_down_before_a_restart_needs_rise_passes_after_it() -> None:
    scene = both_up()
    scene.see("eu", False, times=3)
    scene.restart()
    scene.see("eu", True, times=2)
    assert scene.state("eu") is State.NOT_SERVING
    scene.see("eu", True)
    assert scene.verdict("eu").reason == reasons.FAILBACK_HOLD


def test_what_was_down_and_then_unseen_needs_rise_passes_and_the_hold() -> None:
    scene = both_up()
    scene.see("eu", False, times=3)
    scene.wait(3600)
    scene.see("us", True)
    scene.see("eu", True, times=2)
    assert scene.serving == {"us"}
    scene.see("eu", True)
    assert scene.verdict("eu").reason == reasons.FAILBACK_HOLD


def test_the_hold_never_leaves_a_client_with_what_is_dead() -> None:
    """Both died, one passes again: it serves at once, as the alternative is an answer full of dead endpoints."""
    scene = both_up()
    scene.see("eu", False, times=3)
    scene.see("us", False, times=3)
    assert scene.serving == set()
    scene.see("eu", True, times=3)
    assert scene.serving == {"eu"}
    scene.see("us", True, times=3)
    assert scene.serving == {"eu"}


def test_a_hold_ends_early_when_the_last_that_served_dies() -> None:
    scene = both_up()
    scene.see("eu", False, times=3)
    scene.see("eu", True, times=3)
    assert scene.serving == {"us"}
    scene.see("us", False, times=3)
    assert scene.serving == {"eu"}


def test_a_new_endpoint_serves_after_its_first_pass_and_not_before() -> None:
    scene = both_up()
    scene.join("ap")
    assert scene.serving == {"eu", "us"}
    assert scene.verdict("ap").reason == reasons.NO_EVIDENCE
    scene.see("ap", True)
    assert scene.serving == {"ap", "eu", "us"}


def test_a_new_endpoint_that_is_the_only_one_serves_at_once() -> None:
    scene = Scene("eu")
    assert (scene.serving, scene.verdict("eu").reason) == ({"eu"}, reasons.ONLY_ENDPOINT)
    scene.see("eu", False, times=2)
    assert scene.serving == {"eu"}
    scene.see("eu", False)
    assert (scene.serving, scene.state("eu")) == (set(), State.NOT_SERVING)


def test_an_only_endpoint_that_failed_is_not_let_back_by_silence() -> None:
    scene = Scene("eu")
    scene.see("eu", False, times=3)
    scene.wait(3600)
    assert (scene.state("eu"), scene.serving) == (State.UNKNOWN, set())


def test_an_endpoint_that_served_as_the_only_one_goes_on_when_another_joins() -> None:
    scene = Scene("eu")
    scene.join("us")
    assert scene.serving == {"eu"}


def test_a_new_endpoint_that_failed_first_needs_rise_but_no_hold() -> None:
    """It never served: there is nothing to fail back from, and nobody's connection would flap."""
    scene = both_up()
    scene.join("ap")
    scene.see("ap", False, times=3)
    scene.see("ap", True, times=2)
    assert scene.serving == {"eu", "us"}
    scene.see("ap", True)
    assert scene.serving == {"ap", "eu", "us"}
