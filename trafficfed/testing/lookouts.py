"""Regions that die and vantages that watch them, in virtual time: real probers, the real judge, nothing else real.

Each cluster offers every service at one address; what a vantage sees of it is told by ``Landscape``. Results reach the
judge ``LATENCY_S`` after they were seen, and suspicions the vantages as late.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager

from msgspec.structs import replace

from trafficfed.health.prober import Prober
from trafficfed.health.records import Records
from trafficfed.health.targets import targets
from trafficfed.health.vantages import ANCHORS, Anchor, anchor_targets
from trafficfed.model import (
    Endpoint,
    Freshness,
    GlobalService,
    HealthCheck,
    Observation,
    ProbeResult,
    Row,
    ServiceKey,
    Source,
)
from trafficfed.testing.scripted_api import LoopClock

LATENCY_S = 0.1
TAKES_S = 0.02
CHECK = HealthCheck(scheme="tcp")


class Landscape:
    """What is dead, and for whom: ``refusing`` and ``hanging`` are addresses' clusters, ``lies`` go before both.

    A lie maps a vantage to what it sees of every target, whatever is true: an error, or empty for a pass. Anchors are
    not lied about; a vantage in ``cut_off`` reaches nothing at all.
    """

    def __init__(self) -> None:
        self.refusing: set[str] = set()
        self.hanging: set[str] = set()
        self.lies: dict[str, str] = {}
        self.cut_off: set[str] = set()

    async def look(self, vantage: str, cluster: str, timeout_s: float, *, anchor: bool) -> str:
        """What a probe from there ends with: an error, empty where it passes."""
        if vantage in self.cut_off or (cluster in self.hanging and (anchor or vantage not in self.lies)):
            await asyncio.sleep(timeout_s)
            return "timeout"
        await asyncio.sleep(TAKES_S)
        if not anchor and vantage in self.lies:
            return self.lies[vantage]
        return "connection refused" if cluster in self.refusing else ""


class Lookout:
    """One controller's judge with its vantages. ``changes`` are (when, cluster, serving) of every verdict's change."""

    def __init__(self, homes: Mapping[str, str], clusters: tuple[str, ...], services: int = 1) -> None:
        """``homes`` maps each vantage to the cluster it runs in, empty = in none of them."""
        self.landscape = Landscape()
        self.clock = LoopClock()
        self.changes: list[tuple[float, str, bool]] = []
        self._clusters = clusters
        self._records = Records({name: home for name, home in homes.items() if home}, 0.0)
        self._sources = {c: Source(cluster=c, freshness=Freshness.FRESH) for c in clusters}
        self._rows = {row.key: row for row in (_row(n, clusters) for n in range(services))}
        self._timers: dict[ServiceKey, asyncio.TimerHandle] = {}
        self._changed = asyncio.Event()
        self._suspected: dict[ServiceKey, frozenset[tuple[str, str]]] = {}
        self._probers = {name: self._prober(name) for name in homes}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        for row in self._rows.values():
            self._records.follow(row, self.clock.now_s())
            for prober in self._probers.values():
                prober.set_targets(row.key, targets(row))
        anchors = anchor_targets(Anchor(region=c, address=_address(99, at), port=6443) for at, c in enumerate(clusters))
        for prober in self._probers.values():
            prober.set_targets(ANCHORS, anchors)

    @property
    def serving(self) -> dict[str, int]:
        """How many targets of each cluster serve."""
        verdicts = [verdict for row in self._rows.values() for verdict in row.verdicts]
        return {c: sum(v.serving for v in verdicts if v.cluster == c) for c in self._clusters}

    @property
    def distrusted(self) -> frozenset[str]:
        return self._records.distrusted

    @asynccontextmanager
    async def running(self) -> AsyncIterator["Lookout"]:
        async with asyncio.TaskGroup() as group:
            self._tasks = {name: group.create_task(each.run(), name=name) for name, each in self._probers.items()}
            yield self
            for task in self._tasks.values():
                task.cancel()

    def kill(self, *vantages: str) -> None:
        """These probe and tell nothing any more."""
        for name in vantages:
            self._tasks[name].cancel()
            del self._probers[name]

    async def until(self, wanted: Callable[[], bool], at_most_s: float) -> float:
        """Wait for verdicts to become so; returns how long that took, ``at_most_s`` where it did not happen."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(at_most_s):
                while not wanted():
                    self._changed.clear()
                    await self._changed.wait()
        return loop.time() - began_s

    def _prober(self, name: str) -> Prober:
        clusters = {_address(n, at): c for n in range(100) for at, c in enumerate(self._clusters)}

        async def probe(address: str, port: int, check: HealthCheck) -> ProbeResult:
            anchor = port == 6443
            error = await self.landscape.look(name, clusters[address], check.timeout_s, anchor=anchor)
            return ProbeResult(error, None if error else 0.001, 0.0)

        def sink(seen: Observation) -> None:
            asyncio.get_running_loop().call_later(LATENCY_S, self._observe, name, seen)

        return Prober({"tcp": probe}, self.clock, name, sink)

    def _observe(self, vantage: str, seen: Observation) -> None:
        if vantage in self._probers:
            for key in self._records.observe(seen, self.clock.now_s()):
                self._judge(key)

    def _wake(self, key: ServiceKey) -> None:
        """Time alone may change something: judge, unless what it was for has been renewed."""
        now_s = self.clock.now_s()
        later_s = self._records.sleeps_until(key, now_s)
        if later_s is None:
            self._judge(key)
        else:
            self._wake_at(key, later_s)

    def _wake_at(self, key: ServiceKey, at_s: float | None) -> None:
        if (timer := self._timers.pop(key, None)) is not None:
            timer.cancel()
        if at_s is not None:
            loop = asyncio.get_running_loop()
            self._timers[key] = loop.call_later(max(0.001, at_s - self.clock.now_s()), self._wake, key)

    def _judge(self, key: ServiceKey) -> None:
        row = self._rows[key]
        now_s = self.clock.now_s()
        judged = self._records.judge(row, self._sources, (), now_s)
        before = {v.cluster: v.serving for v in row.verdicts}
        for verdict in judged.verdicts:
            if before.get(verdict.cluster) is not verdict.serving:
                self.changes.append((now_s, verdict.cluster, verdict.serving))
                self._changed.set()
        self._rows[key] = replace(row, verdicts=judged.verdicts)
        self._wake_at(key, judged.wake_at_s)
        self._suspect(key, frozenset(judged.suspicious))

    def _suspect(self, key: ServiceKey, places: frozenset[tuple[str, str]]) -> None:
        before = self._suspected.get(key, frozenset())
        self._suspected[key] = places
        for place, on in [*((p, True) for p in places - before), *((p, False) for p in before - places)]:
            for prober in self._probers.values():
                asyncio.get_running_loop().call_later(LATENCY_S, prober.suspect, key, *place, on)


def _address(service: int, cluster: int) -> str:
    return f"192.0.{cluster}.{service}"


def _row(n: int, clusters: tuple[str, ...]) -> Row:
    key = ServiceKey("default", "shop", f"s{n}")
    endpoints = tuple(
        Endpoint(cluster=cluster, addresses=(_address(n, at),), ports=(443,)) for at, cluster in enumerate(clusters)
    )
    service = GlobalService(key=key, hostnames=(f"s{n}.fed.test",), health_check=CHECK)
    return Row(service=service, endpoints=endpoints)
