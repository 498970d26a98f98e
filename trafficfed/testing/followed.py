"""Following a real API server in a test: events are waited for, by a deadline, never slept for."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.reflector import SILENCE_S, Reflector
from trafficfed.kubernetes_api.resource import SERVICES
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.wire import Event, Listed, Lost, Watched
from trafficfed.testing.scripted_api import running

WAIT_S = 60.0


class Heard:
    """Events as they come in; a test waits for what it expects and fails by deadline."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self._arrived = asyncio.Event()

    def __call__(self, event: Event) -> None:
        self.events.append(event)
        self._arrived.set()

    async def until(self, wanted: Callable[[Event], bool], after: int = 0) -> Event:
        """The first event from number ``after`` on that is wanted."""
        async with asyncio.timeout(WAIT_S):
            while True:
                for event in self.events[after:]:
                    if wanted(event):
                        return event
                self._arrived.clear()
                await self._arrived.wait()

    async def listed(self, after: int = 0) -> Listed[Watched]:
        event = await self.until(lambda event: isinstance(event, Listed), after)
        assert isinstance(event, Listed)
        return event

    async def lost(self, after: int = 0) -> str:
        event = await self.until(lambda event: isinstance(event, Lost), after)
        assert isinstance(event, Lost)
        return event.reason


@asynccontextmanager
async def following(kubeconfig: Path, answer_s: float = 5.0, silence_s: float = SILENCE_S) -> AsyncIterator[Heard]:
    """A reflector of Services with the credentials of a kubeconfig."""
    transport = Transport(await load_kubeconfig(kubeconfig, None, SystemClock()), answer_s)
    heard = Heard()
    try:
        async with running(Reflector(transport, SERVICES, heard, SystemClock(), silence_s=silence_s).run):
            yield heard
    finally:
        await transport.close()


def names(listed: Listed[Watched]) -> set[str]:
    return {found.metadata.name for found in listed.objects}
