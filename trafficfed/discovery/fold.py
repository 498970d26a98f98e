"""The fold: what all clusters say about one service, and what the table has of it, become one GlobalService.

A pure function of its inputs: the order in which clusters and events came does not matter (law 5), save for what the
table keeps on purpose: the incumbent's names and contested settings.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeVar

from msgspec.structs import replace

from trafficfed.discovery.admission import OwnerOf, admit
from trafficfed.discovery.annotations import PREFIX
from trafficfed.discovery.claims import Claim, refusal
from trafficfed.discovery.declared import Declaration
from trafficfed.discovery.declared import refusal as hub_refusal
from trafficfed.discovery.declared_admission import admit_declared, usable_fallback
from trafficfed.discovery.endpoints import Resolved, Sieve, build_endpoint
from trafficfed.discovery.inventory import Inventory, Standing
from trafficfed.discovery.offers import Offer, offers_of
from trafficfed.model import Endpoint, Form, GlobalService, HealthCheck, Refusal, Row, ServiceKey, Value

S = TypeVar("S")

_FORM_KEY = f"{PREFIX}target-form"


class Departed(Value, frozen=True):
    """Addresses and hostnames of one cluster that the service no longer has. ``watched``: they left by a watched
    change or an operator's word, so that no brake counts them."""

    cluster: str
    addresses: tuple[str, ...]
    watched: bool


