"""JSON Patch by RFC 6902, with the examples of its appendix A, and never on what makes an object that object."""

import contextlib
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import ConfigError
from trafficfed.propagation.json_patch import json_patch, pointer, touches_protected
from trafficfed.propagation.policy import PatchOperation


def op(op: str, path: str, **more: Any) -> PatchOperation:
    if "from" in more:
        more["from_"] = more.pop("from")
    return PatchOperation(op=op, path=path, **more)


@pytest.mark.parametrize(
    ("document", "operation", "result"),
    [
        ({"foo": "bar"}, op("add", "/baz", value="qux"), {"baz": "qux", "foo": "bar"}),
        ({"foo": ["bar", "baz"]}, op("add", "/foo/1", value="qux"), {"foo": ["bar", "qux", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, op("remove", "/baz"), {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, op("remove", "/foo/1"), {"foo": ["bar", "baz"]}),
        ({"baz": "qux", "foo": "bar"}, op("replace", "/baz", value="boo"), {"baz": "boo", "foo": "bar"}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            op("move", "/qux/thud", **{"from": "/foo/waldo"}),
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        (
            {"foo": ["all", "grass", "cows", "eat"]},
            op("move", "/foo/3", **{"from": "/foo/1"}),
            {"foo": ["all", "cows", "eat", "grass"]},
        ),
        ({"baz": "qux"}, op("test", "/baz", value="qux"), {"baz": "qux"}),
        ({"foo": "bar"}, op("add", "/child", value={"grandchild": {}}), {"foo": "bar", "child": {"grandchild": {}}}),
        ({"/": 9, "~1": 10}, op("test", "/~01", value=10), {"/": 9, "~1": 10}),
        ({"foo": ["bar"]}, op("add", "/foo/-", value=["abc", "def"]), {"foo": ["bar", ["abc", "def"]]}),
        ({"foo": None}, op("add", "/foo", value=1), {"foo": 1}),
        ({"a": 1}, op("copy", "/b", **{"from": "/a"}), {"a": 1, "b": 1}),
        ({"a": 1}, op("replace", "", value={"b": 2}), {"b": 2}),
        ({"a": 1}, op("replace", "/a", value=None), {"a": None}),
        ({"a": 1}, op("move", "/a", **{"from": "/a"}), {"a": 1}),
    ],
)
def test_operations_do_what_the_rfc_says(document: Any, operation: PatchOperation, result: Any) -> None:
    assert json_patch(document, [operation]) == result


@pytest.mark.parametrize(
    ("document", "operation", "message"),
    [
        ({"foo": "bar"}, op("add", "/baz/bat", value="qux"), "add /baz/bat: 'baz' is not there"),
        ({"foo": "bar"}, op("remove", "/baz"), "remove /baz: 'baz' is not there"),
        ({"foo": "bar"}, op("replace", "/baz", value=1), "replace /baz: 'baz' is not there"),
        ({"foo": ["a"]}, op("add", "/foo/2", value=1), "'2' is no place in a list of 1"),
        ({"foo": ["a"]}, op("replace", "/foo/-", value=1), "'-' is no place in a list of 1"),
        ({"foo": ["a"]}, op("replace", "/foo/00", value=1), "'00' is no place"),
        ({"foo": ["a"]}, op("remove", "/foo/-1"), "'-1' is no place"),
        ({"foo": "bar"}, op("add", "/foo/x", value=1), "'x' is not there"),
        ({"foo": "bar"}, op("test", "/foo", value="baz"), "has another value"),
        ({"foo": "bar"}, op("add", "/x"), "needs a value"),
        ({"foo": "bar"}, op("replace", "/foo"), "needs a value"),
        ({"foo": "bar"}, op("add", "x", value=1), "begins with /"),
        ({"a": {"b": 1}}, op("move", "/a/b", **{"from": "/a"}), "cannot be moved into itself"),
        ({"a": 1}, op("remove", ""), "cannot be removed"),
        ({"a": 1}, op("copy", "/b", **{"from": "/c"}), "'c' is not there"),
    ],
)
def test_what_does_not_fit_is_named(document: Any, operation: PatchOperation, message: str) -> None:
    with pytest.raises(ConfigError) as failed:
        json_patch(document, [operation])
    assert message in str(failed.value)


def test_a_patch_that_fails_changes_nothing_and_none_ever_changes_its_input() -> None:
    document = {"a": {"b": [1, 2]}}
    with pytest.raises(ConfigError):
        json_patch(document, [op("remove", "/a/b/0"), op("remove", "/x")])
    json_patch(document, [op("remove", "/a/b/0"), op("add", "/a/c", value=1)])
    assert document == {"a": {"b": [1, 2]}}


@pytest.mark.parametrize(
    ("path", "touches"),
    [
        ("", True),
        ("/metadata", True),
        ("/apiVersion", True),
        ("/kind", True),
        ("/kind/x", True),
        ("/metadata/name", True),
        ("/metadata/namespace", True),
        ("/metadata/ownerReferences", True),
        ("/metadata/ownerReferences/0/uid", True),
        ("/metadata/n~0ame", False),
        ("/metadata/labels/name", False),
        ("/metadata/annotations/a~1b", False),
        ("/spec/template/metadata/name", False),
        ("/kinds", False),
    ],
)
def test_what_makes_an_object_that_object_is_protected(path: str, touches: bool) -> None:
    assert touches_protected(op("replace", path, value=1)) is touches
    assert touches_protected(op("move", "/data/x", **{"from": path})) is touches


def test_asking_about_what_is_protected_is_no_touch() -> None:
    assert not touches_protected(op("test", "/metadata/name", value="web"))
    assert not touches_protected(op("copy", "/metadata/labels/name", **{"from": "/metadata/name"}))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=8,
)
operations = st.builds(
    lambda name, path, source, value: op(name, path, **{"from": source}, value=value),
    st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
    st.lists(st.sampled_from(["a", "b", "0", "1", "-", "~0", "~1"]), max_size=3).map(
        lambda p: "".join(f"/{x}" for x in p)
    ),
    st.lists(st.sampled_from(["a", "b", "0", "1"]), max_size=3).map(lambda p: "".join(f"/{x}" for x in p)),
    json_values,
)


@settings(max_examples=60)
@given(json_values, st.lists(operations, max_size=4))
def test_no_patch_of_whatever_value_ends_in_anything_but_a_value_or_a_reason(
    document: Any, patch: list[PatchOperation]
) -> None:
    with contextlib.suppress(ConfigError):
        json_patch(document, patch)


@settings(max_examples=60)
@given(st.dictionaries(st.text(max_size=4), json_values, max_size=4), st.text(max_size=4), json_values)
def test_what_was_added_is_there_and_can_be_removed_again(document: dict[str, Any], key: str, value: Any) -> None:
    path = "/" + key.replace("~", "~0").replace("/", "~1")
    assert pointer(path) == (key,)
    added = json_patch(document, [op("add", path, value=value), op("test", path, value=value)])
    removed = json_patch(added, [op("remove", path)])
    assert removed == {name: each for name, each in document.items() if name != key}
