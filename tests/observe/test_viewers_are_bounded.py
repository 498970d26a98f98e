"""Viewers of the stream in virtual time: told soon and together, dropped when they lag, refused when they are many."""

import asyncio
import json
from typing import Any

import pytest
from msgspec.structs import replace

from trafficfed.errors import ConfigError, Transient
from trafficfed.model import Observation, ServiceKey
from trafficfed.observe.stream import BEAT, BEAT_S, MOST_WAITING, REST_S, SHARE, SOON_S, Stream, Viewer
from trafficfed.observe.views import ServiceView, StatusView
from trafficfed.reports import Decided, Observed

pytestmark = pytest.mark.looptime

DECIDED = Decided(ServiceKey("default", "shop", "web"), "verdict", "192.0.2.1")
PASSED = Observed(
    Observation(vantage="v", service=DECIDED.service, cluster="eu", address="192.0.2.1", at_s=1.0, passed=True)
)


class Line:
    """A connection that remembers what became of it."""

    def __init__(self) -> None:
        self.aborted = self.closing = False

    def abort(self) -> None:
        self.aborted = self.closing = True

    def is_closing(self) -> bool:
        return self.closing


class Watched:
    """A status that a test changes, with a count of how often it was looked at, and a clock that looks may cost."""

    def __init__(self) -> None:
        self.view = StatusView(owner="demo", at_s=1000.0)
        self.looks = 0
        self.costs_s = 0.0
        self.spent_s = 0.0
        self.failure: Exception | None = None
        self.rests = 0

    def read(self) -> StatusView:
        self.looks += 1
        self.spent_s += self.costs_s
        if self.failure is not None:
            raise self.failure
        return self.view

    def rest(self) -> None:
        self.rests += 1

    def change(self) -> None:
        self.view = replace(self.view, generation=self.view.generation + 1)

    def now_s(self) -> float:
        return self.monotonic_s()

    def monotonic_s(self) -> float:
        return asyncio.get_running_loop().time() + self.spent_s


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def stream(watched: Watched) -> Stream:
    return Stream(watched.read, watched, most=3, idle=watched.rest)


async def told(viewer: Viewer) -> tuple[str, Any]:
    """Kind and content of its next message."""
    message = await viewer.next()
    assert message is not None
    kind, data, *rest = message.decode().split("\n")
    assert rest == ["", ""]
    return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))


async def test_a_viewer_is_told_the_whole_first_and_then_what_changes(stream: Stream, watched: Watched) -> None:
    watched.view = replace(watched.view, services=(ServiceView(service="a", hostnames=()),))
    viewer = stream.join(Line())
    kind, first = await told(viewer)
    assert (kind, first["whole"], [one["service"] for one in first["status"]["services"]]) == ("status", True, ["a"])
    watched.change()
    stream.report(DECIDED)
    _, news = await told(viewer)
    assert (news["whole"], news["status"]["services"], news["status"]["generation"]) == (False, [], 1)


async def test_what_happens_together_is_told_together_and_soon(stream: Stream, watched: Watched) -> None:
    viewer = stream.join(Line())
    await told(viewer)
    began_s = asyncio.get_running_loop().time()
    for _ in range(100):
        watched.change()
        stream.report(DECIDED)
    _, news = await told(viewer)
    assert news["status"]["generation"] == 100
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(SOON_S)
    assert watched.looks == 2


async def test_what_tells_no_event_is_seen_after_a_while(stream: Stream, watched: Watched) -> None:
    viewer = stream.join(Line())
    await told(viewer)
    watched.change()
    began_s = asyncio.get_running_loop().time()
    await told(viewer)
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(REST_S)


async def test_single_probes_wake_nobody(stream: Stream, watched: Watched) -> None:
    stream.join(Line())
    for _ in range(50):
        stream.report(PASSED)
    await asyncio.sleep(REST_S / 2)
    assert watched.looks == 1


