"""An HTTP check passes when a whole head with status 2xx or 3xx comes within the deadline, and on nothing else."""

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable

import hypothesis.strategies as st
import pytest
from hypothesis import given

from trafficfed.errors import ConfigError
from trafficfed.model import HealthCheck, ProbeResult
from trafficfed.testing.backends import Backend, Seen
from trafficfed_healthchecks.http import MAX_HEAD_BYTES, HttpProbe, request

Serve = Callable[..., Awaitable[int]]

HERE = "127.0.73.1"
CHECK = HealthCheck(scheme="http", path="/healthz", host="web.fed.test", timeout_s=5.0)
SHORT = HealthCheck(scheme="http", timeout_s=0.2)


def saying(*chunks: bytes, then_close: bool = True) -> Callable[..., Awaitable[None]]:
    """A server that reads one request and says this, chunk by chunk, each in a packet of its own."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for chunk in chunks:
            writer.write(chunk)
            await writer.drain()
            await asyncio.sleep(0)
        if then_close:
            writer.close()
        else:
            await asyncio.Event().wait()

    return handle


async def answer_to(serve: Serve, *chunks: bytes, then_close: bool = True, check: HealthCheck = CHECK) -> ProbeResult:
    port = await serve(saying(*chunks, then_close=then_close))
    return await HttpProbe()(HERE, port, check)


async def test_a_real_backend_is_asked_for_path_and_host_and_passes() -> None:
    with Backend("127.0.73.2") as backend:
        result = await HttpProbe()("127.0.73.2", backend.port, CHECK)
        assert result.error == ""
        assert result.rtt_s is not None
        assert 0 < result.rtt_s <= result.total_s
        assert list(backend.seen) == [Seen("GET", "/healthz", f"web.fed.test:{backend.port}")]


@pytest.mark.parametrize("status", [200, 204, 299, 301, 304, 399])
async def test_2xx_and_3xx_pass_and_no_redirect_is_followed(serve: Serve, status: int) -> None:
    head = f"HTTP/1.1 {status} Whatever\r\nLocation: http://192.0.2.1/\r\n\r\n".encode()
    assert (await answer_to(serve, head)).error == ""


@pytest.mark.parametrize("status", [400, 404, 500, 503, 599])
async def test_any_other_status_fails_by_its_number(serve: Serve, status: int) -> None:
    result = await answer_to(serve, f"HTTP/1.1 {status} No\r\n\r\n".encode())
    assert result.error == f"status {status}"
    assert result.rtt_s is not None, "the connection stood, so its latency is known"


async def test_a_backend_that_is_made_to_fail_recovers() -> None:
    with Backend("127.0.73.2") as backend:
        backend.fail(503)
        assert (await HttpProbe()("127.0.73.2", backend.port, CHECK)).error == "status 503"
        backend.recover()
        assert (await HttpProbe()("127.0.73.2", backend.port, CHECK)).error == ""


@pytest.mark.parametrize(
    "head",
    [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.0 200 OK\r\n\r\n", b"HTTP/1.1 200\r\n\r\n", b"HTTP/1.1 200 OK\nA: b\n\n"],
)
async def test_common_forms_of_a_head_are_understood(serve: Serve, head: bytes) -> None:
    assert (await answer_to(serve, head)).error == ""


@pytest.mark.parametrize(
    "head",
    [
        b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"HTTP/1.1 OK\r\n\r\n",
        b"\r\n\r\n",
    ],
)
async def test_what_is_no_http_fails(serve: Serve, head: bytes) -> None:
    assert (await answer_to(serve, head)).error == "the answer is not HTTP/1.1"


async def test_interim_answers_are_passed_over(serve: Serve) -> None:
    early = b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n"
    assert (await answer_to(serve, early, b"HTTP/1.1 200 OK\r\n\r\n")).error == ""
    assert (await answer_to(serve, early + b"HTTP/1.1 500 No\r\n\r\n")).error == "status 500"


async def test_switching_protocols_is_not_healthy(serve: Serve) -> None:
    assert (await answer_to(serve, b"HTTP/1.1 101 Switching Protocols\r\n\r\n")).error == "status 101"


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK", b"HTTP/1.1 200 OK\r\nServer: x\r\n"])
async def test_a_connection_closed_before_the_whole_head_fails(serve: Serve, part: bytes) -> None:
    assert (await answer_to(serve, part)).error == "closed the connection before a whole answer"


async def test_a_head_without_end_fails_at_the_limit(serve: Serve) -> None:
    result = await answer_to(serve, b"HTTP/1.1 200 OK\r\n", *[b"X: " + b"y" * 1000 + b"\r\n"] * 40, then_close=False)
    assert result.error == f"the answer's head is longer than {MAX_HEAD_BYTES} bytes"


async def test_the_body_is_not_waited_for(serve: Serve) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    assert (await answer_to(serve, head, then_close=False)).error == ""


async def test_however_the_answer_is_cut_into_packets_it_is_the_same(serve: Serve) -> None:
    whole = b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n"
    for cut in range(1, len(whole)):
        assert (await answer_to(serve, whole[:cut], whole[cut:])).error == ""


async def test_a_hanging_server_fails_at_the_deadline(serve: Serve) -> None:
    result = await answer_to(serve, then_close=False, check=SHORT)
    assert result.error == "no answer within 0.2 s"
    assert result.total_s >= 0.2


async def test_a_backend_that_hangs_fails_at_the_deadline() -> None:
    with Backend("127.0.73.2") as backend:
        backend.hang()
        assert (await HttpProbe()("127.0.73.2", backend.port, SHORT)).error == "no answer within 0.2 s"


async def test_a_server_that_drips_its_answer_does_not_get_round_the_deadline(serve: Serve) -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            writer.write(b"y")
            await writer.drain()
            await asyncio.sleep(0.01)

    result = await HttpProbe()(HERE, await serve(drip), SHORT)
    assert result.error == "no answer within 0.2 s"


async def test_a_server_that_resets_is_told_from_one_that_refuses(serve: Serve, closed_port: int) -> None:
    async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()

    assert (await HttpProbe()(HERE, await serve(reset), CHECK)).error == "connection reset by peer"
    refused = await HttpProbe()(HERE, closed_port, CHECK)
    assert (refused.error, refused.rtt_s) == ("connection refused", None)


async def test_ipv6_is_probed_and_named_in_brackets(serve: Serve) -> None:
    heads: list[bytes] = []

    async def remember(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        writer.close()

    port = await serve(remember, "::1")
    assert (await HttpProbe()("::1", port, HealthCheck(scheme="http"))).error == ""
    assert f"\r\nHost: [::1]:{port}\r\n".encode() in heads[0]


@pytest.mark.parametrize(
    ("scheme", "port", "host"),
    [("http", 80, b"x.fed.test"), ("https", 443, b"x.fed.test"), ("http", 443, b"x.fed.test:443")],
)
def test_the_host_names_the_port_where_it_is_not_the_schemes_own(scheme: str, port: int, host: bytes) -> None:
    asked = request("192.0.2.1", port, HealthCheck(scheme=scheme, host="x.fed.test"))
    assert b"\r\nHost: " + host + b"\r\n" in asked


@given(path=st.text(max_size=20), host=st.text(max_size=20))
def test_no_path_or_host_can_add_to_the_request(path: str, host: str) -> None:
    check = HealthCheck(scheme="http", path=path, host=host)
    try:
        asked = request("192.0.2.1", 80, check)
    except ConfigError:
        return
    lines = asked.split(b"\r\n")
    assert len(lines) == 7
    assert lines[0] == f"GET {path or '/'} HTTP/1.1".encode()
    assert lines[1] == f"Host: {host or '192.0.2.1'}".encode()
    assert not any(b"\r" in line or b"\n" in line for line in lines)


@pytest.mark.parametrize("path", ["no-slash", "/a b", "/a\r\nX: y", "/ü", "/\x00"])
async def test_a_path_that_cannot_be_sent_is_the_checks_fault_and_no_observation(path: str) -> None:
    with pytest.raises(ConfigError, match="a path begins with /"):
        await HttpProbe()(HERE, 1, HealthCheck(scheme="http", path=path))
