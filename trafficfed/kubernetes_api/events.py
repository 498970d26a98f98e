"""Kubernetes Events on users' own objects: few, aggregated, and never in the way of anything else.

Core v1 Events, which `kubectl describe` and `kubectl get events` show beside the object (API reference, Event v1).
"""

import asyncio
import hashlib
from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

import msgspec

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.kubernetes_api.transport import Writer
from trafficfed.model import Value
from trafficfed.ports import Clock
from trafficfed.unreadable import UNREADABLE

# Bytes; the API server refuses longer ones (Event v1 of events.k8s.io, field note, 1 kB).
LONGEST_MESSAGE = 1024
# One cluster's Events per second: refusals come in bursts only when a configuration changes.
SPACING_S = 0.2
# The same thing is written again at most this often; what came meanwhile is counted.
QUIET_S = 60.0
# What waits beyond this is dropped, oldest first, and counted.
LONGEST_QUEUE = 1000
# Notes of what was written are kept about as long as API servers keep Events (kube-apiserver --event-ttl).
KEPT_S = 3600.0
MERGE = "application/merge-patch+json"


class Subject(Value, frozen=True):
    """The object an Event is about."""

    namespace: str
    name: str
    uid: str
    kind: str = "Service"
    api_version: str = "v1"

    def __str__(self) -> str:
        return f"{self.kind} {self.namespace}/{self.name}" if self.namespace else f"{self.kind} {self.name}"


class Note(Value, frozen=True):
    """What is said about it. ``type`` is Normal or Warning, ``reason`` a CamelCase code."""

    subject: Subject
    reason: str
    message: str
    type: str = "Warning"

    @property
    def name(self) -> str:
        """The same note has the same name in every process, so that a restart writes no second Event."""
        text = "\0".join((self.subject.uid, self.reason, self.message, self.type))
        return f"{self.subject.name[:200]}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"

    @property
    def namespace(self) -> str:
        """Events of what is in no namespace are in ``default`` (client-go, EventRecorder)."""
        return self.subject.namespace or "default"

    @property
    def path(self) -> str:
        return f"/api/v1/namespaces/{self.namespace}/events"


class Written(Value, frozen=True):
    """What stands at the API server: how often it was said, and when we last wrote."""

    count: int
    at_s: float


class _Answer(msgspec.Struct, frozen=True):
    count: int | None = None


class EventWriter:
    """Writes the Events of one cluster. ``failed`` is told, in one sentence, what could not be written."""

    def __init__(self, writer: Writer, clock: Clock, failed: Callable[[str], None], source: str = "trafficfed") -> None:
        self._writer, self._clock, self._failed, self._source = writer, clock, failed, source
        self._waiting: OrderedDict[Note, int] = OrderedDict()
        self._written: OrderedDict[Note, Written] = OrderedDict()
        self._arrived = asyncio.Event()
        self.dropped = 0

    def tell(self, note: Note) -> None:
        """Have it written soon; the same note again only counts."""
        self._waiting[note] = self._waiting.get(note, 0) + 1
        if len(self._waiting) > LONGEST_QUEUE:
            self._waiting.popitem(last=False)
            self.dropped += 1
        self._arrived.set()

    async def run(self) -> None:
        """For ever, until cancelled. What cannot be written is told to ``failed`` and dropped."""
        while True:
            note = self._next()
            if note is None:
                await self._rest()
                continue
            times = self._waiting.pop(note)
            try:
                await self._write(note, times)
            except (Transient, Refused) as error:
                self._failed(f"Event {note.reason} on {note.subject}: {error}")
            await asyncio.sleep(SPACING_S)

    def _next(self) -> Note | None:
        """The oldest note that is not in its quiet time."""
        self._forget()
        now_s = self._clock.now_s()
        for note in self._waiting:
            written = self._written.get(note)
            # A clock set back must not make it quiet for longer.
            if written is None or not 0 <= now_s - written.at_s < QUIET_S:
                return note
        return None

    async def _rest(self) -> None:
        """Until something new arrives, or the first quiet time is over."""
        self._arrived.clear()
        ends_s = min((self._written[note].at_s + QUIET_S for note in self._waiting), default=None)
        try:
            async with asyncio.timeout(None if ends_s is None else max(SPACING_S, ends_s - self._clock.now_s())):
                await self._arrived.wait()
        except TimeoutError:
            return

    def _forget(self) -> None:
        now_s = self._clock.now_s()
        while self._written and now_s - next(iter(self._written.values())).at_s > KEPT_S:
            self._written.popitem(last=False)

    async def _write(self, note: Note, times: int) -> None:
        before = self._written.get(note)
        standing = await self._patch(note, before.count + times) if before else None
        if standing is None:
            standing = await self._create(note, times)
        self._written[note] = Written(standing, self._clock.now_s())
        self._written.move_to_end(note)

    async def _create(self, note: Note, times: int) -> int:
        """The count that then stands there; an Event from before our start is counted on."""
        try:
            await self._writer.request("POST", note.path, self._event(note, times))
        except Unavailable as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            found = await self._patch(note, None) or 0
            return await self._patch(note, found + times) or times
        return times

    async def _patch(self, note: Note, count: int | None) -> int | None:
        """The count that then stands there, None where the Event is no more: API servers forget them after an hour."""
        changes: dict[str, object] = {"lastTimestamp": self._timestamp()}
        if count is not None:
            changes["count"] = count
        try:
            answer = await self._writer.request(
                "PATCH", f"{note.path}/{note.name}", msgspec.json.encode(changes), MERGE
            )
        except Rejected as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return None
        try:
            return msgspec.json.decode(answer, type=_Answer).count or 1
        except UNREADABLE as error:
            raise Transient(f"the answer to a patch is no Event: {error}") from error

    def _event(self, note: Note, count: int) -> bytes:
        subject, now = note.subject, self._timestamp()
        return msgspec.json.encode(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": {"name": note.name, "namespace": note.namespace},
                "involvedObject": {
                    "apiVersion": subject.api_version,
                    "kind": subject.kind,
                    "namespace": subject.namespace,
                    "name": subject.name,
                    "uid": subject.uid,
                },
                "reason": note.reason,
                "message": note.message.encode()[:LONGEST_MESSAGE].decode(errors="ignore"),
                "type": note.type,
                "count": count,
                "firstTimestamp": now,
                "lastTimestamp": now,
                "source": {"component": self._source},
                "reportingComponent": self._source,
                "reportingInstance": self._source,
            }
        )

    def _timestamp(self) -> str:
        return datetime.fromtimestamp(self._clock.now_s(), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
