"""Laws 4 and 5 over random histories of wishes, edits by hand, scans and restarts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import RecordSet
from trafficfed.testing.publishing import ZONE, Rig
from trafficfed_providers.memory import Memory

LABELS = ("a", "b", "c")
OURS = ("192.0.2.1", "192.0.2.2", "192.0.2.3")
FOREIGN = ("198.51.100.7", "198.51.100.8")


@dataclass(frozen=True)
class Want:
    label: str
    values: tuple[str, ...]


@dataclass(frozen=True)
class Edit:
    """An administrator writes (or with an empty value deletes) a record set, whatever stands there."""

    label: str
    rdtype: str
    value: str


@dataclass(frozen=True)
class Look:
    """A drift scan, or a restart of the controller."""

    restart: bool


labels = st.sampled_from(LABELS)
answers = st.lists(st.sampled_from(OURS), max_size=2, unique=True).map(lambda found: tuple(sorted(found)))
edits = st.one_of(
    st.builds(Edit, labels, st.just("A"), st.sampled_from(FOREIGN)),
    st.builds(Edit, labels, st.just("MX"), st.sampled_from(["10 mail.example.net.", ""])),
    st.builds(Edit, labels, st.just("A"), st.just("")),
)
events = st.one_of(
    st.builds(Want, labels, answers), st.builds(Want, labels, answers), edits, st.builds(Look, st.booleans())
)


@dataclass
class World:
    """The zone, a controller, and what a bystander knows: which sets were made by hand and must stay so."""

    rig: Rig
    by_hand: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    wished: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def want(self, label: str) -> None:
        values = self.wished.get(label, ())
        if values:
            self.rig.want(label, *values, known=OURS)
        else:
            self.rig.want(label, names=(), known=(), departed=OURS, released=(f"{label}.{ZONE}",))

    def edit(self, edit: Edit) -> None:
        memory = self.rig.memory
        if edit.value:
            memory.write_by_hand(
                ZONE, RecordSet(name=f"{edit.label}.{ZONE}", type=edit.rdtype, ttl=60, values=(edit.value,))
            )
            self.by_hand[edit.label, edit.rdtype] = (edit.value,)
        else:
            memory.erase_by_hand(ZONE, f"{edit.label}.{ZONE}", edit.rdtype)
            self.by_hand.pop((edit.label, edit.rdtype), None)

    async def happen(self, event: Want | Edit | Look) -> None:
        if isinstance(event, Want):
            self.wished[event.label] = event.values
            self.want(event.label)
        elif isinstance(event, Edit):
            self.edit(event)
        elif event.restart:
            await self.restart()
        else:
            await self.rig.publisher.drift_scan()
        await self.rig.publisher.publish_once()

    async def restart(self) -> None:
        self.rig.restart()
        for label in sorted(self.wished):
            self.want(label)
        await self.rig.publisher.load()

    def check(self) -> None:
        for (label, rdtype), values in self.by_hand.items():
            assert self.rig.at(label)[rdtype] == values


async def play(history: Sequence[Want | Edit | Look], memory: Memory) -> World:
    world = World(Rig(memory))
    await world.rig.publisher.load()
    for event in history:
        await world.happen(event)
        world.check()
    await world.rig.publisher.drift_scan()
    await world.rig.publisher.publish_once()
    return world


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=14), st.sampled_from(["batch", "none"]))
def test_what_was_made_by_hand_stays_and_the_rest_is_as_wished(
    history: list[Want | Edit | Look], atomicity: str
) -> None:
    async def scenario() -> None:
        world = await play(history, Memory(atomicity=atomicity))
        world.check()
        for label in LABELS:
            foreign = (label, "A") in world.by_hand
            wished = world.wished.get(label, ())
            if not foreign:
                assert world.rig.at(label).get("A", ()) == wished
            assert foreign or world.rig.at(label).keys() <= {"A", "MX"}
        refused = {refusal.object for refusal in world.rig.publisher.refusals}
        assert refused == {
            f"{label}.{ZONE}" for label in LABELS if (label, "A") in world.by_hand and world.wished.get(label)
        }

    asyncio.run(scenario())


@settings(max_examples=40, deadline=None)
@given(st.lists(events, max_size=14))
def test_after_any_history_a_second_run_writes_nothing(history: list[Want | Edit | Look]) -> None:
    async def scenario() -> None:
        world = await play(history, Memory())
        writes, zone = world.rig.memory.writes, world.rig.memory.zone(ZONE)
        await world.restart()
        await world.rig.publisher.publish_once()
        assert world.rig.memory.writes == writes
        assert world.rig.memory.zone(ZONE) == zone

    asyncio.run(scenario())
