"""The hub's side of propagation: which of the wanted kinds it has, what is followed there, and every write to it."""

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Never

from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.events import EventWriter, Note, Subject
from trafficfed.kubernetes_api.usable import Connect
from trafficfed.kubernetes_api.wire import Event, Foreign, Lost
from trafficfed.ports import Clock
from trafficfed.propagation.api import Open
from trafficfed.propagation.discover import Discovered, discover
from trafficfed.propagation.engine import Engine
from trafficfed.propagation.follow import Followed, follow
from trafficfed.propagation.followed import CLUSTER_POLICIES, POLICIES, RECORD_SELECTOR
from trafficfed.propagation.hub_view import RECORDS
from trafficfed.propagation.hub_writer import HubWriter, NoStatus, Overtaken
from trafficfed.propagation.objects import TemplateKind
from trafficfed.propagation.records import Records, Write
from trafficfed.propagation.remarks import Remark
from trafficfed.propagation.standing import StatusWrite, kind_with_status

RETRY_S = 10.0
RECORD_AGAIN_S = 1.0

LOOK_AGAIN_S = 30.0
"""Kinds that the hub does not have are asked for at this pace: nothing tells when a definition is installed."""


class HubLink:
    """``sink`` is told what the hub shows, ``wake`` that a write had an answer. ``reason`` says why the hub could not
    be asked for its kinds, empty where it could. ``writes`` counts them all."""

    def __init__(
        self,
        namespace: str,
        connect: Connect,
        open: Open,
        sink: Callable[[TemplateKind, Event], None],
        wake: Callable[[], None],
        clock: Clock,
        random: Random,
    ) -> None:
        self._namespace, self._connect, self._open, self._sink, self._wake = namespace, connect, open, sink, wake
        self._clock, self._random = clock, random
        self._writer: HubWriter | None = None
        self._events: EventWriter | None = None
        self._log = logging.getLogger(__name__)
        self._versions: dict[tuple[str, str], str] = {}
        self.reason = ""
        self.writes = 0

    # ------------------------------------------------------------------ kinds

    async def kinds(self, wanted: Iterable[tuple[str, str]]) -> Discovered:
        """Which of them the hub has, once it can be asked."""
        asked = tuple(wanted)
        while True:
            try:
                found = await self.discover(asked)
            except (ConfigError, Transient, Refused) as error:
                if str(error) != self.reason:
                    self.reason = str(error)
                    self._log.warning("the hub: %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                self.reason = ""
                for refusal in found.refusals:
                    self._log.warning("%s", refusal.message)
                return found

    async def kinds_changed(self, known: Discovered, lost: Callable[[], Iterable[TemplateKind]]) -> None:
        """Until a kind that it did not have is there, or one that is ``lost`` is gone."""
        while True:
            await asyncio.sleep(LOOK_AGAIN_S)
            asked = [*known.absent, *((kind.api_version, kind.kind) for kind in lost())]
            try:
                found = await self.discover(asked) if asked else known
            except (ConfigError, Transient, Refused):
                continue  # whoever follows it tells why
            if set(found.absent) != set(known.absent):
                return

    async def discover(self, wanted: Iterable[tuple[str, str]]) -> Discovered:
        """Which of them it has, asked once. Raises ConfigError, Transient or Refused."""
        transport = self._open(await self._connect())
        try:
            return await discover(transport, wanted)
        finally:
            await transport.close()

    # ------------------------------------------------------------------ what is followed

    async def follow(self, kinds: Iterable[TemplateKind]) -> Never:
        """For ever, until cancelled; what cannot be reached is told as lost."""
        wanted = [Followed(kind, kind.path()) for kind in (*kinds, POLICIES, CLUSTER_POLICIES)]
        self._versions = {(each.kind.group, each.kind.kind): each.kind.api_version for each in wanted}
        wanted.append(Followed(RECORDS, RECORDS.path(self._namespace), RECORD_SELECTOR))
        while True:
            try:
                credentials = await self._connect()
            except ConfigError as error:
                for each in wanted:
                    self._sink(each.kind, Lost(Foreign, str(error)))
                await asyncio.sleep(RETRY_S)
            else:
                await self._work(credentials, wanted)

    async def _work(self, credentials: Credentials, wanted: Iterable[Followed]) -> None:
        transport = self._open(credentials)
        try:
            async with asyncio.TaskGroup() as tasks:
                self._writer = HubWriter(transport, self._namespace, self._counted)
                self._events = EventWriter(transport, self._clock, self._event_failed)
                tasks.create_task(self._events.run(), name="events on the hub")
                following = follow(transport, wanted, self._sink, self._clock, self._random, "hub")
                tasks.create_task(following, name="kinds of the hub")
        finally:
            self._writer = self._events = None
            await transport.close()

    def _counted(self) -> None:
        self.writes += 1

    def _event_failed(self, reason: str) -> None:
        self._log.warning("the hub: an Event was not written: %s", reason)

    # ------------------------------------------------------------------ what is written

    def tell(self, remark: Remark) -> None:
        """Write an Event on a user's object, soon; nothing is kept while the hub is not connected."""
        if self._events is not None:
            self._events.tell(_note(remark, self._versions))

    async def record(self, engine: Engine, write: Write) -> None:
        """One record; the engine is told how it ended."""
        if self._writer is None:
            engine.not_recorded(write.name, self._clock.now_s() + RECORD_AGAIN_S)
            return
        writer, told_by = self._writer, engine.records
        try:
            version = await writer.record(write)
        except Overtaken:
            await self._reload(writer, engine, told_by)
        except (Transient, Refused) as error:
            self._log.warning("the record %s was not written: %s", write.name, error)
            if engine.records is told_by:
                engine.not_recorded(write.name, self._clock.now_s() + RECORD_AGAIN_S)
        else:
            if engine.records is told_by:
                engine.recorded(write.name, version)
        self._wake()

    async def _reload(self, writer: HubWriter, engine: Engine, told_by: Records | None) -> None:
        """What was read before is not what stands there: once for all that found out at the same time."""
        while engine.records is told_by and not engine.hub.known.doubted:
            try:
                found = await writer.records()
                if engine.records is told_by:
                    engine.reload(found, self._clock.now_s())
            except (Transient, Refused, ConfigError) as error:
                self._log.warning("the records cannot be read again: %s", error)
                await asyncio.sleep(RECORD_AGAIN_S)

    async def say(self, engine: Engine, status: StatusWrite) -> None:
        """One status; what was not taken is worked out again later."""
        try:
            problem = await self._writer.status(status) if self._writer is not None else "the hub is not connected"
        except NoStatus as error:
            self._log.warning("the hub has no status of %s: %s", status.subject, error)
            engine.standing.without_status(status.subject, self._clock.now_s())
            return
        if problem:
            self._log.warning("the status of %s was not written: %s", status.subject, problem)
            engine.standing.failed(status.subject, self._clock.now_s())
            self._wake()


def _note(remark: Remark, versions: Mapping[tuple[str, str], str]) -> Note:
    key, (group, kind) = remark.subject, kind_with_status(remark.subject)
    subject = Subject(key.namespace, key.name, remark.uid, kind, versions.get((group, kind), ""))
    return Note(subject, remark.reason, remark.message, "Normal" if remark.good else "Warning")
