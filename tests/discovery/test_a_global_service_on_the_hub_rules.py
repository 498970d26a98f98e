"""A hand-written GlobalService takes over the service of its name; annotations then describe their endpoint only."""

from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.discovery.declared import HUB
from trafficfed.discovery.inventory import Taken
from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, Form, Grant, HealthCheck, WhenAllDown, Zone
from trafficfed.testing.declaring import ToldHub, written
from trafficfed.testing.folding import FoldingFleet, balanced, node

Fleet = FoldingFleet
OPEN = (Zone(name="example.org", open=True),)


def fleet_with_hub(*zones: Zone, clusters: tuple[Cluster | str, ...] = ("eu", "us")) -> tuple[Fleet, ToldHub[Taken]]:
    fleet = FoldingFleet(clusters, zones or OPEN, has_hub=True)
    return fleet, ToldHub(fleet.take)


@pytest.fixture
def both() -> tuple[Fleet, ToldHub[Taken]]:
    return fleet_with_hub()


def annotated_in_both(fleet: Fleet, **annotations: Any) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"], **annotations))
    fleet.listed("us", balanced("web", "web.example.org", ["198.51.100.1"], **annotations))


def plain(name: str, address: str) -> wire.Service:
    """A load balancer without any annotation of ours."""
    found = balanced(name, None, [address])
    return wire.Service(wire.Meta(name=name, namespace=found.metadata.namespace, uid="u"), found.spec, found.status)


