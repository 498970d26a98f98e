"""Reports become Events on the users' own Services: what `kubectl describe service` tells."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Never

from trafficfed.kubernetes_api.events import Note, Subject
from trafficfed.model import OperatorControl, Refusal, Row, ServiceKey
from trafficfed.observe.object_notes import Told, notes
from trafficfed.ports import Clock
from trafficfed.reports import Decided, RefusalCleared, ReportEvent, ServiceRefused, VerdictChanged

Uids = Callable[[ServiceKey], Mapping[str, str]]
"""The UIDs of a service's objects by cluster, as far as they are known."""

Tell = Callable[[str, Note], None]
"""Write a note in a cluster."""

Controls = Callable[[], tuple[OperatorControl, ...]]
"""The operator controls in force."""


AT_ONCE = 20
"""Services in one slice: a few milliseconds at most."""

SPACING_S = 0.1
"""Between slices; an API server is told far fewer Events a second than that comes to."""


class ObjectEvents:
    """A listener of reports. A refusal that concerns no cluster in particular is told in all that have the object.

    Of an answer each cluster is told its own part, once for each change of that part, and in ``run``: what stood in
    ``rows`` at the start was told before it.
    """

    def __init__(
        self, uids: Uids, tell: Tell, rows: Mapping[ServiceKey, Row], controls: Controls, clock: Clock
    ) -> None:
        self._uids, self._tell = uids, tell
        self._rows, self._controls, self._clock = rows, controls, clock
        self._before = dict(rows)
        self._told: dict[ServiceKey, dict[str, Told]] = {}
        self._due: dict[ServiceKey, None] = {}
        self._wake = asyncio.Event()

    def __call__(self, event: ReportEvent) -> None:
        match event:
            case ServiceRefused(refusal):
                self._refusal(refusal, Told(refusal.reason, refusal.message, "Warning"))
            case RefusalCleared(refusal):
                self._refusal(refusal, Told("RefusalCleared", f"no longer refused: {refusal.message}"))
            case Decided(service=key) | VerdictChanged(service=key):
                self._due[key] = None
                self._wake.set()
            case _:
                return

    def _refusal(self, refusal: Refusal, told: Told) -> None:
        if refusal.service is not None:
            clusters = [refusal.cluster] if refusal.cluster else sorted(self._uids(refusal.service))
            self._note(refusal.service, dict.fromkeys(clusters, told))

    async def run(self) -> Never:
        """For ever, until cancelled: a region's death is told in slices, so that telling it delays no failover."""
        while True:
            await self._wake.wait()
            if not self.turn():
                self._wake.clear()
            await asyncio.sleep(SPACING_S)

    def turn(self, most: int = AT_ONCE) -> bool:
        """Tell what has changed of some services; whether more are due."""
        for key in list(self._due)[:most]:
            del self._due[key]
            self._answer(key)
        return bool(self._due)

    def _answer(self, key: ServiceKey) -> None:
        before, was = self._told.pop(key, {}), self._before.pop(key, None)
        row = self._rows.get(key)
        if row is None:
            return
        if was is not None:
            before = notes(was, self._controls(), self._clock.now_s())
        after = self._told[key] = notes(row, self._controls(), self._clock.now_s())
        self._note(key, {cluster: told for cluster, told in after.items() if before.get(cluster) != told})

    def _note(self, service: ServiceKey, told: Mapping[str, Told]) -> None:
        uids = self._uids(service)
        for cluster, each in told.items():
            if uid := uids.get(cluster):
                subject = Subject(service.namespace, service.name, uid)
                self._tell(cluster, Note(subject, each.reason, each.message, each.type))
