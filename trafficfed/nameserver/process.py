"""The name server as a process of its own: settings in, answers out, until it is told to stop."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import structlog

from trafficfed.clock import SystemClock
from trafficfed.errors import ConfigError, TrafficfedError
from trafficfed.feed.client import Following
from trafficfed.feed.notes import Note, Tell
from trafficfed.nameserver import keep
from trafficfed.nameserver.draw import KeyedDraw
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.listen import Listeners, listening
from trafficfed.nameserver.replica import Replica
from trafficfed.nameserver.respond import Responder
from trafficfed.nameserver.settings import ClusterSetSettings, NameServerSettings, check, load
from trafficfed.nameserver.sources import Sources
from trafficfed.nameserver.start import StartRule
from trafficfed.nameserver.status import Numbers
from trafficfed.nameserver.whereabouts import Whereabouts
from trafficfed.ports import Clock

if TYPE_CHECKING:
    from trafficfed.nameserver.clusterset import ClusterSet

TICK_S = 0.5  # how exactly the start rule's waits end
MMDB_LOOK_S = 60.0  # how often it is looked whether the database was replaced


SOURCES_INSIDE = (
    "nearly all who are located by their own address ask from a private one: if these are nodes, answers by place are"
    " wrong; set externalTrafficPolicy: Local on the Service, and see that no load balancer hides the resolvers"
)

Expose = Callable[[str, Callable[[], Numbers]], contextlib.AbstractAsyncContextManager[None]]


class NameServer:
    """The parts of one name server, put together."""

    def __init__(self, settings: NameServerSettings, clock: Clock, tell: Tell) -> None:
        """Reads the table on disk and the place database. Raises ConfigError, Refused, OSError."""
        check(settings)
        self._settings = settings
        self._clock = clock
        self._tell = tell
        self._whereabouts = Whereabouts(settings.places, settings.mmdb)
        self._draw = KeyedDraw(settings.key, clock.now_s)
        try:
            self._responder = Responder(self._empty(), self._whereabouts, self._draw)
        except ValueError as error:
            raise ConfigError(f"nameserver.zones: {error}") from error
        self._start = StartRule(settings.wait_s, clock.monotonic_s())
        directory = Path(settings.state)
        table, log = keep.read(directory, tell)
        self._replica = Replica(table, self._empty, self._use, self._confirmed, tell)
        self._keeper = keep.Keeper(directory, log, table.snapshot, tell)
        self._replica.changed = self._keeper.changed
        self._feed = Following(
            settings.feeds, "nameserver", settings.key, self._replica, tell, Random(), lease_s=settings.lease_s
        )
        self._sources = Sources()
        self._confirmed_s = keep.written_s(directory)
        self._clusterset = self._beside(settings.clusterset) if settings.clusterset else None
        self._expose: Expose | None = None
        if settings.metrics:  # half of the process's memory and half a second: only where wanted, before it listens
            from trafficfed.nameserver.metrics import exposed

            self._expose = exposed

    def _beside(self, settings: ClusterSetSettings) -> "ClusterSet":
        """What answers names inside the fleet. It takes a client of API servers: only where it is wanted."""
        from trafficfed.nameserver.clusterset import ClusterSet

        clusterset = ClusterSet(settings, self._clock, self._tell, self._clusterset_seen)
        beside = Responder(clusterset.index, self._whereabouts, self._draw)
        self._responder.beside = beside
        return clusterset

    def _clusterset_seen(self) -> None:
        if self._responder.beside is not None:
            self._responder.beside.ready = True

    def _empty(self) -> Index:
        return Index(self._settings.zones)

    def _use(self, index: Index) -> None:
        self._responder.index = index

    def _confirmed(self) -> None:
        if self._replica.led:
            self._confirmed_s = self._clock.now_s()
        self._start.confirmed()
        self._responder.ready = True

    def _woken(self) -> None:
        """Before anything is answered: is the table still good?"""
        now_s = self._clock.monotonic_s()
        if self._start.tick(now_s, self._feed.lease_s):
            self._tell(Note("Paused", "the process stood still for longer than a lease: asking for the table anew"))
            self._feed.restart()
        ready = self._start.serves(now_s, self._replica.has_table)
        if ready != self._responder.ready:
            self._responder.ready = ready
            if ready:
                self._tell(Note("ServingUnconfirmed", "no controller answers: serving the last table"))

    def numbers(self, listeners: Listeners) -> Numbers:
        """Everything that metrics show."""
        responder, table, followed = self._responder, self._replica.table, self._feed.followed
        return Numbers(
            rcodes=tuple(responder.rcodes),
            dropped=responder.dropped,
            unsent=listeners.unsent,
            connections=len(listeners.connections),
            refused_connections=listeners.connections.refused,
            feeds=self._settings.feeds,
            followed=self._feed.connected,
            standing=followed.standing if followed else "",
            highest_term=self._feed.highest_term,
            overlaid=self._replica.overlaid,
            serving=responder.ready,
            term=table.term,
            generation=table.generation,
            services=len(table.rows),
            table_age_s=max(0.0, self._clock.now_s() - self._confirmed_s),
            unreadable_places=self._whereabouts.unreadable,
            asked=tuple(responder.tallies.asked()),
            inside_ratio=self._sources.inside_ratio,
            clusterset=(self._clusterset.live, self._clusterset.services) if self._clusterset else None,
        )

    async def run(self) -> None:
        """Serve until cancelled."""
        await self._replica.compile()
        settings = self._settings
        try:
            async with (
                listening(settings.listen, self._responder, self._woken) as listeners,
                self._exposed(listeners),
                asyncio.TaskGroup() as group,
            ):
                self._tell(Note("Listening", f"at {', '.join(settings.listen)}"))
                group.create_task(self._feed.run(), name="feed")
                if self._clusterset is not None:
                    group.create_task(self._clusterset.run(), name="clusterset")
                group.create_task(self._keeper.run(), name="keeper")
                group.create_task(self._tick(), name="tick")
                group.create_task(self._look_for_database(), name="place database")
        finally:
            self._keeper.close()

    def _exposed(self, listeners: Listeners) -> contextlib.AbstractAsyncContextManager[None]:
        """The metrics' listener, where there is one."""
        if self._expose is None:
            return contextlib.nullcontext()
        return self._expose(self._settings.metrics, lambda: self.numbers(listeners))

    async def _tick(self) -> None:
        while True:
            self._woken()
            self._look_at_sources()
            await asyncio.sleep(TICK_S)

    def _look_at_sources(self) -> None:
        source, self._responder.last_source = self._responder.last_source, ""
        if source and self._sources.take(source):
            self._tell(Note("SourcesInside", SOURCES_INSIDE))

    async def _look_for_database(self) -> None:
        while True:
            await asyncio.sleep(MMDB_LOOK_S)
            try:
                if self._whereabouts.refresh():
                    self._tell(Note("PlacesRead", f"{self._settings.mmdb} was replaced and read again"))
            except ConfigError as error:
                self._tell(Note("PlacesNotRead", f"{error}; the one read before stays in use"))


