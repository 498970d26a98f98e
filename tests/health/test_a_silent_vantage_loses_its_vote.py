"""A pass from before others saw failures counts until its vantage had the time to look again, and no longer.

That is a timeout and three suspicious spacings: 6 s at the defaults. What a vantage says after that counts again.
"""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from trafficfed.health.evidence import Evidence, silence_s
from trafficfed.health.vantages import compare
from trafficfed.model import HealthCheck, Observation, State
from trafficfed.testing.judging import NOON_S, SERVICE, Scene

CHECK = HealthCheck()
SILENT_S = silence_s(CHECK)
ADDRESS = "192.0.2.1"


def seen(vantage: str, at_s: float, passed: bool) -> Observation:
    return Observation(vantage=vantage, service=SERVICE, cluster="eu", address=ADDRESS, at_s=at_s, passed=passed)


def two_that_passed() -> Scene:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "a", "b")
    scene.wait(2)
    return scene


def test_one_that_died_with_the_target_makes_no_tie_for_longer_than_it_would_have_needed() -> None:
    scene = two_that_passed()
    scene.see("eu", False, "a", times=3)
    assert scene.serving == {"eu", "us"}
    scene.wait(SILENT_S - 2 - 0.1)
    assert scene.serving == {"eu", "us"}
    scene.wait(0.1)
    assert scene.serving == {"us"}, "the wake-up comes by itself"


def test_the_tie_it_makes_afterwards_does_not_bring_the_target_back() -> None:
    scene = two_that_passed()
    scene.see("eu", False, "a", times=3)
    for _ in range(6):
        scene.wait(5)
        scene.see("eu", False, "a")
        assert scene.serving in ({"eu", "us"}, {"us"})
    assert scene.serving == {"us"}


def test_one_that_lives_and_sees_it_pass_keeps_its_vote() -> None:
    scene = two_that_passed()
    scene.see("eu", False, "a")
    scene.see("eu", True, "b")
    scene.see("eu", False, "a", times=2)
    for _ in range(10):
        scene.wait(3)
        scene.see("eu", False, "a")
        scene.see("eu", True, "b")
        assert scene.serving == {"eu", "us"}


def test_one_that_comes_back_has_its_vote_again_at_once() -> None:
    scene = Scene("eu", "us", check=HealthCheck(failback_s=0))
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "a", "b", "c")
    scene.wait(2)
    scene.see("eu", False, "a", times=3)
    scene.see("eu", True, "c")
    scene.wait(5)
    assert scene.serving == {"eu", "us"}, "one against one"
    scene.see("eu", True, "b")
    assert scene.verdict("eu").state is State.SERVING


def test_failures_of_what_is_known_to_be_down_take_no_vote_away() -> None:
    """Nobody was asked to look again, so that an older pass is only as old as an interval makes it."""
    evidence = Evidence()
    for n in range(3):
        evidence = evidence.after(seen("a", NOON_S + n, False), CHECK)
    evidence = evidence.after(seen("a", NOON_S + 3, True), CHECK)
    evidence = evidence.after(seen("a", NOON_S + 13, False), CHECK)
    streak = evidence.of("a")
    assert streak is not None
    assert (streak.arouses, streak.since_s) == (False, NOON_S + 13)


def test_with_fall_one_nobody_is_asked_again_and_no_vote_is_lost() -> None:
    scene = Scene("eu", "us", check=HealthCheck(fall=1))
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "a", "b")
    scene.see("eu", False, "a")
    scene.wait(SILENT_S + 1)
    assert scene.serving == {"eu", "us"}


def test_who_has_not_looked_since_contradicts_nobody() -> None:
    evidence = Evidence().after(seen("b", NOON_S, True), CHECK)
    for n in range(1, 4):
        evidence = evidence.after(seen("a", NOON_S + n, False), CHECK)
    assert dict(compare(evidence, "eu", CHECK, {}, NOON_S + 4)) == {"a": None}
    later = evidence.after(seen("b", NOON_S + 4, True), CHECK)
    assert dict(compare(later, "eu", CHECK, {}, NOON_S + 4)) == {"a": False}
    agreed = evidence.after(seen("b", NOON_S + 4, False), CHECK)
    assert compare(agreed, "eu", CHECK, {}, NOON_S + 4) == ()


def test_a_vantage_that_has_not_reached_fall_is_not_compared_with_anyone() -> None:
    evidence = Evidence().after(seen("b", NOON_S, True), CHECK).after(seen("a", NOON_S + 1, False), CHECK)
    assert compare(evidence, "eu", CHECK, {}, NOON_S + 1) == ()


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(
    lead=st.floats(0.1, 9.9),
    pace=st.floats(0.5, 1.5),
    others=st.integers(1, 3),
    dead=st.integers(1, 2),
    hang_s=st.sampled_from([0.0, 3.0]),
)
def test_however_many_vantages_die_with_a_region_the_rest_decide_in_time(
    lead: float, pace: float, others: int, dead: int, hang_s: float
) -> None:
    """All had passed it; the dead say nothing any more, each of the rest sees it fail at its own pace."""
    living = [f"v{n}" for n in range(others)]
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, *living, *(f"dead{n}" for n in range(dead)))
    scene.wait(lead)
    first_s = scene.now_s
    scene.see("eu", False, living[0])
    scene.wait(hang_s)
    for _ in range(3):
        for vantage in living:
            scene.see("eu", False, vantage)
        scene.wait(pace)
    scene.wait(max(0.0, first_s + SILENT_S - scene.now_s))
    assert scene.serving == {"us"}


@pytest.mark.slow
@settings(max_examples=80, deadline=None)
@given(lies=st.lists(st.booleans(), min_size=12, max_size=40), turns=st.sets(st.integers(4, 39), max_size=3))
def test_one_liar_among_three_never_turns_a_verdict(lies: list[bool], turns: set[int]) -> None:
    """Whatever it says round by round: once the others saw it often enough, the verdict is what is true."""
    scene = Scene("eu", "us", check=HealthCheck(failback_s=0))
    scene.see("us", True, "a", "b", "liar")
    alive, since = True, 0
    for nth, lie in enumerate(lies):
        if nth in turns:
            alive, since = not alive, 0
        since += 1
        scene.see("eu", lie, "liar")
        scene.see("eu", alive, "a", "b")
        scene.see("us", True, "a", "b", "liar")
        scene.wait(1)
        if since >= 3:
            assert scene.state("eu") is (State.SERVING if alive else State.NOT_SERVING)
        assert scene.state("us") is State.SERVING
