"""Which statuses are to be written on the hub: one write for each change of meaning, and only by who leads."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Never

import msgspec
import orjson

from trafficfed.crds.globalservice import GlobalServiceStatus
from trafficfed.crds.structs import API_VERSION
from trafficfed.discovery.declarations import Declarations, Name
from trafficfed.discovery.declared import Written
from trafficfed.globalservices.status import status_of
from trafficfed.kubernetes_api.wire import Event, Foreign, Removed, Upserted
from trafficfed.model import OperatorControl, ServiceKey, Value
from trafficfed.pipeline import Pipeline
from trafficfed.ports import Clock
from trafficfed.reports import Decided, RefusalCleared, ReportEvent, ServiceRefused, VerdictChanged
from trafficfed.steering.controls import freeze_of

SPACING_S = 1.0
"""What changes within it is one write."""

AGAIN_S = 5.0
"""After a write that failed, and the longest until it is noticed that this controller leads now."""


class StatusWrite(Value, frozen=True, kw_only=True):
    """One status, for server-side apply at ``path``."""

    name: Name
    path: str
    body: bytes


Put = Callable[[StatusWrite], Awaitable[str]]
"""Writes one; why it was not taken, empty where it was."""


class Statuses:
    """A listener of reports and of the hub's events; ``run`` writes."""

    def __init__(self, pipeline: Pipeline, put: Put, clock: Clock, leads: Callable[[], bool] = lambda: True) -> None:
        self._pipeline, self._put, self._clock, self._leads = pipeline, put, clock, leads
        self._due: set[Name] = set()
        self._said: dict[Name, tuple[str, GlobalServiceStatus]] = {}
        self._led = False
        self._controls: tuple[OperatorControl, ...] = ()
        self._problem = ""
        self._wake = asyncio.Event()

    # ------------------------------------------------------------------ what comes in

    def report(self, event: ReportEvent) -> None:
        """What changed of a service may change what is said of it."""
        match event:
            case Decided(service=key) | VerdictChanged(service=key):
                self._mark(key)
            case ServiceRefused(refusal=refused) | RefusalCleared(refusal=refused) if refused.service is not None:
                self._mark(refused.service)

    def hear(self, event: Event) -> None:
        """One event of the hub, after the pipeline has taken it."""
        if isinstance(event, Upserted | Removed):
            found = event.object
            assert isinstance(found, Foreign), "GlobalServices are followed as they are"
            name = (found.metadata.namespace, found.metadata.name)
            self._said.pop(name, None)
            self._due.add(name)
        else:
            self._mark_all()
        self._wake.set()

    def _mark(self, key: ServiceKey) -> None:
        if self._declarations.written(key) is not None:
            self._due.add((key.namespace, key.name))
            self._wake.set()

    def _mark_all(self) -> None:
        self._said.clear()
        self._due.update((each.key.namespace, each.key.name) for each in self._declarations.all_written())

    @property
    def _declarations(self) -> Declarations:
        return self._pipeline.inventory.declarations

    # ------------------------------------------------------------------ what goes out

    def turn(self) -> tuple[StatusWrite, ...]:
        """What differs from what stands there. What is not settled yet, or cannot be known now, stays due."""
        if not self._leads():
            self._led = False
            return ()
        if not self._led:
            self._led = True
            self._mark_all()
        if self._controls != (controls := self._pipeline.controls):
            self._controls = controls
            self._mark_all()
        if not self._declarations.is_fresh:
            return ()
        due, self._due = self._due, set()
        found = (self._write(name) for name in sorted(due))
        return tuple(write for write in found if write is not None)

    def _write(self, name: Name) -> StatusWrite | None:
        written = self._declarations.written_at(name)
        if written is None:
            self._said.pop(name, None)
            return None
        if self._pipeline.is_waiting(written.key):
            self._due.add(name)
            return None
        uid, said = self._said.get(name, ("", GlobalServiceStatus()))
        before = said if uid == written.uid else written.status
        row, refusals = self._pipeline.table.rows.get(written.key), self._pipeline.refusals_of(written.key)
        now_s = self._clock.now_s()
        frozen = row is not None and freeze_of(self._controls, row, now_s) is not None
        after = status_of(written, row, refusals, before, now_s, frozen=frozen)
        if after == before:
            return None
        self._said[name] = written.uid, after
        return _apply(written, after)

    async def run(self) -> Never:
        """For ever, until cancelled; begun again, it looks at all of them, as another controller may have led."""
        self._led = False
        while True:
            await self._nap()
            self._wake.clear()
            for write in self.turn():
                if problem := await self._put(write):
                    self._failed(write, problem)
            if self._due:
                self._wake.set()
            await asyncio.sleep(SPACING_S)

    def _failed(self, write: StatusWrite, problem: str) -> None:
        self._said.pop(write.name, None)
        self._due.add(write.name)
        if problem != self._problem:
            self._problem = problem
            logging.getLogger(__name__).warning("the status of GlobalService %s/%s: %s", *write.name, problem)

    async def _nap(self) -> None:
        try:
            async with asyncio.timeout(AGAIN_S):
                await self._wake.wait()
        except TimeoutError:
            return


def _apply(written: Written, status: GlobalServiceStatus) -> StatusWrite:
    """The UID says which object is meant: one of the same name that was made since has a status of its own."""
    key = written.key
    path = f"/apis/{API_VERSION}/namespaces/{key.namespace}/globalservices/{key.name}/status"
    body = {
        "apiVersion": API_VERSION,
        "kind": "GlobalService",
        "metadata": {"namespace": key.namespace, "name": key.name, "uid": written.uid},
        "status": msgspec.to_builtins(status),
    }
    return StatusWrite(name=(key.namespace, key.name), path=path, body=orjson.dumps(body))
