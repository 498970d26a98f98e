"""How snapshots and deltas look in a file or on a wire: checked frames around MessagePack.

A frame is a 36-byte header (magic, format version, kind, payload length, BLAKE2b-128 of the payload, CRC-32 of the
header itself) and the payload. The header has its own checksum so that a broken length is told from a frame cut short.
Fields that a newer program adds are ignored by an older one; the version grows only when that would be wrong.
"""

import enum
import hashlib
import struct
import zlib
from typing import TypeVar

import msgspec

from trafficfed.errors import Refused
from trafficfed.model import Value
from trafficfed.table.table import Delta, Snapshot
from trafficfed.unreadable import UNREADABLE

FORMAT = 1
T = TypeVar("T")

_MAGIC = b"tfed"
_FIELDS = struct.Struct(">4sHBxQ16s")
_HEADER_SIZE = _FIELDS.size + 4


class CorruptTable(Refused):
    """Bytes that should be a table are damaged. The text names what is wrong, the caller adds where."""


class UnknownFormat(Refused):
    """A table of a format that this program does not read; nothing is wrong with the data."""


class Kind(enum.IntEnum):
    """What a frame carries. BASE opens a journal: it names the snapshot that the journal continues."""

    SNAPSHOT = 1
    DELTA = 2
    BASE = 3


class Frame(Value, frozen=True):
    """One frame read: ``end`` is the offset behind it."""

    kind: Kind
    payload: bytes
    end: int


def digest(data: bytes) -> bytes:
    """BLAKE2b of 128 bits: against damage, not against forgery (the feed has its own authentication)."""
    return hashlib.blake2b(data, digest_size=16).digest()


def frame(kind: int, payload: bytes, version: int = FORMAT) -> bytes:
    """Wrap a payload, ready to be written."""
    fields = _FIELDS.pack(_MAGIC, version, kind, len(payload), digest(payload))
    return b"".join((fields, zlib.crc32(fields).to_bytes(4, "big"), payload))


def read_frame(data: bytes, start: int = 0) -> Frame | None:
    """The frame that begins at ``start``, or None where the data ends within it.

    Raises CorruptTable where the bytes there are no frame or fail a checksum, UnknownFormat for another version.
    """
    header = data[start : start + _HEADER_SIZE]
    if len(header) < _HEADER_SIZE:
        return None
    magic, version, kind, length, expected = _FIELDS.unpack_from(header)
    if magic != _MAGIC:
        raise CorruptTable(f"no frame begins at byte {start}")
    if zlib.crc32(header[: _FIELDS.size]) != int.from_bytes(header[_FIELDS.size :], "big"):
        raise CorruptTable(f"the header at byte {start} fails its checksum")
    if version != FORMAT:
        raise UnknownFormat(f"table format {version} at byte {start}: this program reads format {FORMAT}")
    body = start + _HEADER_SIZE
    payload = data[body : body + length]
    if len(payload) < length:
        return None
    if digest(payload) != expected:
        raise CorruptTable(f"the {length} bytes from byte {body} fail their checksum")
    if kind not in Kind.__members__.values():
        raise CorruptTable(f"the frame at byte {start} is of unknown kind {kind}")
    return Frame(Kind(kind), payload, body + length)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """A complete table as one frame."""
    return frame(Kind.SNAPSHOT, _ENCODER.encode(snapshot))


def encode_delta(delta: Delta) -> bytes:
    """One change as one frame."""
    return frame(Kind.DELTA, _ENCODER.encode(delta))


def decode_snapshot(data: bytes) -> Snapshot:
    """The snapshot in exactly these bytes. Raises CorruptTable or UnknownFormat."""
    return snapshot_in(_only(data))


def decode_delta(data: bytes) -> Delta:
    """The delta in exactly these bytes. Raises CorruptTable or UnknownFormat."""
    return delta_in(_only(data))


def snapshot_in(read: Frame) -> Snapshot:
    """What a frame of kind SNAPSHOT carries. Raises CorruptTable for any other."""
    return _decode(read, Kind.SNAPSHOT, _SNAPSHOTS)


def delta_in(read: Frame) -> Delta:
    """What a frame of kind DELTA carries. Raises CorruptTable for any other."""
    return _decode(read, Kind.DELTA, _DELTAS)


def base_in(read: Frame) -> bytes:
    """The digest of the snapshot file that opens a journal. Raises CorruptTable for another frame."""
    if read.kind is not Kind.BASE:
        raise CorruptTable(f"a {read.kind.name.lower()} stands where a base should")
    return read.payload


def _only(data: bytes) -> Frame:
    read = read_frame(data)
    if read is None:
        raise CorruptTable(f"cut short after {len(data)} bytes")
    if read.end != len(data):
        raise CorruptTable(f"{len(data) - read.end} bytes follow the frame")
    return read


def _decode(read: Frame, kind: Kind, decoder: "msgspec.msgpack.Decoder[T]") -> T:
    if read.kind is not kind:
        raise CorruptTable(f"a {read.kind.name.lower()} stands where a {kind.name.lower()} should")
    try:
        return decoder.decode(read.payload)
    except UNREADABLE as error:
        raise CorruptTable(f"the {kind.name.lower()} does not decode: {error}") from error


_ENCODER = msgspec.msgpack.Encoder()
_SNAPSHOTS = msgspec.msgpack.Decoder(Snapshot)
_DELTAS = msgspec.msgpack.Decoder(Delta)
