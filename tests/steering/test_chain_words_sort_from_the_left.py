"""The words of a chain sort endpoints from left to right; equal ones form a tier, nearest first."""

import math
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Client, Cluster, Decision, Endpoint, Form, GlobalService, Row
from trafficfed.steering.decide import decide
from trafficfed.steering.geography import CONTINENT_CENTRES, REGIONS
from trafficfed.steering.select import rule_for
from trafficfed.testing.fleets import KEY, address, endpoint, fleet, passing, row
from trafficfed.testing.fleets import REGIONS as REGION_OF

FLEET = fleet("ap", "de", "eu", "us", "uw")


def tiers(decision: Decision, client: Client) -> list[str]:
    """Clusters that a client gets, tier by tier, each tier as one word."""
    rule = rule_for(decision, client)
    assert rule is not None
    return ["+".join(member.cluster for member in tier) for tier in (rule.pool, *rule.standby)]


def everywhere(*steering: str, down: tuple[str, ...] = (), us_tier: int = 0) -> Decision:
    names = ("ap", "de", "eu", "us", "uw")
    endpoints = tuple(endpoint(name, tier=us_tier if name == "us" else 0) for name in names)
    return decide(row(*endpoints, steering=steering, down=down), FLEET, (), 0.0)


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        (Client("", "EU", "IE"), ["eu", "de", "us", "uw", "ap"]),
        (Client("", "EU", "DE"), ["de", "eu", "us", "uw", "ap"]),
        (Client("", "EU", "FR"), ["de+eu", "us", "uw", "ap"]),
        (Client("", "NA", "US"), ["us+uw", "eu", "de", "ap"]),
        (Client("", "NA", "CA"), ["us+uw", "eu", "de", "ap"]),
        (Client("", "AS", "JP"), ["ap", "uw", "de", "eu", "us"]),
        (Client("", "AF", "KE"), ["de", "eu", "us", "ap", "uw"]),
        (Client("", "SA", "BR"), ["us", "uw", "eu", "de", "ap"]),
        (Client(), ["ap+de+eu+us+uw"]),
    ],
)
def test_geo_gives_the_own_country_then_the_own_continent_then_the_nearest(client: Client, expected: list[str]) -> None:
    assert tiers(everywhere("geo"), client) == expected


def test_the_next_nearest_region_takes_over_what_died() -> None:
    assert tiers(everywhere("geo", down=("eu",)), Client("", "EU", "IE"))[0] == "de"
    assert tiers(everywhere("geo", down=("eu", "de")), Client("", "EU", "IE"))[0] == "us"


def test_clients_of_a_dead_country_go_to_what_is_nearest_to_it_not_to_the_continents_middle() -> None:
    endpoints = (endpoint("ie"), endpoint("gb"), endpoint("at"))
    clusters = {
        name: Cluster(name=name, region=region)
        for name, region in (("ie", "eu-west-1"), ("gb", "eu-west-2"), ("at", "austriaeast"))
    }
    verdicts = tuple(passing(name, target) for name, target in (("gb", endpoints[1].targets[0]), ("at", "192.0.2.77")))
    endpoints = (*endpoints[:2], Endpoint(cluster="at", addresses=("192.0.2.77",)))
    decision = decide(
        Row(service=row(steering=("geo",)).service, endpoints=endpoints, verdicts=verdicts), clusters, (), 0.0
    )
    assert tiers(decision, Client("", "EU", "IE")) == ["gb", "at"]
    assert tiers(decision, Client("", "EU", "IT")) == ["at+gb"]


def test_the_nearest_may_be_on_another_continent() -> None:
    """Tel Aviv's clients are nearer to Frankfurt than to Tokyo, though Israel and Japan are both in Asia."""
    clusters = {**FLEET, "il": Cluster(name="il", region="il-central-1")}
    given_row = row(endpoint("il"), endpoint("de"), endpoint("ap"), down=("il",), steering=("geo",))
    decision = decide(given_row, clusters, (), 0.0)
    assert tiers(decision, Client("", "AS", "IL")) == ["de", "ap"]
    assert tiers(decision, Client("", "AS", "JO")) == ["ap", "de"]


def test_what_is_nowhere_comes_after_the_farthest() -> None:
    given_row = row(endpoint("lab"), endpoint("ap"), endpoint("us"), steering=("geo",))
    assert tiers(decide(given_row, FLEET, (), 0.0), Client("", "NA")) == ["us", "ap", "lab"]


