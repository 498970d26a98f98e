"""One member: connects to its API server, watches it, and writes Events there, for as long as the process lives."""

import asyncio
import logging
import socket
from collections.abc import Callable
from urllib.parse import urlsplit

from trafficfed.kubernetes_api.cluster_watch import ClusterWatch
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.events import EventWriter, Note
from trafficfed.kubernetes_api.resource import ENDPOINT_SLICES, NODES, SERVICES
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.usable import RETRY_S, Connect, usable
from trafficfed.kubernetes_api.wire import Event, Lost
from trafficfed.ports import Clock
from trafficfed.reports import Report, ServerCertified


class Connection:
    """What goes wrong here is this cluster's affair only: it becomes a Lost event that says why."""

    def __init__(
        self,
        name: str,
        connect: Connect,
        sink: Callable[[str, Event], None],
        clock: Clock,
        report: Report,
        found: Callable[[str], None],
        retry_s: float = RETRY_S,
    ) -> None:
        """``found`` is told the API server's URL once it is known, with an address in place of its name."""
        self._retry_s = retry_s
        self._name, self._connect, self._sink = name, connect, sink
        self._clock, self._report, self._found = clock, report, found
        self._events: EventWriter | None = None

    def tell(self, note: Note) -> None:
        """Write an Event on a user's object, soon; nothing is kept for a cluster that is not connected."""
        if self._events is not None:
            self._events.tell(note)

    async def run(self) -> None:
        """For ever, until cancelled."""
        while True:
            credentials = await usable(self._connect, self._lost, self._retry_s)
            for url in await _located(credentials.server):
                self._found(url)
            await self._watch(credentials)

    def _lost(self, reason: str) -> None:
        for resource in (SERVICES, ENDPOINT_SLICES, NODES):
            self._sink(self._name, Lost(resource.kind, reason))

    def _event_failed(self, reason: str) -> None:
        logging.getLogger(__name__).warning("cluster %s: an Event was not written: %s", self._name, reason)

    async def _watch(self, credentials: Credentials) -> None:
        transport = Transport(credentials, certified=lambda at_s: self._report(ServerCertified(self._name, at_s)))
        try:
            async with asyncio.TaskGroup() as tasks:
                self._events = EventWriter(transport, self._clock, self._event_failed)
                watch = ClusterWatch(self._name, transport, self._sink, self._clock, self._report)
                tasks.create_task(watch.run(), name=f"watch {self._name}")
                tasks.create_task(self._events.run(), name=f"events {self._name}")
        finally:
            self._events = None
            await transport.close()


async def _located(url: str) -> tuple[str, ...]:
    """The URL with each address that its host has now; none where it cannot be resolved."""
    parts = urlsplit(url)
    port = parts.port or (80 if parts.scheme == "http" else 443)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return ()  # the watch tells about it, with its reason
    hosts = sorted({str(address[0]) for *_, address in found})
    return tuple(f"{parts.scheme}://{f'[{host}]' if ':' in host else host}:{port}" for host in hosts)
