"""``drain --wait`` ends when nobody is given the cluster and the TTL has passed thrice since, and not before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.cli.quiet import TTLS, Drained, Quiet, drained, given_out, unwritten
from trafficfed.observe.views import ControlView, ProviderView, RuleView, ServiceView, StatusView, TargetView
from trafficfed.testing.operations import ScriptedOperations

Run = Callable[..., Any]
DRAIN = ControlView(id="7f3a", kind="drain", cluster="eu", why="upgrade")


def service(name: str = "web", *, given: str = "us", ttl: int = 30, drained: bool = True) -> ServiceView:
    """In eu and us, of which ``given`` are given out."""
    address = {"eu": "192.0.2.1", "us": "198.51.100.1"}
    answer = tuple(address[each] for each in given.split())
    return ServiceView(
        service=f"prod/shop/{name}",
        hostnames=(f"{name}.fed.test",),
        ttl=ttl,
        serving=True,
        rules=(RuleView(where="any", answer=answer, clusters=tuple(given.split())),),
        targets=(
            TargetView(cluster="eu", address="192.0.2.1", state="Serving", serving=True, drained=drained),
            TargetView(cluster="us", address="198.51.100.1", state="Serving", serving=True),
        ),
    )


def status(*services: ServiceView, **fields: Any) -> StatusView:
    return StatusView(owner="demo", at_s=1000.0, services=services, controls=(DRAIN,), **fields)


def test_what_is_drained_is_the_clusters_part_of_each_service() -> None:
    view = status(service(), service("other", ttl=5), service("left", drained=False))
    assert [(each.service, each.ttl, each.targets) for each in drained(view, "eu", "")] == [
        ("prod/shop/web", 30, frozenset({"192.0.2.1"})),
        ("prod/shop/other", 5, frozenset({"192.0.2.1"})),
    ]
    for text in ("shop/web", "prod/shop/web", "Web.Fed.Test."):
        assert [each.service for each in drained(view, "eu", text)] == ["prod/shop/web"]
    assert drained(view, "us", "") == ()


def test_an_address_that_another_cluster_gives_out_too_is_not_waited_for() -> None:
    shared = replace(
        service(),
        rules=(RuleView(where="any", answer=("192.0.2.1",), clusters=("us",)),),
        targets=(
            TargetView(cluster="eu", address="192.0.2.1", state="Serving", serving=True, drained=True),
            TargetView(cluster="us", address="192.0.2.1", state="Serving", serving=True),
        ),
    )
    (part,) = drained(status(shared), "eu", "")
    assert (part.targets, part.given_out) == (frozenset(), False)


def test_what_nothing_can_replace_is_told() -> None:
    (why,) = given_out(drained(status(service(given="eu")), "eu", ""))
    assert why.startswith("web.fed.test is still given out: nothing else serves")


def test_only_the_zones_of_the_drained_names_must_be_written() -> None:
    bind = ProviderView(name="bind", kind="rfc2136", zone="fed.test", state="Ready", pending=1)
    other = replace(bind, name="aws", zone="other.test", state="Failing", message="no such zone")
    view = status(service(), providers=(bind, other))
    assert unwritten(view, drained(view, "eu", "")) == ["fed.test at bind is not written yet"]


@given(st.lists(st.tuples(st.floats(0.1, 50), st.booleans()), max_size=30), st.integers(0, 20))
def test_it_is_over_just_when_it_was_quiet_for_three_ttls(looks: list[tuple[float, bool]], ttl: int) -> None:
    quiet, now_s = Quiet(), 0.0
    silent_since: float | None = None
    for step_s, is_given in looks:
        now_s += step_s
        quiet = quiet.seen(now_s, given_out=is_given)
        silent_since = None if is_given else now_s if silent_since is None else silent_since
        left_s = quiet.left_s(now_s, ttl)
        if silent_since is None:
            assert left_s is None
        else:
            assert left_s == pytest.approx(max(0.0, silent_since + TTLS * ttl - now_s))


def test_a_drain_without_anything_to_wait_for_ends_at_once(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    operations.view = status(service(ttl=0))
    code, out, err = trafficfed("drain", "eu", "--wait", "--why", "w", "-c", running)
    assert (code, out) == (0, "cluster eu is given out nowhere, and the TTL of 0 s has passed thrice since\n")
    assert err.startswith("trafficfed: drain of eu\n")


def test_a_drain_that_moves_nothing_ends_with_1_and_says_what_stands_in_the_way(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    operations.view = status(service(given="eu"))
    code, out, err = trafficfed("drain", "eu", "--wait", "--timeout", "10ms", "--why", "w", "-c", running)
    assert (code, out) == (1, "")
    assert "not over after 0.01 s: web.fed.test is still given out" in err


def test_a_drain_that_is_ended_meanwhile_is_not_waited_for(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    operations.view = replace(status(service()), controls=())
    code, _, err = trafficfed("drain", "eu", "--wait", "--why", "w", "-c", running)
    assert code == 2
    assert "the drain of cluster eu has ended meanwhile" in err


@pytest.mark.parametrize("time", ["soon", "0"])
def test_a_time_to_wait_that_is_none_orders_nothing(
    trafficfed: Run, running: Path, operations: ScriptedOperations, time: str
) -> None:
    code, _, err = trafficfed("drain", "eu", "--wait", "--timeout", time, "--why", "w", "-c", running)
    assert (code, operations.wanted) == (2, [])
    assert f"--timeout {time}: is no time" in err


def test_without_wait_the_order_is_all(trafficfed: Run, running: Path, operations: ScriptedOperations) -> None:
    operations.view = status(service(given="eu"))
    assert trafficfed("drain", "eu", "--why", "w", "-c", running) == (0, "drain of eu\n", "")


def test_a_part_is_a_value() -> None:
    part = Drained("prod/shop/web", ("web.fed.test",), 30, frozenset({"192.0.2.1"}), given_out=False)
    assert drained(status(service()), "eu", "") == (part,)
