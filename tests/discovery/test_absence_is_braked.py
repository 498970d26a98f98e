"""Law 1: what a complete list lacks leaves, save where too much is gone at once or another server answers."""

import pytest

from trafficfed.discovery.absence import judge_absence
from trafficfed.kubernetes_api import wire
from trafficfed.model import Freshness, ServiceKey
from trafficfed.testing.folding import FoldingFleet, balanced


def keys(count: int) -> set[ServiceKey]:
    return {ServiceKey("default", "shop", f"s{number}") for number in range(count)}


def services(*numbers: int) -> list[wire.Service]:
    return [balanced(f"s{number}", f"s{number}.example.org") for number in numbers]


def in_table(fleet: FoldingFleet, cluster: str = "eu") -> set[str]:
    return {row.key.name for row in fleet.table.rows.values() if any(each.cluster == cluster for each in row.endpoints)}


@pytest.mark.parametrize(
    ("total", "gone", "held"),
    [(3, 3, False), (5, 5, False), (6, 6, True), (10, 5, False), (25, 6, True), (30, 6, False), (100, 20, False)],
)
def test_the_brake_is_five_or_a_fifth_whichever_is_more(total: int, gone: int, held: bool) -> None:
    table = keys(total)
    absence = judge_absence(table, set(sorted(table)[gone:]), set())
    assert len(absence.held) == (gone if held else 0)
    assert len(absence.leaving) == (0 if held else gone)


def test_one_more_than_a_fifth_of_many_is_too_much() -> None:
    table = keys(100)
    assert len(judge_absence(table, set(sorted(table)[21:]), set()).held) == 21


def test_what_is_held_stays_held_by_a_second_look() -> None:
    """The next list of the same emptied server is no confirmation, even where less is gone by then."""
    table = keys(30)
    first = judge_absence(table, set(sorted(table)[10:]), set())
    second = judge_absence(table, set(sorted(table)[2:]), first.held)
    assert not second.leaving
    assert len(second.held) == 2


def test_absence_from_a_complete_list_of_the_same_server_leaves(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(0, 1, 2))
    fleet.listed("eu", *services(0, 1))
    assert in_table(fleet) == {"s0", "s1"}
    assert not fleet.folded[fleet.key("s2")].departed[0].watched
    assert fleet.source("eu").freshness is Freshness.FRESH


def test_too_much_gone_at_once_makes_the_cluster_suspect_and_keeps_all(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(10)))
    fleet.listed("eu", *services(*range(4)))
    source = fleet.source("eu")
    assert in_table(fleet) == {f"s{number}" for number in range(10)}
    assert source.freshness is Freshness.SUSPECT
    assert [key.name for key in source.missing] == [f"s{number}" for number in range(4, 10)]
    assert "6 endpoints are gone" in source.reason
    assert "confirmed" in source.reason


def test_confirm_lifts_exactly_what_is_held(fleet: FoldingFleet) -> None:
    fleet.listed("us", *services(*range(10)))
    fleet.listed("eu", *services(*range(10)))
    fleet.listed("eu", *services(*range(4)))
    taken = fleet.confirm("eu")
    assert in_table(fleet, "eu") == {"s0", "s1", "s2", "s3"}
    assert in_table(fleet, "us") == {f"s{number}" for number in range(10)}
    assert {key.name for key in taken.dirty} == {f"s{number}" for number in range(4, 10)}
    assert fleet.source("eu").freshness is Freshness.FRESH
    assert fleet.source("eu").missing == ()


def test_confirm_does_not_lift_the_next_brake(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(20)))
    fleet.listed("eu", *services(*range(10)))
    fleet.confirm("eu")
    fleet.listed("eu", *services(*range(2)))
    assert len(in_table(fleet)) == 10
    assert fleet.source("eu").freshness is Freshness.SUSPECT


def test_confirm_of_a_cluster_in_order_changes_nothing(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(0, 1))
    before = fleet.table.generation
    assert not fleet.confirm("eu").dirty
    assert fleet.table.generation == before


