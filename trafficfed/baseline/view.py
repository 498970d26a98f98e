"""What is seen of one API server, a member's or the hub's: its objects of the kinds that rules ask about. Pure."""

from collections.abc import Iterable, Iterator

import msgspec

from trafficfed.kubernetes_api.wire import Event, Foreign, Listed, Lost, Meta, Removed, Resumed, Upserted, Watched, Wire
from trafficfed.propagation.followed import Stream, Streams, key_of, with_type
from trafficfed.propagation.objects import ObjectKey, TemplateKind
from trafficfed.unreadable import UNREADABLE

Kind = tuple[str, str]
"""apiVersion and kind."""


class _Head(Wire, frozen=True):
    metadata: Meta = Meta()


class Seen(msgspec.Struct, frozen=True, gc=False):
    """One object as it stands there."""

    key: ObjectKey
    uid: str
    revision: int
    labels: dict[str, str]
    annotations: dict[str, str]
    body: bytes


NOT_YET = "not connected yet"
Changes = dict[ObjectKey, tuple[Seen | None, Seen | None]]
"""How each object stood before, and how it stands now."""


class View:
    """``version`` is the API server's own, as v1.36.1; ``lost`` says why nothing of it can be followed."""

    def __init__(self, name: str) -> None:
        self.name, self.version, self.lost = name, "", NOT_YET
        self.kinds: dict[Kind, TemplateKind] = {}
        self.absent: frozenset[Kind] = frozenset()
        self.streams = Streams()
        self.unreadable: dict[ObjectKey, str] = {}
        self._objects: dict[tuple[str, str], dict[ObjectKey, Seen]] = {}

    # ------------------------------------------------------------------ what comes in

    def begin(self, kinds: Iterable[TemplateKind], absent: Iterable[Kind], version: str) -> set[TemplateKind]:
        """It is followed from now on, in these kinds; those that were not followed before are told."""
        self.version, self.lost, self.absent = version, "", frozenset(absent)
        self.kinds = {(kind.api_version, kind.kind): kind for kind in kinds}
        followed = set(self.kinds.values())
        for kind in self.streams.of.keys() - followed:
            del self.streams.of[kind]
            if (kind.group, kind.kind) not in {(each.group, each.kind) for each in followed}:
                self._objects.pop((kind.group, kind.kind), None)
        new = followed - self.streams.of.keys()
        for kind in new:
            self.streams.of[kind] = Stream()
        return new

    def take(self, kind: TemplateKind, event: Event) -> Changes:
        """What changed; None where it was not there, or is no more."""
        if (stream := self.streams.of.get(kind)) is None:
            return {}  # of a kind that nobody asks about any more
        match event:
            case Lost():
                stream.lost = event.reason
            case Resumed():
                stream.lost = ""
            case Listed():
                stream.uid, stream.listed, stream.lost = event.server_uid, True, ""
                return self._list(kind, event)
            case Upserted(object=Foreign() as found):
                return self._put(kind, found)
            case Removed(object=Foreign() as found):
                return self._remove(kind, found.metadata)
        return {}

    def learn(self, kind: TemplateKind, body: bytes) -> Changes:
        """What an API server answered to a write: its watch may tell it later."""
        try:
            meta = msgspec.json.decode(body, type=_Head).metadata
        except UNREADABLE:
            return {}
        return self._put(kind, Foreign(metadata=meta, body=body)) if meta.name else {}

    def _list(self, kind: TemplateKind, event: Listed[Watched]) -> Changes:
        before = self._objects.pop((kind.group, kind.kind), {})
        changed: Changes = {}
        for each in event.objects:
            if isinstance(each, Foreign):
                changed |= self._put(kind, each)
        for text in event.unreadable:
            namespace, _, name = text.rpartition("/")
            key = key_of(kind, namespace, name)
            self.unreadable[key] = "it cannot be read"
            if (held := before.pop(key, None)) is not None:
                self._of(kind)[key] = held  # it is there, whatever it says
        now = self._of(kind)
        found: Changes = {key: (seen, None) for key, seen in before.items() if key not in now}
        for key, (_, seen) in changed.items():
            if seen is not None and not _same(before.get(key), seen):
                found[key] = (before.get(key), seen)
        return found

    def _put(self, kind: TemplateKind, found: Foreign) -> Changes:
        meta = found.metadata
        key = key_of(kind, meta.namespace, meta.name)
        try:
            body = with_type(kind, found.body)
        except UNREADABLE as error:
            self.unreadable[key] = str(error)
            return {}
        self.unreadable.pop(key, None)
        revision = int(meta.resource_version) if meta.resource_version.isdecimal() else 0
        seen = Seen(key, meta.uid, revision, meta.labels or {}, meta.annotations or {}, body)
        held = self._of(kind)
        before = held.get(key)
        if before is not None and before.uid == seen.uid and before.revision > revision:
            return {}  # older than what a write was answered with
        held[key] = seen
        return {key: (before, seen)}

    def _remove(self, kind: TemplateKind, meta: Meta) -> Changes:
        key = key_of(kind, meta.namespace, meta.name)
        self.unreadable.pop(key, None)
        before = self._of(kind).pop(key, None)
        return {key: (before, None)} if before is not None else {}

    def _of(self, kind: TemplateKind) -> dict[ObjectKey, Seen]:
        return self._objects.setdefault((kind.group, kind.kind), {})

    # ------------------------------------------------------------------ what is asked

    def get(self, key: ObjectKey) -> Seen | None:
        return self._objects.get((key.group, key.kind), {}).get(key)

    def all(self, kind: Kind) -> Iterator[Seen]:
        """Every object of a kind."""
        return iter(self._objects.get((kind[0].rpartition("/")[0], kind[1]), {}).values())

    def count(self, kind: Kind) -> int:
        return len(self._objects.get((kind[0].rpartition("/")[0], kind[1]), {}))

    def namespace(self, name: str) -> Seen | None:
        return self.get(ObjectKey("", "Namespace", "", name))

    def is_listed(self, kind: Kind) -> bool:
        """Whether a kind was seen completely once, so that what is missing is missing."""
        return kind in self.absent or (kind in self.kinds and self.streams.of[self.kinds[kind]].listed)

    def tried(self, kinds: Iterable[Kind]) -> bool:
        """Whether each of them is seen, or known to be out of reach."""
        if self.lost:
            return self.lost != NOT_YET
        asked = (self.kinds.get(kind) for kind in kinds if kind not in self.absent)
        return all(each is not None and self.streams.of[each].tried for each in asked)

    def unseen(self, kinds: Iterable[Kind]) -> str:
        """Why not all of these kinds are seen now; empty where they are. What an API server does not have is seen."""
        if self.lost:
            return self.lost
        for kind in sorted(kinds):
            if kind in self.absent:
                continue
            if kind not in self.kinds:
                return f"{kind[1]} of {kind[0]} is not followed yet"
            stream = self.streams.of[self.kinds[kind]]
            if not stream.live:
                return stream.lost or f"no list of {self.kinds[kind].plural} yet"
        return ""

    @property
    def uids(self) -> frozenset[str]:
        """The API servers that its lists came from: one, or somebody has to look."""
        return frozenset(each.uid for each in self.streams.of.values() if each.uid)


def _same(one: Seen | None, other: Seen) -> bool:
    return one is not None and (one.uid, one.revision) == (other.uid, other.revision)
