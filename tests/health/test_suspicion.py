"""After a first failure the target is probed again at short spacing until fall or a pass is reached."""

from trafficfed.model import HealthCheck, State
from trafficfed.testing.judging import Scene


def test_the_first_failure_arouses_it_and_fall_ends_it() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    assert scene.suspected == set()
    scene.see("eu", False)
    assert scene.suspicious == (("eu", "192.0.2.1"),)
    scene.see("eu", False)
    assert scene.suspected == {"eu"}
    scene.see("eu", False)
    assert (scene.suspected, scene.state("eu")) == (set(), State.NOT_SERVING)


def test_a_pass_ends_it() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.see("eu", False, times=2)
    scene.see("eu", True)
    assert scene.suspected == set()


def test_a_new_target_that_fails_first_is_suspicious_too() -> None:
    scene = Scene("eu", "us")
    scene.see("us", False)
    assert scene.suspected == {"us"}


def test_a_target_known_to_be_down_is_not_asked_more_often() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True)
    scene.see("eu", False, times=10, every_s=10)
    assert scene.suspected == set()
    scene.see("eu", True)
    scene.see("eu", False)
    assert scene.suspected == set()
    scene.restart()
    scene.see("eu", False)
    assert scene.suspected == set()


def test_one_vantage_is_enough_to_arouse_it_for_all() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True, "a", "b", "c")
    scene.see("eu", False, "b")
    assert scene.suspected == {"eu"}


def test_a_vantage_past_fall_that_others_contradict_arouses_it_no_longer() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "a", "b", "c")
    scene.wait(1)
    scene.see("eu", False, "b", times=3)
    assert scene.suspected == {"eu"}, "the others have not looked yet"
    scene.see("eu", True, "a")
    assert scene.suspected == {"eu"}
    scene.see("eu", True, "c")
    assert (scene.suspected, scene.serving) == (set(), {"eu", "us"})


def test_one_that_never_looks_again_is_waited_for_no_longer_than_its_word_counts() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True, "a", "b", "gone")
    scene.wait(1)
    scene.see("eu", False, "a", times=3)
    scene.see("eu", True, "b")
    assert scene.suspected == {"eu"}
    scene.wait(4)
    assert (scene.suspected, scene.serving) == (set(), {"eu", "us"})


def test_with_fall_one_there_is_nothing_to_suspect() -> None:
    scene = Scene("eu", "us", check=HealthCheck(fall=1))
    scene.see("eu", True)
    scene.see("eu", False)
    assert (scene.suspected, scene.state("eu")) == (set(), State.NOT_SERVING)


def test_failures_of_a_vantage_that_has_no_vote_arouse_nothing() -> None:
    scene = Scene("eu", "us", homes={"inside-eu": "eu"})
    scene.see("eu", True, "inside-eu", "a")
    scene.see("eu", False, "inside-eu")
    assert scene.suspected == set()
