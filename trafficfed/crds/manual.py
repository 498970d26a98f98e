"""The page of all objects on a hub, made from their definitions.

python -m trafficfed.crds.manual > docs/objects.md
"""

from collections.abc import Iterator, Mapping
from typing import Any

from trafficfed.crds.definitions import DEFINITIONS, Definition, manifest
from trafficfed.crds.structs import API_VERSION

Schema = Mapping[str, Any]

INTRODUCTION = f"""\
# Objects on the hub

Made from the CustomResourceDefinitions, which `trafficfed crds` prints. All are of `{API_VERSION}`; `kubectl explain
KIND --recursive` shows the same of what is installed. What a field comes to is told in
[GlobalServices](globalservices.md), [propagation](propagation.md) and [operator
controls](operations.md#drain-shift-and-freeze).

A name ends in `[]` where it is a list, and in `.*` where its keys are yours. What an API server checks beyond types and
limits stands below each table.
"""


def manual() -> str:
    """The whole page, as Markdown."""
    return "\n".join([INTRODUCTION, *(line for definition in DEFINITIONS for line in _object(definition))])


def _object(definition: Definition) -> Iterator[str]:
    made = manifest(definition)["spec"]
    schema = made["versions"][0]["schema"]["openAPIV3Schema"]
    names = " or ".join(f"`kubectl get {name}`" for name in (definition.plural, *definition.short))
    yield f"## {definition.kind}\n"
    yield f"{schema['description']} {made['scope']}-scoped; {names}.\n"
    for part in ("spec", "status"):
        yield f"| {part} | type | meaning |"
        yield "|---|---|---|"
        yield from _rows(schema["properties"][part], "")
        yield ""
    if rules := list(_rules(schema["properties"]["spec"])):
        yield from (f"- {rule}" for rule in dict.fromkeys(rules))
        yield ""


def _rows(schema: Schema, path: str) -> Iterator[str]:
    required = schema.get("required", ())
    for name, field in schema.get("properties", {}).items():
        yield from _field(field, f"{path}{name}", required=name in required)


def _field(field: Schema, path: str, *, required: bool) -> Iterator[str]:
    text = field.get("description", "").replace("|", "\\|").replace("\n", " ")
    yield f"| `{path}` | {_type(field)}{', required' if required else ''} | {text} |"
    inner, path = _inner(field, path)
    if inner.get("type") == "object":
        yield from _rows(inner, f"{path}.")


def _inner(field: Schema, path: str) -> tuple[Schema, str]:
    if field.get("type") == "array":
        return field["items"], f"{path}[]"
    extra = field.get("additionalProperties")
    return (extra, f"{path}.*") if isinstance(extra, Mapping) else (field, path)


def _type(field: Schema) -> str:
    kind = field.get("type", "any")
    if kind == "array":
        return f"list of {_type(field['items'])}"
    if isinstance(field.get("additionalProperties"), Mapping):
        return f"map to {_type(field['additionalProperties'])}"
    if values := field.get("enum"):
        return " or ".join(f"`{value}`" for value in values)
    low, high = field.get("minimum"), field.get("maximum")
    return f"{kind}, {low} to {high}" if low is not None and high is not None else str(kind)


def _rules(schema: Schema) -> Iterator[str]:
    for rule in schema.get("x-kubernetes-validations", ()):
        yield rule["message"]
    inner = [*schema.get("properties", {}).values()]
    inner += [each for each in (schema.get("items"), schema.get("additionalProperties")) if isinstance(each, Mapping)]
    for each in inner:
        yield from _rules(each)


if __name__ == "__main__":
    print(manual(), end="")
