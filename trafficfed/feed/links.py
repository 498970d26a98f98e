"""A connection to every controller at once: each is made again when it breaks, and harms no other."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Protocol

from trafficfed.errors import TrafficfedError, Transient
from trafficfed.feed.addresses import host_and_port
from trafficfed.feed.channel import Channel, join
from trafficfed.feed.messages import SILENCE_S, Message, encode
from trafficfed.feed.notes import Note, Tell

CONNECT_S = 5.0
RETRY_FIRST_S, RETRY_LAST_S = 0.25, 1.0  # full jitter, doubled after every failure; a refused connection costs next to
# nothing, and whoever was cut off must find its controllers again within seconds
SETTLED_S = 5.0  # a connection that stood for so long was a success: the next failure is a new one


class Link:
    """One connection that stands."""

    def __init__(self, address: str, channel: Channel, writer: asyncio.StreamWriter) -> None:
        self.address = address
        self._channel = channel
        self._writer = writer
        self._dropped = False

    async def send(self, message: Message) -> None:
        """Send one message. Raises Transient where the connection is gone or stuck."""
        await self._channel.send(encode(message))

    async def receive(self, silence_s: float) -> Message:
        """The next message. Raises Transient or NotAuthentic; nothing that came before a drop is read after it."""
        message = await self._channel.receive(silence_s)
        if self._dropped:
            raise Transient("the connection was dropped, to be made anew")
        return message

    def drop(self) -> None:
        """End it at once; it is soon made anew."""
        self._dropped = True
        self._writer.transport.abort()


class Listener(Protocol):
    """Whoever uses the links. What it raises (any TrafficfedError) ends that one connection."""

    async def joined(self, link: Link) -> None:
        """A connection stands and is authentic: nothing was heard on it yet."""
        ...

    async def received(self, link: Link, message: Message) -> None:
        """What came on it."""
        ...

    def gone(self, link: Link) -> None:
        """It stands no more."""
        ...


class Links:
    """Connections to all of these controllers, as long as ``run`` runs. ``live`` are those that stand, by address."""

    def __init__(
        self,
        addresses: Sequence[str],
        identity: str,
        key: bytes,
        listener: Listener,
        tell: Tell,
        luck: Random,
        silence_s: float = SILENCE_S,
    ) -> None:
        """Raises ConfigError for a bad address."""
        self._addresses = [(address, host_and_port(address, "feeds", names=True)) for address in addresses]
        self._identity = identity
        self._key = key
        self._listener = listener
        self._tell = tell
        self._luck = luck
        self.silence_s = silence_s
        self._said: dict[str, str] = {}
        self._failures = dict.fromkeys(addresses, 0)
        self.live: dict[str, Link] = {}

    async def run(self) -> None:
        """Keep all of them up forever; nothing that a controller does ends this."""
        async with asyncio.TaskGroup() as group:
            for address, where in self._addresses:
                group.create_task(self._keep(address, where), name=f"link to {address}")

    def restart(self) -> None:
        """Drop every connection: what is heard next is new, not left over from before a pause."""
        for link in list(self.live.values()):
            link.drop()

    async def _keep(self, address: str, where: tuple[str, int]) -> None:
        while True:
            try:
                await self._session(address, where)
            except (TrafficfedError, OSError) as error:
                self._complain(address, str(error))
            await asyncio.sleep(self._pause_s(address))

    def _pause_s(self, address: str) -> float:
        failures, self._failures[address] = self._failures[address], self._failures[address] + 1
        return self._luck.uniform(0, min(RETRY_LAST_S, RETRY_FIRST_S * 2 ** min(failures, 8)))

    async def _session(self, address: str, where: tuple[str, int]) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(*where)
        except TimeoutError as error:
            raise Transient(f"no connection within {CONNECT_S:g} s") from error
        try:
            link = Link(address, await join(reader, writer, self._identity, self._key), writer)
            self.live[address], joined_s = link, _now_s()
            try:
                await self._listener.joined(link)
                while True:
                    message = await link.receive(self.silence_s)
                    if _now_s() - joined_s > SETTLED_S:
                        self._said.pop(address, None)
                        self._failures[address] = 0
                    await self._listener.received(link, message)
            finally:
                del self.live[address]
                self._listener.gone(link)
        finally:
            writer.close()

    def _complain(self, address: str, message: str) -> None:
        """Tell of a failure once, not at every try."""
        if self._said.get(address) != message:
            self._said[address] = message
            self._tell(Note("FeedLost", f"controller at {address}: {message}"))


def _now_s() -> float:
    return asyncio.get_running_loop().time()
