"""Unknown means no fresh probe evidence; it keeps the last verdict without limit and never takes anything out."""

import pytest

from trafficfed.health import reasons
from trafficfed.model import Freshness, State
from trafficfed.testing.judging import Scene

YEAR_S = 365 * 86400.0


def test_evidence_is_fresh_for_three_intervals_and_then_the_state_is_unknown() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.wait(29.9)
    assert scene.state("eu") is State.SERVING
    scene.wait(0.1)
    assert scene.state("eu") is State.UNKNOWN
    assert scene.verdict("eu").reason == reasons.NO_FRESH_EVIDENCE


def test_what_served_goes_on_serving_however_long_nobody_sees_it() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.wait(YEAR_S)
    assert scene.state("eu") is State.UNKNOWN
    assert scene.serving == {"eu"}


def test_what_was_down_stays_down_however_long_nobody_sees_it() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.see("us", True)
    scene.see("eu", False, times=3)
    scene.wait(YEAR_S)
    assert scene.state("eu") is State.UNKNOWN
    assert scene.serving == {"us"}


def test_nothing_that_happens_to_the_api_server_takes_out_what_nobody_probes() -> None:
    scene = Scene("eu", "us", ready=2)
    scene.see("eu", True)
    scene.wait(60)
    scene.api_server("eu", Freshness.STALE)
    scene.wait(2 * 3600)
    scene.api_server("eu", Freshness.SUSPECT)
    scene.wait(YEAR_S)
    assert scene.serving == {"eu"}


def test_readiness_zero_alone_is_no_verdict_while_probes_say_nothing() -> None:
    scene = Scene("eu", "us", ready=2)
    scene.see("eu", True)
    scene.wait(60)
    scene.ready("eu", 0)
    assert (scene.state("eu"), scene.serving) == (State.UNKNOWN, {"eu"})


def test_failures_too_few_for_fall_after_silence_leave_it_unknown() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.wait(100)
    scene.see("eu", False, times=2)
    assert (scene.state("eu"), scene.serving) == (State.UNKNOWN, {"eu"})


def test_a_restart_is_no_loss_of_evidence_until_the_new_process_could_have_seen_something() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.see("us", True)
    scene.see("us", False, times=3)
    before = scene.row.verdicts
    scene.restart()
    scene.wait(29.9)
    assert scene.row.verdicts is before
    scene.wait(0.1)
    assert [scene.state("eu"), scene.state("us")] == [State.UNKNOWN, State.UNKNOWN]
    assert scene.serving == {"eu"}


def test_evidence_from_a_future_that_a_clock_was_set_back_from_counts_again_when_its_time_comes() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.now_s -= 100
    scene.judge()
    scene.wait(69.9)
    assert scene.state("eu") is State.UNKNOWN
    scene.wait(0.1)
    assert scene.state("eu") is State.SERVING


@pytest.mark.parametrize("step_s", [-3600.0, 3600.0])
def test_a_clock_that_jumps_makes_evidence_unknown_and_changes_no_answer(step_s: float) -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.now_s += step_s
    scene.judge()
    assert (scene.state("eu"), scene.serving) == (State.UNKNOWN, {"eu"})
    scene.see("eu", True)
    assert scene.state("eu") is State.SERVING
