"""Propagation at work: connects hub and members, feeds the engine, and carries out what each turn tells."""

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Never

from msgspec.structs import replace

from trafficfed.config.settings import PropagationSettings
from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.usable import Connect
from trafficfed.kubernetes_api.wire import Event
from trafficfed.model import Cluster, Freshness, Refusal, Source
from trafficfed.ports import Clock
from trafficfed.propagation.aggregate import CopyState
from trafficfed.propagation.api import Open
from trafficfed.propagation.capacity import Room
from trafficfed.propagation.copy_states import Census
from trafficfed.propagation.discover import Discovered
from trafficfed.propagation.engine import Engine, Job
from trafficfed.propagation.forward_clock import ForwardClock
from trafficfed.propagation.hub_link import HubLink
from trafficfed.propagation.member_link import RETRY_S, MemberLink, Rtt
from trafficfed.propagation.memory import Remembered, remember, remembered
from trafficfed.propagation.objects import DEFAULT_KINDS, ObjectKey, TemplateKind
from trafficfed.propagation.outcome import ABSENT, DONE, FOUND, Ended, Listener, nobody, step_of
from trafficfed.propagation.rehearsal import UNLIMITED, WITHIN_S, Rehearsal, Rehearsed
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.troubles import Failure
from trafficfed.propagation.under_way import MOST_UNDER_WAY
from trafficfed.propagation.writer import MemberWriter, Objection, nothing
from trafficfed.supervision import for_ever

LONGEST_NAP_S = 5.0
"""Whether a member is another one by now is told by the table, which wakes nobody here."""

REMEMBER_EVERY_S = 5.0
"""A restored hub that is younger by less than this is not known after a restart of ours within it."""

MOST_REFUSALS = 50
"""What a page of text can hold; the policies' statuses have the first of each."""


