"""The composition root: the only place that knows which parts there are, and puts them together."""

import asyncio
import contextlib
import functools
import gc
import resource
import signal
import sys
from collections.abc import Callable, Iterator

import uvloop
from msgspec.structs import replace

from trafficfed import registry
from trafficfed.assembly import Parts, assemble, credentials_of
from trafficfed.clock import SystemClock
from trafficfed.config.settings import Settings
from trafficfed.controller import Controller, Holder
from trafficfed.disk import Disk
from trafficfed.errors import ConfigError, Refused, TrafficfedError, Transient
from trafficfed.feed.messages import Resume
from trafficfed.feed.notes import Note
from trafficfed.feed.server import FeedServer
from trafficfed.feed.source import Lone
from trafficfed.model import Client, ServiceKey
from trafficfed.nameserver.whereabouts import Whereabouts
from trafficfed.observe import api_token, http_api, logs
from trafficfed.observe.journal import Journal
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.object_events import ObjectEvents
from trafficfed.observe.rehearsed import with_propagation
from trafficfed.observe.showing import no_rtt
from trafficfed.observe.views import PlanView
from trafficfed.operations import ControllerOperations
from trafficfed.ports import Clock
from trafficfed.propagation.round_trip import RoundTrip
from trafficfed.propagation.runner import Propagation
from trafficfed.reports import Report, ReportEvent
from trafficfed.table.disk import DiskLog, load
from trafficfed.table.table import Snapshot, Table

OPEN_FILES = 8192
"""Twice what the prober has under way at most; watches, feeds and the API take some hundreds."""


def run(settings: Settings) -> None:
    """The controller, until SIGTERM or SIGINT. Raises ConfigError or Refused where it cannot start."""
    # Events decode into structs that the collector need not visit; what it does visit lives long.
    gc.set_threshold(50_000, 20, 100)
    _raise_open_files()
    uvloop.run(_until_told(settings))


def plan(settings: Settings) -> PlanView:
    """What the controller would change if it started now. Reads everything, writes nothing."""
    return uvloop.run(_plan(settings, SystemClock()))


