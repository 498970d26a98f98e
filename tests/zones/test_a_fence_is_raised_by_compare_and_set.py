"""Raising a fence: once, upwards only, against everybody else who raises theirs, and never over what is not ours."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import Fenced, Refused, Transient
from trafficfed.model import NameChange, Outcome, RecordSet, Result
from trafficfed.zones.fence import fence_name, fence_set, raise_fence, term_in
from trafficfed_providers.memory import Memory

ZONE, OWNER = "fed.test", "prod"


class Contested(Memory):
    """Somebody writes the next of ``rivals`` between a reading of the fence and the write that rests on it."""

    def __init__(self, *rivals: RecordSet) -> None:
        super().__init__()
        self.rivals = list(rivals)

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        if self.rivals:
            self.write_by_hand(zone, self.rivals.pop(0))
        return await super().apply(zone, changes, deadline_s, fence)


class Answering(Memory):
    """Ends every change as it is told to."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__()
        self.outcome = outcome

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        return tuple(Result(name=change.name, outcome=self.outcome, message="so told") for change in changes)


async def raised(memory: Memory, term: int, owner: str = OWNER) -> RecordSet:
    return await raise_fence(memory, ZONE, owner, term, 5.0)


async def test_a_rival_of_a_lower_term_that_came_first_is_raised_over() -> None:
    memory = Contested(fence_set(ZONE, OWNER, 3))
    assert await raised(memory, 5) == fence_set(ZONE, OWNER, 5)
    assert memory.zone(ZONE) == (fence_set(ZONE, OWNER, 5),)


async def test_a_rival_of_a_higher_term_that_came_first_stays() -> None:
    memory = Contested(fence_set(ZONE, OWNER, 9))
    with pytest.raises(Fenced, match="stands at term 9, above term 5") as told:
        await raised(memory, 5)
    assert told.value.term == 9
    assert memory.zone(ZONE) == (fence_set(ZONE, OWNER, 9),)


async def test_a_foreign_record_that_came_first_stays() -> None:
    note = RecordSet(name=fence_name(ZONE), type="TXT", ttl=60, values=('"note"',))
    memory = Contested(note)
    with pytest.raises(Refused, match="which is no fence of ours"):
        await raised(memory, 5)
    assert memory.zone(ZONE) == (note,)


async def test_one_that_never_stays_as_written_is_given_up_for_now() -> None:
    memory = Contested(*(fence_set(ZONE, OWNER, term) for term in (1, 2) * 10))
    with pytest.raises(Transient, match="does not stay as it is written: somebody else changes it"):
        await raised(memory, 5)


async def test_a_cname_in_its_place_is_named_with_what_to_do() -> None:
    memory = Memory()
    memory.write_by_hand(
        ZONE, RecordSet(name=fence_name(ZONE), type="CNAME", ttl=60, values=("elsewhere.example.net.",))
    )
    with pytest.raises(Refused, match=r"_trafficfed\.fed\.test is a CNAME, .* take the CNAME away"):
        await raised(memory, 5)
    assert memory.writes == 0


async def test_other_types_beside_it_are_nobodys_business() -> None:
    memory = Memory()
    memory.write_by_hand(ZONE, RecordSet(name=fence_name(ZONE), type="A", ttl=60, values=("192.0.2.1",)))
    assert await raised(memory, 5) == fence_set(ZONE, OWNER, 5)
    assert len(memory.zone(ZONE)) == 2


@pytest.mark.parametrize(("outcome", "error"), [(Outcome.REFUSED, Refused), (Outcome.FAILED, Transient)])
async def test_what_the_provider_says_is_passed_on(outcome: Outcome, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"the fence _trafficfed\.fed\.test .* raised: so told"):
        await raised(Answering(outcome), 5)


async def test_one_that_was_edited_by_hand_but_still_says_our_term_is_taken_as_it_stands() -> None:
    """What guards the writes has to be what stands, its TTL included."""
    memory = Memory()
    edited = RecordSet(name=fence_name(ZONE), type="TXT", ttl=5, values=fence_set(ZONE, OWNER, 5).values)
    memory.write_by_hand(ZONE, edited)
    assert await raised(memory, 5) == edited
    assert memory.writes == 0


@pytest.mark.looptime
async def test_it_ends_by_its_deadline() -> None:
    memory = Memory()
    memory.hold_after(0)
    with pytest.raises(Transient, match=r"was not raised within 5 s"):
        await raised(memory, 5)
    assert asyncio.get_running_loop().time() == 5.0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=1, max_size=8), st.sampled_from(["batch", "none"]))
def test_in_any_order_the_highest_term_stands_in_the_end_and_every_lower_one_after_it_is_fenced(
    terms: list[int], atomicity: str
) -> None:
    async def scenario() -> None:
        memory = Memory(atomicity=atomicity)
        highest = writes = 0
        for term in terms:
            if term < highest:
                with pytest.raises(Fenced):
                    await raised(memory, term)
            else:
                await raised(memory, term)
                writes += term > highest
                highest = term
            assert term_in(memory.zone(ZONE), ZONE, OWNER) == highest
            assert memory.writes == writes

    asyncio.run(scenario())


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=4, unique=True))
def test_of_many_at_the_same_moment_the_highest_stands_and_knows_it(terms: list[int]) -> None:
    class Yielding(Memory):
        async def read_names(self, zone: str, names: Sequence[str], deadline_s: float) -> tuple[RecordSet, ...]:
            found = await super().read_names(zone, names, deadline_s)
            await asyncio.sleep(0)
            return found

    async def scenario() -> None:
        memory = Yielding()
        ended = await asyncio.gather(*(raised(memory, term) for term in terms), return_exceptions=True)
        by_term = dict(zip(terms, ended, strict=True))
        assert by_term[max(terms)] == fence_set(ZONE, OWNER, max(terms))
        assert memory.zone(ZONE) == (fence_set(ZONE, OWNER, max(terms)),)
        assert all(isinstance(found, RecordSet | Fenced | Transient) for found in ended)

    asyncio.run(scenario())
