"""The stream over real connections: one that reads, ones that leave, and a thousand that only take up room."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from trafficfed.clock import SystemClock
from trafficfed.config.settings import ListenAddress
from trafficfed.observe import live
from trafficfed.observe.http_api import serving
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.stream import MOST_VIEWERS, Stream
from trafficfed.observe.views import EventView
from trafficfed.process import raise_open_files
from trafficfed.testing.operations import ScriptedOperations

TOKEN = "t" * 43
REQUEST = b"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"


@pytest.fixture
def operations() -> ScriptedOperations:
    return ScriptedOperations()


@pytest.fixture
def stream(operations: ScriptedOperations) -> Stream:
    return Stream(operations.status, SystemClock())


@pytest.fixture
async def address(operations: ScriptedOperations, stream: Stream) -> AsyncIterator[ListenAddress]:
    listen = ListenAddress("127.0.0.1", 0)
    async with serving(operations, Metrics(Gauges), listen=listen, token=TOKEN, stream=stream) as bound:
        yield bound


async def told(answer: aiohttp.ClientResponse) -> Any:
    """The content of the next message."""
    assert (await answer.content.readline()).startswith(b"event: ")
    data = await answer.content.readline()
    assert await answer.content.readline() == b"\n"
    return json.loads(data.removeprefix(b"data: "))


async def until_viewers(stream: Stream, count: int) -> None:
    for _ in range(2000):
        if stream.viewers == count:
            return
        await asyncio.sleep(0.01)
    raise AssertionError(f"{stream.viewers} viewers are connected, not {count}")


async def test_a_viewer_is_told_over_one_connection(
    address: ListenAddress, operations: ScriptedOperations, stream: Stream
) -> None:
    async with aiohttp.ClientSession() as session, session.get(f"http://{address}/api/stream") as answer:
        assert answer.headers["Content-Type"] == "text/event-stream"
        assert (await told(answer))["whole"] is True
        operations.view = replace(operations.view, generation=8)
        stream.wake()
        assert (await told(answer))["status"]["generation"] == 8


async def test_the_end_of_the_server_ends_the_stream(operations: ScriptedOperations) -> None:
    async with AsyncExitStack() as up, aiohttp.ClientSession() as session:
        listen = ListenAddress("127.0.0.1", 0)
        address = await up.enter_async_context(serving(operations, Metrics(Gauges), listen=listen, token=TOKEN))
        answer = await up.enter_async_context(session.get(f"http://{address}/api/stream"))
        await told(answer)
        async with asyncio.timeout(live.WRITE_S / 4):
            await up.aclose()


async def test_one_that_takes_nothing_is_dropped_in_the_end(
    address: ListenAddress, operations: ScriptedOperations, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WRITE_S", 0.1)
    huge = EventView(at_s=1.0, kind="Much", text="x" * 30_000_000)
    operations.view = replace(operations.view, events=(huge,))
    _, writer = await asyncio.open_connection(address.host, address.port, limit=1024)
    writer.write(REQUEST)
    await until_viewers(stream, 1)
    await until_viewers(stream, 0)
    writer.close()


@pytest.mark.real
async def test_a_thousand_stalled_viewers_take_no_more_room_than_there_is(
    address: ListenAddress, operations: ScriptedOperations, stream: Stream
) -> None:
    raise_open_files()
    async with AsyncExitStack() as up, aiohttp.ClientSession() as session:
        viewer = await up.enter_async_context(session.get(f"http://{address}/api/stream"))
        await told(viewer)
        lines = []
        for _ in range(1000):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            up.callback(writer.close)
            writer.write(REQUEST)
            lines.append(await reader.readline())
        refused = [line for line in lines if line.startswith(b"HTTP/1.1 503 ")]
        assert len(refused) == 1001 - MOST_VIEWERS
        assert {*lines} - {*refused} == {b"HTTP/1.1 200 OK\r\n"}
        operations.view = replace(operations.view, generation=9)
        stream.wake()
        assert (await told(viewer))["status"]["generation"] == 9
        async with session.get(f"http://{address}/api/status") as answer:
            assert (await answer.json())["generation"] == 9
        async with session.get(f"http://{address}/api/stream") as answer:
            assert "64 viewers are connected" in (await answer.json())["error"]
    stream.wake()
    await until_viewers(stream, 0)
