"""The name server's side of the feed: follows a controller's table, one controller at a time."""

import asyncio
from collections.abc import Sequence
from random import Random
from typing import Protocol

from trafficfed.errors import TrafficfedError, Transient
from trafficfed.feed.addresses import host_and_port
from trafficfed.feed.channel import NotAuthentic, join
from trafficfed.feed.messages import SILENCE_S, Beat, Change, Full, Message, Resume, encode
from trafficfed.feed.notes import Note, Tell

CONNECT_S = 5.0
RETRY_FIRST_S, RETRY_LAST_S = 0.25, 1.0  # full jitter, doubled after every round of failures; a refused connection
# costs next to nothing, and a name server that is cut off must find the next controller within seconds


class Copy(Protocol):
    """A copy of the table that follows a feed."""

    def begin(self) -> Resume:
        """A connection begins: where it may continue."""
        ...

    async def take_full(self, epoch: str, data: bytes) -> None:
        """Raises Refused where this table must not be taken."""
        ...

    async def take_change(self, data: bytes) -> None:
        """Raises Refused where it does not follow."""
        ...

    def take_beat(self, beat: Beat) -> None:
        """The controller lives. Raises Refused where the copy is not at that position."""
        ...


class FeedClient:
    """The name server's side: follows the first controller that answers, and the next one when that is gone."""

    def __init__(
        self, addresses: Sequence[str], key: bytes, copy: Copy, tell: Tell, random: Random, silence_s: float = SILENCE_S
    ) -> None:
        """Raises ConfigError for a bad address."""
        self._addresses = [(address, host_and_port(address, "feeds", names=True)) for address in addresses]
        self._key = key
        self._copy = copy
        self._tell = tell
        self._random = random
        self._silence_s = silence_s
        self._writer: asyncio.StreamWriter | None = None
        self._said: dict[str, str] = {}
        self.connected = ""

    async def run(self) -> None:
        """Follow forever; nothing that a controller does ends this. Without addresses there is nothing to follow."""
        failures = 0
        while self._addresses:
            for address, where in self._addresses:
                if await self._follow(address, where):
                    failures = -1
                    break  # the preferred one may be back: start again with it
            failures += 1
            await asyncio.sleep(self._random.uniform(0, min(RETRY_LAST_S, RETRY_FIRST_S * 2 ** min(failures, 8))))

    def restart(self) -> None:
        """Drop the connection and join again: what is heard next is new, not left over from before a pause."""
        if self._writer:
            self._writer.transport.abort()

    async def _follow(self, address: str, where: tuple[str, int]) -> bool:
        """One connection from beginning to end; tells whether anything was heard."""
        try:
            await self._session(address, where)
        except (TrafficfedError, OSError) as error:
            self._complain(address, str(error))
        heard, self.connected = bool(self.connected), ""
        return heard

    async def _session(self, address: str, where: tuple[str, int]) -> None:
        try:
            async with asyncio.timeout(CONNECT_S):
                reader, writer = await asyncio.open_connection(*where)
        except TimeoutError as error:
            raise Transient(f"no connection within {CONNECT_S:g} s") from error
        self._writer = writer
        try:
            channel = await join(reader, writer, "nameserver", self._key)
            await channel.send(encode(self._copy.begin()))
            while True:
                await self._take(await channel.receive(self._silence_s))
                if not self.connected:
                    self.connected = address
                    self._said.pop(address, None)
                    self._tell(Note("FeedConnected", f"following the controller at {address}"))
        finally:
            self._writer = None
            writer.close()

    async def _take(self, message: Message) -> None:
        if isinstance(message, Change):
            await self._copy.take_change(message.data)
        elif isinstance(message, Beat):
            self._copy.take_beat(message)
        elif isinstance(message, Full):
            await self._copy.take_full(message.epoch, message.data)
        else:
            raise NotAuthentic("a controller does not ask to resume")

    def _complain(self, address: str, message: str) -> None:
        """Tell of a failure once, not at every try."""
        if self._said.get(address) != message:
            self._said[address] = message
            self._tell(Note("FeedLost", f"controller at {address}: {message}; serving on with the last table"))
