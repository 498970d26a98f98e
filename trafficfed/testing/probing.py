"""A prober at work in virtual time, with a scripted probe, and all that it said."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from trafficfed.health.prober import TICK_S, Prober
from trafficfed.model import HealthCheck, Observation, ServiceKey, Target
from trafficfed.reports import ReportEvent
from trafficfed.testing.probes import ScriptedProbe
from trafficfed.testing.scripted_api import LoopClock

CHECK = HealthCheck(scheme="tcp")
LATEST_S = TICK_S + 0.005


def target(n: int, check: HealthCheck = CHECK, port: int = 443) -> Target:
    return Target(service=key(n), cluster="eu", address=f"192.0.2.{n}", port=port, check=check)


def key(n: int) -> ServiceKey:
    return ServiceKey("default", "shop", f"s{n}")


class Watched:
    """A prober at work, with all it said."""

    def __init__(self, probe: ScriptedProbe, vantage: str = "v", **bounds: int) -> None:
        self.probe = probe
        self.seen: list[Observation] = []
        self.reports: list[ReportEvent] = []
        self.prober = Prober({"tcp": probe}, LoopClock(), vantage, self.seen.append, self.reports.append, **bounds)

    def want(self, *targets: Target) -> None:
        for each in targets:
            self.prober.set_targets(each.service, (each,))

    def times(self, n: int) -> list[float]:
        return self.probe.asked[f"192.0.2.{n}"]

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Watched"]:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(self.prober.run(), name="prober")
            yield self
            task.cancel()


def gaps(times: list[float]) -> list[float]:
    return [later - earlier for earlier, later in itertools.pairwise(times)]
