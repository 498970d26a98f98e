"""Which of its hostnames a GlobalService of the hub gets, and which clusters stand behind them.

The hub is the claimant: a cluster needs no grant of its own to serve what the hub declares, only the same namespace and
name in the same clusterset, and addresses that its own ranges and those of the zones allow.
"""

from collections.abc import Iterable, Sequence

from trafficfed.discovery import claims
from trafficfed.discovery.addresses import canonical_literal
from trafficfed.discovery.admission import Admitted, OwnerOf, waiting_text, wildcards_last
from trafficfed.discovery.annotations import Targets
from trafficfed.discovery.contest import holder_of
from trafficfed.discovery.declared import HUB, Declaration, refusal
from trafficfed.discovery.hostnames import canonical_hostname
from trafficfed.discovery.inventory import Inventory
from trafficfed.discovery.offers import Offer, cluster_of
from trafficfed.discovery.overruling import unreadable
from trafficfed.model import Form, GlobalService, Refusal, Row, ServiceKey


def admit_declared(
    declaration: Declaration, offers: Sequence[Offer], row: Row | None, inventory: Inventory, owner_of: OwnerOf
) -> Admitted:
    """Names that the table has come first. A new one is taken where nobody else holds it and it puts no cluster out."""
    key, incumbent = declaration.service.key, row.service.hostnames if row is not None else ()
    stated = declaration.service.hostnames
    taken: list[str] = []
    refusals: list[Refusal] = []
    for hostname in (*(name for name in stated if name in incumbent), *(n for n in stated if n not in incumbent)):
        if not inventory.guard.permits(HUB, key.namespace, hostname):
            continue  # told by the inventory, whatever the clusters offer
        if (holder := holder_of(hostname, key, inventory, owner_of(hostname))) is not None:
            text = f"{hostname} is held by {holder}; use another name, or take it off there first"
            refusals.append(refusal(key, "Conflict", text))
        elif hostname not in incumbent and (outsiders := _put_out_by(hostname, taken, offers, inventory)):
            text = f"{hostname} would put out cluster {', '.join(outsiders)}, whose addresses may not stand behind it"
            refusals.append(refusal(key, "ForbiddenAddress", text))
        else:
            taken.append(hostname)
    refusals += (claims.refusal(key, o.cluster, "NoAddress", waiting_text(o)) for o in offers if o.is_waiting)
    members = [offer for offer in offers if taken and (offer.targets or offer.old is not None)]
    return Admitted(tuple(sorted(taken, key=wildcards_last)), tuple(sorted(members, key=cluster_of)), tuple(refusals))


def _put_out_by(hostname: str, taken: Sequence[str], offers: Iterable[Offer], inventory: Inventory) -> list[str]:
    """Clusters that reach something behind the names so far, and nothing any more with one more name."""
    more = [*taken, hostname]
    return [
        offer.cluster
        for offer in offers
        if taken and _reaches(offer, taken, inventory) and not _reaches(offer, more, inventory)
    ]


def _reaches(offer: Offer, hostnames: Sequence[str], inventory: Inventory) -> bool:
    old, lets_through = offer.old, inventory.guard.lets_through
    return lets_through(offer.targets, offer.cluster, hostnames) or (
        old is not None and lets_through(Targets(old.addresses, old.hostnames), offer.cluster, hostnames)
    )


def usable_fallback(
    key: ServiceKey, service: GlobalService, hostnames: Sequence[str], form: Form, inventory: Inventory
) -> tuple[tuple[str, ...], tuple[Refusal, ...]]:
    """What of the fallback may be given out behind these names and in this form, and why the rest may not."""
    kept, refused = [], {}
    for entry in service.fallback:
        if why := _unusable(entry, hostnames, form, inventory):
            refused[why[1]] = refusal(key, *why)
        else:
            kept.append(entry)
    return tuple(kept), tuple(refused.values())


def _unusable(entry: str, hostnames: Sequence[str], form: Form, inventory: Inventory) -> tuple[str, str] | None:
    """Reason and message, None where nothing is wrong."""
    if why := unreadable(entry):
        return "InvalidFallback", why
    literal = canonical_literal(entry)
    name = "" if literal else canonical_hostname(entry)
    if name in hostnames:
        return "InvalidFallback", f"fallback {name} would point at itself; name another one"
    if literal is None and form is Form.ADDRESS:
        return "InvalidFallback", f"fallback {name} is a hostname, but addresses are published; name an address"
    if literal is not None and form is Form.HOSTNAME:
        return "InvalidFallback", f"fallback {literal} is an address, but a hostname is published; name a hostname"
    found = (inventory.guard.objection(literal, HUB, hostname) for hostname in hostnames) if literal else iter(())
    objection = next(filter(None, found), "")
    return ("ForbiddenAddress", f"fallback {objection}") if objection else None
