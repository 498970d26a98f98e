"""Under the event loop that the processes run on, a write to a connection that has just been closed is one error like
any other: whoever sends at that moment does not take the process down with it.
"""

import asyncio

import uvloop

from trafficfed.errors import Transient
from trafficfed.feed.channel import Channel, greet, join
from trafficfed.feed.messages import Observations, encode
from trafficfed.testing.processes import free_port
from trafficfed.testing.vantages import KEY


async def _send_after(end: str) -> str:
    """What sending says once either side has ended the connection and the loop has gone round."""
    greeted: asyncio.Queue[tuple[Channel, asyncio.StreamWriter]] = asyncio.Queue()

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        greeted.put_nowait((await greet(reader, writer, lambda identity: KEY), writer))

    port = free_port()
    server = await asyncio.start_server(accept, "127.0.0.1", port)
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    channel = await join(reader, writer, "vantage/eu-1", KEY)
    _, theirs = await greeted.get()
    if end == "here":
        writer.transport.abort()
        await asyncio.sleep(0.01)
    theirs.transport.abort()
    try:
        async with asyncio.timeout(20):
            while True:
                await channel.send(encode(Observations()))
                await asyncio.sleep(0)
    except Transient as error:
        told = str(error)
    finally:
        writer.close()
        server.close()
    try:
        await channel.send(encode(Observations()))
    except Transient:
        return told
    return "and then it goes on"


def test_it_is_transient_whoever_closed_it() -> None:
    assert "connection" in uvloop.run(_send_after("here"))
    assert "connection" in uvloop.run(_send_after("there"))
