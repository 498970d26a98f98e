"""What a decision says is what Route 53 answers: for every client, with the shares of the weights, or a loss is named.

The record sets go through the rules of the fake zone, so that each of them is one that Route 53 takes.
"""

from collections.abc import Iterable
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import (
    Client,
    Cluster,
    Decision,
    Endpoint,
    Form,
    GlobalService,
    Member,
    NameChange,
    Row,
    Rule,
    ServiceKey,
    Verdict,
    Where,
    Zone,
)
from trafficfed.steering.decide import decide
from trafficfed.steering.geography import CONTINENTS
from trafficfed.steering.select import rule_for
from trafficfed.testing.route53.answering import Answers, answers
from trafficfed.testing.route53.hosted_zone import HostedZone
from trafficfed.zones.lowering import lower
from trafficfed.zones.ownership import done_marker, marker_set
from trafficfed.zones.pools import carrying
from trafficfed.zones.routing_tree import SHARE_ERROR
from trafficfed_providers.route53 import Route53
from trafficfed_providers.route53_batches import to_changes

NAME = "web.fed.test"
PLAIN = Route53.from_settings("aws", {}).capabilities
CHECKED = Route53.from_settings("aws", {"health-checks": {"eu": "h-eu", "us": "h-us", "ap": "h-ap"}}).capabilities
CLIENTS = (
    Client("", "EU", "DE"),
    Client("", "EU", "FR"),
    Client("", "NA", "US", "US-CA"),
    Client("", "NA", "US", "US-NY"),
    Client("", "NA", "CA", "CA-ON"),
    Client("", "AS", "JP"),
    Client(),
)
PLACES = (
    Where("subdivision", "US-CA"),
    Where("country", "US"),
    Where("country", "DE"),
    Where("continent", "EU"),
    Where("continent", "NA"),
)
MEMBERS = {
    "eu": ("192.0.2.1", "2001:db8::1"),
    "us": ("192.0.2.2", "192.0.2.22", "2001:db8::2"),
    "ap": ("192.0.2.3", "2001:db8::3", "2001:db8::33"),
}
weights = st.sampled_from([0, 1, 10, 30, 70, 100, 255])
pools = st.dictionaries(st.sampled_from(sorted(MEMBERS)), weights, min_size=1).map(
    lambda found: tuple(
        Member(cluster=cluster, weight=weight, addresses=MEMBERS[cluster]) for cluster, weight in sorted(found.items())
    )
)


def decided(rules: Iterable[Rule], pick: int = 1, form: Form = Form.ADDRESS) -> Decision:
    key = ServiceKey("default", "shop", "web")
    return Decision(service=key, hostnames=(NAME,), pick=pick, form=form, rules=tuple(rules))


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    places = sorted(draw(st.sets(st.sampled_from(PLACES))), key=PLACES.index)
    rules = [Rule(where=where, pool=draw(pools), standby=(draw(pools),)) for where in (*places, Where())]
    return decided(rules, draw(st.sampled_from([0, 1])))


def published(decision: Decision, capabilities: object = PLAIN) -> HostedZone:
    """The zone after the decision was written into it by one batch."""
    lowered = lower(decision, capabilities, Zone(name="fed.test"))  # type: ignore[arg-type]
    assert not lowered.refusal
    zone = HostedZone("Z1", "fed.test")
    marker = marker_set(NAME, done_marker("prod", "default/shop/web", lowered.sets))
    zone.apply(to_changes(NameChange(name=NAME, after=(*lowered.sets, marker)), "Z1"))
    return zone


def near(found: dict[str, Fraction], wanted: dict[str, Fraction]) -> bool:
    """Equal, save that weights of a set are whole numbers up to 255."""
    return found.keys() == wanted.keys() and all(abs(found[key] - wanted[key]) <= SHARE_ERROR for key in found)


def by_value(found: Answers) -> dict[str, Fraction]:
    """How much of the traffic each value gets, when clients pick any value of an answer."""
    shares: dict[str, Fraction] = {}
    for values, share in found.items():
        for value in values:
            shares[value] = shares.get(value, Fraction(0)) + share / len(values)
    return shares


def due(decision: Decision, client: Client, version: str) -> dict[str, Fraction]:
    """The same, as the decision has it."""
    pool = carrying(rule_for(decision, client))
    shares: dict[str, Fraction] = {}
    for member in pool:
        addresses = [address for address in member.addresses if (":" in address) == (version == "AAAA")]
        for address in addresses:
            weight = Fraction(member.weight or 1, len(addresses)) if decision.pick else Fraction(1)
            shares[address] = shares.get(address, Fraction(0)) + weight
    total = sum(shares.values())
    return {address: share / total for address, share in shares.items()}


