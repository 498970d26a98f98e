"""An object that is in a list but cannot be decoded is there: what was known of it stands (laws 1 and 7)."""

import pytest
from msgspec.structs import replace

from trafficfed.kubernetes_api import wire
from trafficfed.model import Freshness, ServiceKey
from trafficfed.testing.folding import FoldingFleet, annotated, balanced, metadata, node, sliced

WEB = balanced("web", "web.example.org", ["192.0.2.1"])
MOVED = balanced("web", "web.example.org", ["192.0.2.99"])
API = balanced("api", "api.example.org", ["192.0.2.2"])
BARE = balanced("web", None, ["192.0.2.1"])
MANY = [balanced(f"s{number}", f"s{number}.example.org", [f"192.0.2.{number + 10}"]) for number in range(20)]
NODE_PORT = wire.Service(
    metadata("np", annotated("np.example.org")),
    wire.ServiceSpec(type="NodePort", ports=[wire.ServicePort(port=80, node_port=30080)]),
)


def address(fleet: FoldingFleet, name: str = "web") -> tuple[str, ...]:
    return fleet.endpoints(name)["eu"].addresses


def ready(fleet: FoldingFleet, name: str = "web") -> int | None:
    return fleet.endpoints(name)["eu"].ready


def known(fleet: FoldingFleet, *services: wire.Service, restarted: bool = False) -> None:
    fleet.listed("eu", *services, slices=[sliced("web", 2)])
    if restarted:
        fleet.restart()
        fleet.list_kind("eu", wire.EndpointSlice, [sliced("web", 2)])


RESTARTED = pytest.mark.parametrize("restarted", [False, True])


# ---------------------------------------------------------------------- Services


@RESTARTED
def test_a_service_keeps_its_endpoint(fleet: FoldingFleet, restarted: bool) -> None:
    known(fleet, WEB, API, restarted=restarted)
    before = fleet.row("web")
    fleet.relist("eu", API, unreadable=["web"])
    assert fleet.row("web") == before
    assert fleet.source("eu").freshness is Freshness.FRESH
    assert fleet.source("eu").missing == ()


@RESTARTED
def test_a_whole_cluster_that_cannot_be_read_is_not_gone(fleet: FoldingFleet, restarted: bool) -> None:
    """As after an upgrade of the API that changes a field's type."""
    known(fleet, *MANY, restarted=restarted)
    fleet.relist("eu", unreadable=[service.metadata.name for service in MANY])
    assert fleet.source("eu").freshness is Freshness.FRESH
    assert len(fleet.table.rows) == len(MANY)


@RESTARTED
def test_it_does_not_count_among_those_that_are_gone(fleet: FoldingFleet, restarted: bool) -> None:
    known(fleet, *MANY, restarted=restarted)
    unreadable = [service.metadata.name for service in MANY[5:]]
    fleet.relist("eu", unreadable=unreadable)
    assert fleet.source("eu").freshness is Freshness.FRESH
    assert {key.name for key in fleet.table.rows} == set(unreadable)


@RESTARTED
def test_its_deletion_is_seen_all_the_same(fleet: FoldingFleet, restarted: bool) -> None:
    known(fleet, WEB, restarted=restarted)
    fleet.relist("eu", unreadable=["web"])
    fleet.remove("eu", wire.Service(wire.Meta(name="web", namespace="shop")))
    assert not fleet.endpoints("web")


@RESTARTED
def test_once_readable_it_is_taken_as_it_is(fleet: FoldingFleet, restarted: bool) -> None:
    known(fleet, WEB, restarted=restarted)
    fleet.relist("eu", unreadable=["web"])
    fleet.upsert("eu", MOVED)
    assert address(fleet) == ("192.0.2.99",)


@RESTARTED
def test_once_readable_without_annotations_it_is_withdrawn(fleet: FoldingFleet, restarted: bool) -> None:
    known(fleet, WEB, restarted=restarted)
    fleet.relist("eu", unreadable=["web"])
    fleet.upsert("eu", BARE)
    assert not fleet.endpoints("web")


@RESTARTED
def test_once_gone_from_a_list_it_is_gone(fleet: FoldingFleet, restarted: bool) -> None:
    known(fleet, WEB, API, restarted=restarted)
    fleet.relist("eu", API, unreadable=["web"])
    fleet.relist("eu", API)
    assert not fleet.endpoints("web")
    assert fleet.endpoints("api")


def test_one_that_was_held_as_missing_is_missing_no_more(fleet: FoldingFleet) -> None:
    known(fleet, *MANY)
    fleet.relist("eu")
    assert len(fleet.source("eu").missing) == len(MANY)
    fleet.relist("eu", *MANY[1:], unreadable=["s0"])
    assert (fleet.source("eu").freshness, fleet.source("eu").missing) == (Freshness.FRESH, ())
    assert address(fleet, "s0") == ("192.0.2.10",)


