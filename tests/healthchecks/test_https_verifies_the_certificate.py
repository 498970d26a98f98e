"""HTTPS passes only with a certificate that is valid for the host; nothing in a check switches that off."""

import asyncio
import inspect
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from trafficfed.errors import ConfigError
from trafficfed.model import HealthCheck
from trafficfed.testing.backends import Backend
from trafficfed.testing.certificates import NOT_AFTER, CertificateAuthority
from trafficfed_healthchecks.http import HttpProbe

Serve = Callable[..., Awaitable[int]]

HERE = "127.0.73.3"
AUTHORITY = CertificateAuthority.create()
CHECK = HealthCheck(scheme="https", host="web.fed.test", timeout_s=5.0)


def trusting() -> HttpProbe:
    """A probe that trusts the test's authority only."""
    return HttpProbe(ssl.create_default_context(cadata=AUTHORITY.pem.decode()))


@pytest.fixture
def serving(tmp_path: Path) -> Callable[..., ssl.SSLContext]:
    def context(*names: str) -> ssl.SSLContext:
        pair = AUTHORITY.server(*names)
        file = tmp_path / "server.pem"
        file.write_bytes(pair.certificate + pair.key)
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(file)
        return made

    return context


async def test_a_valid_certificate_passes(serving: Callable[..., ssl.SSLContext]) -> None:
    with Backend(HERE, tls=serving("web.fed.test")) as backend:
        result = await trusting()(HERE, backend.port, CHECK)
        assert result.error == ""
        assert result.rtt_s is not None
        backend.fail(500)
        assert (await trusting()(HERE, backend.port, CHECK)).error == "status 500"


async def test_a_result_says_when_the_certificate_ends(serving: Callable[..., ssl.SSLContext]) -> None:
    with Backend(HERE, tls=serving("web.fed.test")) as backend:
        backend.fail(500)
        assert (await trusting()(HERE, backend.port, CHECK)).certificate_ends_s == NOT_AFTER.timestamp()
        assert (await HttpProbe()(HERE, backend.port, CHECK)).certificate_ends_s is None, "it was not verified"


async def test_a_certificate_for_another_name_fails_and_says_so(serving: Callable[..., ssl.SSLContext]) -> None:
    with Backend(HERE, tls=serving("other.fed.test")) as backend:
        result = await trusting()(HERE, backend.port, CHECK)
    assert result.error.startswith("TLS certificate refused: Hostname mismatch")
    assert "web.fed.test" in result.error


async def test_without_a_host_the_certificate_must_be_for_the_address(serving: Callable[..., ssl.SSLContext]) -> None:
    check = HealthCheck(scheme="https", timeout_s=5.0)
    with Backend(HERE, tls=serving("web.fed.test")) as backend:
        assert "IP address mismatch" in (await trusting()(HERE, backend.port, check)).error
    with Backend(HERE, tls=serving(HERE)) as backend:
        assert (await trusting()(HERE, backend.port, check)).error == ""


async def test_by_default_only_the_systems_authorities_are_trusted(serving: Callable[..., ssl.SSLContext]) -> None:
    with Backend(HERE, tls=serving("web.fed.test")) as backend:
        result = await HttpProbe()(HERE, backend.port, CHECK)
    assert result.error == "TLS certificate refused: unable to get local issuer certificate"


async def test_a_private_authority_is_added_by_the_environment(
    serving: Callable[..., ssl.SSLContext], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    bundle = tmp_path / "authorities.pem"
    bundle.write_bytes(AUTHORITY.pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with Backend(HERE, tls=serving("web.fed.test")) as backend:
        assert (await HttpProbe()(HERE, backend.port, CHECK)).error == ""


async def test_no_field_of_a_check_touches_verification() -> None:
    fields = set(inspect.signature(HealthCheck).parameters)
    assert not {field for field in fields if "verify" in field or "insecure" in field or "tls" in field}
    context = HttpProbe()._context
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


async def test_a_server_that_speaks_no_tls_fails(serve: Serve) -> None:
    async def plain(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await asyncio.Event().wait()

    result = await trusting()(HERE, await serve(plain, HERE), CHECK)
    assert result.error == "TLS failed: WRONG_VERSION_NUMBER"


async def test_a_server_that_closes_in_the_handshake_fails(serve: Serve) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"fed.test")
        await reader.read(100_000)
        writer.close()

    result = await trusting()(HERE, await serve(leave, HERE), CHECK)
    assert result.error in ("TLS failed: UNEXPECTED_EOF_WHILE_READING", "connection reset by peer")


async def test_a_server_that_hangs_in_the_handshake_fails_at_the_deadline(serve: Serve) -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    port = await serve(silent, HERE)
    result = await trusting()(HERE, port, HealthCheck(scheme="https", timeout_s=0.2))
    assert result.error == "no answer within 0.2 s"


async def test_a_backend_that_hangs_after_the_handshake_fails_at_the_deadline(
    serving: Callable[..., ssl.SSLContext],
) -> None:
    with Backend(HERE, tls=serving("web.fed.test")) as backend:
        backend.hang()
        result = await trusting()(HERE, backend.port, HealthCheck(scheme="https", host="web.fed.test", timeout_s=0.3))
    assert result.error == "no answer within 0.3 s"


async def test_a_host_that_can_be_no_server_name_is_the_checks_fault(serving: Callable[..., ssl.SSLContext]) -> None:
    check = HealthCheck(scheme="https", host=".fed.test", timeout_s=5.0)
    with (
        Backend(HERE, tls=serving("web.fed.test")) as backend,
        pytest.raises(ConfigError, match="cannot be a TLS server name"),
    ):
        await trusting()(HERE, backend.port, check)
