"""What one member shows of exports, and of what we made there: kept by events, lost by none."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeVar

import msgspec

from trafficfed.kubernetes_api.wire import Event, Foreign, Listed, Lost, Meta, Removed, Resumed, Upserted, Watched
from trafficfed.propagation.followed import Stream, Streams
from trafficfed.propagation.objects import TemplateKind
from trafficfed.services import kinds as words
from trafficfed.services.kinds import EXPORT, IMPORT, NAMESPACE, SERVICE, SLICE
from trafficfed.services.meshes import DESTINATION_RULE, MARKED_BY, SERVICE_ENTRY
from trafficfed.services.reading import Backing, Declared, Slice, is_ending, read_export, read_service, read_slice
from trafficfed.services.wishes import distinct
from trafficfed.unreadable import UNREADABLE

T = TypeVar("T")

Name = tuple[str, str]
"""Namespace and name of a Service: the same in all clusters of a clusterset."""

SETTLE_S = 5.0
"""What a new list lacks is believed after so long, if the table trusts the cluster then: its own watch of the same API
server finds out meanwhile whether that went back in time, or is another one."""


@dataclass(slots=True)
class Held:
    """One object as last seen. ``matched`` is the hash of a wish that was found to stand there in full. The body is
    kept only as long as somebody may have to look into it: fleets have very many slices."""

    kind: str
    namespace: str
    name: str
    uid: str
    revision: int
    labels: dict[str, str]
    annotations: dict[str, str]
    body: bytes
    value: object = None
    matched: str = ""


@dataclass(slots=True)
class Made:
    """What stands of one import in a member. ``foreign``: the import is somebody else's."""

    import_: Held | None = None
    foreign: bool = False
    service: Held | None = None
    slices: dict[str, Held] = field(default_factory=dict)
    mesh: dict[str, Held] = field(default_factory=dict)


