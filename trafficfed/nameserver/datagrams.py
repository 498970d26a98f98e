"""Queries over UDP: a reader that empties the socket, up to a batch, each time the loop wakes it."""

import asyncio
import socket
from collections.abc import Callable

from trafficfed.nameserver.respond import Responder

BATCH = 64  # datagrams per wake: amortises the loop's cost (measured: four times asyncio's own datagram transport)
DATAGRAM_LIMIT = 4096  # a longer query is cut, and so answered FORMERR
BUFFER_OCTETS = 1 << 20  # what the kernel may hold for us: some thousands of queries


class DatagramServer:
    """Answers what arrives at one bound, non-blocking UDP socket. ``unsent`` counts responses the kernel refused."""

    def __init__(self, bound: socket.socket, responder: Responder, woken: Callable[[], None]) -> None:
        """``woken`` is called once a datagram is read and before it is answered.

        Once a batch is not enough: a process that is stopped amid one goes on amid it, with what came meanwhile.
        """
        self._socket = bound
        self._woken = woken
        self._responder = responder
        self.unsent = 0

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        loop.add_reader(self._socket, self._drain)

    def stop(self, loop: asyncio.AbstractEventLoop) -> None:
        """Stop and close the socket."""
        loop.remove_reader(self._socket)
        self._socket.close()

    def _drain(self) -> None:
        receive, send, answer = self._socket.recvfrom, self._socket.sendto, self._responder.answer
        woken = self._woken
        for _ in range(BATCH):
            try:
                packet, sender = receive(DATAGRAM_LIMIT)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # an ICMP error for an earlier response, delivered here: it is nobody's query
                self.unsent += 1
                continue
            woken()
            response = answer(packet, sender[0])
            if response is None:
                continue
            try:
                send(response, sender)
            except OSError:  # buffer full, unreachable, forbidden: the client asks again
                self.unsent += 1
