"""The record on the hub: packed, written as a whole by compare-and-set, and never half understood."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import ConfigError
from trafficfed.propagation.assignment import Assignment, Choice, Share, withdrawn
from trafficfed.propagation.objects import ObjectKey, PolicyKey
from trafficfed.propagation.records import LARGEST_BYTES, OPEN_BYTES, Records, Write

RULING = PolicyKey("shop", "web")
CHOICE = Choice(policy=RULING, criteria="1", clusters=("eu", "us"))


def assignment(name: str, *clusters: str) -> Assignment:
    key = ObjectKey("", "ConfigMap", "shop", name)
    return Assignment(object=key, policy=RULING, shares=tuple(Share(cluster) for cluster in clusters or ("eu",)))


class Hub:
    """The ConfigMaps of a hub, with compare-and-set as an API server does it."""

    def __init__(self) -> None:
        self.stored: dict[str, dict[str, Any]] = {}
        self.version = 0
        self.writes = 0

    def put(self, write: Write) -> str:
        assert self.stored.get(write.name, {}).get("metadata", {}).get("resourceVersion", "") == write.resource_version
        self.writes += 1
        if not write.body:
            del self.stored[write.name]
            return ""
        self.version += 1
        body = json.loads(write.body)
        assert body["metadata"].get("resourceVersion", "") == write.resource_version
        body["metadata"]["resourceVersion"] = str(self.version)
        self.stored[write.name] = body
        return str(self.version)

    def save(self, records: Records) -> int:
        """Carry out all that is to be written; how many writes that took."""
        before = self.writes
        for write in records.writes():
            records.written(write.name, self.put(write))
        return self.writes - before

    def load(self) -> Records:
        return Records("trafficfed", [json.dumps(each).encode() for each in self.stored.values()])

    def size(self, name: str) -> int:
        return len(self.stored[name]["data"]["entries"].encode())


def test_what_was_written_is_what_is_read() -> None:
    hub, records = Hub(), Records("trafficfed")
    records.stage(CHOICE, assignment("a"), assignment("b", "eu", "us"))
    assert hub.save(records) == 1
    again = hub.load()
    assert again.choices == records.choices == {RULING: CHOICE}
    assert again.assignments == records.assignments
    assert again.writes() == ()


def test_nothing_counts_as_recorded_before_the_hub_took_it() -> None:
    hub, records = Hub(), Records("trafficfed")
    records.stage(assignment("a"))
    key = assignment("a").object
    assert not records.is_recorded(key)
    [write] = records.writes()
    assert not records.is_recorded(key)
    records.written(write.name, hub.put(write))
    assert records.is_recorded(key)
    assert hub.load().is_recorded(key)


def test_what_changes_while_it_is_under_way_is_not_recorded_by_it() -> None:
    hub, records = Hub(), Records("trafficfed")
    records.stage(assignment("a"))
    [write] = records.writes()
    records.stage(assignment("a", "us"), assignment("b"))
    assert records.writes() == ()
    records.written(write.name, hub.put(write))
    assert not records.is_recorded(assignment("a").object)
    assert hub.save(records) == 1
    assert records.is_recorded(assignment("a").object)
    assert hub.load().assignments[assignment("a").object].clusters == ("us",)


def test_a_write_that_failed_is_tried_again() -> None:
    hub, records = Hub(), Records("trafficfed")
    records.stage(assignment("a"))
    [write] = records.writes()
    records.failed(write.name)
    assert not records.is_recorded(assignment("a").object)
    assert hub.save(records) == 1
    assert records.is_recorded(assignment("a").object)


def test_the_second_time_writes_nothing() -> None:
    hub, records = Hub(), Records("trafficfed")
    records.stage(CHOICE, assignment("a"))
    hub.save(records)
    records.stage(CHOICE, assignment("a"))
    assert hub.save(records) == 0
    assert records.is_recorded(RULING)


def test_a_burst_of_new_objects_is_few_writes() -> None:
    hub, records = Hub(), Records("trafficfed")
    records.stage(*(assignment(f"object-{number}", "ap", "eu", "us") for number in range(1000)))
    assert hub.save(records) <= 5
    assert all(hub.size(name) <= OPEN_BYTES + 1024 for name in hub.stored)
    assert hub.load().assignments == records.assignments


def test_an_edit_rewrites_one_of_them() -> None:
    hub, records = Hub(), Records("trafficfed")
    records.stage(*(assignment(f"object-{number}", "ap", "eu", "us") for number in range(1000)))
    hub.save(records)
    records.stage(assignment("object-500", "eu"))
    assert hub.save(records) == 1


def test_what_has_ended_leaves_the_record_and_empty_ones_are_deleted() -> None:
    hub, records = Hub(), Records("trafficfed")
    records.stage(CHOICE, assignment("a"))
    hub.save(records)
    gone = msgspec.structs.replace(withdrawn(assignment("a")), leaving=())
    records.stage(gone)
    records.drop(RULING)
    assert hub.save(records) == 1
    assert hub.stored == {}
    assert records.assignments == {}
    records.stage(assignment("b"))
    assert hub.save(records) == 1


def test_what_ends_before_it_was_ever_written_costs_nothing() -> None:
    hub, records = Hub(), Records("trafficfed")
    records.stage(assignment("a"))
    records.stage(msgspec.structs.replace(assignment("a"), shares=()))
    assert hub.save(records) == 0


def test_a_record_that_outgrows_its_place_moves() -> None:
    hub, records = Hub(), Records("trafficfed")
    many = [f"cluster-{number:04}-{'x' * 40}" for number in range(300)]
    records.stage(*(assignment(f"object-{number}") for number in range(60)))
    hub.save(records)
    records.stage(*(assignment(f"object-{number}", *many) for number in range(60)))
    hub.save(records)
    assert len(hub.stored) > 1
    assert all(hub.size(name) <= LARGEST_BYTES for name in hub.stored)
    assert hub.load().assignments == records.assignments


def test_a_move_that_was_interrupted_ends_with_what_was_decided_last() -> None:
    hub, records = Hub(), Records("trafficfed")
    many = [f"cluster-{number:04}-{'x' * 40}" for number in range(300)]
    records.stage(*(assignment(f"object-{number}") for number in range(60)))
    hub.save(records)
    records.stage(*(assignment(f"object-{number}", *many) for number in range(60)))
    for write in records.writes()[:1]:
        hub.put(write)
    loaded = hub.load()
    moved = [key for key, each in loaded.assignments.items() if len(each.shares) == 300]
    assert loaded.assignments.keys() == records.assignments.keys()
    assert moved
    hub.save(loaded)
    assert hub.load().assignments == loaded.assignments


names = st.sampled_from(["a", "b", "c"])
edits = st.lists(st.tuples(names, st.sets(st.sampled_from(["eu", "us"])), st.booleans()), max_size=12)


@settings(max_examples=60)
@given(edits)
def test_after_any_history_hub_and_memory_agree_on_what_is_recorded(history: list[tuple[str, set[str], bool]]) -> None:
    """Writes may be answered late: what counts as recorded is on the hub at every moment."""
    hub, records = Hub(), Records("trafficfed")
    for name, clusters, answered in history:
        records.stage(msgspec.structs.replace(assignment(name), shares=tuple(Share(each) for each in sorted(clusters))))
        for write in records.writes():
            if answered:
                records.written(write.name, hub.put(write))
            else:
                records.failed(write.name)
        stored = hub.load().assignments
        for key, each in records.assignments.items():
            assert not records.is_recorded(key) or stored[key] == each
    hub.save(records)
    assert hub.load().assignments == records.assignments


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('{"assignment": {"object"', "ConfigMap trafficfed-assignments-1, line 1 of entries cannot be read"),
        ("{}", "line 1 of entries has neither choice nor assignment"),
    ],
)
def test_a_record_that_cannot_be_understood_is_an_error_and_not_an_empty_one(data: str, message: str) -> None:
    body = {"metadata": {"name": "trafficfed-assignments-1"}, "data": {"entries": data}}
    with pytest.raises(ConfigError, match=message):
        Records("trafficfed", [json.dumps(body).encode()])


def test_what_is_no_config_map_is_an_error() -> None:
    with pytest.raises(ConfigError, match="record of assignments cannot be read"):
        Records("trafficfed", [b"[]"])
