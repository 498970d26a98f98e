"""One member of propagation: follows our copies there, carries steps out, and measures what placement asks for."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from random import Random
from typing import Never, Protocol
from urllib.parse import urlsplit

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.usable import Connect, usable
from trafficfed.kubernetes_api.wire import Event, Foreign, Lost
from trafficfed.ports import Clock
from trafficfed.propagation.api import Api, Open
from trafficfed.propagation.capacity import Room
from trafficfed.propagation.follow import Followed, follow
from trafficfed.propagation.objects import TemplateKind
from trafficfed.propagation.portable import OWNER_LABEL
from trafficfed.propagation.room import measured_room
from trafficfed.propagation.writer import MemberWriter

RETRY_S = 10.0
ROOM_EVERY_S = 60.0
LATENCY_EVERY_S = 300.0
LOOK_S = 2.0
"""Whether any policy asks for room is looked up so often: a first placement waits for it."""

Rtt = Callable[[str, int], Awaitable[float | None]]


class Sink(Protocol):
    """Who is told what a member shows."""

    @property
    def wants_room(self) -> bool: ...

    def take_member(self, cluster: str, kind: TemplateKind, event: Event) -> None: ...

    def measure_room(self, cluster: str, room: Iterable[Room]) -> None: ...

    def measure_rtt(self, cluster: str, rtt_s: float) -> None: ...


class MemberLink:
    """What goes wrong here is this member's affair only."""

    def __init__(
        self,
        name: str,
        connect: Connect,
        open: Open,
        owner: str,
        kinds: tuple[TemplateKind, ...],
        writer: MemberWriter,
        sink: Sink,
        clock: Clock,
        rtt: Rtt,
        random: Random,
    ) -> None:
        self._name, self._connect, self._open, self._owner, self._kinds = name, connect, open, owner, kinds
        self.writer, self._sink, self._clock, self._rtt, self._random = writer, sink, clock, rtt, random

    async def run(self) -> Never:
        """For ever, until cancelled."""
        while True:
            await self._work(await usable(self._connect, self._lost))

    def _lost(self, reason: str) -> None:
        for kind in self._kinds:
            self._sink.take_member(self._name, kind, Lost(Foreign, reason))

    async def _work(self, credentials: Credentials) -> None:
        transport = self._open(credentials)
        selector = f"{OWNER_LABEL}={self._owner}"
        wanted = [Followed(kind, kind.path(), selector) for kind in self._kinds]

        def tell(kind: TemplateKind, event: Event) -> None:
            self._sink.take_member(self._name, kind, event)

        try:
            async with asyncio.TaskGroup() as tasks:
                following = follow(transport, wanted, tell, self._clock, self._random, self._name)
                tasks.create_task(following, name=f"copies in {self._name}")
                tasks.create_task(self.writer.run(transport), name=f"writers of {self._name}")
                tasks.create_task(self._measure_room(transport), name=f"room of {self._name}")
                tasks.create_task(self._measure_latency(credentials.server), name=f"latency to {self._name}")
        finally:
            await transport.close()

    async def _measure_room(self, transport: Api) -> Never:
        """Only while a policy asks for it: reading all Pods is not free."""
        while True:
            if self._sink.wants_room:
                try:
                    self._sink.measure_room(self._name, await measured_room(transport))
                except (Transient, Refused):
                    pass  # it stays as it was; placement names what it waits for
                else:
                    await asyncio.sleep(ROOM_EVERY_S)
            await asyncio.sleep(LOOK_S)

    async def _measure_latency(self, server: str) -> Never:
        parts = urlsplit(server)
        port = parts.port or (80 if parts.scheme == "http" else 443)
        while True:
            rtt_s = await self._rtt(parts.hostname or "", port)
            if rtt_s is not None:
                self._sink.measure_rtt(self._name, rtt_s)
            await asyncio.sleep(LATENCY_EVERY_S if rtt_s is not None else RETRY_S)
