"""The prober as a process of its own: settings in, probes out, until it is told to stop."""

import asyncio
import contextlib
import signal
import sys
from collections.abc import Callable
from random import Random

import uvloop

from trafficfed import registry
from trafficfed.clock import SystemClock
from trafficfed.feed.notes import Note
from trafficfed.observe import logs
from trafficfed.process import raise_open_files, until_told
from trafficfed.vantage.settings import ProberSettings
from trafficfed.vantage.status import Numbers
from trafficfed.vantage.vantage import Vantage

TROUBLES = frozenset({"FeedLost"})
"""What somebody may have to mend; everything else that is told is as it should be."""

FILE_NOT_READ = "SIGHUP changes nothing here: the configuration is read at start; restart to have it read again"

Exposing = contextlib.AbstractAsyncContextManager[None]


def run(settings: ProberSettings) -> None:
    """Probe until SIGTERM or SIGINT. Raises ConfigError where it cannot start."""
    raise_open_files()
    uvloop.run(until_told(_probe(settings)))


async def _probe(settings: ProberSettings) -> None:
    clock = SystemClock()
    logger = logs.logger(sys.stderr, clock, settings.level, settings.format)
    logs.adopt_stdlib(logger)

    for warning in settings.warnings:
        logger.warning("configuration", message=warning)

    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGHUP, lambda: tell(Note("FileNotRead", FILE_NOT_READ)))

    def tell(note: Note) -> None:
        write = logger.warning if note.event in TROUBLES else logger.info
        write(note.event, message=note.message)

    vantage = Vantage(
        settings.name,
        settings.controllers,
        settings.key,
        registry.probes(),
        clock,
        tell,
        logs.LogReports(logger),
        Random(),
        cluster=settings.cluster,
        region=settings.region,
    )
    async with _exposed(settings.metrics, vantage.numbers):
        logger.info("started", vantage=settings.name, controllers=", ".join(settings.controllers))
        await vantage.run()


def _exposed(address: str, numbers: Callable[[], Numbers]) -> Exposing:
    """The metrics' listener, where there is one: its libraries are loaded only then."""
    if not address:
        return contextlib.nullcontext()
    from trafficfed.vantage.metrics import exposed

    return exposed(address, numbers)
