"""The three older kinds of patch: JSON Patch (RFC 6902), JSON Merge Patch (RFC 7386), strategic merge patch.

All are pure: they return a new value and raise ApiFailure where the patch does not fit.
"""

from collections.abc import Callable
from typing import Any

from trafficfed.sandbox.apiserver import failures
from trafficfed.sandbox.apiserver.kinds import Json
from trafficfed.sandbox.apiserver.schema import ANY, Schema

DIRECTIVE = "$patch"
ORDER = "$setElementOrder/"
DELETE_VALUES = "$deleteFromPrimitiveList/"
RETAIN = "$retainKeys"


def merge_patch(value: Any, patch: Any) -> Any:
    """RFC 7386.

    >>> merge_patch({"a": 1, "b": {"c": 2}}, {"a": None, "b": {"d": 3}})
    {'b': {'c': 2, 'd': 3}}
    """
    if not isinstance(patch, dict):
        return patch
    base = value if isinstance(value, dict) else {}
    merged = {key: merge_patch(base.get(key), one) for key, one in patch.items() if one is not None}
    return {key: one for key, one in base.items() if key not in patch} | merged


def json_patch(value: Any, operations: Any) -> Any:
    """RFC 6902. Raises ApiFailure 422 where a test fails or a path does not exist, 400 where it is no JSON Patch.

    >>> json_patch({"a": ["x"]}, [{"op": "add", "path": "/a/-", "value": "y"}])
    {'a': ['x', 'y']}
    """
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        raise failures.bad_request("json: a JSON patch is a list of operations")
    for operation in operations:
        value = _operate(value, operation)
    return value


def _operate(value: Any, operation: Json) -> Any:
    name, path = operation.get("op"), _pointer(operation.get("path"))
    if name == "add":
        return _edit(value, path, lambda holder, key: _insert(holder, key, operation.get("value")))
    if name == "replace":
        _look_up(value, path)
        return _edit(value, path, lambda holder, key: _assign(holder, key, operation.get("value")))
    if name == "remove":
        _look_up(value, path)
        return _edit(value, path, _remove)
    if name == "test":
        if _look_up(value, path) != operation.get("value"):
            raise failures.unprocessable()
        return value
    if name in ("copy", "move"):
        source = _pointer(operation.get("from"))
        found = _look_up(value, source)
        base = _edit(value, source, _remove) if name == "move" else value
        return _edit(base, path, lambda holder, key: _insert(holder, key, found))
    raise failures.bad_request(f"json: unknown JSON patch operation {name!r}")


def _pointer(text: Any) -> list[str]:
    if not isinstance(text, str) or (text and not text.startswith("/")):
        raise failures.bad_request(f"json: {text!r} is no JSON pointer")
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _look_up(value: Any, path: list[str]) -> Any:
    for key in path:
        try:
            value = value[_index(value, key)] if isinstance(value, list) else value[key]
        except (KeyError, IndexError, TypeError) as error:
            raise failures.unprocessable() from error
    return value


def _edit(value: Any, path: list[str], change: Callable[[Any, str], Any]) -> Any:
    """A copy of the value in which ``change`` was done to the container that the path's last part stands in."""
    if not path:
        return change({"": value}, "").get("")
    if len(path) == 1:
        if not isinstance(value, (dict, list)):
            raise failures.unprocessable()
        return change(value, path[0])
    inner = _edit(_look_up(value, path[:1]), path[1:], change)
    return _assign(value, path[0], inner)


def _index(items: list[Any], key: str) -> int:
    if not key.isdecimal() or int(key) >= len(items):
        raise failures.unprocessable()
    return int(key)


def _insert(holder: Any, key: str, value: Any) -> Any:
    if isinstance(holder, dict):
        return holder | {key: value}
    at = len(holder) if key in ("-", str(len(holder))) else _index(holder, key)
    return [*holder[:at], value, *holder[at:]]


def _assign(holder: Any, key: str, value: Any) -> Any:
    if isinstance(holder, dict):
        return holder | {key: value}
    at = _index(holder, key)
    return [*holder[:at], value, *holder[at + 1 :]]


def _remove(holder: Any, key: str) -> Any:
    if isinstance(holder, dict):
        return {name: one for name, one in holder.items() if name != key}
    at = _index(holder, key)
    return [*holder[:at], *holder[at + 1 :]]


def strategic_merge(schema: Schema, value: Any, patch: Any) -> Any:
    """The patch ``kubectl apply`` sends for built-in kinds: as RFC 7386, but lists with a merge key merge by it.

    Knows ``$patch`` (replace, delete, merge), ``$retainKeys``, ``$setElementOrder/`` and ``$deleteFromPrimitiveList/``.
    """
    if not isinstance(patch, dict):
        return patch
    base = dict(value) if isinstance(value, dict) else {}
    directive = patch.get(DIRECTIVE)
    if directive == "delete":
        return None
    if directive == "replace":
        return {key: one for key, one in patch.items() if key != DIRECTIVE}
    if RETAIN in patch:
        base = {key: one for key, one in base.items() if key in patch[RETAIN]}
    for key, one in patch.items():
        if key.startswith(DELETE_VALUES):
            name = key.removeprefix(DELETE_VALUES)
            base[name] = [item for item in base.get(name) or [] if item not in one]
    for key, one in patch.items():
        if not key.startswith("$"):
            base[key] = _merge_field(schema.child(key), base.get(key), one, patch.get(ORDER + key))
    return {key: one for key, one in base.items() if one is not None}


def _merge_field(schema: Schema, value: Any, patch: Any, order: list[Any] | None) -> Any:
    if not isinstance(patch, list):
        return strategic_merge(schema, value, patch)
    if schema.merge.patch_key:
        return _merge_items(schema, value or [], patch, order)
    if schema.merge.values:
        return [*(value or []), *(one for one in patch if one not in (value or []))]
    return patch


def _merge_items(schema: Schema, items: list[Any], patch: list[Any], order: list[Any] | None) -> list[Any]:
    key = schema.merge.patch_key
    if any(one.get(DIRECTIVE) == "replace" for one in patch):
        return [one for one in patch if DIRECTIVE not in one]
    merged = {item.get(key): item for item in items}
    for one in patch:
        if key not in one:
            raise failures.unprocessable()
        after = strategic_merge(schema.items or ANY, merged.get(one[key]), one)
        if after is None:
            merged.pop(one[key], None)
        else:
            merged[one[key]] = after
    if order is not None:
        ranks = {one.get(key): rank for rank, one in enumerate(order)}
        return sorted(merged.values(), key=lambda item: ranks.get(item.get(key), len(ranks)))
    # Without a stated order, items that are new come first, as the API server puts them.
    fresh = [name for name in merged if name not in {item.get(key) for item in items}]
    return [merged[name] for name in (*fresh, *(name for name in merged if name not in fresh))]
