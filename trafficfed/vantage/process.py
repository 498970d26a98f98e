"""The prober as a process of its own: settings in, probes out, until it is told to stop."""

import asyncio
import contextlib
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from random import Random

import uvloop

from trafficfed import registry
from trafficfed.clock import SystemClock
from trafficfed.errors import TrafficfedError
from trafficfed.feed.notes import Note
from trafficfed.observe import logs
from trafficfed.vantage.settings import ProberSettings
from trafficfed.vantage.status import Numbers
from trafficfed.vantage.vantage import Vantage

OPEN_FILES = 8192
"""Twice what a prober has under way at most."""

TROUBLES = frozenset({"FeedLost"})
"""What somebody may have to mend; everything else that is told is as it should be."""

Exposing = contextlib.AbstractAsyncContextManager[None]


def run(settings: ProberSettings) -> None:
    """Probe until SIGTERM or SIGINT. Raises ConfigError where it cannot start."""
    _raise_open_files()
    uvloop.run(_until_told(settings))


def _raise_open_files() -> None:
    """Every probe under way is an open file; what the administrator allows is taken up to what is of use."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


async def _until_told(settings: ProberSettings) -> None:
    task = asyncio.current_task()
    assert task is not None, "a coroutine that runs is a task"
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    with contextlib.suppress(asyncio.CancelledError), _one_error():
        await _probe(settings)


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


async def _probe(settings: ProberSettings) -> None:
    clock = SystemClock()
    logger = logs.logger(sys.stderr, clock, settings.level, settings.format)
    logs.adopt_stdlib(logger)

    for warning in settings.warnings:
        logger.warning("configuration", message=warning)

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
