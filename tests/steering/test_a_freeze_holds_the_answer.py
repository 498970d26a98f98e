"""A freeze keeps the last decision as it is until it is lifted or expires; other controls end by themselves too."""

import msgspec
import pytest

from trafficfed.model import OperatorControl, Row
from trafficfed.steering.controls import next_expiry_s
from trafficfed.steering.decide import decide
from trafficfed.testing.fleets import KEY, endpoint, row

NOW_S = 100.0
BEFORE = decide(row(endpoint("eu"), endpoint("us")), {}, (), NOW_S)
DEAD_NOW: Row = msgspec.structs.replace(row(endpoint("eu"), endpoint("us"), down=("eu",)), decision=BEFORE)


def freeze(cluster: str = "", service: str = "", until_s: float = 0.0) -> OperatorControl:
    return OperatorControl(kind="freeze", cluster=cluster, service=service, until_s=until_s)


@pytest.mark.parametrize(
    "control", [freeze(), freeze(service=str(KEY)), freeze("eu"), freeze("us"), freeze(until_s=101.0)]
)
def test_nothing_changes_not_even_by_failover(control: OperatorControl) -> None:
    assert decide(DEAD_NOW, {}, (control,), NOW_S) is BEFORE


@pytest.mark.parametrize("control", [freeze(service="prod/shop/other"), freeze("ap"), freeze(until_s=100.0)])
def test_a_freeze_of_something_else_or_an_ended_one_holds_nothing(control: OperatorControl) -> None:
    assert decide(DEAD_NOW, {}, (control,), NOW_S) == decide(DEAD_NOW, {}, (), NOW_S) != BEFORE


def test_a_freeze_outdoes_a_drain_told_beside_it() -> None:
    assert decide(DEAD_NOW, {}, (freeze(), OperatorControl(kind="drain", cluster="us")), NOW_S) is BEFORE


def test_there_is_nothing_to_freeze_before_the_first_decision() -> None:
    new = row(endpoint("eu"), endpoint("us"), down=("eu",))
    assert decide(new, {}, (freeze(),), NOW_S) == decide(new, {}, (), NOW_S)


def test_the_next_end_of_a_control_is_told() -> None:
    ends = (freeze(), freeze(until_s=150.0), freeze(until_s=120.0), freeze(until_s=100.0))
    assert next_expiry_s(ends, NOW_S) == 120.0
    assert next_expiry_s(ends[:1], NOW_S) is None
