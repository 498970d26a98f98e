"""Replica division: whole numbers whose sum is always exactly the total, and that move no more than they must.

Largest remainder (Hamilton's method): a share is its exact quota rounded down or up. Where rounding leaves a choice,
what a cluster has decides: so a change elsewhere, a member that is out of reach included, moves nothing here.
"""

from collections.abc import Iterable, Mapping

Shares = dict[str, int]


def by_weights(
    total: int, weights: Mapping[str, int], before: Mapping[str, int] | None = None, unreachable: Iterable[str] = ()
) -> Shares:
    """Shares for all that ``weights`` names. What unreachable members have had stays theirs: they may run it.

    >>> by_weights(10, {"ap": 1, "eu": 1, "us": 1})
    {'ap': 4, 'eu': 3, 'us': 3}
    >>> by_weights(10, {"ap": 1, "eu": 1, "us": 1}, before={"ap": 3, "eu": 3, "us": 4}, unreachable=["us"])
    {'ap': 3, 'eu': 3, 'us': 4}
    """
    weights, had = _usable(weights), before or {}
    kept = _kept(total, weights, had, unreachable)
    rest = total - sum(kept.values())
    movable = {name: weight for name, weight in weights.items() if name not in kept}
    # quotas over all of them first: as long as who is away has its due, the others keep theirs
    windows = _windows(total, weights)
    if not _feasible(rest, movable, windows):
        windows = _windows(rest, movable)
    return dict(sorted({**kept, **_within(rest, movable, windows, had)}.items()))


def by_room(
    total: int, room: Mapping[str, int], before: Mapping[str, int] | None = None, unreachable: Iterable[str] = ()
) -> Shares:
    """Shares by free room (replicas that still fit) for all that ``room`` names: only what is new goes by it.

    What runs stays where it runs; fewer replicas leave each cluster in proportion to what it has.

    >>> by_room(6, {"eu": 30, "us": 10})
    {'eu': 5, 'us': 1}
    >>> by_room(8, {"eu": 0, "us": 40}, before={"eu": 5, "us": 1})
    {'eu': 5, 'us': 3}
    """
    had = {name: (before or {}).get(name, 0) for name in room}
    new = total - sum(had.values())
    if new < 0:
        return by_weights(total, had, had, unreachable)
    away = set(unreachable)
    near = {name: each for name, each in room.items() if name not in away}
    grown = by_weights(new, _first_usable(near, {n: had[n] for n in near}, had) if near else had)
    return {name: had[name] + grown.get(name, 0) for name in sorted(room)}


def _first_usable(*choices: Mapping[str, int]) -> Mapping[str, int]:
    """Without room anywhere new replicas go where others are, and without any of those, everywhere alike."""
    return next((choice for choice in choices if any(choice.values())), choices[0])


def _usable(weights: Mapping[str, int]) -> Shares:
    """Weights that say nothing at all say: alike."""
    return dict(weights) if any(weights.values()) else dict.fromkeys(weights, 1)


def _kept(total: int, weights: Mapping[str, int], had: Mapping[str, int], unreachable: Iterable[str]) -> Shares:
    """What members out of reach keep. None does where nobody else could take the difference."""
    kept = {name: had[name] for name in unreachable if name in weights and name in had}
    others = any(weight for name, weight in weights.items() if name not in kept)
    held = sum(kept.values())
    if held > total:
        return by_weights(total, kept, kept)
    return kept if others or held == total else {}


def _windows(total: int, weights: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Quota rounded down, and the remainder in parts of the weights' sum."""
    whole = sum(weights.values())
    return {name: divmod(total * weight, whole) for name, weight in weights.items()} if whole else {}


def _feasible(rest: int, movable: Mapping[str, int], windows: Mapping[str, tuple[int, int]]) -> bool:
    least = sum(windows[name][0] for name in movable)
    return least <= rest <= least + sum(bool(windows[name][1]) for name in movable)


def _within(
    rest: int, movable: Mapping[str, int], windows: Mapping[str, tuple[int, int]], had: Mapping[str, int]
) -> Shares:
    """Each between its quota rounded down and up; who has the upper number keeps it first, then larger remainders."""
    if not windows:
        return dict.fromkeys(movable, 0)
    shares = {name: windows[name][0] for name in movable}
    upward = [name for name in movable if windows[name][1]]
    upward.sort(key=lambda name: (had.get(name, 0) <= shares[name], -windows[name][1], name))
    for name in upward[: rest - sum(shares.values())]:
        shares[name] += 1
    return shares
