"""The definitions are generated: the same text every time, structural, bounded and described throughout."""

from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest
import yaml
from msgspec import Meta

from trafficfed.crds.definitions import DEFINITIONS, Definition, crds_yaml, manifest
from trafficfed.crds.schema import schema_of, undescribed
from trafficfed.crds.structs import Part, Rule

Json = dict[str, Any]


def levels(schema: Json, at: str = "") -> Iterator[tuple[str, Json]]:
    """Every schema within a schema, with its path."""
    yield at, schema
    for name, inner in schema.get("properties", {}).items():
        yield from levels(inner, f"{at}.{name}")
    for keyword in ("items", "additionalProperties"):
        if keyword in schema:
            yield from levels(schema[keyword], f"{at}.{keyword}")


def schema_within(definition: Definition) -> Json:
    found: Json = manifest(definition)["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    return found


every_kind = pytest.mark.parametrize("definition", DEFINITIONS, ids=lambda each: each.kind)


def test_the_text_is_the_same_every_time() -> None:
    assert crds_yaml() == crds_yaml()


def test_the_text_is_one_document_a_kind() -> None:
    documents = list(yaml.safe_load_all(crds_yaml()))
    assert documents == [manifest(each) for each in DEFINITIONS]
    assert [each["spec"]["names"]["kind"] for each in documents] == [
        "ClusterPropagationPolicy",
        "FleetBaseline",
        "GlobalService",
        "OperatorControl",
        "PropagationPolicy",
    ]


@every_kind
def test_every_level_states_its_type(definition: Definition) -> None:
    untyped = [at for at, schema in levels(schema_within(definition)) if "type" not in schema]
    assert untyped == [at for at in untyped if at.endswith((".patch.items.value", ".template.additionalProperties"))]


@every_kind
def test_every_field_is_described(definition: Definition) -> None:
    assert undescribed(schema_of(definition.spec)) == []
    assert undescribed(schema_of(definition.status)) == []


@every_kind
def test_every_field_a_user_writes_is_bounded(definition: Definition) -> None:
    for at, schema in levels(schema_of(definition.spec)):
        if (
            schema.get("type") == "string"
            and "enum" not in schema
            and not at.endswith("annotations.additionalProperties")
        ):
            assert "maxLength" in schema, at
        if schema.get("type") == "array":
            assert "maxItems" in schema, at


@every_kind
def test_status_is_a_subresource_with_conditions(definition: Definition) -> None:
    version = manifest(definition)["spec"]["versions"][0]
    assert version["subresources"] == {"status": {}}
    conditions = version["schema"]["openAPIV3Schema"]["properties"]["status"]["properties"]["conditions"]
    assert conditions["x-kubernetes-list-map-keys"] == ["type"]


class Small(Part, frozen=True, kw_only=True):
    """First line
    goes on with ``code``.

    The rest is for readers of the code.
    """

    RULES = (Rule("self.a != 'x'", "a is not x"),)

    a: Annotated[str, Meta(max_length=3, pattern="^[a-z]$")]
    some_number: Annotated[int, Meta(ge=1, le=9)] = 3
    maybe: bool | None = None


def test_a_struct_becomes_a_structural_schema() -> None:
    assert schema_of(Small) == {
        "type": "object",
        "description": "First line goes on with code.",
        "required": ["a"],
        "properties": {
            "a": {"type": "string", "maxLength": 3, "pattern": "^[a-z]$"},
            "someNumber": {"type": "integer", "format": "int64", "minimum": 1, "maximum": 9, "default": 3},
            "maybe": {"type": "boolean"},
        },
        "x-kubernetes-validations": [{"rule": "self.a != 'x'", "message": "a is not x"}],
    }


class Either(msgspec.Struct):
    a: int | str


def test_what_no_structural_schema_can_say_is_an_error() -> None:
    with pytest.raises(TypeError, match="choice of types"):
        schema_of(Either)


class Moment(msgspec.Struct):
    a: bytes


def test_a_type_without_a_form_is_an_error() -> None:
    with pytest.raises(TypeError, match="no place in a structural schema"):
        schema_of(Moment)
