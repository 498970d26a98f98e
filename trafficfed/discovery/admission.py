"""Which hostnames a service may hold, and which clusters may stand behind them."""

from collections.abc import Callable, Iterable, Sequence

from trafficfed.discovery.annotations import PREFIX, Targets
from trafficfed.discovery.claims import refusal
from trafficfed.discovery.contest import holder_of
from trafficfed.discovery.inventory import Inventory
from trafficfed.discovery.offers import Offer
from trafficfed.model import Refusal, Row, ServiceKey, Value

OwnerOf = Callable[[str], ServiceKey | None]


class Admitted(Value, frozen=True):
    """The hostnames taken, sorted (wildcards last), the offers that join, and what was refused to whom."""

    hostnames: tuple[str, ...] = ()
    members: tuple[Offer, ...] = ()
    refusals: tuple[Refusal, ...] = ()


def admit(
    key: ServiceKey, offers: Sequence[Offer], row: Row | None, inventory: Inventory, owner_of: OwnerOf
) -> Admitted:
    """Names that the table has come first, then the others by age of their objects.

    All endpoints of a service stand behind all of its names, so a cluster joins only where it is granted
    every one of them, and a new name is taken only where it puts no member out. An offer that reaches nothing
    has no say.
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
        self._refusals: list[Refusal] = []
        self._members = [offer for offer in offers if offer.targets or offer.old is not None]
        for offer in offers:
            if offer.is_waiting:
                self._refuse([offer], "NoAddress", _waiting_text(offer))

    def consider(self, hostname: str) -> None:
        stating = [offer for offer in self._members if hostname in offer.stated]
        if (zone := self._guard.zone_of(hostname)) is None:
            fix = "is in no configured zone; use a name inside one, or configure its zone"
            return self._refuse(stating, "OutsideZones", f"{hostname} {fix}")
        granted = [offer for offer in stating if self._permits(offer, hostname)]
        able = [offer for offer in granted if self._reaches(offer, [hostname])]
        if len(granted) < len(stating):
            text = f"namespace {self._key.namespace} is not granted {hostname}; ask for a grant in zone {zone.name}"
            self._refuse((offer for offer in stating if offer not in granted), "NotGranted", text)
        if len(able) < len(granted):
            text = f"none of its addresses may stand behind {hostname}: "
            for offer in granted:
                if offer not in able:
                    self._refuse([offer], "ForbiddenAddress", text + self._objections(offer, hostname))
        return self._contest(hostname, able) if able else None

    def result(self) -> Admitted:
        taken = set(self._hostnames)
        members = tuple([offer for offer in self._members if not taken.isdisjoint(offer.stated)])
        ordered = sorted(taken, key=_wildcards_last) if len(taken) > 1 else self._hostnames
        return Admitted(tuple(ordered), members, tuple(self._refusals))

    def _contest(self, hostname: str, stating: Sequence[Offer]) -> None:
        if (holder := holder_of(hostname, self._key, self._inventory, self._owner_of(hostname))) is not None:
            text = f"{hostname} is held by {holder}; use another name, or take it off there first"
            return self._refuse(stating, "Conflict", text)
        if outsiders := self._put_out_by(hostname):
            text = (
                f"{hostname} would put out cluster {', '.join(outsiders)}, which may not stand behind it; grant it too"
            )
            return self._refuse(stating, "NotGranted", text)
        return self._take(hostname, stating)

    def _take(self, hostname: str, stating: Sequence[Offer]) -> None:
        self._hostnames.append(hostname)
        if len(stating) == len(self._members):
            return
        sure = {offer.cluster for offer in stating}
        members = []
        for offer in self._members:
            if offer.cluster in sure or (self._permits(offer, hostname) and self._reaches(offer, [hostname])):
                members.append(offer)
            elif hostname not in offer.stated:
                text = f"{self._key} holds {hostname}, behind which cluster {offer.cluster} may not stand"
                self._refuse([offer], "NotGranted", f"{text}; grant it, or use another Service name")
        self._members = members

    def _put_out_by(self, hostname: str) -> list[str]:
        """Members that would lose their place, or all their addresses, by one more name."""
        if not self._hostnames:
            return []
        names = [*self._hostnames, hostname]
        return [
            offer.cluster
            for offer in self._members
            if not self._permits(offer, hostname)
            or (self._reaches(offer, self._hostnames) and not self._reaches(offer, names))
        ]

    def _permits(self, offer: Offer, hostname: str) -> bool:
        return self._guard.permits(offer.cluster, self._key.namespace, hostname)

    def _reaches(self, offer: Offer, hostnames: Sequence[str]) -> bool:
        """Whether anything of an offer, or what the table has of it, may stand behind all these names."""
        old = offer.old
        return self._guard.lets_through(offer.targets, offer.cluster, hostnames) or (
            old is not None
            and self._guard.lets_through(Targets(old.addresses, old.hostnames), offer.cluster, hostnames)
        )

    def _objections(self, offer: Offer, hostname: str) -> str:
        found = (self._guard.objection(address, offer.cluster, hostname) for address in offer.targets.addresses)
        return "; ".join(filter(None, found))

    def _refuse(self, offers: Iterable[Offer], reason: str, message: str) -> None:
        self._refusals += [refusal(self._key, offer.cluster, reason, message) for offer in offers]


def _in_order(offers: Sequence[Offer], incumbent: Sequence[str]) -> Iterable[str]:
    stated = {name for offer in offers for name in offer.stated}
    if stated <= set(incumbent):
        return sorted(stated)
    new = [name for offer in sorted(offers, key=lambda offer: offer.age_order) for name in offer.stated]
    return dict.fromkeys((*sorted(stated & set(incumbent)), *new))


def _wildcards_last(hostname: str) -> tuple[bool, str]:
    return hostname.startswith("*"), hostname


def _waiting_text(offer: Offer) -> str:
    what = "no node is ready" if offer.claim is not None and offer.claim.via_nodes else "its status names no address"
    kept = "the last known addresses stay" if offer.old is not None else "it waits for one"
    return f"{what}; {kept} (or name one with {PREFIX}target)"