class Member:
    """``uid`` is that of the API server it is known by, empty until it is known. ``doubt`` says why nothing is
    believed and nothing written, empty where all is well."""

    def __init__(self, name: str, owner: str, uid: str = "") -> None:
        self.name, self._owner, self.uid, self.doubt = name, owner, uid, ""
        self.stranger = ""
        self.version = words.VERSIONS[0]
        self.streams = Streams()
        self.absent = ""
        self.namespaces: set[str] = set()
        self.meshless = ""
        self._marked: set[Name] = set()
        self._held: dict[tuple[str, str, str], Held] = {}
        self._exports: dict[Name, Held] = {}
        self._services: dict[Name, Held] = {}
        self._slices: dict[Name, dict[str, Held]] = {}
        self._made: dict[Name, Made] = {}
        self._missing: dict[tuple[str, str, str], float] = {}

    # ------------------------------------------------------------------ how far it is seen

    def begin(self, followed: Iterable[TemplateKind], version: str, meshless: str = "") -> None:
        """It is followed from now on. What was seen before stays until a list says otherwise. ``meshless`` says why a
        mesh that is wanted cannot be told of anything here, empty where it can, or none is wanted."""
        self.version, self.absent, self.meshless = version, "", meshless
        seen = {kind.plural: stream for kind, stream in self.streams.of.items()}
        self.streams = Streams({kind: seen.get(kind.plural) or Stream() for kind in followed})

    def lose(self, reason: str) -> None:
        self.absent = reason
        for stream in self.streams.of.values():
            stream.lost = reason

    @property
    def listed(self) -> bool:
        """Whether all of it was seen at least once, so that what is not known of it is not there."""
        return bool(self.streams.of) and all(stream.listed for stream in self.streams.of.values())

    @property
    def live(self) -> bool:
        return self.streams.live and not self.doubt and not self.stranger

    @property
    def lost(self) -> str:
        """Why it is out of sight; empty where it is in sight, or just about to be."""
        if self.stranger:
            return "another API server answers at its address"
        lost = next((stream.lost for stream in self.streams.of.values() if stream.lost), "")
        return self.doubt or self.absent or lost

    @property
    def unseen(self) -> str:
        """Why not all of it is seen now; empty where it is."""
        return self.lost or self.streams.unseen or ("" if self.streams.of else "not connected yet")

    # ------------------------------------------------------------------ events

    def take(self, kind: TemplateKind, event: Event, now_s: float) -> set[Name]:
        """Services whose exports, endpoints or imports changed."""
        stream = self.streams.of[kind]
        match event:
            case Lost():
                stream.lost = event.reason
                return self.names
            case Resumed():
                stream.lost = ""
                return self.names
            case Listed():
                return self._list(kind, event, now_s)
            case Upserted(object=Foreign() as found) if not self.stranger:
                return self._put(kind.kind, found)
            case Removed(object=Foreign() as found) if not self.stranger:
                return self._remove((kind.kind, found.metadata.namespace, found.metadata.name), now_s)
        return set()

    def _list(self, kind: TemplateKind, event: Listed[Watched], now_s: float) -> set[Name]:
        if self.uid and event.server_uid != self.uid:
            self.stranger = event.server_uid
            return self.names
        self.uid = event.server_uid
        stream = self.streams.of[kind]
        stream.uid, stream.listed, stream.lost = event.server_uid, True, ""
        before = {key for key in self._held if key[0] == kind.kind}
        changed, unreadable = self.names, set(event.unreadable)
        for found in event.objects:
            assert isinstance(found, Foreign), "every kind is followed as it is"
            before.discard((kind.kind, found.metadata.namespace, found.metadata.name))
            changed |= self._put(kind.kind, found)
        for key in before:
            if (f"{key[1]}/{key[2]}" if key[1] else key[2]) not in unreadable:
                self._missing[key] = now_s
        return changed | self.names

    def _remove(self, key: tuple[str, str, str], now_s: float) -> set[Name]:
        """A deletion that was watched is believed at once, unless nothing of this API server is."""
        if not self.doubt:
            return self._drop(key)
        if key in self._held:
            self._missing[key] = now_s
        return set()

    def settle(self, now_s: float, *, trusted: bool) -> set[Name]:
        """Give up what lists have not had for long enough; ``trusted``: the table believes this API server."""
        if not trusted:
            return set()
        gone = [key for key, since_s in self._missing.items() if now_s - since_s >= SETTLE_S]
        return {name for key in gone for name in self._drop(key)}

    def put(self, kind: TemplateKind, answer: bytes, hash: str = "") -> set[Name]:
        """What the API server says stands there after a write of ours; ``hash`` is of the wish that it took. What an
        admission webhook has made of it is not fought over."""
        try:
            found = msgspec.json.decode(answer, type=_Answer)
        except UNREADABLE:
            return set()
        changed = self._put(kind.kind, Foreign(found.metadata, answer))
        held = self._held.get((kind.kind, found.metadata.namespace, found.metadata.name))
        if hash and held is not None and str(held.revision) == found.metadata.resource_version:
            held.matched = hash
        return changed

    def gone(self, kind: TemplateKind, namespace: str, name: str, uid: str) -> set[Name]:
        """It was deleted, or was not there."""
        held = self._held.get((kind.kind, namespace, name))
        return self._drop((kind.kind, namespace, name)) if held is not None and held.uid == uid else set()

    def _put(self, kind: str, found: Foreign) -> set[Name]:
        meta, key = found.metadata, (kind, found.metadata.namespace, found.metadata.name)
        revision = int(meta.resource_version) if meta.resource_version.isdecimal() else 0
        known = self._held.get(key)
        if known is not None and key not in self._missing and revision <= known.revision:
            return set()
        changed = self._drop(key)
        held = Held(
            kind,
            meta.namespace,
            meta.name,
            meta.uid,
            revision,
            meta.labels or {},
            meta.annotations or {},
            found.body,
        )
        self._held[key] = held
        return changed | self._file(held)

    def _file(self, held: Held) -> set[Name]:
        """Put it where it is asked for."""
        name = (held.namespace, held.name)
        ours = held.labels.get(words.OWNER_LABEL) == self._owner
        match held.kind:
            case NAMESPACE.kind:
                if not is_ending(held.body):
                    self.namespaces.add(held.name)
                return {each for each in self.names if each[0] == held.name} | {(held.name, "")}
            case words.EXPORT:
                self._exports[name] = held
            case words.IMPORT:
                made = self._made.setdefault(name, Made())
                made.import_, made.foreign = held, not ours
            case SERVICE.kind if ours:
                name = (held.namespace, held.labels.get(words.SERVICE_NAME, ""))
                self._made.setdefault(name, Made()).service = held
            case SERVICE.kind:
                self._services[name] = held
                if held.annotations.get(MARKED_BY) == self._owner:
                    self._marked.add(name)
            case SERVICE_ENTRY.kind | DESTINATION_RULE.kind:
                name = (held.namespace, held.labels.get(words.SERVICE_NAME, ""))
                if ours:
                    self._made.setdefault(name, Made()).mesh[held.kind] = held
            case SLICE.kind if words.SOURCE_CLUSTER in held.labels:
                name = (held.namespace, held.labels.get(words.SERVICE_NAME, ""))
                if ours:
                    self._made.setdefault(name, Made()).slices[held.name] = held
            case SLICE.kind:
                name = (held.namespace, held.labels.get(words.LOCAL_SERVICE_NAME, ""))
                self._slices.setdefault(name, {})[held.name] = held
        return {name}

    def _drop(self, key: tuple[str, str, str]) -> set[Name]:
        held = self._held.pop(key, None)
        self._missing.pop(key, None)
        if held is None:
            return set()
        if held.kind == NAMESPACE.kind:
            self.namespaces.discard(held.name)
            return {each for each in self.names if each[0] == held.name} | {(held.name, "")}
        name = (held.namespace, held.name)
        if held.kind == EXPORT:
            self._exports.pop(name, None)
        elif held.kind == SERVICE.kind and self._services.get(name) is held:
            del self._services[name]
            self._marked.discard(name)
        elif held.kind == SLICE.kind and words.SOURCE_CLUSTER not in held.labels:
            name = (held.namespace, held.labels.get(words.LOCAL_SERVICE_NAME, ""))
            _pop(self._slices, name, held.name)
        else:
            name = self._unmake(held)
        return {name}

    def _unmake(self, held: Held) -> Name:
        name = (held.namespace, held.name if held.kind == IMPORT else held.labels.get(words.SERVICE_NAME, ""))
        if (made := self._made.get(name)) is None:
            return name
        if made.import_ is held:
            made.import_, made.foreign = None, False
        if made.service is held:
            made.service = None
        for of, key in ((made.slices, held.name), (made.mesh, held.kind)):
            if of.get(key) is held:
                del of[key]
        if made == Made():
            del self._made[name]
        return name

    # ------------------------------------------------------------------ questions

    @property
    def names(self) -> set[Name]:
        """Every Service that is exported here, of which we made something, or that carries words of ours."""
        return {*self._exports, *self._made, *self._marked}

    @property
    def imported(self) -> int:
        """ServiceImports that stand there, whoever made them."""
        return sum(1 for made in self._made.values() if made.import_ is not None)

    @property
    def exported(self) -> int:
        return len(self._exports)

    def exports(self, name: Name) -> bool:
        return name in self._exports

    def held_export(self, name: Name) -> Held:
        """The export as it stands. Raises KeyError where there is none."""
        return self._exports[name]

    def held_service(self, name: Name) -> Held | None:
        """The user's Service as it stands."""
        return self._services.get(name)

    def export(self, name: Name) -> Declared | None:
        """Raises msgspec.DecodeError where it cannot be read."""
        held = self._exports.get(name)
        if held is None:
            return None
        if held.value is None:
            held.value = read_export(held.body)
        assert isinstance(held.value, Declared)
        return None if held.value.ending else held.value

    def service(self, name: Name) -> Backing | None:
        """Raises msgspec.DecodeError where it cannot be read."""
        held = self._services.get(name)
        if held is None:
            return None
        if held.value is None:
            held.value, held.body = read_service(held.body), b""
        assert isinstance(held.value, Backing)
        return held.value

    def slices(self, name: Name) -> tuple[Slice, ...]:
        """Its own EndpointSlices, by name, each address in one of them only."""
        return distinct(sorted(self._read_slices(name), key=lambda each: each.name))

    def _read_slices(self, name: Name) -> Iterator[Slice]:
        for held in self._slices.get(name, {}).values():
            if held.value is None:
                held.value, held.body = read_slice(held.name, held.body), b""
            assert isinstance(held.value, Slice)
            yield held.value

    def made(self, name: Name) -> Made:
        """What stands there of its import."""
        return self._made.get(name) or Made()


def _pop(of: dict[Name, dict[str, T]], name: Name, item: str) -> None:
    if (held := of.get(name)) is not None:
        held.pop(item, None)
        if not held:
            del of[name]


class _Answer(msgspec.Struct, frozen=True):
    metadata: Meta
