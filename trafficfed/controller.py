"""The running controller: takes events in, has the pipeline settle them, and carries each Step out.

One task decides. It waits only until something is marked or time may change an answer. Disk, feed, prober and
publishers are told at once and in this order, so that nothing is published that the table does not have.

Only while it leads does it commit and publish. Else it holds the leader's table as ``mirror`` and ``mirror_change``
tell it, and goes on judging, so that it can lead at any moment.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import Protocol

from msgspec.structs import replace

from trafficfed.discovery.leaving import Leaving
from trafficfed.discovery.resolver import Names
from trafficfed.errors import Refused, Transient
from trafficfed.gate import Gate
from trafficfed.kubernetes_api.wire import Event
from trafficfed.model import Observation, OperatorControl, Row, ServiceKey, Target, Verdict
from trafficfed.pipeline import Pipeline
from trafficfed.ports import Clock
from trafficfed.reports import Report
from trafficfed.step import Step
from trafficfed.table.table import Delta, Snapshot
from trafficfed.zones.publication import Publication

SETTLED_AT_ONCE = 200
"""Services that are judged at a stretch where a whole fleet is concerned, some 30 ms: others have their turn then."""


class Aimed(Protocol):
    """Who probes: this process itself, and the vantages that are connected to it."""

    def set_targets(self, service: ServiceKey, targets: tuple[Target, ...]) -> None: ...

    def suspect(self, service: ServiceKey, cluster: str, address: str, on: bool) -> None: ...


class Holder(Protocol):
    """Who keeps a copy of the table up to date elsewhere: on disk, at followers, in the electors."""

    def append(self, delta: Delta) -> None:
        """One change, in order."""
        ...

    def replace(self) -> None:
        """The table as a whole is another, or of another term."""
        ...


def unheard(rows: tuple[Row, ...], uncovered: tuple[ServiceKey, ...]) -> None:
    """Nobody follows who would want to know."""


class Controller:
    """``take`` and ``observe`` may be called at any time on the event loop that ``run`` is on.

    ``holders`` hear every change of the table in order, ``overlaid`` what is judged otherwise than the leader does
    while another leads, ``opened`` once that outside action may begin. ``may_lead`` is asked before every commit:
    whether this controller, if it leads, still does.
    """

    def __init__(
        self,
        pipeline: Pipeline,
        publication: Publication,
        gate: Gate,
        clock: Clock,
        report: Report,
        *,
        holders: Iterable[Holder] = (),
        overlaid: Callable[[tuple[Row, ...], tuple[ServiceKey, ...]], None] = unheard,
        opened: Callable[[], None] = lambda: None,
        may_lead: Callable[[], bool] = lambda: True,
    ) -> None:
        self.pipeline, self.publication, self.gate = pipeline, publication, gate
        self._clock, self._report = clock, report
        self._holders, self._overlaid = tuple(holders), overlaid
        self._opened, self._may_lead = opened, may_lead
        self._aimed: tuple[Aimed, ...] = ()
        self._names: Names | None = None
        self._arrived: dict[ServiceKey, float] = {}
        self._hostnames: dict[ServiceKey, tuple[str, ...]] = {}
        self._leaving: dict[ServiceKey, Leaving] = {}
        self._untold: set[ServiceKey] = set()
        self._complete = False
        self._begun = False
        self._wake = asyncio.Event()
        self._roused_s: float | None = None

    def keep_in(self, *holders: Holder) -> None:
        """Who keeps the table besides; to be called before ``run``."""
        self._holders += holders

    def use(self, names: Names, *probers: Aimed) -> None:
        """Who resolves the hostnames and who probes the targets; they report back here."""
        self._names, self._aimed = names, probers

    # ------------------------------------------------------------------ what comes in

    def take(self, cluster: str, event: Event) -> None:
        """One event of one cluster's API server."""
        now_s = self._clock.now_s()
        for key in self.pipeline.take(cluster, event, now_s):
            self._arrived.setdefault(key, now_s)
        self.gate.take(cluster, event)
        self._rouse()

    def observe(self, seen: Observation) -> None:
        """One probe result. Most only confirm, and wake nobody."""
        self.pipeline.observe(seen, self._clock.now_s())
        self.gate.observe(seen)
        if self.pipeline.is_marked or not self.gate.is_open:
            self._rouse()

    def resolved(self, keys: frozenset[ServiceKey]) -> None:
        """Load balancers' hostnames of these services have other addresses."""
        self.pipeline.fold_again(keys)
        self._rouse()

    def confirm(self, cluster: str) -> None:
        """Take a Suspect cluster's view as it is."""
        self.pipeline.confirm(cluster, self._clock.now_s())
        self._rouse()

    def forget(self, cluster: str) -> None:
        """Let all endpoints of a cluster leave."""
        self.pipeline.forget(cluster)
        self._rouse()

    def control(self, controls: tuple[OperatorControl, ...]) -> None:
        """Replace the operator controls: when this returns the table has them, and disk and feed were told.

        Raises Transient before ``run`` has begun: the table may not be the one to go on from.
        """
        if not self._begun:
            raise Transient("the controller is starting; try again in a moment")
        self.pipeline.control(controls)
        self._carry(self.pipeline.settle(self._clock.now_s()))
        self._rouse()  # an end of one of them may come before what is waited for

    def control_here(self, controls: tuple[OperatorControl, ...] | None) -> None:
        """Operator controls that hold in place of the table's until a leader is told of them; None: the table's."""
        self.pipeline.control_here(controls)
        self._rouse()

    # ------------------------------------------------------------------ leading and following

    def lead(self, term: int) -> None:
        """Begin to commit and to publish. What the table did not know yet is probed once before it is published; what
        it knew goes out at once. Raises Refused unless terms grow."""
        now_s = self._clock.now_s()
        if not self.pipeline.table.rows:
            self.gate = Gate((), now_s)
        step = self.pipeline.lead(term, now_s)
        for holder in self._holders:
            holder.replace()
        self._untold.update(self.pipeline.table.rows, self._hostnames)
        self._complete = False
        self._carry(replace(step, delta=None))  # it is in the table that the holders now have whole

    @property
    def leads(self) -> bool:
        """Whether it may write outside at this moment."""
        return self.pipeline.leads and self._may_lead()

    def follow(self) -> None:
        """Commit and publish no more."""
        if self.pipeline.leads:
            self.pipeline.follow()
            self._untold.clear()
            self._rouse()

    def mirror(self, snapshot: Snapshot) -> None:
        """Hold another controller's table. Raises Refused where it is of an older term, or this one leads."""
        self._only_beside(snapshot.term)
        self.pipeline.mirror(snapshot, self._clock.now_s())
        for holder in self._holders:
            holder.replace()
        self._rouse()

    def mirror_change(self, delta: Delta) -> None:
        """Follow another controller's table by one change. Raises Refused where it does not follow."""
        self._only_beside(delta.term)
        self.pipeline.mirror_change(delta, self._clock.now_s())
        for holder in self._holders:
            holder.append(delta)
        self._rouse()

    def _only_beside(self, term: int) -> None:
        ours = self.pipeline.table.term
        if self.pipeline.leads and term <= ours:
            raise Refused(f"a table of term {term} is not taken: this controller leads term {ours}")
        self.follow()

    # ------------------------------------------------------------------ what goes out

    async def run(self) -> None:
        """Settle until cancelled."""
        self._begun = True
        self._carry(self.pipeline.open(self._clock.now_s()))
        while True:
            await self._nap()
            self._wake.clear()
            if not self._may_lead():
                self.follow()
            self._carry(self.pipeline.settle(self._clock.now_s(), at_most=SETTLED_AT_ONCE))
            if not self.pipeline.is_marked:
                self._roused_s = None
            else:  # too many for once, or a hostname that one service gave up may be another's
                self._rouse()
                await asyncio.sleep(0)  # what was settled goes out, and events and probes come in

    def _rouse(self) -> None:
        if self._roused_s is None:
            self._roused_s = self._clock.monotonic_s()
        self._wake.set()

    @property
    def queue_age_s(self) -> float:
        """How long there has been something to be settled without an end, 0 where there is nothing."""
        if self._roused_s is None or not self.pipeline.is_marked:
            return 0.0
        return self._clock.monotonic_s() - self._roused_s

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
            for holder in self._holders:
                holder.append(step.delta)
        if step.overlaid or step.uncovered:
            self._overlaid(step.overlaid, step.uncovered)
        self._aim(step)
        if self.pipeline.leads:
            for key in step.decided:
                self._remember(key, step)
        else:
            self._arrived.clear()
        self._publish()
        for event in step.reports:
            self._report(event)

    def _aim(self, step: Step) -> None:
        """Point the prober and the resolver at what the rows now offer."""
        assert self._names is not None, "use() comes before run()"
        for key, targets in step.targets:
            for prober in self._aimed:
                prober.set_targets(key, targets)
            if not self.gate.is_open:
                known = {(v.cluster, v.address) for v in self._verdicts(key) if v.reason != "NoEvidence"}
                self.gate.expect(target for target in targets if (target.cluster, target.address) not in known)
        for (key, cluster, address), on in step.suspicions:
            for prober in self._aimed:
                prober.suspect(key, cluster, address, on)
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
        if not (self.gate.is_open and self.pipeline.leads):
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
