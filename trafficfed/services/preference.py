"""Which exporting clusters an importing one prefers: the ordered selectors of an export (KEP-5939). Pure.

A cluster's properties are those of the configuration, by the names that KEP-2149 and KEP-5939 give them, and labels.
"""

from collections.abc import Iterable

from msgspec.structs import replace

from trafficfed.crds.structs import LabelSelector
from trafficfed.model import Cluster
from trafficfed.propagation.objects import matches
from trafficfed.services.exports import Common, ImportType

SAME = "@SameAsImporter@"
"""A value that stands for the importing cluster's own, empty where it has none."""


def properties(cluster: Cluster) -> dict[str, str]:
    """What selectors ask for.

    >>> properties(Cluster(name="eu", region="eu-central-1", labels=(("tier", "gold"),)))["region.topology.k8s.io"]
    'eu-central-1'
    """
    known = {
        "cluster.clusterset.k8s.io": cluster.name,
        "clusterset.k8s.io": cluster.clusterset,
        "region.topology.k8s.io": cluster.region,
        "zone.topology.k8s.io": cluster.zone,
        "country.topology.k8s.io": cluster.country,
        "continent.topology.k8s.io": cluster.continent,
    }
    return {**dict(cluster.labels), **{key: value for key, value in known.items() if value}}


def preferred(common: Common, importer: Cluster, exporters: Iterable[Cluster]) -> dict[str, int]:
    """How much an importing cluster prefers each exporting one, 0 = most; without those it is never to get. A Headless
    Service gives out all of its endpoints."""
    preference = common.preference
    if common.type is ImportType.HEADLESS or not preference.selectors:
        return {each.name: 0 for each in exporters}
    own = properties(importer)
    selectors = [_as_seen_from(own, each) for each in preference.selectors]
    ranks: dict[str, int] = {}
    for exporter in exporters:
        found = properties(exporter)
        rank = next((at for at, each in enumerate(selectors) if matches(each, found)), None)
        if rank is not None or preference.others:
            ranks[exporter.name] = len(selectors) if rank is None else rank
    return ranks


def _as_seen_from(own: dict[str, str], selector: LabelSelector) -> LabelSelector:
    return replace(
        selector,
        match_labels={key: _value(own, key, value) for key, value in (selector.match_labels or {}).items()},
        match_expressions=tuple(
            replace(each, values=tuple(_value(own, each.key, value) for value in each.values or ()))
            for each in selector.match_expressions or ()
        ),
    )


def _value(own: dict[str, str], key: str, value: str) -> str:
    return own.get(key, "") if value == SAME else value
