"""Which operator controls are in force, and for what."""

from collections.abc import Collection, Sequence

from trafficfed.model import OperatorControl, Row, ServiceKey


def in_force(controls: Sequence[OperatorControl], kind: str, now_s: float) -> tuple[OperatorControl, ...]:
    """The controls of one kind that have not expired, in an order that does not depend on the order given.

    >>> late = OperatorControl(kind="drain", cluster="eu", until_s=10.0)
    >>> in_force([late], "drain", 9.0) == (late,), in_force([late], "drain", 10.0)
    (True, ())
    """
    standing = [each for each in controls if each.kind == kind and (each.until_s == 0 or now_s < each.until_s)]
    return tuple(sorted(standing, key=_order))


def _order(each: OperatorControl) -> tuple[str | float, ...]:
    return each.cluster, each.service, each.since_s, each.who, each.why, each.to, each.share


def covers(control: OperatorControl, service: ServiceKey, cluster: str) -> bool:
    """Whether a control is about this cluster's endpoint of this service (``clusterset/namespace/name``)."""
    return control.service in ("", str(service)) and control.cluster in ("", cluster)


def concerns(control: OperatorControl, row: Row) -> bool:
    """Whether a control may bear on a row's answers at all."""
    return control.service in ("", str(row.key)) and (not control.cluster or control.cluster in clusters_of(row))


def drain_of(drains: Sequence[OperatorControl], service: ServiceKey, cluster: str) -> OperatorControl | None:
    """The drain that takes this endpoint out, None where none does."""
    return next((each for each in drains if covers(each, service, cluster)), None)


def freeze_of(controls: Sequence[OperatorControl], row: Row, now_s: float) -> OperatorControl | None:
    """The freeze that holds this row's decision: one for its service, or for a cluster that has a part in it.

    A part in it has a cluster with an endpoint, and one whose endpoint is in the last decision, given out or standing
    by: that it left is just what must change nothing.
    """
    freezes = in_force(controls, "freeze", now_s)
    return freeze_over(freezes, row.key, clusters_of(row)) if freezes else None


def freeze_over(
    freezes: Sequence[OperatorControl], service: ServiceKey, clusters: Collection[str]
) -> OperatorControl | None:
    """The first of these freezes that takes in a service with a part in each of these clusters, None where none does.

    Whoever changes what is declared asks with the clusters before and after: under a freeze neither a new service nor
    the end of one is taken in, as either would change answers.
    """
    for each in freezes:
        if each.service in ("", str(service)) and (not each.cluster or each.cluster in clusters):
            return each
    return None


def clusters_of(row: Row) -> frozenset[str]:
    """The clusters with an endpoint in a row, or in its last decision."""
    rules = row.decision.rules if row.decision else ()
    pools = (pool for rule in rules for pool in (rule.pool, *rule.standby))
    return frozenset(endpoint.cluster for endpoint in row.endpoints) | {one.cluster for pool in pools for one in pool}


def next_expiry_s(controls: Sequence[OperatorControl], now_s: float) -> float | None:
    """When the next control ends, so that whoever decides can decide again then; None where none will."""
    return min((each.until_s for each in controls if each.until_s > now_s), default=None)


def cause(control: OperatorControl) -> str:
    """Who and why, as it stands in reasons.

    >>> cause(OperatorControl(kind="drain", who="ann", why="kernel upgrade"))
    'by ann: kernel upgrade'
    """
    return ": ".join(part for part in (f"by {control.who}" if control.who else "", control.why) if part)
