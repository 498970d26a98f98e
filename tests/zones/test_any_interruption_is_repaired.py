"""Without transactions a change may break off after any record set: the next run finishes it, foreign sets aside."""

import asyncio
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import NameChange, RecordSet
from trafficfed.testing.publishing import ZONE, Rig
from trafficfed.zones.ownership import done_marker, marker_set, parse_marker
from trafficfed.zones.steps import in_steps
from trafficfed_providers.memory import Memory

NAME = f"web.{ZONE}"
A = RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1",))
B = RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.2",))
ALIAS = RecordSet(name=NAME, type="CNAME", ttl=30, values=("lb.example.net.",))
MAIL = RecordSet(name=NAME, type="MX", ttl=60, values=("10 mail.example.net.",))


def ours(*sets: RecordSet) -> tuple[RecordSet, ...]:
    return (*sets, marker_set(NAME, done_marker("prod", "default/shop/web", sets)))


def order(before: tuple[RecordSet, ...], after: tuple[RecordSet, ...]) -> list[str]:
    """The steps in words: what is written (with the marker's state) or deleted."""
    words = []
    for step in in_steps(NameChange(name=NAME, before=before, after=after)):
        found = step.after or step.before
        assert found is not None
        marker = parse_marker(found) if found.type == "TXT" else None
        kind = ("pending" if marker.pending else "done") if marker else found.type
        words.append(f"{'write' if step.after else 'delete'} {kind}")
    return words


def test_creation_marks_first_and_last() -> None:
    assert order((), ours(A)) == ["write pending", "write A", "write done"]


def test_change_marks_first_and_last() -> None:
    assert order(ours(A), ours(B)) == ["write pending", "write A", "write done"]


def test_deletion_takes_the_record_first_and_the_marker_last() -> None:
    assert order(ours(A), ()) == ["delete A", "delete done"]


def test_addresses_go_before_the_cname_comes() -> None:
    assert order(ours(A), ours(ALIAS)) == ["write pending", "delete A", "write CNAME", "write done"]


def test_a_ttl_alone_needs_no_marker() -> None:
    longer = RecordSet(name=NAME, type="A", ttl=60, values=A.values)
    assert order(ours(A), ours(longer)) == ["write A"]


@pytest.mark.parametrize("steps", range(4))
@pytest.mark.parametrize(
    ("first", "then"),
    [((), ("192.0.2.1",)), (("192.0.2.1",), ("192.0.2.2",)), (("192.0.2.1",), ())],
    ids=["create", "change", "delete"],
)
def test_a_new_controller_finishes_what_broke_off_at_any_step(
    first: tuple[str, ...], then: tuple[str, ...], steps: int
) -> None:
    async def scenario() -> None:
        memory = Memory(atomicity="none")
        memory.write_by_hand(ZONE, MAIL)
        rig = Rig(memory)
        await publish(rig, {"web": first})
        memory.break_after(steps)
        await publish(rig, {"web": then})
        memory.break_after(None)
        rig.restart()
        await publish(rig, {"web": then})
        assert rig.at("web") == {"MX": MAIL.values} | ({"A": then} if then else {})
        assert "pending" not in rig.marker("web")
        assert bool(rig.marker("web")) is bool(then)
        assert rig.publisher.refusals == ()
        await second_run_writes_nothing(rig, {"web": then})

    asyncio.run(scenario())


def test_a_record_made_by_hand_amid_an_interruption_is_foreign() -> None:
    async def scenario() -> None:
        memory = Memory(atomicity="none")
        rig = Rig(memory)
        memory.break_after(1)
        await publish(rig, {"web": ("192.0.2.1",)})
        memory.break_after(None)
        rig.by_hand("web", "A", "198.51.100.7")
        rig.restart()
        await publish(rig, {"web": ("192.0.2.1",)})
        assert rig.at("web") == {"A": ("198.51.100.7",)}
        assert rig.reasons() == ["ContentChanged"]

    asyncio.run(scenario())


answers = st.lists(st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]), max_size=2, unique=True).map(
    lambda found: tuple(sorted(found))
)
worlds = st.fixed_dictionaries({"a": answers, "b": answers, "c": answers})


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(worlds, st.integers(0, 6), st.booleans()), min_size=1, max_size=5), worlds)
def test_after_any_sequence_of_interruptions_a_second_run_converges(
    history: list[tuple[dict[str, tuple[str, ...]], int, bool]], wished: dict[str, tuple[str, ...]]
) -> None:
    async def scenario() -> None:
        memory = Memory(atomicity="none")
        memory.write_by_hand(ZONE, RecordSet(name=f"a.{ZONE}", type="CAA", ttl=60, values=('0 issue "ca.example"',)))
        memory.write_by_hand(ZONE, RecordSet(name=f"c.{ZONE}", type="A", ttl=60, values=("198.51.100.7",)))
        rig = Rig(memory)
        for world, steps, restart in history:
            memory.break_after(steps)
            await publish(rig, world)
            if restart:
                rig.restart()
        memory.break_after(None)
        rig.restart()
        await publish(rig, wished)
        assert rig.at("a") == {"CAA": ('0 issue "ca.example"',)} | addresses(wished["a"])
        assert rig.at("b") == addresses(wished["b"])
        assert rig.at("c") == {"A": ("198.51.100.7",)}
        await second_run_writes_nothing(rig, wished)

    asyncio.run(scenario())


def addresses(values: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    return {"A": values} if values else {}


async def publish(rig: Rig, world: Mapping[str, tuple[str, ...]]) -> None:
    """One pass of a controller that knows every cause; an empty answer means that the service was deleted."""
    known = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
    if rig.publisher.state == "Loading":
        await rig.publisher.load()
    for label, values in world.items():
        if values:
            rig.want(label, *values, known=known)
        else:
            rig.want(label, names=(), known=(), departed=known, released=(f"{label}.{ZONE}",))
    await rig.publisher.publish_once()


async def second_run_writes_nothing(rig: Rig, world: Mapping[str, tuple[str, ...]]) -> None:
    writes = rig.memory.writes
    rig.restart()
    await publish(rig, world)
    assert rig.memory.writes == writes
