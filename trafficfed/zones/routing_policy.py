"""From a decision to routing policies of Google Cloud DNS: one for each name and type, whole and exclusive.

A policy spreads clients by weight (WRR) or by place (GEO), never both; each item of it is one record set here, with the
others of its name and type beside it. A set identifier is made from the item's content, because Cloud DNS keeps none.
Failover stays with the controller: Cloud DNS's own (primary-backup) needs targets whose health Google checks, and
what is published here are targets that serve. Source: Cloud DNS API v1, RRSetRoutingPolicy (discovery, 2026-10).
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence

from trafficfed.model import Client, Decision, Form, Member, RecordSet, Routing, Rule, Value, Where
from trafficfed.steering.geography import CONTINENTS, REGIONS
from trafficfed.steering.select import rule_for
from trafficfed.zones.google_regions import REGION_NAMES, has_region, nearest_region, thinned
from trafficfed.zones.pools import carrying, families, one_hostname, uneven

Pool = tuple[Member, ...]


class Item(Value, frozen=True):
    """What one record type holds for some of the clients; without routing it is for all of them."""

    type: str
    values: tuple[str, ...]
    routing: Routing | None = None


def lower_to_policies(
    decision: Decision, names: Iterable[str], ttl: int, accepted: Collection[str]
) -> tuple[tuple[RecordSet, ...], dict[str, str]]:
    """The record sets of these names, and the losses by their word.

    Where a decision needs weights and places, places win unless only their loss (``geo``) is accepted.
    """
    items, losses = _items(decision, accepted)
    sets = [
        RecordSet(name=name, type=item.type, ttl=ttl, values=item.values, routing=item.routing)
        for name in names
        for item in items
    ]
    return tuple(sets), losses


def _items(decision: Decision, accepted: Collection[str]) -> tuple[tuple[Item, ...], dict[str, str]]:
    pools = _pools_by_region(decision)
    default = carrying(decision.default)
    places_lost = [rule for rule in decision.rules[:-1] if _is_lost(rule, pools, default)]
    if len(set(pools.values())) < 2:
        pool = next(iter(pools.values()), default)
        return _weighted(decision, pool), _stated(geo=_places(places_lost))
    unweighted = [region for region, pool in pools.items() if _weights_matter(decision, pool)]
    if unweighted and "weighted" not in accepted and "geo" in accepted:
        differing = [rule for rule in decision.rules[:-1] if carrying(rule) != default]
        return _weighted(decision, default), _stated(geo=_places(differing, "the default answer, weighted"))
    items, lacking = _by_place(decision, pools)
    together = "weights and places cannot be combined: near each place every address has the same share"
    if decision.form is Form.HOSTNAME:
        together = "weights and places cannot be combined: near each place the heaviest hostname alone is answered"
    return items, _stated(
        geo="; ".join(filter(None, (_places(places_lost), lacking))), weighted=together * bool(unweighted)
    )


def _stated(**losses: str) -> dict[str, str]:
    return {word: text for word, text in losses.items() if text}


def _pools_by_region(decision: Decision) -> dict[str, Pool]:
    """What clients at each of Google's regions are to get."""
    if len(decision.rules) < 2:
        return {}
    countries = {name: REGIONS[name].country for name in REGION_NAMES}
    by_country = {
        country: carrying(rule_for(decision, Client(continent=CONTINENTS[country], country=country)))
        for country in set(countries.values())
    }
    return {name: by_country[country] for name, country in countries.items()}


def _is_lost(rule: Rule, pools: Mapping[str, Pool], default: Pool) -> bool:
    """Whether the clients of a rule get something else than it says."""
    where, pool = rule.where, carrying(rule)
    if where.kind in ("country", "continent"):
        return not has_region(where.kind, where.value) and pools[nearest_region(where.kind, where.value)] != pool
    return pool != default or len(set(pools.values())) > 1


