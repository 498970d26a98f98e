"""Follows many kinds of one API server, each by a reflector of its own, and tells every event with its kind."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping
from random import Random
from typing import Never, TypeVar

from trafficfed.kubernetes_api.backoff import Backoff, Recovery
from trafficfed.kubernetes_api.reflector import Reflector
from trafficfed.kubernetes_api.resource import Resource
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params, Reader
from trafficfed.kubernetes_api.wire import Event, Foreign, Lost
from trafficfed.ports import Clock
from trafficfed.propagation.objects import TemplateKind

T = TypeVar("T")
Sink = Callable[[TemplateKind, Event], None]


class Labelled:
    """A reader that sees only objects with certain labels."""

    def __init__(self, reader: Reader, selector: str) -> None:
        self._reader, self._selector = reader, selector

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        return await self._reader.get_json(path, type, self._with(params))

    def stream(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        return self._reader.stream(path, self._with(params))

    def _with(self, params: Params) -> Mapping[str, str]:
        return {**params, "labelSelector": self._selector}


class Followed:
    """One kind to follow: where, and by which labels (empty = all)."""

    def __init__(self, kind: TemplateKind, path: str, selector: str = "") -> None:
        self.kind, self.path, self.selector = kind, path, selector


async def follow(
    reader: Reader, wanted: Iterable[Followed], sink: Sink, clock: Clock, random: Random, name: str
) -> None:
    """For ever, until cancelled. Raises nothing that the API server could cause."""
    recovery = Recovery()
    async with asyncio.TaskGroup() as tasks:
        for each in wanted:
            tasks.create_task(
                _keep(reader, each, sink, clock, random, recovery), name=f"{name}: {each.kind.plural} of propagation"
            )


async def _keep(
    reader: Reader, wanted: Followed, sink: Sink, clock: Clock, random: Random, recovery: Recovery
) -> Never:
    source = Labelled(reader, wanted.selector) if wanted.selector else reader
    kind, backoff = wanted.kind, Backoff()

    def tell(event: Event) -> None:
        sink(kind, event)

    def unreadable(key: str, error: str) -> None:
        if error:
            logging.getLogger(__name__).warning("%s %s cannot be read: %s", kind.kind, key, error)

    while True:
        try:
            reflector = Reflector(
                source, Resource(wanted.path, Foreign), tell, clock, unreadable, random, recovery=recovery
            )
            await reflector.run()
        except Exception as error:
            # The one supervisor here: a mistake of ours met in one kind must not end the others.
            logging.getLogger(__name__).exception("following %s failed", kind.plural)
            tell(Lost(Foreign, f"internal error: {type(error).__name__}: {error}"))
        await asyncio.sleep(backoff.delay_s(random))
        backoff = backoff.after()
