"""A running controller, alone or one of several: its table, its parts, its feed, and the tasks that they are."""

import asyncio
import functools
import gc
import sys
from collections.abc import Callable, Sequence
from typing import Protocol

from trafficfed.assembly import Among, Parts, assemble
from trafficfed.config.settings import Settings
from trafficfed.controller import Holder
from trafficfed.disk import Disk
from trafficfed.feed.messages import BEAT_S, Resume
from trafficfed.feed.notes import Tell
from trafficfed.feed.server import FeedServer
from trafficfed.feed.serving import Accept as Propose
from trafficfed.feed.source import FeedSource, Lone
from trafficfed.membership import LOAD_S, Fed, Membership, Places
from trafficfed.model import Row, ServiceKey
from trafficfed.observe import api_token, http_api, logs
from trafficfed.observe.baseline_metrics import BaselineMetrics
from trafficfed.observe.configuration_metrics import ConfigurationMetrics
from trafficfed.observe.feed_notes import FeedNotes
from trafficfed.observe.journal import Journal
from trafficfed.observe.leadership_metrics import LeadershipMetrics
from trafficfed.observe.metrics import Metrics
from trafficfed.observe.propagation_metrics import PropagationMetrics
from trafficfed.observe.service_views import ServiceViews
from trafficfed.observe.services_metrics import ServicesMetrics
from trafficfed.observe.stream import Stream
from trafficfed.observe.views import LeadershipView
from trafficfed.ordering import Accept
from trafficfed.ports import Clock
from trafficfed.reloading import Configuration, keep_serving
from trafficfed.reports import Report, ReportEvent
from trafficfed.roles.leading import Work, done
from trafficfed.surroundings import (
    baselines_of,
    gauges_of,
    hub_controls_of,
    object_events_of,
    operations_of,
    propagation_of,
    services_of,
    vantages_of,
)
from trafficfed.table.disk import DiskLog, load
from trafficfed.table.table import Snapshot, Table

NAMESERVER = "nameserver"
"""The identity that name servers of our own follow the feed with."""


class Reports:
    """Tells every listener of every report; whoever puts a process together adds them as they come to be."""

    def __init__(self) -> None:
        self.listeners: list[Report] = []

    def __call__(self, event: ReportEvent) -> None:
        for listener in self.listeners:
            listener(event)


def lone_table(settings: Settings, clock: Clock) -> Table:
    """The table on disk; a new one counts its generations from the time, so that a serial never goes back."""
    table = load(settings.state_dir)
    return table if table.generation else Table(Snapshot(generation=int(clock.now_s())))


async def serve(configuration: Configuration, clock: Clock) -> None:
    """Until cancelled, with whatever is in force. Raises ConfigError or Refused where it cannot start."""
    journal = Journal(clock)
    await keep_serving(configuration, functools.partial(_serve, configuration, journal, clock))


async def _serve(
    configuration: Configuration, journal: Journal, clock: Clock, settings: Settings, begun: Callable[[], None]
) -> None:
    reports = Reports()
    logger = logs.logger(sys.stderr, clock, settings.log.level, settings.log.format)
    logs.adopt_stdlib(logger)
    for warning in settings.warnings:
        logger.warning("configuration", message=warning)
    tell = FeedNotes(logger, clock)
    reports.listeners += [logs.LogReports(logger), journal]
    running = Running(settings, clock, reports, tell, logger, configuration, journal, begun)
    if settings.leadership is None:
        await running.serve(lone_table(settings, clock), functools.partial(Alone, running))
        return
    places = Places(settings, settings.leadership, clock)
    try:
        disk = load(settings.state_dir).snapshot()
        found, is_new_fleet = await places.newest(disk, LOAD_S)
        member = functools.partial(
            Membership, settings, settings.leadership, places, is_new_fleet, clock, report=reports, tell=tell
        )
        await running.serve(Table(found or disk), lambda parts, table, work: member(parts, table, work))
    finally:
        await places.close()


