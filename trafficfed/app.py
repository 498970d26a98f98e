"""The composition root: what the commands ``run`` and ``plan`` begin with."""

import asyncio
import gc

import uvloop
from msgspec.structs import replace

from trafficfed.assembly import Parts, assemble, check_adapters
from trafficfed.clock import SystemClock
from trafficfed.config.settings import Settings
from trafficfed.errors import Refused, Transient
from trafficfed.observe.journal import Journal
from trafficfed.observe.rehearsed import with_propagation
from trafficfed.observe.views import PlanView
from trafficfed.ports import Clock
from trafficfed.process import raise_open_files, until_told
from trafficfed.reloading import Configuration, Read
from trafficfed.running import lone_table, serve
from trafficfed.surroundings import operations_of, propagation_of


def run(read: Read) -> None:
    """The controller, until SIGTERM or SIGINT; SIGHUP has it read its file again, and so has a change of that.

    Raises ConfigError or Refused where it cannot start.
    """
    clock = SystemClock()
    configuration = Configuration(read(), read, check_adapters, clock)
    # Events decode into structs that the collector need not visit; what it does visit lives long.
    gc.set_threshold(50_000, 20, 100)
    raise_open_files()
    uvloop.run(until_told(serve(configuration, clock), configuration.ask))


def plan(settings: Settings) -> PlanView:
    """What the controller would change if it started now. Reads everything, writes nothing."""
    return uvloop.run(_plan(settings, SystemClock()))


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
