"""Law 11: names are granted per zone, addresses stay inside what zone and cluster declare."""

import fnmatch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.discovery.addresses import FORBIDDEN, canonical_literal, parse_address, parse_network
from trafficfed.discovery.guard import Guard
from trafficfed.errors import ConfigError
from trafficfed.model import Cluster, Grant, Zone
from trafficfed.testing.folding import FoldingFleet, balanced

FORBIDDEN_ADDRESSES = [
    "127.0.0.1",
    "127.255.0.9",
    "::1",
    "0.0.0.0",
    "::",
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "224.0.0.1",
    "ff02::1",
    "255.255.255.255",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    "::ffff:127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::1",
]


def guard(zone: Zone, cluster: Cluster | None = None) -> Guard:
    return Guard({} if cluster is None else {cluster.name: cluster}, [zone])


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_special_addresses_are_never_published_by_default(address: str) -> None:
    assert guard(Zone(name="example.org")).objection(address, "eu", "www.example.org")


@pytest.mark.parametrize("address", FORBIDDEN_ADDRESSES)
def test_a_wide_range_does_not_list_them_by_accident(address: str) -> None:
    zone = Zone(name="example.org", publish=("0.0.0.0/0", "::/0"))
    assert "list" in guard(zone).objection(address, "eu", "www.example.org")


@pytest.mark.parametrize(
    ("address", "listed"),
    [
        ("127.1.2.3", "127.0.0.0/8"),
        ("127.1.2.3", "127.1.0.0/16"),
        ("169.254.169.254", "169.254.169.254/32"),
        ("::1", "::1"),
    ],
)
def test_listing_a_special_range_allows_it(address: str, listed: str) -> None:
    zone = Zone(name="example.org", publish=("192.0.2.0/24", listed))
    assert guard(zone).objection(address, "eu", "www.example.org") == ""


def test_another_range_listed_beside_does_not_help() -> None:
    zone = Zone(name="example.org", publish=("127.1.0.0/16",))
    assert guard(zone).objection("127.2.0.1", "eu", "www.example.org")


