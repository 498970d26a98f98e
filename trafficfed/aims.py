"""What the prober has been told, so that it is told only what changes."""

from trafficfed.model import ServiceKey, Target

Place = tuple[ServiceKey, str, str]
"""Service, cluster and address: one target."""


class Aims:
    """Targets and suspicions by service, as last told."""

    def __init__(self) -> None:
        self._targets: dict[ServiceKey, tuple[Target, ...]] = {}
        self._suspected: dict[ServiceKey, frozenset[tuple[str, str]]] = {}

    def aim(self, key: ServiceKey, targets: tuple[Target, ...]) -> tuple[tuple[ServiceKey, tuple[Target, ...]], ...]:
        """Make these the targets of a service; returns what is news."""
        if targets == self._targets.get(key, ()):
            return ()
        if targets:
            self._targets[key] = targets
        else:
            del self._targets[key]
        return ((key, targets),)

    def suspect(self, key: ServiceKey, places: frozenset[tuple[str, str]]) -> list[tuple[Place, bool]]:
        """Make these (cluster, address) pairs the suspicious ones of a service; returns what is news."""
        before = self._suspected.pop(key, frozenset())
        if places:
            self._suspected[key] = places
        news = [((key, *place), True) for place in sorted(places - before)]
        return news + [((key, *place), False) for place in sorted(before - places)]
