"""The controller's side of one connection: says where it stands, and brings a follower's table up to its own."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable

from trafficfed.errors import Refused, TrafficfedError
from trafficfed.feed.channel import Channel, NotAuthentic
from trafficfed.feed.messages import (
    SILENCE_S,
    Answered,
    Propose,
    Resume,
    Standing,
    Status,
    encode,
)
from trafficfed.feed.source import History
from trafficfed.model import Value

OVERLAYS = 1_000  # changes of the overlay kept for a slow follower; behind more it gets all of it again

Accept = Callable[[Propose], Awaitable[Answered]]
"""Takes a peer's proposal to whoever leads."""


class Follower(Value, frozen=True):
    """Who is connected: whether it takes the table from us, the generation it was last sent, and what it tells."""

    address: str
    generation: int
    identity: str = "nameserver"
    fed: bool = True
    highest_term: int = 0
    can_publish: bool = False


class Beats:
    """Beats on one connection: every ``beat_s``, and at once when ``wake`` is set."""

    def __init__(self, channel: Channel, history: History, beat_s: float) -> None:
        self.wake = asyncio.Event()
        self._channel = channel
        self._history = history
        self._beat_s = beat_s

    async def run(self) -> None:
        """Until the connection ends: raises Transient."""
        while True:
            self.wake.clear()
            await self._channel.send(encode(self._history.beat()))
            await self._next()

    async def _next(self) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._beat_s):
                await self.wake.wait()


class TableServing(Beats):
    """A connection of a name server or a peer controller: beats, and the table where it is asked for.

    ``fed`` tells whether it takes the table from us.
    """

    def __init__(
        self,
        channel: Channel,
        address: str,
        history: History,
        beat_s: float,
        objection: Callable[[Resume], str],
        propose: Accept | None,
    ) -> None:
        super().__init__(channel, history, beat_s)
        self._address = address
        self._objection = objection
        self._propose = propose
        self._resume = Resume(wants_table=False)
        self._asked = 0  # how many messages to resume have come
        self._heeded = 0  # and the one that is carried out
        self._objecting = ""
        self.fed = False
        self._epoch, self._at = "", 0
        self._overlaid = False  # the follower was sent the whole overlay and gets its changes
        self._overlays: list[bytes] = []
        self._status = Status()
        self._told: Standing | None = None

    @property
    def follower(self) -> Follower:
        highest = max(self._status.highest_term, self._resume.term)
        return Follower(self._address, self._at, self._channel.identity, self.fed, highest, self._status.can_publish)

    def published(self) -> None:
        """The table has changed."""
        if self.fed:
            self.wake.set()

    def overlaid(self, payload: bytes) -> None:
        """The overlay has changed."""
        if not self._overlaid:
            return
        self._overlays.append(payload)
        if len(self._overlays) > OVERLAYS:
            self._overlaid = False
        self.wake.set()

    async def run(self) -> None:
        """Until the connection ends: raises Transient or Refused, one or a group of them."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen(group), name="feed follower's messages")
            while not self._asked:  # until it says where it stands, it is not known whether it may have the table
                self.wake.clear()
                await self.wake.wait()
            while True:
                self.wake.clear()
                if self._heed():
                    await self._beat()
                if self.fed:
                    await self._bring_up()
                if not self.wake.is_set():
                    await self._beat()
                    await self._next()

    async def _beat(self) -> None:
        self._told = self._history.source.standing()
        await self._channel.send(encode(self._history.beat(self._heeded, self._objecting)))

    def _heed(self) -> bool:
        """Begin what was asked for last, unless something stands against it; tells whether it began now."""
        if self._asked == self._heeded:
            return False
        resume = self._resume
        self.fed, self._overlaid = False, False
        self._objecting = self._objection(resume)
        if self._objecting:
            return False
        self._heeded, self.fed = self._asked, resume.wants_table
        same_term = resume.term == self._history.source.table.term
        self._epoch, self._at = resume.epoch if same_term else "", resume.generation
        return True

    async def _bring_up(self) -> None:
        """Send what leads the follower from where it stands to the table, and what is judged otherwise."""
        history = self._history
        frames = history.leading_on(self._epoch, self._at)
        if frames:
            self._epoch, self._at = history.epoch, history.source.table.generation
        for frame in frames:
            await self._channel.send(frame)
        if self._history.source.standing() is Standing.ALONE is not self._told:
            if self.wake.is_set():
                return  # more of the table has come: it goes first
            await self._beat()  # before any verdict of its own: who is alone may have to be left
        for frame in self._overlay_frames():
            await self._channel.send(frame)

    def _overlay_frames(self) -> list[bytes]:
        if self._history.source.standing() is not Standing.ALONE:
            self._overlaid = False
            return []
        frames = self._overlays if self._overlaid else [encode(self._history.overlay())]
        self._overlaid, self._overlays = True, []
        return frames

    async def _listen(self, group: asyncio.TaskGroup) -> None:
        while True:
            message = await self._channel.receive(SILENCE_S)
            if isinstance(message, Resume):
                self._resume = message
                self._asked += 1
                self.wake.set()
            elif isinstance(message, Status):
                self._status = message
            elif isinstance(message, Propose):
                group.create_task(self._answer(message), name="proposal")
            else:
                raise NotAuthentic(f"a follower does not send {type(message).__name__}")

    async def _answer(self, proposal: Propose) -> None:
        if self._propose is None:
            raise Refused(f"{self._channel.identity} may propose nothing here")
        try:
            answered = await self._propose(proposal)
        except TrafficfedError as error:
            answered = Answered(proposal.id, ok=False, message=str(error))
        await self._channel.send(encode(answered))
