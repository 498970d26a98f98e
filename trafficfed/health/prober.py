"""The prober: runs every target's check on a fixed schedule from this vantage, and tells what it saw, raw.

Starts are spread: each target has a phase of its own within its interval, worked out from its name and the vantage's,
so that neither one vantage's probes nor several vantages' on one target fall together. Two bounds always hold: at most
``starts_per_tick`` connections begin within one tick and at most ``in_flight`` are open. What is due beyond that waits
its turn, suspicious targets first, and shows as lateness; nothing is dropped.

While any target is suspicious the vantage itself is too: its anchors are then probed as suspicious targets are, so that
one which is cut off is known to be before its failures count.

A target that is suspicious, or answered promptly until now, is probed again at the spacing of suspicion even while its
probe hangs: one that takes every connection and says nothing is known to be dead ``timeout_s`` + 2 s after a probe of
it began, not three timeouts later. What a probe then says that began before another whose result is known is out of
date, and not told.

Where several services of one cluster are suspicious or hang at once, the cluster itself may have died: everything in it
is then looked at right away, each target once, and not only when its turn comes.
"""

import asyncio
import collections
import math
import zlib
from collections.abc import Callable, Iterator, Mapping

from trafficfed.health.jobs import ClusterJobs, Job
from trafficfed.health.vantages import ANCHORS
from trafficfed.health.wheel import Wheel
from trafficfed.model import Observation, ProbeResult, ServiceKey, Target
from trafficfed.ports import Clock, Probe
from trafficfed.reports import Observed, ProbeImpossible, Report

TICK_S = 0.01
"""Event loops fire timers up to a millisecond late and may spin on shorter ones: 5 ms is the least that makes sense."""
STARTS_PER_TICK = 32
"""3,200 connections a second: three times what 10,000 targets at 10 s need, and at most half a core's work."""
IN_FLIGHT = 4096
"""Enough for 10,000 targets that all hang for 3 s of every 10. Each is an open file; the process's limit must allow it.
"""
SHORTEST_NAP_S = 0.001
"""Some event loops take a shorter timer for none at all and spin until it is due."""
FIRST_WITHIN_S = 1.0
"""A new target is probed within this time, however long its interval: it serves only after its first pass."""


def _deaf(event: object) -> None:
    """Listens to no report."""