def _places(rules: Sequence[Rule], instead: str = "what is nearest to them") -> str:
    places = ", ".join(f"{rule.where.kind} {rule.where.value}" for rule in rules[:5])
    more = f" and {len(rules) - 5} more" if len(rules) > 5 else ""
    return f"clients of {places}{more} get {instead}" if rules else ""


def _weights_matter(decision: Decision, pool: Pool) -> bool:
    if decision.form is Form.HOSTNAME:
        return len({hostname for member in pool for hostname in member.hostnames}) > 1
    return decision.pick > 0 and uneven(pool)


def _plain(form: Form, pool: Pool, routing: Routing | None = None) -> list[Item]:
    """Everything a pool has, in one set for each type."""
    if form is Form.HOSTNAME:
        hostname = one_hostname(pool)
        return [Item("CNAME", (hostname,), routing)] if hostname else []
    return [Item(rdtype, tuple(sorted(values)), routing) for rdtype, values in sorted(families(pool).items())]


def _weighted(decision: Decision, pool: Pool) -> tuple[Item, ...]:
    """One item for each different answer; a single one needs no policy."""
    if decision.pick != 1 and decision.form is Form.ADDRESS:
        return tuple(_plain(decision.form, pool))
    weights: dict[str, dict[tuple[str, ...], int]] = {}
    for rdtype, values, weight in _shares(decision.form, pool):
        found = weights.setdefault(rdtype, {})
        found[values] = found.get(values, 0) + weight
    return tuple(item for rdtype, found in sorted(weights.items()) for item in _balanced(rdtype, found))


def _balanced(rdtype: str, weights: Mapping[tuple[str, ...], int]) -> list[Item]:
    if len(weights) == 1:
        return [Item(rdtype, next(iter(weights)))]
    divisor = math.gcd(*weights.values()) or 1
    items = {" ".join(values): (values, weight // divisor) for values, weight in weights.items()}
    return [Item(rdtype, values, Routing(set_id=key, weight=weight)) for key, (values, weight) in sorted(items.items())]


def _shares(form: Form, pool: Pool) -> list[tuple[str, tuple[str, ...], int]]:
    """Type, values and weight of every member's answers. A member's weight is shared by its hostnames."""
    if form is Form.HOSTNAME:
        named = [(sorted({name.lower().rstrip(".") for name in each.hostnames}), each.weight) for each in pool]
        whole = math.lcm(*(len(names) for names, _ in named if names))
        weights = [(name, max(1, weight) * whole // len(names)) for names, weight in named for name in names]
        return [("CNAME", (f"{name}.",), weight) for name, weight in weights]
    return [
        (rdtype, tuple(sorted(values)), max(1, member.weight))
        for member in pool
        for rdtype, values in families((member,)).items()
    ]


def _by_place(decision: Decision, pools: Mapping[str, Pool]) -> tuple[tuple[Item, ...], str]:
    """Items by region for each type; and what it means where a type is not to be had near some of them."""
    answers: dict[str, dict[str, tuple[str, ...]]] = {}
    for region, pool in pools.items():
        for item in _plain(decision.form, pool):
            answers.setdefault(item.type, {})[region] = item.values
    lacking = [rdtype for rdtype, found in sorted(answers.items()) if len(found) < len(pools)]
    text = f"{' and '.join(lacking)} of another place is answered where the nearest has none"
    items = [item for rdtype, found in sorted(answers.items()) for item in _divided(rdtype, found)]
    return tuple(items), text if lacking else ""


def _divided(rdtype: str, answers: Mapping[str, tuple[str, ...]]) -> list[Item]:
    """One item for each region that is needed. A single answer for everybody needs no policy."""
    if len(set(answers.values())) == 1:
        return [Item(rdtype, next(iter(answers.values())))]
    return [
        Item(rdtype, answers[region], Routing(set_id=region, where=Where("region", region)))
        for region in thinned(answers)
    ]
