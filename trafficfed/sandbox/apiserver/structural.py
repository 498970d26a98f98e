"""Structural schemas, as CustomResourceDefinitions carry them: what is dropped, what is added, what is refused.

The words of the refusals are those of API servers (kube-openapi, validation/errors). What is not looked at:
``x-kubernetes-validations`` (the expressions are kept and shown, and every object passes them), ``format``, and the
combinations ``allOf``, ``anyOf``, ``oneOf`` and ``not``.
"""

import copy
import re
from collections.abc import Callable, Iterator
from typing import Any

import orjson

from trafficfed.sandbox.apiserver.failures import Cause
from trafficfed.sandbox.apiserver.kinds import Json
from trafficfed.sandbox.apiserver.services import unsupported

TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict,
    "array": list,
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
}
NAMES = {dict: "object", list: "array", str: "string", bool: "boolean", int: "integer", float: "number"}
PRESERVE = "x-kubernetes-preserve-unknown-fields"
INT_OR_STRING = "x-kubernetes-int-or-string"


def prune(schema: Json, value: Any, unknown: Callable[[str], None], path: str = "") -> Any:
    """The value less the fields that the schema does not have; ``unknown`` is told of each. Null says nothing.

    >>> dropped = []
    >>> prune({"type": "object", "properties": {"a": {"type": "string"}}}, {"a": "x", "b": 1}, dropped.append), dropped
    ({'a': 'x'}, ['b'])
    """
    if isinstance(value, list):
        items = schema.get("items", {})
        return [prune(items, item, unknown, f"{path}[{index}]") for index, item in enumerate(value)]
    if not isinstance(value, dict):
        return value
    kept = {}
    for key, one in value.items():
        inner, field = _join(path, key), _field(schema, key)
        if field is None and not schema.get(PRESERVE):
            unknown(inner)
        elif one is not None or (field or {}).get("nullable"):
            kept[key] = one if field is None else prune(field, one, unknown, inner)
    return kept


def add_defaults(schema: Json, value: Any) -> None:
    """Put in what is left out and has a default, in place."""
    if isinstance(value, list):
        for item in value:
            add_defaults(schema.get("items", {}), item)
    elif isinstance(value, dict):
        for key, field in schema.get("properties", {}).items():
            if "default" in field and key not in value:
                value[key] = copy.deepcopy(field["default"])
        for key, one in value.items():
            add_defaults(_field(schema, key) or {}, one)


def type_mistakes(schema: Json, value: Any, path: str = "") -> Iterator[Cause]:
    """Values of another type than their field has."""
    wanted = schema.get("type")
    if value is None and schema.get("nullable"):
        return
    if schema.get(INT_OR_STRING):
        wanted, fits = "integer,string", isinstance(value, (int, str)) and not isinstance(value, bool)
    else:
        fits = wanted is None or _is_a(value, wanted)
    if not fits:
        found = NAMES.get(type(value), "null")
        why = f'{path} in body must be of type {wanted}: "{found}"'
        yield Cause("FieldValueTypeInvalid", f'Invalid value: "{found}": {why}', path)
        return
    for inner, field, one in _parts(schema, value, path):
        yield from type_mistakes(field, one, inner)


def mistakes(schema: Json, value: Any, path: str = "") -> Iterator[Cause]:
    """All that is wrong with a value whose types are right."""
    if "enum" in schema and value not in schema["enum"]:
        yield unsupported(path, value, tuple(map(str, schema["enum"])))
    if isinstance(value, dict):
        for key in schema.get("required", ()):
            if key not in value:
                yield Cause("FieldValueRequired", "Required value", _join(path, key))
        yield from _size_mistakes(schema, len(value), "Properties", path)
    elif isinstance(value, list):
        yield from _size_mistakes(schema, len(value), "Items", path)
        yield from _duplicates(schema, value, path)
    elif isinstance(value, str):
        yield from _text_mistakes(schema, value, path)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        yield from _number_mistakes(schema, value, path)
    for inner, field, one in _parts(schema, value, path):
        yield from mistakes(field, one, inner)


def _parts(schema: Json, value: Any, path: str) -> Iterator[tuple[str, Json, Any]]:
    """(path, schema, value) of everything directly inside that the schema says something of."""
    if isinstance(value, list) and "items" in schema:
        yield from ((f"{path}[{index}]", schema["items"], item) for index, item in enumerate(value))
    elif isinstance(value, dict):
        for key, one in value.items():
            if field := _field(schema, key):
                yield _join(path, key), field, one


def _size_mistakes(schema: Json, size: int, unit: str, path: str) -> Iterator[Cause]:
    low, high = schema.get(f"min{unit}"), schema.get(f"max{unit}")
    if low is not None and size < low:
        yield _invalid(path, size, f"should have at least {low} {unit.lower()}")
    if high is not None and size > high:
        yield Cause("FieldValueTooMany", f"Too many: {size}: must have at most {high} items", path)


def _duplicates(schema: Json, items: list[Any], path: str) -> Iterator[Cause]:
    keys = schema.get("x-kubernetes-list-map-keys", ())
    if schema.get("x-kubernetes-list-type") not in ("set", "map"):
        return
    seen = set()
    for index, item in enumerate(items):
        shown = orjson.dumps({key: item[key] for key in keys if key in item} if keys else item).decode()
        if shown in seen:
            yield Cause("FieldValueDuplicate", f"Duplicate value: {shown}", f"{path}[{index}]")
        seen.add(shown)


def _text_mistakes(schema: Json, text: str, path: str) -> Iterator[Cause]:
    if len(text) < schema.get("minLength", 0):
        yield _invalid(path, text, f"should be at least {schema['minLength']} chars long")
    if len(text) > schema.get("maxLength", len(text)):
        yield Cause("FieldValueTooLong", f"Too long: may not be more than {schema['maxLength']} bytes", path)
    if "pattern" in schema and not re.search(schema["pattern"], text):
        yield _invalid(path, text, f"should match '{schema['pattern']}'")


def _number_mistakes(schema: Json, number: float, path: str) -> Iterator[Cause]:
    if number < schema.get("minimum", number):
        yield _invalid(path, number, f"should be greater than or equal to {schema['minimum']}")
    if number > schema.get("maximum", number):
        yield _invalid(path, number, f"should be less than or equal to {schema['maximum']}")


def _invalid(path: str, value: object, why: str) -> Cause:
    return Cause("FieldValueInvalid", f"Invalid value: {orjson.dumps(value).decode()}: {path} in body {why}", path)


def _is_a(value: Any, wanted: str) -> bool:
    return isinstance(value, TYPES.get(wanted, ())) and (wanted == "boolean" or not isinstance(value, bool))


def _field(schema: Json, key: str) -> Json | None:
    """The schema of one field; None where it has no such field."""
    found = schema.get("properties", {}).get(key, schema.get("additionalProperties"))
    return {PRESERVE: True} if found is True else found or None


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key
