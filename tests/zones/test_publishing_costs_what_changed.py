"""The publisher coalesces wishes, writes only what differs, and a second run writes nothing (laws 5 and 6)."""

import asyncio
from collections.abc import Sequence

import pytest
from msgspec.structs import replace

from trafficfed.model import Capabilities, NameChange, Outcome, RecordSet, Result
from trafficfed.reports import Published, Verified
from trafficfed.testing.publishing import ZONE, Rig
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime


class Recorder(Memory):
    """Remembers what was asked of it, and takes its time."""

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[list[str]] = []
        self.reads = 0

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        self.reads += 1
        return await super().read(zone, deadline_s)

    async def apply(
        self, zone: str, changes: Sequence[NameChange], deadline_s: float, fence: RecordSet | None = None
    ) -> tuple[Result, ...]:
        self.batches.append([change.name.partition(".")[0] for change in changes])
        await asyncio.sleep(1)
        return await super().apply(zone, changes, deadline_s, fence)


async def test_a_wish_is_published_with_its_marker_and_reported(rig: Rig) -> None:
    rig.want("web", "192.0.2.1", "192.0.2.2")
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1", "192.0.2.2")}
    assert "owner=prod service=default/shop/web state=done" in rig.marker("web")
    (published,) = rig.said(Published)
    assert isinstance(published, Published)
    assert (published.provider, published.zone, published.name, published.outcome) == (
        "memory", ZONE, "web.fed.test", Outcome.DONE,
    )  # fmt: skip


