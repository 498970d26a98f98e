"""The feed's messages on the wire: a mutual challenge with the shared key, then frames that nobody can forge.

Each side proves that it knows the key by an HMAC-SHA256 (RFC 2104) over both sides' fresh nonces, so nothing that
was recorded can be played again. Every later frame carries an HMAC over its position in the stream and its content,
with a key of its own for each connection and direction. Nothing is encrypted: a table holds no secrets.
"""

import asyncio
import hmac
import secrets
import struct

import msgspec

from trafficfed.errors import Refused, Transient
from trafficfed.model import Value

GREETING = b"trafficfed-feed/1\n"
NONCE_OCTETS = 32
MAC_OCTETS = 32
HANDSHAKE_S = 5.0  # a stranger holds a connection no longer than this
SEND_S = 30.0  # a follower that takes nothing for so long is dropped; it resumes later
BEAT_S = 2.0  # how often a quiet feed says that it lives: as a leader renews its Lease
SILENCE_S = 10.0  # a feed that says nothing for a lease time is gone
PAYLOAD_LIMIT = 1 << 28  # octets; a table of 100,000 services is a quarter of it


class Resume(Value, frozen=True, tag=True):
    """A follower's first message: where it stands, in the generations of the feed called ``epoch`` (empty = none).

    ``services`` is how many it answers for at the moment.
    """

    epoch: str = ""
    term: int = 0
    generation: int = 0
    services: int = 0


class Full(Value, frozen=True, tag=True):
    """A complete table, as the table's codec writes a snapshot. Changes of the same ``epoch`` continue it."""

    epoch: str
    data: bytes


class Change(Value, frozen=True, tag=True):
    """One delta, as the table's codec writes it."""

    data: bytes


class Beat(Value, frozen=True, tag=True):
    """The controller lives, and this is its table's position: a follower that is elsewhere has missed something."""

    term: int
    generation: int


Message = Resume | Full | Change | Beat

_DECODER: msgspec.msgpack.Decoder[Message] = msgspec.msgpack.Decoder(Resume | Full | Change | Beat)


def encode(message: Message) -> bytes:
    """A message as a frame's payload."""
    return msgspec.msgpack.encode(message)


class NotAuthentic(Refused):
    """The other side does not know the key, or a frame was altered, repeated, left out or moved."""


class Channel:
    """One authenticated connection, either side's view of it."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, sending: bytes, receiving: bytes
    ) -> None:
        self._reader = reader
        self._writer = writer
        self._sending, self._sent = sending, 0
        self._receiving, self._received = receiving, 0

    async def send(self, payload: bytes) -> None:
        """Send one frame and wait until the connection takes more. Raises Transient where it is gone or stuck."""
        header = struct.pack(">QI", self._sent, len(payload))
        self._sent += 1
        try:
            self._writer.write(header[8:] + _mac(self._sending, header, payload))
            self._writer.write(payload)
            async with asyncio.timeout(SEND_S):
                await self._writer.drain()
        except (OSError, TimeoutError) as error:
            raise Transient(f"the connection broke: {error or 'it takes nothing'}") from error

    async def receive(self, silence_s: float) -> Message:
        """The next message. Raises Transient after ``silence_s`` without one or at the end, NotAuthentic if altered."""
        try:
            async with asyncio.timeout(silence_s):
                length = await self._reader.readexactly(4)
                mac = await self._reader.readexactly(MAC_OCTETS)
                if int.from_bytes(length) > PAYLOAD_LIMIT:
                    raise NotAuthentic(f"a frame of {int.from_bytes(length)} octets")
                payload = await self._reader.readexactly(int.from_bytes(length))
        except TimeoutError as error:
            raise Transient(f"nothing was heard for {silence_s:g} s") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Transient("the other side closed the connection") from error
        expected = _mac(self._receiving, struct.pack(">Q", self._received) + length, payload)
        if not hmac.compare_digest(mac, expected):
            raise NotAuthentic("a frame fails its authentication")
        self._received += 1
        try:
            return _DECODER.decode(payload)
        except msgspec.DecodeError as error:
            raise NotAuthentic(f"a frame does not decode: {error}") from error


def _mac(key: bytes, *parts: bytes) -> bytes:
    made = hmac.new(key, digestmod="sha256")
    for part in parts:
        made.update(part)
    return made.digest()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes) -> Channel:
    """The controller's half of the challenge. Raises NotAuthentic, and proves nothing first, to who lacks the key."""
    mine = secrets.token_bytes(NONCE_OCTETS)
    writer.write(GREETING + mine)
    answer = await _read(reader, len(GREETING) + NONCE_OCTETS + MAC_OCTETS)
    theirs, proof = answer[len(GREETING) : -MAC_OCTETS], answer[-MAC_OCTETS:]
    if not answer.startswith(GREETING) or not hmac.compare_digest(proof, _mac(key, b"follower", mine, theirs)):
        raise NotAuthentic("it does not know the feed key")
    writer.write(_mac(key, b"controller", mine, theirs))
    down, up = _mac(key, b"down", mine, theirs), _mac(key, b"up", mine, theirs)
    return Channel(reader, writer, sending=down, receiving=up)


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, key: bytes) -> Channel:
    """The follower's half. Raises NotAuthentic where the other side is no controller that knows the key."""
    hello = await _read(reader, len(GREETING) + NONCE_OCTETS)
    if not hello.startswith(GREETING):
        raise NotAuthentic("it is no feed of this version")
    theirs, mine = hello[len(GREETING) :], secrets.token_bytes(NONCE_OCTETS)
    writer.write(GREETING + mine + _mac(key, b"follower", theirs, mine))
    try:
        proof = await _read(reader, MAC_OCTETS)
    except Transient as error:
        raise NotAuthentic("it does not take our feed key; give both the same") from error
    if not hmac.compare_digest(proof, _mac(key, b"controller", theirs, mine)):
        raise NotAuthentic("it does not know the feed key; give both the same")
    down, up = _mac(key, b"down", theirs, mine), _mac(key, b"up", theirs, mine)
    return Channel(reader, writer, sending=up, receiving=down)


async def _read(reader: asyncio.StreamReader, octets: int) -> bytes:
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            return await reader.readexactly(octets)
    except TimeoutError as error:
        raise Transient(f"no greeting within {HANDSHAKE_S:g} s") from error
    except (OSError, asyncio.IncompleteReadError) as error:
        raise Transient("it closed the connection during the greeting") from error