class Role(Protocol):
    """What a controller is to others: alone, or one of several."""

    @property
    def source(self) -> FeedSource: ...

    @property
    def propose(self) -> Propose | None:
        """Takes the orders that peers bring, None where there are none."""
        ...

    @property
    def accept(self) -> Accept | None:
        """Carries operators' orders out, None where they go into the table at once."""
        ...

    @property
    def beat_s(self) -> float:
        """How often followers hear that this controller lives."""
        ...

    @property
    def holders(self) -> tuple[Holder, ...]:
        """Who keeps the table besides disk and feed."""
        ...

    def may_lead(self) -> bool:
        """Whether this controller, if it leads, may still commit."""
        ...

    def objection(self, resume: Resume) -> str:
        """Why a follower gets no table yet, empty where it may have it."""
        ...

    def epoch(self) -> str:
        """What the history of the table is called where it is another controller's."""
        ...

    def view(self) -> LeadershipView | None:
        """How it stands to its peers, None where there are none."""
        ...

    def use(self, feed: FeedServer) -> None:
        """Whose followers these are."""
        ...

    def start(self, tasks: asyncio.TaskGroup) -> None:
        """Begin whatever else the role takes, writing outside included."""
        ...


MakeRole = Callable[[Parts, Table, Sequence[Work]], Role]


