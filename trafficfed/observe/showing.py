"""The table's values -> views: the same for the running controller and for a table read from disk."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from trafficfed.discovery.declared import HUB
from trafficfed.model import (
    Cluster,
    Decision,
    Endpoint,
    NameChange,
    OperatorControl,
    RecordSet,
    Refusal,
    Row,
    Rule,
    Source,
    Verdict,
    Where,
)
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.observe.views import (
    ChangeView,
    ClusterView,
    ControlView,
    ExplainView,
    ForeseenView,
    LossView,
    PreviewView,
    RefusalView,
    RuleView,
    ServiceView,
    SurvivalView,
    TargetView,
)
from trafficfed.steering.controls import cause, drain_of, freeze_of, in_force
from trafficfed.steering.explain import Explanation
from trafficfed.steering.foresight import Foresight
from trafficfed.steering.orders import called
from trafficfed.steering.places import Place, degrees, place_of
from trafficfed.steering.select import shares
from trafficfed.survival import Survival

PREVIEWED = 50
"""Changes that a preview shows: more than anybody reads before giving an order."""

Rtt = Callable[[str, str, str], float | None]
"""Newest latency in seconds of (service, cluster, address), None where it is not known."""


def no_rtt(service: str, cluster: str, address: str) -> None:
    """For a table without its prober: latencies live in the process that probes."""


def cluster_views(
    clusters: Iterable[Cluster], sources: Mapping[str, Source], rows: Iterable[Row], now_s: float
) -> tuple[ClusterView, ...]:
    """Every configured cluster, and every one the table still holds endpoints of; sorted by name."""
    endpoints: dict[str, int] = {}
    for row in rows:
        for endpoint in row.endpoints:
            endpoints[endpoint.cluster] = endpoints.get(endpoint.cluster, 0) + 1
    known = {cluster.name: cluster for cluster in clusters}
    names = sorted({*known, *sources, *endpoints})
    return tuple(_cluster(name, known.get(name), sources.get(name), endpoints.get(name, 0), now_s) for name in names)


def _cluster(name: str, cluster: Cluster | None, source: Source | None, endpoints: int, now_s: float) -> ClusterView:
    seen = source or Source(cluster=name, reason="never read")
    place = place_of(cluster) if cluster else Place()
    latitude, longitude = degrees(place.point) if place.point else (None, None)
    return ClusterView(
        name=name,
        freshness=str(seen.freshness),
        clusterset=cluster.clusterset if cluster else "",
        region=cluster.region if cluster else "",
        reason=seen.reason
        or ("" if cluster or name == HUB else "no longer configured; trafficfed forget lets its endpoints go"),
        age_s=max(0.0, now_s - seen.since_s) if seen.since_s else 0.0,
        endpoints=endpoints,
        missing=tuple(map(str, seen.missing)),
        country=place.country,
        continent=place.continent,
        latitude=latitude,
        longitude=longitude,
    )


def service_view(
    row: Row, rtt: Rtt = no_rtt, controls: Sequence[OperatorControl] = (), now_s: float = 0.0
) -> ServiceView:
    """One row: what it answers and the evidence for it, and what operators have to do with it."""
    service, decision = row.service, row.decision
    freeze = freeze_of(controls, row, now_s)
    return ServiceView(
        service=str(row.key),
        hostnames=service.hostnames,
        steering=service.steering,
        ttl=decision.ttl if decision else service.ttl,
        serving=decision is not None and decision.serving,
        changed_s=row.changed_s,
        rules=tuple(_rule(decision, rule) for rule in decision.rules) if decision else (),
        targets=tuple(_targets(row, rtt, in_force(controls, "drain", now_s))),
        origin=service.origin,
        frozen=cause(freeze) or "by an operator" if freeze else "",
    )


def _rule(decision: Decision, rule: Rule) -> RuleView:
    return RuleView(
        where=where_text(rule.where),
        answer=tuple(sorted({one for member in rule.members for one in (*member.addresses, *member.hostnames)})),
        clusters=tuple(sorted({member.cluster for member in rule.members})),
        standby=tuple("+".join(sorted({member.cluster for member in tier})) for tier in rule.standby),
        reason=rule.reason,
        shares={name: round(float(part), 4) for name, part in sorted(shares(decision, rule).items())},
    )


def _targets(row: Row, rtt: Rtt, drains: Sequence[OperatorControl]) -> Iterable[TargetView]:
    verdicts = {(verdict.cluster, verdict.address): verdict for verdict in row.verdicts}
    for endpoint in row.endpoints:
        drained = endpoint.drained or drain_of(drains, row.key, endpoint.cluster) is not None
        for address in endpoint.targets or endpoint.hostnames:
            verdict = verdicts.get((endpoint.cluster, address)) or Verdict(cluster=endpoint.cluster, address=address)
            yield _target(endpoint, verdict, rtt(str(row.key), endpoint.cluster, address), drained=drained)


def _target(endpoint: Endpoint, verdict: Verdict, rtt_s: float | None, *, drained: bool) -> TargetView:
    return TargetView(
        cluster=verdict.cluster,
        address=verdict.address,
        state=str(verdict.state),
        serving=verdict.serving,
        reason=verdict.reason,
        detail=verdict.detail,
        since_s=verdict.since_s,
        rtt_s=rtt_s,
        weight=endpoint.weight,
        tier=endpoint.tier,
        ready=endpoint.ready,
        drained=drained,
    )


def control_view(control: OperatorControl) -> ControlView:
    """A control as it is shown."""
    return ControlView(
        id=control.id,
        kind=control.kind,
        cluster=control.cluster,
        service=control.service,
        who=control.who,
        why=control.why,
        since_s=control.since_s,
        until_s=control.until_s,
        to=control.to,
        share=control.share,
    )


def survival_view(survival: Survival) -> SurvivalView:
    """What one zone's failover survives, as it is shown."""
    return SurvivalView(
        zone=survival.zone,
        provider=survival.provider,
        text=survival.text,
        survives=survival.survives,
        losses=tuple(LossView(region=loss.region, why=loss.why) for loss in survival.losses),
        notes=survival.notes,
    )


