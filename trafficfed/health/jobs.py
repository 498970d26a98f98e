"""What the prober keeps of each target and of each cluster: when it is due, what is under way, what is in doubt."""

import asyncio
import math

from trafficfed.model import ServiceKey, Target

OVERLAP = 3
"""How many probes of one target may be under way: the timeout over the spacing, at their defaults."""
ALARM_SERVICES, ALARM_SHARE = 2, 0.01
"""How many of a cluster's services must be in doubt at once, at least and as a share of its targets, to look at all of
it. One may fail alone; in a dying cluster so many are found within a second or two."""
LOOK_AGAIN_S = 5.0
"""A whole cluster is not looked at more often than this: half as much again as its usual probes, at their defaults."""


class Job:
    """One target's place in the schedule. ``ticket`` tells its one valid entry on the wheel from outdated ones.

    ``due_s`` is None while it has none, as while all its probes are under way. ``told_s`` is when the probe began whose
    result was told last, ``prompt`` whether that was a pass sooner than the spacing of suspicion. ``late``: it was
    prompt and now hangs.
    """

    __slots__ = (
        "due_s",
        "fraction",
        "late",
        "prompt",
        "started_s",
        "suspicious",
        "target",
        "tasks",
        "ticket",
        "told_s",
    )

    def __init__(self, target: Target, fraction: float) -> None:
        self.target = target
        self.fraction = fraction
        self.due_s: float | None = None
        self.started_s = -math.inf
        self.told_s = -math.inf
        self.prompt = False
        self.late = False
        self.ticket = 0
        self.suspicious = False
        self.tasks: set[asyncio.Task[None]] = set()

    @property
    def may_start(self) -> bool:
        """Whether one more probe may be under way: only one of what is down, slow or was never seen."""
        return len(self.tasks) < (OVERLAP if self.suspicious or self.prompt else 1)

    @property
    def doubted(self) -> bool:
        return self.suspicious or self.late

    def again_s(self, now_s: float) -> float:
        """When to look again while a probe hangs, or on suspicion."""
        return max(now_s, self.started_s + self.target.check.suspicion_s)

    def next_due_s(self, now_s: float) -> float:
        """The next slot of its own phase at least half an interval after the last start; sooner on suspicion."""
        check = self.target.check
        if self.suspicious:
            return self.again_s(now_s)
        phase_s = self.fraction * check.interval_s
        earliest_s = max(now_s, self.started_s + check.interval_s / 2)
        return phase_s + (math.floor((earliest_s - phase_s) / check.interval_s) + 1) * check.interval_s


class ClusterJobs:
    """What is probed in one cluster, and how many of each service's targets are in doubt."""

    def __init__(self) -> None:
        self.jobs: set[Job] = set()
        self._doubted: dict[ServiceKey, set[Job]] = {}
        self._looked_s = -math.inf

    def note(self, job: Job, now_s: float) -> bool:
        """Take in whether a target is in doubt; returns whether all of the cluster is to be looked at now."""
        service = job.target.service
        if not job.doubted:
            self._forget(service, job)
            return False
        self._doubted.setdefault(service, set()).add(job)
        alarm = len(self._doubted) >= max(ALARM_SERVICES, ALARM_SHARE * len(self.jobs))
        if not alarm or now_s < self._looked_s + LOOK_AGAIN_S:
            return False
        self._looked_s = now_s
        return True

    def leave(self, job: Job) -> None:
        """The target is probed no more."""
        self.jobs.discard(job)
        self._forget(job.target.service, job)

    def _forget(self, service: ServiceKey, job: Job) -> None:
        doubted = self._doubted.get(service)
        if doubted is not None:
            doubted.discard(job)
            if not doubted:
                del self._doubted[service]
