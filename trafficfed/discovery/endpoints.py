"""One cluster's endpoint, from what it states now and what the table has."""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from trafficfed.discovery.annotations import LARGEST, Targets
from trafficfed.discovery.claims import Claim, refusal
from trafficfed.discovery.guard import Guard
from trafficfed.discovery.offers import Offer
from trafficfed.model import Endpoint, Refusal, ServiceKey

Resolved = Callable[[str], tuple[str, ...] | None]
"""The last known addresses of a load balancer's hostname, None where it was never resolved."""

S = TypeVar("S")


class Sieve:
    """Law 11 for one service: lets through what every zone of its names allows; shared by its clusters."""

    def __init__(self, hostnames: Sequence[str], guard: Guard, resolved: Resolved) -> None:
        self.hostnames, self.guard, self.resolved = hostnames, guard, resolved
        by_zone = {zone.name: name for name in hostnames if (zone := guard.zone_of(name)) is not None}
        self.one_per_zone = tuple(by_zone.values())


def build_endpoint(key: ServiceKey, offer: Offer, sieve: Sieve) -> tuple[Endpoint | None, list[Refusal]]:
    """The endpoint, None where nothing usable is left of it, and what was refused.

    A new address that may not be published, or none at all, is no reason to lose the one the table has.
    """
    sifting = _Sifting(offer, sieve)
    targets = sifting.usable(offer.targets)
    if not targets and offer.old is not None:
        targets = sifting.usable(Targets(offer.old.addresses, offer.old.hostnames))
    endpoint = _endpoint(offer, targets, sifting.found(targets.hostnames)) if targets else None
    return endpoint, [refusal(key, offer.cluster, "ForbiddenAddress", why) for why in sifting.refused]


class _Sifting:
    """One offer through the sieve; ``refused`` is what did not pass, each reason once."""

    def __init__(self, offer: Offer, sieve: Sieve) -> None:
        self.refused: dict[str, None] = {}
        self._offer, self._sieve = offer, sieve

    def usable(self, targets: Targets) -> Targets:
        addresses = self._allowed(targets.addresses)
        hostnames = tuple([name for name in targets.hostnames if self._may_point_at(name)])
        return Targets(addresses, hostnames)

    def found(self, names: Sequence[str]) -> tuple[str, ...]:
        """What the hostnames resolve to; what the table has where they do not, or to nothing that is allowed."""
        if not names:
            return ()
        addresses: set[str] = set()
        for name in names:
            addresses.update(self._allowed(self._sieve.resolved(name) or ()) or self._known(name))
        return tuple(sorted(addresses))

    def _known(self, name: str) -> tuple[str, ...]:
        old = self._offer.old
        return self._allowed(old.resolved) if old is not None and name in old.hostnames else ()

    def _may_point_at(self, name: str) -> bool:
        if name in self._sieve.hostnames:
            self.refused[f"{name} would point at itself; name the load balancer instead"] = None
            return False
        answer = self._sieve.resolved(name)
        return not answer or bool(self._allowed(answer)) or bool(self._known(name))

    def _allowed(self, addresses: Iterable[str]) -> tuple[str, ...]:
        return tuple([address for address in addresses if not self._objection(address)])

    def _objection(self, address: str) -> str:
        for name in self._sieve.one_per_zone:
            if why := self._sieve.guard.objection(address, self._offer.cluster, name):
                self.refused[why] = None
                return why
        return ""


def _endpoint(offer: Offer, targets: Targets, found: tuple[str, ...]) -> Endpoint:
    claim, old = offer.claim, offer.old
    if claim is None:
        assert old is not None, "an offer without a claim is the table's endpoint"
        return replace(old, addresses=targets.addresses, hostnames=targets.hostnames, resolved=found)
    return Endpoint(
        cluster=offer.cluster,
        addresses=targets.addresses,
        hostnames=targets.hostnames,
        resolved=found,
        ports=claim.ports,
        weight=_setting(claim, "weight", claim.weight, old.weight if old else 0, 100),
        tier=_setting(claim, "tier", claim.tier, old.tier if old else LARGEST, 0),
        ready=claim.ready if claim.ready_known or old is None else old.ready,
        drained=_setting(claim, "drain", claim.drained, old.drained if old else True, False),
        uid=claim.uid,
        created_s=claim.created_s,
        health_check=_setting(claim, "health-check", claim.health_check, old.health_check if old else None, None),
    )


def _setting(claim: Claim, annotation: str, stated: S | None, where_broken: S, where_absent: S) -> S:
    """What the annotation says; where it cannot be read, what the table has or what harms nobody."""
    if annotation in claim.broken:
        return where_broken
    return where_absent if stated is None else stated
