"""The UDP reader: a bounded batch a wake, and no error of the network that stops it."""

import asyncio
import errno
import socket
from collections.abc import Iterator
from typing import Any

import dns.message
import dns.rcode
import pytest

from trafficfed.errors import ConfigError
from trafficfed.nameserver.datagrams import BATCH, DatagramServer
from trafficfed.nameserver.listen import bind, listening
from trafficfed.testing.nameservers import question
from trafficfed.testing.processes import free_port
from trafficfed.testing.sample_zone import responder_for


class Socket:
    """Stands for a bound socket whose kernel does as it is told."""

    def __init__(self, *arriving: bytes | OSError, refuses: OSError | None = None) -> None:
        self._arriving: Iterator[bytes | OSError] = iter(arriving)
        self._refuses = refuses
        self.received = 0
        self.sent: list[tuple[bytes, Any]] = []

    def recvfrom(self, limit: int) -> tuple[bytes, tuple[str, int]]:
        packet = next(self._arriving, BlockingIOError())
        if isinstance(packet, OSError):
            raise packet
        self.received += 1
        return packet[:limit], ("192.0.2.1", 40000)

    def sendto(self, data: bytes, client: Any) -> int:
        if self._refuses:
            raise self._refuses
        self.sent.append((data, client))
        return len(data)


def drain(sock: Socket) -> tuple[DatagramServer, int]:
    """One wake; returns how often the server asked whether its table is still good."""
    asked: list[None] = []
    server = DatagramServer(sock, responder_for(), lambda: asked.append(None))  # type: ignore[arg-type]
    server._drain()
    return server, len(asked)


PACKET = question("all.example.org").to_wire()


def test_a_wake_takes_all_that_is_there_and_asks_for_the_table_before_each_answer() -> None:
    sock = Socket(*[PACKET] * 5)
    _, asked = drain(sock)
    assert [client for _, client in sock.sent] == [("192.0.2.1", 40000)] * 5
    assert asked == 5


def test_a_process_that_was_stopped_amid_a_batch_answers_the_next_datagram_by_what_it_knows_after_it() -> None:
    """SIGSTOP after an answer, SIGCONT, a new query: read by the same batch, and the pause counts for it."""
    responder = responder_for()
    sock = Socket(PACKET, PACKET)

    def woken() -> None:
        responder.ready = sock.received < 2  # the process stood still between the first datagram and the second

    DatagramServer(sock, responder, woken)._drain()  # type: ignore[arg-type]
    assert [dns.message.from_wire(data).rcode() for data, _ in sock.sent] == [dns.rcode.NOERROR, dns.rcode.SERVFAIL]


def test_a_wake_takes_a_batch_at_most_so_that_others_have_their_turn() -> None:
    sock = Socket(*[PACKET] * (BATCH + 10))
    drain(sock)
    assert sock.received == BATCH


def test_what_deserves_no_answer_gets_none() -> None:
    sock = Socket(b"", b"x", PACKET)
    drain(sock)
    assert len(sock.sent) == 1


def test_a_network_error_that_is_reported_late_stops_nothing() -> None:
    sock = Socket(OSError(errno.ECONNREFUSED, "refused"), PACKET)
    server, _ = drain(sock)
    assert len(sock.sent) == 1
    assert server.unsent == 1


@pytest.mark.parametrize("code", [errno.EAGAIN, errno.ENETUNREACH, errno.EPERM])
def test_a_response_that_the_kernel_refuses_is_counted_and_the_next_is_tried(code: int) -> None:
    sock = Socket(PACKET, PACKET, refuses=OSError(code, "no"))
    server, _ = drain(sock)
    assert (server.unsent, sock.received) == (2, 2)


def exchange(address: tuple[str, int], family: socket.AddressFamily) -> dns.message.Message:
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        sock.sendto(PACKET, address)
        return dns.message.from_wire(sock.recv(4096))


async def test_every_listen_address_answers_in_its_family() -> None:
    port = free_port()
    addresses = (f"127.0.0.1:{port}", f"[::1]:{port}", f"127.0.0.2:{port}")
    async with listening(addresses, responder_for(), lambda: None) as listeners:
        for host, family in (("127.0.0.1", socket.AF_INET), ("::1", socket.AF_INET6), ("127.0.0.2", socket.AF_INET)):
            response = await asyncio.to_thread(exchange, (host, port), family)
            assert len(response.answer[0]) == 3
        assert listeners.unsent == 0


async def test_where_one_address_is_taken_none_stays_open() -> None:
    free, taken = free_port(), free_port()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", taken))
        with pytest.raises(ConfigError, match=rf"nameserver.listen 127.0.0.1:{taken} \(UDP\): Address already in use"):
            async with listening((f"127.0.0.1:{free}", f"127.0.0.1:{taken}"), responder_for(), lambda: None):
                pytest.fail("it listens")
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        bind(f"127.0.0.1:{free}", kind).close()