class Folded(Value, frozen=True, kw_only=True):
    """What one service is now; ``service`` is None where nothing is left of it. Sorted by cluster.

    ``refusals`` are all that stand against its objects now: one that is no longer among them is cleared.
    ``again`` are services that want a hostname given up here: to be folded again once this fold is committed.
    """

    service: GlobalService | None = None
    endpoints: tuple[Endpoint, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    departed: tuple[Departed, ...] = ()
    again: frozenset[ServiceKey] = frozenset()

    def differs(self, row: Row | None) -> bool:
        """Whether it declares anything else than the table's row has, None where there is no row."""
        return (self.service, self.endpoints) != ((row.service, row.endpoints) if row is not None else (None, ()))


def never_resolved(_: str) -> None:
    """A lookup that knows no hostname."""


def fold(
    key: ServiceKey,
    inventory: Inventory,
    row: Row | None,
    owner_of: OwnerOf,
    resolved: Resolved = never_resolved,
) -> Folded:
    """Fold one service. ``owner_of`` tells which service holds a hostname in the table."""
    claims, declaration = inventory.claims(key), inventory.declaration(key)
    offers = offers_of(key, claims, inventory, row)
    if declaration is None:
        admitted = admit(key, offers, row, inventory, owner_of)
    else:
        admitted = admit_declared(declaration, offers, row, inventory, owner_of)
    refusals = [refused for claim in claims for refused in claim.refusals]
    refusals += (*admitted.refusals, *inventory.objections(key))
    members, endpoints = [], []
    sieve = Sieve(admitted.hostnames, inventory.guard, resolved)
    for offer in admitted.members:
        endpoint, objections = build_endpoint(key, offer, sieve)
        refusals += objections
        if endpoint is not None:
            members.append(offer)
            endpoints.append(_paced_endpoint(endpoint, inventory.pace))
    service = None
    if endpoints and declaration is not None:
        endpoints = [replace(endpoint, health_check=None) for endpoint in endpoints]
        service, conflicts = _declared_service(declaration, admitted.hostnames, endpoints, inventory)
        refusals += conflicts
    elif endpoints:
        service, conflicts = _service(key, admitted.hostnames, members, endpoints, inventory, row)
        refusals += conflicts
    return Folded(
        service=service,
        endpoints=tuple(endpoints),
        refusals=tuple(sorted(set(refusals), key=_refusal_order)),
        departed=_departed(key, inventory, row, endpoints),
        again=_waiting_for(key, inventory, row, service),
    )


def _service(
    key: ServiceKey,
    hostnames: tuple[str, ...],
    members: Sequence[Offer],
    endpoints: Sequence[Endpoint],
    inventory: Inventory,
    row: Row | None,
) -> tuple[GlobalService, list[Refusal]]:
    before = row.service if row is not None else None
    steering, others = _contested("steering", _steering, members, before.steering if before else None, ("multivalue",))
    ttl, more = _contested("ttl", _ttl, members, before.ttl if before else None, 30)
    # each cluster's own check rules its own endpoint, so that different ones are no conflict
    pace = inventory.pace
    check, _ = _contested(
        "health-check",
        lambda claim: paced(claim.health_check, pace) if claim is not None and claim.health_check else None,
        members,
        paced(before.health_check, pace) if before else None,
        pace,
    )
    stated, further = _contested("target-form", _form, members, before.stated_form if before else None, None)
    form, unfit = _form_of(key, stated, hostnames, endpoints, inventory)
    service = GlobalService(
        key=key,
        hostnames=hostnames,
        steering=steering,
        health_check=check,
        ttl=ttl,
        form=form,
        stated_form=stated,
        origin=tuple(f"{endpoint.cluster}:Service/{key.namespace}/{key.name}" for endpoint in endpoints),
    )
    return service, [*others, *more, *further, *unfit]


def _declared_service(
    declaration: Declaration, hostnames: tuple[str, ...], endpoints: Sequence[Endpoint], inventory: Inventory
) -> tuple[GlobalService, list[Refusal]]:
    """The hub's word holds as it is, save where the endpoints cannot have it; suspicion is always the platform's."""
    stated = declaration.service
    key = stated.key
    form, unfit = _form_of(key, stated.stated_form, hostnames, endpoints, inventory)
    fallback, refused = usable_fallback(key, stated, hostnames, form, inventory)
    check = replace(stated.health_check, suspicion_s=inventory.pace.suspicion_s)
    service = replace(stated, hostnames=hostnames, form=form, fallback=fallback, health_check=check)
    why = [hub_refusal(key, each.reason, each.message.replace(_FORM_KEY, "targetForm")) for each in unfit[:1]]
    return service, [*why, *refused]


def _form_of(
    key: ServiceKey,
    stated: Form | None,
    hostnames: Sequence[str],
    endpoints: Sequence[Endpoint],
    inventory: Inventory,
) -> tuple[Form, list[Refusal]]:
    """All hostnames: a CNAME; any address among them, or a name that is a zone's own: addresses. A stated form holds
    where it can: hostnames need one of every endpoint."""
    with_addresses = [endpoint for endpoint in endpoints if endpoint.addresses]
    apex = next(filter(inventory.guard.is_apex, hostnames), "")
    if stated is not Form.HOSTNAME or not (with_addresses or apex):
        is_address = stated is Form.ADDRESS or with_addresses or apex
        return Form.ADDRESS if is_address else Form.HOSTNAME, []
    why = f"{apex} is a zone's own name" if apex else "it offers addresses"
    text = f"{_FORM_KEY}: hostname cannot be, as {why}; addresses are published"
    clusters = [endpoint.cluster for endpoint in (endpoints if apex else with_addresses)]
    return Form.ADDRESS, [refusal(key, cluster, "FormNotPossible", text) for cluster in clusters]


def _steering(claim: Claim | None) -> tuple[str, ...] | None:
    return claim.steering if claim is not None else None


def _ttl(claim: Claim | None) -> int | None:
    return claim.ttl if claim is not None else None


def _form(claim: Claim | None) -> Form | None:
    return claim.form if claim is not None else None


def paced(check: HealthCheck, pace: HealthCheck) -> HealthCheck:
    """What to ask is the user's to say, how often and how patiently the platform's.

    >>> paced(HealthCheck(scheme="http", port=80), HealthCheck(interval_s=2.0)).interval_s
    2.0
    """
    return replace(pace, scheme=check.scheme, port=check.port, path=check.path, host=check.host)


def _paced_endpoint(endpoint: Endpoint, pace: HealthCheck) -> Endpoint:
    if endpoint.health_check is None:
        return endpoint
    return replace(endpoint, health_check=paced(endpoint.health_check, pace))


def _contested(
    annotation: str, stated: Callable[[Claim | None], S | None], members: Sequence[Offer], before: S | None, default: S
) -> tuple[S, list[Refusal]]:
    """One setting of the whole service. The table's value holds while any cluster states it, or may state it for all
    that is known; else the oldest object that states one decides. Who states another value gets a Conflict."""
    stating, silent = [], False
    for offer in members:
        if (value := stated(offer.claim)) is not None:
            stating.append((offer, value))
        elif offer.is_silent_on(annotation):
            silent = True
    if before is not None and (silent or any(value == before for _, value in stating)):
        winner = before
    elif stating:
        winner = min(stating, key=lambda pair: pair[0].age_order)[1]
    else:
        winner = default
    return winner, [_conflict(offer, annotation, winner) for offer, value in stating if value != winner]


def _conflict(offer: Offer, annotation: str, winner: object) -> Refusal:
    assert offer.claim is not None, "only a claim states something"
    holding = ",".join(winner) if isinstance(winner, tuple) else winner
    text = f"{PREFIX}{annotation}: {holding} holds for the whole service; state the same in every cluster"
    return refusal(offer.claim.key, offer.cluster, "Conflict", text)


def _departed(
    key: ServiceKey, inventory: Inventory, row: Row | None, endpoints: Iterable[Endpoint]
) -> tuple[Departed, ...]:
    """What the row had and the service no longer has, by cluster; watched and unwatched apart."""
    now = {endpoint.cluster: endpoint for endpoint in endpoints}
    found = []
    for old in row.endpoints if row is not None else ():
        after = now.get(old.cluster) or Endpoint(cluster=old.cluster)
        if (old.addresses, old.hostnames, old.resolved) == (after.addresses, after.hostnames, after.resolved):
            continue
        gone = {*old.targets, *old.hostnames} - {*after.targets, *after.hostnames}
        watched = {address for address in gone if _was_watched(address, key, old, after, inventory)}
        for addresses, is_watched in ((gone - watched, False), (watched, True)):
            if addresses:
                found.append(Departed(old.cluster, tuple(sorted(addresses)), is_watched))
    return tuple(found)


def _was_watched(address: str, key: ServiceKey, old: Endpoint, after: Endpoint, inventory: Inventory) -> bool:
    standing = inventory.standing(old.cluster, key)
    if not isinstance(standing, Standing):
        if address in standing.targets.addresses or address in standing.targets.hostnames:
            return False  # still offered: guardrails took it
        if address in old.resolved and old.hostnames == after.hostnames:
            return True  # the owner of the load balancer's name said so
        return inventory.is_watched(old.cluster, key)
    return standing is Standing.LEFT_WATCHED


def _waiting_for(
    key: ServiceKey, inventory: Inventory, row: Row | None, service: GlobalService | None
) -> frozenset[ServiceKey]:
    if row is None or (service is not None and row.service.hostnames == service.hostnames):
        return frozenset()
    given_up = set(row.service.hostnames).difference(service.hostnames if service is not None else ())
    return frozenset().union(*(inventory.stating(hostname) for hostname in given_up)) - {key}


def _refusal_order(refused: Refusal) -> tuple[str, str, str]:
    return (refused.cluster, refused.reason, refused.message)
