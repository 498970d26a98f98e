"""The follower's side of the feed: hears every controller, and takes the table from the best of them."""

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from random import Random
from typing import Protocol

from msgspec.structs import replace

from trafficfed.errors import Transient
from trafficfed.feed.channel import NotAuthentic
from trafficfed.feed.choice import ANY, Choice, Heard
from trafficfed.feed.links import Link, Links
from trafficfed.feed.messages import (
    BEAT_S,
    SILENCE_S,
    Answered,
    Beat,
    Change,
    Full,
    Message,
    Overlay,
    Propose,
    Resume,
    Standing,
    Status,
)
from trafficfed.feed.notes import Note, Tell

MISSED_BEATS = 3  # a link is not silent before so many are missing, however short a lease is


class Copy(Protocol):
    """A copy of the table that follows a feed. Whatever it refuses ends the connection; it is then asked anew."""

    @property
    def position(self) -> Resume:
        """Where it stands."""
        ...

    def begin(self, beat: Beat) -> Resume:
        """A controller that said this is asked for the table from now on: where it may continue."""
        ...

    async def take_full(self, epoch: str, data: bytes) -> None:
        """Raises Refused where this table must not be taken."""
        ...

    async def take_change(self, data: bytes) -> None:
        """Raises Refused where it does not follow."""
        ...

    def take_overlay(self, overlay: Overlay) -> None:
        """A controller without a leader judges some rows otherwise than the table."""
        ...

    def take_beat(self, beat: Beat) -> None:
        """The controller lives, and all it sent before has come. Raises Refused where the copy lacks something."""
        ...


