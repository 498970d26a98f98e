"""From structs to the structural OpenAPI v3 schema of a CustomResourceDefinition.

Structural means: every level states its type, nothing refers elsewhere, and only the keywords that the API server
keeps are used (Kubernetes documentation, "Specifying a structural schema").
"""

import enum
import inspect
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import inspect as types

from trafficfed.crds.structs import Part

Schema = dict[str, Any]


def schema_of(struct: type[msgspec.Struct]) -> Schema:
    """The schema of one struct. Raises TypeError for a field whose type has no structural form."""
    described = types.type_info(struct)
    assert isinstance(described, types.StructType)
    return _struct(described)


def _schema(described: types.Type, default: Any = msgspec.NODEFAULT) -> Schema:
    if isinstance(described, types.Metadata):
        return {**_schema(described.type, default), **(described.extra_json_schema or {})}
    schema = _bare(described)
    if (stated := _default(default)) is not None:
        schema["default"] = stated
    return schema


def _bare(described: types.Type) -> Schema:
    match described:
        case types.StructType():
            return _struct(described)
        case types.UnionType():
            return _optional(described)
        case types.StrType():
            return _kept(
                {"type": "string"}, described, minLength="min_length", maxLength="max_length", pattern="pattern"
            )
        case types.IntType():
            return _kept({"type": "integer", "format": "int64"}, described, minimum="ge", maximum="le")
        case types.FloatType():
            return _kept({"type": "number"}, described, minimum="ge", maximum="le")
        case types.BoolType():
            return {"type": "boolean"}
        case types.VarTupleType():
            array = {"type": "array", "items": _schema(described.item_type)}
            return _kept(array, described, minItems="min_length", maxItems="max_length")
        case types.DictType():
            mapping = {"type": "object", "additionalProperties": _schema(described.value_type)}
            return _kept(mapping, described, maxProperties="max_length")
        case types.EnumType():
            return {"type": "string", "enum": [str(each.value) for each in described.cls]}
        case types.AnyType():
            return {"x-kubernetes-preserve-unknown-fields": True}
    raise TypeError(f"{described} has no place in a structural schema")


def _struct(described: types.StructType) -> Schema:
    schema: Schema = {"type": "object", "description": paragraph(described.cls)}
    required = [field.encode_name for field in described.fields if field.required]
    if required:
        schema["required"] = required
    schema["properties"] = {field.encode_name: _schema(field.type, field.default) for field in described.fields}
    if issubclass(described.cls, Part) and described.cls.RULES:
        schema["x-kubernetes-validations"] = [
            {"rule": rule.expression, "message": rule.message} for rule in described.cls.RULES
        ]
    return schema


def _optional(described: types.UnionType) -> Schema:
    """``X | None`` is X that may be left out: API servers drop or refuse null."""
    stated = [each for each in described.types if not isinstance(each, types.NoneType)]
    if len(stated) != 1:
        raise TypeError(f"{described} is a choice of types, which no structural schema can express")
    return _schema(stated[0])


def _kept(schema: Schema, described: types.Type, **keywords: str) -> Schema:
    limits = {keyword: getattr(described, attribute) for keyword, attribute in keywords.items()}
    return schema | {keyword: limit for keyword, limit in limits.items() if limit is not None}


def _default(default: Any) -> Any:
    """A default worth writing into objects: one that says more than the type's own emptiness."""
    if isinstance(default, enum.Enum):
        return str(default.value)
    if isinstance(default, tuple) and default:
        return [_default(each) for each in default]
    return default if isinstance(default, (str, int, float)) and default else None


def paragraph(documented: type) -> str:
    """The first paragraph of a docstring on one line, without the markup that only source code needs."""
    first = inspect.cleandoc(documented.__doc__ or "").partition("\n\n")[0]
    return " ".join(first.replace("``", "").split())


def undescribed(schema: Mapping[str, Any], at: str = "") -> list[str]:
    """Where a schema says nothing to its reader: paths of properties without a description."""
    found = []
    for name, inner in schema.get("properties", {}).items():
        path = f"{at}.{name}"
        if "description" not in inner:
            found.append(path)
        found += undescribed(inner.get("items", inner), path)
    return found