class Prober:
    """Probes targets for ever; ``probes`` maps a check's scheme to what carries it out.

    ``sink`` gets every observation in the order of arrival. ``report`` gets the same with its lateness, and what could
    not be probed for reasons on our own side, from which nothing may be concluded. Only ``run`` waits.
    """

    def __init__(
        self,
        probes: Mapping[str, Probe],
        clock: Clock,
        vantage: str,
        sink: Callable[[Observation], None],
        report: Report = _deaf,
        *,
        starts_per_tick: int = STARTS_PER_TICK,
        in_flight: int = IN_FLIGHT,
    ) -> None:
        self._probes = probes
        self._clock = clock
        self._vantage = vantage
        self._sink = sink
        self._report = report
        self._starts_per_tick = starts_per_tick
        self._limit = in_flight
        self._jobs: dict[ServiceKey, dict[tuple[str, str], Job]] = {}
        self._wheel: Wheel[tuple[Job, int]] = Wheel(TICK_S)
        self._urgent: collections.deque[tuple[Job, int]] = collections.deque()
        self._ordinary: collections.deque[tuple[Job, int]] = collections.deque()
        self._suspicious: set[Job] = set()
        self._clusters: dict[str, ClusterJobs] = collections.defaultdict(ClusterJobs)
        self._wake = asyncio.Event()
        self._in_flight = 0
        self._tick = -1
        self._started_in_tick = 0

    @property
    def in_flight(self) -> int:
        """How many probes are under way."""
        return self._in_flight

    @property
    def waiting(self) -> int:
        """How many probes are due but wait for the bounds; may count some that have been overtaken by a change."""
        return len(self._urgent) + len(self._ordinary)

    def targets(self) -> Iterator[Target]:
        """Everything being probed."""
        return (job.target for jobs in self._jobs.values() for job in jobs.values())

    def set_targets(self, service: ServiceKey, targets: tuple[Target, ...]) -> None:
        """Make these the targets of one service; none stops it. What did not change keeps its schedule."""
        jobs = self._jobs.get(service, {})
        wanted = {(target.cluster, target.address): target for target in targets}
        for place in [place for place, job in jobs.items() if wanted.get(place) != job.target]:
            self._stop(jobs.pop(place))
        for place, target in wanted.items():
            if place not in jobs:
                jobs[place] = self._begin(target)
        if jobs:
            self._jobs[service] = jobs
        else:
            self._jobs.pop(service, None)
        self._suspect_anchors()

    def suspect(self, service: ServiceKey, cluster: str, address: str, on: bool) -> None:
        """Probe a target at its check's suspicion spacing, or at its interval again. Unknown targets are ignored.

        Anchors follow by themselves.
        """
        job = self._jobs.get(service, {}).get((cluster, address))
        if job is not None and service != ANCHORS and job.suspicious is not on:
            self._switch(job, on)
            (self._suspicious.add if on else self._suspicious.discard)(job)
            self._suspect_anchors()
            self._note_doubt(job)

    async def run(self) -> None:
        """Probe until cancelled; every connection is closed when this ends."""
        async with asyncio.TaskGroup() as group:
            while True:
                now_s = self._clock.monotonic_s()
                for entry in self._wheel.due(now_s):
                    (self._urgent if entry[0].suspicious else self._ordinary).append(entry)
                self._start_due(group, now_s)
                await self._nap(now_s)

    def _suspect_anchors(self) -> None:
        for anchor in self._jobs.get(ANCHORS, {}).values():
            self._switch(anchor, bool(self._suspicious))

    def _note_doubt(self, job: Job) -> None:
        if job.target.service != ANCHORS and self._clusters[job.target.cluster].note(job, self._clock.monotonic_s()):
            self._look_at(job.target.cluster)

    def _look_at(self, cluster: str) -> None:
        """Bring forward every probe in a cluster that is not about to begin and did not just."""
        now_s = self._clock.monotonic_s()
        for job in self._clusters[cluster].jobs:
            if not job.tasks and job.due_s is not None and job.due_s > job.again_s(now_s):
                self._schedule(job, job.again_s(now_s))

    def _switch(self, job: Job, on: bool) -> None:
        if job.suspicious is on:
            return
        job.suspicious = on
        now_s = self._clock.monotonic_s()
        if not job.may_start:
            self._unschedule(job)  # it is scheduled when a probe of it ends
        elif job.due_s is None or job.due_s > now_s:
            self._schedule(job, job.next_due_s(now_s))
        # One that is due keeps its turn.

    def _begin(self, target: Target) -> Job:
        name = f"{self._vantage} {target.service} {target.cluster} {target.address}"
        job = Job(target, zlib.crc32(name.encode()) / 2**32)
        if target.service != ANCHORS:
            self._clusters[target.cluster].jobs.add(job)
        spread_s = min(FIRST_WITHIN_S, target.check.interval_s)
        self._schedule(job, self._clock.monotonic_s() + job.fraction * spread_s)
        return job

    def _stop(self, job: Job) -> None:
        job.ticket = -1
        self._suspicious.discard(job)
        if job.target.service != ANCHORS:
            self._clusters[job.target.cluster].leave(job)
        for task in job.tasks:
            task.cancel()

    def _unschedule(self, job: Job) -> None:
        job.ticket += 1
        job.due_s = None

    def _schedule(self, job: Job, due_s: float) -> None:
        job.ticket += 1
        job.due_s = due_s
        earliest_s = self._wheel.next_s()
        self._wheel.add(due_s, (job, job.ticket))
        if earliest_s is None or due_s < earliest_s:
            self._wake.set()

    def _start_due(self, group: asyncio.TaskGroup, now_s: float) -> None:
        tick = math.floor(now_s / TICK_S)
        if tick != self._tick:
            self._tick, self._started_in_tick = tick, 0
        for queue in (self._urgent, self._ordinary):
            while queue and self._started_in_tick < self._starts_per_tick and self._in_flight < self._limit:
                job, ticket = queue.popleft()
                if ticket == job.ticket:
                    self._start(group, job, now_s)

    def _start(self, group: asyncio.TaskGroup, job: Job, now_s: float) -> None:
        self._started_in_tick += 1
        self._in_flight += 1
        late_s = 0.0 if job.due_s is None else now_s - job.due_s
        job.due_s, job.started_s = None, now_s
        task = group.create_task(self._probe(job, now_s, late_s), name=f"probe {job.target.address}")
        if job.tasks and not job.suspicious:
            job.late = True
            self._note_doubt(job)
        job.tasks.add(task)
        task.add_done_callback(lambda ended: self._ended(job, ended))
        if job.may_start:
            self._schedule(job, job.again_s(now_s))

    async def _probe(self, job: Job, started_s: float, late_s: float) -> None:
        target = job.target
        result = await self._try(target)
        if result is None or job.ticket < 0 or started_s < job.told_s:
            return
        took_s = self._clock.monotonic_s() - started_s
        job.told_s, job.prompt = started_s, not result.error and took_s < target.check.suspicion_s
        seen = Observation(
            vantage=self._vantage,
            service=target.service,
            cluster=target.cluster,
            address=target.address,
            at_s=self._clock.now_s(),
            passed=not result.error,
            rtt_s=result.rtt_s,
            total_s=result.total_s,
            error=result.error,
            certificate_ends_s=result.certificate_ends_s,
        )
        self._sink(seen)
        self._report(Observed(seen, late_s))

    async def _try(self, target: Target) -> ProbeResult | None:
        """The probe's result, None where it could not be carried out: that says nothing about the target."""
        probe = self._probes.get(target.check.scheme)
        if probe is None:
            self._report(ProbeImpossible(target, f"no health check is installed for the scheme {target.check.scheme}"))
            return None
        try:
            return await probe(target.address, target.port, target.check)
        except Exception as error:  # noqa: BLE001 - the supervisor: a faulty probe type must not end the others
            self._report(ProbeImpossible(target, str(error) or type(error).__name__))
            return None

    def _ended(self, job: Job, task: asyncio.Task[None]) -> None:
        """Runs however the probe ended, even when it was cancelled before its first step."""
        job.tasks.discard(task)
        self._in_flight -= 1
        if job.late and job.ticket >= 0:
            job.late = False
            self._note_doubt(job)
        if job.ticket >= 0 and (job.due_s is None or not job.suspicious):
            self._schedule(job, job.next_due_s(self._clock.monotonic_s()))
        if self.waiting:
            self._wake.set()

    async def _nap(self, now_s: float) -> None:
        """Until the next tick in which something can start, or something changed."""
        due_s = self._wheel.next_s()
        if self.waiting and self._in_flight < self._limit:
            due_s = (self._tick + 1) * TICK_S
        timer = None
        if due_s is not None:
            timer = asyncio.get_running_loop().call_later(max(due_s - now_s, SHORTEST_NAP_S), self._wake.set)
        try:
            await self._wake.wait()
        finally:
            if timer is not None:
                timer.cancel()
        self._wake.clear()