class Propagation:
    """``sources`` is the table's live view of the members. ``places`` are the cluster's and region's name that
    latencies are measured from, as far as they are known."""

    def __init__(
        self,
        settings: PropagationSettings,
        owner: str,
        clusters: Mapping[str, Cluster],
        sources: Mapping[str, Source],
        state_dir: Path,
        connect_hub: Connect,
        connect: Mapping[str, Connect],
        clock: Clock,
        rtt: Rtt,
        places: Iterable[str] = (),
        random: Random | None = None,
        open: Open = Transport,
        objection: Objection = nothing,
    ) -> None:
        self._settings, self._owner, self._clusters, self._sources = settings, owner, clusters, sources
        self._state_dir, self._connect, self._open = state_dir, connect, open
        self._clock, self._rtt, self._random = ForwardClock(clock), rtt, random or Random()
        self._objection = objection
        self._places = tuple(place for place in places if place)
        self._on_disk = self._known = remembered(state_dir)
        self._engine: Engine | None = None
        self._writers: dict[str, MemberWriter] = {}
        self._absent: tuple[Refusal, ...] = ()
        self._reason = ""
        self._wake = asyncio.Event()
        self._hub = HubLink(
            settings.namespace, connect_hub, open, self.take_hub, self._wake.set, self._clock, self._random
        )
        self._log = logging.getLogger(__name__)
        self.listener: Listener = nobody

    # ------------------------------------------------------------------ operators

    @property
    def held(self) -> str:
        """Why everything is held until an operator's ``confirm hub``; empty where nothing is."""
        if self._engine is None:
            return ""
        known = self._engine.hub.known
        return known.reason if known.freshness is Freshness.SUSPECT else ""

    @property
    def reason(self) -> str:
        """Why the hub is not followed now; empty where it is, or where nobody runs this."""
        if self._engine is None:
            return self._hub.reason or self._reason
        known = self._engine.hub.known
        return self._engine.broken or ("" if known.freshness is Freshness.FRESH else known.reason)

    @property
    def freshness(self) -> Freshness | None:
        """How far the hub is trusted; None where nobody runs this, as where another controller leads."""
        return None if self._engine is None else self._engine.hub.known.freshness

    @property
    def census(self) -> Census:
        """Copies by cluster, kind and reason (``InPlace`` of what is in order)."""
        return Counter() if self._engine is None else self._engine.standing.copies.census

    @property
    def unseen(self) -> dict[str, str]:
        """Of each member why not everything of it is seen; empty where it is."""
        if self._engine is None:
            return {}
        return {name: member.unseen for name, member in self._engine.members.items()}

    @property
    def waiting(self) -> int:
        """Objects that are still to be looked at."""
        return 0 if self._engine is None else self._engine.waiting

    @property
    def hub_writes(self) -> int:
        """Requests that wrote to the hub, all in all."""
        return self._hub.writes

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """What is not as somebody wished, the first of it."""
        if self._engine is None:
            return ()
        return (*self._absent, *self._engine.refusals(self._clock.now_s()))[:MOST_REFUSALS]

    def copies_of(self, namespace: str, service: str) -> tuple[CopyState, ...]:
        """How the copies of a Service stand, by cluster; none where no policy places it."""
        if self._engine is None:
            return ()
        copies = self._engine.standing.copies.of(ObjectKey("", "Service", namespace, service))
        return tuple(copies[cluster] for cluster in sorted(copies))

    def confirm(self) -> int:
        """Take the hub as it is; how many objects leave. Raises ConfigError where there is nothing to confirm."""
        if self._engine is None:
            raise ConfigError("this controller does not place objects now; the one that leads has to be asked")
        if not self.held:
            raise ConfigError("the hub is not Suspect; there is nothing to confirm")
        leaving = self._engine.confirm(self._clock.now_s())
        self._wake.set()
        return leaving

    def forget(self, cluster: str) -> None:
        """A member is no more."""
        if self._engine is not None:
            self._engine.forget(cluster, self._clock.now_s())
            self._wake.set()

    # ------------------------------------------------------------------ run

    async def run(self) -> Never:
        """For ever, until cancelled, at any moment. It may be run again, and begins from what is recorded."""
        try:
            await for_ever(self._run, self._log, "propagation failed; it begins anew", RETRY_S)
        finally:
            self._engine = None
            self._reason = self._hub.reason = ""

    async def rehearse(self, within_s: float = WITHIN_S) -> Rehearsed:
        """What ``run`` would do first. Reads everything, writes nothing; not while it runs."""
        try:
            async with asyncio.timeout(within_s):
                found = await self._hub.discover(self._wanted)
        except TimeoutError:
            return Rehearsed(incomplete=(f"the hub: no answer within {within_s:.0f} s",))
        except (ConfigError, Transient, Refused) as error:
            return Rehearsed(incomplete=(f"the hub: {error}",))
        try:
            engine = self._begin(found, UNLIMITED)
            rehearsal = Rehearsal(engine, self._clock, self._submit, self._nap, self._wake.set)
            self._writers = {
                name: MemberWriter(self._owner, found.kinds, rehearsal, self._clock, only_looks=True)
                for name in self._connect
            }
            async with asyncio.TaskGroup() as tasks:
                connections = tasks.create_task(self._connections(found.kinds), name="connections")
                rehearsed = await rehearsal.run(within_s)
                connections.cancel()
        finally:
            self._engine = None
        return replace(rehearsed, refusals=(*self._absent, *rehearsed.refusals))

    async def _run(self) -> None:
        """Until the hub has other kinds than it had: then all begins anew, as only a complete list says what is not
        there any more."""
        self._reason = "not connected yet"
        found = await self._hub.kinds(self._wanted)
        engine = self._begin(found)
        try:
            async with asyncio.TaskGroup() as tasks:
                work = tasks.create_task(self._work(engine, found.kinds), name="propagation")
                await self._hub.kinds_changed(found, engine.hub.lost_kinds)
                self._log.info("the hub has other kinds than before: propagation begins anew")
                work.cancel()
        finally:
            self._known = self._seen_by(engine)

    def _begin(self, found: Discovered, most_under_way: int = MOST_UNDER_WAY) -> Engine:
        # what nobody asked for by name is nobody's trouble until a policy selects it
        self._absent = found.refusals if self._settings.kinds else ()
        self._writers = {
            name: MemberWriter(self._owner, found.kinds, self, self._clock, objection=self._objection)
            for name in self._connect
        }
        self._engine = Engine(
            self._owner,
            self._settings.namespace,
            self._clusters,
            found.kinds,
            self._known.hub,
            self._clock.now_s(),
            went_back=self._known.went_back,
            absent=found.absent,
            most_under_way=most_under_way,
        )
        return self._engine

    @property
    def _wanted(self) -> tuple[tuple[str, str], ...]:
        return self._settings.kinds or tuple((kind.api_version, kind.kind) for kind in DEFAULT_KINDS)

    async def _work(self, engine: Engine, kinds: tuple[TemplateKind, ...]) -> None:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._connections(kinds), name="connections of propagation")
            tasks.create_task(self._decide(engine, tasks), name="decisions of propagation")
            tasks.create_task(self._remember(engine), name="memory of the hub")

    async def _connections(self, kinds: tuple[TemplateKind, ...]) -> None:
        """Hub and members, followed for ever; what is submitted to a member's writer is carried out there."""
        async with asyncio.TaskGroup() as tasks:
            for name, connect in self._connect.items():
                link = MemberLink(
                    name,
                    connect,
                    self._open,
                    self._owner,
                    kinds,
                    self._writers[name],
                    self,
                    self._clock,
                    self._rtt,
                    self._random,
                )
                tasks.create_task(link.run(), name=f"propagation to {name}")
            tasks.create_task(self._hub.follow(kinds), name="propagation from the hub")

    async def _decide(self, engine: Engine, tasks: asyncio.TaskGroup) -> Never:
        while True:
            await self._nap()
            engine.identify({name: source.uid for name, source in self._sources.items() if source.uid})
            engine.doubt(self._doubts())
            self._tell()
            turn = engine.turn(self._clock.now_s())
            for write in turn.records:
                tasks.create_task(self._hub.record(engine, write), name=f"record {write.name}")
            for job in turn.jobs:
                self._submit(job)
            for status in turn.statuses:
                tasks.create_task(self._hub.say(engine, status), name=f"status of {status.subject}")
            for remark in turn.remarks:
                self._hub.tell(remark)
            await asyncio.sleep(0)
            if engine.busy:
                self._wake.set()

    def _submit(self, job: Job) -> None:
        self._writers[job.deed.cluster].submit(job)

    def _tell(self) -> None:
        """Log when the hub becomes doubtful, lost, or trusted again."""
        reason = self.reason
        if reason != self._reason:
            self._reason = reason
            if reason:
                self._log.warning("the hub: %s", reason)
            else:
                self._log.info("the hub is followed")

    @property
    def _running(self) -> Engine:
        assert self._engine is not None, "run() makes it before anything else"
        return self._engine

    async def _nap(self, most_s: float = LONGEST_NAP_S) -> None:
        """Until there is news, or time alone may change something."""
        now_s = self._clock.now_s()
        at_s = self._running.next_wake_s(now_s)
        wait_s = most_s if at_s is None else min(most_s, max(0.0, at_s - now_s))
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _doubts(self) -> dict[str, str]:
        """Members behind whose address another API server answers than the table knows."""
        found = {}
        for name, member in self._running.members.items():
            source = self._sources.get(name, Source(cluster=name))
            known = {source.uid} if source.uid else set()
            if source.freshness is Freshness.SUSPECT and not source.missing:
                found[name] = source.reason
            elif len(member.uids | known) > 1:
                found[name] = "another API server answers at its address"
        return found

    def _seen_by(self, engine: Engine) -> Remembered:
        """Who the hub is and how far it was seen; what was known before where it was not seen."""
        known = engine.hub.known
        if not known.uid:
            return self._known
        return Remembered(uid=known.uid, revision=known.revision, went_back=engine.hub.went_back)

    async def _remember(self, engine: Engine) -> Never:
        while True:
            what = self._seen_by(engine)
            if what != self._on_disk:
                try:
                    await asyncio.to_thread(remember, self._state_dir, what)
                    self._on_disk = what
                except OSError as error:
                    self._log.warning("who the hub is cannot be kept on disk: %s", error)
            await asyncio.sleep(REMEMBER_EVERY_S)

    # ------------------------------------------------------------------ what comes in

    def take_hub(self, kind: TemplateKind, event: Event) -> None:
        self._running.take_hub(kind, event, self._clock.now_s())
        self._wake.set()

    def take_member(self, cluster: str, kind: TemplateKind, event: Event) -> None:
        self._running.take_member(cluster, kind, event)
        self._wake.set()

    @property
    def wants_room(self) -> bool:
        return self._running.wants_room

    def measure_room(self, cluster: str, room: Iterable[Room]) -> None:
        self._running.measure_room(cluster, room)
        self._wake.set()

    def measure_rtt(self, cluster: str, rtt_s: float) -> None:
        """A round trip is as long in both directions."""
        names = [name for name in (cluster, self._clusters[cluster].region) if name]
        there = {(cluster, place): rtt_s for place in self._places}
        back = {(place, name): rtt_s for place in self._places for name in names if place in self._clusters}
        self._running.measure_latency({**there, **back})
        self._wake.set()

    def done(self, deed: Deed, answer: bytes) -> None:
        self._count(deed, DONE, self._running.began_s(deed))
        self._running.done(deed, answer)
        self._wake.set()

    def absent(self, deed: Deed) -> None:
        self._count(deed, ABSENT)
        self._running.absent(deed)
        self._wake.set()

    def found(self, deed: Deed, body: bytes) -> None:
        self._count(deed, FOUND)
        self._running.found(deed, body)
        self._wake.set()

    def failed(self, deed: Deed, found: Failure) -> None:
        self._count(deed, found.reason)
        self._running.failed(deed, found, self._clock.now_s())
        self._wake.set()

    def _count(self, deed: Deed, outcome: str, began_s: float | None = None) -> None:
        since_s = None if began_s is None else max(0.0, self._clock.now_s() - began_s)
        self.listener(Ended(cluster=deed.cluster, step=step_of(deed), outcome=outcome, since_event_s=since_s))
