"""An edit waits for nothing but edits; bulk work narrows while somebody edits, and never stands still."""

import asyncio
from collections.abc import Mapping

import pytest

from trafficfed.propagation.engine import Job
from trafficfed.propagation.objects import DEFAULT_KINDS, ObjectKey
from trafficfed.propagation.plan import Apply
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.troubles import Failure
from trafficfed.propagation.writer import (
    BULK_AT_ONCE,
    BULK_BESIDE_EDITS,
    EDITING_S,
    EDITS_AT_ONCE,
    MemberWriter,
)
from trafficfed.testing.scripted_api import LoopClock, running

pytestmark = pytest.mark.looptime
TOOK_S = 0.1


class Member:
    """An API server that takes its time; it knows what is under way, and in which order everything was asked for."""

    def __init__(self) -> None:
        self.under_way: set[str] = set()
        self.asked: list[str] = []
        self.most: dict[str, int] = {}

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Mapping[str, str] | None = None,
    ) -> bytes:
        name = path.rpartition("/")[2]
        self.asked.append(name)
        self.under_way.add(name)
        for kind in ("bulk", "edit"):
            count = sum(each.startswith(kind) for each in self.under_way)
            self.most[kind] = max(self.most.get(kind, 0), count)
        await asyncio.sleep(TOOK_S)
        self.under_way.discard(name)
        return b'{"metadata": {}}'


class Outcomes:
    def __init__(self) -> None:
        self.ended: list[tuple[float, str, str]] = []

    def _note(self, deed: Deed, outcome: str) -> None:
        self.ended.append((asyncio.get_running_loop().time(), deed.object.name, outcome))

    def done(self, deed: Deed, answer: bytes) -> None:
        self._note(deed, "done")

    def absent(self, deed: Deed) -> None:
        self._note(deed, "absent")

    def found(self, deed: Deed, body: bytes) -> None:
        self._note(deed, "found")

    def failed(self, deed: Deed, found: Failure) -> None:
        self._note(deed, found.reason)


class Scene:
    def __init__(self) -> None:
        self.member, self.outcomes = Member(), Outcomes()
        self.writer = MemberWriter("demo", DEFAULT_KINDS, self.outcomes, LoopClock())

    def submit(self, kind: str, count: int = 1) -> None:
        for number in range(count):
            name = f"{kind}-{len(self.member.asked)}-{number}"
            key = ObjectKey("", "ConfigMap", "shop", name)
            deed = Apply(cluster="eu", object=key, body=b'{"metadata": {}}', hash="1", resource_version="7")
            self.writer.submit(Job(deed=deed, urgent=kind == "edit"))

    async def run(self) -> None:
        await self.writer.run(self.member)

    def done(self, kind: str) -> int:
        return sum(name.startswith(kind) for _, name, outcome in self.outcomes.ended if outcome == "done")


async def test_bulk_work_alone_has_all_of_its_lanes() -> None:
    scene = Scene()
    scene.submit("bulk", 40)
    async with running(scene.run):
        await asyncio.sleep(TOOK_S * 40 / BULK_AT_ONCE + 0.01)
        assert scene.done("bulk") == 40
        assert scene.member.most["bulk"] == BULK_AT_ONCE


async def test_an_edit_is_sent_at_once_however_much_bulk_work_waits() -> None:
    scene = Scene()
    scene.submit("bulk", 1000)
    async with running(scene.run):
        await asyncio.sleep(1.0)
        scene.submit("edit")
        await asyncio.sleep(TOOK_S + 0.01)
        assert scene.done("edit") == 1


async def test_while_somebody_edits_bulk_work_has_one_lane_and_goes_on() -> None:
    scene = Scene()
    scene.submit("bulk", 1000)
    async with running(scene.run):
        scene.submit("edit")
        await asyncio.sleep(BULK_AT_ONCE * TOOK_S)
        before = scene.done("bulk")
        scene.member.most.clear()
        for _ in range(10):
            scene.submit("edit")
            await asyncio.sleep(0.5)
        assert scene.member.most["bulk"] == BULK_BESIDE_EDITS
        assert 45 <= scene.done("bulk") - before <= 51, "one lane for five seconds"
        assert scene.done("edit") == 11


async def test_soon_after_the_last_edit_bulk_work_is_as_wide_as_before() -> None:
    scene = Scene()
    scene.submit("edit")
    scene.submit("bulk", 1000)
    async with running(scene.run):
        await asyncio.sleep(EDITING_S + TOOK_S)
        assert len(scene.member.under_way) == BULK_AT_ONCE


async def test_many_edits_have_lanes_of_their_own_and_no_more() -> None:
    scene = Scene()
    scene.submit("edit", 20)
    async with running(scene.run):
        await asyncio.sleep(20 * TOOK_S / EDITS_AT_ONCE + 0.01)
        assert scene.done("edit") == 20
        assert scene.member.most["edit"] == EDITS_AT_ONCE


async def test_what_is_under_way_when_the_connection_is_given_up_is_told_and_the_rest_waits_for_the_next() -> None:
    scene = Scene()
    scene.submit("bulk", 10)
    async with running(scene.run):
        await asyncio.sleep(TOOK_S / 2)
    given_up = [outcome for *_, outcome in scene.outcomes.ended]
    assert given_up == ["Unreachable"] * BULK_AT_ONCE
    async with running(scene.run):
        await asyncio.sleep(1.0)
    assert scene.done("bulk") == 10 - BULK_AT_ONCE
