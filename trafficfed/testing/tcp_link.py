"""A way to a TCP server that can be held up: what a client sends stays on its way until it is let go."""

import asyncio
import contextlib
from types import TracebackType
from typing import Self

from trafficfed.testing.processes import free_port

_CHUNK = 65_536


class TcpLink:
    """Listens at ``address`` on loopback while it is entered, and passes everything on to ``host:port`` and back."""

    def __init__(self, host: str, port: int) -> None:
        self._target = (host, port)
        self._port = free_port()
        self._free = asyncio.Event()
        self._free.set()
        self._waiting = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._serving: set[asyncio.Task[None] | None] = set()

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self._port}"

    def hold(self) -> None:
        """Keep what comes from clients from now on. What servers answer still arrives."""
        self._waiting.clear()
        self._free.clear()

    async def until_held(self) -> None:
        """Wait until something is on its way and does not arrive."""
        await self._waiting.wait()

    def let_go(self) -> None:
        self._free.set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self._port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
        serving = [task for task in self._serving if task is not None]
        for task in serving:
            task.cancel()
        await asyncio.gather(*serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._serving.add(asyncio.current_task())
        server_reader, server_writer = await asyncio.open_connection(*self._target)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._to_server(reader, server_writer), name="to the server")
                group.create_task(_pass_on(server_reader, writer), name="to the client")
        except asyncio.CancelledError:
            return  # our own end; the streams of Python 3.11 take a cancelled handler for a mistake
        finally:
            for end in (writer, server_writer):
                end.close()
                with contextlib.suppress(OSError):
                    await end.wait_closed()
            self._serving.discard(asyncio.current_task())

    async def _to_server(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(_CHUNK):
                if not self._free.is_set():
                    self._waiting.set()
                    await self._free.wait()
                writer.write(data)
                await writer.drain()
            writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.close()
