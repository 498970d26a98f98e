"""What each cluster brings to one service: its claim, the table's endpoint, the names it stands for, its targets."""

from collections.abc import Sequence

from trafficfed.discovery.annotations import Targets
from trafficfed.discovery.claims import Claim
from trafficfed.discovery.inventory import Inventory, Standing
from trafficfed.model import Endpoint, Row, ServiceKey, Value


class Offer(Value, frozen=True, kw_only=True):
    """One cluster's side of a service. ``claim`` is None where the table's endpoint ``old`` is held without one."""

    cluster: str
    claim: Claim | None
    old: Endpoint | None
    stated: tuple[str, ...]
    targets: Targets

    @property
    def age_order(self) -> tuple[float, str]:
        """Oldest object first, then by the cluster's name."""
        if self.claim is not None:
            return self.claim.age_order
        return ((self.old.created_s if self.old else 0.0) or float("inf"), self.cluster)

    @property
    def is_waiting(self) -> bool:
        """Whether the object is in order but has no address, or none any more."""
        claim = self.claim
        return not self.targets and claim is not None and claim.targets_known and "target" not in claim.broken

    def is_silent_on(self, annotation: str) -> bool:
        """Whether what this cluster says on a setting cannot be known now, so that the table's value stands for it."""
        return self.old is not None and (self.claim is None or annotation in self.claim.broken)


def offers_of(key: ServiceKey, claims: Sequence[Claim], inventory: Inventory, row: Row | None) -> tuple[Offer, ...]:
    """By cluster; those that left are not among them."""
    olds = {endpoint.cluster: endpoint for endpoint in row.endpoints} if row is not None else {}
    names = row.service.hostnames if row is not None else ()
    offers = [_claimed(claim, olds.pop(claim.cluster, None), names) for claim in claims if claim.offers]
    for cluster, old in olds.items():
        if inventory.standing(cluster, key) is Standing.HELD:
            held = Targets(old.addresses, old.hostnames)
            offers.append(Offer(cluster=cluster, claim=None, old=old, stated=names, targets=held))
    return tuple(sorted(offers, key=cluster_of))


def cluster_of(offer: Offer) -> str:
    """The canonical order of offers."""
    return offer.cluster


def _claimed(claim: Claim, old: Endpoint | None, names: tuple[str, ...]) -> Offer:
    """A list of hostnames with an entry that cannot be read might mean any name that the table has: those stay."""
    stated = claim.hostnames
    if old is not None and "hostname" in claim.broken:
        stated = tuple(dict.fromkeys((*stated, *names)))
    return Offer(cluster=claim.cluster, claim=claim, old=old, stated=stated, targets=claim.targets)
