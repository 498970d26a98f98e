"""Publication is told what left by a change that was seen: no brake asks about that, but about everything else."""

from trafficfed.discovery.leaving import Leaving
from trafficfed.testing.folding import balanced
from trafficfed.testing.piping import PipedFleet

TWO = balanced("web", "a.example.org,b.example.org", ["192.0.2.1", "192.0.2.2"])


def test_a_watched_deletion_gives_up_targets_and_names() -> None:
    fleet = PipedFleet(["eu"])
    fleet.listed("eu", TWO)
    step = fleet.remove("eu", TWO)
    assert step.leaving == {
        fleet.key("web"): Leaving(("192.0.2.1", "192.0.2.2"), ("a.example.org", "b.example.org")),
    }


def test_a_deletion_found_by_a_list_has_no_cause() -> None:
    fleet = PipedFleet(["eu"])
    fleet.listed("eu", TWO)
    assert fleet.listed("eu").leaving == {}
    assert fleet.key("web") not in fleet.table.rows


def test_a_watched_edit_gives_up_just_what_it_took_away() -> None:
    fleet = PipedFleet(["eu"])
    fleet.listed("eu", TWO)
    step = fleet.upsert("eu", balanced("web", "a.example.org", ["192.0.2.2", "192.0.2.3"]))
    assert step.leaving == {fleet.key("web"): Leaving(("192.0.2.1",), ("b.example.org",))}


def test_an_operators_word_is_a_cause() -> None:
    fleet = PipedFleet(["eu", "us"])
    fleet.listed("eu", balanced("web", "a.example.org", ["192.0.2.1"]))
    fleet.listed("us", balanced("web", "a.example.org", ["198.51.100.1"]))
    assert fleet.forget("eu").leaving == {fleet.key("web"): Leaving(("192.0.2.1",))}


def test_nothing_that_leaves_is_nothing() -> None:
    assert not Leaving()
    assert Leaving(("192.0.2.1",)) + Leaving((), ("a.example.org",)) == Leaving(("192.0.2.1",), ("a.example.org",))
