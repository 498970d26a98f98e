"""Where an endpoint is reached: by load balancer, node, external name, external IP, or the address a user names."""

import pytest

from trafficfed.discovery.annotations import Targets
from trafficfed.discovery.claims import Claim, read_claim
from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, ServiceKey
from trafficfed.testing.folding import FoldingFleet, annotated, balanced, metadata, node, sliced

EU = Cluster(name="eu", clusterset="prod")


def service(type_: str | None, status: wire.ServiceStatus | None = None, **spec: object) -> wire.Service:
    others = spec.pop("annotations", {})
    assert isinstance(others, dict)
    decoded = wire.ServiceSpec(type=type_, **spec)  # type: ignore[arg-type] # fields by name
    return wire.Service(metadata("web", annotated("web.example.org", others)), decoded, status or wire.ServiceStatus())


def claim(found: wire.Service) -> Claim:
    read = read_claim(found, EU)
    assert read is not None
    return read


def node_port(*ports: int | None, **annotations: str) -> wire.Service:
    listed = [wire.ServicePort(port=80 + n, node_port=port) for n, port in enumerate(ports)]
    return service("NodePort", ports=listed, annotations=annotations)


def reached(fleet: FoldingFleet) -> tuple[str, ...]:
    return fleet.endpoints("web")["eu"].addresses


def test_a_claim_names_its_service_by_clusterset_namespace_and_name() -> None:
    read = claim(balanced("web", "web.example.org", created="2026-01-02T03:04:05Z"))
    assert read.key == ServiceKey("prod", "shop", "web")
    assert (read.cluster, read.uid, read.created_s) == ("eu", "uid-web", 1767323045.0)


@pytest.mark.parametrize("created", ["", "yesterday"])
def test_an_object_without_a_date_is_the_newest(created: str) -> None:
    undated, dated = (
        claim(balanced("web", "web.example.org", created=when)) for when in (created, "2026-01-01T00:00:00Z")
    )
    assert dated.age_order < undated.age_order


def test_an_unannotated_service_claims_nothing() -> None:
    assert read_claim(balanced("web", None), EU) is None


def test_annotations_without_a_hostname_publish_nothing_and_say_so() -> None:
    read = claim(balanced("web", None, weight="5"))
    assert not read.offers
    assert [refusal.reason for refusal in read.refusals] == ["NoHostname"]


def test_a_load_balancer_is_reached_by_its_status() -> None:
    assert claim(balanced("web", "web.example.org", ["192.0.2.2", "192.0.2.1"])).targets.addresses == (
        "192.0.2.1",
        "192.0.2.2",
    )
    assert claim(balanced("web", "web.example.org", ["LB.example.net"])).targets.hostnames == ("lb.example.net",)


def test_an_entry_with_both_is_reached_by_its_address() -> None:
    ingress = wire.LoadBalancerIngress(ip="192.0.2.1", hostname="lb.example.net")
    read = claim(service("LoadBalancer", wire.ServiceStatus(wire.LoadBalancer([ingress]))))
    assert read.targets == Targets(("192.0.2.1",))


@pytest.mark.parametrize(
    "status",
    [
        wire.ServiceStatus(),
        wire.ServiceStatus(wire.LoadBalancer()),
        wire.ServiceStatus(wire.LoadBalancer([])),
        wire.ServiceStatus(wire.LoadBalancer([wire.LoadBalancerIngress()])),
    ],
)
def test_a_load_balancer_without_an_address_yet_waits(status: wire.ServiceStatus) -> None:
    read = claim(service("LoadBalancer", status))
    assert read.offers
    assert not read.targets


def test_an_entry_of_a_status_that_is_no_address_is_left_out_and_named() -> None:
    read = claim(balanced("web", "web.example.org", ["192.0.2.1", "not_a_name"]))
    assert read.targets == Targets(("192.0.2.1",))
    (refusal,) = read.refusals
    assert refusal.reason == "InvalidAddress"
    assert "not_a_name" in refusal.message


