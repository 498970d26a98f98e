"""However a probe ends, passed, failed, timed out, cancelled at any point: no file descriptor stays open."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from trafficfed.model import HealthCheck
from trafficfed.ports import Probe
from trafficfed.testing.backends import Backend
from trafficfed.testing.certificates import CertificateAuthority
from trafficfed_healthchecks.http import HttpProbe
from trafficfed_healthchecks.tcp import TcpProbe

Serve = Callable[..., Awaitable[int]]
Count = Callable[[], int]

HERE = "127.0.73.1"
THERE = "127.0.73.4"
STEPS = 25


async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
    writer.close()


async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.Event().wait()


def http(timeout_s: float = 5.0) -> HealthCheck:
    return HealthCheck(scheme="http", timeout_s=timeout_s)


async def cancelled_after(steps: int, probe: Probe, address: str, port: int, check: HealthCheck) -> bool:
    """Start a probe, let the loop turn so many times, and cancel it; whether it was still under way."""
    async with asyncio.TaskGroup() as group:
        task = group.create_task(_run(probe, address, port, check), name="probe to cancel")
        for _ in range(steps):
            await asyncio.sleep(0)
        under_way = not task.done()
        task.cancel()
    return under_way


async def _run(probe: Probe, address: str, port: int, check: HealthCheck) -> None:
    await probe(address, port, check)


async def test_after_failures_of_every_kind(open_files: Count, closed_port: int, full_port: int) -> None:
    probes = ((HttpProbe(), http(0.05)), (TcpProbe(), HealthCheck(timeout_s=0.05)))
    before = open_files()
    for probe, check in probes:
        for port in (closed_port, full_port):
            results = await asyncio.gather(*(probe(HERE, port, check) for _ in range(30)))
            assert all(result.error for result in results)
    assert open_files() == before


async def test_after_timeouts_while_waiting_for_an_answer(open_files: Count) -> None:
    with Backend(THERE) as backend:
        await HttpProbe()(THERE, backend.port, http())
        before = open_files()
        backend.hang()
        results = await asyncio.gather(*(HttpProbe()(THERE, backend.port, http(0.1)) for _ in range(50)))
        assert {result.error for result in results} == {"no answer within 0.1 s"}
        backend.recover()
        backend.stop()
        assert open_files() <= before


@pytest.mark.parametrize("handler", [answering, silent])
@pytest.mark.parametrize("probe", [HttpProbe(), TcpProbe()])
async def test_after_cancellation_at_any_point(
    serve: Serve, open_files: Count, probe: Probe, handler: Callable[..., Awaitable[None]]
) -> None:
    listening = open_files() + 1
    port = await serve(handler)
    under_way = [await cancelled_after(steps, probe, HERE, port, http()) for steps in range(STEPS)]
    assert under_way[0]
    assert under_way[2]
    await _all_accepted_are_gone(open_files, listening, handler)


async def _all_accepted_are_gone(open_files: Count, listening: int, handler: Callable[..., Awaitable[None]]) -> None:
    """The server's ends of these connections close in their own time; the silent one never closes them itself."""
    accepted = STEPS if handler is silent else 0
    async with asyncio.timeout(5):
        while open_files() > listening + accepted:  # noqa: ASYNC110 - there is no event for the other end's close
            await asyncio.sleep(0.01)
    assert open_files() <= listening + accepted


async def test_after_cancellation_at_any_point_of_a_tls_handshake(tmp_path: Path, open_files: Count) -> None:
    authority = CertificateAuthority.create()
    pair = authority.server("web.fed.test")
    file = tmp_path / "server.pem"
    file.write_bytes(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    probe = HttpProbe(ssl.create_default_context(cadata=authority.pem.decode()))
    check = HealthCheck(scheme="https", host="web.fed.test", timeout_s=5.0)
    before = open_files()
    with Backend(THERE, tls=context) as backend:
        for steps in range(0, 400, 8):
            await cancelled_after(steps, probe, THERE, backend.port, check)
        assert (await probe(THERE, backend.port, check)).error == ""
    assert open_files() == before


async def test_refused_certificates_leave_nothing_open(tmp_path: Path, open_files: Count) -> None:
    pair = CertificateAuthority.create().server("web.fed.test")
    file = tmp_path / "server.pem"
    file.write_bytes(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    probe = HttpProbe()
    before = open_files()
    with Backend(THERE, tls=context) as backend:
        for host in ("web.fed.test", ".not-a-name"):
            check = HealthCheck(scheme="https", host=host, timeout_s=5.0)
            outcomes = await asyncio.gather(
                *(probe(THERE, backend.port, check) for _ in range(10)), return_exceptions=True
            )
            assert all(isinstance(each, BaseException) or each.error for each in outcomes)
    assert open_files() == before
