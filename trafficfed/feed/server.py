"""The controller's side of the feed: pushes its table to name servers, a snapshot first and then every delta (TCP)."""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import Callable, Iterator

from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.feed.addresses import host_and_port
from trafficfed.feed.channel import Channel, NotAuthentic, greet
from trafficfed.feed.messages import BEAT_S, SILENCE_S, Beat, Change, Full, Resume, encode
from trafficfed.feed.notes import Note, Tell
from trafficfed.model import Value
from trafficfed.table.codec import encode_delta, encode_snapshot
from trafficfed.table.table import Delta, Table

BACKLOG_DELTAS = 10_000  # kept for followers that come back; older ones get a snapshot
BACKLOG_OCTETS = 16 << 20
FOLLOWERS = 64  # connections at once; each costs a copy of the snapshot while it is sent


class Follower(Value, frozen=True):
    """A name server that is connected, and the generation it was last sent."""

    address: str
    generation: int


class Backlog:
    """The latest deltas, encoded, oldest first and without a gap."""

    def __init__(self, deltas: int = BACKLOG_DELTAS, octets: int = BACKLOG_OCTETS) -> None:
        self._limits = deltas, octets
        self._kept: deque[tuple[int, bytes]] = deque()
        self._octets = 0

    def add(self, generation: int, payload: bytes) -> None:
        """Keep one more. A gap makes all before it worthless."""
        if self._kept and self._kept[-1][0] != generation - 1:
            self._kept.clear()
            self._octets = 0
        self._kept.append((generation, payload))
        self._octets += len(payload)
        while len(self._kept) > self._limits[0] or self._octets > self._limits[1]:
            self._octets -= len(self._kept.popleft()[1])

    def after(self, generation: int, upto: int) -> list[bytes] | None:
        """The deltas that lead from one generation to another, None where some are no longer kept."""
        if generation == upto:
            return []
        if not self._kept or not self._kept[0][0] <= generation + 1 <= upto <= self._kept[-1][0]:
            return None
        first = generation + 1 - self._kept[0][0]
        return [self._kept[at][1] for at in range(first, first + upto - generation)]


class FeedServer:
    """The controller's side. Call ``publish`` right after every commit; ``run`` serves until cancelled."""

    def __init__(
        self,
        listen: str,
        key: bytes,
        table: Table,
        tell: Tell,
        beat_s: float = BEAT_S,
        objection: Callable[[Resume], str] = lambda resume: "",
    ) -> None:
        """``listen`` is ``address:port``. Raises ConfigError for a bad one.

        ``objection`` says why a follower that stands there gets nothing yet, empty where it may: it is turned away,
        goes on with the table it has, and soon comes back.
        """
        self._address = host_and_port(listen, "feed")
        self._key = key
        self._table = table
        self._tell = tell
        self._beat_s = beat_s
        self._objection = objection
        self._epoch = secrets.token_hex(8)
        self._backlog = Backlog()
        self._sent: dict[asyncio.Event, Follower] = {}
        self._connections = 0

    @property
    def followers(self) -> tuple[Follower, ...]:
        """Who follows now, by address."""
        return tuple(sorted(self._sent.values(), key=lambda follower: follower.address))

    def publish(self, delta: Delta) -> None:
        """Send a committed delta to every follower; encoded once, never waits."""
        self._backlog.add(delta.generation, encode(Change(encode_delta(delta))))
        for wake in self._sent:
            wake.set()

    def restart(self) -> None:
        """The table was replaced as a whole (a new term): every follower gets a snapshot."""
        self._epoch = secrets.token_hex(8)
        self._backlog = Backlog()
        for wake in self._sent:
            wake.set()

    async def run(self, started: Callable[[], None] = lambda: None) -> None:
        """Serve followers. Raises ConfigError where the address is taken; ``started`` is called once it listens."""
        async with asyncio.TaskGroup() as group:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                group.create_task(self._serve(reader, writer), name="feed follower")

            try:
                server = await asyncio.start_server(accept, *self._address)
            except OSError as error:
                host, port = self._address
                raise ConfigError(
                    f"feed {host}:{port}: {error.strerror}; stop what uses it or choose another"
                ) from error
            try:
                started()
                await asyncio.get_running_loop().create_future()
            finally:
                server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername") or ("a client that left", 0)
        name = f"{peer[0]}:{peer[1]}"
        with self._connection(writer) as admitted:
            if not admitted:
                self._tell(Note("FeedFull", f"{name} was turned away: {FOLLOWERS} followers are connected"))
                return
            try:
                channel = await greet(reader, writer, lambda identity: self._key)
                resume = await channel.receive(SILENCE_S)
                if not isinstance(resume, Resume):
                    raise NotAuthentic("it did not say where it stands")
                if why := self._objection(resume):
                    raise Transient(f"not fed yet: {why}")
                await self._follow(channel, resume, name)
            except (Transient, Refused, OSError) as error:
                self._tell(Note("FollowerLost", f"name server at {name}: {error}"))

    @contextlib.contextmanager
    def _connection(self, writer: asyncio.StreamWriter) -> Iterator[bool]:
        self._connections += 1
        try:
            yield self._connections <= FOLLOWERS
        finally:
            self._connections -= 1
            writer.close()

    async def _follow(self, channel: Channel, resume: Resume, name: str) -> None:
        wake = asyncio.Event()
        epoch, at = resume.epoch, resume.generation
        if resume.term != self._table.term:
            epoch = ""
        self._sent[wake] = Follower(name, at)
        try:
            while True:
                wake.clear()
                epoch, at = await self._catch_up(channel, epoch, at)
                self._sent[wake] = Follower(name, at)
                if not wake.is_set():
                    await channel.send(encode(Beat(self._table.term, at)))
                    await _set_within(wake, self._beat_s)
        finally:
            del self._sent[wake]

    async def _catch_up(self, channel: Channel, epoch: str, at: int) -> tuple[str, int]:
        """Send what leads a follower from where it stands to the table's position; returns that."""
        upto, now = self._table.generation, self._epoch
        changes = self._backlog.after(at, upto) if epoch == now else None
        if changes is None:
            await channel.send(encode(Full(now, encode_snapshot(self._table.snapshot()))))
        for change in changes or ():
            await channel.send(change)
        return now, upto


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
