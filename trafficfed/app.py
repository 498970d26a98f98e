"""The composition root: what the commands ``run`` and ``plan`` begin with."""

import asyncio
import contextlib
import gc
import resource
import signal
from collections.abc import Iterator

import uvloop
from msgspec.structs import replace

from trafficfed.assembly import Parts, assemble
from trafficfed.clock import SystemClock
from trafficfed.config.settings import Settings
from trafficfed.errors import Refused, TrafficfedError, Transient
from trafficfed.observe.journal import Journal
from trafficfed.observe.rehearsed import with_propagation
from trafficfed.observe.views import PlanView
from trafficfed.ports import Clock
from trafficfed.running import lone_table, serve
from trafficfed.surroundings import operations_of, propagation_of

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
        await serve(settings, SystemClock())


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


async def _plan(settings: Settings, clock: Clock) -> PlanView:
    opened = asyncio.Event()
    table = lone_table(settings, clock)
    parts = assemble(settings, clock, table, lambda event: None, opened=opened.set)
    operations = operations_of(settings, parts, clock, Journal(clock), None)
    propagation = propagation_of(settings, clock, table)
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
