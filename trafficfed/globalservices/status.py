"""What a GlobalService on the hub says of itself: a pure function of its row, of what is refused, and of what it said.

Equal meaning is an equal value, so that a second run writes nothing: nothing is in it that changes with every probe.
"""

from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from trafficfed.crds.conditions import condition, since
from trafficfed.crds.globalservice import EndpointSummary, GlobalServiceStatus
from trafficfed.crds.structs import Condition
from trafficfed.discovery.declared import HUB, Written
from trafficfed.model import Endpoint, Form, GlobalService, Refusal, Row, Verdict

ACCEPTED, READY, CONFLICT = "Accepted", "Ready", "Conflict"
LONGEST_MESSAGE = 32768
"""Of a condition (Kubernetes API conventions, metav1.Condition)."""


def status_of(
    written: Written,
    row: Row | None,
    refusals: Iterable[Refusal],
    before: GlobalServiceStatus,
    now_s: float,
    *,
    frozen: bool = False,
) -> GlobalServiceStatus:
    """``refusals`` are all that stand against the service's objects, ``before`` is what was last said; ``frozen``: an
    operator's freeze holds the answer, whatever is declared."""
    found = sorted(refusals, key=lambda each: (each.reason, each.message, each.cluster))
    against = [each for each in found if each.cluster == HUB]
    endpoints = _endpoints(row, [each for each in found if each.cluster != HUB])
    offered = [each for each in endpoints if each.targets]
    serving = sum(each.serving for each in offered)
    waits = frozen and row is not None and _says_otherwise(written, row.service)
    conditions = (_accepted(against, waits=waits), _ready(row, against, len(offered), serving), _conflict(against))
    return GlobalServiceStatus(
        observed_generation=written.generation,
        conditions=tuple(since(each, before.conditions, written.generation, now_s) for each in conditions),
        hostnames=row.service.hostnames if row is not None else (),
        endpoints=endpoints,
        serving=f"{serving}/{len(offered)}",
    )


def _accepted(against: Sequence[Refusal], *, waits: bool) -> Condition:
    if waits and not against:
        return _condition(ACCEPTED, False, "Frozen", "an operator's freeze holds the answer; it counts when that ends")
    if not against:
        return _condition(ACCEPTED, True, "Accepted", "all that it says holds")
    return _condition(ACCEPTED, False, against[0].reason, "; ".join(dict.fromkeys(each.message for each in against)))


def _says_otherwise(written: Written, held: GlobalService) -> bool:
    if written.declaration is None:
        return False
    return _meaning(written.declaration.service) != _meaning(held)


def _meaning(service: GlobalService) -> GlobalService:
    """What a user says of a service, without what comes of its endpoints and of the platform."""
    check = replace(service.health_check, suspicion_s=0.0)
    names = tuple(sorted(service.hostnames))
    return replace(service, hostnames=names, health_check=check, form=Form.ADDRESS, fallback=())


def _ready(row: Row | None, against: Sequence[Refusal], offered: int, serving: int) -> Condition:
    if row is None:
        if any(each.reason != "InvalidFallback" for each in against):
            return _condition(READY, False, "NotAccepted", "nothing is published for it")
        text = "no cluster has a Service of its namespace and name that is reachable from outside; nothing is published"
        return _condition(READY, False, "NoEndpoints", text)
    if serving:
        return _condition(READY, True, "Serving", f"{serving} of {offered} clusters serve")
    return _condition(READY, False, "NothingServes", f"none of {offered} clusters serves: {row.service.when_all_down}")


def _conflict(against: Iterable[Refusal]) -> Condition:
    told = [each.message for each in against if each.reason == "Conflict"]
    if told:
        return _condition(CONFLICT, True, "HeldByAnother", "; ".join(told))
    return _condition(CONFLICT, False, "NoConflict", "nobody else has a name of it")


def _condition(kind: str, holds: bool, reason: str, message: str) -> Condition:
    return condition(kind, holds, reason, message, LONGEST_MESSAGE)


def _endpoints(row: Row | None, refusals: Iterable[Refusal]) -> tuple[EndpointSummary, ...]:
    """What each cluster offers, and why one that has an object of the service offers nothing."""
    verdicts: dict[str, list[Verdict]] = {}
    for verdict in row.verdicts if row is not None else ():
        verdicts.setdefault(verdict.cluster, []).append(verdict)
    endpoints = row.endpoints if row is not None else ()
    found = {each.cluster: _summary(each, verdicts) for each in endpoints}
    for refused in refusals:
        if refused.reason != "Overruled":  # it offers its endpoint all the same, as soon as it has an address
            found.setdefault(refused.cluster, EndpointSummary(cluster=refused.cluster, reason=refused.reason))
    return tuple(found[cluster] for cluster in sorted(found))


def _summary(endpoint: Endpoint, verdicts: Mapping[str, Sequence[Verdict]]) -> EndpointSummary:
    """Of several targets one that serves counts; the reason is that of the first that decides."""
    judged = sorted(verdicts.get(endpoint.cluster, ()), key=lambda each: (not each.serving, each.address))
    serving = bool(judged) and judged[0].serving
    reason = "Drained" if endpoint.drained else judged[0].reason if judged else "NoEvidence"
    targets = endpoint.targets or endpoint.hostnames
    return EndpointSummary(
        cluster=endpoint.cluster, serving=serving and not endpoint.drained, targets=targets[:64], reason=reason
    )