@pytest.mark.parametrize("address", ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fd12:3456::1"])
def test_other_addresses_are_allowed_where_no_range_is_stated(address: str) -> None:
    assert guard(Zone(name="example.org")).objection(address, "eu", "www.example.org") == ""


def test_stated_ranges_of_zone_and_cluster_both_hold() -> None:
    cluster = Cluster(name="eu", offers=("192.0.2.0/25",))
    zone = Zone(name="example.org", publish=("192.0.2.0/24",))
    asked = guard(zone, cluster)
    assert asked.objection("192.0.2.1", "eu", "www.example.org") == ""
    assert asked.objection("192.0.2.200", "us", "www.example.org") == ""
    assert "outside offers of cluster eu" in asked.objection("192.0.2.200", "eu", "www.example.org")
    assert "outside publish of zone example.org" in asked.objection("198.51.100.1", "eu", "www.example.org")


def test_a_text_that_is_no_address_is_objected_to() -> None:
    assert "not an IP address" in guard(Zone(name="example.org")).objection("nonsense", "eu", "www.example.org")


def test_a_range_that_is_none_is_the_users_mistake() -> None:
    with pytest.raises(ConfigError, match=r"'192\.0\.2\.0/33' is not a CIDR range"):
        guard(Zone(name="example.org", publish=("192.0.2.0/33",)))


def test_the_longest_zone_rules_by_whole_labels() -> None:
    asked = Guard({}, [Zone(name="example.org"), Zone(name="eu.example.org")])
    found = {
        name: zone.name if (zone := asked.zone_of(name)) else None
        for name in (
            "www.example.org",
            "a.eu.example.org",
            "eu.example.org",
            "neu.example.org",
            "*.eu.example.org",
            "org",
        )
    }
    assert found == {
        "www.example.org": "example.org",
        "a.eu.example.org": "eu.example.org",
        "eu.example.org": "eu.example.org",
        "neu.example.org": "example.org",
        "*.eu.example.org": "eu.example.org",
        "org": None,
    }


def test_a_grant_must_match_cluster_namespace_and_name() -> None:
    grant = Grant(clusters=("eu",), namespaces=("shop",), names=("*.shop.example.org",))
    asked = guard(Zone(name="example.org", grants=(grant,)))
    assert asked.permits("eu", "shop", "www.shop.example.org")
    assert not asked.permits("us", "shop", "www.shop.example.org")
    assert not asked.permits("eu", "bank", "www.shop.example.org")
    assert not asked.permits("eu", "shop", "www.bank.example.org")


def test_without_grants_nobody_may_unless_the_zone_is_open() -> None:
    assert not guard(Zone(name="example.org")).permits("eu", "shop", "www.example.org")
    assert guard(Zone(name="example.org", open=True)).permits("eu", "shop", "www.example.org")


def test_overlapping_grants_add_up_in_any_order() -> None:
    wide = Grant(namespaces=("platform",))
    narrow = Grant(namespaces=("shop",), names=("*.shop.example.org",))
    for grants in ((wide, narrow), (narrow, wide)):
        asked = guard(Zone(name="example.org", grants=grants))
        assert asked.permits("eu", "platform", "www.shop.example.org")
        assert asked.permits("eu", "shop", "www.shop.example.org")
        assert not asked.permits("eu", "shop", "www.example.org")


def test_a_zone_beneath_another_rules_its_own_names() -> None:
    asked = Guard({}, [Zone(name="example.org", open=True), Zone(name="eu.example.org")])
    assert asked.permits("eu", "shop", "www.example.org")
    assert not asked.permits("eu", "shop", "www.eu.example.org")


@pytest.mark.parametrize(
    ("pattern", "permitted"),
    [
        ("*.example.org", True),
        ("*", True),
        ("*example.org", True),
        ("?.example.org", False),
        ("[*].example.org", False),
        ("www.example.org", False),
        ("*.eu.example.org", False),
    ],
)
def test_a_wildcard_needs_a_pattern_that_covers_all_beneath_it(pattern: str, permitted: bool) -> None:
    asked = guard(Zone(name="example.org", grants=(Grant(names=(pattern,)),)))
    assert asked.permits("eu", "shop", "*.example.org") is permitted


LABELS = st.text("ab*?", min_size=1, max_size=3)


@given(st.builds(".".join, st.lists(LABELS, min_size=1, max_size=3)), st.text("abc", min_size=1, max_size=4))
def test_what_a_wildcard_grant_covers_the_pattern_covers_name_by_name(pattern: str, label: str) -> None:
    """If *.example.org is granted, every name beneath it would have been granted by itself."""
    full = f"{pattern}.example.org"
    asked = guard(Zone(name="example.org", grants=(Grant(names=(full,)),)))
    if asked.permits("eu", "shop", "*.example.org"):
        assert fnmatch.fnmatchcase(f"{label}.example.org", full)


@given(st.ip_addresses())
def test_every_address_in_a_forbidden_block_is_refused(address: object) -> None:
    parsed = parse_address(str(address))
    inside = any(parsed.version == block.version and parsed in block for _, block in FORBIDDEN)
    objection = guard(Zone(name="example.org")).objection(str(address), "eu", "www.example.org")
    assert bool(objection) or not inside


def test_answers_are_the_same_when_asked_again() -> None:
    asked = guard(Zone(name="example.org", publish=("192.0.2.0/24",)))
    first = [asked.objection(address, "eu", "www.example.org") for address in ("192.0.2.1", "198.51.100.1")]
    assert first == [asked.objection(address, "eu", "www.example.org") for address in ("192.0.2.1", "198.51.100.1")]


def test_literals_are_told_from_hostnames() -> None:
    assert canonical_literal("192.0.2.1") == "192.0.2.1"
    assert canonical_literal("a1") is None
    assert canonical_literal("") is None
    with pytest.raises(ConfigError, match="scope"):
        canonical_literal("fe80::1%eth0")
    assert parse_network("192.0.2.77/24") == parse_network("192.0.2.0/24")


def test_an_ungranted_name_is_refused_on_its_object() -> None:
    fleet = FoldingFleet(zones=[Zone(name="example.org", grants=(Grant(namespaces=("bank",)),))])
    fleet.listed("eu", balanced("web", "web.example.org"))
    (refusal,) = fleet.refusals("web")
    assert (refusal.cluster, refusal.object, refusal.reason) == ("eu", "Service/shop/web", "NotGranted")
    assert "namespace shop is not granted web.example.org; ask for a grant in zone example.org" in refusal.message
    assert not fleet.table.rows


def test_a_name_in_no_zone_is_refused_and_the_others_stand() -> None:
    fleet = FoldingFleet()
    fleet.listed("eu", balanced("web", "web.example.org,web.example.com"))
    assert fleet.names("web") == ("web.example.org",)
    assert fleet.reasons("web") == [("eu", "OutsideZones")]


def test_a_forbidden_address_is_refused_and_the_others_stand() -> None:
    fleet = FoldingFleet()
    fleet.listed("eu", balanced("web", "web.example.org", ["127.0.0.1", "192.0.2.1"]))
    assert fleet.endpoints("web")["eu"].addresses == ("192.0.2.1",)
    (refusal,) = fleet.refusals("web")
    assert refusal.reason == "ForbiddenAddress"
    assert "127.0.0.1 is a loopback address; list 127.0.0.0/8 in publish of zone example.org" in refusal.message


def test_an_endpoint_with_forbidden_addresses_only_is_not_taken() -> None:
    fleet = FoldingFleet()
    fleet.listed("eu", balanced("web", "web.example.org", target="169.254.169.254"))
    fleet.listed("us", balanced("web", "web.example.org", ["192.0.2.2"]))
    assert set(fleet.endpoints("web")) == {"us"}


def test_a_cluster_that_is_not_granted_a_name_does_not_stand_behind_it() -> None:
    """A development cluster with a name of its own must not join production's by sameness."""
    grants = (Grant(clusters=("prod",)), Grant(clusters=("dev",), names=("dev.example.org",)))
    fleet = FoldingFleet(["dev", "prod"], [Zone(name="example.org", grants=grants)])
    fleet.listed("prod", balanced("web", "www.example.org", ["192.0.2.1"]))
    fleet.listed("dev", balanced("web", "dev.example.org", ["192.0.2.66"], created="2020-01-01T00:00:00Z"))
    assert set(fleet.endpoints("web")) == {"prod"}
    assert fleet.names("web") == ("www.example.org",)
    assert fleet.reasons("web") == [("dev", "NotGranted")]


def test_a_new_name_that_would_put_a_member_out_is_refused() -> None:
    grants = (Grant(names=("www.example.org",)), Grant(clusters=("us",), names=("us.example.org",)))
    fleet = FoldingFleet(zones=[Zone(name="example.org", grants=grants)])
    fleet.listed("eu", balanced("web", "www.example.org", ["192.0.2.1"]))
    fleet.listed("us", balanced("web", "www.example.org,us.example.org", ["192.0.2.2"]))
    assert set(fleet.endpoints("web")) == {"eu", "us"}
    assert fleet.names("web") == ("www.example.org",)
    (refusal,) = fleet.refusals("web")
    assert (refusal.cluster, refusal.reason) == ("us", "NotGranted")
    assert "us.example.org would put out cluster eu" in refusal.message


def test_a_new_name_of_a_narrower_zone_takes_no_address_away() -> None:
    zones = [Zone(name="example.org", open=True), Zone(name="example.net", open=True, publish=("198.51.100.0/24",))]
    fleet = FoldingFleet(zones=zones)
    fleet.listed("eu", balanced("web", "www.example.org", ["192.0.2.1"]))
    fleet.listed("us", balanced("web", "www.example.org,www.example.net", ["198.51.100.1"]))
    assert set(fleet.endpoints("web")) == {"eu", "us"}
    assert fleet.names("web") == ("www.example.org",)


def test_addresses_must_please_every_zone_of_the_names() -> None:
    zones = [Zone(name="example.org", open=True), Zone(name="example.net", open=True, publish=("198.51.100.0/24",))]
    fleet = FoldingFleet(zones=zones)
    fleet.listed("eu", balanced("web", "www.example.org,www.example.net", ["192.0.2.1", "198.51.100.1"]))
    assert fleet.endpoints("web")["eu"].addresses == ("198.51.100.1",)


def test_a_load_balancers_name_that_points_at_itself_is_refused() -> None:
    fleet = FoldingFleet()
    fleet.listed("eu", balanced("web", "web.example.org", target="web.example.org"))
    assert not fleet.table.rows
    assert "would point at itself" in fleet.refusals("web")[0].message
