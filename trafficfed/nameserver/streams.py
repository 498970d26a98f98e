"""Queries over TCP (RFC 7766): length-framed messages, pipelined, with limits on connections, size and idleness."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Protocol, cast

MESSAGE_LIMIT = 4096  # octets of one query; what is longer is no question
IDLE_S = 10.0  # RFC 7766 section 6.2.3 asks for seconds; a whole message must arrive within it
CONNECTIONS = 512  # of all clients together: each costs a file descriptor
CONNECTIONS_PER_CLIENT = 32  # so that one client cannot take them all


class Answering(Protocol):
    def answer(self, packet: bytes, client: str, stream: bool = False) -> bytes | None: ...


class Connections:
    """Who is connected: refuses more than the limits, closes all at the end."""

    def __init__(self, total: int = CONNECTIONS, per_client: int = CONNECTIONS_PER_CLIENT) -> None:
        self._total = total
        self._per_client = per_client
        self._open: dict[asyncio.Transport, str] = {}
        self._clients: Counter[str] = Counter()
        self.refused = 0

    def __len__(self) -> int:
        return len(self._open)

    def admit(self, transport: asyncio.Transport, client: str) -> bool:
        if len(self._open) >= self._total or self._clients[client] >= self._per_client:
            self.refused += 1
            return False
        self._open[transport] = client
        self._clients[client] += 1
        return True

    def leave(self, transport: asyncio.Transport) -> None:
        client = self._open.pop(transport, None)
        if client is not None:
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]

    def close(self) -> None:
        for transport in tuple(self._open):
            transport.abort()


class StreamServer(asyncio.Protocol):
    """One connection. A client that does not read its answers is not read from, and then is idle."""

    def __init__(
        self,
        responder: Answering,
        connections: Connections,
        loop: asyncio.AbstractEventLoop,
        woken: Callable[[], None],
        idle_s: float = IDLE_S,
    ) -> None:
        """``woken`` is called before each message is answered, as for datagrams."""
        self._woken = woken
        self._responder = responder
        self._connections = connections
        self._loop = loop
        self._idle_s = idle_s
        self._buffer = bytearray()
        self._client = ""
        self._transport: asyncio.Transport | None = None
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        stream = cast(asyncio.Transport, transport)
        self._client = stream.get_extra_info("peername", ("",))[0]
        if not self._connections.admit(stream, self._client):
            stream.abort()
            return
        self._transport = stream
        self._wait()

    def _wait(self) -> None:
        """Give the client another ``idle_s`` for its next message."""
        if self._deadline:
            self._deadline.cancel()
        if self._transport:
            self._deadline = self._loop.call_later(self._idle_s, self._transport.abort)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        responses: list[bytes] = []
        while len(self._buffer) >= 2:
            length = self._buffer[0] << 8 | self._buffer[1]
            if length > MESSAGE_LIMIT:
                self._abort()
                return
            if len(self._buffer) < length + 2:
                break
            self._woken()
            response = self._responder.answer(bytes(self._buffer[2 : length + 2]), self._client, True)
            del self._buffer[: length + 2]
            if response is None:
                self._abort()
                return
            responses += (len(response).to_bytes(2), response)
        if responses and self._transport:
            self._transport.write(b"".join(responses))
            self._wait()

    def _abort(self) -> None:
        """End a conversation that is not DNS."""
        if self._transport:
            self._transport.abort()

    def pause_writing(self) -> None:
        if self._transport:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        if self._transport:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._deadline:
            self._deadline.cancel()
        if self._transport:
            self._connections.leave(self._transport)
            self._transport = None
