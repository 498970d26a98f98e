"""One member of Multi-Cluster Services: follows what it exports and what stands there of ours, and writes there."""

import asyncio
import contextlib
from random import Random
from typing import Never, Protocol

from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.usable import Connect, usable
from trafficfed.kubernetes_api.wire import Event
from trafficfed.ports import Clock
from trafficfed.propagation.api import Open
from trafficfed.propagation.follow import Followed, follow
from trafficfed.propagation.objects import TemplateKind
from trafficfed.services.version import standard_version, without_istio
from trafficfed.services.writer import StepWriter

MESH_EVERY_S = 30.0
"""A mesh that was not there is looked for at this pace."""


class Sink(Protocol):
    """Who is told what a member shows."""

    def begin(self, cluster: str, version: str, meshless: str) -> tuple[TemplateKind, ...]: ...

    def lose(self, cluster: str, reason: str) -> None: ...

    def take(self, cluster: str, kind: TemplateKind, event: Event) -> None: ...


class MemberLink:
    """What goes wrong here is this member's affair only."""

    def __init__(
        self,
        name: str,
        connect: Connect,
        open: Open,
        writer: StepWriter,
        sink: Sink,
        clock: Clock,
        random: Random,
        istio: bool = False,
    ) -> None:
        """``istio``: its kinds are followed too, where the member has them."""
        self._istio = istio
        self._name, self._connect, self._open = name, connect, open
        self.writer, self._sink, self._clock, self._random = writer, sink, clock, random
        self._again = asyncio.Event()

    def begin_again(self) -> None:
        """List everything anew."""
        self._again.set()

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
            version = await standard_version(transport, self._lost)
            meshless = await without_istio(transport) if self._istio else ""
            followed = self._sink.begin(self._name, version, meshless)
            wanted = [Followed(kind, kind.path()) for kind in followed]

            def tell(kind: TemplateKind, event: Event) -> None:
                self._sink.take(self._name, kind, event)

            async with asyncio.TaskGroup() as tasks:
                work: tuple[asyncio.Task[None], ...] = (
                    tasks.create_task(
                        follow(transport, wanted, tell, self._clock, self._random, self._name),
                        name=f"exports of {self._name}",
                    ),
                    tasks.create_task(self.writer.run(transport), name=f"imports in {self._name}"),
                )
                if meshless:
                    await self._until_meshed(transport)
                else:
                    await self._again.wait()
                self._again.clear()
                for each in work:
                    each.cancel()
        finally:
            await transport.close()

    async def _until_meshed(self, transport: Reader) -> None:
        """Until all is to be listed anew, if only as the mesh was installed."""
        while not self._again.is_set():
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(MESH_EVERY_S):
                    await self._again.wait()
            if not await without_istio(transport):
                return
