"""What each endpoint may give out now, and how willingly: the step from verdicts and drains to candidates."""

import enum
from collections.abc import Mapping, Sequence

from trafficfed.model import Endpoint, Form, OperatorControl, Row, State, Value, Verdict
from trafficfed.steering.controls import cause, drain_of, in_force


class Standing(enum.IntEnum):
    """How willingly an endpoint that serves is given out; a higher one only where nothing lower serves.

    RESERVE has weight 0: it stands behind every tier. DRAINED stands in no tier at all, yet a drained endpoint that is
    alive is better than a dead one.
    """

    ACTIVE = 0
    RESERVE = 1
    DRAINED = 2


class Candidate(Value, frozen=True, kw_only=True):
    """One endpoint as steering sees it.

    ``judged`` has every target of the published form with its verdict, ``serving`` those that may be given out.
    ``drained_by`` says who drained it and why, where an operator did.
    """

    endpoint: Endpoint
    standing: Standing
    judged: tuple[tuple[str, Verdict], ...] = ()
    serving: tuple[str, ...] = ()
    alone: bool = False
    drained_by: str = ""

    @property
    def cluster(self) -> str:
        return self.endpoint.cluster


def candidates(row: Row, controls: Sequence[OperatorControl], now_s: float) -> tuple[Candidate, ...]:
    """Every endpoint of a row, sorted by cluster, targets and whatever else tells endpoints apart.

    A target is given out where its verdict serves. So is one that has not been probed to an end yet where its endpoint
    is the service's only one: there is nothing better to wait with.
    """
    verdicts = {(each.cluster, each.address): each for each in row.verdicts}
    drains = in_force(controls, "drain", now_s)
    alone = len(row.endpoints) == 1
    found = []
    for endpoint in row.endpoints:
        drain = drain_of(drains, row.key, endpoint.cluster)
        judged = _judged(endpoint, row.service.form, verdicts)
        new = alone and all(_is_new(verdict) for _, verdict in judged)
        found.append(
            Candidate(
                endpoint=endpoint,
                standing=_standing(endpoint, drained=drain is not None or endpoint.drained),
                judged=judged,
                serving=tuple(target for target, verdict in judged if verdict.serving or new),
                alone=new,
                drained_by=cause(drain) if drain else "",
            )
        )
    return tuple(sorted(found, key=_order))


def _order(candidate: Candidate) -> tuple[object, ...]:
    endpoint = candidate.endpoint
    return candidate.cluster, [target for target, _ in candidate.judged], endpoint.uid, endpoint.weight, endpoint.tier


def _standing(endpoint: Endpoint, *, drained: bool) -> Standing:
    if drained:
        return Standing.DRAINED
    return Standing.ACTIVE if endpoint.weight > 0 else Standing.RESERVE


def _judged(
    endpoint: Endpoint, form: Form, verdicts: Mapping[tuple[str, str], Verdict]
) -> tuple[tuple[str, Verdict], ...]:
    def of(target: str) -> Verdict:
        return verdicts.get((endpoint.cluster, target)) or Verdict(cluster=endpoint.cluster, address=target)

    if form is Form.ADDRESS:
        return tuple((target, of(target)) for target in endpoint.targets)
    # A hostname is as good as the best address behind it: its own resolver tells which one a client gets.
    behind = min((of(target) for target in endpoint.targets), key=_worse, default=None)
    return tuple(
        (name, verdicts.get((endpoint.cluster, name)) or behind or of(name)) for name in sorted(set(endpoint.hostnames))
    )


def _worse(verdict: Verdict) -> tuple[bool, bool, bool, bool, str]:
    """Of those that do not serve, one that is known goes before one that is not probed yet: the name is new only where
    all that is behind it is."""
    return not verdict.serving, verdict.quarantined, not verdict.passed, _is_new(verdict), verdict.address


def _is_new(verdict: Verdict) -> bool:
    return verdict.state is State.UNKNOWN and not verdict.passed and not verdict.quarantined


def reasons(candidate: Candidate) -> tuple[str, ...]:
    """Why each target of an endpoint is in or out, one stable sentence each."""
    if not candidate.judged:
        return (f"{candidate.cluster}: out, it offers nothing of the published form",)
    return tuple(f"{candidate.cluster} {target}: {reason(candidate, verdict)}" for target, verdict in candidate.judged)


def reason(candidate: Candidate, verdict: Verdict) -> str:
    """Why one target is in or out: stable, so that it changes only when the answer may."""
    if not verdict.serving:
        if candidate.alone:
            return "in, not probed yet but the only endpoint"
        return f"out, {verdict.state} ({verdict.reason})"
    if candidate.standing is Standing.DRAINED:
        by = f" {candidate.drained_by}" if candidate.drained_by else ""
        return f"drained{by}; given out only where nothing else serves"
    if candidate.standing is Standing.RESERVE:
        return "weight 0; given out only where nothing of more weight serves"
    return f"in, {verdict.reason}"