FILE_NOT_READ = "SIGHUP changes nothing here: the configuration is read at start; restart to have it read again"


async def serve(settings: NameServerSettings, tell: Tell | None = None) -> None:
    """Run a name server until SIGTERM or SIGINT. Raises ConfigError, Refused or OSError where it cannot start."""
    tell = tell or log_to_stderr()
    server = NameServer(settings, SystemClock(), tell)
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel if task else loop.stop)
    loop.add_signal_handler(signal.SIGHUP, tell, Note("FileNotRead", FILE_NOT_READ))
    with contextlib.suppress(asyncio.CancelledError):
        await server.run()


def log_to_stderr() -> Tell:
    """A listener that writes one line a note."""
    add = (structlog.processors.TimeStamper(fmt="iso", utc=True), structlog.processors.LogfmtRenderer())
    logger = structlog.wrap_logger(structlog.PrintLogger(sys.stderr), processors=add)

    def tell(note: Note) -> None:
        logger.info(note.event, message=note.message)

    return tell


def main(arguments: Sequence[str]) -> int:
    """``python -m trafficfed.nameserver SETTINGS.json``: exit status 2 with one message where it cannot start."""
    if len(arguments) != 1:
        print("usage: python -m trafficfed.nameserver SETTINGS.json", file=sys.stderr)
        return 2
    try:
        asyncio.run(serve(load(Path(arguments[0]))))
    except (TrafficfedError, OSError) as error:
        print(f"trafficfed nameserver: {error}", file=sys.stderr)
        return 2
    return 0