def test_an_external_name_is_a_hostname_or_an_address() -> None:
    assert claim(service("ExternalName", external_name="Db.Example.NET.")).targets.hostnames == ("db.example.net",)
    assert claim(service("ExternalName", external_name="192.0.2.7")).targets.addresses == ("192.0.2.7",)


def test_a_cluster_ip_is_reached_by_its_external_ips() -> None:
    for type_ in ("ClusterIP", None):
        read = claim(service(type_, external_i_ps=["192.0.2.5", "2001:DB8::5"]))
        assert read.targets.addresses == ("192.0.2.5", "2001:db8::5")


@pytest.mark.parametrize("type_", ["ClusterIP", None, "Strange"])
def test_a_service_that_is_not_reachable_from_outside_offers_nothing(type_: str | None) -> None:
    read = claim(service(type_))
    assert not read.offers
    (refusal,) = read.refusals
    assert refusal.reason == "NoAddress"
    assert "trafficfed.io/target" in refusal.message


@pytest.mark.parametrize("type_", ["LoadBalancer", "NodePort", "ExternalName", "ClusterIP", "Strange"])
def test_a_target_annotation_overrides_on_any_type(type_: str) -> None:
    read = claim(service(type_, annotations={"target": "192.0.2.9,gw.example.net"}))
    assert read.offers
    assert not read.via_nodes
    assert not read.refusals
    assert read.targets == Targets(("192.0.2.9",), ("gw.example.net",))


def test_a_target_that_cannot_be_read_does_not_fall_back_to_the_address_it_overrides() -> None:
    read = claim(balanced("web", "web.example.org", ["10.0.0.1"], target="192.0.2.300"))
    assert not read.targets
    assert read.broken == ("target",)


def test_tcp_ports_come_first_and_once() -> None:
    ports = [
        wire.ServicePort(port=53, protocol="UDP"),
        wire.ServicePort(port=8443),
        wire.ServicePort(port=53, protocol="TCP"),
        wire.ServicePort(port=9000, protocol="SCTP"),
    ]
    assert claim(service("LoadBalancer", ports=ports)).ports == (8443, 53, 9000)


def test_node_ports_are_the_ports_of_a_node_port_service() -> None:
    assert claim(node_port(30080, None, 30443)).ports == (30080, 30443)


def test_nodes_that_take_traffic_stand_behind_a_node_port(fleet: FoldingFleet) -> None:
    nodes = [
        node("a", internal=["10.0.0.1"]),
        node("b", internal=["10.0.0.2"], ready="False"),
        node("c", internal=["10.0.0.3"], ready="Unknown"),
        node("d", internal=["10.0.0.4"], unschedulable=True),
        node("e", internal=["10.0.0.5"], labels={"node.kubernetes.io/exclude-from-external-load-balancers": ""}),
        node("f", internal=["10.0.0.6", "2001:db8::6"]),
    ]
    fleet.list_kind("eu", wire.Node, nodes)
    fleet.listed("eu", node_port(30080))
    assert reached(fleet) == ("10.0.0.1", "10.0.0.6", "2001:db8::6")
    assert fleet.endpoints("web")["eu"].ports == (30080,)


def test_external_addresses_of_any_node_leave_out_internal_ones_of_all(fleet: FoldingFleet) -> None:
    fleet.list_kind(
        "eu", wire.Node, [node("a", internal=["10.0.0.1"]), node("b", external=["192.0.2.2"], internal=["10.0.0.2"])]
    )
    fleet.listed("eu", node_port(30080))
    assert reached(fleet) == ("192.0.2.2",)


def test_node_changes_move_the_endpoint_and_heartbeats_do_not(fleet: FoldingFleet) -> None:
    one, two = node("a", internal=["10.0.0.1"]), node("b", internal=["10.0.0.2"])
    fleet.list_kind("eu", wire.Node, [one])
    fleet.listed("eu", node_port(30080), balanced("other", "other.example.org"))
    taken = fleet.upsert("eu", two)
    assert {key.name for key in taken.dirty} == {"web"}
    assert reached(fleet) == ("10.0.0.1", "10.0.0.2")
    assert not fleet.upsert("eu", two).dirty
    fleet.upsert("eu", node("a", internal=["10.0.0.1"], ready="Unknown"))
    assert reached(fleet) == ("10.0.0.2",)
    assert fleet.folded[fleet.key("web")].departed[0].watched
    fleet.remove("eu", one)
    fleet.upsert("eu", one)
    assert reached(fleet) == ("10.0.0.1", "10.0.0.2")


