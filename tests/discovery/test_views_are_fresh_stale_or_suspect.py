"""How far each cluster's view is trusted, and that a view's failure alone changes no endpoint."""

import pytest

from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, Freshness, Row
from trafficfed.testing.folding import FoldingFleet, annotated, balanced, metadata, node, sliced

WEB = balanced("web", "web.example.org", ["192.0.2.1"])
NODE_PORT = wire.Service(
    metadata("np", annotated("np.example.org")),
    wire.ServiceSpec(type="NodePort", ports=[wire.ServicePort(port=80, node_port=30080)]),
)


def freshness(fleet: FoldingFleet, cluster: str = "eu") -> Freshness:
    return fleet.source(cluster).freshness


def rows(fleet: FoldingFleet) -> list[Row]:
    return list(fleet.table.rows.values())


def test_a_cluster_is_stale_until_services_and_slices_are_listed(fleet: FoldingFleet) -> None:
    assert freshness(fleet) is Freshness.STALE
    fleet.relist("eu", WEB)
    assert freshness(fleet) is Freshness.STALE
    assert fleet.source("eu").reason == "EndpointSlices: not listed yet"
    fleet.list_kind("eu", wire.EndpointSlice)
    assert (freshness(fleet), fleet.source("eu").reason) == (Freshness.FRESH, "")


