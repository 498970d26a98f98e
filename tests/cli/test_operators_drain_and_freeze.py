"""The commands that take a hand in steering: what they order of the controller, what they refuse by themselves."""

import getpass
import json
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from msgspec.structs import replace

from trafficfed.cli.output import Screen, encoded
from trafficfed.model import OperatorControl, Row
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.observe.views import ControlsView, ControlView, PlanView, ServiceView, StatusView, SurvivalView
from trafficfed.steering.orders import named
from trafficfed.table.disk import DiskLog, load
from trafficfed.testing.operations import ScriptedOperations

CONTROL = ControlView(
    id="7f3a90c1", kind="drain", cluster="eu", who="ann", why="kernel upgrade", since_s=940.0, until_s=8200.0
)


class Said(NamedTuple):
    code: int
    out: str
    err: str


Run = Callable[..., Said]


def test_a_drain_is_ordered_with_who_why_and_how_long(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    said = trafficfed(
        "drain", "eu", "-s", "shop/web", "--for", "2h", "--why", "kernel upgrade", "--who", "ann", "-c", running
    )
    assert said == (0, "drain of eu\n", "")
    assert operations.wanted == [
        ControlRequest(kind="drain", cluster="eu", service="shop/web", who="ann", why="kernel upgrade", for_s=7200.0)
    ]


def nameless() -> str:
    """As it goes for a user id that has no name."""
    raise KeyError("uid not found")


def test_who_orders_is_who_runs_the_command(
    trafficfed: Run, running: Path, operations: ScriptedOperations, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "bob")
    trafficfed("drain", "eu", "--why", "w", "-c", running)
    monkeypatch.setattr(getpass, "getuser", nameless)
    trafficfed("drain", "eu", "--why", "w", "-c", running)
    first, second = operations.wanted
    assert isinstance(first, ControlRequest)
    assert isinstance(second, ControlRequest)
    assert first.who == "bob"
    assert second.who.startswith("uid ")


def test_a_drain_ends_by_its_extent(trafficfed: Run, running: Path, operations: ScriptedOperations) -> None:
    assert trafficfed("undrain", "eu", "-c", running).out == "drain of eu has ended\n"
    trafficfed("undrain", "eu", "--service", "shop/web", "-c", running)
    assert operations.wanted == [
        UndoRequest(kind="drain", cluster="eu"),
        UndoRequest(kind="drain", cluster="eu", service="shop/web"),
    ]


def test_a_shift_is_ordered_with_its_share_and_where_it_goes_and_ends_by_its_extent(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    said = trafficfed("shift", "eu", "--to", "us", "--share", "10", "--why", "warming", "--who", "ann", "-c", running)
    assert said == (0, "shift of eu\n", "")
    trafficfed("shift", "eu", "--share", "100", "-s", "shop/web", "--why", "w", "--who", "ann", "-c", running)
    assert trafficfed("unshift", "eu", "-c", running).out == "shift of eu has ended\n"
    assert operations.wanted == [
        ControlRequest(kind="shift", cluster="eu", to="us", share=10, who="ann", why="warming"),
        ControlRequest(kind="shift", cluster="eu", service="shop/web", share=100, who="ann", why="w"),
        UndoRequest(kind="shift", cluster="eu"),
    ]


@pytest.mark.parametrize("share", ["0", "101", "some", "-1"])
def test_a_share_is_from_1_to_100(trafficfed: Run, running: Path, operations: ScriptedOperations, share: str) -> None:
    said = trafficfed("shift", "eu", "--share", share, "--why", "w", "-c", running)
    assert said.code == 2
    assert "--share" in said.err
    assert operations.wanted == []


def test_a_freeze_is_of_a_cluster_a_service_or_all_that_was_said(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    for extent in (["eu"], ["--service", "shop/web"], ["--all"]):
        assert trafficfed("freeze", *extent, "--why", "w", "--who", "ann", "--for", "10m", "-c", running).code == 0
        assert trafficfed("unfreeze", *extent, "-c", running).code == 0
    freezes = [each for each in operations.wanted if isinstance(each, ControlRequest)]
    undone = [each for each in operations.wanted if isinstance(each, UndoRequest)]
    assert [(each.cluster, each.service, each.for_s) for each in freezes] == [
        ("eu", "", 600.0),
        ("", "shop/web", 600.0),
        ("", "", 600.0),
    ]
    assert [(each.cluster, each.service) for each in undone] == [("eu", ""), ("", "shop/web"), ("", "")]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("freeze", "--why", "w"), "say what is meant: a cluster, --service NAME, or --all"),
        (("unfreeze",), "say what is meant: a cluster, --service NAME, or --all"),
        (("freeze", "eu", "--all", "--why", "w"), "--all is everything; leave it out, or the cluster and the service"),
        (("drain", "eu", "--why", "w", "--for", "soon"), "--for soon: is no time; write it like 90s, 30m or 2h"),
        (("drain", "eu", "--why", "w", "--for", "0"), "--for 0: is no time"),
        (("drain", "eu"), "Missing option '--why'"),
        (("drain", "--why", "w"), "Missing argument 'CLUSTER'"),
    ],
)
def test_what_is_not_said_plainly_is_not_ordered(
    trafficfed: Run, running: Path, operations: ScriptedOperations, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = trafficfed(*arguments, "-c", running)
    assert (code, out, operations.wanted) == (2, "", [])
    assert said in err


def test_orders_need_a_controller_and_its_token(
    trafficfed: Run, stopped: Path, running: Path, operations: ScriptedOperations
) -> None:
    (running.parent / "state" / "api-token").write_text("x" * 43)
    code, _, err = trafficfed("drain", "eu", "--why", "w", "-c", running)
    assert (code, operations.wanted) == (2, [])
    assert "bearer token" in err


def test_without_a_controller_nothing_is_ordered(trafficfed: Run, stopped: Path, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(exist_ok=True)
    token = tmp_path / "state" / "api-token"
    token.write_text("t" * 43)
    token.chmod(0o600)
    code, out, err = trafficfed("drain", "eu", "--why", "w", "-c", stopped)
    assert (code, out) == (3, "")
    assert "no controller answers" in err


def test_controls_are_listed_for_people_and_programs(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    operations.view = StatusView(owner="demo", at_s=1000.0, controls=(CONTROL,))
    code, out, err = trafficfed("controls", "-c", running)
    assert (code, err) == (0, "")
    assert out.splitlines() == [
        "ID        KIND   CLUSTER  SERVICE  SINCE  ENDS IN  BY   WHY",
        "7f3a90c1  drain  eu       all      1m     2h       ann  kernel upgrade",
    ]
    found = json.loads(trafficfed("controls", "-c", running, "-o", "json").out)
    assert found["controls"][0]["until_s"] == 8200.0
    assert yaml.safe_load(trafficfed("controls", "-c", running, "-o", "yaml").out) == found


def test_no_controls_are_told_as_such(trafficfed: Run, running: Path) -> None:
    assert trafficfed("controls", "-c", running) == (0, "no operator control is in force\n", "")


def test_without_a_controller_the_last_tables_controls_are_listed(
    trafficfed: Run, stopped: Path, table_on_disk: Row, tmp_path: Path
) -> None:
    table = load(tmp_path / "state")
    delta = table.commit(controls=(named(OperatorControl(kind="drain", cluster="eu", why="w", since_s=1.0)),))
    assert delta is not None
    with DiskLog(tmp_path / "state", table.snapshot()):
        pass
    code, out, err = trafficfed("controls", "-c", stopped)
    assert code == 3
    assert "drain  eu" in out
    assert "never" in out
    assert "What follows is the last table on disk" in err
    assert table_on_disk.key in table.rows


def test_a_status_page_has_controls_frozen_services_and_survival() -> None:
    survival = SurvivalView(zone="fed.test", provider="bind", text="fed.test at bind: survives the loss of eu")
    service = ServiceView(service="prod/shop/web", hostnames=("web.fed.test",), frozen="by bob: moving")
    view = StatusView(owner="demo", at_s=1000.0, services=(service,), controls=(CONTROL,), survival=(survival,))
    lines = encoded(view, "table", Screen()).splitlines()
    assert any(line.endswith("frozen by bob: moving") for line in lines)
    assert "7f3a90c1  drain  eu       all      1m     2h       ann  kernel upgrade" in lines
    assert lines[lines.index("Failover") + 1] == "fed.test at bind: survives the loss of eu"


def test_a_plan_page_tells_what_failover_survives() -> None:
    survival = SurvivalView(zone="fed.test", provider="bind", text="fed.test at bind: survives the loss of eu")
    assert "fed.test at bind: survives the loss of eu\n" in encoded(
        PlanView(owner="demo", survival=(survival,)), "table", Screen()
    )


def test_what_operators_wrote_steers_no_terminal() -> None:
    shown = encoded(
        ControlsView(owner="demo", at_s=1.0, controls=(replace(CONTROL, why="\x1b[2Jgone", who="a\nb"),)),
        "table",
        Screen(),
    )
    assert "\x1b" not in shown
    assert len(shown.splitlines()) == 2
