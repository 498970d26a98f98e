"""Law 7: a provider that is away, refuses or misbehaves is reported and tried again, and never ends the publisher."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.model import NameChange, Outcome, RecordSet, Result
from trafficfed.reports import ProviderFailed, Published, RefusalCleared, ServiceRefused
from trafficfed.testing.publishing import Rig
from trafficfed.zones.backoff import Backoff
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime


class Faulty(Memory):
    """Raises or answers what it is told to, until told otherwise."""

    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None
        self.outcome: Outcome | None = None
        self.attempts = 0

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        self.attempts += 1
        if self.error is not None:
            raise self.error
        if self.outcome is not None:
            return tuple(Result(name=change.name, outcome=self.outcome, message="so told") for change in changes)
        return await super().apply(zone, changes, deadline_s, fence)


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[None]:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(rig.publisher.run())
        yield
        task.cancel()


def failures(rig: Rig) -> list[ProviderFailed]:
    return [event for event in rig.said(ProviderFailed) if isinstance(event, ProviderFailed)]


async def test_a_zone_that_cannot_be_read_yet_is_tried_again_and_nothing_is_lost(rig: Rig, memory: Memory) -> None:
    memory.be_away("maintenance")
    rig.want("web", "192.0.2.1")
    async with running(rig):
        await asyncio.sleep(20)
        assert rig.publisher.state == "Loading"
        assert rig.publisher.message == "memory is away: maintenance"
        memory.be_away("")
        await asyncio.sleep(40)
    assert rig.publisher.state == "Ready"
    assert rig.publisher.message == ""
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    delays = [failure.retry_s for failure in failures(rig)]
    assert delays == sorted(delays)
    assert delays[0] < 1


async def test_what_was_wished_last_during_an_outage_is_what_is_written(rig: Rig, memory: Memory) -> None:
    async with running(rig):
        rig.want("web", "192.0.2.1")
        await asyncio.sleep(1)
        memory.be_away("maintenance")
        for number in range(2, 8):
            rig.want("web", f"192.0.2.{number}", known=[f"192.0.2.{n}" for n in range(9)])
            await asyncio.sleep(1)
        assert rig.publisher.state == "Failing"
        assert rig.at("web") == {"A": ("192.0.2.1",)}
        memory.be_away("")
        await asyncio.sleep(60)
    assert rig.at("web") == {"A": ("192.0.2.7",)}


async def test_a_refusal_is_retried_slowly() -> None:
    faulty = Faulty()
    rig = Rig(faulty)
    faulty.error = Refused("TSIG key prod. is not known")
    rig.want("web", "192.0.2.1")
    async with running(rig):
        await asyncio.sleep(150)
        assert faulty.attempts == 3
        assert {failure.retry_s for failure in failures(rig)} == {60.0}
        assert {failure.message for failure in failures(rig)} == {"TSIG key prod. is not known"}
        faulty.error = None
        await asyncio.sleep(60)
    assert rig.at("web") == {"A": ("192.0.2.1",)}


async def test_a_bug_in_an_adapter_does_not_end_the_publisher() -> None:
    faulty = Faulty()
    rig = Rig(faulty)
    faulty.error = KeyError("rrdatas")
    rig.want("web", "192.0.2.1")
    async with running(rig):
        await asyncio.sleep(5)
        assert "KeyError" in failures(rig)[0].message
        faulty.error = None
        await asyncio.sleep(60)
    assert rig.at("web") == {"A": ("192.0.2.1",)}


async def test_what_the_other_side_asks_for_is_respected() -> None:
    faulty = Faulty()
    rig = Rig(faulty)
    faulty.error = Transient("slow down", retry_after_s=100.0)
    rig.want("web", "192.0.2.1")
    async with running(rig):
        await asyncio.sleep(90)
        assert faulty.attempts == 1


async def test_a_refused_name_is_an_event_and_a_refusal_until_it_is_taken() -> None:
    faulty = Faulty()
    rig = Rig(faulty)
    faulty.outcome = Outcome.REFUSED
    rig.want("web", "192.0.2.1")
    async with running(rig):
        await asyncio.sleep(130)
        assert faulty.attempts == 3
        assert rig.reasons() == ["ProviderRefused"]
        assert len(rig.said(ServiceRefused)) == 1
        faulty.outcome = None
        await asyncio.sleep(60)
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert rig.reasons() == []
    assert len(rig.said(RefusalCleared)) == 1


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.CONFLICT])
async def test_a_name_that_keeps_failing_is_not_hammered_and_the_others_go_on(outcome: Outcome) -> None:
    faulty = Faulty()
    rig = Rig(faulty)
    faulty.outcome = outcome
    rig.want("web", "192.0.2.1")
    async with running(rig):
        await asyncio.sleep(21)
        assert 4 <= faulty.attempts <= 8
        faulty.outcome = None
        rig.want("shop", "192.0.2.1")
        await asyncio.sleep(0.1)
        assert rig.at("shop") == {"A": ("192.0.2.1",)}
        await asyncio.sleep(10)
    assert rig.at("web") == {"A": ("192.0.2.1",)}


async def test_a_write_whose_answer_was_lost_is_read_and_not_repeated(rig: Rig) -> None:
    class Forgetful(Memory):
        async def apply(
            self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
        ) -> tuple[Result, ...]:
            done = await super().apply(zone, changes, deadline_s, fence)
            return tuple(Result(name=result.name, outcome=Outcome.FAILED, message="no answer") for result in done)

    forgetful = Forgetful()
    rig = Rig(forgetful)
    rig.want("web", "192.0.2.1")
    async with running(rig):
        await asyncio.sleep(30)
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert forgetful.writes == 2
    assert [event.outcome for event in rig.said(Published) if isinstance(event, Published)] == [Outcome.FAILED]


async def test_the_zone_is_scanned_now_and_then(rig: Rig, memory: Memory) -> None:
    rig.want("web", "192.0.2.1")
    async with running(rig):
        await asyncio.sleep(10)
        memory.erase_by_hand("fed.test", "web.fed.test", "A")
        await asyncio.sleep(1000)
    assert rig.at("web") == {"A": ("192.0.2.1",)}


def test_delays_double_with_jitter_up_to_a_limit() -> None:
    backoff = Backoff(base_s=1.0, limit_s=10.0)
    assert [backoff.delay_s(Transient("x"), 1.0) for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    assert backoff.delay_s(Transient("x"), 0.0) == 5.0
    backoff.reset()
    assert backoff.delay_s(Transient("x"), 0.0) == 0.5
    assert backoff.delay_s(Transient("x", retry_after_s=99.0), 0.0) == 99.0