def preview_view(
    wanted: ControlRequest | UndoRequest, control: OperatorControl, foreseen: Foresight, notes: Sequence[str]
) -> PreviewView:
    """What an order would do, in words."""
    what = called(control)
    return PreviewView(
        order=f"end the {what}" if isinstance(wanted, UndoRequest) else what,
        concerned=foreseen.concerned,
        looked=foreseen.looked,
        differs=len(foreseen.changes),
        changes=tuple(
            ForeseenView(
                service=str(each.service),
                where=where_text(each.where),
                before=each.before,
                after=each.after,
                clusters=each.clusters,
                shares=dict(each.shares),
            )
            for each in foreseen.changes[:PREVIEWED]
        ),
        notes=tuple(notes),
    )


def where_text(where: Where) -> str:
    """A rule's clients in words.

    >>> where_text(Where()), where_text(Where("country", "IE"))
    ('any', 'country IE')
    """
    return f"{where.kind} {where.value}".rstrip()


def refusal_view(refusal: Refusal) -> RefusalView:
    """One refusal with its service as text."""
    return RefusalView(
        cluster=refusal.cluster,
        object=refusal.object,
        reason=refusal.reason,
        message=refusal.message,
        service=str(refusal.service) if refusal.service else "",
    )


def explain_view(hostname: str, told: Explanation, *, live: bool = True) -> ExplainView:
    """An explanation as it is shown; ``live`` False where it comes from a table on disk."""
    return ExplainView(
        hostname=hostname,
        client=told.client.address,
        service=str(told.service),
        where=where_text(told.where) if told.where else "nobody",
        answer=told.answer,
        ttl=told.ttl,
        serving=told.serving,
        pick=told.pick,
        live=live,
        lines=told.lines,
    )


def change_view(provider: str, zone: str, change: NameChange, confirm_id: str = "") -> ChangeView:
    """One step of a plan; ``confirm_id`` where a brake holds it."""
    return ChangeView(
        provider=provider,
        zone=zone,
        name=change.name,
        action="delete" if not change.after else "update" if change.before else "create",
        before=tuple(map(record_text, change.before)),
        after=tuple(map(record_text, change.after)),
        reason=change.reason,
        confirm_id=confirm_id,
    )


def record_text(record: RecordSet) -> str:
    """A record set in one line.

    >>> record_text(RecordSet(name="web.fed.test", type="A", ttl=30, values=("192.0.2.1", "192.0.2.2")))
    'web.fed.test 30 A 192.0.2.1 192.0.2.2'
    """
    return f"{record.name} {record.ttl} {record.type} {' '.join(record.values)}"
