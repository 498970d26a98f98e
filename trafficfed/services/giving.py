"""Which clusters' endpoints an import gives out: what public steering decides of the same endpoints. Pure.

An import's row is made of one endpoint for each cluster that exports, and goes through ``steering.decide`` like any
other: drains, verdicts and the last resort mean the same inside the fleet as outside of it.
"""

from collections.abc import Mapping, Sequence

from trafficfed.model import (
    Cluster,
    Endpoint,
    Freshness,
    GlobalService,
    OperatorControl,
    Row,
    ServiceKey,
    Source,
    State,
    Value,
    Verdict,
)
from trafficfed.steering.decide import decide, given_out

UNHEARD_S = 5.0
"""A controller that just began has not heard of anybody yet."""


class Offer(Value, frozen=True, kw_only=True):
    """What one cluster brings: ``ready`` endpoints, by its own word. ``tier`` says how much the importing cluster
    prefers it, 0 = most.
    """

    cluster: str
    ready: int
    tier: int = 0


def given(
    key: ServiceKey,
    offers: Sequence[Offer],
    row: Row | None,
    dead: frozenset[str],
    clusters: Mapping[str, Cluster],
    controls: Sequence[OperatorControl],
    now_s: float,
) -> frozenset[str]:
    """The clusters whose endpoints may be given out, all of them where none serves.

    ``row`` is the public name's, None where there is none. ``dead`` are clusters that are not heard of, and nothing of
    which passes any probe: the only thing that is known of their services without names of their own.
    """
    verdicts = tuple(_verdict(offer, row, dead) for offer in offers)
    endpoints = tuple(Endpoint(cluster=each.cluster, addresses=(each.cluster,), tier=each.tier) for each in offers)
    service = GlobalService(key=key, hostnames=(), steering=("failover", "multivalue"))
    decision = decide(Row(service=service, endpoints=endpoints, verdicts=verdicts), clusters, controls, now_s)
    return frozenset(given_out(decision))


def _verdict(offer: Offer, row: Row | None, dead: frozenset[str]) -> Verdict:
    """Readiness decides; a verdict of the public name can only take out what is ready, as can the cluster's death."""
    probed = [each.serving for each in row.verdicts if each.cluster == offer.cluster] if row else []
    if probed:
        serves, reason = any(probed), "Probes"
    else:
        serves, reason = offer.cluster not in dead, "Readiness"
    serving = serves and offer.ready > 0
    state = State.SERVING if serving else State.NOT_SERVING
    return Verdict(
        cluster=offer.cluster, address=offer.cluster, state=state, serving=serving, reason=reason, passed=True
    )


def dead_clusters(rows: Mapping[ServiceKey, Row], sources: Mapping[str, Source], now_s: float) -> frozenset[str]:
    """Clusters whose API server was not heard of for a while, and none of whose public endpoints serves by its verdict.
    Where it is heard of, it says itself which endpoints are ready."""
    serving: dict[str, bool] = {}
    for row in rows.values():
        for verdict in row.verdicts:
            if verdict.state is not State.UNKNOWN:
                serving[verdict.cluster] = serving.get(verdict.cluster, False) or verdict.serving
    return frozenset(
        cluster for cluster, some in serving.items() if not some and _is_unheard(sources.get(cluster), now_s)
    )


def _is_unheard(source: Source | None, now_s: float) -> bool:
    if source is None or source.freshness is Freshness.FRESH:
        return source is None
    return now_s - source.since_s >= UNHEARD_S
