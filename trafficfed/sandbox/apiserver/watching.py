"""Watches: the changes of one kind as a stream of events, from a revision on or after the present state."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import orjson

from trafficfed.sandbox.apiserver import failures
from trafficfed.sandbox.apiserver.cluster import Cluster, Target
from trafficfed.sandbox.apiserver.faults import Faults
from trafficfed.sandbox.apiserver.formats import Format
from trafficfed.sandbox.apiserver.kinds import Json
from trafficfed.sandbox.apiserver.routing import ListQuery
from trafficfed.sandbox.apiserver.selectors import matcher
from trafficfed.sandbox.apiserver.store import Change

BOOKMARK_INTERVAL_S = 60.0
"""As seen at a real 1.37."""
DEFAULT_TIMEOUT_S = 1800.0
"""--min-request-timeout's default; real ones add up to as much again at random."""
INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Cut(Exception):
    """The stream is to be broken, not ended in an orderly way."""


class Watch:
    """One client's watch. Raises ApiFailure at its start where the history does not reach back."""

    def __init__(self, cluster: Cluster, faults: Faults, target: Target, query: ListQuery, form: Format) -> None:
        self._cluster, self._faults, self._target, self._query, self._form = cluster, faults, target, query, form
        self._store = cluster.store
        self._test = matcher(target.kind, query.labels, query.fields)
        self._met = faults.cuts, faults.expiries
        self._from_present = query.initial_events or (query.initial_events is None and not query.revision)
        self._cursor = self._store.revision if self._from_present or not query.revision else query.revision
        self._store.since(self._cursor)

    async def events(self) -> AsyncIterator[bytes]:
        """Encoded events, several in one chunk where several are due. Raises Cut where a fault breaks the stream."""
        loop = asyncio.get_running_loop()
        end_s = loop.time() + (self._query.timeout_s or DEFAULT_TIMEOUT_S)
        bookmark_s = loop.time() + BOOKMARK_INTERVAL_S
        if self._from_present:
            yield b"".join(self._initial())
        while loop.time() < end_s:
            changed = self._store.changed
            if self._faults.cuts > self._met[0]:
                raise Cut
            try:
                chunk = self._due()
            except failures.ApiFailure as failure:
                yield self._event("ERROR", orjson.dumps(failure.status()))
                return
            if chunk:
                yield chunk
            if loop.time() >= bookmark_s:
                bookmark_s = loop.time() + BOOKMARK_INTERVAL_S
                yield b"" if self._quiet else self._bookmark({})
            await _wait(changed, min(end_s, bookmark_s))
        yield b"" if self._quiet else self._bookmark({})

    @property
    def _quiet(self) -> bool:
        return self._faults.silent or self._faults.paused

    def _due(self) -> bytes:
        """What is to be told now. Raises ApiFailure 410 where history is gone, by a fault or by too slow a reader."""
        if self._faults.expiries > self._met[1]:
            raise failures.expired("too old resource version")
        return b"" if self._quiet else b"".join(self._news())

    def _initial(self) -> Iterator[bytes]:
        """The present state as ADDED events, then the mark of its end where the client asked for it."""
        for raw in self._store.objects(self._target.kind, self._target.namespace).values():
            if self._test is None or self._test(orjson.loads(raw)):
                yield self._event("ADDED", self._formatted(raw))
        if self._query.initial_events:
            yield self._bookmark({INITIAL_EVENTS_END: "true"})

    def _news(self) -> Iterator[bytes]:
        """Every change since the last look, as this watch sees it."""
        for change in self._store.since(self._cursor):
            self._cursor = change.revision
            if self._concerns(change):
                yield from self._translate(change)

    def _concerns(self, change: Change) -> bool:
        key, target = change.key, self._target
        return key.kind == target.kind.qualified and target.namespace in ("", key.namespace)

    def _translate(self, change: Change) -> Iterator[bytes]:
        """An object that starts or stops to match the selectors is added or deleted for this client."""
        before, after = self._chosen(change.before), self._chosen(change.after)
        if after is not None:
            yield self._event("ADDED" if before is None else "MODIFIED", self._formatted(after))
        elif before is not None:
            gone: Json = orjson.loads(before)
            gone["metadata"]["resourceVersion"] = str(change.revision)
            yield self._event("DELETED", self._formatted(orjson.dumps(gone)))

    def _chosen(self, raw: bytes | None) -> bytes | None:
        if raw is None or self._test is None or self._test(orjson.loads(raw)):
            return raw
        return None

    def _formatted(self, raw: bytes) -> bytes:
        if self._form.form == "whole":
            return raw
        return self._form.one(self._target.kind, orjson.loads(raw), self._cluster.clock.now_s())

    def _bookmark(self, annotations: Json) -> bytes:
        if not self._query.bookmarks:
            return b""
        kind = self._target.kind
        metadata: Json = {"resourceVersion": str(self._store.revision)} | (
            {"annotations": annotations} if annotations else {}
        )
        value = {"kind": kind.name, "apiVersion": kind.api_version, "metadata": metadata}
        if self._form.form == "table":
            return self._event("BOOKMARK", self._form.many(kind, [], 0.0, metadata))
        return self._event("BOOKMARK", orjson.dumps(value))

    @staticmethod
    def _event(kind: str, raw: bytes) -> bytes:
        return b'{"type":"%s","object":%s}\n' % (kind.encode(), raw)


async def _wait(changed: asyncio.Event, until_s: float) -> None:
    """Until something changes, or the moment (of the loop's clock) has come."""
    try:
        # A loop wakes its timers up to its clock's resolution early: to come too early is to come again and again.
        async with asyncio.timeout_at(until_s + 1e-5):
            await changed.wait()
    except TimeoutError:
        return
