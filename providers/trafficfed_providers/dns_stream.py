"""Signed DNS messages over one kept TCP connection (RFC 7766), errors mapped to who must act."""

import asyncio
import contextlib
import struct
from collections.abc import AsyncGenerator, Iterator, Sequence

import dns.exception
import dns.message
import dns.name
import dns.rcode
import dns.tsig

from trafficfed.errors import Refused, Transient
from trafficfed_providers.rfc2136_settings import Server

_IN_FLIGHT = 100
"""Messages sent before an answer is awaited. Servers hold back a client that sends many (RFC 7766 section 6.2.1)."""

_HEADER = 12
"""Octets of a DNS message's header (RFC 1035 section 4.1.1)."""


class NoAnswer(Transient):
    """A message was sent and no answer came: it may have been carried out or not."""


class DnsStream:
    """Exchanges messages with one server, one exchange at a time; opens the connection when needed and keeps it.

    A connection that the server closed while idle is opened again once within an exchange: whoever sends updates
    must make them safe to repeat (compare-and-set).
    """

    def __init__(self, server: Server, key: dns.tsig.Key | None, source: str | None = None) -> None:
        self._server = server
        self._key = key
        self._source = source
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._dropped: list[asyncio.StreamWriter] = []

    async def connect(self) -> None:
        """Be connected, or raise Transient with nothing sent."""
        async with self._lock:
            with self._mapped():
                await self._open()

    async def exchange(self, request: dns.message.Message) -> dns.message.Message:
        return (await self.exchange_all((request,)))[0]

    async def exchange_all(self, requests: Sequence[dns.message.Message]) -> list[dns.message.Message]:
        """Send all and return the responses in the same order; raises NoAnswer where the connection breaks."""
        async with self._lock:
            answers: list[dns.message.Message] = []
            for at in range(0, len(requests), _IN_FLIGHT):
                answers += await self._window(requests[at : at + _IN_FLIGHT])
            return answers

    async def transfer(self, request: dns.message.Message) -> AsyncGenerator[dns.message.Message, None]:
        """The messages of a zone transfer (RFC 5936), each with its signature checked; the caller sees where it ends.

        Parsing runs in a thread: one message of 64 kB would hold up everything else for tens of milliseconds.
        """
        async with self._lock:
            with self._mapped():
                reader, writer = await self._open()
                _send(writer, self._sign(request))
                context = None
                while True:
                    wire = await _receive(reader)
                    message = await asyncio.to_thread(self._parse, wire, request, context, True)
                    context = message.tsig_ctx
                    yield message

    async def close(self) -> None:
        """End the connection, and see the ends of those that were dropped before."""
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].close()
            self._dropped.append(streams[1])
        await self._bury()

    async def _bury(self) -> None:
        while self._dropped:
            with contextlib.suppress(OSError):
                await self._dropped.pop().wait_closed()

    async def _window(self, requests: Sequence[dns.message.Message]) -> list[dns.message.Message]:
        for at, request in enumerate(requests):
            request.id = (requests[0].id + at) % 65536
        wires = [self._sign(request) for request in requests]
        reused = self._streams is not None
        with self._mapped():
            try:
                received = await self._talk(wires)
            except (OSError, EOFError):
                if not reused:
                    raise
                self._drop()
                received = await self._talk(wires)
            return [self._parse(received[request.id], request) for request in requests]

    async def _talk(self, wires: Sequence[bytes]) -> dict[int, bytes]:
        reader, writer = await self._open()
        for wire in wires:
            _send(writer, wire)
        await writer.drain()
        waiting = {struct.unpack_from("!H", wire)[0] for wire in wires}
        received: dict[int, bytes] = {}
        while waiting - received.keys():
            wire = await _receive(reader)
            received[struct.unpack_from("!H", wire)[0]] = wire
        return received

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self._streams is not None and self._streams[0].at_eof():
            self._drop()
        if self._streams is None:
            await self._bury()
            local = (self._source, 0) if self._source else None
            try:
                self._streams = await asyncio.open_connection(self._server.host, self._server.port, local_addr=local)
            except OSError as error:
                raise Transient(f"{self._server} cannot be reached over TCP: {error.strerror or error}") from error
        return self._streams

    def _drop(self) -> None:
        streams, self._streams = self._streams, None
        if streams is not None:
            streams[1].transport.abort()
            self._dropped.append(streams[1])

    def _sign(self, request: dns.message.Message) -> bytes:
        if self._key is not None:
            request.use_tsig(self._key)
        return request.to_wire()

    def _parse(
        self,
        wire: bytes,
        request: dns.message.Message,
        context: dns.tsig.HMACTSig | dns.tsig.GSSTSig | None = None,
        multi: bool = False,
    ) -> dns.message.Message:
        if self._key is not None and not multi:
            self._require_signature(wire)
        return dns.message.from_wire(
            wire, keyring=self._key, request_mac=request.mac, xfr=multi, tsig_ctx=context, multi=multi
        )

    def _require_signature(self, wire: bytes) -> None:
        """An unsigned answer to a signed message is only good for its explanation (RFC 8945 section 5.3)."""
        if struct.unpack_from("!H", wire, 10)[0]:
            return
        rcode = dns.rcode.to_text(dns.rcode.Rcode(wire[3] & 15))
        raise Refused(
            f"{self._server} answered {rcode} without a signature: it does not know the zone, or does not accept "
            f"TSIG key {self._key_name} for it; check the zone's name and allow the key there"
        )

    @property
    def _key_name(self) -> str:
        return str(self._key.name) if self._key is not None else ""

    @contextlib.contextmanager
    def _mapped(self) -> Iterator[None]:
        """Turn what sockets and signatures raise into Transient or Refused, and drop a connection out of step."""
        try:
            yield
        except (Transient, Refused):
            self._drop()
            raise
        except (OSError, EOFError) as error:
            self._drop()
            raise NoAnswer(f"{self._server} closed the connection without an answer") from error
        except dns.tsig.PeerError as error:
            self._drop()
            raise Refused(self._signature_refused(error)) from error
        except (dns.tsig.BadSignature, dns.tsig.BadTime, dns.tsig.BadKey, dns.tsig.BadAlgorithm) as error:
            self._drop()
            raise Refused(f"{self._server} signed its answer wrongly ({error}): is it the right server?") from error
        except dns.exception.DNSException as error:
            self._drop()
            raise NoAnswer(f"{self._server} sent what is no DNS answer: {error}") from error
        except BaseException:
            self._drop()
            raise

    def _signature_refused(self, error: dns.tsig.PeerError) -> str:
        causes = {
            dns.tsig.PeerBadKey: "it does not know this key: check its name and algorithm on both sides",
            dns.tsig.PeerBadSignature: "the secret is not the same on both sides",
            dns.tsig.PeerBadTime: "the clocks differ by more than the allowed 300 s: synchronise them",
        }
        return f"{self._server} refused TSIG key {self._key_name}: {causes.get(type(error), str(error))}"


def _send(writer: asyncio.StreamWriter, wire: bytes) -> None:
    writer.write(struct.pack("!H", len(wire)) + wire)


async def _receive(reader: asyncio.StreamReader) -> bytes:
    (length,) = struct.unpack("!H", await reader.readexactly(2))
    if length < _HEADER:
        raise EOFError(f"a message of {length} octets is shorter than a header")
    return await reader.readexactly(length)
