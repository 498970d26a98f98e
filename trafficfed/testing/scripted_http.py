"""A loopback HTTP server that answers with the bytes a test wrote down, for clients that must survive anything."""

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class ScriptedHttp:
    """``answers`` are sent in order, each as the pieces given; a connection without one is left hanging."""

    url: str = ""
    answers: deque[Sequence[bytes]] = field(default_factory=deque)
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0
    hang: asyncio.Event = field(default_factory=asyncio.Event)

    def answer(self, status: str, body: bytes, *headers: str) -> None:
        lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers]
        self.answers.append(["\r\n".join(lines).encode() + b"\r\n\r\n" + body])

    def stream(self, *pieces: bytes, broken: bool = False) -> None:
        """A chunked answer in these pieces; ``broken`` cuts the connection where the end should be."""
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
        self.answers.append([head, *chunks, b"" if broken else b"0\r\n\r\n"])

    @property
    def header_lines(self) -> list[list[str]]:
        """The lines of each request's head."""
        return [request.decode().splitlines() for request in self.requests]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                self.requests.append(head)
                if not self.answers:
                    await self.hang.wait()
                for piece in self.answers.popleft():
                    writer.write(piece)
                    await writer.drain()
                    if not piece:
                        return
        except (asyncio.IncompleteReadError, ConnectionError):
            return
        finally:
            writer.close()


@asynccontextmanager
async def scripted_http(tls: ssl.SSLContext | None = None) -> AsyncIterator[ScriptedHttp]:
    """One server on a free loopback port for the length of a block."""
    scripted = ScriptedHttp()
    server = await asyncio.start_server(scripted._serve, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    scripted.url = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
    try:
        yield scripted
    finally:
        scripted.hang.set()
        server.close()
        await server.wait_closed()
