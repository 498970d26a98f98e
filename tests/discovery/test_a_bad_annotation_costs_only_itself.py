"""Laws 1 and 7: what cannot be read leaves the table's setting in force, and never takes an endpoint out."""

import pytest

from trafficfed.kubernetes_api import wire
from trafficfed.model import HealthCheck
from trafficfed.testing.folding import FoldingFleet, annotated, balanced, metadata

GOOD = {
    "steering": "geo,weighted",
    "weight": "30",
    "tier": "1",
    "health-check": "https://:8443/healthz",
    "ttl": "60",
    "target": "192.0.2.7",
    "drain": "false",
}
BAD = {**dict.fromkeys(GOOD, "n!onsense"), "health-check": "grpc://:9090"}


def web(**others: str) -> wire.Service:
    keys = {key.replace("_", "-"): text for key, text in others.items()}
    service = balanced("web", "web.example.org")
    return wire.Service(metadata("web", annotated("web.example.org", keys)), service.spec, service.status)


def with_one_bad(key: str) -> wire.Service:
    return web(**{**GOOD, key: BAD[key]})


@pytest.mark.parametrize("key", GOOD)
def test_a_setting_that_cannot_be_read_stays_as_it_was(fleet: FoldingFleet, key: str) -> None:
    fleet.listed("eu", web(**GOOD))
    before = fleet.row("web")
    fleet.upsert("eu", with_one_bad(key))
    assert fleet.row("web") == before
    (refusal,) = fleet.refusals("web")
    assert refusal.reason == "InvalidAnnotation"
    assert f"trafficfed.io/{key}" in refusal.message


@pytest.mark.parametrize("key", GOOD)
def test_it_stays_as_it_was_through_a_restart_too(fleet: FoldingFleet, key: str) -> None:
    fleet.listed("eu", web(**GOOD))
    before = fleet.row("web")
    fleet.upsert("eu", with_one_bad(key))
    fleet.restart()
    fleet.listed("eu", with_one_bad(key))
    assert fleet.row("web") == before


@pytest.mark.parametrize("key", GOOD)
def test_the_refusal_is_cleared_when_it_is_mended(fleet: FoldingFleet, key: str) -> None:
    fleet.listed("eu", with_one_bad(key))
    assert fleet.refusals("web")
    fleet.upsert("eu", web(**GOOD))
    assert not fleet.refusals("web")


def test_a_new_endpoint_with_a_bad_weight_takes_no_traffic_from_others(fleet: FoldingFleet) -> None:
    fleet.listed("eu", web(weight="10%"))
    assert fleet.endpoints("web")["eu"].weight == 0


def test_a_new_endpoint_with_a_bad_tier_stands_by(fleet: FoldingFleet) -> None:
    fleet.listed("eu", web(tier="second"))
    assert fleet.endpoints("web")["eu"].tier == 65535


def test_a_new_endpoint_with_a_bad_drain_stays_drained(fleet: FoldingFleet) -> None:
    fleet.listed("eu", web(drain="yes"))
    assert fleet.endpoints("web")["eu"].drained


def test_a_new_endpoint_with_a_bad_target_waits(fleet: FoldingFleet) -> None:
    """Its own address may be just what the override was to hide."""
    fleet.listed("eu", web(target="192.0.2.300"))
    assert not fleet.table.rows
    assert fleet.reasons("web") == [("eu", "InvalidAnnotation")]


def test_a_new_service_with_bad_settings_has_the_defaults(fleet: FoldingFleet) -> None:
    fleet.listed("eu", web(steering="gio", ttl="soon", health_check="grpc://:9090"))
    service = fleet.row("web").service
    assert (service.steering, service.ttl, service.health_check) == (("multivalue",), 30, HealthCheck())


def test_another_cluster_that_states_it_well_is_not_hindered(fleet: FoldingFleet) -> None:
    fleet.listed("eu", web(ttl="soon"))
    fleet.listed("us", web(ttl="60"))
    assert fleet.row("web").service.ttl == 30  # the table's, since eu may mean it
    fleet.upsert("eu", web())
    assert fleet.row("web").service.ttl == 60


