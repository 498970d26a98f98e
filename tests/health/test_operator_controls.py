"""force-up and force-down overrule what serves, not what is seen; what they overruled goes on beneath them."""

import pytest

from trafficfed.health import reasons
from trafficfed.health.controls import in_force
from trafficfed.model import OperatorControl, State
from trafficfed.testing.judging import SERVICE, Scene

UP = OperatorControl(kind="force-up", cluster="eu", who="ann", why="checker is wrong")
DOWN = OperatorControl(kind="force-down", cluster="eu", who="bob")


def up_and_down() -> Scene:
    """us passes; eu passed once and is down."""
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    scene.see("eu", False, times=3)
    return scene


def test_force_up_serves_what_fails_and_says_who_and_why() -> None:
    scene = up_and_down()
    scene.control(UP)
    verdict = scene.verdict("eu")
    assert (verdict.state, verdict.serving, verdict.reason) == (State.NOT_SERVING, True, reasons.FORCED_UP)
    assert verdict.detail == "by ann: checker is wrong"


def test_force_down_takes_out_what_passes() -> None:
    scene = up_and_down()
    scene.control(OperatorControl(kind="force-down", cluster="us", who="bob"))
    verdict = scene.verdict("us")
    assert (verdict.state, verdict.serving, verdict.reason) == (State.SERVING, False, reasons.FORCED_DOWN)


@pytest.mark.parametrize("control", [UP, DOWN])
@pytest.mark.parametrize("wait_s", [0, 3600])
def test_when_it_ends_the_latches_are_as_if_it_had_never_been(control: OperatorControl, wait_s: float) -> None:
    scene = up_and_down()
    scene.wait(wait_s)
    before = scene.serving
    scene.control(control)
    scene.wait(100)
    scene.control()
    assert scene.serving == before


def test_undoing_force_down_needs_no_failback_hold_where_nothing_failed() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    scene.control(DOWN)
    assert scene.serving == {"us"}
    scene.control()
    assert scene.serving == {"eu", "us"}


def test_what_fails_beneath_force_up_is_out_when_that_ends() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    scene.control(UP)
    scene.see("eu", False, times=3)
    assert scene.serving == {"eu", "us"}
    scene.control()
    assert scene.serving == {"us"}


def test_it_ends_by_itself_at_its_time() -> None:
    scene = up_and_down()
    scene.control(OperatorControl(kind="force-up", cluster="eu", until_s=scene.now_s + 10))
    scene.wait(9.9)
    assert scene.serving == {"eu", "us"}
    scene.wait(0.1)
    assert scene.serving == {"us"}


def test_it_begins_by_itself_at_its_time() -> None:
    scene = up_and_down()
    scene.control(OperatorControl(kind="force-up", cluster="eu", since_s=scene.now_s + 10))
    assert scene.serving == {"us"}
    scene.wait(10)
    assert scene.serving == {"eu", "us"}


@pytest.mark.parametrize(
    ("cluster", "service", "concerned"),
    [
        ("", "", {"eu", "us"}),
        ("us", "", {"us"}),
        ("", str(SERVICE), {"eu", "us"}),
        ("us", "default/shop/other", set()),
        ("ap", "", set()),
    ],
)
def test_it_concerns_the_cluster_and_service_it_names_or_all(cluster: str, service: str, concerned: set[str]) -> None:
    scene = Scene("eu", "us")
    for name in ("eu", "us"):
        scene.see(name, True)
    scene.control(OperatorControl(kind="force-down", cluster=cluster, service=service))
    assert {"eu", "us"} - scene.serving == concerned


def test_force_down_goes_before_force_up_in_whatever_order_they_come() -> None:
    newer = OperatorControl(kind="force-up", since_s=5.0)
    assert in_force([UP, DOWN, newer], "eu", 10.0) == in_force([newer, DOWN, UP], "eu", 10.0) == DOWN
    assert in_force([UP, newer], "eu", 10.0) == newer


@pytest.mark.parametrize("kind", ["drain", "freeze"])
def test_drain_and_freeze_are_no_verdicts_but_their_end_wakes_the_row(kind: str) -> None:
    """What is drained is alive, and steering may need it; a judge that called it down would hide that."""
    scene = Scene("eu", "us")
    scene.see("eu", True)
    before = scene.row.verdicts
    scene.control(OperatorControl(kind=kind, cluster="eu", until_s=scene.now_s + 10))
    assert scene.row.verdicts is before
    judgements = scene.judgements
    scene.wait(10)
    assert scene.judgements > judgements


def test_a_changed_reason_why_is_told_though_nothing_else_changed() -> None:
    scene = up_and_down()
    scene.control(UP)
    scene.control(OperatorControl(kind="force-up", cluster="eu", who="cem"))
    assert scene.verdict("eu").detail == "by cem"