def test_confirm_of_an_unknown_cluster_is_empty(fleet: FoldingFleet) -> None:
    taken = fleet.confirm("nowhere")
    assert taken.source is None
    assert not taken.dirty


def test_what_returns_by_watch_is_no_longer_missing(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(8)))
    fleet.listed("eu", *services(0))
    for service in services(*range(1, 8)):
        assert fleet.source("eu").freshness is Freshness.SUSPECT
        fleet.upsert("eu", service)
    assert fleet.source("eu").freshness is Freshness.FRESH
    assert len(in_table(fleet)) == 8


def test_what_returns_in_a_list_is_no_longer_missing(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(8)))
    fleet.listed("eu", *services(0))
    fleet.relist("eu", *services(*range(8)))
    assert fleet.source("eu").freshness is Freshness.FRESH


def test_a_part_that_returns_leaves_the_rest_held(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(8)))
    fleet.listed("eu", *services(0))
    fleet.relist("eu", *services(*range(6)))
    assert [key.name for key in fleet.source("eu").missing] == ["s6", "s7"]
    assert len(in_table(fleet)) == 8


def test_a_missing_endpoint_deleted_before_our_eyes_leaves(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(8)))
    fleet.listed("eu", *services(0))
    fleet.remove("eu", services(3)[0])
    assert "s3" not in in_table(fleet)
    assert len(fleet.source("eu").missing) == 6


def test_new_services_are_taken_in_while_others_are_missing(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(8)))
    fleet.listed("eu", *services(0, 50))
    fleet.upsert("eu", services(51)[0])
    assert {"s50", "s51"} <= in_table(fleet)


def test_held_endpoints_survive_a_restart_and_stay_held(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(8)))
    fleet.listed("eu", *services(0))
    fleet.restart()
    assert fleet.source("eu").freshness is Freshness.SUSPECT
    fleet.listed("eu", *services(*range(7)))
    assert [key.name for key in fleet.source("eu").missing] == ["s7"]
    assert len(in_table(fleet)) == 8


def test_confirm_after_a_restart_lifts_what_the_table_says_is_held(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(8)))
    fleet.listed("eu", *services(0))
    fleet.restart()
    fleet.confirm("eu")
    assert in_table(fleet) == {"s0"}
    assert fleet.source("eu").missing == ()


def test_absence_is_judged_against_the_table_not_an_empty_memory(fleet: FoldingFleet) -> None:
    """The first list of a new process meets the table of the old one."""
    fleet.listed("eu", *services(*range(10)))
    fleet.restart()
    fleet.listed("eu")
    assert len(in_table(fleet)) == 10
    assert fleet.source("eu").freshness is Freshness.SUSPECT


def test_few_gone_across_a_restart_leave(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(*range(10)))
    fleet.restart()
    fleet.relist("eu", *services(*range(8)))
    assert in_table(fleet) == {f"s{number}" for number in range(8)}


def test_an_annotation_missing_from_a_list_counts_as_gone(fleet: FoldingFleet) -> None:
    """A tool that strips annotations while we look away is braked like a deletion."""
    fleet.listed("eu", *services(*range(8)))
    bare = [balanced(f"s{number}", None) for number in range(8)]
    fleet.listed("eu", *bare)
    assert len(in_table(fleet)) == 8
    assert len(fleet.source("eu").missing) == 8


def test_slices_and_nodes_absent_from_a_list_remove_no_endpoint(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(0))
    fleet.list_kind("eu", wire.EndpointSlice)
    fleet.list_kind("eu", wire.Node)
    assert in_table(fleet) == {"s0"}


def test_a_watched_deletion_not_yet_committed_stays_watched_through_a_list(fleet: FoldingFleet) -> None:
    fleet.listed("eu", *services(0, 1))
    inventory = fleet.inventory
    inventory.take("eu", wire.Removed(services(0)[0], 50), 5.0)
    taken = inventory.take("eu", wire.Listed(wire.Service, tuple(services(1)), 60, "uid-eu"), 6.0)
    fleet.settle(taken)
    fleet.refold([fleet.key("s0")])
    assert in_table(fleet) == {"s1"}
    assert fleet.folded[fleet.key("s0")].departed[0].watched
