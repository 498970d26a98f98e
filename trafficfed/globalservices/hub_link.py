"""The link to the hub for GlobalServices: follows them, and writes their statuses."""

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from http import HTTPStatus
from random import Random
from typing import Never, TypeVar

from trafficfed.crds.structs import API_VERSION
from trafficfed.discovery.declared import UNDEFINED
from trafficfed.errors import Refused, Transient
from trafficfed.globalservices.statuses import StatusWrite
from trafficfed.kubernetes_api.backoff import Backoff
from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.reflector import Reflector
from trafficfed.kubernetes_api.resource import Resource
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params, Reader, Transport
from trafficfed.kubernetes_api.usable import Connect, usable
from trafficfed.kubernetes_api.wire import Event, Foreign, Lost
from trafficfed.ports import Clock

T = TypeVar("T")

PATH = f"/apis/{API_VERSION}/globalservices"
GLOBAL_SERVICES = Resource(PATH, Foreign)
STATUS_MANAGER = "trafficfed-status"
APPLY = "application/apply-patch+yaml"


class Defined:
    """A reader that tells a missing definition from any other failure."""

    def __init__(self, reader: Reader) -> None:
        self._reader = reader

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        with _told(path):
            return await self._reader.get_json(path, type, params)

    async def stream(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        with _told(path):
            async with aclosing(self._reader.stream(path, params)) as batches:
                async for batch in batches:
                    yield batch


@contextmanager
def _told(path: str) -> Iterator[None]:
    try:
        yield
    except Rejected as error:
        if error.status == HTTPStatus.NOT_FOUND and path == PATH:
            raise Rejected(UNDEFINED, error.status) from None
        raise


class HubLink:
    """``take`` is told every event, and after it whoever is in ``listeners``."""

    def __init__(
        self,
        connect: Connect,
        take: Callable[[Event], None],
        clock: Clock,
        random: Random | None = None,
    ) -> None:
        self._connect, self._take, self._clock, self._random = connect, take, clock, random or Random()
        self._transport: Transport | None = None
        self.listeners: list[Callable[[Event], None]] = []

    async def run(self) -> Never:
        """For ever, until cancelled. Raises nothing that the hub could cause."""
        while True:
            credentials = await usable(self._connect, lambda reason: self._tell(Lost(Foreign, reason)))
            transport = self._transport = Transport(credentials)
            try:
                await self._follow(transport)
            finally:
                self._transport = None
                await transport.close()

    async def _follow(self, transport: Transport) -> Never:
        backoff = Backoff()
        while True:
            try:
                reader = Defined(transport)
                await Reflector(reader, GLOBAL_SERVICES, self._tell, self._clock, _unreadable, self._random).run()
            except Exception as error:
                # The one supervisor here: a mistake of ours met on the hub must not end what the clusters need.
                logging.getLogger(__name__).exception("following the hub's GlobalServices failed")
                self._tell(Lost(Foreign, f"internal error: {type(error).__name__}: {error}"))
            await asyncio.sleep(backoff.delay_s(self._random))
            backoff = backoff.after()

    def _tell(self, event: Event) -> None:
        self._take(event)
        for listener in self.listeners:
            listener(event)

    async def put(self, write: StatusWrite) -> str:
        """Why a status was not taken; empty where it was, or where its object is gone."""
        if self._transport is None:
            return "the hub is not connected"
        try:
            params = {"fieldManager": STATUS_MANAGER, "force": "true"}
            await self._transport.request("PATCH", write.path, write.body, APPLY, params)
        except Rejected as error:
            return "" if error.status == HTTPStatus.NOT_FOUND else str(error)
        except (Transient, Refused) as error:
            return str(error)
        return ""


def _unreadable(key: str, error: str) -> None:
    if error:
        logging.getLogger(__name__).warning("GlobalService %s cannot be read: %s", key, error)
