"""Majority is over the vantages that may vote and reported within 3 intervals, at least two where two such exist."""

import itertools

import pytest

from trafficfed.health.evidence import Streak
from trafficfed.health.voting import majority
from trafficfed.model import State, Verdict
from trafficfed.testing.judging import Scene

KNOWN_UP = Verdict(cluster="eu", address="192.0.2.1", state=State.SERVING, serving=True, passed=True)
KNOWN_DOWN = Verdict(cluster="eu", address="192.0.2.1", state=State.NOT_SERVING, passed=True)


def streaks(*held: bool | None) -> list[Streak]:
    return [Streak(vantage=f"v{n}", at_s=0.0, passed=bool(up), up=up) for n, up in enumerate(held)]


@pytest.mark.parametrize("number", range(1, 7))
def test_it_takes_more_than_half_to_change_the_last_word(number: int) -> None:
    for held in itertools.product((True, False), repeat=number):
        down = held.count(False)
        expected = State.NOT_SERVING if 2 * down > number else State.SERVING if 2 * down < number else None
        assert majority(streaks(*held), KNOWN_UP) is expected
        assert majority(streaks(*held), KNOWN_DOWN) is expected


def test_the_undecided_count_as_reported_but_for_neither_side() -> None:
    assert majority(streaks(False, False, None), KNOWN_UP) is State.NOT_SERVING
    assert majority(streaks(False, None, None), KNOWN_UP) is None
    assert majority(streaks(False, None), KNOWN_UP) is None


def test_a_run_too_short_to_change_an_opinion_is_no_vote_for_the_old_one() -> None:
    recovering = Streak(vantage="a", at_s=0.0, passed=True, up=False)
    ailing = Streak(vantage="a", at_s=0.0, passed=False, up=True)
    for before in (KNOWN_UP, KNOWN_DOWN):
        assert majority([recovering], before) is None
        assert majority([ailing], before) is None


def test_a_vantage_that_begins_to_see_passes_takes_nothing_out_when_it_is_left_alone() -> None:
    """Found by searching histories: the inside vantage had failed, saw passes again, then the others fell silent."""
    scene = Scene("eu", "us", homes={"inside-eu": "eu"})
    scene.see("eu", True, "a")
    scene.see("eu", False, "inside-eu", times=3)
    scene.see("eu", True, "a")
    scene.wait(28)
    scene.see("eu", True, "inside-eu")
    scene.wait(2)
    assert (scene.state("eu"), scene.serving) == (State.SERVING, {"eu"})


def test_one_vantage_decides_alone() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.see("eu", False, times=3)
    assert scene.serving == set()


def test_of_two_vantages_both_must_see_it_fail() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "a", "b")
    scene.see("eu", False, "a", times=5)
    assert scene.serving == {"eu", "us"}
    scene.see("eu", False, "a", "b", times=5)
    assert scene.serving == {"us"}


def test_of_three_vantages_two_are_enough() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "a", "b", "c")
    scene.see("eu", False, "a", "b", times=3)
    assert scene.serving == {"us"}


def test_a_vantage_that_fell_silent_no_longer_counts() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "a", "b")
    scene.see("eu", False, "a", times=4, every_s=9)
    assert scene.serving == {"eu", "us"}
    scene.wait(3)
    assert scene.state("eu") is State.NOT_SERVING


def test_a_tie_keeps_what_was() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "a", "b")
    scene.see("eu", False, "a", "b", times=3)
    scene.see("eu", True, "a", times=9)
    assert scene.state("eu") is State.NOT_SERVING
    scene.see("eu", True, "a", "b", times=3)
    assert scene.state("eu") is State.SERVING


def test_any_vantages_first_pass_lets_a_new_endpoint_serve() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", False, "a", "b")
    scene.see("eu", True, "c")
    assert scene.serving == {"eu"}


def test_a_vantage_inside_the_endpoints_cluster_has_no_vote_beside_others() -> None:
    scene = Scene("eu", "us", homes={"inside-eu": "eu"})
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "inside-eu", "a")
    for _ in range(3):
        scene.see("eu", True, "inside-eu")
        scene.see("eu", False, "a")
    assert scene.serving == {"us"}


def test_a_vantage_inside_the_endpoints_cluster_votes_where_it_is_alone() -> None:
    scene = Scene("eu", "us", homes={"inside-eu": "eu"})
    scene.see("eu", True, "inside-eu")
    assert scene.serving == {"eu"}
    scene.see("eu", False, "inside-eu", times=3)
    assert scene.state("eu") is State.NOT_SERVING


def test_it_votes_on_other_clusters_endpoints_as_anyone() -> None:
    scene = Scene("eu", "us", homes={"inside-eu": "eu"})
    scene.see("us", True, "inside-eu")
    scene.see("us", False, "inside-eu", times=3)
    assert scene.state("us") is State.NOT_SERVING


def test_an_outside_vantage_that_falls_silent_gives_the_inside_one_its_vote() -> None:
    scene = Scene("eu", "us", homes={"inside-eu": "eu"})
    scene.see("eu", True, "inside-eu", "a")
    for _ in range(4):
        scene.wait(9)
        scene.see("eu", False, "inside-eu")
    assert scene.state("eu") is State.NOT_SERVING
