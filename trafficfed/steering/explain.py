"""Why a client gets its answer: from the user's objects and the verdicts down to what is answered."""

from collections.abc import Iterator, Mapping, Sequence

from trafficfed.model import (
    Client,
    Cluster,
    Decision,
    Form,
    Member,
    OperatorControl,
    Row,
    Rule,
    ServiceKey,
    Value,
    Verdict,
    Where,
)
from trafficfed.steering.controls import cause, freeze_of
from trafficfed.steering.decide import decide
from trafficfed.steering.places import place_of
from trafficfed.steering.select import rule_for, shares
from trafficfed.steering.shifts import WHOLE, described, effects, shifts_of
from trafficfed.steering.standing import Candidate, candidates, reason, reasons


class Explanation(Value, frozen=True, kw_only=True):
    """What one client is answered at a service's names, and why.

    ``answer`` is everything it may be given: all of it, or where ``pick`` says so one member's part of it. ``lines``
    lead from the policy and the observations to it, for people.
    """

    service: ServiceKey
    client: Client
    where: Where | None = None
    answer: tuple[str, ...] = ()
    pick: int = 0
    ttl: int = 0
    serving: bool = False
    lines: tuple[str, ...] = ()


def explain(
    row: Row,
    client: Client,
    clusters: Mapping[str, Cluster],
    controls: Sequence[OperatorControl],
    now_s: float,
) -> Explanation:
    """Explain the decision that a row holds (or would get now, where it has none) to one client."""
    decision = row.decision or decide(row, clusters, controls, now_s)
    rule = rule_for(decision, client)
    found = candidates(row, controls, now_s)
    return Explanation(
        service=row.key,
        client=client,
        where=rule.where if rule else None,
        answer=_targets(rule.members if rule else ()),
        pick=decision.pick_of(rule) if rule else decision.pick,
        ttl=decision.ttl,
        serving=decision.serving,
        lines=(
            *_policy(row, decision),
            *_frozen(row, controls, now_s),
            *_matched(decision, client, rule),
            *_tiers(decision, rule, found, clusters),
            *_shifted(decision, rule, controls, now_s),
            *_left_out(rule, found, clusters),
            _answered(decision, rule),
        ),
    )


def _targets(pool: Sequence[Member]) -> tuple[str, ...]:
    return tuple(sorted({target for each in pool for target in (*each.addresses, *each.hostnames)}))


def _policy(row: Row, decision: Decision) -> Iterator[str]:
    service = row.service
    yield f"{service.key} has {', '.join(decision.hostnames)}"
    for origin in service.origin:
        yield f"declared by {origin}"
    yield f"steering {','.join(service.steering)}; when none serves: {service.when_all_down}; TTL {decision.ttl} s"


def _frozen(row: Row, controls: Sequence[OperatorControl], now_s: float) -> Iterator[str]:
    if (freeze := freeze_of(controls, row, now_s)) is not None:
        yield f"frozen {cause(freeze)}".rstrip() + ": nothing below changes, failover included, until that ends"


def _matched(decision: Decision, client: Client, rule: Rule | None) -> Iterator[str]:
    known = [
        f"{kind} {value}"
        for kind, value in (
            ("subdivision", client.subdivision),
            ("country", client.country),
            ("continent", client.continent),
        )
        if value
    ]
    yield f"client {client.address or 'without address'}: {', '.join(known) or 'of unknown place'}"
    if rule is not None:
        others = len(decision.rules) - 1
        more = f", the most specific of {others + 1} rules that covers it" if others else ", the only rule"
        yield f"rule {where_text(rule.where)}{more}: {rule.reason}"


def where_text(where: Where) -> str:
    """Who a rule is for, as people read it.

    >>> where_text(Where("country", "IE")), where_text(Where())
    ('country IE', 'any')
    """
    return f"{where.kind} {where.value}".strip()


def _tiers(
    decision: Decision, rule: Rule | None, found: Sequence[Candidate], clusters: Mapping[str, Cluster]
) -> Iterator[str]:
    if rule is None:
        return
    total = 0 if rule.shares or decision.pick != 1 else sum(member.weight for member in rule.pool)
    for number, tier in enumerate((rule.pool, *rule.standby), start=1):
        role = "answered" if number == 1 else "stands by"
        for member in tier:
            share = f", {member.weight / total:.0%} of the answers" if number == 1 and total else ""
            for target in (*member.addresses, *member.hostnames):
                yield f"tier {number} {role}: {_endpoint(member.cluster, target, found, clusters)}{share}"


def _shifted(decision: Decision, rule: Rule | None, controls: Sequence[OperatorControl], now_s: float) -> Iterator[str]:
    if rule is None or not decision.serving:
        return
    for each in shifts_of(controls, decision.service, now_s).values():
        given = any(member.cluster == each.cluster for member in rule.pool)
        tiers = (rule.pool, *rule.standby)
        yield described(each) if each.share == WHOLE and not given else next(effects({each.cluster: each}, [tiers]))
    if rule.shares:
        parts = ", ".join(f"{name} {float(part):.1%}" for name, part in sorted(shares(decision, rule).items()))
        yield f"while this is shifted one member is picked for each answer: {parts}"


def _left_out(rule: Rule | None, found: Sequence[Candidate], clusters: Mapping[str, Cluster]) -> Iterator[str]:
    tiers = (rule.pool, *rule.standby) if rule else ()
    given = {(each.cluster, target) for tier in tiers for each in tier for target in (*each.addresses, *each.hostnames)}
    for candidate in found:
        for target, verdict in candidate.judged:
            if (candidate.cluster, target) not in given:
                why = reason(candidate, verdict)
                yield f"left out: {_endpoint(candidate.cluster, target, found, clusters)}: {why}"
        if not candidate.judged:
            yield f"left out: {reasons(candidate)[0]}"


def _endpoint(cluster: str, target: str, found: Sequence[Candidate], clusters: Mapping[str, Cluster]) -> str:
    for candidate in found:
        for judged, verdict in candidate.judged:
            if (candidate.cluster, judged) == (cluster, target):
                endpoint = candidate.endpoint
                where = _place(clusters.get(cluster))
                return f"{cluster}{where} {target}, weight {endpoint.weight}, tier {endpoint.tier}, {_verdict(verdict)}"
    return f"{cluster or 'fallback'} {target}, no endpoint of the service now"


def _place(cluster: Cluster | None) -> str:
    if cluster is None:
        return ""
    place = place_of(cluster)
    known = ", ".join(part for part in (cluster.region, place.country, place.continent) if part)
    return f" ({known})" if known else ""


def _verdict(verdict: Verdict) -> str:
    serves = "serves" if verdict.serving else "does not serve"
    latches = " quarantined" if verdict.quarantined else ""
    detail = f": {verdict.detail}" if verdict.detail else ""
    return f"{serves}, {verdict.state}{latches} ({verdict.reason}{detail})"


def _answered(decision: Decision, rule: Rule | None) -> str:
    if rule is None:
        return "answer: nothing; no endpoint serves, and none is to be given out then"
    return f"answer: {_how_many(decision, rule)} {', '.join(_targets(rule.members))}"


def _how_many(decision: Decision, rule: Rule) -> str:
    if decision.form is Form.HOSTNAME:
        return "one of"
    pick = decision.pick_of(rule)
    if pick == 0 or pick >= len(rule.members):
        return "all of"
    return "one member of" if pick == 1 else f"{pick} members of"
