"""What is asked about baselines is answered by who leads, in the words of the report."""

import pytest

from trafficfed.baseline.report import Violation
from trafficfed.baseline.showing import Audited
from trafficfed.baseline.structs import ClusterResult
from trafficfed.errors import ConfigError
from trafficfed.observe.auditing import audit_view

VIOLATION = Violation(cluster="eu", baseline="a", rule="r", object="Pod x", path="spec", message="m", since_s=1.0)
RESULTS = (ClusterResult(name="eu", violations=1, state="Violating"), ClusterResult(name="us", state="Compliant"))
FOUND = (
    Audited(name="a", mode="inform", clusters=RESULTS, violations=(VIOLATION,)),
    Audited(name="b", mode="deny", clusters=(ClusterResult(name="eu", state="Compliant"),)),
    Audited(name="c", mode="inform", faults=("spec.rules[0]: frob",)),
    Audited(name="d", mode="inform", clusters=(ClusterResult(name="us", state="Unknown", message="silent"),)),
)


@pytest.mark.parametrize(
    ("baseline", "cluster", "compliant", "names"),
    [
        ("", "", False, ["a", "b", "c", "d"]),
        ("a", "", False, ["a"]),
        ("a", "us", True, ["a"]),
        ("b", "", True, ["b"]),
        ("c", "", False, ["c"]),
        ("d", "", False, ["d"]),
    ],
)
def test_only_what_holds_and_could_be_seen_is_compliant(
    baseline: str, cluster: str, compliant: bool, names: list[str]
) -> None:
    view = audit_view("demo", 5.0, FOUND, baseline, cluster)
    assert view.compliant is compliant
    assert [each.name for each in view.baselines] == names


def test_one_cluster_shows_nothing_of_the_others() -> None:
    (view,) = audit_view("demo", 5.0, FOUND, "a", "us").baselines
    assert [each.cluster for each in view.clusters] == ["us"]
    assert view.violations == ()


def test_a_name_that_nobody_has_is_told_with_those_that_are_there() -> None:
    with pytest.raises(ConfigError, match="no baseline x is known; known are a, b, c, d"):
        audit_view("demo", 5.0, FOUND, "x", "")
