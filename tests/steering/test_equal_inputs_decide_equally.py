"""A decision depends on its inputs only: not on their order, not on having been made before; and says nothing twice."""

import itertools
import random
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Cluster, Decision, Endpoint, OperatorControl, Row, Rule
from trafficfed.steering.decide import decide, given_out
from trafficfed.steering.places import place_of
from trafficfed.testing import fleets
from trafficfed.testing.fleets import endpoint, fleet, passing, row


def shuffled(given_row: Row, order: random.Random) -> Row:
    endpoints, verdicts = list(given_row.endpoints), list(given_row.verdicts)
    order.shuffle(endpoints)
    order.shuffle(verdicts)
    return Row(
        service=given_row.service,
        endpoints=tuple(endpoints),
        verdicts=tuple(verdicts),
        last_good=tuple(reversed(given_row.last_good)),
    )


@settings(max_examples=40, deadline=None)
@given(fleets.rows(), fleets.clusters(), fleets.controls(), st.randoms(use_true_random=False))
def test_order_of_endpoints_verdicts_clusters_and_controls_is_nothing(
    given_row: Row, clusters: Mapping[str, Cluster], controls: tuple[OperatorControl, ...], order: random.Random
) -> None:
    once = decide(given_row, clusters, controls, 100.0)
    names = list(clusters)
    order.shuffle(names)
    told = list(controls)
    order.shuffle(told)
    assert decide(shuffled(given_row, order), {name: clusters[name] for name in names}, told, 100.0) == once


@settings(max_examples=40, deadline=None)
@given(fleets.rows(), fleets.clusters(), fleets.controls())
def test_deciding_again_with_the_decision_in_the_row_changes_nothing(
    given_row: Row, clusters: Mapping[str, Cluster], controls: tuple[OperatorControl, ...]
) -> None:
    once = decide(given_row, clusters, controls, 100.0)
    kept = Row(
        service=given_row.service,
        endpoints=given_row.endpoints,
        verdicts=given_row.verdicts,
        decision=once,
        last_good=given_out(once) if once.serving else given_row.last_good,
    )
    assert decide(kept, clusters, controls, 150.0) == once


def more_general(decision: Decision, rule: Rule, continents: Mapping[str, str]) -> Rule:
    """The rule that a rule's clients would get without it."""
    if rule.where.kind == "country":
        for other in decision.rules:
            if (other.where.kind, other.where.value) == ("continent", continents[rule.where.value]):
                return other
    assert decision.default is not None
    return decision.default


@settings(max_examples=40, deadline=None)
@given(fleets.rows(), fleets.clusters())
def test_no_rule_repeats_what_the_next_more_general_one_says(given_row: Row, clusters: Mapping[str, Cluster]) -> None:
    decision = decide(given_row, clusters, (), 100.0)
    # What lies where is told by the clusters that have a part in it; where they differ, by the last continent.
    parts = (clusters.get(each.cluster) or Cluster(name=each.cluster) for each in given_row.endpoints)
    places = sorted(map(place_of, parts), key=lambda place: place.continent)
    continents = {place.country: place.continent for place in places}
    for rule in decision.rules[:-1]:
        general = more_general(decision, rule, continents)
        assert (rule.pool, rule.standby) != (general.pool, general.standby)


@settings(max_examples=40, deadline=None)
@given(fleets.rows(), fleets.clusters())
def test_rules_and_members_come_in_canonical_order(given_row: Row, clusters: Mapping[str, Cluster]) -> None:
    decision = decide(given_row, clusters, (), 100.0)
    kinds = ["country", "continent", "any"]
    order = [(kinds.index(rule.where.kind), rule.where.value) for rule in decision.rules]
    assert order == sorted(set(order))
    for rule in decision.rules:
        for tier in (rule.pool, *rule.standby):
            assert [m.cluster for m in tier] == sorted(m.cluster for m in tier)
            assert all(m.addresses == tuple(sorted(m.addresses)) for m in tier)


def test_hostnames_are_sorted_and_told_once() -> None:
    given_row = row(endpoint("eu"), hostnames=("www.example.org", "api.example.org", "www.example.org"))
    assert decide(given_row, {}, (), 0.0).hostnames == ("api.example.org", "www.example.org")


@pytest.mark.parametrize("continents", [("EU", "AS"), ("AS", "EU")])
def test_a_country_configured_on_two_continents_is_no_matter_of_order(continents: tuple[str, str]) -> None:
    one, two = (Cluster(name=f"c{code}", country="TR", continent=code) for code in continents)
    clusters = {each.name: each for each in (one, two, *fleet("ap").values())}
    found = [
        decide(row(*map(endpoint, names), steering=("geo",), down=("cAS",)), clusters, (), 0.0)
        for names in (("cAS", "cEU", "ap"), ("cEU", "cAS", "ap"))
    ]
    assert found[0] == found[1]


def test_two_endpoints_of_one_cluster_are_no_matter_of_order() -> None:
    with_nothing, heavy, light = (
        Endpoint(cluster="eu", addresses=addresses, weight=weight)
        for addresses, weight in (((), 1), (("192.0.2.9",), 9), (("192.0.2.9",), 1))
    )
    verdicts = (passing("eu", "192.0.2.9"),)
    found = {
        decide(Row(service=row().service, endpoints=order, verdicts=verdicts), {}, (), 0.0)
        for order in itertools.permutations((with_nothing, heavy, light))
    }
    assert len(found) == 1


def test_a_chain_without_geo_needs_one_rule_only() -> None:
    given_row = row(endpoint("eu"), endpoint("us"), steering=("failover", "weighted"))
    assert len(decide(given_row, fleet("eu", "us"), (), 0.0).rules) == 1


def test_geo_over_one_endpoint_needs_one_rule_only() -> None:
    assert len(decide(row(endpoint("eu"), steering=("geo",)), fleet("eu"), (), 0.0).rules) == 1


def test_geo_over_clusters_that_are_nowhere_needs_one_rule_only() -> None:
    given_row = row(endpoint("lab"), endpoint("den"), steering=("geo",))
    assert len(decide(given_row, {}, (), 0.0).rules) == 1


def test_reasons_stay_while_nothing_that_matters_changes() -> None:
    given_row = row(endpoint("eu"), endpoint("us"), down=("us",))
    later = Row(
        service=given_row.service,
        endpoints=given_row.endpoints,
        verdicts=tuple(
            type(each)(
                cluster=each.cluster,
                address=each.address,
                state=each.state,
                serving=each.serving,
                passed=each.passed,
                reason=each.reason,
                detail="told differently",
                since_s=77.0,
            )
            for each in given_row.verdicts
        ),
    )
    assert decide(later, {}, (), 0.0) == decide(given_row, {}, (), 0.0)
