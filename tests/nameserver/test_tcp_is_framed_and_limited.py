"""TCP: messages framed by length in any cut, limits on size, connections and idle time; time is virtual."""

import asyncio
from typing import Any

import pytest

from trafficfed.nameserver.streams import IDLE_S, MESSAGE_LIMIT, Connections, StreamServer
from trafficfed.testing.nameservers import question
from trafficfed.testing.sample_zone import responder_for

RESPONDER = responder_for()


class Wire(asyncio.Transport):
    """A transport that remembers what was done to it."""

    def __init__(self, client: str = "192.0.2.1") -> None:
        super().__init__({"peername": (client, 40000)})
        self.written = b""
        self.aborted = False
        self.reading = True

    def write(self, data: Any) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Woken:
    def __init__(self) -> None:
        self.times = 0

    def __call__(self) -> None:
        self.times += 1


def connect(connections: Connections | None = None, client: str = "192.0.2.1") -> tuple[StreamServer, Wire]:
    known = Connections() if connections is None else connections
    server = StreamServer(RESPONDER, known, asyncio.get_running_loop(), Woken())
    wire = Wire(client)
    server.connection_made(wire)
    return server, wire


def framed(name: str = "all.example.org") -> bytes:
    packet = question(name).to_wire()
    return len(packet).to_bytes(2) + packet


def messages(data: bytes) -> list[bytes]:
    found = []
    while data:
        length = int.from_bytes(data[:2])
        found.append(data[2 : 2 + length])
        data = data[2 + length :]
    return found


async def test_a_question_is_answered_in_its_frame() -> None:
    server, wire = connect()
    server.data_received(framed())
    (answer,) = messages(wire.written)
    assert answer[2] & 0x80
    assert answer[7] == 3


async def test_a_message_may_come_octet_by_octet() -> None:
    server, wire = connect()
    for octet in framed():
        assert not wire.written
        server.data_received(bytes((octet,)))
    assert len(messages(wire.written)) == 1


async def test_messages_may_come_many_at_once_and_are_answered_in_order() -> None:
    server, wire = connect()
    sent = [framed() for _ in range(20)]
    server.data_received(b"".join(sent) + sent[0][:5])
    assert [answer[:2] for answer in messages(wire.written)] == [each[2:4] for each in sent]
    server.data_received(sent[0][5:])
    assert len(messages(wire.written)) == 21


async def test_before_each_answer_it_is_asked_whether_the_table_is_still_good() -> None:
    server, _ = connect()
    woken = server._woken
    assert isinstance(woken, Woken)
    server.data_received(framed() + framed())
    server.data_received(framed())
    assert woken.times == 3


@pytest.mark.parametrize(
    "data",
    [(MESSAGE_LIMIT + 1).to_bytes(2), b"GET / HTTP/1.1\r\n", b"\0\x0c" + b"\0\0\x80" + bytes(9), b"\0\0"],
    ids=["long", "other protocol", "response", "empty"],
)
async def test_what_is_no_question_ends_the_connection(data: bytes) -> None:
    server, wire = connect()
    server.data_received(data)
    assert wire.aborted
    assert not wire.written


@pytest.mark.looptime
async def test_an_idle_connection_is_closed_and_every_answer_gives_it_more_time() -> None:
    server, wire = connect()
    await asyncio.sleep(IDLE_S - 1)
    server.data_received(framed())
    await asyncio.sleep(IDLE_S - 1)
    assert not wire.aborted
    await asyncio.sleep(1.5)
    assert wire.aborted


@pytest.mark.looptime
async def test_dribbling_octets_gains_no_time() -> None:
    server, wire = connect()
    for octet in framed()[:9]:
        await asyncio.sleep(1)
        server.data_received(bytes((octet,)))
    await asyncio.sleep(1.5)
    assert wire.aborted


@pytest.mark.looptime
async def test_a_closed_connection_leaves_no_timer() -> None:
    server, wire = connect()
    server.connection_lost(None)
    await asyncio.sleep(IDLE_S * 2)
    assert not wire.aborted


async def test_who_does_not_read_answers_is_not_read_from() -> None:
    server, wire = connect()
    server.pause_writing()
    assert not wire.reading
    server.resume_writing()
    assert wire.reading


async def test_one_client_cannot_take_all_connections() -> None:
    connections = Connections(total=10, per_client=2)
    first = [connect(connections) for _ in range(3)]
    assert [wire.aborted for _, wire in first] == [False, False, True]
    _, other = connect(connections, "192.0.2.2")
    assert not other.aborted
    assert (len(connections), connections.refused) == (3, 1)
    first[2][0].connection_lost(None)
    assert len(connections) == 3, "one that was refused gives nothing back"
    first[0][0].connection_lost(None)
    _, again = connect(connections)
    assert not again.aborted


async def test_all_clients_together_have_a_limit() -> None:
    connections = Connections(total=2, per_client=2)
    wires = [connect(connections, f"192.0.2.{at}")[1] for at in range(3)]
    assert [wire.aborted for wire in wires] == [False, False, True]


async def test_at_the_end_every_connection_is_closed() -> None:
    connections = Connections()
    wires = [connect(connections, f"192.0.2.{at}")[1] for at in range(3)]
    connections.close()
    assert all(wire.aborted for wire in wires)
