"""Baselines at work: connects hub and members, feeds the engine, has expressions evaluated and steps carried out."""

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Never, Protocol

import orjson

from trafficfed.baseline.engine import Ask, Engine
from trafficfed.baseline.evaluator import Evaluator
from trafficfed.baseline.judging import Fault, Item, Program, Verdict
from trafficfed.baseline.link import Link
from trafficfed.baseline.marks import BASELINES, BINDINGS_OF_POLICIES, OWNER_LABEL, POLICIES
from trafficfed.baseline.problem import INVALID, Problem
from trafficfed.baseline.rulebook import RuleName
from trafficfed.baseline.showing import Audited, audited
from trafficfed.baseline.view import Kind
from trafficfed.errors import ConfigError, Transient
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.usable import Connect
from trafficfed.kubernetes_api.wire import Event
from trafficfed.model import Cluster, Refusal, Source
from trafficfed.ports import Clock
from trafficfed.propagation.api import Open
from trafficfed.propagation.follow import Followed
from trafficfed.propagation.objects import HUB, ObjectKey, TemplateKind
from trafficfed.propagation.outcome import ABSENT, DONE, Ended, Listener, nobody
from trafficfed.propagation.troubles import Failure
from trafficfed.services.steps import Step
from trafficfed.services.writer import StepWriter
from trafficfed.supervision import for_ever

RETRY_S = 1.0
LONGEST_NAP_S = 5.0
"""Whether a member is another one by now is told by the table, which wakes nobody here."""


class Evaluates(Protocol):
    """Who evaluates expressions."""

    async def compile(self, program: Program) -> tuple[Fault, ...]:
        """Raises Transient or ConfigError."""
        ...

    async def judge(self, program: Program, cluster: bytes, items: tuple[Item, ...]) -> tuple[Verdict, ...]:
        """Raises Transient or ConfigError."""
        ...

    async def close(self) -> None: ...


