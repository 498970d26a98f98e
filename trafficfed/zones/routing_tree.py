"""From a decision to trees of routed record sets, for providers that steer by sets and aliases between them (Route 53).

Places come first, then failover, then weights; a level that decides nothing is left out, so that a simple decision
stays a plain record set. One name and type holds one kind of routing only, hence each further level stands at a name
of its own below ``_trafficfed-pool.<name>``, and an alias leads there.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm

import msgspec

from trafficfed.model import Capabilities, Decision, Form, Member, RecordSet, Routing, Rule, Value, Where
from trafficfed.zones.ownership import pool_name
from trafficfed.zones.pools import carrying, families, one_hostname, uneven

WEIGHT_MAX = 255
"""The largest weight of a set (Route 53 API 2013-04-01, ResourceRecordSetWeight)."""

WEIGHTED_SETS_MAX = 100
"""Weighted sets of one name and type (Route 53 API 2013-04-01, ResourceRecordSet, Weight)."""

SHARE_ERROR = Fraction(1, 100)
"""A share that is off by no more than this of all answers is no loss."""

_BREADTH = {"network": 0, "subdivision": 1, "country": 2, "continent": 3, "any": 4}


class Leaf(Value, frozen=True):
    """What is answered at the end of a branch. ``check`` is the provider's health check that takes it out."""

    values: tuple[str, ...]
    check: str = ""


class Split(Value, frozen=True):
    """A choice that the provider makes between branches, all by the same kind of routing."""

    branches: "tuple[tuple[Routing, Leaf | Split], ...]"


Node = Leaf | Split


def lower_to_tree(
    decision: Decision, names: Iterable[str], ttl: int, capabilities: Capabilities
) -> tuple[tuple[RecordSet, ...], dict[str, str]]:
    """The record sets of these names and their branches, and the losses by their word."""
    rules, lost = _expressible(decision, capabilities)
    losses = {"geo": [lost] if lost else [], "weighted": []}
    trees: dict[str, Node] = {}
    for rdtype in ("CNAME",) if decision.form is Form.HOSTNAME else ("A", "AAAA"):
        nodes = [(rule, _rule_node(rule, rdtype, decision, capabilities, losses["weighted"])) for rule in rules]
        losses["geo"] += _lacking(rdtype, nodes)
        tree = _by_place([(rule.where, node) for rule, node in nodes if node])
        if tree:
            trees[rdtype] = tree
    sets = tuple(
        record_set for name in names for rdtype, tree in trees.items() for record_set in _sets(name, rdtype, ttl, tree)
    )
    return sets, {word: "; ".join(dict.fromkeys(texts)) for word, texts in losses.items() if texts}


def _expressible(decision: Decision, capabilities: Capabilities) -> tuple[tuple[Rule, ...], str]:
    """The rules whose clients the provider can tell apart, and what it means that it cannot for the others."""
    known = tuple(rule for rule in decision.rules if _knows(capabilities, rule.where))
    pools = {carrying(rule) for rule in known}
    lost = [rule for rule in decision.rules if rule not in known and (len(pools) > 1 or carrying(rule) not in pools)]
    places = ", ".join(f"{rule.where.kind} {rule.where.value}" for rule in lost[:5])
    more = f" and {len(lost) - 5} more" if len(lost) > 5 else ""
    return known, f"clients of {places}{more} get the answer of the place around them" if lost else ""


def _knows(capabilities: Capabilities, where: Where) -> bool:
    return where.kind == "any" or bool({where.kind, f"{where.kind}:{where.value[:2]}"} & {*capabilities.geo})


def _lacking(rdtype: str, nodes: Sequence[tuple[Rule, Node | None]]) -> list[str]:
    """A place that has no address of a type cannot be kept from the wider place's: what that means, or nothing."""
    present = [_BREADTH[rule.where.kind] for rule, node in nodes if node]
    lacking = [
        f"{rule.where.kind} {rule.where.value}"
        for rule, node in nodes
        if node is None and any(breadth > _BREADTH[rule.where.kind] for breadth in present)
    ]
    return [
        f"clients of {', '.join(lacking)}, for whom there is no {rdtype}, get that of the place around them"
    ] * bool(lacking)


def _by_place(nodes: Sequence[tuple[Where, Node]]) -> Node | None:
    """Places only where they make a difference: an ``any`` branch alone is everybody's."""
    needed = _needed(dict(nodes))
    if len(needed) == 1 and needed[0][0].kind == "any":
        return needed[0][1]
    return (
        Split(tuple((Routing(set_id=_label(where), where=where), node) for where, node in needed)) if needed else None
    )


def _needed(nodes: Mapping[Where, Node]) -> list[tuple[Where, Node]]:
    """The places whose clients get something else than those of the wider place.

    Which continent a country lies in is the provider's to say: where continents differ, every country is stated.
    """
    default = nodes.get(Where())
    continents = any(where.kind == "continent" and node != default for where, node in nodes.items())

    def differs(where: Where, node: Node) -> bool:
        if where.kind == "any":
            return True
        country = nodes.get(Where("country", where.value[:2])) if where.kind == "subdivision" else None
        return node != (country or default) or (continents and where.kind != "continent" and country is None)

    return [(where, node) for where, node in nodes.items() if differs(where, node)]


def _label(where: Where) -> str:
    return f"{where.kind}-{where.value}".lower() if where.value else where.kind


