"""One authenticated connection: a mutual challenge with a shared key, then frames that nobody can forge.

The follower says who it is; the key is that identity's. Each side proves that it knows the key by an HMAC-SHA256
(RFC 2104) over both sides' fresh nonces and the identity, so nothing that was recorded can be played again or by
another. Every later frame carries an HMAC over its position in the stream and its content, with a key of its own for
each connection and direction. Nothing is encrypted: a table holds no secrets.
"""

import asyncio
import hmac
import re
import secrets
import struct
from collections.abc import Callable

from trafficfed.errors import Refused, Transient
from trafficfed.feed.messages import Message, NotReadable, decode

GREETING = b"trafficfed-feed/2\n"
NONCE_OCTETS = 32
MAC_OCTETS = 32
HANDSHAKE_S = 5.0  # a stranger holds a connection no longer than this
SEND_S = 30.0  # a follower that takes nothing for so long is dropped; it resumes later
PAYLOAD_LIMIT = 1 << 28  # octets; a table of 100,000 services is a quarter of it
PIECE_OCTETS = 1 << 16  # how much of a large frame counts as a sign of life
IDENTITY = re.compile(r"nameserver|(controller|vantage)/[A-Za-z0-9._-]{1,63}")

Keys = Callable[[str], bytes | None]
"""The key of an identity, None where nobody is called so."""


class NotAuthentic(Refused):
    """The other side does not know the key, or a frame was altered, repeated, left out or moved."""


class Channel:
    """One authenticated connection, either side's view of it. ``identity`` is the follower's."""

    def __init__(
        self,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        identity: str,
        sending: bytes,
        receiving: bytes,
    ) -> None:
        self.identity = identity
        self._reader = reader
        self._writer = writer
        self._sending, self._sent = sending, 0
        self._receiving, self._received = receiving, 0

    async def send(self, payload: bytes) -> None:
        """Send one frame and wait until the connection takes more. Raises Transient where it is gone or stuck.

        Several tasks may send: frames go out whole and in the order of the calls.
        """
        if self._writer.is_closing():  # some event loops raise a RuntimeError for a write to what is closed
            raise Transient("the connection is closed")
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
        """The next message. Raises Transient after ``silence_s`` in which nothing came, or at the end of the
        connection, NotAuthentic where a frame was altered or is none.
        """
        head = await self._read(4 + MAC_OCTETS, silence_s)
        length, mac = head[:4], head[4:]
        octets = int.from_bytes(length)
        if octets > PAYLOAD_LIMIT:
            raise NotAuthentic(f"a frame of {octets} octets")
        pieces = [await self._read(min(PIECE_OCTETS, octets - at), silence_s) for at in range(0, octets, PIECE_OCTETS)]
        payload = b"".join(pieces)
        expected = _mac(self._receiving, struct.pack(">Q", self._received) + length, payload)
        if not hmac.compare_digest(mac, expected):
            raise NotAuthentic("a frame fails its authentication")
        self._received += 1
        try:
            return decode(payload)
        except NotReadable as error:
            raise NotAuthentic(str(error)) from error

    async def _read(self, octets: int, silence_s: float) -> bytes:
        try:
            async with asyncio.timeout(silence_s):
                return await self._reader.readexactly(octets)
        except TimeoutError as error:
            raise Transient(f"nothing was heard for {silence_s:g} s") from error
        except (OSError, asyncio.IncompleteReadError) as error:
            raise Transient("the other side closed the connection") from error


def _mac(key: bytes, *parts: bytes) -> bytes:
    made = hmac.new(key, digestmod="sha256")
    for part in parts:
        made.update(part)
    return made.digest()


async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, keys: Keys) -> Channel:
    """The controller's half of the challenge. Raises NotAuthentic, and proves nothing first, to who lacks the key."""
    mine = secrets.token_bytes(NONCE_OCTETS)
    writer.write(GREETING + mine)
    if await _read(reader, len(GREETING)) != GREETING:
        raise NotAuthentic("it speaks no feed of this version")
    theirs = await _read(reader, NONCE_OCTETS)
    name = await _read(reader, int.from_bytes(await _read(reader, 1)))
    proof = await _read(reader, MAC_OCTETS)
    identity = name.decode("ascii", "replace")
    if not IDENTITY.fullmatch(identity):
        raise NotAuthentic("it does not say who it is: nameserver, controller/NAME or vantage/NAME")
    if (key := keys(identity)) is None:
        raise NotAuthentic(f"nobody called {identity} is known here; add it to the configuration")
    both = mine + theirs + name
    if not hmac.compare_digest(proof, _mac(key, b"follower", both)):
        raise NotAuthentic(f"{identity} does not know the feed key; give both the same")
    writer.write(_mac(key, b"controller", both))
    return Channel(reader, writer, identity, sending=_mac(key, b"down", both), receiving=_mac(key, b"up", both))


async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, identity: str, key: bytes) -> Channel:
    """The follower's half. Raises NotAuthentic where the other side is no controller that knows the key."""
    hello = await _read(reader, len(GREETING) + NONCE_OCTETS)
    if not hello.startswith(GREETING):
        raise NotAuthentic("it is no feed of this version")
    name, mine = identity.encode("ascii"), secrets.token_bytes(NONCE_OCTETS)
    both = hello[len(GREETING) :] + mine + name
    writer.write(GREETING + mine + len(name).to_bytes() + name + _mac(key, b"follower", both))
    try:
        proof = await _read(reader, MAC_OCTETS)
    except Transient as error:
        raise NotAuthentic(f"it does not take our feed key as {identity}'s; give both the same") from error
    if not hmac.compare_digest(proof, _mac(key, b"controller", both)):
        raise NotAuthentic("it does not know the feed key; give both the same")
    return Channel(reader, writer, identity, sending=_mac(key, b"up", both), receiving=_mac(key, b"down", both))


async def _read(reader: asyncio.StreamReader, octets: int) -> bytes:
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            return await reader.readexactly(octets)
    except TimeoutError as error:
        raise Transient(f"no greeting within {HANDSHAKE_S:g} s") from error
    except (OSError, asyncio.IncompleteReadError) as error:
        raise Transient("it closed the connection during the greeting") from error
