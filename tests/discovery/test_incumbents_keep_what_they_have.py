"""Whose name and setting counts: the table's, else who is granted, else the oldest object, then the cluster's name."""

import itertools

import pytest

from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, Form, Grant, Zone
from trafficfed.testing.folding import FoldingFleet, balanced

OLD, NEW = "2020-01-01T00:00:00Z", "2026-01-01T00:00:00Z"


def test_the_same_namespace_and_name_in_several_clusters_is_one_service(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    fleet.listed("us", balanced("web", "web.example.org", ["192.0.2.2"]))
    row = fleet.row("web")
    assert [(each.cluster, each.addresses) for each in row.endpoints] == [
        ("eu", ("192.0.2.1",)),
        ("us", ("192.0.2.2",)),
    ]
    assert row.service.origin == ("eu:Service/shop/web", "us:Service/shop/web")
    assert not fleet.refusals("web")


def test_sameness_ends_at_the_clusterset() -> None:
    """A development cluster never joins production by chance: its claim of the same name is a conflict."""
    fleet = FoldingFleet([Cluster(name="eu", clusterset="prod"), Cluster(name="dev", clusterset="dev")])
    fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    fleet.listed("dev", balanced("web", "web.example.org", ["192.0.2.66"], created=OLD))
    assert [row.key.clusterset for row in fleet.table.rows.values()] == ["prod"]
    (refusal,) = fleet.folded[fleet.key("web", "dev")].refusals
    assert (refusal.cluster, refusal.reason) == ("dev", "Conflict")
    assert "held by prod/shop/web" in refusal.message


def test_the_incumbent_keeps_its_name_from_an_older_object(fleet: FoldingFleet) -> None:
    fleet.listed("us", balanced("web", "web.example.org", created=NEW))
    fleet.listed("eu", balanced("rival", "web.example.org", ["192.0.2.9"], created=OLD))
    assert fleet.names("web") == ("web.example.org",)
    assert not fleet.names("rival")
    assert fleet.reasons("rival") == [("eu", "Conflict")]


def test_the_incumbent_keeps_its_name_while_its_cluster_is_not_seen(fleet: FoldingFleet) -> None:
    """After a restart eu is unreachable: us cannot take eu's name meanwhile."""
    fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
    fleet.restart()
    fleet.listed("us", balanced("rival", "web.example.org", ["192.0.2.9"], created=OLD))
    assert fleet.endpoints("web")["eu"].addresses == ("192.0.2.1",)
    assert not fleet.names("rival")


def test_where_nobody_holds_it_the_oldest_object_gets_the_name() -> None:
    for order in itertools.permutations(("eu", "us", "ap")):
        fleet = FoldingFleet(["eu", "us", "ap"])
        objects = {
            "eu": balanced("a", "web.example.org", created=NEW),
            "us": balanced("b", "web.example.org", created=OLD),
            "ap": balanced("c", "web.example.org", created=NEW),
        }
        dirty = [fleet.inventory.take(c, wire.Listed(wire.Service, (objects[c],), 1, "uid"), 1.0).dirty for c in order]
        fleet.refold(frozenset().union(*dirty))
        assert [row.key.name for row in fleet.table.rows.values()] == ["b"]
        assert fleet.reasons("a") == [("eu", "Conflict")]
        assert fleet.reasons("c") == [("ap", "Conflict")]


def test_of_equally_old_objects_the_clusters_name_decides(fleet: FoldingFleet) -> None:
    for cluster, name in (("us", "a"), ("eu", "b")):
        event = wire.Listed(wire.Service, (balanced(name, "web.example.org"),), 1, "uid")
        fleet.inventory.take(cluster, event, 1.0)
    fleet.refold([fleet.key("a"), fleet.key("b")])
    assert fleet.names("b") == ("web.example.org",)
    assert not fleet.names("a")


def test_within_a_cluster_the_services_name_decides_at_last(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("b", "web.example.org"), balanced("a", "web.example.org"))
    assert fleet.names("a") == ("web.example.org",)
    assert fleet.reasons("b") == [("eu", "Conflict")]


def test_grants_come_before_age() -> None:
    zone = Zone(name="example.org", grants=(Grant(clusters=("us",)),))
    fleet = FoldingFleet(zones=[zone])
    fleet.inventory.take("eu", wire.Listed(wire.Service, (balanced("a", "web.example.org", created=OLD),), 1, "u"), 1.0)
    fleet.inventory.take("us", wire.Listed(wire.Service, (balanced("b", "web.example.org", created=NEW),), 1, "v"), 1.0)
    fleet.refold([fleet.key("a"), fleet.key("b")])
    assert fleet.names("b") == ("web.example.org",)
    assert fleet.reasons("a") == [("eu", "NotGranted")]


def test_a_claim_that_reaches_nothing_bars_nobody(fleet: FoldingFleet) -> None:
    """An older Service that never gets an address, or only a forbidden one, does not block a name for others."""
    fleet.listed("eu", balanced("stuck", "web.example.org", [], created=OLD))
    fleet.listed(
        "us", balanced("bad", "web.example.org", ["127.0.0.1"], created=OLD), balanced("web", "web.example.org")
    )
    assert fleet.names("web") == ("web.example.org",)


def test_a_name_passes_on_when_its_holder_leaves(fleet: FoldingFleet) -> None:
    holder = balanced("a", "web.example.org")
    fleet.listed("eu", holder)
    fleet.listed("us", balanced("b", "web.example.org"), balanced("c", "web.example.org", created=OLD))
    fleet.remove("eu", holder)
    assert fleet.names("c") == ("web.example.org",)
    assert not fleet.names("a")
    assert fleet.reasons("b") == [("us", "Conflict")]
    assert not fleet.refusals("c")


def test_a_name_passes_on_when_its_holder_takes_another(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("a", "web.example.org"))
    fleet.listed("us", balanced("b", "web.example.org"))
    fleet.upsert("eu", balanced("a", "other.example.org"))
    assert fleet.names("a") == ("other.example.org",)
    assert fleet.names("b") == ("web.example.org",)


def test_two_services_may_swap_names_in_one_step(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("a", "a.example.org"), balanced("b", "b.example.org"))
    fleet.relist("eu", balanced("a", "b.example.org"), balanced("b", "a.example.org"))
    assert fleet.names("a") == ("b.example.org",)
    assert fleet.names("b") == ("a.example.org",)


def test_names_of_all_clusters_add_up(fleet: FoldingFleet) -> None:
    """A service is renamed cluster by cluster: the old name stays until the last one has dropped it."""
    fleet.listed("eu", balanced("web", "old.example.org", ["192.0.2.1"]))
    fleet.listed("us", balanced("web", "old.example.org", ["192.0.2.2"]))
    fleet.upsert("eu", balanced("web", "new.example.org", ["192.0.2.1"]))
    assert fleet.names("web") == ("new.example.org", "old.example.org")
    assert set(fleet.endpoints("web")) == {"eu", "us"}
    fleet.upsert("us", balanced("web", "new.example.org", ["192.0.2.2"]))
    assert fleet.names("web") == ("new.example.org",)


def test_a_wildcard_and_a_name_beneath_it_are_two_names(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("any", "*.example.org"), balanced("web", "web.example.org"))
    assert fleet.names("any") == ("*.example.org",)
    assert fleet.names("web") == ("web.example.org",)
    fleet.listed("us", balanced("rival", "*.example.org"))
    assert fleet.reasons("rival") == [("us", "Conflict")]


def test_wildcards_come_last_so_that_a_real_name_is_first(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "*.example.org,web.example.org,api.example.org"))
    assert fleet.names("web") == ("api.example.org", "web.example.org", "*.example.org")


