"""JSON Patch by RFC 6902's own cases, merge patch by RFC 7386's, and the directives of strategic merge patches."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.kinds import SERVICE, Json
from trafficfed.sandbox.apiserver.patching import json_patch, merge_patch, strategic_merge
from trafficfed.sandbox.apiserver.schema import Schema, Schemas

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(0, 3) | st.sampled_from("ab"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("value", "patch", "expected"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        ({"a": [{"b": "c"}]}, {"a": [1]}, {"a": [1]}),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merge_patches_of_the_rfc(value: Any, patch: Any, expected: Any) -> None:
    """RFC 7386, appendix A."""
    assert merge_patch(value, patch) == expected


@given(JSON, JSON)
def test_a_merge_patch_done_twice_is_done_once(value: Any, patch: Any) -> None:
    once = merge_patch(value, patch)
    assert merge_patch(once, patch) == once


@pytest.mark.parametrize(
    ("value", "operations", "expected"),
    [
        ({"foo": "bar"}, [{"op": "add", "path": "/baz", "value": "qux"}], {"baz": "qux", "foo": "bar"}),
        ({"foo": ["a", "c"]}, [{"op": "add", "path": "/foo/1", "value": "b"}], {"foo": ["a", "b", "c"]}),
        ({"foo": ["a"]}, [{"op": "add", "path": "/foo/-", "value": ["b"]}], {"foo": ["a", ["b"]]}),
        ({"foo": ["a", "b"]}, [{"op": "remove", "path": "/foo/0"}], {"foo": ["b"]}),
        ({"a": 1, "b": 2}, [{"op": "replace", "path": "/a", "value": 3}], {"a": 3, "b": 2}),
        ({"a": {"x": 1}, "b": {}}, [{"op": "move", "from": "/a/x", "path": "/b/y"}], {"a": {}, "b": {"y": 1}}),
        ({"a": 1}, [{"op": "copy", "from": "/a", "path": "/b"}], {"a": 1, "b": 1}),
        ({"/": 9, "~1": 10}, [{"op": "test", "path": "/~01", "value": 10}], {"/": 9, "~1": 10}),
        ({"a": 1}, [{"op": "replace", "path": "", "value": {"b": 2}}], {"b": 2}),
    ],
)
def test_json_patches_of_the_rfc(value: Any, operations: Any, expected: Any) -> None:
    """RFC 6902, appendix A."""
    assert json_patch(value, operations) == expected


@pytest.mark.parametrize(
    ("operations", "code"),
    [
        ([{"op": "test", "path": "/a", "value": 2}], 422),
        ([{"op": "remove", "path": "/none"}], 422),
        ([{"op": "add", "path": "/none/x", "value": 1}], 422),
        ([{"op": "add", "path": "/list/9", "value": 1}], 422),
        ([{"op": "replace", "path": "/list/x", "value": 1}], 422),
        ([{"op": "add", "path": "/a/x", "value": 1}], 422),
        ([{"op": "nonsense", "path": "/a"}], 400),
        ([{"op": "add", "path": "a", "value": 1}], 400),
        ({"op": "add"}, 400),
    ],
)
def test_a_json_patch_that_does_not_fit_is_refused(operations: Any, code: int) -> None:
    with pytest.raises(ApiFailure) as caught:
        json_patch({"a": 1, "list": []}, operations)
    assert caught.value.code == code


class TestStrategic:
    @pytest.fixture
    def schema(self, schemas: Schemas) -> Schema:
        return schemas.of(SERVICE)

    @pytest.fixture
    def live(self) -> Json:
        ports = [{"port": 1, "name": "a"}, {"port": 2, "name": "b"}]
        return {"metadata": {"finalizers": ["x"], "labels": {"l": "1"}}, "spec": {"ports": ports, "type": "ClusterIP"}}

    def merged_ports(self, schema: Schema, live: Json, patch: Json) -> list[tuple[int, str | None]]:
        merged = strategic_merge(schema, live, {"spec": patch})
        return [(port["port"], port.get("name")) for port in merged["spec"].get("ports", [])]

    def test_items_merge_by_key_and_new_ones_come_first(self, schema: Schema, live: Json) -> None:
        patch = {"ports": [{"port": 2, "name": "c"}, {"port": 3}]}
        assert self.merged_ports(schema, live, patch) == [(3, None), (1, "a"), (2, "c")]

    def test_a_stated_order_is_kept(self, schema: Schema, live: Json) -> None:
        order = [{"port": 2}, {"port": 3}, {"port": 1}]
        patch = {"$setElementOrder/ports": order, "ports": [{"port": 3}]}
        assert [number for number, _ in self.merged_ports(schema, live, patch)] == [2, 3, 1]

    def test_items_can_be_deleted_and_lists_replaced(self, schema: Schema, live: Json) -> None:
        assert self.merged_ports(schema, live, {"ports": [{"port": 1, "$patch": "delete"}]}) == [(2, "b")]
        assert self.merged_ports(schema, live, {"ports": [{"$patch": "replace"}, {"port": 9}]}) == [(9, None)]
        assert self.merged_ports(schema, live, {"ports": None}) == []

    def test_an_item_without_its_key_is_refused(self, schema: Schema, live: Json) -> None:
        with pytest.raises(ApiFailure):
            self.merged_ports(schema, live, {"ports": [{"name": "lost"}]})

    def test_maps_can_be_replaced_or_reduced(self, schema: Schema, live: Json) -> None:
        replaced = strategic_merge(schema, live, {"metadata": {"labels": {"$patch": "replace", "m": "2"}}})
        assert replaced["metadata"]["labels"] == {"m": "2"}
        kept = strategic_merge(schema, live, {"spec": {"$retainKeys": ["type"], "type": "NodePort"}})
        assert kept["spec"] == {"type": "NodePort"}

    def test_sets_grow_and_lose_what_is_named(self, schema: Schema, live: Json) -> None:
        grown = strategic_merge(schema, live, {"metadata": {"finalizers": ["y", "x"]}})
        assert grown["metadata"]["finalizers"] == ["x", "y"]
        smaller = strategic_merge(schema, grown, {"metadata": {"$deleteFromPrimitiveList/finalizers": ["x"]}})
        assert smaller["metadata"]["finalizers"] == ["y"]
