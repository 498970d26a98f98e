"""What the controllers want probed, and what of that this vantage does: the targets of one, the suspicions of all.

No clock, no I/O: whoever calls says which controller is followed. A controller that is gone takes its suspicions with
it and nothing else: its targets are probed on until another's are followed.
"""

from collections.abc import Iterable
from typing import Protocol

from trafficfed.errors import Refused
from trafficfed.feed.messages import Suspect, Targets
from trafficfed.model import HealthCheck, Observation, ServiceKey, Target

Place = tuple[ServiceKey, str, str]
"""Service, cluster and address: one target."""


class Aimed(Protocol):
    """The prober as far as it is told what to do."""

    def set_targets(self, service: ServiceKey, targets: tuple[Target, ...]) -> None: ...

    def suspect(self, service: ServiceKey, cluster: str, address: str, on: bool) -> None: ...


class Instructions:
    """Tells a prober what changes, whichever controller says it."""

    def __init__(self, prober: Aimed) -> None:
        self._prober = prober
        self._targets: dict[str, dict[ServiceKey, tuple[Target, ...]]] = {}
        self._suspected: dict[str, set[Place]] = {}
        self._chosen = ""
        self._probed: dict[ServiceKey, tuple[Target, ...]] = {}
        self._checks: dict[ServiceKey, dict[tuple[str, str], HealthCheck]] = {}
        self.followed = ""

    @property
    def services(self) -> int:
        """How many services are probed, the anchors among them."""
        return len(self._probed)

    def check_of(self, seen: Observation) -> HealthCheck | None:
        """The check of what was seen, None where it is no target any more."""
        return self._checks.get(seen.service, {}).get((seen.cluster, seen.address))

    def follow(self, controller: str) -> None:
        """Probe what this controller says, from when it has said it; empty = go on as before."""
        self._chosen = controller
        if controller and controller != self.followed and controller in self._targets:
            self._adopt(controller)

    def take(self, controller: str, message: Targets) -> None:
        """A controller's targets came. Raises Refused where changes come before everything."""
        if message.full:
            self._targets[controller] = {}
        elif controller not in self._targets:
            raise Refused("it tells changes of targets before all of them")
        known = self._targets[controller]
        for each in message.services:
            if each.targets:
                known[each.service] = each.targets
            else:
                known.pop(each.service, None)
        if controller == self.followed and not message.full:
            self._probe(each.service for each in message.services)
        elif controller in (self.followed, self._chosen):
            self._adopt(controller)

    def suspect(self, controller: str, message: Suspect) -> None:
        """A controller wants a target probed at the pace of suspicion, or has no reason for that any more."""
        place = message.service, message.cluster, message.address
        known = self._suspected.setdefault(controller, set())
        (known.add if message.on else known.discard)(place)
        self._prober.suspect(*place, self._is_suspected(place))

    def gone(self, controller: str) -> None:
        """A controller is no longer connected."""
        self._targets.pop(controller, None)
        if self.followed == controller:
            self.followed = ""
        for place in self._suspected.pop(controller, ()):
            if not self._is_suspected(place):
                self._prober.suspect(*place, False)

    def _is_suspected(self, place: Place) -> bool:
        return any(place in places for places in self._suspected.values())

    def _adopt(self, controller: str) -> None:
        self.followed = controller
        self._probe([*self._probed, *self._targets[controller]])

    def _probe(self, services: Iterable[ServiceKey]) -> None:
        """Bring the prober to what the followed controller says of these services."""
        wanted = self._targets[self.followed]
        for service in services:
            targets = wanted.get(service, ())
            if targets != self._probed.get(service, ()):
                self._set(service, targets)

    def _set(self, service: ServiceKey, targets: tuple[Target, ...]) -> None:
        self._probed.pop(service, None)
        self._checks.pop(service, None)
        if targets:
            self._probed[service] = targets
            self._checks[service] = {(target.cluster, target.address): target.check for target in targets}
        self._prober.set_targets(service, targets)
        for target in targets:  # one that is new to the prober was not there when it became suspicious
            if self._is_suspected((service, target.cluster, target.address)):
                self._prober.suspect(service, target.cluster, target.address, True)
