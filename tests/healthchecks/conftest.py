"""Servers on loopback that do exactly what a test says, in the test's own loop."""

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
Serve = Callable[..., Awaitable[int]]

HERE = "127.0.73.1"


@pytest.fixture
async def serve() -> AsyncIterator[Serve]:
    """``await serve(handler)`` listens and returns the port; a handler that never ends is cut at the test's end."""
    servers: list[asyncio.Server] = []
    writers: list[asyncio.StreamWriter] = []

    async def start(handler: Handler, address: str = HERE, **options: object) -> int:
        async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writers.append(writer)
            try:
                await handler(reader, writer)
            except (ConnectionError, asyncio.CancelledError):
                return  # The probe closes with a reset, whatever the server is about to send; the test's end cancels.

        server = await asyncio.start_server(handle, address, 0, **options)  # type: ignore[arg-type]
        servers.append(server)
        return int(server.sockets[0].getsockname()[1])

    yield start
    for server in servers:
        server.close()
    for writer in writers:
        writer.transport.abort()
    handlers = asyncio.all_tasks() - {asyncio.current_task()}
    for task in handlers:
        task.cancel()
    await asyncio.gather(*handlers, return_exceptions=True)


@pytest.fixture
def closed_port() -> Iterator[int]:
    """A port at HERE that nobody listens at, and that nobody else can take meanwhile."""
    with socket.socket() as taken:
        taken.bind((HERE, 0))
        yield taken.getsockname()[1]


@pytest.fixture
def full_port() -> Iterator[int]:
    """A port at HERE whose queue is full: the kernel drops further connection requests, as a firewall would."""
    with socket.socket() as listener:
        listener.bind((HERE, 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        fillers = [socket.socket() for _ in range(4)]
        for filler in fillers:
            filler.setblocking(False)
            filler.connect_ex((HERE, port))
        yield port
        for filler in fillers:
            filler.close()


@pytest.fixture
def open_files() -> Callable[[], int]:
    """How many file descriptors this process has open."""
    return lambda: len(os.listdir("/proc/self/fd"))
