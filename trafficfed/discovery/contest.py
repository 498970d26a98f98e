"""Several services that want one hostname: exactly one of them finds that nobody else holds it."""

from trafficfed.discovery.claims import Claim
from trafficfed.discovery.declared import HUB, Declaration
from trafficfed.discovery.inventory import Inventory, Standing
from trafficfed.model import ServiceKey

Rank = tuple[bool, tuple[float, str], ServiceKey]


def holder_of(hostname: str, key: ServiceKey, inventory: Inventory, owner: ServiceKey | None) -> ServiceKey | None:
    """The other service that has a name, or has the better right to it where the table gives it to nobody.

    ``owner`` is the one that has it in the table. The ranks of all that state a name are a total order which
    each of them computes alike, so that two folds never give it away twice.
    """
    if owner == key:
        return None
    if owner is not None and _retains(inventory, owner, hostname):
        return owner
    rivals = inventory.stating(hostname) - {key}
    if not rivals:
        return None
    ranks = [rank for each in (key, *rivals) if (rank := _rank(inventory, each, hostname)) is not None]
    best = min(ranks, default=None)
    return None if best is None or best[2] == key else best[2]


def _retains(inventory: Inventory, owner: ServiceKey, hostname: str) -> bool:
    """Whether the service that has a name in the table goes on claiming it, or may, for all that is known."""
    if (declaration := inventory.declaration(owner)) is not None:
        return _declares(declaration, inventory, hostname)
    row, guard = inventory.row(owner), inventory.guard
    olds = {endpoint.cluster for endpoint in row.endpoints} if row is not None else set()
    return any(
        _is_granted(inventory, claim, hostname)
        and (claim.cluster in olds or guard.lets_through(claim.targets, claim.cluster, [hostname]))
        for claim in inventory.claims(owner)
    ) or any(
        guard.permits(cluster, owner.namespace, hostname) and _may_claim(inventory.standing(cluster, owner))
        for cluster in olds
    )


def _may_claim(standing: Claim | Standing) -> bool:
    if isinstance(standing, Claim):
        return "hostname" in standing.broken
    return standing is Standing.HELD


def _rank(inventory: Inventory, key: ServiceKey, hostname: str) -> Rank | None:
    """The best granted claim: one that reaches something before one that does not, then the oldest."""
    if (declaration := inventory.declaration(key)) is not None:
        return _rank_of_declared(inventory, declaration, hostname)
    ranks = [
        (not inventory.guard.lets_through(claim.targets, claim.cluster, [hostname]), claim.age_order)
        for claim in inventory.claims(key)
        if _is_granted(inventory, claim, hostname)
    ]
    return (*min(ranks), key) if ranks else None


def _rank_of_declared(inventory: Inventory, declaration: Declaration, hostname: str) -> Rank | None:
    """The hub's object is what claims; the clusters' ones only reach something or do not."""
    if not _declares(declaration, inventory, hostname):
        return None
    key, lets_through = declaration.service.key, inventory.guard.lets_through
    reaches = any(lets_through(each.targets, each.cluster, [hostname]) for each in inventory.claims(key) if each.offers)
    return not reaches, declaration.age_order, key


def _declares(declaration: Declaration, inventory: Inventory, hostname: str) -> bool:
    service = declaration.service
    return hostname in service.hostnames and inventory.guard.permits(HUB, service.key.namespace, hostname)


def _is_granted(inventory: Inventory, claim: Claim, hostname: str) -> bool:
    return (
        claim.offers
        and hostname in claim.hostnames
        and inventory.guard.permits(claim.cluster, claim.key.namespace, hostname)
    )