class Following:
    """Connections to all controllers, and the table from one: who leads before who relays before who is alone.

    ``connected`` is the address of the controller whose table is taken, empty while none is. ``on_beat`` is called
    after whatever is heard of any controller, also that it is gone.
    """

    def __init__(
        self,
        addresses: Sequence[str],
        identity: str,
        key: bytes,
        copy: Copy,
        tell: Tell,
        luck: Random,
        lease_s: float = SILENCE_S,
        *,
        takes: Sequence[Standing] = ANY,
        can_publish: Callable[[], bool] = lambda: False,
        on_beat: Callable[[], None] = lambda: None,
        beat_s: float = BEAT_S,
    ) -> None:
        """``takes`` are the standings whose table is taken, ``beat_s`` how often either side says that it lives.

        Raises ConfigError for a bad address.
        """
        self._links = Links(addresses, identity, key, self, tell, luck, max(lease_s, MISSED_BEATS * beat_s))
        self._beat_s = beat_s
        self._choice = Choice(addresses, lease_s, 0.0, takes)
        self._copy = copy
        self._tell = tell
        self._can_publish = can_publish
        self._on_beat = on_beat
        self._news = asyncio.Event()
        self._lock = asyncio.Lock()  # a table that is being taken in is not changed by another controller's
        self._source: Link | None = None
        self._asked: dict[Link, int] = {}  # how often each was asked to resume
        self._proposals: dict[str, tuple[Link, asyncio.Future[Answered]]] = {}
        self._objections: dict[str, str] = {}
        self._highest_term = 0
        self.connected = ""

    @property
    def heard(self) -> tuple[Heard, ...]:
        """The controllers that are connected, in order of preference, and what each said last."""
        return self._choice.heard

    @property
    def followed(self) -> Beat | None:
        """What the controller whose table is taken said last, None while none is."""
        return self._choice.said(self.connected)

    @property
    def lease_s(self) -> float:
        """How long a leader's word holds, as the controllers have it; until one has told, as it was given."""
        return self._choice.lease_s

    @property
    def highest_term(self) -> int:
        """The highest term ever seen, in a beat or in the table."""
        self._highest_term = max(self._highest_term, self._copy.position.term)
        return self._highest_term

    async def run(self) -> None:
        """Follow forever; nothing that a controller does ends this. Without addresses there is nothing to follow."""
        self._choice.restart(_now_s())
        async with asyncio.TaskGroup() as group:
            group.create_task(self._links.run(), name="links")
            group.create_task(self._tell_status(), name="status to controllers")
            while True:
                self._news.clear()
                async with self._lock:
                    await self._choose()
                alone_s = self._choice.alone_from_s
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout_at(alone_s if alone_s > _now_s() else None):
                        await self._news.wait()

    def restart(self) -> None:
        """Drop all connections and join again: what is heard next is new, not left over from before a pause."""
        self._leave()
        self._choice.restart(_now_s())
        self._links.restart()

    async def propose(self, proposal: Propose, deadline_s: float) -> Answered:
        """Take an operator's wish to the leader. Raises Transient where none is heard or its answer does not come."""
        leaders = [each for each in self.heard if each.beat.standing is Standing.LEADS]
        if not leaders:
            raise Transient("no controller leads at the moment")
        link = self._links.live[max(leaders, key=lambda each: each.beat.term).address]
        answered: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        self._proposals[proposal.id] = link, answered
        try:
            async with asyncio.timeout(deadline_s):
                await link.send(proposal)
                return await answered
        except TimeoutError as error:
            raise Transient(f"the leader did not answer within {deadline_s:g} s; it may still take it") from error
        finally:
            del self._proposals[proposal.id]

    async def joined(self, link: Link) -> None:
        """A controller is connected: it learns where we stand."""
        self._asked[link] = 0
        await link.send(self._status())
        await self._ask(link, replace(self._copy.position, wants_table=False))

    async def received(self, link: Link, message: Message) -> None:
        """What a controller says of itself counts in the choice; a table only from the one that was chosen."""
        if isinstance(message, Answered):
            self._answer(message)
        elif isinstance(message, Beat):
            self._hear(link, message)
            async with self._lock:  # before anything else from it is read
                await self._choose()
            await self._take(link, message)
        elif isinstance(message, Full | Change | Overlay):
            await self._take(link, message)
        else:
            raise NotAuthentic(f"a controller sends no {type(message).__name__} to a follower of its table")

    def gone(self, link: Link) -> None:
        """A controller is no longer connected."""
        del self._asked[link]
        self._choice.gone(link.address)
        if self._source is link:
            self._leave()
        for at, answered in self._proposals.values():
            if at is link and not answered.done():
                answered.set_exception(Transient("the leader is gone; it may have taken the control"))
        self._changed()

    async def _ask(self, link: Link, resume: Resume) -> None:
        self._asked[link] += 1
        await link.send(resume)

    def _answer(self, message: Answered) -> None:
        _, answered = self._proposals.get(message.id, (None, None))
        if answered is not None and not answered.done():
            answered.set_result(message)

    def _hear(self, link: Link, beat: Beat) -> None:
        self._highest_term = max(self._highest_term, beat.term)
        self._choice.hear(link.address, beat, _now_s())
        self._links.silence_s = max(self.lease_s, MISSED_BEATS * self._beat_s)
        if beat.objection and self._objections.get(link.address) != beat.objection:
            self._tell(Note("FeedWaits", f"controller at {link.address} gives no table yet: {beat.objection}"))
        self._objections[link.address] = beat.objection
        self._changed()

    def _changed(self) -> None:
        self._news.set()
        self._on_beat()

    async def _take(self, link: Link, message: Beat | Full | Change | Overlay) -> None:
        """Take in what the chosen controller sends; what an earlier question of ours still brings is left."""
        async with self._lock:
            if link is not self._source:
                return
            if not self.connected:
                if isinstance(message, Beat) and message.heeded == self._asked[link]:
                    self.connected = link.address
                    self._tell(Note("FeedConnected", f"following the controller at {link.address}"))
            elif isinstance(message, Beat):
                self._copy.take_beat(message)
            elif isinstance(message, Change):
                await self._copy.take_change(message.data)
            elif isinstance(message, Full):
                await self._copy.take_full(message.epoch, message.data)
            else:
                self._copy.take_overlay(message)

    async def _choose(self) -> None:
        """Ask the best controller for its table, and the one that was asked before for no more."""
        pick = self._choice.pick(self._copy.position.term, _now_s())
        former = self._source
        if former is not None and former.address == pick:
            return
        self._leave()
        if former is not None:
            await self._try_to_ask(former, replace(self._copy.position, wants_table=False))
        beat, link = self._choice.said(pick), self._links.live.get(pick)
        if beat is not None and link is not None:
            self._source = link
            await self._try_to_ask(link, self._copy.begin(beat))

    async def _try_to_ask(self, link: Link, resume: Resume) -> None:
        try:
            await self._ask(link, resume)
        except Transient:
            link.drop()  # whoever reads from it finds out and tells of it

    def _leave(self) -> None:
        self._source, self.connected = None, ""

    def _status(self) -> Status:
        return Status(self.highest_term, self._can_publish())

    async def _tell_status(self) -> None:
        while True:
            await asyncio.sleep(self._beat_s)
            for link in list(self._links.live.values()):
                try:
                    await link.send(self._status())
                except Transient:
                    link.drop()


def _now_s() -> float:
    return asyncio.get_running_loop().time()
