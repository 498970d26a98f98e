"""Events: one object for one thing said, counted instead of repeated, bounded in rate, and harmless when they fail."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.events import (
    KEPT_S,
    LONGEST_MESSAGE,
    LONGEST_QUEUE,
    QUIET_S,
    SPACING_S,
    EventWriter,
    Note,
    Subject,
)
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params
from trafficfed.testing.scripted_api import LoopClock, running

WEB = Subject("shop", "web", "uid-of-web")
CONFLICT = Note(WEB, "Conflict", "web.example.org belongs to shop/web of cluster us")


class Board:
    """An API server's Events as far as this matters: create, conflict, merge patch, not found."""

    def __init__(self) -> None:
        self.events: dict[str, dict[str, Any]] = {}
        self.writes: list[tuple[float, str]] = []
        self.failure: Exception | None = None
        self.answer: bytes | None = None

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        self.writes.append((asyncio.get_running_loop().time(), method))
        if self.failure is not None:
            raise self.failure
        sent = msgspec.json.decode(body or b"{}")
        if method == "POST":
            path = f"{path}/{sent['metadata']['name']}"
            if path in self.events:
                raise Unavailable("409 Conflict: already exists", 409)
            self.events[path] = sent
        elif path not in self.events:
            raise Rejected("404 Not Found", 404)
        else:
            self.events[path] |= sent
        return self.answer or msgspec.json.encode(self.events[path])


class Desk:
    """A board, a writer for it, and what the writer said went wrong."""

    def __init__(self, board: Board | None = None) -> None:
        self.board = board or Board()
        self.failures: list[str] = []
        self.writer = EventWriter(self.board, LoopClock(), self.failures.append)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Callable[..., None]]:
        async with running(self.writer.run):
            yield self.writer.tell
            await asyncio.sleep(QUIET_S + 10)

    @property
    def counts(self) -> list[int]:
        return [event["count"] for event in self.board.events.values()]

    @property
    def methods(self) -> list[str]:
        return [method for _, method in self.board.writes]


@pytest.mark.looptime
async def test_an_event_says_who_what_and_when() -> None:
    desk = Desk()
    async with desk.open() as tell:
        await asyncio.sleep(5)
        tell(CONFLICT)
    ((path, written),) = desk.board.events.items()
    assert path.startswith("/api/v1/namespaces/shop/events/web.")
    assert written["involvedObject"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "namespace": "shop",
        "name": "web",
        "uid": "uid-of-web",
    }
    assert (written["reason"], written["message"], written["type"]) == ("Conflict", CONFLICT.message, "Warning")
    assert written["firstTimestamp"] == written["lastTimestamp"] == "2026-09-21T14:13:25Z"
    assert written["source"] == {"component": "trafficfed"}


@pytest.mark.looptime
async def test_the_same_thing_said_often_is_one_event_with_a_count() -> None:
    desk = Desk()
    async with desk.open() as tell:
        for _ in range(50):
            tell(CONFLICT)
            await asyncio.sleep(0.5)
    assert desk.counts == [50]
    assert desk.methods == ["POST", "PATCH"]


@pytest.mark.looptime
async def test_different_things_are_different_events() -> None:
    desk = Desk()
    async with desk.open() as tell:
        tell(CONFLICT)
        tell(Note(WEB, "Conflict", "another message"))
        tell(Note(WEB, "NotGranted", CONFLICT.message))
        tell(Note(Subject("shop", "web", "uid-of-its-successor"), "Conflict", CONFLICT.message))
    assert desk.counts == [1, 1, 1, 1]


@pytest.mark.looptime
async def test_a_restart_counts_on_and_writes_no_second_event() -> None:
    first = Desk()
    async with first.open() as tell:
        tell(CONFLICT)
        tell(CONFLICT)
    second = Desk(first.board)
    async with second.open() as tell:
        tell(CONFLICT)
    assert second.counts == [3]
    assert second.failures == []


@pytest.mark.looptime
async def test_an_event_the_server_forgot_is_written_anew() -> None:
    desk = Desk()
    async with desk.open() as tell:
        tell(CONFLICT)
        await asyncio.sleep(QUIET_S + 1)
        desk.board.events.clear()
        tell(CONFLICT)
    assert desk.methods == ["POST", "PATCH", "POST"]
    assert desk.counts == [1]


