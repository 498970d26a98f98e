"""``audit``: whether baselines hold, for people and for pipelines."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trafficfed.observe.views import BaselineClusterView, BaselineView, ViolationView
from trafficfed.testing.operations import ScriptedOperations

Run = Callable[..., Any]
BROKEN = BaselineView(
    name="no-wildcards",
    mode="inform",
    clusters=(BaselineClusterView(cluster="eu", state="Violating", violations=1),),
    violations=(
        ViolationView(
            cluster="eu",
            baseline="no-wildcards",
            rule="roles",
            object="ClusterRole.rbac.authorization.k8s.io all",
            path="rules",
            message="a role must not grant by wildcard",
            since_s=900.0,
        ),
    ),
)
FINE = BaselineView(name="fine", mode="deny", clusters=(BaselineClusterView(cluster="eu", state="Compliant"),))


@pytest.fixture
def operations() -> ScriptedOperations:
    scripted = ScriptedOperations()
    scripted.baselines = (BROKEN, FINE)
    return scripted


def test_what_is_wrong_is_a_table_and_a_code(trafficfed: Run, running: Path) -> None:
    code, out, err = trafficfed("audit", "-c", running)
    assert (code, err) == (1, "")
    assert "not every baseline holds" in out
    assert "ClusterRole.rbac.authorization.k8s.io all" in out
    assert "a role must not grant by wildcard" in out


def test_where_all_is_well_it_ends_with_0(trafficfed: Run, running: Path) -> None:
    code, out, _ = trafficfed("audit", "--baseline", "fine", "-c", running)
    assert code == 0
    assert "every baseline holds" in out
    assert "ClusterRole" not in out


def test_programs_get_everything(trafficfed: Run, running: Path) -> None:
    found = json.loads(trafficfed("audit", "-c", running, "-o", "json").out)
    assert found["compliant"] is False
    assert found["baselines"][0]["violations"][0]["since_s"] == 900.0


def test_what_of_a_baseline_cannot_be_used_stands_first(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    operations.baselines = (BaselineView(name="broken", mode="inform", faults=("spec.rules[0]: frob",)),)
    assert "broken: spec.rules[0]: frob" in trafficfed("audit", "-c", running).out
    operations.baselines = ()
    assert "there are no baselines" in trafficfed("audit", "-c", running).out