def test_services_may_come_before_their_nodes(fleet: FoldingFleet) -> None:
    fleet.listed("eu", node_port(30080))
    assert not fleet.table.rows
    assert not fleet.refusals("web")  # nothing is known to be wrong yet
    fleet.list_kind("eu", wire.Node, [node("a", internal=["10.0.0.1"])])
    assert reached(fleet) == ("10.0.0.1",)


def test_without_a_ready_node_the_last_known_addresses_stay(fleet: FoldingFleet) -> None:
    fleet.list_kind("eu", wire.Node, [node("a", internal=["10.0.0.1"])])
    fleet.listed("eu", node_port(30080))
    fleet.upsert("eu", node("a", internal=["10.0.0.1"], ready="Unknown"))
    assert reached(fleet) == ("10.0.0.1",)
    (refusal,) = fleet.refusals("web")
    assert refusal.message.startswith("no node is ready; the last known addresses stay")


def test_a_node_that_reports_no_address_proper_is_passed_over(fleet: FoldingFleet) -> None:
    fleet.list_kind("eu", wire.Node, [node("a", internal=["localhost"]), node("b", internal=["10.0.0.2"])])
    fleet.listed("eu", node_port(30080))
    assert reached(fleet) == ("10.0.0.2",)


def test_ready_counts_are_summed_over_slices(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"), slices=[sliced("web", 2, 1), sliced("web", 3, name="web-2")])
    assert fleet.endpoints("web")["eu"].ready == 5
    fleet.upsert("eu", sliced("web", 0, 3))
    assert fleet.endpoints("web")["eu"].ready == 3
    fleet.remove("eu", sliced("web", 0, 0, name="web-2"))
    assert fleet.endpoints("web")["eu"].ready == 0


def test_a_slice_that_changes_hands_counts_once(fleet: FoldingFleet) -> None:
    fleet.listed(
        "eu", balanced("web", "web.example.org"), balanced("api", "api.example.org"), slices=[sliced("web", 2)]
    )
    fleet.upsert("eu", sliced("api", 4, name="web-1"))
    assert fleet.endpoints("api")["eu"].ready == 4
    assert fleet.endpoints("web")["eu"].ready is None


def test_where_nothing_tells_readiness_is_unknown_not_zero(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"))
    assert fleet.endpoints("web")["eu"].ready is None


def test_an_absent_condition_means_ready(fleet: FoldingFleet) -> None:
    plain = wire.EndpointSlice(sliced("web", 0).metadata, [wire.SliceEndpoint(), wire.SliceEndpoint()])
    fleet.listed("eu", balanced("web", "web.example.org"), slices=[plain])
    assert fleet.endpoints("web")["eu"].ready == 2


def test_slices_may_come_before_their_service(fleet: FoldingFleet) -> None:
    fleet.listed("eu", slices=[sliced("web", 2)])
    fleet.upsert("eu", sliced("web", 1))
    fleet.upsert("eu", balanced("web", "web.example.org"))
    assert fleet.endpoints("web")["eu"].ready == 1


def test_slices_of_services_that_are_none_of_ours_mark_nothing(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"), slices=[sliced("other", 2)])
    assert not fleet.upsert("eu", sliced("other", 1)).dirty
    assert not fleet.upsert("eu", wire.EndpointSlice(wire.Meta(name="loose", namespace="shop"))).dirty


def test_until_slices_are_listed_the_tables_count_stands(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"), slices=[sliced("web", 2)])
    fleet.restart()
    fleet.relist("eu", balanced("web", "web.example.org"))
    assert fleet.endpoints("web")["eu"].ready == 2
    fleet.list_kind("eu", wire.EndpointSlice, [sliced("web", 1)])
    assert fleet.endpoints("web")["eu"].ready == 1
