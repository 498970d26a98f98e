"""Whatever is cut and whenever, a name server ends with the controller's table; silence and crowds are bounded."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.feed.channel import GREETING, PAYLOAD_LIMIT, Channel, NotAuthentic, greet, join
from trafficfed.feed.client import Following
from trafficfed.feed.messages import Beat, encode
from trafficfed.feed.notes import Note
from trafficfed.feed.server import FOLLOWERS, FeedServer
from trafficfed.feed.source import Lone
from trafficfed.model import ServiceKey
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.replica import Replica
from trafficfed.table.table import Table
from trafficfed.testing.nameservers import ask, values
from trafficfed.testing.processes import free_port
from trafficfed.testing.sample_zone import EU, US, ZONE, anyone, responder_for, service_row

KEY = b"0123456789abcdef0123456789abcdef"


@asynccontextmanager
async def running(feed: FeedServer) -> AsyncIterator[None]:
    started = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(feed.run(started.set))
        await started.wait()
        yield
        task.cancel()


class Follower:
    """A replica with a responder behind it, and a way to wait for what it confirms."""

    def __init__(self, address: str, silence_s: float = 10.0) -> None:
        self.responder = responder_for(())
        self.notes: list[Note] = []
        self.moved = asyncio.Event()
        self.replica = Replica(Table(), lambda: Index((ZONE,)), self._use, self.moved.set, self._tell)
        self.client = Following(
            (address,), "nameserver", KEY, self.replica, self._tell, Random(1), silence_s, beat_s=0.01
        )

    def _use(self, index: Index) -> None:
        self.responder.index = index

    def _tell(self, note: Note) -> None:
        self.notes.append(note)
        self.moved.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not reached():
                self.moved.clear()
                await self.moved.wait()


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
async def test_after_any_cuts_and_restarts_the_answers_are_those_of_the_controllers_table(seed: int) -> None:
    """Commits, lost connections and restarts of the controller in random order; the seed is fixed."""
    chance = Random(seed)
    table, port = Table(), free_port()
    follower = Follower(f"127.0.0.1:{port}")
    names = [f"n{number}" for number in range(6)]

    def commit(feed: FeedServer) -> None:
        name = chance.choice(names)
        removed = [ServiceKey("default", "prod", name)] if chance.random() < 0.3 else []
        pool = chance.choice((EU, US))
        rows = [] if removed else [service_row(f"{name}.example.org", anyone(pool), name=name)]
        delta = table.commit(rows, removed)
        if delta is not None:
            feed.publish(delta)

    async with asyncio.TaskGroup() as group:
        following = group.create_task(follower.client.run())
        for _ in range(4):
            feed = FeedServer(
                f"127.0.0.1:{port}", lambda identity: KEY, Lone(table), follower.notes.append, beat_s=0.02
            )
            async with running(feed):
                for _ in range(10):
                    commit(feed)
                    if chance.random() < 0.3:
                        follower.client.restart()
                    for _ in range(chance.randrange(4)):
                        await asyncio.sleep(0)
                await follower.until(lambda: follower.replica.table.generation == table.generation)
        following.cancel()
    assert follower.replica.table.snapshot() == table.snapshot()
    fresh = responder_for(table.rows.values())
    for name in names:
        answers = [values(ask(each, f"{name}.example.org")) for each in (follower.responder, fresh)]
        assert answers[0] == answers[1]


async def test_a_controller_that_falls_silent_is_left() -> None:
    """Its connection may stand for hours while its region is cut off."""
    port = free_port()
    follower = Follower(f"127.0.0.1:{port}", silence_s=0.05)
    feed = FeedServer(f"127.0.0.1:{port}", lambda identity: KEY, Lone(Table()), follower.notes.append, beat_s=60.0)
    async with running(feed), asyncio.TaskGroup() as group:
        following = group.create_task(follower.client.run())
        await follower.until(lambda: any(note.event == "FeedLost" for note in follower.notes))
        following.cancel()
    lost = next(note for note in follower.notes if note.event == "FeedLost")
    assert "nothing was heard for 0.05 s" in lost.message


async def test_a_crowd_of_strangers_is_turned_away() -> None:
    port = free_port()
    notes: list[Note] = []
    async with running(FeedServer(f"127.0.0.1:{port}", lambda identity: KEY, Lone(Table()), notes.append)):
        crowd = [await asyncio.open_connection("127.0.0.1", port) for _ in range(FOLLOWERS)]
        for reader, _ in crowd:
            await reader.readexactly(len(GREETING))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert await reader.read() == b""
        writer.close()
        for _, each in crowd:
            each.close()
    assert notes[0].event == "FeedFull"


@asynccontextmanager
async def channels() -> AsyncIterator[tuple[Channel, Channel, asyncio.StreamWriter]]:
    """Both ends of one authenticated connection, and the controller's raw end."""
    accepted: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
    port = free_port()
    server = await asyncio.start_server(lambda reader, writer: accepted.put_nowait((reader, writer)), "127.0.0.1", port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    down_reader, down_writer = await accepted.get()
    async with asyncio.TaskGroup() as group:
        greeting = group.create_task(greet(down_reader, down_writer, lambda identity: KEY))
        joining = group.create_task(join(reader, writer, "nameserver", KEY))
    yield greeting.result(), joining.result(), down_writer
    writer.close()
    down_writer.close()
    server.close()


async def test_frames_pass_in_both_directions_in_order() -> None:
    async with channels() as (controller, follower, _):
        for number in range(3):
            await controller.send(encode(Beat(0, number)))
            await follower.send(encode(Beat(1, number)))
        assert [await follower.receive(5) for _ in range(3)] == [Beat(0, number) for number in range(3)]
        assert [await controller.receive(5) for _ in range(3)] == [Beat(1, number) for number in range(3)]


async def test_each_direction_has_a_key_of_its_own() -> None:
    """So a frame that is sent back to its sender is not taken for the other side's."""
    async with channels() as (controller, follower, _):
        await controller.send(encode(Beat(0, 1)))
        follower._receiving = follower._sending
        with pytest.raises(NotAuthentic, match="fails its authentication"):
            await follower.receive(5)


@pytest.mark.parametrize(
    ("octets", "why"),
    [
        ((PAYLOAD_LIMIT + 1).to_bytes(4) + bytes(32), "a frame of 268435457 octets"),
        ((4).to_bytes(4) + secrets.token_bytes(36), "fails its authentication"),
        (bytes(36), "fails its authentication"),
    ],
    ids=["too long", "forged", "empty"],
)
async def test_a_forged_frame_is_refused(octets: bytes, why: str) -> None:
    async with channels() as (_, follower, raw):
        raw.write(octets)
        with pytest.raises(NotAuthentic, match=why):
            await follower.receive(5)


async def test_an_authentic_frame_that_says_nothing_we_know_is_refused() -> None:
    async with channels() as (controller, follower, _):
        await controller.send(b"\xc1")
        with pytest.raises(Refused, match="does not decode"):
            await follower.receive(5)


async def test_the_end_of_a_connection_is_transient() -> None:
    async with channels() as (_, follower, raw):
        raw.write(b"\0\0")
        raw.close()
        with pytest.raises(Transient, match="closed the connection"):
            await follower.receive(5)