def _raise_open_files() -> None:
    """Every probe under way is an open file; what the administrator allows is taken up to what is of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _until_told(settings: Settings) -> None:
    task = asyncio.current_task()
    assert task is not None, "a coroutine that runs is a task"
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError), _one_error():
        await _serve(settings, SystemClock())


@contextlib.contextmanager
def _one_error() -> Iterator[None]:
    """What ended a group of tasks is told as the one error that it was."""
    try:
        yield
    except* TrafficfedError as group:
        raise _first(group) from None


def _first(group: BaseExceptionGroup[TrafficfedError]) -> TrafficfedError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


class Fed:
    """The feed as one that holds the table: at its followers."""

    def __init__(self, feed: FeedServer) -> None:
        self.append, self.replace = feed.publish, feed.restart


class Reports:
    """Tells every listener of every report; the composition root adds them as they come to be."""

    def __init__(self) -> None:
        self.listeners: list[Report] = []

    def __call__(self, event: ReportEvent) -> None:
        for listener in self.listeners:
            listener(event)


def _table(settings: Settings, clock: Clock) -> Table:
    """The table on disk; a new one counts its generations from the time, so that a serial never goes back."""
    table = load(settings.state_dir)
    return table if table.generation else Table(Snapshot(generation=int(clock.now_s())))


async def _serve(settings: Settings, clock: Clock) -> None:
    reports, journal, opened = Reports(), Journal(clock), asyncio.Event()
    logger = logs.logger(sys.stderr, clock, settings.log.level, settings.log.format)
    logs.adopt_stdlib(logger)
    for warning in settings.warnings:
        logger.warning("configuration", message=warning)
    token = api_token.ensure(settings.state_dir)
    table = _table(settings, clock)
    with DiskLog(settings.state_dir, table.snapshot()) as log:
        disk = Disk(log, table, reports)
        is_new = not table.rows
        feed = _feed(settings, table, logger, lambda resume: _objection(resume, parts.controller, is_new))
        holders: list[Holder] = [disk, Fed(feed)] if feed else [disk]
        parts = assemble(
            settings,
            clock,
            table,
            reports,
            holders=holders,
            opened=opened.set,
            is_followed=lambda: feed is not None and any(follower.fed for follower in feed.followers),
        )
        metrics = Metrics(functools.partial(_gauges, parts.controller))
        reports.listeners += [metrics, logs.LogReports(logger), journal, _object_events(parts)]
        if parts.statuses is not None:
            reports.listeners.append(parts.statuses.report)
        propagation = _propagation(settings, clock, table)
        operations = _operations(settings, parts.controller, clock, journal, metrics, propagation)
        try:
            async with (
                http_api.serving(
                    operations, metrics, listen=settings.api, token=token, hosts=settings.api_hosts
                ) as address,
                asyncio.TaskGroup() as tasks,
            ):
                logger.info("started", owner=settings.owner, api=str(address), generation=table.generation)
                parts.start_watching(tasks)
                tasks.create_task(disk.run(), name="disk")
                tasks.create_task(_publish(parts, opened), name="publishers")
                if feed is not None:
                    tasks.create_task(feed.run(), name="feed")
                if propagation is not None:
                    tasks.create_task(propagation.run(), name="propagation")
        finally:
            await parts.close()


async def _publish(parts: Parts, opened: asyncio.Event) -> None:
    """Write outside, once the gate has opened."""
    await opened.wait()
    gc.freeze()
    async with asyncio.TaskGroup() as tasks:
        if parts.statuses is not None:
            tasks.create_task(parts.statuses.run(), name="statuses of GlobalServices")
        for outlet, publisher in parts.controller.publication.publishers:
            tasks.create_task(publisher.run(), name=f"publisher {outlet.provider} {outlet.zone.name}")


def _propagation(settings: Settings, clock: Clock, table: Table) -> Propagation | None:
    if settings.hub is None:
        return None
    clusters = {cluster.name: cluster for cluster in settings.clusters}
    home = clusters.get(settings.vantage.cluster)
    credentials = functools.partial(functools.partial, credentials_of, clock=clock, allow_exec=settings.allow_exec)
    return Propagation(
        settings.propagation,
        settings.owner,
        clusters,
        table.sources,
        settings.state_dir,
        functools.partial(credentials_of, settings.hub, clock, settings.allow_exec),
        {
            name: functools.partial(credentials_of, settings.access[name], clock, settings.allow_exec)
            for name in clusters
        },
        clock,
        RoundTrip(registry.probes()["tcp"]),
        (settings.vantage.cluster, settings.vantage.region or (home.region if home else "")),
    )


def _feed(
    settings: Settings, table: Table, logger: logs.Logger, objection: Callable[[Resume], str]
) -> FeedServer | None:
    if settings.feed is None:
        return None

    def tell(note: Note) -> None:
        logger.debug("feed", happened=note.event, message=note.message)

    key = settings.feed.key
    return FeedServer(str(settings.feed.listen), lambda identity: key, Lone(table), tell, objection=objection)


def _objection(resume: Resume, controller: Controller, is_new: bool) -> str:
    """A controller that began without a table must not take from a name server what it has not seen itself yet."""
    if waiting := controller.gate.waiting_for():
        return waiting[0]
    if is_new and resume.services and (unseen := controller.pipeline.unseen):
        return f"this controller lost its table, and cluster {unseen[0]} was not seen since"
    return ""


def _gauges(controller: Controller) -> Gauges:
    table = controller.pipeline.table
    return Gauges(
        rows=table.rows.values(),
        sources=table.sources.values(),
        generation=table.generation,
        term=table.term,
        queue_depth=controller.pipeline.waiting,
        held=sum(len(publisher.held) for _, publisher in controller.publication.publishers),
    )


def _object_events(parts: Parts) -> ObjectEvents:
    def uids(key: ServiceKey) -> dict[str, str]:
        row = parts.controller.pipeline.table.rows.get(key)
        claims = parts.controller.pipeline.inventory.claims(key)
        known = {endpoint.cluster: endpoint.uid for endpoint in row.endpoints} if row else {}
        return known | {claim.cluster: claim.uid for claim in claims}

    return ObjectEvents(uids, lambda cluster, note: parts.connections[cluster].tell(note))


def _operations(
    settings: Settings,
    controller: Controller,
    clock: Clock,
    journal: Journal,
    metrics: Metrics | None,
    propagation: Propagation | None = None,
) -> ControllerOperations:
    served = settings.nameserver
    places = Whereabouts(served.places, served.mmdb) if served else Whereabouts()

    def locate(address: str) -> Client:
        try:
            return places.locate(address).client if address else Client()
        except ValueError:
            raise ConfigError(f"client {address}: not an IP address") from None

    return ControllerOperations(
        controller,
        {cluster.name: cluster for cluster in settings.clusters},
        settings.owner,
        clock,
        journal,
        metrics.rtt_of if metrics else no_rtt,
        locate,
        propagation,
    )


async def _plan(settings: Settings, clock: Clock) -> PlanView:
    opened = asyncio.Event()
    table = _table(settings, clock)
    parts = assemble(settings, clock, table, lambda event: None, opened=opened.set)
    operations = _operations(settings, parts.controller, clock, Journal(clock), None)
    propagation = _propagation(settings, clock, table)
    unreadable: list[str] = []
    try:
        async with asyncio.TaskGroup() as tasks:
            watching = tasks.create_task(_watch(parts), name="watching")
            copies = tasks.create_task(propagation.rehearse(), name="copies") if propagation is not None else None
            await opened.wait()
            for outlet, publisher in parts.controller.publication.publishers:
                try:
                    await publisher.load()
                except (Transient, Refused) as error:
                    unreadable.append(f"{outlet.provider} {outlet.zone.name} cannot be read: {error}")
            view = operations.plan()
            if copies is not None:
                view = with_propagation(view, await copies)
            watching.cancel()
    finally:
        await parts.close()
    return replace(view, incomplete=(*view.incomplete, *unreadable))


async def _watch(parts: Parts) -> None:
    async with asyncio.TaskGroup() as tasks:
        parts.start_watching(tasks)