async def test_nothing_is_looked_at_while_nobody_views(stream: Stream, watched: Watched) -> None:
    stream.report(DECIDED)
    await asyncio.sleep(10 * REST_S)
    assert (watched.looks, watched.rests) == (0, 0)
    stream.leave(stream.join(Line()))
    assert watched.rests == 1
    await asyncio.sleep(10 * REST_S)
    assert watched.looks == 1


async def test_looking_takes_a_small_share_of_the_time_however_long_it_takes(stream: Stream, watched: Watched) -> None:
    watched.costs_s = 2.0
    stream.join(Line())
    for _ in range(100):
        stream.report(DECIDED)
        await asyncio.sleep(1.0)
    assert watched.looks <= 1 + 100 / (SHARE * watched.costs_s)


async def test_a_silent_stream_beats(stream: Stream) -> None:
    viewer = stream.join(Line())
    await told(viewer)
    began_s = asyncio.get_running_loop().time()
    assert await viewer.next() == BEAT
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(BEAT_S)


async def test_who_comes_later_is_told_the_whole_without_another_look(stream: Stream, watched: Watched) -> None:
    stream.join(Line())
    _, first = await told(stream.join(Line()))
    assert (first["whole"], watched.looks) == (True, 1)


async def test_a_viewer_that_reads_nothing_is_dropped_and_disturbs_no_other(stream: Stream, watched: Watched) -> None:
    stalled, reading = Line(), Line()
    idle, viewer = stream.join(stalled), stream.join(reading)
    await told(viewer)
    for number in range(1, MOST_WAITING + 1):
        watched.change()
        stream.report(DECIDED)
        assert (await told(viewer))[1]["status"]["generation"] == number
    assert (stalled.aborted, reading.aborted) == (True, False)
    assert await idle.next() is None


async def test_no_more_than_so_many_are_taken(stream: Stream) -> None:
    viewers = [stream.join(Line()) for _ in range(3)]
    with pytest.raises(Transient, match="3 viewers are connected, and no more are taken"):
        stream.join(Line())
    stream.leave(viewers[0])
    stream.join(Line())
    assert stream.viewers == 3


async def test_those_that_left_without_a_word_make_room(stream: Stream) -> None:
    lines = [Line() for _ in range(3)]
    for line in lines:
        stream.join(line)
    lines[1].closing = True
    stream.join(Line())
    assert stream.viewers == 3


async def test_after_the_last_has_left_nothing_is_looked_at(stream: Stream, watched: Watched) -> None:
    line = Line()
    viewer = stream.join(line)
    await told(viewer)
    line.closing = True
    await asyncio.sleep(10 * REST_S)
    assert (watched.looks, stream.viewers, await viewer.next()) == (1, 0, None)
    assert (await told(stream.join(Line())))[1]["whole"] is True


async def test_trouble_is_told_and_its_end_too(stream: Stream, watched: Watched) -> None:
    viewer = stream.join(Line())
    await told(viewer)
    watched.failure = ConfigError("no table")
    stream.wake()
    assert await told(viewer) == ("trouble", {"error": "no table"})
    watched.failure = None
    kind, news = await told(viewer)
    assert (kind, news["whole"]) == ("status", True)


async def test_trouble_at_the_beginning_is_told_too(stream: Stream, watched: Watched) -> None:
    watched.failure = ConfigError("no table")
    assert (await told(stream.join(Line())))[0] == "trouble"


async def test_a_look_that_fails_otherwise_is_not_the_last(stream: Stream, watched: Watched) -> None:
    """It is told by the loop's handler, as any such failure is."""
    viewer = stream.join(Line())
    await told(viewer)
    heard: list[object] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: heard.append(context["exception"]))
    watched.failure = ZeroDivisionError("a mistake of ours")
    stream.wake()
    await asyncio.sleep(2 * SOON_S)
    assert heard == [watched.failure]
    watched.failure = None
    watched.change()
    assert (await told(viewer))[1]["status"]["generation"] == 1


async def test_all_end_when_the_stream_closes(stream: Stream) -> None:
    viewers = [stream.join(Line()) for _ in range(2)]
    stream.close()
    assert [await viewer.next() for viewer in viewers] == [None, None]
    assert stream.viewers == 0
