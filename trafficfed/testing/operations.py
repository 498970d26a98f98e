"""A controller that says what a test tells it to say, and its API served for real from a thread of its own."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from trafficfed.config.settings import ListenAddress
from trafficfed.errors import ConfigError, TrafficfedError
from trafficfed.observe.http_api import serving
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.observe.views import (
    AuditView,
    BaselineView,
    ChainView,
    ControlsView,
    DoneView,
    EventsView,
    ExplainView,
    PlanView,
    PreviewView,
    StatusView,
)


class ScriptedOperations:
    """Answers with the views it holds, keeps ``orders`` and what was ``wanted``, and raises ``failure`` where set."""

    def __init__(self) -> None:
        self.view = StatusView(owner="demo", at_s=1000.0)
        self.planned = PlanView(owner="demo")
        self.explanations: dict[tuple[str, str], ExplainView] = {}
        self.chains: dict[str, ChainView] = {}
        self.foreseen = PreviewView(order="drain of cluster eu")
        self.previewed: list[ControlRequest | UndoRequest] = []
        self.baselines: tuple[BaselineView, ...] = ()
        self.reasons: tuple[str, ...] = ()
        self.failure: TrafficfedError | None = None
        self.orders: list[tuple[str, str]] = []
        self.wanted: list[ControlRequest | UndoRequest] = []

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        return not self.reasons, self.reasons

    def status(self) -> StatusView:
        self._fail()
        return self.view

    def explain(self, host: str, client: str) -> ExplainView:
        self._fail()
        found = self.explanations.get((host, client))
        if found is None:
            raise ConfigError(f"{host}: no service has this name")
        return found

    def plan(self) -> PlanView:
        self._fail()
        return self.planned

    def events(self, after: int) -> EventsView:
        self._fail()
        told = self.view.events
        return EventsView(owner=self.view.owner, at_s=self.view.at_s, seen=len(told), events=told[after:])

    def audit(self, baseline: str, cluster: str) -> AuditView:
        self._fail()
        chosen = tuple(each for each in self.baselines if baseline in ("", each.name))
        held = not any(each.violations for each in chosen)
        return AuditView(owner=self.view.owner, at_s=self.view.at_s, compliant=held, baselines=chosen)

    async def confirm(self, confirm_id: str) -> DoneView:
        self._fail()
        self.orders.append(("confirm", confirm_id))
        return DoneView(message=f"{confirm_id} goes on")

    async def forget(self, cluster: str) -> DoneView:
        self._fail()
        self.orders.append(("forget", cluster))
        return DoneView(message=f"{cluster} is forgotten")

    def chain(self, service: str) -> ChainView:
        self._fail()
        found = self.chains.get(service)
        if found is None:
            raise ConfigError(f"{service}: no service has this key")
        return found

    def preview(self, wanted: ControlRequest | UndoRequest) -> PreviewView:
        self._fail()
        self.previewed.append(wanted)
        return self.foreseen

    def controls(self) -> ControlsView:
        self._fail()
        return ControlsView(owner=self.view.owner, at_s=self.view.at_s, controls=self.view.controls)

    async def control(self, wanted: ControlRequest) -> DoneView:
        self._fail()
        self.wanted.append(wanted)
        return DoneView(message=f"{wanted.kind} of {wanted.cluster or 'all'}")

    async def undo(self, wanted: UndoRequest) -> DoneView:
        self._fail()
        self.wanted.append(wanted)
        return DoneView(message=f"{wanted.kind} of {wanted.cluster or 'all'} has ended")

    def _fail(self) -> None:
        if self.failure is not None:
            raise self.failure


@contextmanager
def serving_in_a_thread(operations: ScriptedOperations, token: str, port: int = 0) -> Iterator[ListenAddress]:
    """The API on a loopback port while the context lasts, for callers that block."""
    bound: list[ListenAddress] = []
    failed: list[BaseException] = []
    up = threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def serve() -> None:
        listen = ListenAddress("127.0.0.1", port)
        async with serving(operations, Metrics(Gauges), listen=listen, token=token) as address:
            bound.append(address)
            up.set()
            await stop.wait()

    def run() -> None:
        try:
            loop.run_until_complete(serve())
        except TrafficfedError as error:
            failed.append(error)
        finally:
            loop.close()
            up.set()

    thread = threading.Thread(target=run, name="scripted-api")
    thread.start()
    up.wait()
    try:
        if failed:
            raise failed[0]
        yield bound[0]
    finally:
        if not failed:
            loop.call_soon_threadsafe(stop.set)
        thread.join()
