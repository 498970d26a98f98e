"""What one member has of ours: copies as last seen, whether they are as we left them, and what is out of sight."""

from collections.abc import Iterable
from dataclasses import dataclass

from msgspec.structs import replace

from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.wire import Event, Foreign, Listed, Lost, Removed, Resumed, Upserted, Watched
from trafficfed.propagation.copies import Seen, read_copy
from trafficfed.propagation.followed import Stream, Streams, key_of, with_type
from trafficfed.propagation.objects import ObjectKey, TemplateKind
from trafficfed.propagation.plan import Site

MANAGER = "trafficfed"
"""Our field manager: who owns a field of a copy shows by it."""


@dataclass(slots=True)
class Held:
    """One object as last seen. ``body`` is kept until it was read against what should stand there."""

    revision: int
    body: bytes
    seen: Seen | None = None
    read_against: str = ""
    is_strange: bool = False
    """Found by asking, as it does not carry our label: nobody tells when it changes."""


class MemberView:
    """``doubt`` says why nothing it shows may be used (another API server behind its address), empty where all is
    well."""

    def __init__(self, name: str, kinds: Iterable[TemplateKind]) -> None:
        self.name = name
        self.doubt = ""
        self.holds_templates = False
        self.told_uid = ""
        self.streams = Streams({kind: Stream() for kind in kinds})
        self._of = {(kind.group, kind.kind): stream for kind, stream in self.streams.of.items()}
        self._held: dict[ObjectKey, Held] = {}

    @property
    def uid(self) -> str:
        """Of the API server that answered last, or as it was told from elsewhere."""
        return next((stream.uid for stream in self.streams.of.values() if stream.uid), self.told_uid)

    @property
    def uids(self) -> set[str]:
        """Of the API servers whose kinds are followed now: more than one while another one takes over."""
        return {stream.uid for stream in self.streams.of.values() if stream.live}

    @property
    def tried(self) -> bool:
        """Whether everything is seen, or known to be out of reach."""
        return all(stream.tried for stream in self.streams.of.values())

    @property
    def reachable(self) -> bool:
        return not self.doubt and any(stream.live for stream in self.streams.of.values())

    @property
    def unseen(self) -> str:
        """Why not everything of it is seen; empty where it is."""
        return self.doubt or self.streams.unseen

    # ------------------------------------------------------------------ events

    def take(self, kind: TemplateKind, event: Event) -> set[ObjectKey]:
        """Objects whose copy changed; of lists also those that were seen before."""
        stream = self.streams.of[kind]
        match event:
            case Lost():
                stream.lost = event.reason
            case Resumed():
                stream.lost = ""
            case Listed():
                stream.uid, stream.revision, stream.listed, stream.lost = event.server_uid, event.revision, True, ""
                return self._list(kind, event)
            case Upserted(object=Foreign() as found):
                stream.revision = event.revision
                return self._put(kind, found)
            case Removed(object=Foreign() as found):
                stream.revision = event.revision
                key = key_of(kind, found.metadata.namespace, found.metadata.name)
                self._held.pop(key, None)
                return {key}
        return set()

    def _list(self, kind: TemplateKind, event: Listed[Watched]) -> set[ObjectKey]:
        changed = {key for key in self._held if (key.group, key.kind) == (kind.group, kind.kind)}
        kept = set(event.unreadable)
        for key in changed:
            if (f"{key.namespace}/{key.name}" if key.namespace else key.name) not in kept:
                del self._held[key]
        for found in event.objects:
            assert isinstance(found, Foreign), "every kind is followed as it is"
            changed |= self._put(kind, found)
        return changed

    def _put(self, kind: TemplateKind, found: Foreign) -> set[ObjectKey]:
        key = key_of(kind, found.metadata.namespace, found.metadata.name)
        revision = _number(found.metadata.resource_version)
        known = self._held.get(key)
        if known is not None and not known.is_strange and revision <= known.revision:
            return set()
        self._held[key] = Held(revision, with_type(kind, found.body))
        return {key}

    # ------------------------------------------------------------------ what our own writes tell

    def wrote(self, key: ObjectKey, answer: bytes, hash: str) -> bool:
        """The member's answer to an apply: whether it is newer than any event about it so far, so that this is how the
        copy stands; else it is not worth more."""
        try:
            seen = read_copy(answer, MANAGER)
        except ConfigError:
            return False
        revision = _number(seen.copy.resource_version)
        known = self._held.get(key)
        if known is not None and not known.is_strange and revision < known.revision:
            return False
        self._held[key] = Held(revision, b"", seen, hash)
        return True

    def found(self, key: ObjectKey, body: bytes) -> None:
        """It stood there already, without our label."""
        self._held[key] = Held(0, body, is_strange=True)

    def ending(self, key: ObjectKey) -> None:
        """It was told to go; the watch tells when it is gone."""
        held = self._held.get(key)
        if held is not None and held.seen is not None:
            held.seen = replace(held.seen, copy=replace(held.seen.copy, terminating=True))

    def gone(self, key: ObjectKey) -> None:
        """It was let go of, or is not there."""
        self._held.pop(key, None)

    def forget_strange(self, key: ObjectKey) -> bool:
        """Ask anew about what was found by asking."""
        known = self._held.get(key)
        if known is None or not known.is_strange:
            return False
        del self._held[key]
        return True

    # ------------------------------------------------------------------ questions

    def seen(self, key: ObjectKey, applied: bytes = b"", hash: str = "") -> Seen | None:
        """The copy. Read against what we applied where it says that this is what stands there: later is too late, as
        what should stand there has then changed."""
        held = self._held.get(key)
        if held is None:
            return None
        if held.seen is None:
            held.seen = read_copy(held.body, MANAGER)
        if held.body and hash and held.seen.copy.hash == hash != held.read_against:
            held.seen = read_copy(held.body, MANAGER, applied)
            held.read_against, held.body = hash, b""
        return held.seen

    def site(self, key: ObjectKey, applied: bytes = b"", hash: str = "") -> Site:
        reason = self.unseen_because(key)
        if reason:
            return Site(seen=False, unseen_because=reason, holds_templates=self.holds_templates)
        found = self.seen(key, applied, hash)
        return Site(copy=found.copy if found else None, holds_templates=self.holds_templates)

    def unseen_because(self, key: ObjectKey) -> str:
        """Why nothing can be said of an object here; empty where the view is live."""
        stream = self._of.get((key.group, key.kind))
        if stream is None:
            return f"{key.kind} is not among the kinds that are propagated"
        return self.doubt or stream.lost or ("" if stream.listed else "was not seen yet")


def _number(revision: str) -> int:
    return int(revision) if revision.isdecimal() else 0
