"""A drain never empties an answer and gives out no dead endpoint; a freeze is the answer itself, whatever is told."""

import hypothesis.strategies as st
from hypothesis import given, settings
from msgspec.structs import replace

from trafficfed.model import Decision, OperatorControl, Row
from trafficfed.steering.controls import clusters_of, concerns, drain_of, freeze_of, freeze_over, in_force
from trafficfed.steering.decide import decide, given_out
from trafficfed.steering.standing import candidates
from trafficfed.testing import fleets
from trafficfed.testing.fleets import KEY, endpoint, row

NOW_S = 100.0
FEW = settings(max_examples=30, deadline=None)
CLUSTERS = st.sampled_from(("ap", "eu", "us"))
DRAINS = st.lists(
    st.builds(
        OperatorControl,
        kind=st.just("drain"),
        cluster=CLUSTERS,
        service=st.sampled_from(("", str(KEY), "prod/shop/other")),
        until_s=st.sampled_from((0.0, 50.0, 200.0)),
    ),
    max_size=4,
).map(tuple)
FREEZES = st.builds(
    OperatorControl,
    kind=st.just("freeze"),
    cluster=st.sampled_from(("", "eu", "us")),
    service=st.sampled_from(("", str(KEY))),
)


def serving(given_row: Row) -> set[str]:
    return {target for each in candidates(given_row, (), NOW_S) for target in each.serving}


@FEW
@given(fleets.rows(), DRAINS)
def test_a_drain_never_changes_whether_something_is_answered(
    given_row: Row, drains: tuple[OperatorControl, ...]
) -> None:
    with_drains, without = decide(given_row, {}, drains, NOW_S), decide(given_row, {}, (), NOW_S)
    assert with_drains.serving == without.serving
    assert bool(given_out(with_drains)) == bool(given_out(without))


@FEW
@given(fleets.rows(), DRAINS)
def test_under_any_drains_only_what_serves_is_given_out(given_row: Row, drains: tuple[OperatorControl, ...]) -> None:
    decision = decide(given_row, {}, drains, NOW_S)
    if decision.serving:
        assert {*given_out(decision)} <= serving(given_row)


@FEW
@given(fleets.rows(), DRAINS)
def test_what_is_drained_is_given_out_only_where_all_that_serves_is(
    given_row: Row, drains: tuple[OperatorControl, ...]
) -> None:
    standing = in_force(drains, "drain", NOW_S)
    drained = {
        each.cluster
        for each in given_row.endpoints
        if each.drained or drain_of(standing, KEY, each.cluster) is not None
    }
    alive = {each.cluster for each in candidates(given_row, drains, NOW_S) if each.serving}
    decision = decide(given_row, {}, drains, NOW_S)
    tiers = [tier for rule in decision.rules for tier in (rule.pool, *rule.standby)]
    answered = {member.cluster for tier in tiers for member in tier}
    if decision.serving and alive - drained:
        assert not answered & drained, "not even in a tier that stands by"


@FEW
@given(fleets.rows(), DRAINS)
def test_a_drain_that_ended_leaves_no_trace(given_row: Row, drains: tuple[OperatorControl, ...]) -> None:
    ended = tuple(replace(each, until_s=NOW_S) for each in drains)
    assert decide(given_row, {}, ended, NOW_S) == decide(given_row, {}, (), NOW_S)


@FEW
@given(fleets.rows(), DRAINS)
def test_a_drain_of_another_service_leaves_no_trace(given_row: Row, drains: tuple[OperatorControl, ...]) -> None:
    others = tuple(replace(each, service="prod/shop/other") for each in drains)
    assert decide(given_row, {}, others, NOW_S) == decide(given_row, {}, (), NOW_S)


@FEW
@given(fleets.rows(), DRAINS)
def test_what_a_control_does_not_concern_it_does_not_change(
    given_row: Row, drains: tuple[OperatorControl, ...]
) -> None:
    bearing = tuple(each for each in drains if concerns(each, given_row))
    assert decide(given_row, {}, bearing, NOW_S) == decide(given_row, {}, drains, NOW_S)


@FEW
@given(fleets.rows(), fleets.rows(), FREEZES, DRAINS)
def test_a_frozen_decision_is_the_very_same_whatever_became_of_the_row(
    before: Row, later: Row, freeze: OperatorControl, drains: tuple[OperatorControl, ...]
) -> None:
    decision = decide(before, {}, (), NOW_S)
    now = replace(later, decision=decision)
    if freeze_of((freeze,), replace(before, decision=decision), NOW_S) is None:
        return
    if freeze.cluster and freeze.cluster not in clusters_of(now):
        return  # its endpoint stood in no pool, so nothing of that cluster was in the answer
    assert decide(now, {}, (freeze, *drains), NOW_S) is decision


def test_a_cluster_whose_endpoint_left_is_still_frozen_by_what_it_has_in_the_answer() -> None:
    both = row(endpoint("eu"), endpoint("us"))
    decision = decide(both, {}, (), NOW_S)
    left = replace(row(endpoint("us")), decision=decision)
    assert decide(left, {}, (OperatorControl(kind="freeze", cluster="eu"),), NOW_S) is decision


def test_a_standby_tier_is_a_part_in_the_answer_too() -> None:
    tiered = row(endpoint("eu"), replace(endpoint("us"), tier=1), steering=("failover",))
    decision = decide(tiered, {}, (), NOW_S)
    assert [member.cluster for member in decision.rules[0].pool] == ["eu"]
    left = replace(row(endpoint("eu")), decision=decision)
    assert freeze_of((OperatorControl(kind="freeze", cluster="us"),), left, NOW_S) is not None


def test_whoever_declares_asks_with_the_clusters_before_and_after() -> None:
    of_eu = OperatorControl(kind="freeze", cluster="eu")
    of_web = OperatorControl(kind="freeze", service=str(KEY))
    assert freeze_over((of_eu,), KEY, {"us"}) is None
    assert freeze_over((of_eu,), KEY, {"eu", "us"}) is of_eu
    assert freeze_over((of_eu, of_web), KEY, ()) is of_web
    assert freeze_over((OperatorControl(kind="freeze"),), KEY, ()) is not None


def test_a_decision_without_rules_has_no_cluster_but_those_of_endpoints() -> None:
    empty = replace(row(endpoint("eu")), decision=Decision(service=KEY, hostnames=("web.example.org",)))
    assert clusters_of(empty) == {"eu"}
