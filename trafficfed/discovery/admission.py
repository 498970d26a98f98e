"""Which hostnames a service may hold, and which clusters may stand behind them."""

from collections.abc import Callable, Iterable, Sequence

from trafficfed.discovery.claims import Claim, refusal
from trafficfed.discovery.inventory import Inventory, Standing
from trafficfed.discovery.offers import Offer
from trafficfed.model import Refusal, Row, ServiceKey, Value

OwnerOf = Callable[[str], ServiceKey | None]

Rank = tuple[tuple[float, str], ServiceKey]


class Admitted(Value, frozen=True):
    """The hostnames granted, sorted (wildcards last), the offers that join, and what was refused to whom."""

    hostnames: tuple[str, ...] = ()
    members: tuple[Offer, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def admit(
    key: ServiceKey, offers: Sequence[Offer], row: Row | None, inventory: Inventory, owner_of: OwnerOf
) -> Admitted:
    """Names that the table has come first, then the others by age of their objects.

    All endpoints of a service stand behind all of its names, so a cluster joins only where it is granted
    every one of them, and a new name is taken only where it puts no member out.
    """
    admission = _Admission(key, offers, inventory, owner_of)
    for hostname in _in_order(offers, row.service.hostnames if row is not None else ()):
        admission.consider(hostname)
    return admission.result()


class _Admission:
    """The names taken so far while one service is folded."""

    def __init__(self, key: ServiceKey, offers: Sequence[Offer], inventory: Inventory, owner_of: OwnerOf) -> None:
        self._key, self._inventory, self._guard, self._owner_of = key, inventory, inventory.guard, owner_of
        self._hostnames: list[str] = []
        self._members = list(offers)
        self._refusals: list[Refusal] = []

    def consider(self, hostname: str) -> None:
        stating = [offer for offer in self._members if hostname in offer.stated]
        if (zone := self._guard.zone_of(hostname)) is None:
            fix = "is in no configured zone; use a name inside one, or configure its zone"
            return self._refuse(stating, "OutsideZones", f"{hostname} {fix}")
        granted = [offer for offer in stating if self._permits(offer, hostname)]
        ungranted = [offer for offer in stating if not self._permits(offer, hostname)]
        text = f"namespace {self._key.namespace} is not granted {hostname}; ask for a grant in zone {zone.name}"
        self._refuse(ungranted, "NotGranted", text)
        if not granted:
            return None
        if (holder := self._holder(hostname)) is not None:
            text = f"{hostname} is held by {holder}; use another name, or take it off there first"
            return self._refuse(granted, "Conflict", text)
        if outsiders := self._put_out_by(hostname):
            text = (
                f"{hostname} would put out cluster {', '.join(outsiders)}, which may not stand behind it; grant it too"
            )
            return self._refuse(granted, "NotGranted", text)
        return self._take(hostname)

    def result(self) -> Admitted:
        taken = set(self._hostnames)
        members = tuple(offer for offer in self._members if not taken.isdisjoint(offer.stated))
        ordered = sorted(taken, key=lambda name: (name.startswith("*"), name))
        return Admitted(tuple(ordered), members, tuple(self._refusals))

    def _take(self, hostname: str) -> None:
        self._hostnames.append(hostname)
        outsiders = [offer for offer in self._members if not self._permits(offer, hostname)]
        self._members = [offer for offer in self._members if self._permits(offer, hostname)]
        text = f"{self._key} holds {hostname}, which cluster {{}} is not granted; grant it, or use another Service name"
        for offer in outsiders:
            if hostname not in offer.stated:
                self._refuse([offer], "NotGranted", text.format(offer.cluster))

    def _put_out_by(self, hostname: str) -> list[str]:
        """Members that would lose their place, or all their addresses, by one more name."""
        if not self._hostnames:
            return []
        return [
            offer.cluster
            for offer in self._members
            if not self._permits(offer, hostname)
            or (self._usable(offer, self._hostnames) and not self._usable(offer, [*self._hostnames, hostname]))
        ]

    def _usable(self, offer: Offer, hostnames: Sequence[str]) -> bool:
        addresses = offer.targets.addresses
        return bool(offer.targets.hostnames) or any(
            not any(self._guard.objection(address, offer.cluster, name) for name in hostnames) for address in addresses
        )

    def _permits(self, offer: Offer, hostname: str) -> bool:
        return self._guard.permits(offer.cluster, self._key.namespace, hostname)

    def _holder(self, hostname: str) -> ServiceKey | None:
        """The other service that has this name, or has the better right to it where the table gives it to nobody."""
        owner = self._owner_of(hostname)
        if owner == self._key:
            return None
        if owner is not None and _retains(self._inventory, owner, hostname):
            return owner
        rivals = self._inventory.stating(hostname) - {self._key}
        if not rivals:
            return None
        ranked = [rank for rival in rivals if (rank := _rank(self._inventory, rival, hostname)) is not None]
        own = _rank(self._inventory, self._key, hostname)
        best = min(ranked, default=None)
        return best[1] if best is not None and (own is None or best < own) else None

    def _refuse(self, offers: Iterable[Offer], reason: str, message: str) -> None:
        self._refusals += [refusal(self._key, offer.cluster, reason, message) for offer in offers]


def _in_order(offers: Sequence[Offer], incumbent: Sequence[str]) -> list[str]:
    stated = {name for offer in offers for name in offer.stated}
    kept = sorted(name for name in incumbent if name in stated)
    new = [name for offer in sorted(offers, key=lambda offer: offer.age_order) for name in offer.stated]
    return list(dict.fromkeys((*kept, *new)))


def _retains(inventory: Inventory, owner: ServiceKey, hostname: str) -> bool:
    """Whether the service that has a name in the table goes on claiming it, or may, for all that is known."""
    namespace, guard = owner.namespace, inventory.guard
    for claim in inventory.claims(owner):
        if claim.offers and hostname in claim.hostnames and guard.permits(claim.cluster, namespace, hostname):
            return True
    row = inventory.row(owner)
    return row is not None and any(
        guard.permits(endpoint.cluster, namespace, hostname) and _may_claim(inventory.standing(endpoint.cluster, owner))
        for endpoint in row.endpoints
    )


def _may_claim(standing: Claim | Standing) -> bool:
    if isinstance(standing, Claim):
        return "hostname" in standing.broken
    return standing is Standing.HELD


def _rank(inventory: Inventory, key: ServiceKey, hostname: str) -> Rank | None:
    """The oldest claim that could really use the name; one that is not granted or reaches nothing bars nobody."""
    ages = [
        claim.age_order
        for claim in inventory.claims(key)
        if claim.offers and hostname in claim.hostnames and _is_entitled(inventory, claim, hostname)
    ]
    return (min(ages), key) if ages else None


def _is_entitled(inventory: Inventory, claim: Claim, hostname: str) -> bool:
    guard = inventory.guard
    return guard.permits(claim.cluster, claim.key.namespace, hostname) and (
        bool(claim.targets.hostnames)
        or any(not guard.objection(address, claim.cluster, hostname) for address in claim.targets.addresses)
    )
