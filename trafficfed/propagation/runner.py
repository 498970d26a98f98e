"""Propagation at work: connects hub and members, feeds the engine, and carries out what each turn tells."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from pathlib import Path
from random import Random
from typing import Never

from trafficfed.config.settings import PropagationSettings
from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.wire import Event, Foreign, Lost
from trafficfed.model import Cluster, Freshness, Source
from trafficfed.ports import Clock
from trafficfed.propagation.capacity import Room
from trafficfed.propagation.discover import discover
from trafficfed.propagation.engine import Engine
from trafficfed.propagation.follow import Followed, follow
from trafficfed.propagation.followed import CLUSTER_POLICIES, POLICIES, RECORD_SELECTOR
from trafficfed.propagation.hub_view import RECORDS
from trafficfed.propagation.hub_writer import HubWriter, Overtaken
from trafficfed.propagation.member_link import RETRY_S, MemberLink, Rtt
from trafficfed.propagation.memory import Remembered, remember, remembered
from trafficfed.propagation.objects import DEFAULT_KINDS, ObjectKey, PolicyKey, TemplateKind
from trafficfed.propagation.records import Records, Write
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.standing import StatusWrite
from trafficfed.propagation.troubles import Failure
from trafficfed.propagation.writer import MemberWriter

Connect = Callable[[], Awaitable[Credentials]]

LONGEST_NAP_S = 5.0
"""Whether a member is another one by now is told by the table, which wakes nobody here."""

REMEMBER_EVERY_S = 5.0
"""A restored hub that is younger by less than this is not known after a restart of ours within it."""

RECORD_AGAIN_S = 1.0


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
    ) -> None:
        self._settings, self._owner, self._clusters, self._sources = settings, owner, clusters, sources
        self._state_dir, self._connect_hub, self._connect = state_dir, connect_hub, connect
        self._clock, self._rtt, self._random = clock, rtt, random or Random()
        self._places = tuple(place for place in places if place)
        self._kept = remembered(state_dir)
        self._engine: Engine | None = None
        self._writers: dict[str, MemberWriter] = {}
        self._hub: HubWriter | None = None
        self._reason = "not connected yet"
        self._wake = asyncio.Event()
        self._log = logging.getLogger(__name__)
        self.hub_writes = 0

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
        """Why the hub is not followed now; empty where it is."""
        if self._engine is None:
            return self._reason
        known = self._engine.hub.known
        return self._engine.broken or ("" if known.freshness is Freshness.FRESH else known.reason)

    def confirm(self) -> int:
        """Take the hub as it is; how many objects leave. Raises ConfigError where there is nothing to confirm."""
        if self._engine is None or not self.held:
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
        """For ever, until cancelled."""
        while True:
            try:
                await self._run()
            except Exception:
                # The one supervisor: names are served and followed whatever becomes of propagation, which begins anew
                # from what the hub has recorded.
                logging.getLogger(__name__).exception("propagation failed; it begins anew")
            await asyncio.sleep(RETRY_S)

    async def _run(self) -> None:
        kinds = await self._kinds()
        known = self._kept
        self._engine = Engine(
            self._owner,
            self._settings.namespace,
            self._clusters,
            kinds,
            known.hub,
            self._clock.now_s(),
            went_back=known.went_back,
        )
        async with asyncio.TaskGroup() as tasks:
            for name, connect in self._connect.items():
                self._writers[name] = MemberWriter(self._owner, kinds, self)
                link = MemberLink(
                    name, connect, self._owner, kinds, self._writers[name], self, self._clock, self._rtt, self._random
                )
                tasks.create_task(link.run(), name=f"propagation to {name}")
            tasks.create_task(self._follow_hub(kinds), name="propagation from the hub")
            tasks.create_task(self._decide(tasks), name="propagation")
            tasks.create_task(self._remember(), name="memory of the hub")

    async def _kinds(self) -> tuple[TemplateKind, ...]:
        """What may be propagated and the hub has, once it can be asked."""
        wanted = self._settings.kinds or tuple((kind.api_version, kind.kind) for kind in DEFAULT_KINDS)
        while True:
            try:
                transport = Transport(await self._connect_hub())
                try:
                    found = await discover(transport, wanted)
                finally:
                    await transport.close()
            except (ConfigError, Transient, Refused) as error:
                if str(error) != self._reason:
                    self._reason = str(error)
                    self._log.warning("the hub: %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                for message in found.missing:
                    self._log.warning("%s", message)
                return found.kinds

    async def _follow_hub(self, kinds: tuple[TemplateKind, ...]) -> Never:
        namespace = self._settings.namespace
        wanted = [Followed(kind, kind.path()) for kind in (*kinds, POLICIES, CLUSTER_POLICIES)]
        wanted.append(Followed(RECORDS, RECORDS.path(namespace), RECORD_SELECTOR))
        while True:
            try:
                credentials = await self._connect_hub()
            except ConfigError as error:
                for each in wanted:
                    self.take_hub(each.kind, Lost(Foreign, str(error)))
                await asyncio.sleep(RETRY_S)
                continue
            transport = Transport(credentials)
            try:
                self._hub = HubWriter(transport, namespace, self._counted)
                await follow(transport, wanted, self.take_hub, self._clock, self._random, "hub")
            finally:
                self._hub = None
                await transport.close()

    def _counted(self) -> None:
        self.hub_writes += 1

    async def _decide(self, tasks: asyncio.TaskGroup) -> Never:
        engine = self._running
        while True:
            await self._nap()
            self._wake.clear()
            engine.doubt(self._doubts())
            self._tell()
            turn = engine.turn(self._clock.now_s())
            for write in turn.records:
                tasks.create_task(self._record(write), name=f"record {write.name}")
            for job in turn.jobs:
                self._writers[job.deed.cluster].submit(job)
            for status in turn.statuses:
                tasks.create_task(self._say(status), name=f"status of {status.subject}")
            await asyncio.sleep(0)
            if engine.busy:
                self._wake.set()

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

    async def _nap(self) -> None:
        now_s = self._clock.now_s()
        at_s = self._running.next_wake_s(now_s)
        wait_s = LONGEST_NAP_S if at_s is None else min(LONGEST_NAP_S, max(0.0, at_s - now_s))
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    def _doubts(self) -> dict[str, str]:
        """Members behind whose address another API server answers than the table knows."""
        found = {}
        for name, member in self._running.members.items():
            source = self._sources.get(name)
            if source is None:
                continue
            if source.freshness is Freshness.SUSPECT and not source.missing:
                found[name] = source.reason
            elif source.uid and member.uid and source.uid != member.uid:
                found[name] = "another API server answers at its address"
        return found

    async def _remember(self) -> Never:
        while True:
            known = self._running.hub
            what = Remembered(uid=known.known.uid, revision=known.known.revision, went_back=known.went_back)
            if what != self._kept and what.uid:
                try:
                    await asyncio.to_thread(remember, self._state_dir, what)
                    self._kept = what
                except OSError as error:
                    self._log.warning("who the hub is cannot be kept on disk: %s", error)
            await asyncio.sleep(REMEMBER_EVERY_S)

    # ------------------------------------------------------------------ writes to the hub

    async def _record(self, write: Write) -> None:
        engine = self._running
        if self._hub is None:
            engine.not_recorded(write.name, self._clock.now_s() + RECORD_AGAIN_S)
            return
        hub, told_by = self._hub, engine.records
        try:
            version = await hub.record(write)
        except Overtaken:
            await self._reload(hub, told_by)
        except (Transient, Refused) as error:
            self._log.warning("the record %s was not written: %s", write.name, error)
            if engine.records is told_by:
                engine.not_recorded(write.name, self._clock.now_s() + RECORD_AGAIN_S)
        else:
            if engine.records is told_by:
                engine.recorded(write.name, version)
        self._wake.set()

    async def _reload(self, hub: HubWriter, told_by: Records | None) -> None:
        """What was read before is not what stands there: once for all that found out at the same time."""
        engine = self._running
        while engine.records is told_by and not engine.hub.known.doubted:
            try:
                found = await hub.records()
                if engine.records is told_by:
                    engine.reload(found, self._clock.now_s())
            except (Transient, Refused, ConfigError) as error:
                self._log.warning("the records cannot be read again: %s", error)
                await asyncio.sleep(RECORD_AGAIN_S)

    async def _say(self, status: StatusWrite) -> None:
        problem = await self._hub.status(status) if self._hub is not None else "the hub is not connected"
        if problem:
            self._log.warning("the status of %s was not written: %s", _named(status.subject), problem)
            self._running.standing.failed(status.subject, self._clock.now_s())
            self._wake.set()

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
        self._running.done(deed, answer)
        self._wake.set()

    def absent(self, deed: Deed) -> None:
        self._running.absent(deed)
        self._wake.set()

    def found(self, deed: Deed, body: bytes) -> None:
        self._running.found(deed, body)
        self._wake.set()

    def failed(self, deed: Deed, found: Failure) -> None:
        self._running.failed(deed, found, self._clock.now_s())
        self._wake.set()


def _named(subject: ObjectKey | PolicyKey) -> str:
    return str(subject)
