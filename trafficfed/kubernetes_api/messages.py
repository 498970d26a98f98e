"""What a watch stream says, line by line; one object that cannot be read harms only itself."""

from collections.abc import Mapping
from typing import Any, Generic, Protocol, TypeVar

import msgspec

from trafficfed.errors import Transient
from trafficfed.kubernetes_api.failures import Status
from trafficfed.kubernetes_api.wire import Foreign, Meta, Watched, Wire
from trafficfed.unreadable import UNREADABLE

T = TypeVar("T", bound=Watched)
T_co = TypeVar("T_co", bound=Watched, covariant=True)

INITIAL_EVENTS_END = "k8s.io/initial-events-end"


class Added(Wire, Generic[T], frozen=True, tag="ADDED", tag_field="type"):
    object: T


class Modified(Wire, Generic[T], frozen=True, tag="MODIFIED", tag_field="type"):
    object: T


class Deleted(Wire, Generic[T], frozen=True, tag="DELETED", tag_field="type"):
    object: T


class Progress(Wire, frozen=True):
    """The object of a bookmark: only its revision counts, and whether the initial events end with it."""

    metadata: Meta


class Bookmark(Wire, frozen=True, tag="BOOKMARK", tag_field="type"):
    object: Progress

    @property
    def ends_initial_events(self) -> bool:
        annotations: Mapping[str, str] = self.object.metadata.annotations or {}
        return annotations.get(INITIAL_EVENTS_END) == "true"


class Failure(Wire, frozen=True, tag="ERROR", tag_field="type"):
    object: Status


class Unreadable(Wire, frozen=True):
    """An object that is there, or was until now, but does not have the shape of its kind."""

    metadata: Meta
    deleted: bool
    error: str


Message = Added[T] | Modified[T] | Deleted[T] | Bookmark | Failure
Change = Added[T] | Modified[T] | Deleted[T] | Unreadable


class _Envelope(Wire, frozen=True):
    type: str
    object: Progress


class Messages(Generic[T]):
    """Decodes the lines of one kind's watch."""

    def __init__(self, kind: type[T]) -> None:
        shape: Any = msgspec.Raw if kind is Foreign else kind
        union: Any = Added[shape] | Modified[shape] | Deleted[shape] | Bookmark | Failure
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(union)
        self._objects = objects_of(kind)

    def read(self, line: bytes) -> Message[T] | Unreadable:
        """Raises Transient where the line is no watch event at all: then the stream itself is broken."""
        try:
            message = self._decoder.decode(line)
            if isinstance(message, Added | Modified | Deleted) and isinstance(message.object, msgspec.Raw):
                return type(message)(self._objects.decode(message.object))
            read: Message[T] = message
            return read
        except UNREADABLE as error:
            return _unreadable(line, error)


class Objects(Protocol[T_co]):
    """Reads single objects. Raises msgspec.DecodeError."""

    def decode(self, raw: msgspec.Raw, /) -> T_co: ...


class _ForeignObjects:
    """Only the metadata is looked into."""

    def decode(self, raw: msgspec.Raw, /) -> Foreign:
        return Foreign(msgspec.json.decode(raw, type=Progress).metadata, bytes(raw))


def objects_of(kind: type[T]) -> Objects[T]:
    """How single objects of a kind are read."""
    reader: Any = _ForeignObjects() if kind is Foreign else msgspec.json.Decoder(kind)
    made: Objects[T] = reader
    return made


def key_of(meta: Meta) -> str:
    """``namespace/name``; the bare name for what has no namespace."""
    return f"{meta.namespace}/{meta.name}" if meta.namespace else meta.name


def _unreadable(line: bytes, error: Exception) -> Unreadable:
    try:
        envelope = msgspec.json.decode(line, type=_Envelope)
    except UNREADABLE:
        raise Transient(f"the watch sent what is no event: {error}") from error
    return Unreadable(envelope.object.metadata, envelope.type == "DELETED", str(error))