@pytest.mark.parametrize(("key", "first", "second"), [("steering", "geo", "weighted"), ("ttl", "60", "90")])
def test_the_incumbent_keeps_its_contested_settings(fleet: FoldingFleet, key: str, first: str, second: str) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", created=NEW, ports=(443,), **{key: first}))
    before = fleet.row("web").service
    fleet.listed("us", balanced("web", "web.example.org", created=OLD, ports=(443,), **{key: second}))
    after = fleet.row("web").service
    assert (after.steering, after.ttl) == (before.steering, before.ttl)
    (refusal,) = fleet.refusals("web")
    assert (refusal.cluster, refusal.reason) == ("us", "Conflict")
    assert f"trafficfed.io/{key}: {first} holds" in refusal.message


def test_a_setting_changes_when_nobody_states_the_old_value(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", ttl="60"))
    fleet.listed("us", balanced("web", "web.example.org", ttl="60"))
    fleet.upsert("eu", balanced("web", "web.example.org", ttl="90"))
    assert fleet.row("web").service.ttl == 60
    fleet.upsert("us", balanced("web", "web.example.org", ttl="90"))
    assert fleet.row("web").service.ttl == 90
    assert not fleet.refusals("web")


def test_a_setting_that_nobody_states_any_more_is_the_default(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", ttl="60", steering="geo"))
    fleet.upsert("eu", balanced("web", "web.example.org"))
    assert (fleet.row("web").service.ttl, fleet.row("web").service.steering) == (30, ("multivalue",))


def test_one_cluster_may_state_what_the_others_leave_out(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"))
    fleet.listed("us", balanced("web", "web.example.org", ttl="60"))
    assert fleet.row("web").service.ttl == 60
    assert not fleet.refusals("web")


def test_a_cluster_that_is_not_seen_may_still_state_the_incumbents_setting(fleet: FoldingFleet) -> None:
    """A restart while eu, which said geo, is unreachable changes no answer."""
    fleet.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"], steering="geo"))
    fleet.listed("us", balanced("web", "web.example.org", ["192.0.2.2"], steering="weighted"))
    before = fleet.row("web")
    fleet.restart()
    fleet.listed("us", balanced("web", "web.example.org", ["192.0.2.2"], steering="weighted"))
    assert fleet.row("web") == before


def test_different_health_checks_are_no_conflict(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", health_check="https://:8443/a"))
    fleet.listed("us", balanced("web", "web.example.org", health_check="tcp://:5432"))
    found = fleet.endpoints("web")
    eu, us = found["eu"].health_check, found["us"].health_check
    assert eu is not None
    assert us is not None
    assert (eu.scheme, us.scheme) == ("https", "tcp")
    assert fleet.row("web").service.health_check == eu
    assert not fleet.refusals("web")


def test_weight_tier_and_drain_belong_to_their_cluster(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", weight="0", tier="2", drain="true"))
    fleet.listed("us", balanced("web", "web.example.org"))
    eu, us = fleet.endpoints("web")["eu"], fleet.endpoints("web")["us"]
    assert (eu.weight, eu.tier, eu.drained) == (0, 2, True)
    assert (us.weight, us.tier, us.drained) == (100, 0, False)
    assert not fleet.refusals("web")


def test_the_form_follows_the_endpoints_kinds(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", ["lb.eu.example.net"]))
    assert fleet.row("web").service.form is Form.HOSTNAME
    fleet.listed("us", balanced("web", "web.example.org", ["lb.us.example.net"]))
    assert fleet.row("web").service.form is Form.HOSTNAME
    fleet.upsert("us", balanced("web", "web.example.org", ["192.0.2.2"]))
    assert fleet.row("web").service.form is Form.ADDRESS


def test_a_zones_own_name_is_published_as_addresses(fleet: FoldingFleet) -> None:
    """No CNAME may stand at an apex."""
    fleet.listed("eu", balanced("web", "example.org,www.example.org", ["lb.eu.example.net"]))
    assert fleet.row("web").service.form is Form.ADDRESS
