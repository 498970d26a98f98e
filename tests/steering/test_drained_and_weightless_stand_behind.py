"""Weight 0 and drain take an endpoint out while others serve; alive, either is still better than what is dead."""

import pytest

from trafficfed.model import Decision, OperatorControl, Row, WhenAllDown
from trafficfed.steering.decide import decide
from trafficfed.testing.fleets import KEY, endpoint, fleet, row

NOW_S = 100.0


def tiers(decision: Decision) -> list[list[str]]:
    """Clusters of the catch-all rule, tier by tier."""
    assert decision.default is not None
    return [[member.cluster for member in tier] for tier in (decision.default.pool, *decision.default.standby)]


def drain(cluster: str = "", service: str = "", until_s: float = 0.0) -> OperatorControl:
    return OperatorControl(kind="drain", cluster=cluster, service=service, until_s=until_s)


def decided(given_row: Row, *controls: OperatorControl) -> list[list[str]]:
    return tiers(decide(given_row, fleet("eu", "us", "ap"), controls, NOW_S))


def test_weight_zero_is_the_last_standby() -> None:
    given_row = row(endpoint("ap", weight=0), endpoint("eu", tier=1), endpoint("us"), steering=("failover", "weighted"))
    assert decided(given_row) == [["us"], ["eu"], ["ap"]]


def test_weight_zero_stands_behind_even_the_farthest_and_the_last_tier() -> None:
    given_row = row(endpoint("eu", weight=0), endpoint("ap", tier=9), steering=("geo", "failover"))
    decision = decide(given_row, fleet("eu", "ap"), (), NOW_S)
    assert {tuple(member.cluster for member in rule.pool) for rule in decision.rules} == {("ap",)}


def test_weight_zero_is_nothing_to_the_other_words_but_still_none_of_the_traffic() -> None:
    assert decided(row(endpoint("eu", weight=0), endpoint("us"), steering=("multivalue",))) == [["us"], ["eu"]]


def test_endpoints_of_weight_zero_share_alike_when_only_they_serve() -> None:
    given_row = row(
        endpoint("eu", weight=0), endpoint("us", weight=0), endpoint("ap"), down=("ap",), steering=("weighted",)
    )
    decision = decide(given_row, {}, (), NOW_S)
    assert decision.serving
    assert [(member.cluster, member.weight) for member in decision.rules[0].pool] == [("eu", 1), ("us", 1)]


def test_a_drained_endpoint_is_in_no_tier() -> None:
    given_row = row(endpoint("eu", drained=True), endpoint("us"), endpoint("ap", tier=1), steering=("failover",))
    assert decided(given_row) == [["us"], ["ap"]]


@pytest.mark.parametrize("control", [drain("eu"), drain("eu", str(KEY)), drain("eu", until_s=NOW_S + 1)])
def test_an_operator_drains_a_cluster_for_one_service_or_all(control: OperatorControl) -> None:
    assert decided(row(endpoint("eu"), endpoint("us")), control) == [["us"]]


@pytest.mark.parametrize(
    "control",
    [
        drain("ap"),
        drain("eu", "prod/shop/other"),
        drain("eu", until_s=NOW_S),
        drain("eu", until_s=NOW_S - 1),
        OperatorControl(kind="force-down", cluster="eu"),
    ],
)
def test_controls_for_others_ended_ones_and_other_kinds_drain_nothing(control: OperatorControl) -> None:
    assert decided(row(endpoint("eu"), endpoint("us")), control) == [["eu", "us"]]


def test_a_living_drained_endpoint_comes_before_a_dead_one() -> None:
    given_row = row(endpoint("eu", drained=True), endpoint("us"), down=("us",), when_all_down=WhenAllDown.EMPTY)
    assert decided(given_row) == [["eu"]]


def test_a_living_endpoint_of_weight_zero_comes_before_a_drained_one() -> None:
    given_row = row(endpoint("eu", drained=True), endpoint("us", weight=0), endpoint("ap"), down=("ap",))
    assert decided(given_row) == [["us"]]


def test_draining_everything_leaves_the_order_of_tiers_as_it_was() -> None:
    given_row = row(endpoint("eu"), endpoint("us", tier=1), steering=("failover",))
    assert decided(given_row, drain()) == decided(given_row) == [["eu"], ["us"]]


def test_the_end_of_a_drain_brings_the_endpoint_back() -> None:
    given_row = row(endpoint("eu"), endpoint("us"))
    control = drain("eu", until_s=200.0)
    assert tiers(decide(given_row, {}, (control,), 199.9)) == [["us"]]
    assert tiers(decide(given_row, {}, (control,), 200.0)) == [["eu", "us"]]
