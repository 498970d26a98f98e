"""Change batches: which names go into one request, in what order, and who spoilt one that was refused.

Nothing is ever upserted: what was read is deleted exactly and what shall stand is created, also where the two are the
same, so that every batch is carried out only where all is as it was read (a DELETE that does not match and a CREATE
of what exists fail the whole batch: ChangeResourceRecordSets, API 2013-04-01).
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from trafficfed.model import NameChange, RecordSet
from trafficfed.zones.ownership import name_of_marker, name_of_pool, set_id
from trafficfed_providers.route53_records import name_from_api, to_api

ELEMENTS_MAX = 1000
CHARACTERS_MAX = 32_000
"""Limits of one request: values (an alias counts as one) and their characters (Developer Guide, quotas, 2026)."""

Key = tuple[str, str, str]
NO_ROOM = (0, 0)

_NAMES = re.compile(r"(?:name='|DNS name |Name=|targets )([^\s',\]]+)")


def in_batches(changes: Sequence[NameChange], taken: tuple[int, int] = NO_ROOM) -> list[tuple[int, ...]]:
    """The positions of changes by request, as few requests as keep within the limits; a name is never divided.

    ``taken`` are the elements and characters of what each request carries besides.
    """
    batches: list[tuple[int, ...]] = []
    batch: list[int] = []
    elements, characters = taken
    for at, change in enumerate(changes):
        more = size(change)
        if batch and (elements + more[0] > ELEMENTS_MAX or characters + more[1] > CHARACTERS_MAX):
            batches.append(tuple(batch))
            batch, (elements, characters) = [], taken
        batch.append(at)
        elements, characters = elements + more[0], characters + more[1]
    return [*batches, tuple(batch)] if batch else batches


def size(change: NameChange) -> tuple[int, int]:
    """Elements and characters that a change takes of a request."""
    sets = (*change.before, *change.after)
    values = [value for found in sets if not found.alias for value in found.values]
    return len(values) + sum(found.alias for found in sets), sum(map(len, values))


def to_changes(change: NameChange, zone_id: str) -> list[dict[str, Any]]:
    """Deletions first, so that a CNAME can take the place of addresses; an alias after what it leads to.

    Raises ValueError where a set cannot be said in Route 53's terms.
    """
    targets_first = sorted(change.after, key=lambda found: _depth(change.name, found))
    aliases_first = sorted(change.before, key=lambda found: -_depth(change.name, found))
    return [
        {"Action": action, "ResourceRecordSet": to_api(record_set, zone_id)}
        for action, record_sets in (("DELETE", aliases_first), ("CREATE", targets_first))
        for record_set in record_sets
    ]


def _depth(name: str, record_set: RecordSet) -> int:
    """0 for what is answered, more for the aliases above it: those below a name lead to its leaves only."""
    return 0 if not record_set.alias else 2 if record_set.name == name else 1


def kept(record_set: RecordSet) -> NameChange:
    """A change that leaves a set as it is, and so is a condition of everything that stands in one batch with it."""
    return NameChange(name=record_set.name, before=(record_set,), after=(record_set,))


def refusal(change: NameChange, zone: str, taken: tuple[int, int] = NO_ROOM) -> str:
    """Why a change need not be tried at all, empty where it may be; ``taken`` as for ``in_batches``."""
    names = {found.name for found in (*change.before, *change.after)}
    if any(name != zone and not name.endswith(f".{zone}") for name in names):
        return f"a name of it is outside zone {zone}"
    elements, characters = size(change)
    if elements + taken[0] > ELEMENTS_MAX or characters + taken[1] > CHARACTERS_MAX:
        return (
            f"it takes {elements} values of {characters} characters, and a change batch holds {ELEMENTS_MAX} of "
            f"{CHARACTERS_MAX}: publish fewer endpoints under one name"
        )
    return ""


def is_named(name: str, message: str) -> bool:
    """Whether a refusal speaks of a name."""
    return name in {name_from_api(found) for found in _NAMES.findall(message)}


def parts_of(batch: tuple[int, ...], changes: Sequence[NameChange], message: str) -> list[tuple[int, ...]]:
    """What to try instead of a refused batch: whoever the message names alone, the others together.

    Where the message names nobody or everybody, halves: its wording is no part of the API.
    """
    names = {_owner(name_from_api(found)) for found in _NAMES.findall(message)}
    named = [at for at in batch if changes[at].name in names]
    others = tuple(at for at in batch if changes[at].name not in names)
    if not named or not others:
        half = len(batch) // 2
        return [batch[:half], batch[half:]]
    return [others, *((at,) for at in named)]


def _owner(name: str) -> str:
    return name_of_marker(name) or name_of_pool(name) or name


def conflict(change: NameChange, present: Iterable[RecordSet]) -> str:
    """Why what stands at a change's names does not let it be carried out, empty where it does."""
    at = {_key(found): found for found in present}
    before = {_key(found): found for found in change.before}
    for key, found in before.items():
        if at.get(key) != found:
            return f"{found.name} {found.type}{f' {key[2]}' if key[2] else ''} is no longer what was last read"
    others = [found for key, found in at.items() if key not in before]
    for new in change.after:
        beside = sorted({found.type for found in others if found.name == new.name})
        if new.type in beside:
            return f"{new.name} has {new.type} already"
        if "CNAME" in beside or (new.type == "CNAME" and beside):
            return f"{new.name} has {', '.join(beside)}, and a CNAME stands alone"
    return ""


def _key(record_set: RecordSet) -> Key:
    return record_set.name, record_set.type, set_id(record_set)
