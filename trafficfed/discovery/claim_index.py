"""Who claims what: the clusters of a service, and the services of a hostname."""

from collections.abc import Set

from trafficfed.discovery.claims import Claim
from trafficfed.model import ServiceKey


class ClaimIndex:
    """Follows every claim of every cluster, so that one change finds those it concerns without looking at the rest."""

    def __init__(self) -> None:
        self._clusters: dict[ServiceKey, set[str]] = {}
        self._stating: dict[str, set[tuple[ServiceKey, str]]] = {}

    def services(self) -> Set[ServiceKey]:
        """Every service that any cluster has an annotated object of."""
        return self._clusters.keys()

    def clusters(self, key: ServiceKey) -> Set[str]:
        """The clusters that have an annotated object of a service."""
        return self._clusters.get(key, frozenset())

    def stating(self, hostname: str) -> frozenset[ServiceKey]:
        """The services that any object claims a hostname for."""
        return frozenset([key for key, _ in self._stating.get(hostname, ())])

    def replace(self, key: ServiceKey, cluster: str, before: Claim | None, after: Claim | None) -> set[ServiceKey]:
        """Note a cluster's new claim (None: it has none); returns the other services that want a hostname it had."""
        others: set[ServiceKey] = set()
        for hostname in before.hostnames if before is not None else ():
            stating = self._stating[hostname]
            stating.discard((key, cluster))
            others.update(other for other, _ in stating)
            if not stating:
                del self._stating[hostname]
        for hostname in after.hostnames if after is not None else ():
            self._stating.setdefault(hostname, set()).add((key, cluster))
        if after is not None:
            self._clusters.setdefault(key, set()).add(cluster)
        elif before is not None:
            self._clusters[key].discard(cluster)
            if not self._clusters[key]:
                del self._clusters[key]
        return others
