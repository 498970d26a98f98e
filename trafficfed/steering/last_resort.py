"""What clients get when no endpoint serves: ``when_all_down`` decides, the same for every client.

No order can be told among what is dead, so there are no tiers: one rule for anyone.
"""

import ipaddress
from collections.abc import Sequence

from trafficfed.model import Form, Member, Row, Rule, Verdict, WhenAllDown, Where
from trafficfed.steering.standing import Candidate, Standing
from trafficfed.steering.tiers import member


def when_none_serves(row: Row, found: Sequence[Candidate]) -> tuple[Rule, ...]:
    """The one rule for anyone, or no rule where nothing is to be given out.

    ``last-good`` falls back to ``all`` where no target given out before is still an endpoint's, and so does
    ``fallback`` where no target of it fits the published form.
    """
    if row.service.when_all_down is WhenAllDown.EMPTY:
        return ()
    if row.service.when_all_down is WhenAllDown.LAST_GOOD:
        if pool := _least_bad(found, row.service.form, frozenset(row.last_good)):
            return (Rule(where=Where(), pool=pool, reason="none serves: what was last good"),)
    elif row.service.when_all_down is WhenAllDown.FALLBACK and (pool := _fallback(row)):
        return (Rule(where=Where(), pool=pool, reason="none serves: the fallback"),)
    pool = _least_bad(found, row.service.form, None)
    return (Rule(where=Where(), pool=pool, reason="none serves: all"),) if pool else ()


def _least_bad(found: Sequence[Candidate], form: Form, among: frozenset[str] | None) -> tuple[Member, ...]:
    """All targets of the best kind there is: that passed once and are not drained or of weight 0, then drained ones,
    then those that never passed, and last quarantined ones, whose addresses may be strangers' by now."""
    ranked = [
        (_rank(candidate, verdict), index, target)
        for index, candidate in enumerate(found)
        for target, verdict in candidate.judged
        if among is None or target in among
    ]
    best = min((rank for rank, _, _ in ranked), default=None)
    given: dict[int, list[str]] = {}
    for rank, index, target in ranked:
        if rank == best:
            given.setdefault(index, []).append(target)
    return tuple(member(found[index], tuple(targets), form) for index, targets in given.items())


def _rank(candidate: Candidate, verdict: Verdict) -> tuple[bool, bool, bool]:
    return verdict.quarantined, not verdict.passed, candidate.standing is not Standing.ACTIVE


def _fallback(row: Row) -> tuple[Member, ...]:
    addresses = tuple(sorted({each for each in row.service.fallback if _is_address(each)}))
    hostnames = tuple(sorted(set(row.service.fallback) - set(addresses)))
    if row.service.form is Form.HOSTNAME:
        return (Member(cluster="", weight=1, hostnames=hostnames),) if hostnames else ()
    return (Member(cluster="", weight=1, addresses=addresses),) if addresses else ()


def _is_address(target: str) -> bool:
    try:
        ipaddress.ip_address(target)
    except ValueError:
        return False
    return True
