"""The objects of one emulated cluster as etcd keeps them: one growing revision, a history that can be compacted."""

import asyncio
from collections.abc import Iterator, Sequence

import orjson

from trafficfed.model import Value
from trafficfed.sandbox.apiserver import failures
from trafficfed.sandbox.apiserver.kinds import Json, Kind

HISTORY = 10_000
"""Changes kept for watches that resume; an API server keeps some minutes' worth."""


class Key(Value, frozen=True, order=True):
    """Where an object stands: ``kind`` is the qualified plural, ``namespace`` empty for cluster-scoped kinds."""

    kind: str
    namespace: str
    name: str


class Change(Value, frozen=True):
    """One revision: what stood at the key before and after, as encoded objects; None where nothing stood."""

    revision: int
    key: Key
    before: bytes | None
    after: bytes | None


class Store:
    """Objects encoded once at their write, so that lists and watches only join bytes.

    Every write, deletions included, is exactly one revision. Not thread-safe: it lives in its server's event loop.
    """

    def __init__(self, history: int = HISTORY) -> None:
        self.revision = 1
        self._history = history
        self._objects: dict[str, dict[Key, bytes]] = {}
        # Revisions are consecutive: the change of revision r is _log[r - _floor - 1].
        self._log: list[Change] = []
        self._floor = 1
        self._changed = asyncio.Event()

    @property
    def changed(self) -> asyncio.Event:
        """An event that is set at the next write; take it before looking at ``revision``, or a write is missed."""
        return self._changed

    def get(self, key: Key) -> Json | None:
        raw = self._objects.get(key.kind, {}).get(key)
        return None if raw is None else orjson.loads(raw)

    def objects(self, kind: Kind, namespace: str = "") -> dict[Key, bytes]:
        """All objects of a kind (in one namespace), in the order of their keys."""
        return self._within(self._objects.get(kind.qualified, {}), namespace)

    def objects_at(self, kind: Kind, namespace: str, revision: int) -> dict[Key, bytes]:
        """The same as they stood at an earlier revision. Raises ApiFailure 410 where history does not reach back."""
        state = dict(self._objects.get(kind.qualified, {}))
        for change in reversed(self.since(revision)):
            if change.key.kind != kind.qualified:
                continue
            if change.before is None:
                state.pop(change.key, None)
            else:
                state[change.key] = change.before
        return self._within(state, namespace)

    def put(self, key: Key, value: Json) -> Json:
        """Write one object; returns it with its new resourceVersion."""
        self.revision += 1
        value = value | {"metadata": value["metadata"] | {"resourceVersion": str(self.revision)}}
        raw = orjson.dumps(value)
        kept = self._objects.setdefault(key.kind, {})
        self._record(Change(self.revision, key, kept.get(key), raw))
        kept[key] = raw
        return value

    def delete(self, key: Key) -> Json:
        """Remove one object that stands; returns its last state with the revision of its deletion."""
        self.revision += 1
        raw = self._objects[key.kind].pop(key)
        self._record(Change(self.revision, key, raw, None))
        value: Json = orjson.loads(raw)
        value["metadata"]["resourceVersion"] = str(self.revision)
        return value

    def since(self, revision: int) -> Sequence[Change]:
        """All changes after a revision. Raises ApiFailure 410 where some of them are no longer known."""
        if revision < self._floor:
            raise failures.expired(f"too old resource version: {revision} ({self._floor})")
        return self._log[revision - self._floor :]

    def compact(self) -> None:
        """Forget all history: watches and continue tokens from before now expire."""
        self._floor, self._log = self.revision, []

    def copy(self) -> "Store":
        """The same state with a history that starts now, as etcd restored from a backup has."""
        twin = Store(self._history)
        twin.revision = twin._floor = self.revision
        twin._objects = {kind: dict(objects) for kind, objects in self._objects.items()}
        return twin

    def touch(self) -> None:
        """Wake everyone who waits for a change, without one."""
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()

    def _record(self, change: Change) -> None:
        self._log.append(change)
        if len(self._log) > 2 * self._history:  # Trimmed in halves, so that a write stays cheap.
            self._log = self._log[self._history :]
            self._floor = self._log[0].revision - 1
        self.touch()

    @staticmethod
    def _within(objects: dict[Key, bytes], namespace: str) -> dict[Key, bytes]:
        chosen: Iterator[Key] = (key for key in objects if not namespace or key.namespace == namespace)
        return {key: objects[key] for key in sorted(chosen)}
