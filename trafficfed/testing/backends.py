"""Real HTTP servers on loopback addresses that stand for a cluster's load balancers, and can fail on demand.

Each server has a thread and an event loop of its own, so that one which hangs never blocks the caller's loop.
Run as a program (``python -m trafficfed.testing.backends 127.0.1.1 18080 --name eu``) it is a process that can be
killed, stopped with SIGSTOP and started again by hand.
"""

import argparse
import asyncio
import collections
import contextlib
import ssl
import sys
import threading
from collections.abc import Sequence
from concurrent.futures import Future
from http import HTTPStatus
from types import TracebackType
from typing import Self

from trafficfed.model import Value

START_DEADLINE_S = 10.0
"""A thread that cannot bind a socket within this time is broken; only a starved machine comes near it."""
ACCEPT_DEADLINE_S = 0.05
MAX_HEAD_BYTES = 16 * 1024
SEEN_KEPT = 1000


class Seen(Value, frozen=True):
    """One request that arrived; ``host`` is the Host header as sent."""

    method: str
    path: str
    host: str


class Mood(Value, frozen=True):
    """How the server treats requests now: it can hold them for ever, wait, or answer with an error status."""

    hang: bool = False
    delay_s: float = 0.0
    status: int = 200


class Backend:
    """A real HTTP server at ``address``; ``port`` 0 takes a free one, which is then kept over stop and start.

    It answers every request with its ``name`` as the body and closes the connection. ``tls`` makes it speak HTTPS.
    """

    def __init__(self, address: str, port: int = 0, *, name: str = "", tls: ssl.SSLContext | None = None) -> None:
        self.address = address
        self.port = port
        self.name = name or address
        self.seen: collections.deque[Seen] = collections.deque(maxlen=SEEN_KEPT)
        self.connections = 0
        self._tls = tls
        self._mood = Mood()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._closing = asyncio.Event()
        self._open: set[_Conversation] = set()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    @property
    def up(self) -> bool:
        """Whether it listens; a hanging server is up."""
        return self._thread is not None

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://{self.address}:{self.port}"

    def start(self) -> None:
        """Listen; returns once connections are accepted. Raises OSError where the port is taken. No-op when up."""
        if self._thread is not None:
            return
        bound: Future[int] = Future()
        thread = threading.Thread(target=self._run, args=(bound,), name=f"backend-{self.name}", daemon=True)
        thread.start()
        self.port = bound.result(START_DEADLINE_S)
        self._thread = thread

    def stop(self) -> None:
        """Stop listening and cut every open connection, as a killed process would. No-op when down."""
        if self._thread is None or self._loop is None:
            return
        self._loop.call_soon_threadsafe(self._closing.set)
        self._thread.join()
        self._thread = None

    def hang(self) -> None:
        """Accept connections and answer nothing, as a process under SIGSTOP; ``recover`` answers what waits."""
        self._feel(Mood(hang=True))

    def slow(self, delay_s: float) -> None:
        """Answer each request only after ``delay_s`` seconds."""
        self._feel(Mood(delay_s=delay_s))

    def fail(self, status: int = 503) -> None:
        """Answer each request with ``status``."""
        self._feel(Mood(status=status))

    def recover(self) -> None:
        """Answer 200 at once again."""
        self._feel(Mood())

    def _feel(self, mood: Mood) -> None:
        self._mood = mood
        if self._thread is not None and self._loop is not None:
            self._loop.call_soon_threadsafe(self._answer_those_waiting)

    def _run(self, bound: "Future[int]") -> None:
        try:
            asyncio.run(self._serve(bound))
        except OSError as error:
            bound.set_exception(error)

    async def _serve(self, bound: "Future[int]") -> None:
        self._loop, self._closing, self._open = asyncio.get_running_loop(), asyncio.Event(), set()
        server = await self._loop.create_server(
            lambda: _Conversation(self), self.address, self.port, ssl=self._tls, backlog=512
        )
        bound.set_result(server.sockets[0].getsockname()[1])
        await self._closing.wait()
        # A connection that the loop has accepted but not handed over yet would leak if its server were closed first;
        # a stuck TLS handshake is not waited for.
        if accepting := asyncio.all_tasks() - {asyncio.current_task()}:
            await asyncio.wait(accepting, timeout=ACCEPT_DEADLINE_S)
        server.close()
        for conversation in tuple(self._open):
            conversation.transport.abort()

    def _answer_those_waiting(self) -> None:
        for conversation in tuple(self._open):
            self._answer_later(conversation)

    def _answer_later(self, conversation: "_Conversation") -> None:
        if conversation.asked and not self._mood.hang and self._loop is not None:
            conversation.asked = False
            self._loop.call_later(self._mood.delay_s, conversation.answer, self._answer())

    def _answer(self) -> bytes:
        status = self._mood.status
        body = f"{self.name}\n".encode()
        head = (
            f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\nContent-Type: text/plain\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


class _Conversation(asyncio.Protocol):
    """One connection: a request, then the answer that the backend's mood allows, then the end."""

    transport: asyncio.Transport

    def __init__(self, backend: Backend) -> None:
        self.asked = False
        self._backend = backend
        self._head = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._backend.connections += 1
        self._backend._open.add(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._backend._open.discard(self)

    def data_received(self, data: bytes) -> None:
        self._head += data
        if len(self._head) > MAX_HEAD_BYTES:
            self.transport.abort()
        elif b"\r\n\r\n" in self._head:
            self._ask()

    def _ask(self) -> None:
        try:
            self._backend.seen.append(_parse(self._head))
        except ValueError:  # No request: whoever sent it gets a closed connection and harms nobody else.
            self.transport.close()
            return
        self._head = b""
        self.asked = True
        self._backend._answer_later(self)

    def answer(self, text: bytes) -> None:
        self.transport.write(text)
        self.transport.close()


def _parse(head: bytes) -> Seen:
    """The request line and Host header. Raises ValueError where the first line is none.

    >>> _parse(b"GET /healthz HTTP/1.1\\r\\nhost: web.fed.test\\r\\n\\r\\n")
    Seen(method='GET', path='/healthz', host='web.fed.test')
    """
    first, *lines = head.decode("latin-1").split("\r\n")
    method, path, _version = first.split(" ")
    fields = dict(line.lower().split(":", 1) for line in lines if ":" in line)
    return Seen(method, path, fields.get("host", "").strip())


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until SIGINT, SIGTERM, or (``--until-eof``) the end of standard input, so that no orphan stays."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("address")
    parser.add_argument("port", type=int)
    parser.add_argument("--name", default="")
    parser.add_argument("--until-eof", action="store_true")
    options = parser.parse_args(arguments)
    backend = Backend(options.address, options.port, name=options.name)
    try:
        backend.start()
    except OSError as error:
        parser.exit(1, f"{backend.name} cannot listen at {options.address}:{options.port}: {error.strerror}\n")
    print(f"{backend.name} listens at {backend.url}", flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        if options.until_eof:
            sys.stdin.buffer.read()
        else:
            threading.Event().wait()
    backend.stop()


if __name__ == "__main__":
    main()
