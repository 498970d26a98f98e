"""What a pool of members comes to in records: who gets traffic, which addresses of a family, which one hostname."""

import ipaddress
from collections.abc import Iterable, Sequence
from fractions import Fraction

from msgspec.structs import replace

from trafficfed.model import Member, Rule


def carrying(rule: Rule | None) -> tuple[Member, ...]:
    """The members that get traffic: those of weight 0 only where there is no other."""
    pool = rule.pool if rule else ()
    return tuple(member for member in pool if member.weight > 0) or pool


def families(pool: Iterable[Member]) -> dict[str, set[str]]:
    """The addresses of a pool by record type, A or AAAA."""
    found: dict[str, set[str]] = {}
    for member in pool:
        for text in member.addresses:
            address = ipaddress.ip_address(text)
            found.setdefault("A" if address.version == 4 else "AAAA", set()).add(str(address))
    return found


def one_hostname(pool: Sequence[Member]) -> str:
    """The one hostname that a CNAME can hold: of the heaviest member, then the first by cluster and name."""
    ordered = sorted(pool, key=lambda member: (-member.weight, member.cluster))
    return next((f"{min(member.hostnames).lower().rstrip('.')}." for member in ordered if member.hostnames), "")


def evened(pool: Iterable[Member]) -> tuple[Member, ...]:
    """The members with weights that give each of their addresses the same share."""
    return tuple(replace(member, weight=max(1, len(member.addresses))) for member in pool)


def uneven(pool: Sequence[Member]) -> bool:
    """Whether the weights differ, in either family, from what equal shares of all its addresses give."""
    return any(_uneven(pool, version) for version in (4, 6))


def _uneven(pool: Sequence[Member], version: int) -> bool:
    counts = [
        (member.weight, sum(ipaddress.ip_address(text).version == version for text in member.addresses))
        for member in pool
    ]
    return len({Fraction(weight, count) for weight, count in counts if count}) > 1
