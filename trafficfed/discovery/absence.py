"""Law 1: what a complete list that lacks something may mean for the table."""

from collections.abc import Set

from trafficfed.model import ServiceKey, Value

FEW = 5
"""Endpoints that may always be gone at once."""

SHARE = 5
"""One in five (20 %) of a cluster's endpoints may be gone at once where that is more than ``FEW``."""


def too_many(gone: int, of: int) -> bool:
    """Whether so many are gone at once that their absence is no proof: more than max(5, 20 %) (law 1).

    >>> too_many(5, 5), too_many(6, 29), too_many(6, 30)
    (False, True, False)
    """
    return gone > FEW and SHARE * gone > of


class Absence(Value, frozen=True):
    """Endpoints of one cluster in the table that a list does not have: those that leave, those that are held."""

    leaving: frozenset[ServiceKey] = frozenset()
    held: frozenset[ServiceKey] = frozenset()


def judge_absence(in_table: Set[ServiceKey], listed: Set[ServiceKey], held: Set[ServiceKey]) -> Absence:
    """Split what is gone. Where too much is gone at once, or some of it is held already, all of it is held: a
    second look at the same emptied server is no confirmation.

    >>> a, b = ServiceKey("prod", "shop", "a"), ServiceKey("prod", "shop", "b")
    >>> sorted(map(str, judge_absence({a, b}, {a}, set()).leaving))
    ['prod/shop/b']
    >>> sorted(map(str, judge_absence({a, b}, {a}, {b}).held))
    ['prod/shop/b']
    """
    gone = frozenset(in_table - listed)
    if too_many(len(gone), len(in_table)) or not gone.isdisjoint(held):
        return Absence(held=gone)
    return Absence(leaving=gone)
