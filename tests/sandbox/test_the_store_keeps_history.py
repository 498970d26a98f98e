"""The store: one revision for each write, any earlier state while history reaches back, 410 after that."""

from collections.abc import Sequence

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.kinds import CONFIG_MAP, SERVICE
from trafficfed.sandbox.apiserver.store import Key, Store

Write = tuple[str, bool]
WRITES = st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30)


def key(name: str, namespace: str = "shop") -> Key:
    return Key(CONFIG_MAP.qualified, namespace, name)


def perform(store: Store, write: Write) -> None:
    name, deletes = write
    if deletes and store.get(key(name)) is not None:
        store.delete(key(name))
    else:
        store.put(key(name), {"metadata": {"name": name}, "data": {"revision": str(store.revision)}})


@settings(max_examples=50)
@given(WRITES)
def test_every_earlier_state_can_be_read(writes: Sequence[Write]) -> None:
    store = Store()
    states = {store.revision: store.objects(CONFIG_MAP)}
    for write in writes:
        perform(store, write)
        states[store.revision] = store.objects(CONFIG_MAP)
    assert len(states) == len(writes) + 1
    for revision, state in states.items():
        assert store.objects_at(CONFIG_MAP, "", revision) == state


@settings(max_examples=50)
@given(WRITES, st.integers(0, 30))
def test_changes_since_a_revision_lead_from_its_state_to_the_present(writes: Sequence[Write], cut: int) -> None:
    store = Store()
    for write in writes[:cut]:
        perform(store, write)
    revision, state = store.revision, store.objects(CONFIG_MAP)
    for write in writes[cut:]:
        perform(store, write)
    for change in store.since(revision):
        assert change.before == state.get(change.key)
        if change.after is None:
            del state[change.key]
        else:
            state[change.key] = change.after
    assert state == store.objects(CONFIG_MAP)


def test_objects_carry_the_revision_of_their_last_write() -> None:
    store = Store()
    store.put(key("a"), {"metadata": {"name": "a"}})
    store.put(key("b"), {"metadata": {"name": "b"}})
    revisions = [orjson.loads(raw)["metadata"]["resourceVersion"] for raw in store.objects(CONFIG_MAP).values()]
    assert revisions == ["2", "3"]
    assert store.delete(key("a"))["metadata"]["resourceVersion"] == "4"


def test_kinds_and_namespaces_are_kept_apart() -> None:
    store = Store()
    store.put(key("b"), {"metadata": {}})
    store.put(key("a"), {"metadata": {}})
    store.put(key("c", "other"), {"metadata": {}})
    assert [found.name for found in store.objects(CONFIG_MAP, "shop")] == ["a", "b"]
    assert [found.name for found in store.objects(CONFIG_MAP)] == ["c", "a", "b"]
    assert store.objects(SERVICE) == {}


def test_compaction_forgets_the_past_but_not_the_present() -> None:
    store = Store()
    store.put(key("a"), {"metadata": {}})
    store.compact()
    with pytest.raises(ApiFailure) as caught:
        store.since(1)
    assert (caught.value.code, caught.value.reason) == (410, "Expired")
    assert store.since(2) == []
    assert list(store.objects(CONFIG_MAP)) == [key("a")]


def test_history_is_bounded() -> None:
    store = Store(history=10)
    for _ in range(100):
        store.put(key("a"), {"metadata": {}})
    assert len(store.since(store.revision - 10)) == 10
    with pytest.raises(ApiFailure):
        store.since(store.revision - 21)


def test_a_copy_goes_its_own_way() -> None:
    store = Store()
    store.put(key("a"), {"metadata": {}})
    twin = store.copy()
    store.delete(key("a"))
    assert (twin.revision, list(twin.objects(CONFIG_MAP))) == (2, [key("a")])


async def test_a_write_wakes_who_waits() -> None:
    store = Store()
    before = store.changed
    store.put(key("a"), {"metadata": {}})
    assert before.is_set()
    assert not store.changed.is_set()
