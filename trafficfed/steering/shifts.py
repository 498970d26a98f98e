"""Shifts: a share of what one cluster would get goes to another instead. Weights move, and nothing else.

A shift never brings in what does not serve and never leaves an answer empty: where its destination has nothing in any
tier it has no effect. A whole one (100 per cent) makes its cluster stand by, first in line.
"""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from math import gcd, lcm

from msgspec.structs import replace

from trafficfed.model import Member, OperatorControl, ServiceKey
from trafficfed.steering.controls import cause, covers, in_force
from trafficfed.steering.tiers import Tiers

SHIFT = "shift"

WHOLE = 100
"""Per cent."""

Pool = tuple[Member, ...]

Shifts = Mapping[str, OperatorControl]
"""By the cluster that gives: at most one for each."""


def shifts_of(controls: Sequence[OperatorControl], service: ServiceKey, now_s: float) -> Shifts:
    """The shifts in force for a service; one for it alone goes before one for all services."""
    found = [each for each in in_force(controls, SHIFT, now_s) if covers(each, service, each.cluster)]
    return {each.cluster: each for each in sorted(found, key=lambda each: each.service)}


def shifted(tiers: Tiers, shifts: Shifts, pick: int) -> tuple[Tiers, Pool]:
    """The tiers once what is shifted whole has moved, and what the first is with what is shifted in part: by weight,
    one member an answer; empty where nothing is.

    ``pick`` is how many members an answer has without shifts: one by its weight, or all (0), when clients choose among
    the addresses and a member gets as much as it has of them.
    """
    whole = {name: each for name, each in shifts.items() if each.share >= WHOLE}
    stood, _ = _moved(tiers, whole, pick)
    after, pool = _moved(stood, {name: each for name, each in shifts.items() if each.share < WHOLE}, pick)
    return stood, () if after is stood else pool


def effects(shifts: Shifts, tiers: Sequence[Tiers]) -> Iterator[str]:
    """What became of each shift under the tiers of all rules, one stable sentence each."""
    for _, each in sorted(shifts.items()):
        if any(_moves(each, of) for of in tiers):
            yield described(each)
        elif any(member.cluster == each.cluster for of in tiers for member in of[0]):
            yield f"{described(each)}: no effect, {each.to or 'no other cluster'} serves nothing of it"
        elif tiers:
            yield f"{described(each)}: no effect, nothing of {each.cluster} is given out"


def described(shift: OperatorControl) -> str:
    """A shift in a few words.

    >>> described(OperatorControl(kind="shift", cluster="eu", to="us", share=10, who="ann", why="warming up"))
    '10 % of eu shifted to us by ann: warming up'
    """
    where = f" to {shift.to}" if shift.to else " to others"
    return f"{shift.share} % of {shift.cluster} shifted{where} {cause(shift)}".rstrip()


def _moves(shift: OperatorControl, tiers: Tiers) -> bool:
    return any(member.cluster == shift.cluster for member in tiers[0]) and bool(_takers(shift, tiers))


def _takers(shift: OperatorControl, tiers: Tiers) -> Pool:
    """Who takes what is shifted: the destination wherever it stands; else those beside, or those next in line."""
    if shift.to:
        return tuple(member for tier in tiers for member in tier if member.cluster == shift.to)
    for tier in tiers[:2]:
        if others := tuple(member for member in tier if member.cluster != shift.cluster):
            return others
    return ()


def _moved(tiers: Tiers, shifts: Shifts, pick: int) -> tuple[Tiers, Pool]:
    """Tiers and the first of them with its new weights; the very same tiers where nothing moves.

    All flows are shares of what each would get without any shift, so that their order does not matter.
    """
    acting = [each for each in shifts.values() if _moves(each, tiers)]
    if not acting:
        return tiers, tiers[0]
    weights: dict[Member, Fraction] = defaultdict(Fraction)
    for member in tiers[0]:
        weights[member] += _worth(member, pick)
    flows = [(giver, each) for each in acting for giver in tiers[0] if giver.cluster == each.cluster]
    for giver, each in flows:
        flow = Fraction(_worth(giver, pick) * each.share, WHOLE)
        takers = _takers(each, tiers)
        everything = sum(_worth(member, pick) for member in takers)
        weights[giver] -= flow
        for taker in takers:
            weights[taker] += flow * _worth(taker, pick) / everything
    given, left = (tuple(sorted(of, key=_order)) for of in _parted(weights))
    behind = (tuple(member for member in tier if member not in weights) for tier in tiers[1:])
    pool = _whole(given, weights)
    return tuple(tier for tier in (pool if pick else given, left, *behind) if tier), pool


def _worth(member: Member, pick: int) -> int:
    return member.weight if pick else len(member.addresses)


def _parted(weights: Mapping[Member, Fraction]) -> tuple[list[Member], list[Member]]:
    return [each for each in weights if weights[each]], [each for each in weights if not weights[each]]


def _order(member: Member) -> tuple[object, ...]:
    return member.cluster, member.addresses, member.hostnames, member.weight


def _whole(pool: Pool, weights: Mapping[Member, Fraction]) -> Pool:
    """The members with whole weights in the same proportions."""
    scale = lcm(*(weights[member].denominator for member in pool))
    whole = {member: int(weights[member] * scale) for member in pool}
    divisor = gcd(*whole.values())
    return tuple(replace(member, weight=whole[member] // divisor) for member in pool)
