"""Reading what a client sent: types are checked, unknown fields named, and what says nothing is left out."""

from collections.abc import Callable
from typing import Any

from trafficfed.sandbox.apiserver.schema import Schema

GO_TYPES = {"string": "string", "integer": "int32", "number": "float64", "boolean": "bool"}
SCALAR_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "int-or-string": (int, str),
}


class Unreadable(ValueError):
    """A value has a type that its field cannot hold."""


def decode(schema: Schema, value: Any, unknown: Callable[[str], None], path: str = "") -> Any:
    """The value reduced to what the schema knows; None where it says nothing (null, empty map or list).

    Calls ``unknown`` with the path of each field that is dropped. Raises Unreadable.

    >>> from trafficfed.sandbox.apiserver.kinds import SERVICE
    >>> from trafficfed.sandbox.apiserver.schema import Schemas
    >>> dropped = []
    >>> decode(Schemas().of(SERVICE), {"spec": {"typ": "X", "ports": [{"port": 80, "a": 1}]}}, dropped.append)
    {'spec': {'ports': [{'port': 80}]}}
    >>> dropped
    ['spec.typ', 'spec.ports[0].a']
    """
    if value is None or schema.shape == "any":
        return value
    if schema.shape == "list":
        return _decode_list(schema, _expect(value, list, path, "[]"), unknown, path)
    if schema.shape == "map":
        values = schema.values
        assert values is not None
        pairs = _expect(value, dict, path, "map").items()
        return {key: decode(values, one, unknown, f"{path}.{key}") for key, one in pairs if one is not None} or None
    if schema.shape == "struct":
        return _decode_struct(schema, _expect(value, dict, path, schema.title), unknown, path)
    expected = SCALAR_TYPES[schema.shape]
    if not isinstance(value, expected) or (isinstance(value, bool) and bool not in expected):
        raise Unreadable(_mismatch(value, path, GO_TYPES.get(schema.shape, "intstr.IntOrString")))
    return value


def _decode_list(schema: Schema, items: list[Any], unknown: Callable[[str], None], path: str) -> list[Any] | None:
    assert schema.items is not None
    decoded = [decode(schema.items, item, unknown, f"{path}[{index}]") for index, item in enumerate(items)]
    return decoded or None


def _decode_struct(schema: Schema, fields: dict[str, Any], unknown: Callable[[str], None], path: str) -> dict[str, Any]:
    decoded = {}
    for key, one in fields.items():
        inner = f"{path}.{key}" if path else key
        field = schema.fields.get(key)
        if field is None:
            unknown(inner)
        elif (plain := decode(field, one, unknown, inner)) is not None:
            decoded[key] = plain
    return decoded


def _expect(value: Any, kind: type, path: str, go_type: str) -> Any:
    if not isinstance(value, kind):
        raise Unreadable(_mismatch(value, path, go_type))
    return value


def _mismatch(value: Any, path: str, go_type: str) -> str:
    names = {str: "string", bool: "bool", dict: "object", list: "array"}
    return f"json: cannot unmarshal {names.get(type(value), 'number')} into Go struct field {path} of type {go_type}"
