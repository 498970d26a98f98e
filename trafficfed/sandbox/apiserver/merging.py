"""The value side of server-side apply: laying an applied configuration over an object, and taking fields away."""

from collections.abc import Iterable
from typing import Any

from trafficfed.sandbox.apiserver.fields import Path, item_element, parts
from trafficfed.sandbox.apiserver.schema import Schema


def overlay(schema: Schema, live: Any, applied: Any) -> Any:
    """``live`` with everything that ``applied`` states; granular maps and lists are merged, all else is replaced."""
    if live is None or not schema.granular:
        return applied
    if schema.shape == "list":
        return _overlay_list(schema, live, applied)
    return live | {key: overlay(schema.child(key), live.get(key), one) for key, one in applied.items()}


def _overlay_list(schema: Schema, live: list[Any], applied: list[Any]) -> list[Any]:
    assert schema.items is not None
    stated = {element: item for element, _, item in parts(schema, applied)}
    merged = []
    for element, inner, item in parts(schema, live):
        merged.append(overlay(inner, item, stated.pop(element)) if element in stated else item)
    return merged + list(stated.values())


def without_fields(schema: Schema, value: Any, paths: Iterable[Path]) -> Any:
    """``value`` less the fields at the paths; an item of a list goes whole when its own path is named."""
    for path in sorted(paths, key=len):
        value = _without(schema, value, path)
    return value


def _without(schema: Schema, value: Any, path: Path) -> Any:
    if not value or not schema.granular:
        return value
    head, rest = path[0], path[1:]
    if schema.shape == "list":
        assert schema.items is not None
        return _without_item(schema, value, head, rest)
    key = head.partition(":")[2]
    if key not in value:
        return value
    if not rest:
        # A container's own path only says that somebody made it; it goes when nothing is left in it.
        kept = schema.child(key).granular and value[key]
        return value if kept else {name: one for name, one in value.items() if name != key}
    return value | {key: _without(schema.child(key), value[key], rest)}


def _without_item(schema: Schema, items: list[Any], element: str, rest: Path) -> list[Any]:
    assert schema.items is not None
    kept = []
    for item in items:
        if item_element(schema.merge, item) != element:
            kept.append(item)
        elif rest:
            kept.append(_without(schema.items, item, rest))
    return kept
