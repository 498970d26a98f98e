"""A controller acts outside only when it knows at least what the one before it knew."""

from trafficfed.gate import Gate
from trafficfed.health.targets import targets
from trafficfed.kubernetes_api import wire
from trafficfed.model import Observation
from trafficfed.testing.folding import balanced
from trafficfed.testing.piping import KINDS, PipedFleet

NOW_S = 1000.0


def answered(gate: Gate, cluster: str) -> None:
    for kind in KINDS:
        gate.take(cluster, wire.Listed(kind, (), 1, "uid"))


def test_it_waits_for_every_kind_of_every_cluster() -> None:
    gate = Gate(["eu", "us"], NOW_S)
    answered(gate, "eu")
    gate.take("us", wire.Listed(wire.Service, (), 1, "uid"))
    gate.take("us", wire.Listed(wire.EndpointSlice, (), 1, "uid"))
    assert not gate.opens(NOW_S)
    assert gate.waiting_for() == ("cluster us has not answered yet",)
    gate.take("us", wire.Listed(wire.Node, (), 1, "uid"))
    assert gate.opens(NOW_S)
    assert gate.waiting_for() == ()


def test_a_cluster_that_failed_has_answered_too() -> None:
    gate = Gate(["eu"], NOW_S)
    for kind in KINDS:
        gate.take("eu", wire.Lost(kind, "connection refused"))
    assert gate.opens(NOW_S)


def test_objects_and_resumed_watches_count_as_answers() -> None:
    gate = Gate(["eu"], NOW_S)
    gate.take("eu", wire.Upserted(balanced("web", "web.example.org"), 1))
    gate.take("eu", wire.Resumed(wire.EndpointSlice))
    gate.take("eu", wire.Removed(wire.Node(wire.Meta(name="node")), 1))
    assert gate.opens(NOW_S)


def test_it_waits_until_every_new_target_was_probed_once() -> None:
    fleet = PipedFleet(["eu"])
    fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1", "192.0.2.2"]))
    gate = Gate([], NOW_S)
    gate.expect(targets(fleet.row("web")))
    assert gate.waiting_for() == ("2 targets have not been probed yet",)
    for address, passed in (("192.0.2.1", True), ("192.0.2.2", False)):
        assert not gate.opens(NOW_S)
        gate.observe(
            Observation(
                vantage="here", service=fleet.key("web"), cluster="eu", address=address, at_s=NOW_S, passed=passed
            )
        )
    assert gate.opens(NOW_S), "a failure is an answer as well"


def test_it_opens_in_the_end_whatever_is_missing() -> None:
    gate = Gate(["silent"], NOW_S, settle_s=15.0)
    assert gate.next_wake_s() == NOW_S + 15.0
    assert not gate.opens(NOW_S + 14.9)
    assert gate.opens(NOW_S + 15.0)


def test_it_opens_exactly_once() -> None:
    gate = Gate([], NOW_S)
    assert gate.opens(NOW_S)
    assert gate.is_open
    assert not gate.opens(NOW_S + 1)
    assert gate.next_wake_s() is None
    fleet = PipedFleet(["eu"])
    fleet.listed("eu", balanced("web", "web.example.org"))
    gate.expect(targets(fleet.row("web")))
    assert gate.waiting_for() == (), "what comes later does not shut it again"


def test_it_waits_for_the_hub_where_there_is_one() -> None:
    gate = Gate(["eu"], NOW_S, has_hub=True)
    answered(gate, "eu")
    assert gate.waiting_for() == ("the hub has not answered yet",)
    assert not gate.opens(NOW_S)
    gate.take("hub", wire.Lost(wire.Foreign, "connection refused"))
    assert gate.opens(NOW_S), "one that is down has answered too: what it declared stands in the table"
