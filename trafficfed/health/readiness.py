"""Readiness as the API server tells it: how long a stale view of it counts, and when to distrust it as a whole."""

import collections

from trafficfed.model import Endpoint, Freshness, ServiceKey, Source, Value

STALE_READINESS_S = 300.0
"""Readiness from a view that is no longer kept up to date keeps its last value this long, then is ignored."""
MASS_WINDOW_S = 30.0
MASS_MINIMUM = 2
"""One service that loses readiness alone is no mass event, though it may be all that its cluster has."""


class Readiness(Value, frozen=True):
    """What readiness says about one endpoint now.

    ``ready`` is the number of ready endpoints, None where nothing tells. ``ignored`` where the view is too old to
    count, which it is from ``expires_s`` on. ``guarded`` while the loss of readiness belongs to a mass event.
    """

    ready: int | None = None
    ignored: bool = False
    guarded: bool = False
    expires_s: float | None = None

    @property
    def lost(self) -> bool:
        """Whether readiness speaks against the endpoint."""
        return self.ready == 0 and not self.ignored

    @property
    def tells(self) -> bool:
        return self.ready is not None and not self.ignored


def readiness_of(endpoint: Endpoint, source: Source | None, guarded: bool, now_s: float) -> Readiness:
    """Readiness of one endpoint; without a source (nothing behind an API server) it is taken as it stands."""
    if source is None or source.freshness is Freshness.FRESH:
        return Readiness(endpoint.ready, guarded=guarded)
    expires_s = source.since_s + STALE_READINESS_S
    return Readiness(endpoint.ready, now_s >= expires_s, guarded, expires_s)


class ReadinessGuard:
    """Watches one cluster's services for a loss of readiness on a large scale.

    When more than half of the services whose readiness is known lose it within 30 s, it is more
    likely that the control plane errs (an expired kubelet certificate, a broken admission webhook) than that all
    applications died: readiness alone then takes none of them out. A service leaves the guard when it is ready again.
    """

    def __init__(self) -> None:
        self._ready: dict[ServiceKey, bool] = {}
        self._lost: collections.OrderedDict[ServiceKey, float] = collections.OrderedDict()
        self._guarded: set[ServiceKey] = set()

    def guards(self, service: ServiceKey) -> bool:
        return service in self._guarded

    def note(self, service: ServiceKey, ready: int | None, now_s: float) -> frozenset[ServiceKey]:
        """Take in one service's ready count; returns the services that came under the guard or left it."""
        was = self._ready.get(service)
        if ready is None:
            return self.drop(service)
        self._ready[service] = ready > 0
        if ready > 0:
            return self._recovered(service)
        if was:
            self._lost[service] = now_s
        return self._mass_loss(now_s)

    def drop(self, service: ServiceKey) -> frozenset[ServiceKey]:
        """The service is gone from this cluster, or nothing tells its readiness any more."""
        self._ready.pop(service, None)
        return self._recovered(service)

    def _recovered(self, service: ServiceKey) -> frozenset[ServiceKey]:
        self._lost.pop(service, None)
        left = frozenset(self._guarded & {service})
        self._guarded -= left
        return left

    def _mass_loss(self, now_s: float) -> frozenset[ServiceKey]:
        while self._lost and next(iter(self._lost.values())) < now_s - MASS_WINDOW_S:
            self._lost.popitem(last=False)
        affected = len(self._lost) + len(self._guarded)
        if affected < MASS_MINIMUM or 2 * affected <= len(self._ready):
            return frozenset()
        new = frozenset(self._lost)
        self._guarded |= new
        self._lost.clear()
        return new
