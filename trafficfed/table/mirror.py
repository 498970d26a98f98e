"""The table cut into sealed chunks that fit into ConfigMaps, so that a change rewrites its own chunk and the header.

Rows go into chunks by a hash of their key; sources, operator controls and the name and digest of every chunk stand in
the header. A changed chunk is written under a name that no header names, and that no other writer ever uses; the header
comes last, by compare-and-set, and only then what it no longer names is used again or dropped. So whatever a writer is
stopped at, and whoever else writes at that moment, the header that stands names chunks that are all there.
"""

import hashlib
import zlib
from collections.abc import Iterable, Mapping
from typing import TypeVar

import msgspec

from trafficfed.errors import Refused
from trafficfed.model import OperatorControl, Row, ServiceKey, Source, Value
from trafficfed.table.codec import UnknownFormat
from trafficfed.table.place import Chunk
from trafficfed.table.seal import NotAuthentic, Seal
from trafficfed.table.table import Delta, Snapshot
from trafficfed.unreadable import UNREADABLE

HEADER = "trafficfed-table"
CHUNK_LIMIT = 700_000
"""Bytes of one chunk: in base64 below the 1 MiB of a ConfigMap (Kubernetes documentation, "ConfigMaps", 2026)."""
ROWS_AIM = 128
"""Rows of one chunk when chunks are first counted: about 10 kB packed, and a millisecond to encode."""
ROWS_MOST = 2 * ROWS_AIM
MOST_CHUNKS = 4096
# zlib's level 3 packs rows as small as level 6, in a third of its time.
_LEVEL = 3
_UNKNOWN = b"?"

T = TypeVar("T")


class Oversized(Refused):
    """A chunk would not fit where it is to be kept; ``divisible`` tells whether more of them would help."""

    def __init__(self, message: str, *, divisible: bool = False) -> None:
        super().__init__(message)
        self.divisible = divisible


class Incomplete(Refused):
    """A copy of the table that lacks something, by name; nothing of it is taken."""


class Part(Value, frozen=True):
    """One chunk as it is to be kept; a chunk without rows has neither digest nor data."""

    digest: bytes = b""
    data: bytes = b""


class Cut(Value, frozen=True, kw_only=True):
    """The table at one position, as far as it changed: complete rows of the changed chunks, by the chunk's index."""

    term: int
    generation: int
    count: int
    changed: tuple[tuple[int, tuple[Row, ...]], ...]
    sources: tuple[Source, ...] = ()
    controls: tuple[OperatorControl, ...] = ()


class Image(Value, frozen=True, kw_only=True):
    """The table at one position, every chunk sealed: what each place should hold."""

    term: int
    generation: int
    parts: tuple[Part, ...]
    sources: tuple[Source, ...] = ()
    controls: tuple[OperatorControl, ...] = ()

    @property
    def position(self) -> tuple[int, int]:
        return self.term, self.generation


class Reference(Value, frozen=True):
    """What a chunk is kept as and the BLAKE2b-256 of what it says, both empty for one without rows."""

    name: str = ""
    digest: bytes = b""


class Header(Value, frozen=True, kw_only=True):
    """What one place holds: the chunks that together are the table at this position."""

    term: int
    generation: int
    parts: tuple[Reference, ...]
    sources: tuple[Source, ...] = ()
    controls: tuple[OperatorControl, ...] = ()

    @property
    def position(self) -> tuple[int, int]:
        return self.term, self.generation

    @property
    def names(self) -> frozenset[str]:
        return frozenset(part.name for part in self.parts if part.name)


class Names:
    """What one writer keeps its chunks as at one place; nobody else makes names with its ``token``."""

    def __init__(self, token: str) -> None:
        self._prefix = f"{HEADER}-{token}-"
        self._made = 0
        self._free: list[str] = []

    def take(self) -> str:
        """A name that no header names: used before, or new."""
        if self._free:
            return self._free.pop()
        self._made += 1
        return f"{self._prefix}{self._made}"

    def release(self, names: Iterable[str]) -> tuple[str, ...]:
        """Take back what the header that now stands no longer names. Returns what others had made: nobody uses it."""
        gone = sorted(names)
        self._free += (name for name in gone if name.startswith(self._prefix))
        return tuple(name for name in gone if not name.startswith(self._prefix))

    def abandon(self) -> None:
        """Use nothing again that was used so far: it is unknown what a header may yet name."""
        self._free.clear()


