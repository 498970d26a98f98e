"""Who manages which fields: ``metadata.managedFields`` over updates and server-side applies.

The rules are those of structured-merge-diff's Updater (merge/update.go): an update takes what it changes; an apply
takes what it states, meets a conflict where another manager holds a field with another value, and gives up what it no
longer states, which vanishes when nobody else manages it.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import orjson

from trafficfed.model import Value
from trafficfed.sandbox.apiserver import failures, fields, merging
from trafficfed.sandbox.apiserver.fields import Fields, Path
from trafficfed.sandbox.apiserver.kinds import Json
from trafficfed.sandbox.apiserver.schema import Schema

KUBECTL = "kubectl"
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
SERVER_OWNED = tuple(
    ("f:metadata", f"f:{name}")
    for name in (
        "name",
        "namespace",
        "generateName",
        "uid",
        "resourceVersion",
        "generation",
        "creationTimestamp",
        "deletionTimestamp",
        "deletionGracePeriodSeconds",
        "selfLink",
        "managedFields",
    )
)
UNTRACKED: tuple[Path, ...] = (("f:apiVersion",), ("f:kind",), ("f:metadata",), *SERVER_OWNED)


class Manager(Value, frozen=True, kw_only=True):
    """One entry of managedFields: who, by which operation, since when (RFC 3339), and what."""

    name: str
    operation: str
    api_version: str
    subresource: str = ""
    time: str = ""
    held: Fields = fields.NONE

    def same(self, other: "Manager") -> bool:
        """Whether both are the same manager acting the same way."""
        return (self.name, self.operation, self.api_version, self.subresource) == (
            other.name,
            other.operation,
            other.api_version,
            other.subresource,
        )

    def holding(self, held: Fields, time: str = "") -> "Manager":
        """The same manager with other fields."""
        return Manager(
            name=self.name,
            operation=self.operation,
            api_version=self.api_version,
            subresource=self.subresource,
            time=time or self.time,
            held=held,
        )


def read(value: Json) -> tuple[Manager, ...]:
    """The managers of an object."""
    return tuple(
        Manager(
            name=entry.get("manager", ""),
            operation=entry.get("operation", ""),
            api_version=entry.get("apiVersion", ""),
            subresource=entry.get("subresource", ""),
            time=entry.get("time", ""),
            held=fields.decode(entry.get("fieldsV1", {})),
        )
        for entry in value.get("metadata", {}).get("managedFields") or ()
    )


def written(value: Json, managers: Iterable[Manager]) -> Json:
    """The object with these managers, those that hold nothing left out."""
    entries = [_encode(manager) for manager in sorted(managers, key=_order) if manager.held]
    metadata = {key: one for key, one in value["metadata"].items() if key != "managedFields"}
    return value | {"metadata": metadata | ({"managedFields": entries} if entries else {})}


def after_update(
    schema: Schema, old: Json | None, new: Json, who: Manager, untracked: Sequence[Path] = ()
) -> tuple[Manager, ...]:
    """The managers once ``who`` has turned ``old`` into ``new``."""
    changed, removed = (_tracked(part, untracked) for part in fields.difference(schema, old, new))
    before = read(old) if old is not None else ()
    others = tuple(m.holding(m.held - changed - removed) for m in before if not m.same(who))
    mine = next((m for m in before if m.same(who)), who.holding(fields.NONE))
    held = (mine.held | changed) - removed
    return (*others, mine if held == mine.held else who.holding(held))


def after_apply(
    schema: Schema, live: Json | None, applied: Json, who: Manager, force: bool, untracked: Sequence[Path] = ()
) -> tuple[Json, tuple[Manager, ...]]:
    """(the merged object, its managers) once ``who`` has applied a configuration.

    Raises ApiFailure 409 naming each field that others manage with another value, unless ``force``.
    """
    stated = _tracked(fields.fields_of(schema, applied), untracked)
    before = read(live) if live is not None else ()
    others = tuple(m for m in before if not m.same(who))
    mine = next((m for m in before if m.same(who)), who.holding(fields.NONE))
    merged = merging.overlay(schema, live, applied)
    changed, _ = fields.difference(schema, live, merged)
    clashes = tuple((m, sorted(m.held & changed & stated)) for m in others)
    if not force:
        allowed = _untouched_since_client_side_apply(schema, live or {}) if who.name == KUBECTL else fields.NONE
        _raise_conflicts((m, [path for path in paths if path not in allowed]) for m, paths in clashes)
    others = tuple(m.holding(m.held - frozenset(paths)) for m, paths in clashes)
    kept_by_others = frozenset[Path]().union(*(m.held for m in others))
    abandoned = mine.held - stated - kept_by_others
    merged = merging.without_fields(schema, merged, abandoned)
    return merged, (*others, mine if stated == mine.held else who.holding(stated))


def _untouched_since_client_side_apply(schema: Schema, live: Json) -> Fields:
    """What ``kubectl apply`` set without --server-side and nobody changed since: kubectl may take it over unforced."""
    text = (live.get("metadata", {}).get("annotations") or {}).get(LAST_APPLIED)
    if not text:
        return fields.NONE
    last = orjson.loads(text)
    changed, removed = fields.difference(schema, last, live)
    return fields.fields_of(schema, last) - changed - removed


def _raise_conflicts(clashes: Iterable[tuple[Manager, Sequence[Path]]]) -> None:
    found = [(_title(manager), fields.dotted(path)) for manager, paths in clashes for path in paths]
    if found:
        raise failures.apply_conflict(found)


def _title(manager: Manager) -> str:
    """A manager as conflicts name it."""
    part = f' with subresource "{manager.subresource}"' if manager.subresource else ""
    how = f" using {manager.api_version}" if manager.operation == "Update" else ""
    return f'"{manager.name}"{part}{how}'


def _tracked(found: Fields, untracked: Sequence[Path]) -> Fields:
    return fields.without(found - frozenset(UNTRACKED), (*SERVER_OWNED, *untracked))


def _encode(manager: Manager) -> dict[str, Any]:
    entry: dict[str, Any] = {"manager": manager.name, "operation": manager.operation}
    entry |= {"apiVersion": manager.api_version, "time": manager.time}
    entry |= {"fieldsType": "FieldsV1", "fieldsV1": fields.encode(manager.held)}
    return entry | ({"subresource": manager.subresource} if manager.subresource else {})


def _order(manager: Manager) -> tuple[str, str, str]:
    return manager.operation, manager.time, manager.name
