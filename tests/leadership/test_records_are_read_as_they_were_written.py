"""Whatever names users choose: a record is the same after a Lease or a zone carried it, and nothing else is one."""

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given, settings
from msgspec.structs import replace

from trafficfed.leadership.elector import Seen
from trafficfed.leadership.lease_elector import Lease, LeaseElector, record_of
from trafficfed.leadership.record import Record, controller_of, holder_of, joined, parted
from trafficfed.leadership.sight import went_back
from trafficfed.leadership.zone_elector import leader_set, parse_record
from trafficfed.model import RecordSet
from trafficfed.testing.scripted_api import ScriptedApi

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\x00"), min_size=1, max_size=20)
RECORDS = st.builds(
    Record,
    owner=NAMES,
    holder=st.one_of(st.just(""), NAMES),
    term=st.integers(0, 2**40),
    renewal=st.integers(0, 2**40),
    lease_s=st.integers(1, 120).map(float),
    electorate=st.lists(NAMES, min_size=1, max_size=3, unique=True).map(lambda names: tuple(sorted(names))),
)
EU = Record(owner="prod", holder="eu_1", term=7, renewal=3, lease_s=10.0, electorate=("ap", "eu", "us"))


class Clock:
    def monotonic_s(self) -> float:
        return 5.0

    def now_s(self) -> float:
        return 1_790_000_000.25


class Server(ScriptedApi):
    """Gives back what it is sent, as an API server that adds a UID and a version."""

    sent: bytes = b""

    async def request(self, method: str, path: str, body: bytes | None = None, *_: object) -> bytes:
        self.sent = body or b""
        sent = msgspec.json.decode(self.sent)
        return msgspec.json.encode(sent | {"metadata": sent["metadata"] | {"uid": "u1", "resourceVersion": "5"}})


@given(RECORDS)
@settings(max_examples=50, deadline=None)
def test_a_zone_carries_any_record(record: Record) -> None:
    assert parse_record(leader_set("fed.test", record)) == record


@given(RECORDS)
@settings(max_examples=20, deadline=None)
async def test_a_lease_carries_any_record(record: Record) -> None:
    server = Server()
    seen = await LeaseElector("eu", server, clock=Clock()).write(record, Seen(), 5.0)
    assert seen == Seen(record, "5", "uid-1/u1")


async def test_a_lease_names_what_it_replaces() -> None:
    server = Server()
    await LeaseElector("eu", server, clock=Clock()).write(EU, Seen(EU, "4", "uid-1/u1"), 5.0)
    sent = msgspec.json.decode(server.sent)
    assert (sent["metadata"]["resourceVersion"], sent["metadata"]["uid"]) == ("4", "u1")
    assert sent["spec"] == {
        "holderIdentity": "eu_1",
        "leaseDurationSeconds": 10,
        "leaseTransitions": 7,
        "renewTime": "2026-09-21T14:13:20.250000Z",
    }


async def test_part_of_a_second_is_waited_out_as_a_whole_one() -> None:
    """A Lease has whole seconds: whoever waits for it waits rather longer than shorter."""
    seen = await LeaseElector("eu", Server(), clock=Clock()).write(replace(EU, lease_s=1.5), Seen(), 5.0)
    assert seen.record == replace(EU, lease_s=2.0)


@pytest.mark.parametrize(
    "text",
    [
        '"hello"',
        '"trafficfed/1 owner=prod term=7"',
        '"trafficfed/2 owner=prod holder=eu_1 term=7 renewal=3 lease=10 electorate=eu"',
        '"trafficfed/1 owner=prod holder=eu_1 term=x renewal=3 lease=10 electorate=eu"',
        '"trafficfed/1 owner=prod holder=eu_1 term=-7 renewal=3 lease=10 electorate=eu"',
        '"trafficfed/1 owner=prod holder=eu_1 term=7 renewal=3 lease=nan electorate=eu"',
        '"trafficfed/1 owner=prod holder=eu_1 term=7 renewal=3 lease=0 electorate=eu"',
        '"trafficfed/1 holder=eu_1 owner=prod term=7 renewal=3 lease=10 electorate=eu"',
    ],
)
def test_what_is_not_understood_whole_is_no_record(text: str) -> None:
    assert parse_record(RecordSet(name="_trafficfed-leader.fed.test", type="TXT", ttl=1, values=(text,))) is None


@pytest.mark.parametrize(
    "change",
    [
        {"metadata": {"annotations": None}},
        {"metadata": {"annotations": {"trafficfed.io/owner": "prod"}}},
        {"annotation": ("term", "seven")},
        {"annotation": ("renewal", "-1")},
        {"spec": {"leaseDurationSeconds": 0}},
        {"spec": {}},
    ],
)
def test_a_lease_that_is_not_understood_whole_is_no_record(change: dict[str, object]) -> None:
    notes = {"owner": "prod", "term": "7", "renewal": "3", "electorate": "ap,eu,us"}
    if isinstance(altered := change.get("annotation"), tuple):
        notes[altered[0]] = altered[1]
    lease: dict[str, object] = {
        "metadata": {"annotations": {f"trafficfed.io/{key}": value for key, value in notes.items()}},
        "spec": {"holderIdentity": "eu_1", "leaseDurationSeconds": 10},
    }
    if "annotation" not in change:
        assert record_of(msgspec.convert(lease, Lease)) == EU
    lease |= {key: value for key, value in change.items() if key != "annotation"}
    assert record_of(msgspec.convert(lease, Lease)) is None


@given(st.lists(NAMES, max_size=3))
def test_an_electorate_is_one_word(names: list[str]) -> None:
    assert parted(joined(tuple(names))) == tuple(names)
    assert " " not in joined(tuple(names))


@given(NAMES, st.integers(0, 2**32 - 1))
def test_a_holder_names_its_controller(name: str, token: int) -> None:
    assert controller_of(holder_of(name, f"{token:08x}")) == name


@given(RECORDS, st.integers(0, 3), st.integers(0, 3))
def test_only_a_record_that_grew_did_not_go_back(record: Record, terms: int, renewals: int) -> None:
    grown = replace(record, term=record.term + terms, renewal=record.renewal + renewals, holder="another one")
    before, after = Seen(record, "1", "a/1"), Seen(grown, "2", "a/1")
    assert went_back(before, after) is (grown.order <= record.order and grown != record)
    assert went_back(after, before) is (grown != record)
    assert not went_back(before, before)
    assert not went_back(Seen(uid="a/"), after)
    assert went_back(before, Seen(uid="a/"))
    assert went_back(before, replace(after, uid="a/2"))
