"""The feed over real sockets: snapshot, deltas, resumption, authentication, and copies that serve on without it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from random import Random

import pytest

from trafficfed.errors import ConfigError, Refused
from trafficfed.feed.backlog import Backlog
from trafficfed.feed.channel import join
from trafficfed.feed.client import Following
from trafficfed.feed.messages import Beat, Full, Overlay, Resume, encode
from trafficfed.feed.notes import Note
from trafficfed.feed.server import FeedServer
from trafficfed.feed.source import Lone
from trafficfed.model import Row
from trafficfed.table.codec import decode_delta, decode_snapshot
from trafficfed.table.table import Table
from trafficfed.testing.processes import free_port
from trafficfed.testing.sample_zone import EU, US, anyone, service_row

KEY = b"0123456789abcdef0123456789abcdef"


class Recorder:
    """A copy of the table that remembers how each change came."""

    def __init__(self) -> None:
        self.table = Table()
        self.epoch = ""
        self.heard: list[str] = []
        self.beats = 0
        self.moved = asyncio.Event()

    @property
    def position(self) -> Resume:
        return Resume(self.epoch, self.table.term, self.table.generation, len(self.table.rows))

    def begin(self, beat: Beat) -> Resume:
        return self.position

    async def take_full(self, epoch: str, data: bytes) -> None:
        self.table.adopt(decode_snapshot(data))
        self.epoch = epoch
        self._note("full")

    async def take_change(self, data: bytes) -> None:
        self.table.apply(decode_delta(data))
        self._note("change")

    def take_overlay(self, overlay: Overlay) -> None:
        self._note("overlay")

    def take_beat(self, beat: Beat) -> None:
        if beat.generation != self.table.generation:
            self.epoch = ""
            raise Refused("missed something")
        self.beats += 1
        self.moved.set()

    def _note(self, kind: str) -> None:
        self.heard.append(f"{kind} {self.table.generation}")
        self.moved.set()

    async def until(self, reached: Callable[[], bool]) -> None:
        """Wait for it, event by event."""
        async with asyncio.timeout(10):
            while not reached():
                self.moved.clear()
                await self.moved.wait()


def row(number: int) -> Row:
    return service_row("web.example.org", anyone(EU if number % 2 else US), ttl=30 + number)


class Notes(list[Note]):
    """What a client told, with a way to wait for it."""

    def __init__(self) -> None:
        self._told = asyncio.Event()

    def tell(self, note: Note) -> None:
        self.append(note)
        self._told.set()

    async def first(self, event: str) -> Note:
        """The first note of this kind, as soon as there is one."""
        async with asyncio.timeout(10):
            while not (found := [note for note in self if note.event == event]):
                self._told.clear()
                await self._told.wait()
        return found[0]


class Controller:
    """A table with a feed on a port that stays the same over restarts."""

    def __init__(self, key: bytes = KEY) -> None:
        self.key = key
        self.table = Table()
        self.port = free_port()
        self.notes: list[Note] = []
        self.objections: list[str] = []
        self.feed = self._new()
        self.commits = 0

    def _new(self) -> FeedServer:
        source = Lone(self.table)
        return FeedServer(
            self.address, lambda identity: self.key, source, self.notes.append, beat_s=0.02, objection=self._objection
        )

    def _objection(self, resume: Resume) -> str:
        """Against followers that have something to lose."""
        return self.objections[0] if self.objections and resume.services else ""

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    def commit(self) -> None:
        self.commits += 1
        delta = self.table.commit([row(self.commits)])
        assert delta is not None
        self.feed.publish(delta)

    @asynccontextmanager
    async def up(self, same: bool = False) -> AsyncIterator[None]:
        """Serve until the block ends; ``same`` continues the process, else it is another one with the same table."""
        self.feed = self.feed if same else self._new()
        started = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.feed.run(started.set))
            await started.wait()
            yield
            task.cancel()


@asynccontextmanager
async def following(*addresses: str, copy: Recorder, key: bytes = KEY) -> AsyncIterator[tuple[Following, Notes]]:
    notes = Notes()
    client = Following(addresses, "nameserver", key, copy, notes.tell, Random(1))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(client.run())
        yield client, notes
        task.cancel()


async def test_a_follower_gets_a_snapshot_and_then_every_delta() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with controller.up(), following(controller.address, copy=copy) as (client, _):
        await copy.until(lambda: copy.table.generation == 1)
        for _ in range(3):
            controller.commit()
        await copy.until(lambda: copy.table.generation == 4)
        await copy.until(lambda: copy.beats > 2)
        assert client.connected == controller.address
        assert [follower.generation for follower in controller.feed.followers] == [4]
    assert copy.heard == ["full 1", "change 2", "change 3", "change 4"]
    assert copy.table.snapshot() == controller.table.snapshot()
    assert controller.feed.followers == ()


async def test_several_followers_get_the_same() -> None:
    controller, copies = Controller(), [Recorder(), Recorder()]
    async with (
        controller.up(),
        following(controller.address, copy=copies[0]),
        following(controller.address, copy=copies[1]),
    ):
        for copy in copies:
            await copy.until(lambda copy=copy: bool(copy.heard))  # type: ignore[misc]
        controller.commit()
        for copy in copies:
            await copy.until(lambda copy=copy: copy.table.generation == 1)  # type: ignore[misc]
        assert len(controller.feed.followers) == 2


async def test_after_a_cut_only_what_was_missed_is_sent() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with controller.up(), following(controller.address, copy=copy):
        await copy.until(lambda: copy.table.generation == 1)
    controller.commit()
    controller.commit()
    async with controller.up(same=True), following(controller.address, copy=copy):
        await copy.until(lambda: copy.table.generation == 3)
    assert copy.heard == ["full 1", "change 2", "change 3"]


async def test_a_follower_that_missed_nothing_is_only_told_so() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with controller.up():
        async with following(controller.address, copy=copy):
            await copy.until(lambda: copy.beats > 0)
        beats = copy.beats
        async with following(controller.address, copy=copy):
            await copy.until(lambda: copy.beats > beats)
    assert copy.heard == ["full 1"]


async def test_after_the_controllers_restart_a_snapshot_is_sent() -> None:
    """Its generations may count other changes than those that the follower knows."""
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with controller.up(), following(controller.address, copy=copy):
        await copy.until(lambda: copy.table.generation == 1)
    async with controller.up(), following(controller.address, copy=copy):
        await copy.until(lambda: copy.heard.count("full 1") == 2)


async def test_a_follower_that_lacks_a_change_gets_a_snapshot() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with controller.up(), following(controller.address, copy=copy):
        await copy.until(lambda: copy.table.generation == 1)
        controller.table.commit([row(100)])  # a change that was never published
        controller.commit()
        await copy.until(lambda: copy.table.generation == 3)
        assert copy.heard == ["full 1", "full 3"]


async def test_a_new_term_starts_with_a_snapshot() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with controller.up(), following(controller.address, copy=copy):
        await copy.until(lambda: copy.table.generation == 1)
        controller.table.begin_term(7)
        controller.feed.restart()
        await copy.until(lambda: copy.table.term == 7)
        controller.commit()
        await copy.until(lambda: copy.table.generation == 2)
    assert copy.heard == ["full 1", "full 1", "change 2"]


async def test_a_follower_of_another_term_gets_a_snapshot() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with controller.up(), following(controller.address, copy=copy):
        await copy.until(lambda: copy.table.generation == 1)
    controller.table.begin_term(3)
    async with controller.up(same=True), following(controller.address, copy=copy):
        await copy.until(lambda: copy.table.term == 3)
    assert copy.heard == ["full 1", "full 1"]


async def test_the_next_controller_is_followed_when_the_first_is_gone() -> None:
    first, second, copy = Controller(), Controller(), Recorder()
    first.commit()
    second.commit()
    second.commit()
    async with second.up(), following(first.address, second.address, copy=copy) as (client, notes):
        await copy.until(lambda: copy.table.generation == 2)
        assert client.connected == second.address
        assert [note.event for note in notes] == ["FeedLost", "FeedConnected"]
        assert first.address in notes[0].message


async def test_a_copy_stays_as_it_is_while_no_controller_answers() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with following(controller.address, copy=copy) as (_, notes):
        async with controller.up():
            await copy.until(lambda: copy.table.generation == 1)
        await notes.first("FeedLost")
        assert copy.table.generation == 1
        copy.moved.clear()
        controller.commit()
        async with controller.up():
            await copy.until(lambda: copy.table.generation == 2)
        assert [note.event for note in notes].count("FeedConnected") == 2


async def test_a_restarted_connection_is_a_new_one_that_resumes() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with controller.up(), following(controller.address, copy=copy) as (client, notes):
        await copy.until(lambda: copy.beats > 0)
        client.restart()
        await copy.until(lambda: [note.event for note in notes].count("FeedConnected") == 2)
    assert copy.heard == ["full 1"]


async def test_who_lacks_the_key_learns_nothing_and_teaches_nothing() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    other = b"another key, of 32 octets length"
    async with controller.up(), following(controller.address, copy=copy, key=other) as (client, notes):
        await notes.first("FeedLost")
        assert not client.connected
    assert copy.heard == []
    assert "does not take our feed key" in notes[0].message
    assert "does not know the feed key" in controller.notes[0].message


async def test_a_false_controller_is_not_believed() -> None:
    """One that answers the challenge without the key: recorded octets of another connection would be no better."""

    async def pretend(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"trafficfed-feed/2\n" + bytes(32))
        await reader.readexactly(18 + 32 + 1 + len("nameserver") + 32)
        writer.write(bytes(32))
        await reader.read()
        writer.close()

    port = free_port()
    copy = Recorder()
    server = await asyncio.start_server(pretend, "127.0.0.1", port)
    async with following(f"127.0.0.1:{port}", copy=copy) as (_, notes):
        await notes.first("FeedLost")
    server.close()
    assert copy.heard == []
    assert "it does not know the feed key; give both the same" in notes[0].message


async def test_a_service_of_another_kind_at_that_port_is_named() -> None:
    async def other(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"SSH-2.0-OpenSSH_9.2" + b"x" * 100)
        await reader.read()
        writer.close()

    port = free_port()
    server = await asyncio.start_server(other, "127.0.0.1", port)
    async with following(f"127.0.0.1:{port}", copy=Recorder()) as (_, notes):
        await notes.first("FeedLost")
    server.close()
    assert "it is no feed of this version" in notes[0].message


class Meddler:
    """A proxy in front of a controller that changes what passes downwards."""

    def __init__(self, port: int, meddle: Callable[[bytes], bytes]) -> None:
        self.port = free_port()
        self._target = port
        self._meddle = meddle

    @asynccontextmanager
    async def up(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                tasks.append(group.create_task(self._pass(reader, writer)))

            tasks: list[asyncio.Task[None]] = []
            server = await asyncio.start_server(accept, "127.0.0.1", self.port)
            yield
            server.close()
            for task in tasks:
                task.cancel()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        up_reader, up_writer = await asyncio.open_connection("127.0.0.1", self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, up_writer, lambda data: data))
                group.create_task(self._copy(up_reader, writer, self._meddle))
        finally:
            writer.close()
            up_writer.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, change: Callable[[bytes], bytes]
    ) -> None:
        while data := await reader.read(65536):
            writer.write(change(data))
        writer.close()


@pytest.mark.parametrize("kind", ["altered", "repeated"])
async def test_frames_that_were_meddled_with_are_refused(kind: str) -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()

    def meddle(data: bytes) -> bytes:
        if b"Full" not in data:
            return data
        return data.replace(b"192.0.2.1", b"192.0.2.9") if kind == "altered" else data + data

    meddler = Meddler(controller.port, meddle)
    async with controller.up(), meddler.up(), following(f"127.0.0.1:{meddler.port}", copy=copy) as (_, notes):
        lost = await notes.first("FeedLost")
    assert "a frame fails its authentication" in lost.message
    assert "change" not in "".join(copy.heard)
    assert copy.heard == ([] if kind == "altered" else ["full 1"] * len(copy.heard))


async def test_a_follower_that_says_something_else_is_turned_away_and_harms_nobody() -> None:
    controller, copy = Controller(), Recorder()
    controller.commit()
    async with controller.up(), following(controller.address, copy=copy):
        reader, writer = await asyncio.open_connection("127.0.0.1", controller.port)
        channel = await join(reader, writer, "nameserver", KEY)
        await channel.send(encode(Full("x", b"mine")))
        await reader.read()  # until the controller closes it
        writer.close()
        await copy.until(lambda: copy.table.generation == 1)
    assert controller.notes[0].event == "FollowerRefused"
    assert "a follower does not send Full" in controller.notes[0].message


async def test_a_taken_address_is_one_clear_error() -> None:
    controller = Controller()
    async with controller.up():
        with pytest.raises(ExceptionGroup) as caught:
            await FeedServer(controller.address, lambda identity: KEY, Lone(Table()), controller.notes.append).run()
    (error,) = caught.value.exceptions
    assert isinstance(error, ConfigError)
    assert str(error).startswith(f"feed {controller.address}: ")


def test_the_backlog_gives_what_leads_from_one_generation_to_another() -> None:
    backlog = Backlog()
    for generation in range(5, 9):
        backlog.add(generation, b"%d" % generation)
    assert backlog.after(4, 8) == [b"5", b"6", b"7", b"8"]
    assert backlog.after(6, 8) == [b"7", b"8"]
    assert backlog.after(8, 8) == []
    assert backlog.after(3, 8) is None
    assert backlog.after(8, 9) is None
    assert backlog.after(9, 8) is None


def test_the_backlog_forgets_what_is_too_much_and_everything_before_a_gap() -> None:
    few = Backlog(deltas=2)
    small = Backlog(octets=5)
    for generation in range(1, 4):
        few.add(generation, b"xx")
        small.add(generation, b"xx")
    assert few.after(0, 3) is None
    assert few.after(1, 3) == [b"xx", b"xx"]
    assert small.after(1, 3) == [b"xx", b"xx"]
    few.add(7, b"yy")
    assert few.after(2, 7) is None
    assert few.after(6, 7) == [b"yy"]


async def test_a_follower_that_must_wait_keeps_what_it_has_until_nothing_stands_against_it() -> None:
    """A controller that lost its table takes nothing from a name server that it has not seen again itself."""
    controller, full, empty = Controller(), Recorder(), Recorder()
    full.table.commit([row(99)])
    controller.commit()
    controller.objections.append("cluster eu was not seen yet")
    async with (
        controller.up(),
        following(controller.address, copy=full) as (_, notes),
        following(controller.address, copy=empty),
    ):
        waits = await notes.first("FeedWaits")
        await empty.until(lambda: empty.table.generation == 1)
        assert full.heard == []
        assert full.table.rows[row(99).key] == row(99)
        controller.objections.clear()
        await full.until(lambda: full.table.rows == controller.table.rows)
    assert waits.message == f"controller at {controller.address} gives no table yet: cluster eu was not seen yet"
