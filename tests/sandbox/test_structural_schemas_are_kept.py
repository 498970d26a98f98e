"""Structural schemas applied to any value: what is dropped stays dropped, what is added is allowed, nothing crashes."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.sandbox.apiserver import jsonpaths, structural
from trafficfed.sandbox.apiserver.kinds import Json
from trafficfed.testing.definition_contract import SPEC

SCALARS = (
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats(0, 9) | st.sampled_from(["red", "abc", "x", "ABC"])
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abn"), inner, max_size=3)
)
SPECS = st.dictionaries(st.sampled_from([*SPEC["properties"], "other"]), VALUES)
PARTS: st.SearchStrategy[list[Json]] = st.lists(
    st.fixed_dictionaries({"name": st.sampled_from("abc")}), unique_by=lambda part: part["name"]
)
CHOICES: dict[str, st.SearchStrategy[Any]] = {
    "color": st.sampled_from(["red", "blue"]),
    "word": st.text("abc", min_size=2, max_size=4),
    "tags": st.lists(st.sampled_from("abc"), min_size=1, unique=True),
    "parts": PARTS,
    "free": st.dictionaries(st.text(), SCALARS.filter(lambda one: one is not None)),
    "weights": st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    "port": st.integers() | st.text(),
}
SIZE: dict[str, st.SearchStrategy[Any]] = {"size": st.integers(1, 9)}
GOOD: st.SearchStrategy[Json] = st.fixed_dictionaries(SIZE, optional=CHOICES)


def prune(value: Any, schema: Json = SPEC) -> tuple[Any, list[str]]:
    dropped: list[str] = []
    return structural.prune(schema, value, dropped.append), dropped


def with_defaults(value: Json) -> Json:
    value = copy.deepcopy(value)
    structural.add_defaults(SPEC, value)
    return value


@given(GOOD)
def test_what_is_right_passes_as_it_is(value: Json) -> None:
    assert prune(value) == (value, [])
    assert [*structural.type_mistakes(SPEC, value), *structural.mistakes(SPEC, with_defaults(value))] == []


@given(SPECS)
def test_what_was_pruned_needs_no_pruning_again(value: Json) -> None:
    once, dropped = prune(value)
    assert prune(once) == (once, [])
    assert ("other" in dropped) == ("other" in value)


@given(SPECS)
def test_defaults_are_complete_at_once_and_change_nothing_that_was_stated(value: Json) -> None:
    pruned, _ = prune(value)
    once = with_defaults(pruned)
    assert with_defaults(once) == once
    assert {key: once[key] for key in pruned if key != "parts"} == {
        key: pruned[key] for key in pruned if key != "parts"
    }


@given(SPECS)
def test_mistakes_name_the_field_they_are_about(value: Json) -> None:
    pruned, _ = prune(value)
    types = [*structural.type_mistakes(SPEC, pruned, "spec")]
    found = types or [*structural.mistakes(SPEC, pruned, "spec")]
    assert all(cause.field.startswith("spec.") for cause in found)
    assert ("spec.size" in {cause.field for cause in found}) or isinstance(pruned.get("size"), int) or types


def test_null_says_nothing_unless_the_schema_lets_it() -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string"}, "b": {"type": "string", "nullable": True}}}
    kept, dropped = prune({"a": None, "b": None}, schema)
    assert (kept, dropped) == ({"b": None}, [])
    assert [*structural.type_mistakes(schema, kept)] == []


def test_a_boolean_is_no_number() -> None:
    (cause,) = structural.type_mistakes({"type": "integer"}, True, "a")
    assert cause.message == 'Invalid value: "boolean": a in body must be of type integer: "boolean"'


def test_expressions_are_kept_and_not_judged() -> None:
    schema = {"type": "object", "x-kubernetes-validations": [{"rule": "false", "message": "never"}]}
    assert [*structural.mistakes(schema, {})] == []


STATUS = {"status": {"conditions": [{"type": "A", "status": "x"}, {"type": "B.c", "status": "y"}], "n": 0}}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ('.status.conditions[?(@.type=="A")].status', "x"),
        (".status.conditions[?(@.type == 'B.c')].status", "y"),
        ('.status.conditions[?(@.type=="C")].status', None),
        (".status.conditions[1].status", "y"),
        (".status.conditions[*].status", "x"),
        (".status.conditions[7].status", None),
        (".status['n']", 0),
        (".status.n.deeper", None),
        (".spec.size", None),
    ],
)
def test_columns_find_their_values(path: str, expected: object) -> None:
    assert jsonpaths.is_understood(path)
    assert jsonpaths.first(path, STATUS) == expected


@pytest.mark.parametrize("path", ["", "status", ".a[1:2]", ".a[?(@.b>1)]", "{.a}", ".a..b"])
def test_other_paths_are_not_understood(path: str) -> None:
    assert not jsonpaths.is_understood(path)