def test_nodes_count_only_where_a_node_port_needs_them(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.upsert("eu", NODE_PORT)
    assert freshness(fleet) is Freshness.STALE
    assert fleet.source("eu").reason == "Nodes: not listed yet"
    fleet.list_kind("eu", wire.Node, [node("a", internal=["10.0.0.1"])])
    assert freshness(fleet) is Freshness.FRESH
    fleet.lose("eu", wire.Node, "403 Forbidden")
    assert fleet.source("eu").reason == "Nodes: 403 Forbidden"
    fleet.remove("eu", NODE_PORT)
    assert freshness(fleet) is Freshness.FRESH


@pytest.mark.parametrize("kind", [wire.Service, wire.EndpointSlice])
def test_a_lost_view_is_stale_with_its_reason_and_keeps_everything(
    fleet: FoldingFleet, kind: type[wire.Watched]
) -> None:
    fleet.listed("eu", WEB, slices=[sliced("web", 2)])
    before = rows(fleet)
    taken = fleet.lose("eu", kind, "connection refused")
    assert not taken.dirty
    assert freshness(fleet) is Freshness.STALE
    assert fleet.source("eu").reason == f"{kind.__name__}s: connection refused"
    assert rows(fleet) == before


def test_a_watch_that_resumes_is_fresh_without_a_list(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.lose("eu")
    fleet.resume("eu")
    assert freshness(fleet) is Freshness.FRESH


def test_a_watch_cannot_resume_what_was_never_listed(fleet: FoldingFleet) -> None:
    fleet.resume("eu")
    fleet.resume("eu", wire.EndpointSlice)
    assert freshness(fleet) is Freshness.STALE


def test_every_reason_of_a_stale_view_is_told(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.lose("eu", wire.Service, "401 Unauthorized")
    fleet.lose("eu", wire.EndpointSlice, "timed out")
    assert fleet.source("eu").reason == "Services: 401 Unauthorized; EndpointSlices: timed out"
    fleet.resume("eu", wire.Service)
    assert fleet.source("eu").reason == "EndpointSlices: timed out"


def test_one_reason_of_several_kinds_is_told_once(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.upsert("eu", NODE_PORT)
    assert fleet.source("eu").reason == "Nodes: not listed yet"
    for kind in (wire.Node, wire.EndpointSlice, wire.Service):
        fleet.lose("eu", kind, "connection refused")
    assert fleet.source("eu").reason == "Services, EndpointSlices, Nodes: connection refused"
    fleet.lose("eu", wire.EndpointSlice, "timed out")
    assert fleet.source("eu").reason == "Services, Nodes: connection refused; EndpointSlices: timed out"


def test_since_moves_with_the_freshness_only(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    since_s = fleet.source("eu").since_s
    fleet.upsert("eu", balanced("web", "web.example.org", ["192.0.2.9"]))
    fleet.relist("eu", WEB)
    assert fleet.source("eu").since_s == since_s
    fleet.lose("eu")
    assert fleet.source("eu").since_s == fleet.now_s
    stale_s = fleet.now_s
    fleet.lose("eu", wire.EndpointSlice)
    assert fleet.source("eu").since_s == stale_s


def test_a_suspect_cluster_stays_suspect_while_its_view_is_lost(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.relist("eu", WEB, uid="other")
    fleet.lose("eu", wire.Service, "connection refused")
    assert freshness(fleet) is Freshness.SUSPECT
    assert fleet.source("eu").reason.endswith("; Services: connection refused")


def test_one_cluster_lost_is_no_matter_of_another(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.listed("us", WEB)
    fleet.lose("eu")
    assert freshness(fleet, "us") is Freshness.FRESH


def test_a_new_process_starts_stale_and_changes_nothing(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB, slices=[sliced("web", 2)])
    before = rows(fleet)
    fleet.now_s += 500
    fleet.restart()
    assert freshness(fleet) is Freshness.STALE
    assert fleet.source("eu").since_s == fleet.now_s
    assert "not listed yet" in fleet.source("eu").reason
    assert fleet.source("eu").uid == "uid-eu"
    fleet.refold(fleet.table.rows)
    assert rows(fleet) == before


def test_a_second_process_over_the_same_view_writes_nothing(fleet: FoldingFleet) -> None:
    """Law 5: the same lists again leave rows as they are."""
    fleet.listed("eu", WEB, slices=[sliced("web", 2)])
    before = rows(fleet)
    fleet.restart()
    fleet.listed("eu", WEB, slices=[sliced("web", 2)])
    assert rows(fleet) == before


def test_an_event_that_changes_nothing_costs_no_delta(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB, slices=[sliced("web", 2)])
    generation = fleet.table.generation
    assert not fleet.upsert("eu", WEB).dirty
    assert not fleet.upsert("eu", sliced("web", 2)).dirty
    fleet.upsert("eu", balanced("unannotated", None))
    fleet.remove("eu", balanced("unannotated", None))
    assert fleet.table.generation == generation


def test_one_change_marks_its_own_service_only(fleet: FoldingFleet) -> None:
    """Law 6."""
    fleet.listed("eu", *(balanced(f"s{n}", f"s{n}.example.org") for n in range(50)))
    taken = fleet.upsert("eu", balanced("s7", "s7.example.org", ["192.0.2.77"]))
    assert taken.dirty == {fleet.key("s7")}


def test_forget_ends_a_cluster_and_only_it(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB, balanced("only", "only.example.org"))
    fleet.listed("us", WEB)
    taken = fleet.forget("eu")
    assert set(fleet.endpoints("web")) == {"us"}
    assert not fleet.endpoints("only")
    assert taken.source is None
    assert "eu" not in fleet.table.sources
    assert all(departed.watched for departed in fleet.folded[fleet.key("only")].departed)


def test_forget_works_for_a_cluster_that_was_never_seen_by_this_process(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.listed("us", WEB)
    fleet.restart()
    fleet.forget("eu")
    assert set(fleet.endpoints("web")) == {"us"}


def test_a_forgotten_cluster_that_is_still_configured_begins_anew(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.forget("eu")
    fleet.upsert("eu", WEB)
    assert not fleet.table.rows
    fleet.relist("eu", WEB, uid="a-new-server")
    assert set(fleet.endpoints("web")) == {"eu"}
    assert fleet.source("eu").uid == "a-new-server"


def test_a_cluster_removed_from_the_configuration_keeps_its_endpoints(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.listed("us", WEB)
    before = rows(fleet)
    fleet.configure([Cluster(name="us")])
    assert rows(fleet) == before
    fleet.relist("us")
    assert set(fleet.endpoints("web")) == {"eu"}


def test_a_new_process_without_it_keeps_them_too_until_it_is_forgotten(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    del fleet.clusters["eu"]
    fleet.restart()
    assert set(fleet.endpoints("web")) == {"eu"}
    assert freshness(fleet) is Freshness.STALE
    assert "until it is forgotten" in fleet.source("eu").reason
    fleet.forget("eu")
    assert not fleet.table.rows


def test_what_a_new_configuration_forbids_leaves_unwatched(fleet: FoldingFleet) -> None:
    """So that the brakes look at it: a mistyped grant must not empty a zone at once."""
    fleet.listed("eu", WEB)
    fleet.upsert("eu", balanced("web", "web.example.org", ["192.0.2.5"]))
    fleet.configure(zones=[])
    assert not fleet.table.rows
    assert [departed.watched for departed in fleet.folded[fleet.key("web")].departed] == [False]


def test_changed_properties_of_a_cluster_need_no_new_list(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.configure([Cluster(name="eu", region="eu-west-1", offers=("198.51.100.0/24",)), Cluster(name="us")])
    assert freshness(fleet) is Freshness.FRESH
    assert not fleet.table.rows
    fleet.upsert("eu", balanced("web", "web.example.org", ["198.51.100.1"]))
    assert set(fleet.endpoints("web")) == {"eu"}


def test_a_cluster_that_moves_to_another_clusterset_is_judged_by_its_next_list(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.configure([Cluster(name="eu", clusterset="dev"), Cluster(name="us")])
    assert set(fleet.endpoints("web")) == {"eu"}
    fleet.relist("eu", WEB)
    assert [row.key.clusterset for row in rows(fleet)] == ["dev"]


def test_addresses_that_leave_are_told_with_whether_it_was_watched(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1", "192.0.2.2", "192.0.2.3"]))
    fleet.upsert("eu", balanced("web", "web.example.org", ["192.0.2.1", "192.0.2.2"]))
    (watched,) = fleet.folded[fleet.key("web")].departed
    assert (watched.cluster, watched.addresses, watched.watched) == ("eu", ("192.0.2.3",), True)
    fleet.relist("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    (unwatched,) = fleet.folded[fleet.key("web")].departed
    assert (unwatched.addresses, unwatched.watched) == (("192.0.2.2",), False)
    fleet.relist("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    fleet.refold([fleet.key("web")])
    assert not fleet.folded[fleet.key("web")].departed


def test_many_short_lived_services_leave_nothing_behind(fleet: FoldingFleet) -> None:
    """Memory follows what is there, not what has been."""
    fleet.listed("eu", WEB)
    for number in range(300):
        service = balanced(f"job{number}", f"job{number}.example.org")
        fleet.upsert("eu", service)
        fleet.remove("eu", service)
    assert len(fleet.table.rows) == 1
    assert len(fleet.inventory.departures("eu")) <= 128