class Running:
    """One controller as a process: disk, parts, feed and API around its table, in the role that it has."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        reports: Reports,
        tell: Tell,
        logger: logs.Logger,
        configuration: Configuration,
        journal: Journal,
        begun: Callable[[], None],
    ) -> None:
        """``configuration`` is what these settings came from, ``journal`` outlives them; ``begun`` is called once."""
        self.settings, self.clock, self._reports, self._tell, self._logger = settings, clock, reports, tell, logger
        self._configuration, self._journal, self._begun = configuration, journal, begun
        self.opened = asyncio.Event()
        self._role: Role | None = None
        self._feed: FeedServer | None = None

    async def serve(self, table: Table, make_role: MakeRole) -> None:
        with DiskLog(self.settings.state_dir, table.snapshot()) as log:
            disk = Disk(log, table, self._reports)
            parts = assemble(
                self.settings,
                self.clock,
                table,
                self._reports,
                opened=self._open,
                is_followed=self._is_followed,
                tell=self._tell,
                among=self._among(),
            )
            try:
                await self._run(parts, table, disk, make_role)
            finally:
                await parts.close()

    async def _run(self, parts: Parts, table: Table, disk: Disk, make_role: MakeRole) -> None:
        settings, controller = self.settings, parts.controller
        metrics = Metrics(
            functools.partial(gauges_of, controller), settings.metrics.series, services=settings.metrics.services
        )
        object_events = object_events_of(parts, self.clock)
        self._reports.listeners += [metrics, object_events]
        ConfigurationMetrics(metrics.registry, self._configuration)
        baselines = baselines_of(settings, self.clock, table)
        if baselines is not None:
            BaselineMetrics(metrics.registry, baselines)
        propagation = propagation_of(settings, self.clock, table, baselines)
        if propagation is not None:
            PropagationMetrics(metrics.registry, propagation)
        if parts.statuses is not None:
            self._reports.listeners.append(parts.statuses.report)
        services = services_of(settings, controller, self.clock)
        if services is not None:
            ServicesMetrics(metrics.registry, services)
            self._reports.listeners.append(services.report)
        hub_controls = hub_controls_of(settings, controller, self.clock)
        work = [
            each.run for each in (baselines, propagation, services, parts.statuses, hub_controls) if each is not None
        ]
        role = self._role = make_role(parts, table, work)
        shown = () if hub_controls is None else (hub_controls,)
        controller.keep_in(disk, *self._feeding(parts, role), *role.holders, *shown)
        vantages = functools.partial(vantages_of, settings, parts, self.clock)
        leadership = LeadershipMetrics(metrics.registry, role.view, vantages)
        self._reports.listeners.append(leadership)
        operations = operations_of(
            settings,
            parts,
            self.clock,
            self._journal,
            metrics,
            propagation,
            services,
            baselines,
            role.accept,
            role.view,
            lambda: self._configuration.refused,
        )
        views = ServiceViews(metrics.rtt_of)
        stream = Stream(lambda: operations.status(views), self.clock, idle=views.clear)
        self._reports.listeners.append(stream.report)
        token = api_token.ensure(settings.state_dir)
        serving = http_api.serving(
            operations, metrics, listen=settings.api, token=token, hosts=settings.api_hosts, stream=stream
        )
        async with serving as address, asyncio.TaskGroup() as tasks:
            self._logger.info("started", owner=settings.owner, api=str(address), generation=table.generation)
            self._configuration.tell(self._reports)
            self._begun()
            parts.start_watching(tasks)
            tasks.create_task(disk.run(), name="disk")
            tasks.create_task(object_events.run(), name="Events on Services")
            if self._feed is not None:
                tasks.create_task(self._feed.run(), name="feed")
            role.start(tasks)

    def _feeding(self, parts: Parts, role: Role) -> tuple[Holder, ...]:
        """The feed, where it is configured, as one that keeps the table."""
        if self.settings.feed is None:
            return ()
        self._feed = FeedServer(
            str(self.settings.feed.listen),
            functools.partial(_key_of, self.settings),
            role.source,
            self._tell,
            beat_s=role.beat_s,
            objection=role.objection,
            vantages=parts.desk,
            propose=role.propose,
        )
        role.use(self._feed)
        return (Fed(self._feed, role.epoch),)

    def _open(self) -> None:
        gc.freeze()
        self.opened.set()

    def _is_followed(self) -> bool:
        followers = self._feed.followers if self._feed is not None else ()
        return any(each.fed and each.identity == NAMESERVER for each in followers)

    def _among(self) -> Among | None:
        if self.settings.leadership is None:
            return None
        return Among(lambda: self._role is not None and self._role.may_lead(), self._overlaid)

    def _overlaid(self, rows: tuple[Row, ...], uncovered: tuple[ServiceKey, ...]) -> None:
        if self._feed is not None:
            self._feed.overlaid(rows, uncovered)


class Alone:
    """The role of a controller that has no peers: it leads from the start, and writes once its gate opens."""

    propose: Propose | None = None
    accept: Accept | None = None
    holders: tuple[Holder, ...] = ()
    beat_s = BEAT_S

    def __init__(self, running: Running, parts: Parts, table: Table, work: Sequence[Work]) -> None:
        self.source = Lone(table)
        self._opened, self._controller, self._work = running.opened, parts.controller, work
        self._is_new = not table.rows

    def may_lead(self) -> bool:
        return True

    def objection(self, resume: Resume) -> str:
        """A controller that began without a table must not take from a name server what it has not seen itself yet."""
        if waiting := self._controller.gate.waiting_for():
            return waiting[0]
        if self._is_new and resume.services and (unseen := self._controller.pipeline.unseen):
            return f"this controller lost its table, and cluster {unseen[0]} was not seen since"
        return ""

    def epoch(self) -> str:
        return ""

    def view(self) -> LeadershipView | None:
        return None

    def use(self, feed: FeedServer) -> None:
        """Nothing but the table is told to anybody."""

    def start(self, tasks: asyncio.TaskGroup) -> None:
        tasks.create_task(self._publish(), name="publishers")
        for work in self._work:
            tasks.create_task(done(work), name="work")

    async def _publish(self) -> None:
        await self._opened.wait()
        async with asyncio.TaskGroup() as tasks:
            for outlet, publisher in self._controller.publication.publishers:
                tasks.create_task(publisher.run(), name=f"publisher {outlet.provider} {outlet.zone.name}")


def _key_of(settings: Settings, identity: str) -> bytes | None:
    """The key that a follower of this identity must know; None for strangers."""
    role, _, name = identity.partition("/")
    if role == NAMESERVER and settings.feed is not None:
        return settings.feed.key
    if role == "controller" and settings.leadership is not None:
        return settings.leadership.key if any(peer.name == name for peer in settings.leadership.peers) else None
    return next((vantage.key for vantage in settings.vantages if role == "vantage" and vantage.name == name), None)