async def test_the_same_wish_again_writes_nothing(rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    await rig.settle()
    writes = rig.memory.writes
    rig.want("web", "192.0.2.1")
    await rig.settle()
    assert rig.memory.writes == writes


async def test_a_second_controller_with_the_same_inputs_writes_nothing(rig: Rig) -> None:
    for number in range(20):
        rig.want(f"n{number}", f"192.0.2.{number}")
    await rig.settle()
    writes = rig.memory.writes
    rig.restart()
    for number in reversed(range(20)):
        rig.want(f"n{number}", f"192.0.2.{number}")
    await rig.settle()
    assert rig.memory.writes == writes


async def test_a_change_writes_its_own_records_only(rig: Rig) -> None:
    for number in range(20):
        rig.want(f"n{number}", "192.0.2.1")
    await rig.settle()
    writes = rig.memory.writes
    rig.want("n3", "192.0.2.2", known=("192.0.2.1", "192.0.2.2"))
    await rig.settle()
    assert rig.at("n3") == {"A": ("192.0.2.2",)}
    assert rig.memory.writes == writes + 2


async def test_a_ttl_is_changed_without_touching_the_marker(rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    await rig.settle()
    writes = rig.memory.writes
    rig.want("web", "192.0.2.1", ttl=60)
    await rig.settle()
    assert rig.memory.writes == writes + 1


async def test_wishes_that_come_while_writing_coalesce() -> None:
    recorder = Recorder()
    rig = Rig(recorder)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(rig.publisher.run())
        await asyncio.sleep(0.1)
        for value in ("192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4"):
            rig.want("web", value, known=[f"192.0.2.{number}" for number in range(9)])
            await asyncio.sleep(0.2)
        await asyncio.sleep(5)
        running.cancel()
    assert rig.at("web") == {"A": ("192.0.2.4",)}
    assert recorder.batches == [["web"], ["web"]]


async def test_many_wishes_share_messages_and_the_zone_is_read_once() -> None:
    recorder = Recorder()
    rig = Rig(recorder)
    for number in range(250):
        rig.want(f"n{number}", "192.0.2.1")
    await rig.settle()
    assert [len(batch) for batch in recorder.batches] == [100, 100, 50]
    assert recorder.reads == 1


async def test_a_failover_does_not_wait_behind_first_publications() -> None:
    recorder = Recorder()
    rig = Rig(recorder)
    rig.want("live", "192.0.2.1", "192.0.2.2")
    await rig.settle()
    for number in range(300):
        rig.want(f"n{number}", "192.0.2.1")
    rig.want("live", "192.0.2.2", known=("192.0.2.1", "192.0.2.2"))
    await rig.settle()
    assert recorder.batches[1][0] == "live"


async def test_time_is_counted_from_the_first_event_that_is_not_answered_yet(rig: Rig) -> None:
    await rig.publisher.load()
    start_s = asyncio.get_running_loop().time() + 1_790_000_000.0
    rig.want("web", "192.0.2.1", event_at_s=start_s)
    await asyncio.sleep(3)
    rig.want("web", "192.0.2.2", event_at_s=start_s + 3)
    await asyncio.sleep(2)
    await rig.publisher.publish_once()
    rig.want("web", "192.0.2.3", known=("192.0.2.2", "192.0.2.3"), event_at_s=start_s + 5)
    await asyncio.sleep(1)
    await rig.publisher.publish_once()
    assert [round(event.since_event_s) for event in rig.said(Published) if isinstance(event, Published)] == [5, 1]


async def test_pending_shows_the_plan_and_changes_nothing(rig: Rig) -> None:
    rig.by_hand("foreign", "A", "198.51.100.7")
    rig.want("web", "192.0.2.1")
    rig.want("foreign", "192.0.2.1")
    await rig.publisher.load()
    writes = rig.memory.writes
    for _ in range(2):
        pending = rig.publisher.pending()
        assert [change.name for change in pending.changes] == ["web.fed.test"]
        assert [(refusal.reason, str(refusal.service)) for refusal in pending.refusals] == [
            ("ForeignRecord", "default/shop/foreign")
        ]
    assert rig.memory.writes == writes
    assert rig.reports == []
    await rig.settle()
    assert rig.publisher.pending().changes == ()


async def test_pending_shows_what_brakes_would_hold(rig: Rig) -> None:
    rig.want("web", "192.0.2.1", "192.0.2.2", "192.0.2.3")
    await rig.settle()
    rig.restart()
    rig.publisher.view_complete(True)
    await rig.publisher.load()
    rig.want("web", "192.0.2.1")
    pending = rig.publisher.pending()
    assert [held.names for held in pending.held] == [("web.fed.test",)]
    assert pending.changes == ()


async def test_what_is_written_during_a_scan_is_not_taken_for_drift() -> None:
    class Slow(Memory):
        async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
            found = await super().read(zone, deadline_s)
            await asyncio.sleep(10)
            return found

    slow = Slow()
    rig = Rig(slow)
    rig.want("web", "192.0.2.1")
    await rig.settle()
    async with asyncio.TaskGroup() as group:
        group.create_task(rig.publisher.drift_scan())
        await asyncio.sleep(1)
        rig.want("web", "192.0.2.2", known=("192.0.2.1", "192.0.2.2"))
        rig.want("new", "192.0.2.2")
        await rig.publisher.publish_once()
    writes = slow.writes
    assert rig.publisher.waiting == 0
    await rig.settle()
    assert slow.writes == writes
    assert rig.at("web") == rig.at("new") == {"A": ("192.0.2.2",)}


class OneByOne(Recorder):
    """Takes one change at a time; ``asked_after`` so many it was asked each time whether its servers have them."""

    def __init__(self) -> None:
        super().__init__()
        self.asked_after: list[int] = []

    @property
    def capabilities(self) -> Capabilities:
        return replace(super().capabilities, batch=1, tracks=True)

    async def in_sync(self, deadline_s: float) -> bool:
        self.asked_after.append(len(self.batches))
        return True


async def test_what_waits_is_written_before_anything_is_verified() -> None:
    memory = OneByOne()
    rig = Rig(memory)
    async with asyncio.TaskGroup() as group:
        running = group.create_task(rig.publisher.run())
        await asyncio.sleep(1)
        for number in range(5):
            rig.want(f"n{number}", f"192.0.2.{number}")
        await asyncio.sleep(10)
        running.cancel()
    assert [len(batch) for batch in memory.batches] == [1] * 5
    assert memory.asked_after == [5] * 5
    assert len(rig.said(Verified)) == 5