def test_it_takes_over_names_and_settings(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    annotated_in_both(fleet, steering="weighted", ttl="60", health_check="tcp://:5432")
    check = {"scheme": "http", "port": 8080, "path": "/up", "intervalSeconds": 5, "timeoutSeconds": 1, "fall": 2}
    hub.listed(
        written(
            "web",
            "shop.example.org",
            steering=["geo", "failover"],
            ttl=20,
            healthCheck=check,
            whenAllDown="fallback",
            fallback=["203.0.113.9"],
        )
    )
    service = fleet.row("web").service
    assert service.hostnames == ("shop.example.org",)
    assert (service.steering, service.ttl) == (("geo", "failover"), 20)
    assert service.health_check == HealthCheck(scheme="http", port=8080, path="/up", interval_s=5, timeout_s=1, fall=2)
    assert (service.when_all_down, service.fallback) == (WhenAllDown.FALLBACK, ("203.0.113.9",))
    assert service.origin == ("hub:GlobalService/shop/web",)
    assert all(endpoint.health_check is None for endpoint in fleet.endpoints("web").values())


def test_weight_tier_target_and_drain_stay_the_endpoints_own(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    fleet.listed("eu", balanced("web", None, ["192.0.2.1"], weight="7", tier="2", target="192.0.2.77", drain="true"))
    hub.listed(written("web", "web.example.org"))
    (endpoint,) = fleet.endpoints("web").values()
    assert (endpoint.weight, endpoint.tier, endpoint.drained) == (7, 2, True)
    assert endpoint.addresses == ("192.0.2.77",)
    assert fleet.refusals("web") == ()


@pytest.mark.parametrize("hub_first", [True, False])
def test_services_need_no_annotation_where_the_hub_declares_them(hub_first: bool) -> None:
    fleet, hub = fleet_with_hub()
    steps: list[Callable[[], object]] = [
        lambda: fleet.listed("eu", plain("web", "192.0.2.1"), plain("other", "192.0.2.9")),
        lambda: hub.listed(written("web", "web.example.org")),
    ]
    for step in reversed(steps) if hub_first else steps:
        step()
    fleet.listed("us")
    fleet.upsert("us", plain("web", "198.51.100.1"))
    assert {name: each.addresses for name, each in fleet.endpoints("web").items()} == {
        "eu": ("192.0.2.1",),
        "us": ("198.51.100.1",),
    }
    assert fleet.names("web") == ("web.example.org",)
    assert [str(key) for key in fleet.table.rows] == ["default/shop/web"]


def test_nodes_addresses_count_for_plain_node_ports_too(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    ports = wire.ServiceSpec(type="NodePort", ports=[wire.ServicePort(port=80, node_port=30080)])
    fleet.list_kind("eu", wire.Node, [node("n", external=["192.0.2.50"])])
    fleet.listed("eu", wire.Service(wire.Meta(name="web", namespace="shop"), ports))
    hub.listed(written("web", "web.example.org"))
    endpoint = fleet.endpoints("web")["eu"]
    assert (endpoint.addresses, endpoint.ports) == (("192.0.2.50",), (30080,))
    fleet.upsert("eu", node("m", external=["192.0.2.51"]))
    assert fleet.endpoints("web")["eu"].addresses == ("192.0.2.50", "192.0.2.51")


def test_what_says_otherwise_is_told_once_on_the_service_itself(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    fleet.listed("eu", balanced("web", "old.example.org", ["192.0.2.1"], ttl="60", steering="weighted"))
    hub.listed(written("web", "web.example.org", steering=["weighted"]))
    assert fleet.reasons("web") == [("eu", "Overruled")]
    message = fleet.refusals("web")[0].message
    assert "GlobalService shop/web on the hub rules: trafficfed.io/hostname, trafficfed.io/ttl" in message
    fleet.upsert("eu", balanced("web", "web.example.org", ["192.0.2.1"], steering="weighted"))
    assert fleet.reasons("web") == []


def test_without_endpoints_it_is_in_order_and_waits(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    hub.listed(written("web", "web.example.org"))
    assert fleet.names("web") == ()
    assert fleet.refusals("web") == ()
    assert fleet.inventory.declares(fleet.key("web"))


def test_an_edit_moves_the_name_at_once(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    annotated_in_both(fleet)
    hub.listed(written("web", "web.example.org"))
    hub.put(written("web", "shop.example.org", "web.example.org", generation=2))
    assert fleet.names("web") == ("shop.example.org", "web.example.org")
    hub.put(written("web", "shop.example.org", generation=3))
    assert fleet.names("web") == ("shop.example.org",)


def test_a_status_alone_changes_nothing(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    annotated_in_both(fleet)
    hub.listed(written("web", "web.example.org"))
    taken = hub.put(written("web", "web.example.org", status={"serving": "2/2", "observedGeneration": 1}))
    assert taken.dirty == frozenset()
    found = fleet.inventory.declarations.written(fleet.key("web"))
    assert found is not None
    assert found.status.serving == "2/2"


def test_deletion_gives_the_name_back_to_annotations(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    annotated_in_both(fleet, ttl="60")
    hub.listed(found := written("web", "shop.example.org"))
    hub.remove(found)
    service = fleet.row("web").service
    assert (service.hostnames, service.ttl) == (("web.example.org",), 60)
    assert service.origin == ("eu:Service/shop/web", "us:Service/shop/web")


def test_deletion_removes_what_only_the_hub_named(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    fleet.listed("eu", plain("web", "192.0.2.1"))
    fleet.listed("us", balanced("web", "web.example.org", ["198.51.100.1"]))
    hub.listed(found := written("web", "shop.example.org"))
    assert sorted(fleet.endpoints("web")) == ["eu", "us"]
    hub.remove(found)
    assert sorted(fleet.endpoints("web")) == ["us"]
    departed = fleet.folded[fleet.key("web")].departed
    assert [(each.cluster, each.watched) for each in departed] == [("eu", True)]
    fleet.remove("us", balanced("web", "web.example.org", ["198.51.100.1"]))
    assert fleet.key("web") not in fleet.table.rows


def test_a_plain_service_that_goes_takes_its_endpoint_along(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    fleet.listed("eu", plain("web", "192.0.2.1"))
    fleet.listed("us", plain("web", "198.51.100.1"))
    hub.listed(written("web", "web.example.org"))
    fleet.remove("us", plain("web", "198.51.100.1"))
    assert sorted(fleet.endpoints("web")) == ["eu"]
    fleet.listed("eu")
    assert fleet.endpoints("web") == {}


def test_a_plain_service_that_went_before_leaves_nothing_behind(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    fleet.listed("eu", plain("web", "192.0.2.1"))
    fleet.remove("eu", plain("web", "192.0.2.1"))
    hub.listed(written("web", "web.example.org"))
    assert fleet.endpoints("web") == {}


def test_a_plain_service_that_cannot_be_read_now_is_known_as_it_was(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    fleet.listed("eu", plain("web", "192.0.2.1"))
    fleet.relist("eu", unreadable=["web"])
    hub.listed(written("web", "web.example.org"))
    assert fleet.endpoints("web")["eu"].addresses == ("192.0.2.1",)


def test_the_check_of_a_cluster_not_seen_yet_is_overruled_too(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    annotated_in_both(fleet, health_check="tcp://:5432")
    fleet.restart()
    hub.listed(written("web", "web.example.org", healthCheck={"scheme": "http"}))
    assert [endpoint.health_check for endpoint in fleet.endpoints("web").values()] == [None, None]
    assert fleet.row("web").service.health_check.scheme == "http"


# ---------------------------------------------------------------------- who may have which name

GRANTED = Zone(
    name="example.org", grants=(Grant(clusters=(HUB,), namespaces=("shop",), names=("*.shop.example.org",)),)
)


def test_the_hub_is_the_claimant_and_members_need_no_grant() -> None:
    fleet, hub = fleet_with_hub(GRANTED)
    annotated_in_both(fleet)
    assert fleet.names("web") == ()
    hub.listed(written("web", "web.shop.example.org"))
    assert fleet.names("web") == ("web.shop.example.org",)
    assert sorted(fleet.endpoints("web")) == ["eu", "us"]


def test_a_name_not_granted_is_one_reason_and_the_others_hold() -> None:
    fleet, hub = fleet_with_hub(GRANTED)
    fleet.listed("eu", plain("web", "192.0.2.1"))
    hub.listed(written("web", "web.shop.example.org", "www.example.org", "web.example.net"))
    assert fleet.names("web") == ("web.shop.example.org",)
    assert fleet.reasons("web") == [(HUB, "NotGranted"), (HUB, "OutsideZones")]
    told = fleet.refusals("web")[0]
    assert told.object == "GlobalService/shop/web"
    assert told.message.startswith("namespace shop of the hub is not granted www.example.org")


def test_a_grant_that_is_taken_back_gives_the_service_to_its_annotations() -> None:
    fleet, hub = fleet_with_hub(*OPEN)
    fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]), plain("other", "192.0.2.2"))
    hub.listed(written("web", "hub.example.org"), written("other", "other.example.org"))
    assert (fleet.names("web"), fleet.names("other")) == (("hub.example.org",), ("other.example.org",))
    fleet.configure(zones=[Zone(name="example.org", grants=(Grant(clusters=("eu",)),))])
    assert (fleet.names("web"), fleet.names("other")) == (("web.example.org",), ())
    assert fleet.reasons("web") == [(HUB, "NotGranted")]
    fleet.configure(zones=OPEN)
    assert (fleet.names("web"), fleet.names("other")) == (("hub.example.org",), ("other.example.org",))


def test_reasons_are_told_though_no_cluster_offers_anything() -> None:
    fleet, hub = fleet_with_hub(GRANTED)
    hub.listed(written("web", "www.example.org"))
    assert fleet.reasons("web") == [(HUB, "NotGranted")]


def test_one_that_may_have_no_name_at_all_takes_nothing_from_annotations(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    annotated_in_both(fleet)
    hub.listed(written("web", "web.example.net"))
    assert fleet.names("web") == ("web.example.org",)
    assert fleet.reasons("web") == [(HUB, "OutsideZones")]


def test_the_incumbent_keeps_a_name_from_the_hub_too(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    fleet.listed("eu", balanced("old", "www.example.org", ["192.0.2.1"]), plain("web", "192.0.2.2"))
    hub.listed(written("web", "www.example.org", "web.example.org"))
    assert fleet.names("web") == ("web.example.org",)
    assert fleet.reasons("web") == [(HUB, "Conflict")]
    assert "held by default/shop/old" in fleet.refusals("web")[0].message
    fleet.remove("eu", balanced("old", "www.example.org", ["192.0.2.1"]))
    assert fleet.names("web") == ("web.example.org", "www.example.org")
    assert fleet.reasons("web") == []


def test_what_the_hub_has_no_annotation_takes(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    fleet.listed("eu", plain("web", "192.0.2.2"))
    hub.listed(found := written("web", "www.example.org"))
    fleet.upsert("eu", balanced("late", "www.example.org", ["192.0.2.1"], created="2020-01-01T00:00:00Z"))
    assert (fleet.names("web"), fleet.names("late")) == (("www.example.org",), ())
    assert fleet.reasons("late") == [("eu", "Conflict")]
    hub.remove(found)
    assert (fleet.names("web"), fleet.names("late")) == ((), ("www.example.org",))


@pytest.mark.parametrize(("created", "holder"), [("2020-01-01T00:00:00Z", "other"), ("2027-01-01T00:00:00Z", "web")])
def test_of_two_that_come_at_once_the_older_object_has_the_name(
    both: tuple[Fleet, ToldHub[Taken]], created: str, holder: str
) -> None:
    fleet, hub = both
    hub.listed(written("web", "www.example.org"))
    fleet.listed("eu", plain("web", "192.0.2.2"), balanced("other", "www.example.org", ["192.0.2.1"], created=created))
    assert {name: fleet.names(name) for name in ("web", "other") if fleet.names(name)} == {holder: ("www.example.org",)}


def test_a_name_that_puts_a_cluster_out_is_not_taken() -> None:
    inner = Zone(name="in.example.org", open=True, publish=("192.0.2.0/24",))
    fleet, hub = fleet_with_hub(*OPEN, inner)
    annotated_in_both(fleet)
    hub.listed(written("web", "web.example.org"))
    hub.put(written("web", "web.example.org", "web.in.example.org", generation=2))
    assert fleet.names("web") == ("web.example.org",)
    assert sorted(fleet.endpoints("web")) == ["eu", "us"]
    assert fleet.reasons("web") == [(HUB, "ForbiddenAddress")]


def test_addresses_keep_to_what_zones_and_clusters_allow() -> None:
    fleet, hub = fleet_with_hub(
        Zone(name="example.org", open=True, publish=("192.0.2.0/24",)),
        clusters=(Cluster(name="eu"), Cluster(name="us")),
    )
    annotated_in_both(fleet)
    hub.listed(written("web", "web.example.org"))
    assert sorted(fleet.endpoints("web")) == ["eu"]
    assert fleet.reasons("web") == [("us", "ForbiddenAddress")]


# ---------------------------------------------------------------------- what it is about


def test_clustersets_stay_apart() -> None:
    clusters = (Cluster(name="eu", clusterset="prod"), Cluster(name="us", clusterset="dev"))
    fleet, hub = fleet_with_hub(clusters=clusters)
    annotated_in_both(fleet)
    hub.listed(written("web", "shop.example.org"))
    assert {str(key): row.service.hostnames for key, row in fleet.table.rows.items()} == {
        "prod/shop/web": ("web.example.org",)
    }
    silent = fleet.folded[fleet.key("web", "")].refusals
    assert [(each.cluster, each.reason) for each in silent] == [(HUB, "UnknownClusterset")]
    assert "one of dev, prod" in silent[0].message
    hub.put(written("web", "shop.example.org", clusterset="dev", generation=2))
    assert {str(key): row.service.hostnames for key, row in fleet.table.rows.items()} == {
        "prod/shop/web": ("web.example.org",),
        "dev/shop/web": ("shop.example.org",),
    }
    hub.put(written("web", "shop.example.org", clusterset="prod", generation=3))
    assert fleet.table.rows[fleet.key("web", "prod")].service.hostnames == ("shop.example.org",)


@pytest.mark.parametrize(
    ("spec", "what"),
    [
        ({"healthCheck": {"intervalSeconds": "10s"}}, "intervalSeconds"),
        ({"healthCheck": {"timeoutSeconds": 0}}, "timeoutSeconds"),
        ({"whenAllDown": "elsewhere"}, "elsewhere"),
        ({"ttl": 0}, "ttl"),
        ({"steering": ["random"]}, "random"),
    ],
)
def test_what_cannot_be_read_is_one_reason_and_what_was_said_before_holds(
    both: tuple[Fleet, ToldHub[Taken]], spec: dict[str, Any], what: str
) -> None:
    fleet, hub = both
    fleet.listed("eu", plain("web", "192.0.2.1"))
    hub.listed(written("web", "web.example.org", ttl=20))
    hub.put(written("web", "web.example.org", generation=2, **spec))
    assert fleet.row("web").service.ttl == 20
    assert fleet.reasons("web") == [(HUB, "InvalidSpec")]
    assert what in fleet.refusals("web")[0].message
    hub.listed(written("web", "web.example.org", generation=2, **spec))
    assert fleet.row("web").service.ttl == 20
    hub.put(written("web", "web.example.org", generation=3, ttl=25))
    assert (fleet.row("web").service.ttl, fleet.reasons("web")) == (25, [])


@pytest.mark.parametrize(
    ("fallback", "reason", "kept"),
    [
        ("not a name", "InvalidFallback", ()),
        ("backup.example.net", "InvalidFallback", ()),
        ("127.0.0.1", "ForbiddenAddress", ()),
        ("203.0.113.9", "", ("203.0.113.9",)),
    ],
)
def test_a_fallback_that_cannot_be_given_out_is_told(
    both: tuple[Fleet, ToldHub[Taken]], fallback: str, reason: str, kept: tuple[str, ...]
) -> None:
    fleet, hub = both
    fleet.listed("eu", plain("web", "192.0.2.1"))
    hub.listed(written("web", "web.example.org", whenAllDown="fallback", fallback=[fallback]))
    assert fleet.row("web").service.fallback == kept
    assert fleet.reasons("web") == ([(HUB, reason)] if reason else [])


def test_a_fallback_that_is_none_is_told_before_there_are_endpoints(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    hub.listed(written("web", "web.example.org", whenAllDown="fallback", fallback=["not a name"]))
    before = fleet.refusals("web")
    assert [(each.cluster, each.reason) for each in before] == [(HUB, "InvalidFallback")]
    fleet.listed("eu", plain("web", "192.0.2.1"))
    assert fleet.refusals("web") == before


def test_the_form_follows_the_endpoints_unless_it_is_stated_and_can_be(both: tuple[Fleet, ToldHub[Taken]]) -> None:
    fleet, hub = both
    fleet.listed("eu", plain("web", "lb.example.net"))
    hub.listed(written("web", "web.example.org"))
    assert fleet.row("web").service.form is Form.HOSTNAME
    hub.put(written("web", "web.example.org", targetForm="address", generation=2))
    assert fleet.row("web").service.form is Form.ADDRESS
    hub.put(written("web", "web.example.org", targetForm="hostname", generation=3))
    assert fleet.row("web").service.form is Form.HOSTNAME
    fleet.listed("us", plain("web", "198.51.100.1"))
    assert fleet.row("web").service.form is Form.ADDRESS
    assert fleet.reasons("web") == [(HUB, "FormNotPossible")]
    assert fleet.refusals("web")[0].message.startswith("targetForm: hostname cannot be")
