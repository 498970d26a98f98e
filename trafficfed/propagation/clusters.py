"""What a policy declares about clusters, held against their properties: by name, label, property and compliance."""

from trafficfed.model import Cluster, Value
from trafficfed.propagation.objects import matches
from trafficfed.propagation.policy import ClusterSelector, Placement


class Finding(Value, frozen=True, kw_only=True):
    """Why one cluster is in or out. ``reason`` is a CamelCase code, ``message`` says what to change."""

    cluster: str
    chosen: bool
    reason: str
    message: str = ""


def out(cluster: str, reason: str, message: str) -> Finding:
    return Finding(cluster=cluster, chosen=False, reason=reason, message=message)


def selected(selector: ClusterSelector, cluster: Cluster) -> bool:
    return _unselected(selector, cluster) is None


def objection(placement: Placement, cluster: Cluster) -> Finding | None:
    """The first declared criterion that a cluster does not meet."""
    return _unselected(placement.cluster_affinity, cluster) or _uncertified(placement, cluster)


def _unselected(selector: ClusterSelector, cluster: Cluster) -> Finding | None:
    name = cluster.name
    if selector.cluster_names and name not in selector.cluster_names:
        return out(name, "NotNamed", "is not among clusterNames")
    if name in selector.exclude:
        return out(name, "Excluded", "stands in exclude")
    for reason, field, value, allowed in (
        ("OtherRegion", "regions", cluster.region, selector.regions),
        ("OtherProvider", "providers", cluster.provider, selector.providers),
        ("OtherCountry", "countries", cluster.country, selector.countries),
    ):
        if allowed and value not in allowed:
            return out(name, reason, f"{value or 'not stated'}: not among {field} {', '.join(allowed)}")
    if not matches(selector.label_selector, dict(cluster.labels)):
        return out(name, "LabelsDiffer", "does not have the labels of labelSelector")
    return None


def _uncertified(placement: Placement, cluster: Cluster) -> Finding | None:
    certified = dict(cluster.compliance)
    for key, value in sorted(placement.compliance.items()):
        if certified.get(key) != value:
            has = f"is {certified[key]}" if key in certified else "is not stated"
            return out(cluster.name, "NotCompliant", f"compliance {key} {has}, {value} is demanded")
    return None


def unknown(placement: Placement, known: frozenset[str]) -> tuple[Finding, ...]:
    """Clusters that a policy names and nobody has configured."""
    return tuple(
        out(name, "UnknownCluster", "is not configured; known are " + (", ".join(sorted(known)) or "none"))
        for name in sorted(set(placement.cluster_affinity.cluster_names) - known)
    )