@pytest.mark.parametrize("bad", ["web..example.org", "", "under_score.example.org", ","])
def test_an_unreadable_hostname_keeps_the_names_in_the_table(fleet: FoldingFleet, bad: str) -> None:
    fleet.listed("eu", balanced("web", "web.example.org,www.example.org"))
    before = fleet.row("web")
    fleet.upsert("eu", balanced("web", bad))
    assert fleet.row("web") == before
    assert fleet.reasons("web") == [("eu", "InvalidAnnotation")]


def test_an_unreadable_entry_keeps_the_table_and_the_readable_ones_count(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"))
    fleet.upsert("eu", balanced("web", "new.example.org,w w w"))
    assert fleet.names("web") == ("new.example.org", "web.example.org")


def test_a_name_kept_by_an_unreadable_annotation_is_kept_from_rivals(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"))
    fleet.upsert("eu", balanced("web", "web..example.org"))
    fleet.listed("us", balanced("rival", "web.example.org", created="2020-01-01T00:00:00Z"))
    assert fleet.names("web") == ("web.example.org",)
    assert fleet.reasons("rival") == [("us", "Conflict")]


def test_an_unreadable_hostname_without_a_row_claims_nothing(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web..example.org"))
    assert not fleet.table.rows
    assert fleet.reasons("web") == [("eu", "InvalidAnnotation")]


def test_an_unreadable_hostname_does_not_join_a_service_of_other_clusters(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"))
    fleet.listed("us", balanced("web", "web..example.org", ["192.0.2.2"]))
    assert set(fleet.endpoints("web")) == {"eu"}


def test_an_address_that_comes_to_be_missing_keeps_the_last_known(fleet: FoldingFleet) -> None:
    """A load balancer's status that is empty for a moment is no deletion; probes decide."""
    fleet.listed("eu", balanced("web", "web.example.org"))
    fleet.upsert("eu", balanced("web", "web.example.org", []))
    assert fleet.endpoints("web")["eu"].addresses == ("192.0.2.1",)
    assert fleet.reasons("web") == [("eu", "NoAddress")]


def test_an_address_that_may_not_be_published_keeps_the_last_known(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"))
    fleet.upsert("eu", balanced("web", "web.example.org", ["127.0.0.1"]))
    assert fleet.endpoints("web")["eu"].addresses == ("192.0.2.1",)
    assert fleet.reasons("web") == [("eu", "ForbiddenAddress")]


def test_a_first_address_that_is_awaited_says_so(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org", []))
    (refusal,) = fleet.refusals("web")
    assert refusal.reason == "NoAddress"
    assert "its status names no address; it waits for one" in refusal.message


def test_one_bad_object_leaves_its_neighbours_alone(fleet: FoldingFleet) -> None:
    bad = [balanced(f"bad{n}", text) for n, text in enumerate(["", "a..b", "x" * 300, "\x00"])]
    fleet.listed("eu", *bad, balanced("web", "web.example.org"))
    assert [row.key.name for row in fleet.table.rows.values()] == ["web"]


def test_removing_the_hostname_withdraws_the_endpoint_before_our_eyes(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"))
    fleet.listed("us", balanced("web", "web.example.org", ["192.0.2.2"]))
    fleet.upsert("us", balanced("web", None, weight="5"))
    assert set(fleet.endpoints("web")) == {"eu"}
    assert fleet.folded[fleet.key("web")].departed[0].watched
    assert fleet.reasons("web") == [("us", "NoHostname")]


def test_removing_all_annotations_withdraws_the_endpoint(fleet: FoldingFleet) -> None:
    fleet.listed("eu", balanced("web", "web.example.org"))
    fleet.upsert("eu", balanced("web", None))
    assert not fleet.table.rows


def test_a_service_turned_inwards_withdraws_its_endpoint(fleet: FoldingFleet) -> None:
    service = balanced("web", "web.example.org")
    fleet.listed("eu", service)
    fleet.upsert("eu", wire.Service(service.metadata, wire.ServiceSpec(type="ClusterIP")))
    assert not fleet.table.rows
    assert fleet.reasons("web") == [("eu", "NoAddress")]
