"""The controller's side of the feed (TCP): pushes its table to whoever follows, a snapshot first, then every delta."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.feed.addresses import host_and_port
from trafficfed.feed.channel import Channel, Keys, greet
from trafficfed.feed.messages import BEAT_S, Overlay, Resume, controls_digest, encode
from trafficfed.feed.notes import Note, Tell
from trafficfed.feed.serving import Accept, Beats, Follower, TableServing
from trafficfed.feed.source import FeedSource, History
from trafficfed.model import Row, ServiceKey
from trafficfed.table.table import Delta

T = TypeVar("T")
FOLLOWERS = 256  # connections at once


class VantageService(Protocol):
    """What gives vantages their targets and takes what they see."""

    async def serve(self, channel: Channel, name: str) -> None:
        """One vantage's connection until it ends: raises Transient or Refused. Beats are sent beside it."""
        ...


class FeedServer:
    """The controller's side. Call ``publish`` right after every commit; ``run`` serves until cancelled."""

    def __init__(
        self,
        listen: str,
        keys: Keys,
        source: FeedSource,
        tell: Tell,
        *,
        beat_s: float = BEAT_S,
        objection: Callable[[Resume], str] = lambda resume: "",
        vantages: VantageService | None = None,
        propose: Accept | None = None,
    ) -> None:
        """``listen`` is ``address:port``. Raises ConfigError for a bad one.

        ``objection`` says why a follower that stands there gets no table yet, empty where it may: it hears beats, and
        goes on with the table it has. ``propose`` takes the proposals of peer controllers.
        """
        self._address = host_and_port(listen, "feed")
        self._keys = keys
        self._history = History(source)
        self._tell = tell
        self._beat_s = beat_s
        self._objection = objection
        self._vantages = vantages
        self._propose = propose
        self._followers: set[TableServing] = set()
        self._beating: set[Beats] = set()
        self._connections = 0
        self._highest_term = 0

    @property
    def epoch(self) -> str:
        """What the history of the table's changes is called here."""
        return self._history.epoch

    @property
    def followers(self) -> tuple[Follower, ...]:
        """Which name servers and peer controllers are connected, by address."""
        return tuple(sorted((each.follower for each in self._followers), key=lambda follower: follower.address))

    @property
    def highest_term(self) -> int:
        """The highest term that any follower ever told of."""
        self._highest_term = max((self._highest_term, *(each.follower.highest_term for each in self._followers)))
        return self._highest_term

    def publish(self, delta: Delta) -> None:
        """Send a committed delta to every follower; encoded once, never waits."""
        self._history.add(delta)
        for each in self._followers:
            each.published()

    def restart(self, epoch: str = "") -> None:
        """The table was replaced as a whole (a new term): every follower gets a snapshot.

        A relay names the ``epoch`` that its leader's feed calls the history by: who came from there needs no snapshot.
        """
        self._history.restart(epoch)
        self.standing_changed()

    def overlaid(self, rows: Iterable[Row], dropped: Iterable[ServiceKey] = ()) -> None:
        """These rows are now judged otherwise than the table says, those no more."""
        table = self._history.source.table
        payload = encode(Overlay(table.term, controls_digest(table.controls), tuple(rows), tuple(dropped)))
        for each in self._followers:
            each.overlaid(payload)

    def standing_changed(self) -> None:
        """Say at once where the controller stands."""
        for each in self._beating:
            each.wake.set()

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
        address = f"{peer[0]}:{peer[1]}"
        who = f"a client at {address}"
        with self._connection(writer) as admitted:
            if not admitted:
                self._tell(Note("FeedFull", f"{address} was turned away: {FOLLOWERS} followers are connected"))
                return
            try:
                channel = await greet(reader, writer, self._keys)
                who = f"{channel.identity} at {address}"
                await self._follow(channel, address)
            except* (Transient, Refused, OSError) as errors:
                first = _first(errors)
                event = "FollowerRefused" if isinstance(first, Refused) else "FollowerLost"
                self._tell(Note(event, f"{who}: {first}"))

    @contextlib.contextmanager
    def _connection(self, writer: asyncio.StreamWriter) -> Iterator[bool]:
        self._connections += 1
        try:
            yield self._connections <= FOLLOWERS
        finally:
            self._connections -= 1
            writer.close()

    async def _follow(self, channel: Channel, address: str) -> None:
        role, _, name = channel.identity.partition("/")
        if role == "vantage":
            await self._serve_vantage(channel, name)
            return
        propose = self._propose if role == "controller" else None
        serving = TableServing(channel, address, self._history, self._beat_s, self._objection, propose)
        with _among(serving, self._followers), _among(serving, self._beating):
            try:
                await serving.run()
            finally:
                self._highest_term = self.highest_term

    async def _serve_vantage(self, channel: Channel, name: str) -> None:
        if self._vantages is None:
            raise Refused("this controller takes no vantages; name it in the configuration")
        beats = Beats(channel, self._history, self._beat_s)
        with _among(beats, self._beating):
            async with asyncio.TaskGroup() as group:
                beating = group.create_task(beats.run(), name="beats to a vantage")
                await self._vantages.serve(channel, name)
                beating.cancel()


def _first(errors: BaseExceptionGroup) -> BaseException:
    """One of them: when a connection breaks, every task of it fails for the same reason."""
    first: BaseException = errors.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


@contextlib.contextmanager
def _among(item: T, items: set[T]) -> Iterator[None]:
    items.add(item)
    try:
        yield
    finally:
        items.discard(item)
