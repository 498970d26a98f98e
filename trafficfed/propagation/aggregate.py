"""What became of a policy: its conditions, its clusters and its problems, from the states of all its copies."""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from trafficfed.crds.conditions import condition, since
from trafficfed.crds.structs import Condition
from trafficfed.model import Refusal, Value
from trafficfed.propagation.clusters import Finding
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.place import Chosen
from trafficfed.propagation.policy import ClusterSummary, PolicyStatus, Problem

MOST_PROBLEMS = 50
LONGEST_MESSAGE = 1024

IN_PLACE = "InPlace"


class CopyState(Value, frozen=True, kw_only=True, order=True):
    """How one copy stands: ``InPlace``, or the reason of what stands in the way (a step's that was kept, or what the
    member answered)."""

    cluster: str
    object: ObjectKey
    reason: str = IN_PLACE
    message: str = ""

    @property
    def good(self) -> bool:
        return self.reason == IN_PLACE


def crowded(cluster: str, key: ObjectKey) -> CopyState:
    """A copy that was given more replicas than its cluster had room for."""
    message = "more replicas than fitted there when they were divided: some of them wait for room"
    return CopyState(cluster=cluster, object=key, reason="MoreThanFits", message=message)


def policy_status(
    generation: int,
    chosen: Chosen,
    states: Iterable[CopyState],
    objects: int,
    before: PolicyStatus,
    now_s: float,
    refusals: Sequence[Refusal] = (),
    hints: Iterable[CopyState] = (),
) -> PolicyStatus:
    """The status to write; equal to ``before`` where its meaning is the same. ``refusals`` are of the policy itself,
    ``hints`` of copies that are in place and not as one would wish."""
    ordered = sorted(states)
    bad = [state for state in ordered if not state.good]
    conditions = (_scheduled(chosen, refusals), _applied(ordered, bad, objects, refusals))
    return PolicyStatus(
        observed_generation=generation,
        conditions=tuple(since(each, before.conditions, generation, now_s) for each in conditions),
        objects=objects,
        applied=len(ordered) - len(bad),
        copies=len(ordered),
        clusters=_clusters(chosen.findings, ordered),
        problems=tuple(map(_problem, [*bad, *sorted(hints)][:MOST_PROBLEMS])),
    )


def invalid_status(generation: int, message: str, before: PolicyStatus, now_s: float) -> PolicyStatus:
    """Of a policy that cannot be read: nothing of what it had is touched."""
    invalid = _condition("Scheduled", False, "InvalidPolicy", message)
    kept = tuple(each for each in before.conditions if each.type != "Scheduled")
    scheduled = since(invalid, before.conditions, generation, now_s)
    return replace(before, observed_generation=generation, conditions=(scheduled, *kept))


def _scheduled(chosen: Chosen, refusals: Sequence[Refusal]) -> Condition:
    out = "; ".join(f"{each.cluster}: {each.message}" for each in chosen.findings if not each.chosen)
    if refusals:
        return _condition("Scheduled", False, refusals[0].reason, "; ".join(each.message for each in refusals))
    if chosen.waiting:
        return _condition("Scheduled", False, "WaitingForMeasurement", f"waits for {chosen.waiting}")
    clusters = chosen.choice.clusters if chosen.choice else ()
    if chosen.kept:
        return _condition("Scheduled", False, "NoClusterFits", f"kept in {', '.join(clusters)}; {out}")
    if not clusters:
        return _condition("Scheduled", False, "NoClusterFits", out or "no cluster is configured")
    return _condition("Scheduled", True, "Scheduled", ", ".join(clusters))


def _applied(
    states: Sequence[CopyState], bad: Sequence[CopyState], objects: int, refusals: Sequence[Refusal]
) -> Condition:
    if not objects:
        message = "no object on the hub is selected by it, or another policy is more specific"
        return _condition("Applied", False, "NothingSelected", message)
    if not states:
        return _condition("Applied", False, "NotScheduled", "no cluster was chosen yet")
    if not bad:
        return _condition("Applied", True, "Applied", f"{len(states)} copies are in place")
    reasons = sorted({state.reason for state in bad})
    where = ", ".join(sorted({state.cluster for state in bad}))
    message = f"{len(bad)} of {len(states)} copies are not in place ({', '.join(reasons)}), in {where}"
    return _condition("Applied", False, reasons[0] if len(reasons) == 1 else "SeveralReasons", message)


def _condition(kind: str, holds: bool, reason: str, message: str) -> Condition:
    return condition(kind, holds, reason, message, LONGEST_MESSAGE)


def _clusters(findings: Iterable[Finding], states: Iterable[CopyState]) -> tuple[ClusterSummary, ...]:
    """Every member with its reason; one that still has copies stands here though it is chosen no more."""
    of: dict[str, list[CopyState]] = {}
    for state in states:
        of.setdefault(state.cluster, []).append(state)
    found: Mapping[str, Finding] = {finding.cluster: finding for finding in findings}
    return tuple(_summary(name, found.get(name), of.get(name, ())) for name in sorted(found.keys() | of.keys()))


def _summary(name: str, finding: Finding | None, states: Sequence[CopyState]) -> ClusterSummary:
    return ClusterSummary(
        name=name,
        objects=len(states),
        applied=sum(state.good for state in states),
        reason=finding.reason if finding else "Leaving",
        message=finding.message[:LONGEST_MESSAGE] if finding else "",
    )


def _problem(state: CopyState) -> Problem:
    return Problem(
        cluster=state.cluster, object=str(state.object), reason=state.reason, message=state.message[:LONGEST_MESSAGE]
    )