def test_data_centres_of_one_metropolis_are_equally_near() -> None:
    clusters = {
        "a": Cluster(name="a", region="europe-west3"),
        "b": Cluster(name="b", continent="EU", latitude=50.2, longitude=8.8),
        "us": FLEET["us"],
    }
    given_row = row(endpoint("a"), endpoint("b"), endpoint("us"), down=("us",), steering=("geo",))
    assert tiers(decide(given_row, clusters, (), 0.0), Client("", "NA")) == ["a+b"]


def test_geo_before_failover_keeps_clients_near() -> None:
    assert tiers(everywhere("geo", "failover", us_tier=1), Client("", "NA", "US")) == ["uw", "us", "eu", "de", "ap"]


def test_failover_before_geo_keeps_clients_in_the_first_tier() -> None:
    found = tiers(everywhere("failover", "geo", us_tier=1), Client("", "NA", "US"))
    assert found == ["uw", "eu", "de", "ap", "us"]


def test_failover_alone_is_the_same_everywhere() -> None:
    decision = everywhere("failover", us_tier=1)
    assert [tiers(decision, client) for client in (Client(), Client("", "NA", "US"))] == [["ap+de+eu+uw", "us"]] * 2


def test_tier_is_nothing_to_a_chain_without_failover() -> None:
    assert tiers(everywhere("weighted", us_tier=5), Client()) == ["ap+de+eu+us+uw"]


@pytest.mark.parametrize(
    ("steering", "pick"),
    [
        (("weighted",), 1),
        (("geo", "failover", "weighted"), 1),
        (("multivalue",), 0),
        (("weighted", "multivalue"), 0),
        (("multivalue", "weighted"), 0),
        (("geo",), 0),
        ((), 0),
    ],
)
def test_weighted_picks_one_unless_many_are_asked_for(steering: tuple[str, ...], pick: int) -> None:
    assert everywhere(*steering).pick == pick


def test_a_name_published_as_hostname_gives_one_whatever_the_chain() -> None:
    service = GlobalService(key=KEY, hostnames=("web.example.org",), form=Form.HOSTNAME, steering=("multivalue",))
    endpoints = tuple(
        Endpoint(cluster=name, hostnames=(f"lb.{name}.example.net",), resolved=(address(name),))
        for name in ("eu", "us")
    )
    verdicts = (passing("eu"), passing("us"))
    decision = decide(Row(service=service, endpoints=endpoints, verdicts=verdicts), {}, (), 0.0)
    assert decision.pick == 1
    assert [member.hostnames for member in decision.rules[0].pool] == [("lb.eu.example.net",), ("lb.us.example.net",)]


def haversine_km(one: tuple[float, float], other: tuple[float, float]) -> float:
    (lat1, lon1), (lat2, lon2) = (tuple(map(math.radians, each)) for each in (one, other))
    chord = math.sin((lat2 - lat1) / 2) ** 2 + math.cos(lat1) * math.cos(lat2) * math.sin((lon2 - lon1) / 2) ** 2
    return 2 * 6371.0 * math.asin(math.sqrt(chord))


def nearest(clusters: Mapping[str, Cluster], continent: str) -> set[str]:
    """Who serves a continent, worked out by another formula: its own clusters, else the one nearest to its middle."""
    own = {name for name in clusters if CONTINENT_OF[name] == continent}
    middle = CONTINENT_CENTRES[continent]
    by_distance = {
        name: haversine_km(middle, (REGIONS[each.region].latitude, REGIONS[each.region].longitude))
        for name, each in clusters.items()
    }
    return own or {min(by_distance, key=lambda name: by_distance[name])}


CONTINENT_OF = {"ap": "AS", "br": "SA", "de": "EU", "eu": "EU", "us": "NA", "uw": "NA"}


@settings(max_examples=40, deadline=None)
@given(st.sets(st.sampled_from(sorted(REGION_OF)), min_size=1), st.sampled_from(sorted(CONTINENT_CENTRES)))
def test_a_continents_clients_get_its_own_endpoints_else_the_nearest(names: set[str], continent: str) -> None:
    decision = decide(row(*map(endpoint, sorted(names)), steering=("geo",)), fleet(*names), (), 0.0)
    rule = rule_for(decision, Client("", continent))
    assert rule is not None
    assert {member.cluster for member in rule.pool} == nearest(fleet(*names), continent)