class Reading(Value, frozen=True):
    """What was found at a place: its authentic header, the chunks' contents, and by name whatever was not taken.

    ``unnamed`` are the chunks that the header does not name: of a former leader, or of a write that is under way.
    """

    header: Header | None = None
    payloads: tuple[bytes, ...] = ()
    faults: tuple[str, ...] = ()
    unnamed: tuple[str, ...] = ()


class Shards:
    """The rows by chunk, following the table's deltas; ``generation`` is -1 once it must be made anew."""

    def __init__(self, rows: Iterable[Row], generation: int, count: int = 0) -> None:
        """``count`` chunks, 0 = as many as the rows ask for."""
        found = tuple(rows)
        self.count = count or chunks_for(len(found))
        self.generation = generation
        self._rows: list[dict[ServiceKey, Row]] = [{} for _ in range(self.count)]
        for row in found:
            self._rows[index_of(row.key, self.count)][row.key] = row
        self._size = len(found)
        self._changed = set(range(self.count))

    def take(self, delta: Delta) -> None:
        """Follow one change of the table; one that is not the next, or outgrows the chunks, ends the following."""
        if delta.generation != self.generation + 1:
            self.generation = -1
            return
        self.generation = delta.generation
        for key in delta.removed:
            self._chunk(key).pop(key, None)
        for row in delta.rows:
            self._chunk(row.key)[row.key] = row
        self._size += len(delta.rows) - len(delta.removed)
        if len(delta.rows) and self._outgrown():
            self.generation = -1

    def _chunk(self, key: ServiceKey) -> dict[ServiceKey, Row]:
        index = index_of(key, self.count)
        self._changed.add(index)
        return self._rows[index]

    def _outgrown(self) -> bool:
        """Counts anew, as a row that was only replaced has been counted as one more."""
        if self._size > self.count * ROWS_MOST:
            self._size = sum(map(len, self._rows))
        return self._size > self.count * ROWS_MOST and self.count < MOST_CHUNKS

    def cut(self, term: int, sources: Iterable[Source] = (), controls: tuple[OperatorControl, ...] = ()) -> Cut:
        """What changed since the last cut, in values that never change: to be encoded elsewhere."""
        changed, self._changed = self._changed, set()
        return Cut(
            term=term,
            generation=self.generation,
            count=self.count,
            changed=tuple((index, tuple(self._rows[index].values())) for index in sorted(changed)),
            sources=tuple(sources),
            controls=controls,
        )


