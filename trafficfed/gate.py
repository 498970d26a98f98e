"""When a controller that has just started may act outside: not before it knows at least what the one before it knew."""

from collections.abc import Iterable

from trafficfed.discovery.declared import HUB
from trafficfed.kubernetes_api.wire import EndpointSlice, Event, Foreign, Lost, Node, Resumed, Service, Watched
from trafficfed.model import Observation, ServiceKey, Target

SETTLE_S = 15.0
"""The longest wait for first answers of clusters and probes: a connect timeout and a first probe round, with room."""

KINDS: frozenset[type[Watched]] = frozenset({Service, EndpointSlice, Node})


class Gate:
    """Opens once: when the hub and every cluster have answered, or failed to, for every kind and every new target was
    probed once; after ``settle_s`` whatever is still missing. What the table knows of a slow cluster stays meanwhile
    (law 1).
    """

    def __init__(
        self, clusters: Iterable[str], now_s: float, settle_s: float = SETTLE_S, *, has_hub: bool = False
    ) -> None:
        self._clusters: dict[str, set[type[Watched]]] = {cluster: set(KINDS) for cluster in clusters}
        if has_hub:
            self._clusters[HUB] = {Foreign}
        self._unprobed: set[tuple[ServiceKey, str, str]] = set()
        self._until_s = now_s + settle_s
        self.is_open = False

    def take(self, cluster: str, event: Event) -> None:
        """One event of one cluster."""
        if (missing := self._clusters.get(cluster)) is not None:
            missing.discard(_kind_of(event))
            if not missing:
                del self._clusters[cluster]

    def expect(self, targets: Iterable[Target]) -> None:
        """Targets of which nothing is known yet."""
        if not self.is_open:
            self._unprobed.update((target.service, target.cluster, target.address) for target in targets)

    def observe(self, seen: Observation) -> None:
        """One probe result."""
        self._unprobed.discard((seen.service, seen.cluster, seen.address))

    def waiting_for(self) -> tuple[str, ...]:
        """What it still waits for, in sentences."""
        if self.is_open:
            return ()
        names = (f"cluster {name}" if Foreign not in kinds else "the hub" for name, kinds in self._clusters.items())
        clusters = tuple(f"{name} has not answered yet" for name in sorted(names))
        return (*clusters, f"{len(self._unprobed)} targets have not been probed yet") if self._unprobed else clusters

    def next_wake_s(self) -> float | None:
        """When it opens at the latest, None once it is open."""
        return None if self.is_open else self._until_s

    def opens(self, now_s: float) -> bool:
        """Whether it opens now; True exactly once."""
        if self.is_open:
            return False
        self.is_open = now_s >= self._until_s or not (self._clusters or self._unprobed)
        return self.is_open


def _kind_of(event: Event) -> type[Watched]:
    if isinstance(event, Lost | Resumed):
        return event.kind
    return event.kind if hasattr(event, "kind") else type(event.object)