def _rule_node(
    rule: Rule, rdtype: str, decision: Decision, capabilities: Capabilities, losses: list[str]
) -> Node | None:
    """The serving tier; before the next one by failover where the provider itself checks all that serves."""
    pool = _of_type(carrying(rule), rdtype)
    node = _pool_node(pool, rdtype, decision, capabilities, losses)
    if node is None or not capabilities.failover or not rule.standby or not _checked(pool, capabilities):
        return node
    standby = carrying(msgspec.structs.replace(rule, pool=rule.standby[0]))
    second = _pool_node(_of_type(standby, rdtype), rdtype, decision, capabilities, losses)
    if second is None or (isinstance(node, Leaf) and len(pool) > 1):
        return node
    if isinstance(node, Leaf):
        node = Leaf(node.values, dict(capabilities.checks)[pool[0].cluster])
    sides = (("secondary", second), ("primary", node))
    return Split(tuple((Routing(set_id=side, failover=side), branch) for side, branch in sides))


def _of_type(pool: Iterable[Member], rdtype: str) -> tuple[Member, ...]:
    """The members that have something of a type; where nobody has any weight all have the same."""
    found = tuple(member for member in pool if _values(member, rdtype))
    if any(member.weight > 0 for member in found):
        return found
    return tuple(msgspec.structs.replace(member, weight=1) for member in found)


def _values(member: Member, rdtype: str) -> list[str]:
    if rdtype == "CNAME":
        return sorted({f"{hostname.lower().rstrip('.')}." for hostname in member.hostnames})
    return sorted(families((member,)).get(rdtype, ()))


def _checked(pool: Iterable[Member], capabilities: Capabilities) -> bool:
    return {member.cluster for member in pool} <= dict(capabilities.checks).keys()


def _pool_node(
    pool: tuple[Member, ...], rdtype: str, decision: Decision, capabilities: Capabilities, losses: list[str]
) -> Node | None:
    values = sorted({value for member in pool for value in _values(member, rdtype)})
    if not values:
        return None
    one_only = rdtype == "CNAME"
    shared = one_only or (decision.pick > 0 and (uneven(pool) or _checked(pool, capabilities)))
    if len(values) == 1 or not shared:
        return Leaf(tuple(values))
    shares = _shares(pool, rdtype)
    if capabilities.weighted and len(shares) <= WEIGHTED_SETS_MAX:
        return _weighted(shares, dict(capabilities.checks) if _checked(pool, capabilities) else {}, losses)
    if one_only:
        losses.append(f"of {len(values)} hostnames a CNAME holds {one_hostname(pool).rstrip('.')} only")
        return Leaf((one_hostname(pool),))
    losses.append("every address is answered with the same share")
    return Leaf(tuple(values))


class Share(Value, frozen=True):
    """One value with its part of the answers; a weighted set holds a single value."""

    set_id: str
    cluster: str
    value: str
    weight: Fraction


def _shares(pool: Sequence[Member], rdtype: str) -> list[Share]:
    """A member's weight is divided among its values."""
    clusters = Counter(member.cluster for member in pool for _ in _values(member, rdtype))
    return [
        Share(
            member.cluster if clusters[member.cluster] == 1 else f"{member.cluster}/{value}",
            member.cluster,
            value,
            Fraction(member.weight, len(_values(member, rdtype))),
        )
        for member in pool
        for value in _values(member, rdtype)
    ]


def _weighted(shares: Sequence[Share], checks: Mapping[str, str], losses: list[str]) -> Split:
    weights = whole_weights([share.weight for share in shares])
    total, exact = sum(weights), sum(share.weight for share in shares)
    error = max(
        abs(Fraction(weight, total) - share.weight / exact) for weight, share in zip(weights, shares, strict=True)
    )
    if error > SHARE_ERROR:
        losses.append(f"weights go up to {WEIGHT_MAX} only: shares are off by up to {float(error):.1%} of the answers")
    branches = [
        (Routing(set_id=share.set_id, weight=weight), Leaf((share.value,), checks.get(share.cluster, "")))
        for share, weight in zip(shares, weights, strict=True)
    ]
    return Split(tuple(sorted(branches, key=lambda branch: branch[0].set_id)))


def whole_weights(weights: Sequence[Fraction]) -> list[int]:
    """Whole numbers from 0 to 255 in the same proportions, as near as they can be; nothing above 0 becomes 0.

    >>> whole_weights([Fraction(70), Fraction(30)]), whole_weights([Fraction(100, 3), Fraction(100)])
    ([70, 30], [1, 3])
    >>> whole_weights([Fraction(1000), Fraction(1)])
    [255, 1]
    """
    scale = lcm(*(weight.denominator for weight in weights))
    whole = [int(weight * scale) for weight in weights]
    if max(whole) > WEIGHT_MAX:
        whole = [weight // gcd(*whole) for weight in whole]
    largest = max(whole)
    if largest <= WEIGHT_MAX:
        return whole
    return [max(1, round(Fraction(weight * WEIGHT_MAX, largest))) if weight else 0 for weight in whole]


def _sets(name: str, rdtype: str, ttl: int, tree: Node) -> list[RecordSet]:
    def attach(owner: str, node: Node, routing: Routing | None, path: str) -> list[RecordSet]:
        if isinstance(node, Leaf):
            if routing and node.check:
                routing = msgspec.structs.replace(routing, health_check=node.check)
            return [RecordSet(name=owner, type=rdtype, ttl=ttl, values=node.values, routing=routing)]
        alias = []
        if routing:
            path = f"{path}-{routing.set_id}" if path else routing.set_id
            target = pool_name(name, path)
            alias = [RecordSet(name=owner, type=rdtype, ttl=0, values=(f"{target}.",), routing=routing, alias=True)]
            owner = target
        return alias + [found for kind, branch in node.branches for found in attach(owner, branch, kind, path)]

    return attach(name, tree, None, "")
