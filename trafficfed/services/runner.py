"""Multi-Cluster Services at work: connects the members, feeds the engine, and carries out what each turn tells."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from random import Random
from typing import Never

from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.usable import RETRY_S, Connect
from trafficfed.kubernetes_api.wire import Event
from trafficfed.model import Cluster, Refusal
from trafficfed.ports import Clock
from trafficfed.propagation.api import Open
from trafficfed.propagation.objects import TemplateKind
from trafficfed.propagation.outcome import ABSENT, DONE, Ended, Listener, nobody
from trafficfed.propagation.troubles import Failure
from trafficfed.reports import ClusterChanged, Controlled, ReportEvent, VerdictChanged
from trafficfed.services.engine import Engine
from trafficfed.services.known import Known
from trafficfed.services.link import MemberLink
from trafficfed.services.meshes import ISTIO
from trafficfed.services.steps import Step
from trafficfed.services.writer import StepWriter
from trafficfed.supervision import for_ever

LONGEST_NAP_S = 5.0
"""Whether a member is another one by now, or is trusted again, is told by the table, which wakes nobody here."""

IDENTIFY_S = 0.5
"""After verdicts or clusters changed: to find who is dead all verdicts are looked at."""

MOST_REFUSALS = 50
"""What a page of text can hold."""


class MultiClusterServices:
    """``known`` is the table's live view of verdicts, members and operators' controls. Without ``writes`` imports are
    another implementation's: only words for public names are put on exported Services."""

    def __init__(
        self,
        owner: str,
        clusters: Mapping[str, Cluster],
        known: Known,
        connect: Mapping[str, Connect],
        clock: Clock,
        meshes: Iterable[str] = (),
        random: Random | None = None,
        open: Open = Transport,
        *,
        writes: bool = True,
    ) -> None:
        self._owner, self._clusters, self._known, self._connect = owner, clusters, known, connect
        self._clock, self._random, self._open = clock, random or Random(), open
        self._meshes, self._writes = frozenset(meshes), writes
        self._engine: Engine | None = None
        self._links: dict[str, MemberLink] = {}
        self._wake = asyncio.Event()
        self._said: dict[str, str] = {}
        self._identified_s, self._judged = 0.0, True
        self._log = logging.getLogger(__name__)
        self.listener: Listener = nobody

    # ------------------------------------------------------------------ what is shown

    @property
    def unseen(self) -> dict[str, str]:
        """Of each member why not everything of it is seen; empty where it is, and all where nobody runs this."""
        return {} if self._engine is None else {name: each.unseen for name, each in self._engine.members.items()}

    @property
    def exports(self) -> dict[str, int]:
        """Services exported, by cluster, as far as that is known."""
        return {} if self._engine is None else {name: each.exported for name, each in self._engine.members.items()}

    @property
    def imports(self) -> dict[str, int]:
        """ServiceImports that stand there, whoever made them, by cluster."""
        return {} if self._engine is None else {name: each.imported for name, each in self._engine.members.items()}

    @property
    def waiting(self) -> int:
        """Services that are still to be looked at."""
        return 0 if self._engine is None else self._engine.waiting

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What does not stand as it should, the first of it."""
        if self._engine is None:
            return ()
        unseen = (
            Refusal(cluster=name, object="ServiceExports", reason="NotFollowed", message=reason)
            for name, reason in sorted(self.unseen.items())
            if reason
        )
        meshless = (
            Refusal(cluster=name, object="ServiceEntries", reason="MeshNotInstalled", message=each.meshless)
            for name, each in sorted(self._engine.members.items())
            if each.meshless
        )
        return (*unseen, *meshless, *self._engine.refusals)[:MOST_REFUSALS]

    @property
    def troubles(self) -> Counter[tuple[str, str]]:
        """Objects that do not stand as they should, by cluster and reason."""
        found = self._engine.refusals if self._engine is not None else ()
        return Counter((each.cluster, each.reason) for each in found)

    # ------------------------------------------------------------------ run

    async def run(self) -> Never:
        """For ever, until cancelled, at any moment. It may be run again, and begins from what stands in the members."""
        try:
            await for_ever(self._run, self._log, "Multi-Cluster Services failed; they begin anew", RETRY_S)
        finally:
            self._engine = None

    async def _run(self) -> None:
        self._identified_s, self._judged = 0.0, True
        engine = self._engine = Engine(self._owner, self._clusters, self._known, self._meshes, writes=self._writes)
        self._links = {
            name: MemberLink(
                name,
                connect,
                self._open,
                StepWriter(self),
                self,
                self._clock,
                self._random,
                istio=ISTIO in self._meshes,
            )
            for name, connect in self._connect.items()
        }
        async with asyncio.TaskGroup() as tasks:
            for name, link in self._links.items():
                tasks.create_task(link.run(), name=f"services of {name}")
            tasks.create_task(self._decide(engine), name="decisions of Multi-Cluster Services")

    async def _decide(self, engine: Engine) -> Never:
        while True:
            await self._nap(engine)
            now_s = self._clock.now_s()
            if now_s - self._identified_s >= (IDENTIFY_S if self._judged else LONGEST_NAP_S):
                self._identified_s, self._judged = now_s, False
                for name in engine.identify(now_s):
                    self._links[name].begin_again()
            self._tell()
            for step in engine.turn(now_s):
                self._links[step.cluster].writer.submit(step)
            await asyncio.sleep(0)
            if engine.waiting:
                self._wake.set()

    async def _nap(self, engine: Engine) -> None:
        """Until there is news, or time alone may change something."""
        next_s = engine.next_s
        longest_s = IDENTIFY_S if self._judged else LONGEST_NAP_S
        wait_s = longest_s if next_s is None else min(longest_s, max(0.0, next_s - self._clock.now_s()))
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _tell(self) -> None:
        """Log when a member comes into sight or goes out of it."""
        for name, member in self._running.members.items():
            reason = member.lost
            if reason == self._said.get(name, ""):
                continue
            self._said[name] = reason
            if reason:
                self._log.warning("exports of %s: %s", name, reason)
            else:
                self._log.info("exports of %s are followed", name)

    # ------------------------------------------------------------------ what comes in

    def report(self, event: ReportEvent) -> None:
        """Verdicts and operators' controls decide here too."""
        if self._engine is None:
            return
        now_s = self._clock.now_s()
        match event:
            case VerdictChanged():
                self._judged = True
                self._engine.consider((event.service,), now_s)
            case ClusterChanged():
                self._judged = True
            case Controlled():
                self._engine.consider_all(now_s)
            case _:
                return
        self._wake.set()

    @property
    def _running(self) -> Engine:
        assert self._engine is not None, "run() makes it before anything else"
        return self._engine

    def begin(self, cluster: str, version: str, meshless: str) -> tuple[TemplateKind, ...]:
        return self._running.begin(cluster, version, meshless)

    def lose(self, cluster: str, reason: str) -> None:
        self._running.lose(cluster, reason, self._clock.now_s())
        self._wake.set()

    def take(self, cluster: str, kind: TemplateKind, event: Event) -> None:
        self._running.take(cluster, kind, event, self._clock.now_s())
        self._wake.set()

    def done(self, step: Step, answer: bytes) -> None:
        now_s = self._clock.now_s()
        since_s = self._running.done(step, answer, now_s)
        self._count(step, DONE, max(0.0, now_s - since_s))

    def absent(self, step: Step) -> None:
        self._running.absent(step, self._clock.now_s())
        self._count(step, ABSENT)

    def failed(self, step: Step, found: Failure) -> None:
        self._running.failed(step, found, self._clock.now_s())
        self._count(step, found.reason)

    def _count(self, step: Step, outcome: str, since_s: float | None = None) -> None:
        self.listener(Ended(cluster=step.cluster, step=step.verb, outcome=outcome, since_event_s=since_s))
        self._wake.set()