def chunks_for(rows: int) -> int:
    """A power of two.

    >>> [chunks_for(rows) for rows in (0, 128, 129, 10_000, 10_000_000)]
    [1, 1, 2, 128, 4096]
    """
    return min(MOST_CHUNKS, 1 << max(0, (rows - 1) // ROWS_AIM).bit_length())


def index_of(key: ServiceKey, count: int) -> int:
    """The chunk of a row, equal in every process."""
    return int.from_bytes(hashlib.blake2b(str(key).encode(), digest_size=4).digest()) % count


def image_of(cut: Cut, former: Image | None, seal: Seal) -> Image:
    """Encode and seal what changed; chunks that say what they said stay the very same. Raises Oversized."""
    parts = list(former.parts) if former is not None and len(former.parts) == cut.count else [Part()] * cut.count
    for index, rows in cut.changed:
        payload = _ROWS_ENCODER.encode(sorted(rows, key=_key)) if rows else b""
        if (digest := _digest(payload)) != parts[index].digest:
            try:
                parts[index] = Part(digest, _sealed(seal, str(index), cut.term, cut.generation, payload))
            except Oversized as error:
                raise Oversized(str(error), divisible=len(rows) > 1) from None
    return Image(
        term=cut.term, generation=cut.generation, parts=tuple(parts), sources=cut.sources, controls=cut.controls
    )


def writes(image: Image, standing: Header | None, names: Names, seal: Seal) -> tuple[tuple[Chunk, ...], Header]:
    """What to store at a place that holds ``standing``, the header last, and what it holds then.

    Nothing where it holds all of that. Raises Oversized.
    """
    held = standing.parts if standing is not None else ()
    chunks, parts = [], []
    for index, part in enumerate(image.parts):
        reference = held[index] if index < len(held) else Reference()
        if part.digest != reference.digest:
            reference = Reference(names.take() if part.data else "", part.digest)
            if part.data:
                chunks.append(Chunk(reference.name, part.data))
        parts.append(reference)
    header = Header(
        term=image.term,
        generation=image.generation,
        parts=tuple(parts),
        sources=image.sources,
        controls=image.controls,
    )
    if header == standing:
        return (), header
    data = _sealed(seal, "header", header.term, header.generation, _HEADER_ENCODER.encode(header))
    return (*chunks, Chunk(HEADER, data)), header


def read(found: Mapping[str, bytes], seal: Seal) -> Reading:
    """What a place holds. Raises ForeignMirror or UnknownFormat where its header says that it is not for us."""
    chunks = {name for name in found if name.startswith(f"{HEADER}-")}
    if HEADER not in found:
        lost = (f"{HEADER} is missing, though there are chunks of it",) if chunks else ()
        return Reading(faults=lost, unnamed=tuple(sorted(chunks)))
    try:
        kept = seal.open("header", HEADER, found[HEADER])
    except NotAuthentic as error:
        return Reading(faults=(str(error),), unnamed=tuple(sorted(chunks)))
    header = _decoded(_HEADERS, HEADER, zlib.decompress(kept.payload))
    references, payloads, faults = [], [], []
    for index, reference in enumerate(header.parts):
        try:
            payloads.append(_payload(found, index, reference, header, seal) if reference.digest else b"")
        except Refused as error:
            faults.append(str(error))
            reference = Reference(reference.name, _UNKNOWN)
        references.append(reference)
    unnamed = tuple(sorted(chunks - header.names))
    return Reading(msgspec.structs.replace(header, parts=tuple(references)), tuple(payloads), tuple(faults), unnamed)


def snapshot_in(reading: Reading) -> Snapshot | None:
    """The table that was read, None where there was nothing. Raises Incomplete naming what is missing or wrong,
    UnknownFormat where another program wrote it.
    """
    header, faults = reading.header, reading.faults
    if faults:
        more = f" (and {len(faults) - 1} more like it)" if len(faults) > 1 else ""
        where = f"its generation {header.generation} of term {header.term} cannot be read: " if header else ""
        raise Incomplete(f"{where}{faults[0]}{more}")
    if header is None:
        return None
    rows = (row for payload in reading.payloads if payload for row in _decoded(_ROWS, "a chunk of it", payload))
    return Snapshot(
        term=header.term,
        generation=header.generation,
        rows=tuple(sorted(rows, key=_key)),
        sources=header.sources,
        controls=header.controls,
    )


def _payload(found: Mapping[str, bytes], index: int, reference: Reference, header: Header, seal: Seal) -> bytes:
    name = reference.name
    if name not in found:
        raise Incomplete(f"{name} is missing")
    kept = seal.open(str(index), name, found[name])
    payload = zlib.decompress(kept.payload)
    if _digest(payload) != reference.digest:
        raise Incomplete(
            f"{name} is of generation {kept.generation} of term {kept.term}: not what the header of generation"
            f" {header.generation} of term {header.term} names"
        )
    return payload


def _decoded(decoder: "msgspec.msgpack.Decoder[T]", name: str, payload: bytes) -> T:
    """What an authentic chunk says: one that does not decode was written by another program."""
    try:
        return decoder.decode(payload)
    except UNREADABLE as error:
        raise UnknownFormat(f"{name} does not decode: {error}") from error


def _sealed(seal: Seal, name: str, term: int, generation: int, payload: bytes) -> bytes:
    if not payload:
        return b""
    data = seal.close(name, term, generation, zlib.compress(payload, _LEVEL))
    if len(data) > CHUNK_LIMIT:
        what = "the header" if name == "header" else f"chunk {name}"
        raise Oversized(f"{what} of the table's mirror takes {len(data)} bytes, of which {CHUNK_LIMIT} can be kept")
    return data


def _digest(payload: bytes) -> bytes:
    return hashlib.blake2b(payload, digest_size=32).digest() if payload else b""


def _key(row: Row) -> ServiceKey:
    return row.key


_ROWS_ENCODER = msgspec.msgpack.Encoder()
_HEADER_ENCODER = msgspec.msgpack.Encoder()
_ROWS = msgspec.msgpack.Decoder(tuple[Row, ...])
_HEADERS = msgspec.msgpack.Decoder(Header)
