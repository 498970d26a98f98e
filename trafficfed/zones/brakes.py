"""Brakes: too much leaving a zone at once without a verdict or a watched deletion waits for an operator.

A service's brake holds where half of its published values or more, and at least two, would leave so; a zone's brake
where three tenths of the names that are ours or more, and at least ten, would lose values so. What a brake holds
has an id that stays the same as long as the same values would leave, and confirming it lifts exactly that.
"""

import hashlib
from collections.abc import Collection, Mapping

from trafficfed.model import Value

SERVICE_SHARE = 0.5
SERVICE_TARGETS = 2
ZONE_SHARE = 0.3
ZONE_NAMES = 10

NameValue = tuple[str, str]
"""A value at a name, as confirmed by an operator."""


class Leaving(Value, frozen=True, kw_only=True):
    """Values that would leave a name without a cause."""

    name: str
    service: str
    values: tuple[str, ...]


class Held(Value, frozen=True, kw_only=True):
    """A change that waits for ``confirm CONFIRM_ID``; ``leaving`` is exactly what the confirmation lets go."""

    confirm_id: str
    message: str
    leaving: tuple[Leaving, ...]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(leaving.name for leaving in self.leaving)

    @property
    def pairs(self) -> frozenset[NameValue]:
        return frozenset((leaving.name, value) for leaving in self.leaving for value in leaving.values)


class Braked(Value, frozen=True, kw_only=True):
    """The brakes' word on all that would leave: the names that may go on, and what is held."""

    allowed: tuple[str, ...] = ()
    held: tuple[Held, ...] = ()


def brake(
    leaving: Collection[Leaving],
    published: Mapping[str, int],
    *,
    zone: str,
    owned_names: int,
    recent_names: int = 0,
    confirmed: Collection[NameValue] = (),
) -> Braked:
    """Judge all that would leave a zone together.

    ``published`` counts the values of each service, ``owned_names`` the names that are ours, ``recent_names`` those
    that lost values without a cause a short while ago: a large removal that comes in small pieces is a large removal.
    """
    open_ones = [
        item for item in sorted(leaving, key=_by_name) if any((item.name, v) not in confirmed for v in item.values)
    ]
    groups: dict[str, list[Leaving]] = {}
    for item in open_ones:
        groups.setdefault(item.service, []).append(item)
    held = [
        _held_service(service, items, published.get(service, 0))
        for service, items in sorted(groups.items())
        if _too_much(_count(items), published.get(service, 0), SERVICE_SHARE, SERVICE_TARGETS)
    ]
    stopped = {name for hold in held for name in hold.names}
    rest = [item for item in open_ones if item.name not in stopped]
    total = len(open_ones) + recent_names
    if rest and _too_much(total, owned_names + recent_names, ZONE_SHARE, ZONE_NAMES):
        held.append(_held_zone(zone, rest, total, owned_names + recent_names))
    stopped = {name for hold in held for name in hold.names}
    return Braked(
        allowed=tuple(item.name for item in sorted(leaving, key=_by_name) if item.name not in stopped),
        held=tuple(held),
    )


def _too_much(count: int, of: int, share: float, least: int) -> bool:
    return count >= least and count >= share * of


def _held_service(service: str, items: list[Leaving], published: int) -> Held:
    message = (
        f"{_count(items)} of {published} published values of {service} would leave without a verdict or a deletion "
        f"that was seen ({_some([f'{item.name}: {value}' for item in items for value in item.values])})"
    )
    return Held(confirm_id=_confirm_id(items), message=message, leaving=tuple(items))


def _held_zone(zone: str, items: list[Leaving], total: int, owned: int) -> Held:
    message = (
        f"{total} of {owned} names of zone {zone} would lose values without a verdict or a deletion that was seen "
        f"({_some([item.name for item in items])})"
    )
    return Held(confirm_id=_confirm_id(items), message=message, leaving=tuple(items))


def _count(items: list[Leaving]) -> int:
    return sum(len(item.values) for item in items)


def _some(words: list[str]) -> str:
    return ", ".join(words[:4]) + (f" and {len(words) - 4} more" if len(words) > 4 else "")


def _confirm_id(items: list[Leaving]) -> str:
    """32 bits are enough to tell apart what waits at one time, and short enough to type."""
    text = "\n".join(f"{item.name} {' '.join(item.values)}" for item in items)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _by_name(item: Leaving) -> str:
    return item.name
