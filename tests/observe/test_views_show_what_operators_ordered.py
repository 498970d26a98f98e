"""Controls, drains, freezes and survival as they are shown, live or from the table on disk."""

from msgspec.structs import replace

from trafficfed.model import OperatorControl, Row
from trafficfed.observe.showing import control_view, no_rtt, service_view, survival_view
from trafficfed.observe.stored import stored_controls, stored_status
from trafficfed.observe.views import ControlView, LossView, SurvivalView
from trafficfed.steering.orders import named
from trafficfed.survival import Loss, Survival
from trafficfed.table.table import Snapshot, Table

NOW_S = 1000.0
DRAIN = named(OperatorControl(kind="drain", cluster="eu", who="ann", why="upgrade", since_s=900.0, until_s=2000.0))
OVER = named(OperatorControl(kind="drain", cluster="us", why="w", since_s=1.0, until_s=999.0))


def drained(row: Row, *controls: OperatorControl) -> dict[str, bool]:
    return {target.cluster: target.drained for target in service_view(row, no_rtt, controls, NOW_S).targets}


def test_a_target_is_drained_by_its_object_or_by_an_operator(row: Row) -> None:
    assert drained(row) == {"eu": False, "us": True}
    assert drained(row, DRAIN) == {"eu": True, "us": True}
    assert drained(row, replace(DRAIN, service="prod/shop/other")) == {"eu": False, "us": True}
    assert drained(row, replace(DRAIN, until_s=NOW_S)) == {"eu": False, "us": True}


def test_a_frozen_service_says_by_whom_and_why(row: Row) -> None:
    freeze = OperatorControl(kind="freeze", cluster="eu", who="bob", why="moving")
    assert service_view(row, no_rtt, (freeze,), NOW_S).frozen == "by bob: moving"
    assert service_view(row, no_rtt, (OperatorControl(kind="freeze"),), NOW_S).frozen == "by an operator"
    assert service_view(row, no_rtt, (replace(freeze, cluster="ap"),), NOW_S).frozen == ""


def test_a_control_is_shown_with_all_it_says() -> None:
    assert control_view(DRAIN) == ControlView(
        id=DRAIN.id, kind="drain", cluster="eu", who="ann", why="upgrade", since_s=900.0, until_s=2000.0
    )


def test_the_table_on_disk_shows_the_controls_that_are_not_over(row: Row) -> None:
    table = Table(Snapshot(generation=1, rows=(row,), controls=(DRAIN, OVER)))
    status = stored_status(table, "demo", (), NOW_S)
    assert status.controls == (control_view(DRAIN),)
    assert {target.cluster: target.drained for target in status.services[0].targets} == {"eu": True, "us": True}
    controls = stored_controls(table, "demo", NOW_S)
    assert (controls.live, controls.controls) == (False, (control_view(DRAIN),))


def test_survival_is_shown_with_its_reasons_and_in_one_line() -> None:
    survival = Survival(
        zone="fed.test", provider="bind", survives=("eu",), losses=(Loss("ap", "why"),), notes=("note",)
    )
    assert survival_view(survival) == SurvivalView(
        zone="fed.test",
        provider="bind",
        text="fed.test at bind: survives the loss of eu; not of ap (why); note",
        survives=("eu",),
        losses=(LossView(region="ap", why="why"),),
        notes=("note",),
    )
