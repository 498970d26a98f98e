"""Keeps up a view of one kind in one cluster: list, watch, resume, and say so when it cannot.

Follows the protocol of Kubernetes API concepts ("Efficient detection of changes", "Streaming lists"), and what
client-go's reflector does beyond it.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from random import Random
from typing import Generic, Never, TypeVar

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.backoff import LONGEST_S, Backoff, Recovery
from trafficfed.kubernetes_api.failures import Expired, Rejected, failure_in_stream
from trafficfed.kubernetes_api.identity import server_uid
from trafficfed.kubernetes_api.listing import Gathered, list_all, present_revision
from trafficfed.kubernetes_api.messages import (
    Added,
    Bookmark,
    Deleted,
    Failure,
    Message,
    Messages,
    Modified,
    Unreadable,
    key_of,
)
from trafficfed.kubernetes_api.resource import Resource
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.wire import Event, Listed, Lost, Removed, Resumed, Upserted, Watched
from trafficfed.ports import Clock

T = TypeVar("T", bound=Watched)
Batches = AsyncGenerator[list[bytes], None]

# API servers send a bookmark about every 60 s: longer silence means that nobody is there.
SILENCE_S = 90.0
# A server that knows streaming lists begins with one within a moment; one that does not may say nothing for ever.
FIRST_WORD_S = 30.0
# A watch that lived as long as the longest backoff proves that all is well.
SETTLED_S = LONGEST_S
WATCH = {"watch": "true", "allowWatchBookmarks": "true"}
STREAMING_LIST = {
    **WATCH,
    "sendInitialEvents": "true",
    "resourceVersionMatch": "NotOlderThan",
    "resourceVersion": "",
}
# How servers that do not know or do not allow streaming lists refuse one.
NO_STREAMING_LIST = frozenset({400, 403, 404, 405, 422, 501})


class Silent(Transient):
    """A stream said nothing for too long."""


@dataclass(frozen=True, slots=True)
class Pause:
    """The wait between two rounds: what the server asked for, and whether the backoff comes on top."""

    at_least_s: float = 0.0
    jittered: bool = True


class Reflector(Generic[T]):
    """Tells ``sink`` everything that happens to one kind: Listed, Upserted, Removed; Lost and Resumed.

    A consumer that compares each Listed with what it knew misses no deletion. ``unreadable`` is told the
    ``namespace/name`` of an object that cannot be decoded and why, and again with an empty text when it can.
    ``recovery`` is shared with the other reflectors of the same API server.
    """

    def __init__(
        self,
        reader: Reader,
        resource: Resource[T],
        sink: Callable[[Event], None],
        clock: Clock,
        unreadable: Callable[[str, str], None] = lambda key, error: None,
        random: Random | None = None,
        silence_s: float = SILENCE_S,
        recovery: Recovery | None = None,
    ) -> None:
        self._silence_s = silence_s
        self._recovery = recovery or Recovery()
        self._reader, self._resource, self._sink, self._clock = reader, resource, sink, clock
        self._unreadable = unreadable
        self._random = random or Random()
        self._messages = Messages(resource.kind)
        self._streaming_list = True
        # Where to go on: nothing was taken in yet while the UID is empty.
        self._uid = ""
        self._revision = 0
        self._expired = False
        # Whether this round, and the one before it, came as far as a list or a resumed watch.
        self._answered = self._answered_before = False
        self._was_woken = False
        self._lost_because = ""
        self._not_read: dict[str, str] = {}

    async def run(self) -> Never:
        """For ever; only what is a mistake of ours, or raised by the sink, ends it."""
        backoff = Backoff()
        while True:
            began_s = self._clock.monotonic_s()
            pause = await self._round(backoff)
            if self._clock.monotonic_s() - began_s >= SETTLED_S:
                backoff = Backoff()
                await asyncio.sleep(pause.at_least_s)
            elif pause.jittered:
                await asyncio.sleep(pause.at_least_s)
                backoff = await self._rest(backoff)

    async def _rest(self, backoff: Backoff) -> Backoff:
        """Wait out the backoff, and return the next one: a new one where the API server answers others again.

        Who was answered itself, or was woken the last time, is not woken: reflectors must not keep each other awake.
        """
        delay_s = backoff.delay_s(self._random)
        if self._answered or self._was_woken:
            self._was_woken = False
            await asyncio.sleep(delay_s)
        else:
            self._was_woken = await self._recovery.wait(delay_s)
        return Backoff() if self._was_woken else backoff.after()

    async def _round(self, backoff: Backoff) -> Pause:
        """Follow until something ends it; how long to wait before the next round."""
        expired_before, self._expired = self._expired, False
        self._answered_before, self._answered = self._answered, False
        try:
            await self._follow()
        except Expired as error:
            return self._forget_revision(error, expired_before)
        except Transient as error:
            self._lose(str(error))
            return Pause(error.retry_after_s or 0.0)
        except Refused as error:
            self._lose(str(error))
            return Pause()
        if backoff.tries:
            self._lose("the API server ends each watch soon after it began")
        return Pause()

    def _forget_revision(self, error: Expired, expired_before: bool) -> Pause:
        """List anew at once; with a pause where that did not help the last time either."""
        self._uid = ""
        self._expired = True
        if expired_before:
            self._lose(str(error))
        return Pause(jittered=expired_before)

    async def _follow(self) -> None:
        """One round: a list or the point where the last round ended, then the watch until it ends."""
        uid = await server_uid(self._reader)
        if uid == self._uid:
            await self._resume(uid)
        elif self._streaming_list:
            await self._follow_streaming_list(uid)
        else:
            await self._follow_paged_list(uid)

    async def _resume(self, uid: str) -> None:
        async with aclosing(self._watch()) as batches:
            await self._accepted(batches)
            self._check(_number(await present_revision(self._reader, self._resource)))
            await self._still(uid)
            self._tell(Resumed(self._resource.any_kind))
            await self._take_all(batches)

    async def _follow_paged_list(self, uid: str) -> None:
        gathered, revision = await list_all(self._reader, self._resource)
        await self._complete(gathered, revision, uid)
        async with aclosing(self._watch()) as batches:
            await self._accepted(batches)
            await self._take_all(batches)

    async def _follow_streaming_list(self, uid: str) -> None:
        async with aclosing(self._reader.stream(self._resource.path, STREAMING_LIST)) as batches:
            try:
                rest = await self._gather(batches, uid)
            except Rejected as error:
                if error.status not in NO_STREAMING_LIST:
                    raise
                self._streaming_list = False
            except Silent:
                self._streaming_list = False
                raise
            else:
                self._take_batch(rest)
                await self._take_all(batches)
                return
        await self._follow_paged_list(uid)

    async def _gather(self, batches: Batches, uid: str) -> list[bytes]:
        """Take in the initial events, tell the list; what is left of the last batch."""
        gathered: Gathered[T] = Gathered()
        while (batch := await self._next(batches, FIRST_WORD_S)) is not None:
            for number, line in enumerate(batch):
                message = self._messages.read(line)
                if isinstance(message, Failure):
                    raise failure_in_stream(message.object)
                if not isinstance(message, Bookmark):
                    gathered.take(message)
                elif message.ends_initial_events:
                    await self._complete(gathered, message.object.metadata.resource_version, uid)
                    return batch[number + 1 :]
        raise Transient("the list broke off")

    async def _complete(self, gathered: Gathered[T], revision: str, uid: str) -> None:
        await self._still(uid)
        self._revision = _number(revision)
        self._uid = uid
        self._note_unreadable(gathered.unreadable)
        objects, unreadable = tuple(gathered.objects.values()), tuple(sorted(gathered.unreadable))
        self._tell(Listed(self._resource.kind, objects, self._revision, uid, unreadable))

    async def _still(self, uid: str) -> None:
        """Raises Transient where the address meanwhile leads to another cluster: nothing read so far can be trusted."""
        if await server_uid(self._reader) != uid:
            self._uid = ""
            raise Transient("another API server answered half-way: what was read may be of either")

    def _watch(self) -> Batches:
        return self._reader.stream(self._resource.path, {**WATCH, "resourceVersion": str(self._revision)})

    async def _accepted(self, batches: Batches) -> None:
        await self._next(batches, self._silence_s)

    async def _take_all(self, batches: Batches) -> None:
        while (batch := await self._next(batches, self._silence_s)) is not None:
            self._take_batch(batch)

    async def _next(self, batches: Batches, silence_s: float) -> list[bytes] | None:
        """The next batch, None at the end. Raises Silent when none comes in time."""
        try:
            async with asyncio.timeout(silence_s):
                return await anext(batches, None)
        except TimeoutError as error:
            raise Silent(f"the watch said nothing for {silence_s:.0f} s") from error

    def _take_batch(self, batch: list[bytes]) -> None:
        for line in batch:
            self._take(self._messages.read(line))

    def _take(self, message: Message[T] | Unreadable) -> None:
        match message:
            case Added(found) | Modified(found):
                self._advance(found.metadata.resource_version)
                self._readable(key_of(found.metadata))
                self._sink(Upserted(found, self._revision))
            case Deleted(found):
                self._advance(found.metadata.resource_version)
                self._readable(key_of(found.metadata))
                self._sink(Removed(found, self._revision))
            case Bookmark(progress):
                self._advance(progress.metadata.resource_version)
            case Failure(status):
                raise failure_in_stream(status)
            case Unreadable():
                self._take_unreadable(message)

    def _take_unreadable(self, message: Unreadable) -> None:
        self._advance(message.metadata.resource_version)
        key = key_of(message.metadata)
        if message.deleted:
            self._readable(key)
            self._sink(Removed(self._resource.kind(metadata=message.metadata), self._revision))
        else:
            self._not_read[key] = message.error
            self._unreadable(key, message.error)

    def _advance(self, revision: str) -> None:
        number = _number(revision)
        self._check(number)
        self._revision = number

    def _check(self, revision: int) -> None:
        """Raises Expired where the server's revisions run backwards: etcd was restored from a backup.

        A watch from a revision that is yet to come is accepted, and keeps silent about everything before it.
        """
        if revision < self._revision:
            raise Expired(f"the API server went back from revision {self._revision} to {revision}")

    def _readable(self, key: str) -> None:
        if self._not_read and self._not_read.pop(key, None) is not None:
            self._unreadable(key, "")

    def _note_unreadable(self, found: dict[str, str]) -> None:
        for key in [key for key in self._not_read if key not in found]:
            self._readable(key)
        for key, error in found.items():
            if self._not_read.get(key) != error:
                self._not_read[key] = error
                self._unreadable(key, error)

    def _tell(self, event: Listed[T] | Resumed) -> None:
        self._lost_because = ""
        self._answered = True
        self._sink(event)
        if not self._answered_before:
            self._recovery.tell()

    def _lose(self, reason: str) -> None:
        """Told once for each reason, not with every try."""
        if reason != self._lost_because:
            self._lost_because = reason
            self._sink(Lost(self._resource.any_kind, reason))


def _number(revision: str) -> int:
    """Revisions are comparable numbers (Kubernetes KEP-5504); who sends others cannot be followed."""
    if not revision.isdecimal():
        raise Transient(f"the API server sent the resourceVersion {revision!r}, which is no number")
    return int(revision)
