"""Everyone decides, one writes: a second controller holds the leader's table and what it judges otherwise beside it."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import Refused
from trafficfed.model import OperatorControl, State
from trafficfed.reports import ServiceRefused
from trafficfed.testing.folding import balanced
from trafficfed.testing.piping import PipedFleet

EU = balanced("web", "web.example.org", ["192.0.2.1"], steering="failover", tier="0")
US = balanced("web", "web.example.org", ["192.0.2.2"], steering="failover", tier="1")


def pair(*names: str) -> tuple[PipedFleet, PipedFleet]:
    """A leader and one beside it, both having seen the same clusters and the same passes."""
    leader, beside = PipedFleet(["eu", "us"]), PipedFleet(["eu", "us"], leads=False)
    for fleet in (leader, beside):
        fleet.listed("eu", EU)
        fleet.listed("us", US)
    leader.probe("web", times=3)
    beside.now_s = leader.now_s
    beside.mirror(leader)
    for _ in range(3):
        probe(beside)
    return leader, beside


def probe(fleet: PipedFleet, *failing: str) -> None:
    fleet.now_s += 1.0
    for cluster, address in (("eu", "192.0.2.1"), ("us", "192.0.2.2")):
        fleet.observe("web", cluster, address, cluster not in failing)


def test_without_a_leaders_table_nothing_is_committed_and_nothing_answered() -> None:
    fleet = PipedFleet(["eu", "us"], leads=False)
    fleet.listed("eu", EU)
    assert not fleet.table.rows
    assert fleet.table.generation == 0
    assert fleet.last.delta is None


def test_the_same_view_lays_nothing_over_the_leaders_table() -> None:
    leader, beside = pair()
    assert not beside.pipeline.overlay
    assert beside.table.snapshot() == leader.table.snapshot()


def test_it_probes_what_the_leader_probes() -> None:
    leader, beside = pair()
    aimed = {target for step in beside.steps for _, targets in step.targets for target in targets}
    assert aimed == {target for step in leader.steps for _, targets in step.targets for target in targets}


def test_a_death_that_only_it_has_seen_lies_over_the_table_and_commits_nothing() -> None:
    leader, beside = pair()
    for _ in range(3):
        probe(beside, "eu")
    assert beside.answer("web") == ("192.0.2.2",)
    assert beside.table.snapshot() == leader.table.snapshot()
    assert leader.answer("web") == ("192.0.2.1",)
    assert [row.key.name for step in beside.steps for row in step.overlaid][-1:] == ["web"]


def test_what_the_leader_tells_then_replaces_what_lay_over_it() -> None:
    leader, beside = pair()
    for fleet in (beside, leader):
        for _ in range(3):
            probe(fleet, "eu")
    step = beside.hear(leader)
    assert step.uncovered == (beside.key("web"),)
    assert not beside.pipeline.overlay
    assert beside.answer("web") == ("192.0.2.2",)


def test_taking_over_commits_what_lay_over_the_table_at_once_without_a_probe() -> None:
    _, beside = pair()
    for _ in range(3):
        probe(beside, "eu")
    step = beside.lead(7)
    assert step.delta is not None
    assert (beside.table.term, [row.key.name for row in step.delta.rows]) == (7, ["web"])
    assert step.decided == (beside.key("web"),)
    assert beside.answer("web") == ("192.0.2.2",)
    assert not beside.pipeline.overlay


def test_the_latches_of_the_leader_hold_on_after_it_is_gone() -> None:
    """A failback hold that the former leader began ends when that one said, neither sooner nor later."""
    leader, beside = pair()
    for fleet in (leader, beside):
        for _ in range(3):
            probe(fleet, "eu")
    for _ in range(3):
        probe(leader)
    held_until_s = leader.verdict("web", "eu").hold_until_s
    assert held_until_s > leader.now_s
    beside.now_s = leader.now_s - 3.0
    beside.hear(leader)
    for _ in range(3):
        probe(beside)
    beside.lead(2)
    assert beside.verdict("web", "eu").hold_until_s == held_until_s
    assert beside.answer("web") == ("192.0.2.2",)
    while beside.now_s + 1.0 < held_until_s:
        probe(beside)
        assert beside.answer("web") == ("192.0.2.2",)
    beside.wait(2.0)
    assert beside.answer("web") == ("192.0.2.1",)


def test_a_change_of_an_annotation_is_declared_only_by_who_leads() -> None:
    leader, beside = pair()
    slow = balanced("web", "web.example.org", ["192.0.2.1"], steering="failover", tier="0", ttl="300")
    beside.upsert("eu", slow)
    assert beside.row("web").service.ttl == leader.row("web").service.ttl == 30
    beside.lead(2)
    assert beside.row("web").service.ttl == 300


def test_what_both_have_seen_is_not_declared_again_on_taking_over() -> None:
    leader, beside = pair()
    slow = balanced("web", "web.example.org", ["192.0.2.1"], steering="failover", tier="0", ttl="300")
    for fleet in (beside, leader):
        fleet.upsert("eu", slow)
    beside.hear(leader)
    assert not beside.pipeline.overlay
    generation = beside.table.generation
    step = beside.lead(2)
    assert not (step.delta and step.delta.rows)
    assert beside.table.generation <= generation + 1


def test_a_watched_deletion_that_the_leader_did_not_live_to_see_is_carried_out_by_the_next() -> None:
    _, beside = pair()
    beside.remove("us", US)
    assert len(beside.row("web").endpoints) == 2
    beside.lead(2)
    assert [endpoint.cluster for endpoint in beside.row("web").endpoints] == ["eu"]


def test_who_leads_no_more_commits_nothing_more() -> None:
    leader, beside = pair()
    leader.follow()
    before = leader.table.snapshot()
    for _ in range(3):
        probe(leader, "eu")
    leader.upsert("us", balanced("new", "new.example.org", ["192.0.2.9"]))
    assert leader.table.snapshot() == before
    assert leader.answer("web") == ("192.0.2.2",)
    beside.lead(2)
    leader.mirror(beside)
    assert leader.table.snapshot() == beside.table.snapshot()


def test_a_table_of_an_older_term_is_refused() -> None:
    leader, beside = pair()
    beside.lead(2)
    beside.follow()
    with pytest.raises(Refused, match="term"):
        beside.mirror(leader)


def test_a_service_that_the_leader_let_go_is_probed_no_more() -> None:
    leader, beside = pair()
    leader.remove("eu", EU)
    leader.remove("us", US)
    assert not leader.table.rows
    step = beside.hear(leader)
    assert step.targets == ((beside.key("web"), ()),)
    assert beside.pipeline.next_wake_s() is None


def test_operator_controls_given_without_a_leader_hold_here_and_become_the_tables() -> None:
    _, beside = pair()
    drain = OperatorControl(kind="drain", cluster="eu", who="ann", why="works", since_s=beside.now_s)
    beside.pipeline.control_here((drain,))
    beside.settle()
    assert beside.answer("web") == ("192.0.2.2",)
    assert not beside.table.controls
    beside.lead(2)
    assert beside.table.controls == (drain,)
    assert beside.answer("web") == ("192.0.2.2",)


def test_a_silent_cluster_takes_nothing_out_when_a_controller_takes_over() -> None:
    _, beside = pair()
    beside.lose("eu")
    beside.lead(2)
    assert beside.answer("web") == ("192.0.2.1",)
    assert beside.verdict("web", "eu").state is State.SERVING


def test_a_new_controller_that_saw_no_cluster_yet_takes_over_with_all_that_the_leader_had() -> None:
    """A new controller whose caches are not filled never leads with an empty table."""
    leader, _ = pair()
    fresh = PipedFleet(["eu", "us"], leads=False)
    fresh.now_s = leader.now_s
    fresh.mirror(leader)
    fresh.lead(2)
    assert fresh.answer("web") == leader.answer("web")
    assert fresh.row("web").endpoints == leader.row("web").endpoints


def test_an_emptied_cluster_seen_first_by_the_new_leader_is_braked() -> None:
    names = [f"s{number}" for number in range(10)]
    services = [balanced(name, f"{name}.example.org", [f"192.0.2.{n}"]) for n, name in enumerate(names, 1)]
    leader, beside = PipedFleet(["eu"]), PipedFleet(["eu"], leads=False)
    for fleet in (leader, beside):
        fleet.listed("eu", *services)
    beside.mirror(leader)
    beside.listed("eu")
    beside.lead(2)
    assert len(beside.table.rows) == 10
    assert len(beside.source("eu").missing) == 10


def test_an_api_server_that_the_leader_was_told_to_trust_is_trusted_by_the_next() -> None:
    leader, beside = pair()
    for fleet in (leader, beside):
        fleet.replace_server("eu")
        fleet.listed("eu", EU)
    leader.confirm("eu")
    beside.mirror(leader)
    beside.lead(2)
    assert beside.source("eu").uid == leader.source("eu").uid == "uid-eu-other"
    assert not beside.source("eu").missing


actions = st.lists(
    st.tuples(st.sampled_from(["fail eu", "fail us", "pass", "drop eu", "offer eu", "wait"]), st.booleans()),
    max_size=25,
)


@settings(max_examples=60, deadline=None)
@given(actions)
def test_whatever_both_saw_the_next_leader_answers_as_the_last_one_did(events: list[tuple[str, bool]]) -> None:
    """With equal views, taking over changes no answer, whenever it happens and whatever the other had heard of it."""
    leader, beside = pair()
    for what, is_heard in events:
        for fleet in (leader, beside):
            match what.split():
                case ["fail", cluster]:
                    probe(fleet, cluster)
                case ["pass"]:
                    probe(fleet)
                case ["drop", _]:
                    fleet.remove("eu", EU)
                case ["offer", _]:
                    fleet.upsert("eu", EU)
                case _:
                    fleet.wait(7.0)
        beside.now_s = leader.now_s
        if is_heard:
            beside.hear(leader)
    before = leader.answer("web")
    beside.lead(2)
    assert set(beside.answer("web")) & {"192.0.2.1", "192.0.2.2"}
    if events and events[-1][1]:
        assert beside.answer("web") == before


def test_what_was_refused_before_anybody_led_is_told_by_whoever_leads() -> None:
    stranger = balanced("web", "web.elsewhere.org", ["192.0.2.1"])
    fleet = PipedFleet(["eu", "us"], leads=False)
    fleet.listed("eu", stranger)
    assert [refusal.reason for refusal in fleet.pipeline.refusals] == ["OutsideZones"]
    assert not fleet.reports
    step = fleet.lead(1)
    told = [report.refusal.reason for report in step.reports if isinstance(report, ServiceRefused)]
    assert told == ["OutsideZones"]
    assert [refusal.reason for refusal in fleet.pipeline.refusals] == ["OutsideZones"]
