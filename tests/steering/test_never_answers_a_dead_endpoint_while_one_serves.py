"""While one endpoint serves, no client gets an empty answer or a dead endpoint, in no tier, whatever the fleet."""

from collections.abc import Mapping

import pytest
from hypothesis import given, settings

from trafficfed.model import Cluster, Form, OperatorControl, Row, State, Verdict, WhenAllDown
from trafficfed.steering.decide import decide
from trafficfed.steering.select import rule_for
from trafficfed.testing import fleets
from trafficfed.testing.fleets import CLIENTS, KEY, endpoint, failing, fleet, passing, row

NOW_S = 100.0
Pairs = set[tuple[str, str]]


def serving_pairs(given_row: Row) -> Pairs:
    """What the row's verdicts let us give out, worked out afresh from the words of the rule."""
    verdicts = {(each.cluster, each.address): each for each in given_row.verdicts}
    pairs = set()
    for each in given_row.endpoints:
        judged = {target: verdicts.get((each.cluster, target)) for target in each.targets}
        new = all(
            v is None or (v.state is State.UNKNOWN and not v.passed and not v.quarantined) for v in judged.values()
        )
        good = {target for target, v in judged.items() if (v and v.serving) or (new and len(given_row.endpoints) == 1)}
        if given_row.service.form is Form.ADDRESS:
            pairs |= {(each.cluster, target) for target in good}
        elif good or (not judged and len(given_row.endpoints) == 1):
            pairs |= {(each.cluster, name) for name in each.hostnames}
    return pairs


def drained_clusters(given_row: Row, controls: tuple[OperatorControl, ...]) -> set[str]:
    told = [c for c in controls if c.kind == "drain" and (not c.until_s or c.until_s > NOW_S)]
    told = [c for c in told if c.service in ("", str(KEY))]
    return {
        each.cluster
        for each in given_row.endpoints
        if each.drained or any(c.cluster in ("", each.cluster) for c in told)
    }


@settings(max_examples=40, deadline=None)
@given(fleets.rows(), fleets.clusters(), fleets.controls())
def test_every_client_gets_only_what_serves_and_the_most_willing_of_it(
    given_row: Row, clusters: Mapping[str, Cluster], controls: tuple[OperatorControl, ...]
) -> None:
    good = serving_pairs(given_row)
    decision = decide(given_row, clusters, controls, NOW_S)
    assert decision.serving == bool(good)
    if not good:
        return
    drained = drained_clusters(given_row, controls)
    weights = {each.cluster: each.weight for each in given_row.endpoints}
    undrained = {pair for pair in good if pair[0] not in drained} or good
    active = {pair for pair in undrained if pair[0] not in drained and weights[pair[0]] > 0} or undrained
    for client in CLIENTS:
        rule = rule_for(decision, client)
        assert rule is not None
        tiers = [
            {(m.cluster, t) for m in tier for t in (*m.addresses, *m.hostnames)} for tier in (rule.pool, *rule.standby)
        ]
        assert all(tiers), "a tier without anything in it"
        assert all(m.addresses or m.hostnames for tier in (rule.pool, *rule.standby) for m in tier)
        assert tiers[0] <= active
        assert sum(len(tier) for tier in tiers) == len(set.union(*tiers)), "an endpoint stands in two tiers"
        assert set.union(*tiers) == undrained, "failover must reach everything that serves"


@settings(max_examples=40, deadline=None)
@given(fleets.rows(), fleets.clusters(), fleets.controls())
def test_rules_end_with_exactly_one_for_anyone_and_weigh_something(
    given_row: Row, clusters: Mapping[str, Cluster], controls: tuple[OperatorControl, ...]
) -> None:
    decision = decide(given_row, clusters, controls, NOW_S)
    assert [rule.where.kind for rule in decision.rules].count("any") == min(1, len(decision.rules))
    for rule in decision.rules:
        assert rule.pool
        assert all(member.weight >= 1 for tier in (rule.pool, *rule.standby) for member in tier)
    if decision.rules:
        assert decision.default is not None
        assert decision.default.where.kind == "any"


def test_a_dead_address_of_a_living_endpoint_is_left_out() -> None:
    two = endpoint("eu", targets=2)
    alive, dead = two.addresses
    given_row = Row(service=row(two).service, endpoints=(two,), verdicts=(passing("eu", alive), failing("eu", dead)))
    decision = decide(given_row, fleet("eu"), (), NOW_S)
    assert [member.addresses for member in decision.rules[0].pool] == [(alive,)]


def test_a_new_endpoint_waits_for_its_first_pass_beside_one_that_serves() -> None:
    given_row = row(endpoint("eu"), endpoint("us"))
    newcomer = Verdict(cluster="us", address=given_row.endpoints[1].addresses[0])
    decision = decide(
        Row(service=given_row.service, endpoints=given_row.endpoints, verdicts=(passing("eu"), newcomer)), {}, (), NOW_S
    )
    assert [member.cluster for member in decision.rules[0].pool] == ["eu"]


@pytest.mark.parametrize("mode", WhenAllDown)
def test_a_new_endpoint_that_is_the_only_one_serves_at_once(mode: WhenAllDown) -> None:
    only = Row(service=row(when_all_down=mode, fallback=("192.0.2.250",)).service, endpoints=(endpoint("eu"),))
    decision = decide(only, {}, (), NOW_S)
    assert decision.serving
    assert [member.cluster for member in decision.rules[0].pool] == ["eu"]
    assert decision.reasons == (f"eu {fleets.address('eu')}: in, not probed yet but the only endpoint",)


def test_an_only_endpoint_that_failed_its_first_probes_does_not_count_as_serving() -> None:
    only = Row(
        service=row(when_all_down=WhenAllDown.EMPTY).service,
        endpoints=(endpoint("eu"),),
        verdicts=(failing("eu", passed=False),),
    )
    assert decide(only, {}, (), NOW_S).rules == ()


def test_unknown_keeps_serving_what_served() -> None:
    given_row = row(endpoint("eu"))
    unknown = Verdict(cluster="eu", address=fleets.address("eu"), state=State.UNKNOWN, serving=True, passed=True)
    decision = decide(Row(service=given_row.service, endpoints=given_row.endpoints, verdicts=(unknown,)), {}, (), NOW_S)
    assert decision.serving