@settings(max_examples=40)
@given(decisions())
def test_every_client_gets_the_shares_that_were_decided(decision: Decision) -> None:
    zone = published(decision)
    for client in CLIENTS:
        for rdtype in ("A", "AAAA"):
            assert near(by_value(answers(zone, NAME, rdtype, client)), due(decision, client, rdtype))


@settings(max_examples=40)
@given(decisions())
def test_health_checks_change_nothing_while_all_pass(decision: Decision) -> None:
    zone = published(decision, CHECKED)
    for client in CLIENTS:
        assert near(by_value(answers(zone, NAME, "A", client)), due(decision, client, "A"))


@settings(max_examples=40)
@given(decisions())
def test_all_of_a_pool_are_in_each_answer_where_nothing_is_picked(decision: Decision) -> None:
    zone = published(decided(decision.rules, pick=0))
    for client in CLIENTS:
        pool = carrying(rule_for(decision, client))
        every = tuple(sorted(a for member in pool for a in member.addresses if ":" not in a))
        assert answers(zone, NAME, "A", client) == {every: Fraction(1)}


@settings(max_examples=40)
@given(decisions(), st.sampled_from(sorted(MEMBERS)))
def test_what_fails_its_check_is_left_out_where_something_else_is_there(decision: Decision, dead: str) -> None:
    """Without any controller: a pool of several, or a single member with others standing by."""
    zone = published(decided(decision.rules), CHECKED)
    for client in CLIENTS:
        rule = rule_for(decision, client)
        assert rule is not None
        others = {member.cluster for member in (*carrying(rule), *rule.standby[0])} - {dead}
        weighted = carrying(Rule(where=Where(), pool=rule.standby[0]))
        if len(carrying(rule)) == 1 and {member.cluster for member in weighted} == {dead}:
            continue
        if others:
            found = by_value(answers(zone, NAME, "A", client, frozenset({f"h-{dead}"})))
            assert not set(found) & set(MEMBERS[dead])


def test_a_hostname_of_several_is_answered_by_its_weight() -> None:
    pool = (
        Member(cluster="eu", weight=3, hostnames=("lb-eu.example.net",)),
        Member(cluster="us", weight=2, hostnames=("b.example.net", "a.example.net")),
    )
    zone = published(decided([Rule(where=Where(), pool=pool)], form=Form.HOSTNAME))
    assert answers(zone, NAME, "CNAME", Client()) == {
        ("lb-eu.example.net.",): Fraction(3, 5),
        ("a.example.net.",): Fraction(1, 5),
        ("b.example.net.",): Fraction(1, 5),
    }


@pytest.mark.parametrize("pick", [0, 1])
def test_clients_of_no_rule_get_nothing_where_the_catch_all_has_nothing(pick: int) -> None:
    eu = Member(cluster="eu", weight=1, addresses=MEMBERS["eu"])
    zone = published(decided([Rule(where=Where("continent", "EU"), pool=(eu,)), Rule(where=Where(), pool=())], pick))
    assert answers(zone, NAME, "A", Client("", "NA", "US")) == {}
    assert answers(zone, NAME, "A", Client("", "EU", "DE")) == {("192.0.2.1",): Fraction(1)}


CLUSTERS = {
    name: Cluster(name=name, region=region, country=country, continent=continent)
    for name, region, country, continent in (
        ("eu", "eu-central-1", "DE", "EU"),
        ("us", "us-east-1", "US", "NA"),
        ("ap", "ap-northeast-1", "JP", "AS"),
    )
}


def table_row(steering: tuple[str, ...], dead: frozenset[str]) -> Row:
    key = ServiceKey("default", "shop", "web")
    endpoints = tuple(
        Endpoint(cluster=name, addresses=MEMBERS[name], weight=10 * (at + 1), tier=at)
        for at, name in enumerate(sorted(CLUSTERS))
    )
    verdicts = tuple(
        Verdict(cluster=each.cluster, address=address, serving=each.cluster not in dead, passed=True)
        for each in endpoints
        for address in sorted(each.addresses)
    )
    service = GlobalService(key=key, hostnames=(NAME,), steering=steering)
    return Row(service=service, endpoints=endpoints, verdicts=verdicts)


@pytest.mark.parametrize("steering", [("geo",), ("geo", "weighted"), ("failover",), ("weighted",), ("geo", "failover")])
@pytest.mark.parametrize("dead", [frozenset[str](), frozenset({"eu"}), frozenset({"eu", "us"})])
def test_decisions_of_the_controller_are_answered_to_everybody_in_the_world(
    steering: tuple[str, ...], dead: frozenset[str]
) -> None:
    decision = decide(table_row(steering, dead), CLUSTERS, (), 0.0)
    zone = published(decision, CHECKED)
    for country, continent in CONTINENTS.items():
        client = Client("", continent, country)
        found = by_value(answers(zone, NAME, "A", client))
        assert near(found, due(decision, client, "A"))
        assert not set(found) & {address for name in dead for address in MEMBERS[name]}