def test_one_that_nobody_knew_is_nothing(fleet: FoldingFleet) -> None:
    fleet.listed("eu", API)
    fleet.relist("eu", API, unreadable=["web"])
    assert set(fleet.table.rows) == {fleet.key("api")}
    fleet.remove("eu", WEB)
    assert set(fleet.table.rows) == {fleet.key("api")}


def test_another_clusters_endpoints_are_no_matter_of_it(fleet: FoldingFleet) -> None:
    fleet.listed("us", WEB)
    known(fleet, WEB)
    fleet.relist("eu", unreadable=["web"])
    fleet.relist("us")
    assert set(fleet.endpoints("web")) == {"eu"}


# ---------------------------------------------------------------------- EndpointSlices


def test_a_slice_keeps_its_last_number(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB, slices=[sliced("web", 2, name="a"), sliced("web", 3, name="b")])
    fleet.list_kind("eu", wire.EndpointSlice, [sliced("web", 1, name="b")], unreadable=["a"])
    assert ready(fleet) == 3
    fleet.list_kind("eu", wire.EndpointSlice, unreadable=["a"])
    assert ready(fleet) == 2


def test_a_slice_that_never_could_be_read_leaves_the_tables_count(fleet: FoldingFleet) -> None:
    """None of the readable ones may speak for the whole: zero ready would take the endpoint out."""
    known(fleet, WEB)
    fleet.restart()
    fleet.relist("eu", WEB)
    fleet.list_kind("eu", wire.EndpointSlice, [sliced("web", 0, 2, name="b")], unreadable=["a"])
    assert ready(fleet) == 2
    assert fleet.source("eu").freshness is Freshness.FRESH
    fleet.upsert("eu", sliced("web", 0, 3, name="b"))
    assert ready(fleet) == 2


@pytest.mark.parametrize("services_first", [True, False])
def test_once_every_slice_is_readable_or_gone_their_sum_counts(fleet: FoldingFleet, services_first: bool) -> None:
    known(fleet, WEB)
    fleet.restart()
    if services_first:
        fleet.relist("eu", WEB)
    fleet.list_kind("eu", wire.EndpointSlice, [sliced("web", 1, name="c")], unreadable=["a", "b"])
    if not services_first:
        fleet.relist("eu", WEB)
    fleet.upsert("eu", sliced("web", 4, name="a"))
    assert ready(fleet) == 2
    fleet.remove("eu", sliced("web", 0, name="b"))
    assert ready(fleet) == 5


def test_the_next_list_that_is_readable_counts(fleet: FoldingFleet) -> None:
    known(fleet, WEB)
    fleet.restart()
    fleet.relist("eu", WEB)
    fleet.list_kind("eu", wire.EndpointSlice, unreadable=["a"])
    fleet.list_kind("eu", wire.EndpointSlice)
    assert ready(fleet) is None


def test_other_namespaces_are_counted_as_ever(fleet: FoldingFleet) -> None:
    bank = replace(WEB, metadata=replace(WEB.metadata, namespace="bank", annotations=annotated("bank.example.org")))
    slice_ = sliced("web", 3)
    theirs = replace(slice_, metadata=replace(slice_.metadata, namespace="bank"))
    known(fleet, WEB, bank)
    fleet.restart()
    fleet.relist("eu", WEB, bank)
    fleet.list_kind("eu", wire.EndpointSlice, [theirs], unreadable=["a"])
    (endpoint,) = fleet.table.rows[ServiceKey("default", "bank", "web")].endpoints
    assert (endpoint.ready, ready(fleet)) == (3, 2)


# ---------------------------------------------------------------------- Nodes


def test_a_node_keeps_its_addresses(fleet: FoldingFleet) -> None:
    fleet.list_kind("eu", wire.Node, [node("a", external=["192.0.2.71"]), node("b", external=["192.0.2.72"])])
    fleet.listed("eu", NODE_PORT)
    fleet.list_kind("eu", wire.Node, [node("b", external=["192.0.2.73"])], unreadable=["a"])
    assert address(fleet, "np") == ("192.0.2.71", "192.0.2.73")


def test_nodes_none_of_which_could_ever_be_read_leave_the_tables_addresses(fleet: FoldingFleet) -> None:
    fleet.list_kind("eu", wire.Node, [node("a", external=["192.0.2.71"])])
    fleet.listed("eu", NODE_PORT)
    fleet.restart()
    fleet.listed("eu", NODE_PORT)
    fleet.list_kind("eu", wire.Node, unreadable=["a"])
    assert address(fleet, "np") == ("192.0.2.71",)
    fleet.upsert("eu", node("a", external=["192.0.2.74"]))
    assert address(fleet, "np") == ("192.0.2.74",)
