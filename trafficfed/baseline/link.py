"""One API server of the baselines, the hub's or a member's: follows the kinds that rules ask about, which come and go
with the rules, and writes there."""

import asyncio
import contextlib
from collections.abc import Iterable, Mapping
from random import Random
from typing import Never, Protocol

from trafficfed.baseline.view import Kind
from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.usable import Connect, usable
from trafficfed.kubernetes_api.wire import Event, Wire
from trafficfed.ports import Clock
from trafficfed.propagation.api import Open
from trafficfed.propagation.discover import Discovered, discover
from trafficfed.propagation.follow import Followed, follow
from trafficfed.propagation.objects import TemplateKind
from trafficfed.services.writer import StepWriter

RETRY_S = 1.0
LOOK_AGAIN_S = 30.0
"""Kinds that an API server does not have are asked for at this pace: nothing tells when a definition is installed."""


class Sink(Protocol):
    """Who is told what an API server shows."""

    def wanted(self, place: str) -> frozenset[Kind]: ...

    def begin(
        self, place: str, kinds: Iterable[TemplateKind], absent: Iterable[Kind], version: str
    ) -> set[TemplateKind]: ...

    def lose(self, place: str, reason: str) -> None: ...

    def take(self, place: str, kind: TemplateKind, event: Event) -> None: ...


class _Version(Wire, frozen=True):
    git_version: str = ""


class Link:
    """``always`` is followed whatever the rules ask about. What goes wrong here is this API server's affair only."""

    def __init__(
        self,
        name: str,
        connect: Connect,
        open: Open,
        always: Iterable[Followed],
        writer: StepWriter,
        sink: Sink,
        clock: Clock,
        random: Random,
    ) -> None:
        self._name, self._connect, self._open = name, connect, open
        self._always = {each.kind: each for each in always}
        self.writer, self._sink, self._clock, self._random = writer, sink, clock, random
        self._asked = asyncio.Event()

    def look_again(self) -> None:
        """Rules ask about other kinds now."""
        self._asked.set()

    async def run(self) -> Never:
        """For ever, until cancelled."""
        while True:
            credentials = await usable(self._connect, self._lost)
            await self._work(credentials)

    def _lost(self, reason: str) -> None:
        self._sink.lose(self._name, reason)

    async def _work(self, credentials: Credentials) -> None:
        transport = self._open(credentials)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self.writer.run(transport), name=f"baselines in {self._name}")
                following: dict[TemplateKind, asyncio.Task[None]] = {}
                while True:
                    self._asked.clear()
                    version = await self._version(transport)
                    found = await self._discovered(transport)
                    kinds = {each: Followed(each, each.path()) for each in found.kinds} | self._always
                    self._end(following, kinds)
                    for kind in self._sink.begin(self._name, kinds, found.absent, version):
                        work = follow(
                            transport,
                            (kinds[kind],),
                            self._tell,
                            self._clock,
                            self._random,
                            f"baselines of {self._name}",
                        )
                        following[kind] = tasks.create_task(work, name=f"{kind.plural} of {self._name}")
                    await self._wait(LOOK_AGAIN_S if found.absent else None)
        finally:
            await transport.close()

    def _tell(self, kind: TemplateKind, event: Event) -> None:
        self._sink.take(self._name, kind, event)

    def _end(self, following: dict[TemplateKind, asyncio.Task[None]], kinds: Mapping[TemplateKind, Followed]) -> None:
        for kind in following.keys() - kinds.keys():
            following.pop(kind).cancel()

    async def _wait(self, longest_s: float | None) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(longest_s):
                await self._asked.wait()

    async def _discovered(self, reader: Reader) -> Discovered:
        """Where the API server keeps what rules ask about, once it can be asked."""
        while True:
            try:
                return await discover(reader, sorted(self._sink.wanted(self._name)))
            except (Transient, Refused) as error:
                self._lost(str(error))
                await asyncio.sleep(RETRY_S)

    async def _version(self, reader: Reader) -> str:
        """Empty where it does not tell."""
        try:
            return (await reader.get_json("/version", _Version)).git_version
        except (Transient, Refused):
            return ""
