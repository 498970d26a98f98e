"""Who manages which fields, over any sequence of applies and updates; the contract checks the plain cases."""

from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.sandbox.apiserver import fields, managers
from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.kinds import CONFIG_MAP, Json
from trafficfed.sandbox.apiserver.managers import Manager
from trafficfed.sandbox.apiserver.schema import Schema, Schemas

DATA = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), max_size=3)
STEP = st.tuples(st.sampled_from(["one", "two"]), DATA, st.booleans())


@pytest.fixture(scope="module")
def schema(schemas: Schemas) -> Schema:
    return schemas.of(CONFIG_MAP)


def config(data: dict[str, str]) -> Json:
    return {"metadata": {"name": "c"}} | ({"data": data} if data else {})


def applier(name: str) -> Manager:
    return Manager(name=name, operation="Apply", api_version="v1", time="2026-01-01T00:00:00Z")


def updater(name: str, subresource: str = "") -> Manager:
    return Manager(name=name, operation="Update", api_version="v1", subresource=subresource)


def applied(schema: Schema, live: Json | None, data: dict[str, str], name: str, force: bool = False) -> Json:
    merged, holders = managers.after_apply(schema, live, config(data), applier(name), force)
    return managers.written(merged, holders)


def held(value: Json) -> dict[str, set[str]]:
    return {
        manager.name: {path[1][2:] for path in manager.held if path[0] == "f:data" and len(path) == 2}
        for manager in managers.read(value)
    }


@settings(max_examples=50)
@given(st.lists(STEP, max_size=8))
def test_every_value_is_somebodys_and_what_was_applied_holds(
    schema: Schema, steps: Sequence[tuple[str, dict[str, str], bool]]
) -> None:
    live: Json = applied(schema, None, {"a": "1"}, "one")
    for name, data, force in steps:
        clashes = contested(live, data, name)
        if clashes and not force:
            with pytest.raises(ApiFailure) as caught:
                applied(schema, live, data, name)
            assert {cause["field"] for cause in (caught.value.details or {})["causes"]} == clashes
            continue
        live = applied(schema, live, data, name, force)
        assert data.items() <= (live.get("data") or {}).items()
        assert set(live.get("data") or {}) == set().union(*held(live).values())
        assert held(live).get(name, set()) == set(data)


def contested(live: Json, data: dict[str, str], name: str) -> set[str]:
    """The fields that another manager holds with another value."""
    present, others = (
        live.get("data", {}),
        {key for holder, keys in held(live).items() if holder != name for key in keys},
    )
    return {f".data.{key}" for key in others & data.keys() if present[key] != data[key]}


@settings(max_examples=50)
@given(DATA, DATA)
def test_an_update_takes_what_it_changes_and_leaves_the_rest(
    schema: Schema, before: dict[str, str], after: dict[str, str]
) -> None:
    live = applied(schema, None, before, "one")
    new = managers.written(config(after), managers.read(live))
    holders = {m.name: m.held for m in managers.after_update(schema, live, new, updater("two"))}
    changed = {("f:data", f"f:{key}") for key, value in after.items() if before.get(key) != value}
    kept = {("f:data", f"f:{key}") for key, value in after.items() if before.get(key) == value}
    assert {path for path in holders["two"] if len(path) == 2} == changed
    assert {path for path in holders.get("one", ()) if path[0] == "f:data" and len(path) == 2} == kept


def test_an_update_without_change_keeps_its_time(schema: Schema) -> None:
    value = config({"a": "1"})
    first = managers.written(value, managers.after_update(schema, None, value, updater("one")))
    later = Manager(name="one", operation="Update", api_version="v1", time="2027-01-01T00:00:00Z")
    assert managers.written(first, managers.after_update(schema, first, first, later)) == first


def test_kubectl_takes_over_what_it_applied_on_the_client_but_not_what_was_changed_since(schema: Schema) -> None:
    last = '{"data":{"a":"1","b":"1"}}'
    value = config({"a": "1", "b": "1"})
    value["metadata"]["annotations"] = {managers.LAST_APPLIED: last}
    live = managers.written(value, managers.after_update(schema, None, value, updater("kubectl-client-side-apply")))
    assert applied(schema, live, {"a": "2", "b": "1"}, "kubectl")["data"]["a"] == "2"
    with pytest.raises(ApiFailure):
        applied(schema, live, {"a": "2"}, "another")
    edited = managers.written(live | {"data": {"a": "9", "b": "1"}}, managers.read(live))
    touched = managers.written(edited, managers.after_update(schema, live, edited, updater("hand")))
    with pytest.raises(ApiFailure) as caught:
        applied(schema, touched, {"a": "2", "b": "2"}, "kubectl")
    assert caught.value.message == 'Apply failed with 1 conflict: conflict with "hand" using v1: .data.a'


def test_conflicts_name_the_subresource_and_every_manager(schema: Schema) -> None:
    live = config({"a": "1", "b": "1"})
    one = updater("one", "status").holding(frozenset({("f:data", "f:a")}))
    two = applier("two").holding(frozenset({("f:data", "f:b")}))
    live = managers.written(live, [one, two])
    with pytest.raises(ApiFailure) as caught:
        applied(schema, live, {"a": "2", "b": "2"}, "three")
    assert caught.value.message == (
        'Apply failed with 2 conflicts: conflicts with "one" with subresource "status" using v1:\n- .data.a\n'
        'conflicts with "two":\n- .data.b'
    )


def test_what_the_server_owns_is_nobodys(schema: Schema) -> None:
    value = {"kind": "ConfigMap", "metadata": {"name": "c", "uid": "u", "creationTimestamp": "t", "labels": {"a": "b"}}}
    (only,) = managers.after_update(schema, None, value, updater("one"))
    assert only.held == {("f:metadata", "f:labels"), ("f:metadata", "f:labels", "f:a")}


def test_managers_that_hold_nothing_vanish() -> None:
    value = managers.written({"metadata": {"name": "c", "managedFields": ["old"]}}, [updater("one")])
    assert value == {"metadata": {"name": "c"}}
    assert managers.read(value) == ()
    assert fields.decode({}) == fields.NONE
