"""Which hostnames a service may hold, and which clusters may stand behind them."""

from collections.abc import Callable, Iterable, Sequence

from trafficfed.discovery.annotations import PREFIX, Targets
from trafficfed.discovery.claims import refusal
from trafficfed.discovery.contest import holder_of
from trafficfed.discovery.inventory import Inventory
from trafficfed.discovery.offers import Offer, cluster_of
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
    """Names and clusters that the table has come first, then the others by age of their objects.

    All endpoints of a service stand behind all of its names, so a cluster joins only where it is granted
    every one of them, and a new name is taken only where it puts no member out. An offer that reaches nothing
    has no say.
    """
    incumbent = row.service.hostnames if row is not None else ()
    nameless: frozenset[str] = frozenset()
    while True:
        admission = _Admission(key, offers, nameless, inventory, owner_of)
        admitted = admission.run(incumbent)
        if len(admitted.members) == len(offers):
            return admitted
        found = admission.without_a_name()
        if found <= nameless:
            return admitted
        nameless |= found  # a cluster that gets no name here must not keep the others from theirs


class _Admission:
    """The names taken so far while one service is folded."""

    def __init__(
        self,
        key: ServiceKey,
        offers: Sequence[Offer],
        nameless: frozenset[str],
        inventory: Inventory,
        owner_of: OwnerOf,
    ) -> None:
        self._key, self._inventory, self._guard, self._owner_of = key, inventory, inventory.guard, owner_of
        self._hostnames: list[str] = []
        self._refusals: list[Refusal] = []
        self._offers = offers
        self._members: list[Offer] = []
        self._newcomers: list[Offer] = []
        self._nameless: list[Offer] = []
        for offer in offers:
            if offer.is_waiting:
                self._refuse([offer], "NoAddress", waiting_text(offer))
            if offer.cluster in nameless:
                self._nameless.append(offer)
            elif offer.old is not None:
                self._members.append(offer)
            elif offer.targets:
                self._newcomers.append(offer)

    def run(self, incumbent: Sequence[str]) -> Admitted:
        stated = {name for offer in self._offers for name in offer.stated}
        for hostname in sorted(stated.intersection(incumbent)):
            self._consider(hostname)
        self._newcomers = self._let_in(self._newcomers)
        if not stated.issubset(incumbent):
            for hostname in _new_in_order(self._offers, incumbent):
                self._consider(hostname)
        self._let_in(self._nameless)
        return self._result()

    def without_a_name(self) -> frozenset[str]:
        """Clusters that were heard as members and have none of the names."""
        taken = set(self._hostnames)
        return frozenset([offer.cluster for offer in self._members if taken.isdisjoint(offer.stated)])

    def _consider(self, hostname: str) -> None:
        heard = (*self._members, *self._newcomers, *self._nameless)
        stating = [offer for offer in heard if hostname in offer.stated]
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

    def _let_in(self, offers: Sequence[Offer]) -> list[Offer]:
        """Clusters that may stand behind every name so far join; nobody waits any more."""
        for offer in offers:
            barring = [name for name in self._hostnames if not self._permits(offer, name)]
            if not barring and self._hostnames and not self._reaches(offer, self._hostnames):
                barring = self._hostnames
            if barring:
                self._bar(offer, barring[0])
            else:
                self._members.append(offer)
        return []

    def _result(self) -> Admitted:
        taken = set(self._hostnames)
        members = sorted((offer for offer in self._members if not taken.isdisjoint(offer.stated)), key=cluster_of)
        ordered = sorted(taken, key=wildcards_last) if len(taken) > 1 else self._hostnames
        return Admitted(tuple(ordered), tuple(members), tuple(self._refusals))

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
        if len(stating) == len(self._offers):
            return
        members = []
        for offer in self._members:
            if self._permits(offer, hostname) and self._reaches(offer, [hostname]):
                members.append(offer)
            else:
                self._bar(offer, hostname)
        self._members = members

    def _bar(self, offer: Offer, hostname: str) -> None:
        if hostname not in offer.stated:  # else it has been told already
            text = f"{self._key} holds {hostname}, behind which cluster {offer.cluster} may not stand"
            self._refuse([offer], "NotGranted", f"{text}; grant it, or use another Service name")

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


def _new_in_order(offers: Sequence[Offer], incumbent: Sequence[str]) -> Iterable[str]:
    """Those of clusters in the table first, then by age; within one object in the order written."""
    ordered = sorted(offers, key=lambda offer: (offer.old is None, offer.age_order))
    return dict.fromkeys(name for offer in ordered for name in offer.stated if name not in incumbent)


def wildcards_last(hostname: str) -> tuple[bool, str]:
    """The canonical order of a service's hostnames."""
    return hostname.startswith("*"), hostname


def waiting_text(offer: Offer) -> str:
    """Why an object that is in order has no address to offer."""
    what = "no node is ready" if offer.claim is not None and offer.claim.via_nodes else "its status names no address"
    kept = "the last known addresses stay" if offer.old is not None else "it waits for one"
    return f"{what}; {kept} (or name one with {PREFIX}target)"