@pytest.mark.looptime
async def test_a_burst_is_spread_out_and_complete() -> None:
    desk = Desk()
    async with desk.open() as tell:
        for number in range(100):
            tell(Note(WEB, "Conflict", f"message {number}"))
    moments = [at_s for at_s, _ in desk.board.writes]
    assert len(moments) == 100
    assert min(later - earlier for earlier, later in pairwise(moments)) >= SPACING_S * 0.99


@pytest.mark.looptime
async def test_what_is_too_much_is_dropped_oldest_first_and_counted() -> None:
    desk = Desk()
    for number in range(LONGEST_QUEUE + 7):
        desk.writer.tell(Note(WEB, "Conflict", f"message {number}"))
    async with running(desk.writer.run):
        await asyncio.sleep(SPACING_S / 2)
    assert desk.writer.dropped == 7
    assert [event["message"] for event in desk.board.events.values()] == ["message 7"]


@pytest.mark.looptime
@pytest.mark.parametrize("failure", [Refused("403 Forbidden: events is forbidden"), Transient("cannot connect")])
async def test_a_failure_is_told_and_the_next_event_goes_out(failure: Exception) -> None:
    desk = Desk()
    async with desk.open() as tell:
        desk.board.failure = failure
        tell(CONFLICT)
        await asyncio.sleep(1)
        desk.board.failure = None
        tell(Note(WEB, "NotGranted", "no grant"))
    assert desk.failures == [f"Event Conflict on Service shop/web: {failure}"]
    assert [event["reason"] for event in desk.board.events.values()] == ["NotGranted"]


@pytest.mark.looptime
async def test_an_answer_that_is_no_event_is_a_failure_like_any_other() -> None:
    """As from a proxy between us and the server."""
    desk = Desk()
    async with desk.open() as tell:
        tell(CONFLICT)
        await asyncio.sleep(1)
        desk.board.answer = b"<html>"
        tell(CONFLICT)
        await asyncio.sleep(QUIET_S + 1)
        desk.board.answer = None
        tell(Note(WEB, "NotGranted", "another message"))
        await asyncio.sleep(1)
    assert len(desk.failures) == 1
    assert "the answer to a patch is no Event" in desk.failures[0]
    assert len(desk.board.events) == 2


@pytest.mark.looptime
async def test_nothing_to_say_asks_nothing() -> None:
    desk = Desk()
    async with desk.open():
        await asyncio.sleep(KEPT_S)
    assert desk.board.writes == []


@pytest.mark.looptime
async def test_notes_of_what_was_written_do_not_pile_up() -> None:
    desk = Desk()
    async with desk.open() as tell:
        for number in range(20):
            tell(Note(WEB, "Conflict", f"message {number}"))
        await asyncio.sleep(KEPT_S + QUIET_S)
        tell(CONFLICT)
    assert len(desk.writer._written) == 1


@pytest.mark.looptime
async def test_a_long_message_is_cut_to_what_the_server_takes() -> None:
    desk = Desk()
    async with desk.open() as tell:
        tell(Note(WEB, "Conflict", "x" + "ü" * 5000))
    ((_, written),) = desk.board.events.items()
    assert written["message"] == "x" + "ü" * (LONGEST_MESSAGE // 2 - 1)


@given(name=st.from_regex(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?", fullmatch=True), message=st.text())
def test_names_of_events_are_valid_object_names(name: str, message: str) -> None:
    made = Note(Subject("shop", name, "uid"), "Conflict", message).name
    assert len(made) <= 253
    assert made.startswith(f"{name}.")
    assert made == Note(Subject("shop", name, "uid"), "Conflict", message).name


def test_what_is_in_no_namespace_has_its_events_in_the_default_one() -> None:
    """As API servers demand it: an Event is of its object's namespace, or of ``default`` where that has none."""
    fleet = Note(Subject("", "base", "uid", "ClusterPropagationPolicy", "trafficfed.io/v1alpha1"), "Invalid", "why")
    assert fleet.path == "/api/v1/namespaces/default/events"
    assert str(fleet.subject) == "ClusterPropagationPolicy base"
    assert CONFLICT.path == "/api/v1/namespaces/shop/events"
