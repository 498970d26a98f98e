"""What is said of a baseline on the hub: whether it can be used, and how it stands in each cluster. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec.structs import replace

from trafficfed.baseline.reading import Baseline
from trafficfed.baseline.report import Violation
from trafficfed.baseline.structs import BaselineStatus, ClusterResult, ViolationStatus
from trafficfed.crds.conditions import condition, since

MOST = 50
"""Violations that a status has: an object on the hub has to stay small."""

LONGEST = 1024
COMPLIANT, VIOLATING, UNKNOWN = "Compliant", "Violating", "Unknown"


def moment(seconds: float) -> str:
    """As API servers write times.

    >>> moment(0.0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def cluster_results(
    clusters: Iterable[str], found: Iterable[Violation], unseen: Mapping[str, str]
) -> Sequence[ClusterResult]:
    """``unseen`` says why not everything that rules ask about is seen there. A known violation stays one."""
    counts = Counter(each.cluster for each in found)
    told = []
    for name in clusters:
        reason = unseen.get(name, "")
        state = VIOLATING if counts[name] else UNKNOWN if reason else COMPLIANT
        told.append(ClusterResult(name=name, violations=counts[name], state=state, message=reason[:LONGEST]))
    return told


def status_of(
    baseline: Baseline,
    clusters: Sequence[str],
    found: Sequence[Violation],
    unseen: Mapping[str, str],
    faults: Sequence[str],
    *,
    costly: bool,
    now_s: float,
) -> BaselineStatus:
    """Of one baseline as it stands now; conditions keep the time since when they hold."""
    results = cluster_results(clusters, found, unseen)
    if faults:
        accepted = condition("Accepted", False, "TooCostly" if costly else "Invalid", "; ".join(faults), LONGEST)
    else:
        accepted = condition("Accepted", True, "Accepted", "every rule is kept", LONGEST)
    concerned = sum(1 for each in results if each.violations)
    if found:
        said = f"{len(found)} violations in {concerned} of {len(clusters)} clusters"
        compliant = condition("Compliant", False, "Violations", said, LONGEST)
    elif any(each.state == UNKNOWN for each in results):
        names = ", ".join(each.name for each in results if each.state == UNKNOWN)
        compliant = replace(
            condition("Compliant", False, "NotAllSeen", f"not everything is seen in {names}", LONGEST), status="Unknown"
        )
    else:
        compliant = condition("Compliant", True, "AllHold", f"holds in {len(clusters)} clusters", LONGEST)
    before = baseline.status.conditions
    return BaselineStatus(
        observed_generation=baseline.generation,
        conditions=tuple(since(each, before, baseline.generation, now_s) for each in (accepted, compliant)),
        clusters=tuple(results),
        violations=tuple(map(_told, found[:MOST])),
        count=len(found),
    )


def _told(violation: Violation) -> ViolationStatus:
    return ViolationStatus(
        cluster=violation.cluster,
        rule=violation.rule,
        object=violation.object[:700],
        path=violation.path[:512],
        message=violation.message[:LONGEST],
        since=moment(violation.since_s),
    )


def as_json(status: BaselineStatus) -> dict[str, Any]:
    """In full: a condition needs its message even where it is empty, a count is shown even where it is 0."""
    stated: dict[str, Any] = msgspec.to_builtins(status)
    stated["count"] = status.count
    stated["conditions"] = [{"message": "", **each} for each in stated.get("conditions", ())]
    stated["clusters"] = [{"violations": 0, **each} for each in stated.get("clusters", ())]
    return stated
