"""Field sets: what a value consists of, how two values differ, and the FieldsV1 form, on a Service's schema."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.sandbox.apiserver import fields, merging
from trafficfed.sandbox.apiserver.kinds import SERVICE, Json
from trafficfed.sandbox.apiserver.schema import Schema, Schemas

NAMES = st.sampled_from(["a", "b", "c"])


@st.composite
def ports(draw: st.DrawFn) -> list[Json]:
    numbers = draw(st.lists(st.tuples(st.integers(1, 3), st.sampled_from(["TCP", "UDP"])), unique=True, max_size=4))
    return [{"port": number, "protocol": protocol, "name": draw(NAMES)} for number, protocol in numbers]


@st.composite
def services(draw: st.DrawFn) -> Json:
    value: Json = {}
    if labels := draw(st.dictionaries(NAMES, NAMES)):
        value["metadata"] = {"labels": labels}
    spec: Json = {"type": draw(NAMES)}
    if listed := draw(ports()):
        spec["ports"] = listed
    if selector := draw(st.dictionaries(NAMES, NAMES)):
        spec["selector"] = selector
    return value | {"spec": spec}


@pytest.fixture(scope="module")
def schema(schemas: Schemas) -> Schema:
    return schemas.of(SERVICE)


def test_granular_lists_and_maps_have_parts_and_atomic_ones_none(schema: Schema) -> None:
    value = {"spec": {"ports": [{"port": 80}], "selector": {"a": "b"}, "externalIPs": ["192.0.2.1"]}}
    item = 'k:{"port":80,"protocol":"TCP"}'
    assert fields.fields_of(schema, value) == {
        ("f:spec", "f:ports", item),
        ("f:spec", "f:ports", item, "f:port"),
        ("f:spec", "f:selector"),
        ("f:spec", "f:externalIPs"),
    }


@settings(max_examples=30)
@given(services())
def test_the_encoded_form_can_be_read_back(schema: Schema, value: Json) -> None:
    found = fields.fields_of(schema, value, containers=True)
    assert fields.decode(fields.encode(found)) == found


@settings(max_examples=30)
@given(services(), services())
def test_a_difference_names_just_what_is_new_other_or_gone(schema: Schema, old: Json, new: Json) -> None:
    changed, removed = fields.difference(schema, old, new)
    before, after = (fields.fields_of(schema, value, containers=True) for value in (old, new))
    assert changed <= after
    assert removed <= before
    assert after - before <= changed
    assert before - after == removed
    assert fields.difference(schema, old, old) == (fields.NONE, fields.NONE)


@settings(max_examples=30)
@given(services(), services())
def test_what_is_laid_over_holds_and_nothing_else_is_lost(schema: Schema, live: Json, applied: Json) -> None:
    merged = merging.overlay(schema, live, applied)
    assert merging.overlay(schema, merged, applied) == merged
    changed, removed = fields.difference(schema, live, merged)
    assert removed == fields.NONE
    stated = fields.fields_of(schema, applied, containers=True)
    assert changed <= stated


@settings(max_examples=30)
@given(services(), services())
def test_taking_the_new_away_gives_the_old_back(schema: Schema, live: Json, applied: Json) -> None:
    merged = merging.overlay(schema, live, applied)
    new = fields.fields_of(schema, merged) - fields.fields_of(schema, live)
    left = merging.without_fields(schema, merged, new)
    assert fields.fields_of(schema, left) - _emptied(left) <= fields.fields_of(schema, live)


def _emptied(value: Json) -> frozenset[fields.Path]:
    """Containers in which nothing is left count as their own path."""
    paths: set[fields.Path] = set()
    for path, found in (
        (("f:metadata", "f:labels"), value.get("metadata", {}).get("labels")),
        (("f:metadata",), value.get("metadata")),
        (("f:spec", "f:ports"), value["spec"].get("ports")),
    ):
        if found in ({}, []):
            paths.add(path)
    return frozenset(paths)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (("f:metadata", "f:finalizers", 'v:"a"'), '.metadata.finalizers[="a"]'),
        (("f:spec", "f:ports", 'k:{"port":80}', "f:name"), ".spec.ports[port=80].name"),
    ],
)
def test_paths_are_shown_as_api_servers_show_them(path: Any, text: str) -> None:
    assert fields.dotted(path) == text
