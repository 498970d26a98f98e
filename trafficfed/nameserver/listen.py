"""The sockets of a name server: UDP and TCP at each address, both or a clear error."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Sequence

from trafficfed.errors import ConfigError
from trafficfed.feed.addresses import host_and_port
from trafficfed.nameserver.datagrams import BUFFER_OCTETS, DatagramServer
from trafficfed.nameserver.respond import Responder
from trafficfed.nameserver.streams import Connections, StreamServer

BACKLOG = 256


def bind(address: str, kind: socket.SocketKind) -> socket.socket:
    """A bound, non-blocking socket. Raises ConfigError that names the address and the fix."""
    host, port = host_and_port(address, "nameserver.listen")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    opened = socket.socket(family, kind)
    try:
        opened.setblocking(False)
        if family == socket.AF_INET6:
            opened.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        if kind == socket.SOCK_STREAM:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        else:
            opened.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_OCTETS)
        opened.bind((host, port))
        if kind == socket.SOCK_STREAM:
            opened.listen(BACKLOG)
    except OSError as error:
        opened.close()
        transport = "TCP" if kind == socket.SOCK_STREAM else "UDP"
        raise ConfigError(
            f"nameserver.listen {address} ({transport}): {error.strerror}; stop what uses it or choose another"
        ) from error
    return opened


class Listeners:
    """What is being listened with, for metrics."""

    def __init__(self, datagrams: Sequence[DatagramServer], connections: Connections) -> None:
        self.datagrams = tuple(datagrams)
        self.connections = connections

    @property
    def unsent(self) -> int:
        """Responses that the kernel did not take."""
        return sum(server.unsent for server in self.datagrams)


@contextlib.asynccontextmanager
async def listening(
    addresses: Sequence[str], responder: Responder, woken: Callable[[], None]
) -> AsyncIterator[Listeners]:
    """Answer at every address until the block ends. Raises ConfigError, with nothing left open, where one is taken."""
    loop = asyncio.get_running_loop()
    connections = Connections()
    async with contextlib.AsyncExitStack() as stack:
        stack.callback(connections.close)
        pairs: list[tuple[socket.socket, socket.socket]] = []
        for address in addresses:
            opened = []
            for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
                opened.append(bind(address, kind))
                stack.callback(opened[-1].close)
            pairs.append((opened[0], opened[1]))
        datagrams = [DatagramServer(datagram, responder, woken) for datagram, _ in pairs]
        for _, stream in pairs:
            server = await loop.create_server(lambda: StreamServer(responder, connections, loop, woken), sock=stream)
            stack.callback(server.close)
        for each in datagrams:
            each.start(loop)
            stack.callback(each.stop, loop)
        yield Listeners(datagrams, connections)