class FleetBaselines:
    """``sources`` is the table's live view of who the members are. ``writes``: enforce and deny are carried out; else
    every baseline is only reported on."""

    def __init__(
        self,
        owner: str,
        clusters: Mapping[str, Cluster],
        sources: Mapping[str, Source],
        connect_hub: Connect,
        connect: Mapping[str, Connect],
        clock: Clock,
        *,
        writes: bool = True,
        random: Random | None = None,
        open: Open = Transport,
        evaluates: Callable[[], Evaluates] = Evaluator,
    ) -> None:
        self._owner, self._clusters, self._sources = owner, clusters, sources
        self._connect = {HUB: connect_hub, **connect}
        self._clock, self._writes, self._random, self._open = clock, writes, random or Random(), open
        self._engine: Engine | None = None
        self._links: dict[str, Link] = {}
        self._evaluator = evaluates()
        self._wake = asyncio.Event()
        self._known = asyncio.Event()
        self._wanted: dict[str, frozenset[Kind]] = {}
        self._said = ""
        self._log = logging.getLogger(__name__)
        self.listener: Listener = nobody
        self.evaluated = 0

    # ------------------------------------------------------------------ what is shown

    @property
    def audited(self) -> tuple[Audited, ...] | None:
        """How every baseline stands; None where nobody runs this, as where another controller leads."""
        return None if self._engine is None else audited(self._engine)

    @property
    def violations(self) -> Counter[tuple[str, str]]:
        """By baseline and cluster; 0 where a baseline is kept."""
        found: Counter[tuple[str, str]] = Counter()
        if (engine := self._engine) is not None:
            for name in engine.rulebook.baselines:
                found.update(dict.fromkeys(((name, each) for each in engine.rulebook.clusters_of(name)), 0))
            found.update(engine.report.counts)
        return found

    @property
    def unseen(self) -> dict[str, str]:
        """Of each member why not everything that rules ask about is seen; empty where it is."""
        if (engine := self._engine) is None:
            return {}
        return {name: view.unseen(engine.wanted(name)) for name, view in engine.views.items()}

    @property
    def refused(self) -> dict[str, int]:
        """By baseline, how many of its rules cannot be used."""
        if (engine := self._engine) is None:
            return {}
        counts = Counter(name for name, _ in engine.rulebook.faults)
        return {name: counts[name] for name in engine.rulebook.baselines}

    @property
    def waiting(self) -> int:
        """Objects that are still to be looked at."""
        return 0 if self._engine is None else self._engine.waiting

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What cannot be used or followed."""
        if (engine := self._engine) is None:
            return ()
        book = engine.rulebook
        found = [(HUB, name, "InvalidBaseline", said) for name, said in sorted(book.unreadable.items())]
        found += [(HUB, name, "InvalidBaseline", said) for (name, _), said in sorted(book.faults.items())]
        found += [(at, "policies", "HeldBack", said) for at, said in sorted(engine.policies.held.items())]
        if self._reason:
            found.append((HUB, "FleetBaselines", "NotFollowed", self._reason))
        if book.baselines:
            found += [(name, "baselines", "NotFollowed", why) for name, why in sorted(self.unseen.items()) if why]
        return tuple(Refusal(cluster=at, object=what, reason=why, message=said) for at, what, why, said in found)

    @property
    def _reason(self) -> str:
        """Why the hub's baselines are not followed; empty where they are."""
        if (engine := self._engine) is None:
            return ""
        stream = engine.hub.streams.of.get(BASELINES)
        return engine.hub.lost or engine.rulebook.doubt or (stream.lost if stream is not None else "")

    # ------------------------------------------------------------------ run

    async def run(self) -> Never:
        """For ever, until cancelled, at any moment. It may be run again, and begins from what stands there."""
        try:
            await for_ever(self._run, self._log, "baselines failed; they begin anew", RETRY_S)
        finally:
            self._engine = None
            self._known.clear()

    async def _run(self) -> None:
        engine = self._engine = Engine(self._owner, self._clusters, self._sources, writes=self._writes)
        self._known.clear()
        self._wanted = {}
        mark = f"{OWNER_LABEL}={self._owner}"
        policies = tuple(Followed(kind, kind.path(), mark) for kind in (POLICIES, BINDINGS_OF_POLICIES))
        ours = {HUB: (Followed(BASELINES, BASELINES.path()), *policies)}
        self._links = {
            name: Link(
                name, connect, self._open, ours.get(name, policies), StepWriter(self), self, self._clock, self._random
            )
            for name, connect in self._connect.items()
        }
        try:
            async with asyncio.TaskGroup() as tasks:
                for name, link in self._links.items():
                    tasks.create_task(link.run(), name=f"baselines of {name}")
                tasks.create_task(self._decide(engine), name="decisions of baselines")
        finally:
            await self._evaluator.close()

    async def _decide(self, engine: Engine) -> Never:
        while True:
            await self._nap(engine)
            self._tell()
            await self._compile(engine)
            self._ask_for(engine)
            turn = engine.turn(self._clock.now_s())
            for step in turn.steps:
                self._links[step.cluster].writer.submit(step)
            for ask in turn.asks:
                await self._judge(engine, ask)
            await asyncio.sleep(0)
            if engine.waiting:
                self._wake.set()

    async def _compile(self, engine: Engine) -> None:
        for name, program in engine.rulebook.unchecked:
            with contextlib.suppress(Transient):  # it is asked again
                engine.checked(name, program, await self._faults(program, name), self._clock.now_s())
        stream = engine.hub.streams.of.get(BASELINES)
        if stream is not None and stream.tried and not engine.rulebook.unchecked:
            self._known.set()

    async def _faults(self, program: Program, name: RuleName) -> tuple[Fault, ...]:
        try:
            return await self._evaluator.compile(program)
        except ConfigError as error:
            return (Fault(where="expression", problem=Problem(message=str(error), reason=INVALID)),)
        except Transient as error:
            self._log.warning("rule %s of baseline %s: %s", name[1], name[0], error)
            await asyncio.sleep(RETRY_S)
            raise

    async def _judge(self, engine: Engine, ask: Ask) -> None:
        try:
            verdicts = await self._evaluator.judge(ask.program, ask.cluster, ask.items)
        except Transient as error:
            self._log.warning("baseline %s: %s", ask.place.baseline, error)
            await asyncio.sleep(RETRY_S)
            engine.unjudged(ask)
        else:
            self.evaluated += len(verdicts)
            engine.judged(ask, verdicts, self._clock.now_s())

    def _ask_for(self, engine: Engine) -> None:
        """Have links follow what rules ask about by now."""
        for name, link in self._links.items():
            if (wanted := engine.wanted(name)) != self._wanted.get(name, frozenset()):
                self._wanted[name] = wanted
                link.look_again()

    async def _nap(self, engine: Engine) -> None:
        """Until there is news, or time alone may change something."""
        now_s = self._clock.now_s()
        next_s = engine.next_s(now_s)
        wait_s = LONGEST_NAP_S if next_s is None else min(LONGEST_NAP_S, max(0.0, next_s - now_s))
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        self._wake.clear()

    def _tell(self) -> None:
        """Log when the hub's baselines come into sight or go out of it."""
        if (reason := self._reason) != self._said:
            self._said = reason
            if reason:
                self._log.warning("baselines of the hub: %s", reason)
            else:
                self._log.info("baselines of the hub are followed")

    # ------------------------------------------------------------------ what comes in

    @property
    def _running(self) -> Engine:
        assert self._engine is not None, "run() makes it before anything else"
        return self._engine

    def wanted(self, place: str) -> frozenset[Kind]:
        return self._running.wanted(place)

    def begin(
        self, place: str, kinds: Iterable[TemplateKind], absent: Iterable[Kind], version: str
    ) -> set[TemplateKind]:
        self._wake.set()
        return self._running.begin(place, kinds, absent, version, self._clock.now_s())

    def lose(self, place: str, reason: str) -> None:
        self._running.lose(place, reason, self._clock.now_s())
        self._wake.set()

    def take(self, place: str, kind: TemplateKind, event: Event) -> None:
        self._running.take(place, kind, event, self._clock.now_s())
        self._wake.set()

    def done(self, step: Step, answer: bytes) -> None:
        self._running.done(step, answer, self._clock.now_s())
        self._count(step, DONE)

    def absent(self, step: Step) -> None:
        self._running.absent(step, self._clock.now_s())
        self._count(step, ABSENT)

    def failed(self, step: Step, found: Failure) -> None:
        self._running.failed(step, found, self._clock.now_s())
        self._count(step, found.reason)

    def _count(self, step: Step, outcome: str) -> None:
        self.listener(Ended(cluster=step.cluster, step=step.verb, outcome=outcome))
        self._wake.set()

    # ------------------------------------------------------------------ what others ask

    async def objection(self, cluster: str, key: ObjectKey, body: bytes) -> str:
        """Why an object may not be placed in a cluster, by a baseline that denies; empty where it may.

        Waits until the baselines are known: nothing is placed past them because a process has just begun.
        """
        if self._engine is None:
            return ""
        await self._known.wait()
        engine = self._running
        if not engine.rulebook.about(cluster, key.group, key.kind):
            return ""
        labels = (orjson.loads(body).get("metadata") or {}).get("labels") or {}
        for applied in engine.denying(cluster, key, labels):
            if applied.program is None:
                return engine.refusal(applied, None)
            item = Item(body, engine.namespace_of(cluster, key) if applied.program.wants_namespace else b"")
            facts = orjson.dumps(engine.facts[cluster])
            (verdict,) = await self._evaluator.judge(applied.program, facts, (item,))
            if not verdict.holds:
                return engine.refusal(applied, verdict)
        return ""
