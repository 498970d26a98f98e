"""The running controller: takes events in, has the pipeline settle them, and carries each Step out.

One task decides. It waits only until something is marked or time may change an answer. Disk, feed, prober and
publishers are told at once and in this order, so that nothing is published that the table does not have.
"""

import asyncio
from collections.abc import Callable, Iterable

from trafficfed.discovery.leaving import Leaving
from trafficfed.discovery.resolver import Names
from trafficfed.errors import Transient
from trafficfed.gate import Gate
from trafficfed.health.prober import Prober
from trafficfed.kubernetes_api.wire import Event
from trafficfed.model import Observation, OperatorControl, ServiceKey, Verdict
from trafficfed.pipeline import Pipeline
from trafficfed.ports import Clock
from trafficfed.reports import Report
from trafficfed.step import Step
from trafficfed.table.table import Delta
from trafficfed.zones.publication import Publication

OnDelta = Callable[[Delta], None]


class Controller:
    """``take`` and ``observe`` may be called at any time on the event loop that ``run`` is on.

    ``on_delta`` hears every change of the table in order, ``opened`` once that outside action may begin.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        publication: Publication,
        gate: Gate,
        clock: Clock,
        report: Report,
        *,
        on_delta: Iterable[OnDelta] = (),
        opened: Callable[[], None] = lambda: None,
    ) -> None:
        self.pipeline, self.publication, self.gate = pipeline, publication, gate
        self._clock, self._report = clock, report
        self._on_delta, self._opened = tuple(on_delta), opened
        self._prober: Prober | None = None
        self._names: Names | None = None
        self._arrived: dict[ServiceKey, float] = {}
        self._hostnames: dict[ServiceKey, tuple[str, ...]] = {}
        self._leaving: dict[ServiceKey, Leaving] = {}
        self._untold: set[ServiceKey] = set()
        self._complete = False
        self._begun = False
        self._wake = asyncio.Event()

    def use(self, prober: Prober, names: Names) -> None:
        """Who probes the targets and who resolves the hostnames; both report back here."""
        self._prober, self._names = prober, names

    # ------------------------------------------------------------------ what comes in

    def take(self, cluster: str, event: Event) -> None:
        """One event of one cluster's API server."""
        now_s = self._clock.now_s()
        for key in self.pipeline.take(cluster, event, now_s):
            self._arrived.setdefault(key, now_s)
        self.gate.take(cluster, event)
        self._wake.set()

    def observe(self, seen: Observation) -> None:
        """One probe result. Most only confirm, and wake nobody."""
        self.pipeline.observe(seen, self._clock.now_s())
        self.gate.observe(seen)
        if self.pipeline.waiting or not self.gate.is_open:
            self._wake.set()

    def resolved(self, keys: frozenset[ServiceKey]) -> None:
        """Load balancers' hostnames of these services have other addresses."""
        self.pipeline.fold_again(keys)
        self._wake.set()

    def confirm(self, cluster: str) -> None:
        """Take a Suspect cluster's view as it is."""
        self.pipeline.confirm(cluster, self._clock.now_s())
        self._wake.set()

    def forget(self, cluster: str) -> None:
        """Let all endpoints of a cluster leave."""
        self.pipeline.forget(cluster)
        self._wake.set()

    def control(self, controls: tuple[OperatorControl, ...]) -> None:
        """Replace the operator controls: when this returns the table has them, and disk and feed were told.

        Raises Transient before ``run`` has begun: the table may not be the one to go on from.
        """
        if not self._begun:
            raise Transient("the controller is starting; try again in a moment")
        self.pipeline.control(controls)
        self._carry(self.pipeline.settle(self._clock.now_s()))
        self._wake.set()  # an end of one of them may come before what is waited for

    # ------------------------------------------------------------------ what goes out

    async def run(self) -> None:
        """Settle until cancelled."""
        self._begun = True
        self._carry(self.pipeline.open(self._clock.now_s()))
        while True:
            await self._nap()
            self._wake.clear()
            self._carry(self.pipeline.settle(self._clock.now_s()))
            if self.pipeline.waiting:  # a hostname that one service gave up may be another's now
                self._wake.set()

    async def _nap(self) -> None:
        """Until something is marked, time may change an answer, or the gate opens by itself."""
        wakes = (self.pipeline.next_wake_s(), self.gate.next_wake_s())
        at_s = min((wake_s for wake_s in wakes if wake_s is not None), default=None)
        try:
            async with asyncio.timeout(None if at_s is None else max(0.0, at_s - self._clock.now_s())):
                await self._wake.wait()
        except TimeoutError:
            return

    def _carry(self, step: Step) -> None:
        if step.delta is not None:
            for tell in self._on_delta:
                tell(step.delta)
        self._aim(step)
        for key in step.decided:
            self._remember(key, step)
        self._publish()
        for event in step.reports:
            self._report(event)

    def _aim(self, step: Step) -> None:
        """Point the prober and the resolver at what the rows now offer."""
        assert self._prober is not None, "use() comes before run()"
        assert self._names is not None, "use() comes before run()"
        for key, targets in step.targets:
            self._prober.set_targets(key, targets)
            if not self.gate.is_open:
                known = {(v.cluster, v.address) for v in self._verdicts(key) if v.reason != "NoEvidence"}
                self.gate.expect(target for target in targets if (target.cluster, target.address) not in known)
        for (key, cluster, address), on in step.suspicions:
            self._prober.suspect(key, cluster, address, on)
        for key in step.decided:
            row = self.pipeline.table.rows.get(key)
            endpoints = row.endpoints if row else ()
            self._names.want(key, frozenset(name for endpoint in endpoints for name in endpoint.hostnames))

    def _verdicts(self, key: ServiceKey) -> Iterable[Verdict]:
        row = self.pipeline.table.rows.get(key)
        return row.verdicts if row else ()

    def _remember(self, key: ServiceKey, step: Step) -> None:
        """Keep why things left until publication has been told, which may be not before the gate opens."""
        self._leaving[key] = self._leaving.get(key, Leaving()) + step.leaving.get(key, Leaving())
        self._untold.add(key)

    def _publish(self) -> None:
        now_s = self._clock.now_s()
        if self.gate.opens(now_s):
            self._untold.update(self.pipeline.table.rows)
            self._opened()
        if not self.gate.is_open:
            return
        for key in sorted(self._untold):
            row = self.pipeline.table.rows.get(key)
            before = self._hostnames.pop(key, ())
            if row is not None:
                self._hostnames[key] = row.service.hostnames
            self.publication.want(key, before, row, self._leaving.pop(key, Leaving()), self._arrived.pop(key, now_s))
        self._untold.clear()
        if self._complete != (complete := not self.pipeline.unseen):
            self._complete = complete
            self.publication.view_complete(complete)
