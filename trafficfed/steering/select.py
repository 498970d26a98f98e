"""Which rule of a decision is for a client, and what that client can be answered: the meaning of a decision.

A name server may be built any way that is fast; what it answers is right when ``answers`` has it.
"""

import ipaddress
import itertools
from fractions import Fraction

from trafficfed.model import Client, Decision, Member, Rule


def rule_for(decision: Decision, client: Client) -> Rule | None:
    """The most specific rule that covers a client: the longest network, else subdivision, country, continent, anyone.

    None where the decision gives nothing to this client at all.
    """
    networks = [rule for rule in decision.rules if rule.where.kind == "network" and _inside(client, rule.where.value)]
    if networks:
        return max(networks, key=lambda rule: ipaddress.ip_network(rule.where.value).prefixlen)
    by_place = {(rule.where.kind, rule.where.value): rule for rule in decision.rules}
    places = (("subdivision", client.subdivision), ("country", client.country), ("continent", client.continent))
    for place in places:
        if place[1] and place in by_place:
            return by_place[place]
    return by_place.get(("any", ""))


def _inside(client: Client, network: str) -> bool:
    if not client.address:
        return False
    address, block = ipaddress.ip_address(client.address), ipaddress.ip_network(network)
    return address.version == block.version and address in block


def answers(decision: Decision, client: Client, record_type: str) -> frozenset[tuple[str, ...]]:
    """Every answer of one type (A, AAAA, CNAME) that is right for a client, each sorted; the empty tuple is NODATA.

    Which members are answered is settled before the type is looked at: the type only filters. Where a decision gives
    all members there is exactly one right answer, else one for each choice of as many as it picks. Members of weight 0
    are picked only where no other is there. Of hostnames an answer has but one (RFC 2181 section 10.1).
    """
    rule = rule_for(decision, client)
    pool, pick = (rule.members, decision.pick_of(rule)) if rule else ((), decision.pick)
    if record_type == "CNAME":
        named = _pickable(tuple(member for member in pool if member.hostnames))
        return frozenset((name,) for member in named for name in member.hostnames) or frozenset({()})
    if pick == 0:
        return frozenset({values_of(pool, record_type)})
    pool = _pickable(pool)
    return frozenset(values_of(chosen, record_type) for chosen in itertools.combinations(pool, min(pick, len(pool))))


def shares(decision: Decision, rule: Rule | None) -> dict[str, Fraction]:
    """Which part of the answers of a rule each cluster gets, where an answer has one member; else nothing."""
    if rule is None or decision.pick_of(rule) != 1:
        return {}
    members = _pickable(rule.members)
    total = sum(member.weight for member in members) or len(members)
    found: dict[str, Fraction] = {}
    for member in members:
        found[member.cluster] = found.get(member.cluster, Fraction(0)) + Fraction(member.weight or 1, total)
    return found


def _pickable(pool: tuple[Member, ...]) -> tuple[Member, ...]:
    return tuple(member for member in pool if member.weight > 0) or pool


def values_of(members: tuple[Member, ...], record_type: str) -> tuple[str, ...]:
    """What members put into a record set of this type, sorted, without repetition."""
    if record_type == "CNAME":
        return tuple(sorted({name for member in members for name in member.hostnames}))
    version = {"A": 4, "AAAA": 6}[record_type]
    found = {address for member in members for address in member.addresses}
    return tuple(sorted(each for each in found if ipaddress.ip_address(each).version == version))
