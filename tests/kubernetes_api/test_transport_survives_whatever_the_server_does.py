"""Over real sockets: whatever comes back, or does not, is an answer, a Transient or a Refused; nothing else."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.authentication import Fixed, TokenFile
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.kubernetes_api.identity import Namespace
from trafficfed.kubernetes_api.tls import client_context
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.testing.certificates import CertificateAuthority
from trafficfed.testing.processes import free_port
from trafficfed.testing.scripted_http import ScriptedHttp, scripted_http

BODY = b'{"metadata":{"name":"kube-system","uid":"abc"}}'


def credentials(url: str) -> Credentials:
    return Credentials(name="context eu", server=url, means="token", authentication=Fixed("secret"))


@asynccontextmanager
async def transport(who: Credentials, answer_s: float = 5.0) -> AsyncIterator[Transport]:
    made = Transport(who, answer_s)
    try:
        yield made
    finally:
        await made.close()


@asynccontextmanager
async def connected(answer_s: float = 5.0) -> AsyncIterator[tuple[ScriptedHttp, Transport]]:
    async with scripted_http() as server, transport(credentials(server.url), answer_s) as client:
        yield server, client


async def lines_of(client: Transport) -> list[bytes]:
    async with aclosing(client.stream("/api/v1/services", {"watch": "true"})) as batches:
        return [line async for batch in batches for line in batch]


async def test_an_answer_is_decoded_and_the_token_sent() -> None:
    async with connected() as (server, client):
        server.answer("200 OK", BODY)
        found = await client.get_json("/api/v1/namespaces/kube-system", Namespace)
        (head,) = server.header_lines
    assert found.metadata.uid == "abc"
    assert head[0] == "GET /api/v1/namespaces/kube-system HTTP/1.1"
    assert "Authorization: Bearer secret" in head
    assert "Accept: application/json" in head


async def test_the_path_of_the_servers_url_is_kept_and_parameters_are_encoded() -> None:
    async with scripted_http() as server, transport(credentials(server.url + "/clusters/eu")) as client:
        server.answer("200 OK", BODY)
        await client.get_json("/api/v1/services", Namespace, {"continue": "a+b/c=="})
        assert server.header_lines[0][0] == "GET /clusters/eu/api/v1/services?continue=a%2Bb/c%3D%3D HTTP/1.1"


async def test_a_body_is_sent_with_its_type() -> None:
    async with connected() as (server, client):
        server.answer("201 Created", b"{}")
        assert await client.request("PATCH", "/x", b"{}", "application/merge-patch+json") == b"{}"
        assert "Content-Type: application/merge-patch+json" in server.header_lines[0]


@pytest.mark.parametrize("body", [b"<html>hello</html>", b'{"kind": "caf\xe9"}'])
async def test_an_answer_of_another_shape_is_transient(body: bytes) -> None:
    async with connected() as (server, client):
        server.answer("200 OK", body)
        with pytest.raises(Transient, match=r"GET /x: the answer is not what the API promises"):
            await client.get_json("/x", Namespace)


async def test_an_error_answer_is_mapped_with_its_retry_after() -> None:
    async with connected() as (server, client):
        server.answer("429 Too Many Requests", b'{"message":"slow down"}', "Retry-After: 3")
        with pytest.raises(Unavailable, match="slow down") as raised:
            await client.request("GET", "/x")
    assert raised.value.retry_after_s == 3.0


async def test_a_redirect_is_refused_so_that_the_token_stays_here() -> None:
    async with connected() as (server, client):
        server.answer("302 Found", b"", "Location: http://127.0.0.1:9/steal")
        with pytest.raises(Rejected, match="302 Found"):
            await client.request("GET", "/x")
        assert len(server.requests) == 1


async def test_a_refused_token_is_named_and_not_tried_twice() -> None:
    async with connected() as (server, client):
        server.answer("401 Unauthorized", b'{"message":"Unauthorized"}')
        with pytest.raises(Rejected, match=r"^401 Unauthorized: the token of context eu was refused$"):
            await client.request("GET", "/x")
        assert len(server.requests) == 1


async def test_a_refused_token_that_was_renewed_meanwhile_is_tried_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("old")
    async with scripted_http() as server:
        who = replace(credentials(server.url), authentication=TokenFile(token))
        async with transport(who) as client:
            server.answer("200 OK", b"{}")
            await client.request("GET", "/x")
            replaced = tmp_path / "new"
            replaced.write_text("new")
            replaced.rename(token)
            server.answer("200 OK", b"{}")
            await client.request("GET", "/x")
        assert [line for head in server.header_lines for line in head if line.startswith("Authorization")] == [
            "Authorization: Bearer old",
            "Authorization: Bearer new",
        ]


async def test_no_answer_within_the_deadline_is_transient() -> None:
    async with connected(answer_s=0.05) as (server, client):
        with pytest.raises(Transient, match=r"gave no answer to GET /x in"):
            await client.request("GET", "/x")
        assert server.connections == 1


async def test_a_stream_nobody_accepts_is_transient() -> None:
    async with connected(answer_s=0.05) as (_, client):
        with pytest.raises(Transient, match="gave no answer to GET /api/v1/services"):
            await lines_of(client)


async def test_nobody_there_is_transient() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    async with transport(credentials(url)) as client:
        with pytest.raises(Transient, match=f"^cannot connect to {url}: Connection refused$"):
            await client.request("GET", "/x")


async def test_a_stream_is_cut_into_lines_wherever_its_pieces_end() -> None:
    async with connected() as (server, client):
        server.stream(b'{"a":1}\n{"b"', b":2}\n", b'{"c":3}\n{"d":4}\n', b'{"half')
        assert await lines_of(client) == [b'{"a":1}', b'{"b":2}', b'{"c":3}', b'{"d":4}']


async def test_a_line_may_be_longer_than_any_buffer() -> None:
    long = b"x" * 3_000_000
    async with connected() as (server, client):
        server.stream(*(long[start : start + 50_000] for start in range(0, len(long), 50_000)), b"\n")
        assert await lines_of(client) == [long]


async def test_acceptance_is_told_before_the_first_line() -> None:
    async with connected() as (server, client):
        server.stream(b"one\n")
        async with aclosing(client.stream("/x", {})) as batches:
            assert await anext(batches) == []
            assert await anext(batches) == [b"one"]


async def test_a_stream_that_breaks_off_is_transient() -> None:
    async with connected() as (server, client):
        server.stream(b'{"a":1}\n', broken=True)
        with pytest.raises(Transient, match="broke off"):
            await lines_of(client)


async def test_a_connection_that_is_closed_without_an_answer_is_transient() -> None:
    async with connected() as (server, client):
        server.answers.extend([[b""]] * 2)
        with pytest.raises(Transient, match="broke off"):
            await client.request("GET", "/x")


async def test_what_is_no_http_is_transient() -> None:
    async with connected() as (server, client):
        server.answers.append([b"SSH-2.0-OpenSSH_9.6\r\n\r\n"])
        with pytest.raises(Transient):
            await client.request("GET", "/x")


async def test_a_stream_that_is_left_gives_its_connection_up() -> None:
    async with connected() as (server, client):
        server.answers.append([b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"])
        async with aclosing(client.stream("/x", {})) as batches:
            await anext(batches)
        server.answer("200 OK", b"{}")
        await client.request("GET", "/x")
        assert server.connections == 2


def serving(authority: CertificateAuthority, directory: Path, *names: str) -> ssl.SSLContext:
    pair = authority.server(*names)
    (directory / "pair.pem").write_bytes(pair.certificate + pair.key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "pair.pem")
    return context


async def test_a_server_of_a_foreign_authority_is_refused(tmp_path: Path) -> None:
    tls = serving(CertificateAuthority.create(), tmp_path, "127.0.0.1")
    async with scripted_http(tls) as server:
        who = replace(credentials(server.url), tls=client_context(CertificateAuthority.create().pem))
        async with transport(who) as client:
            with pytest.raises(Refused, match=r"not trusted .*: correct the certificate-authority of context eu"):
                await client.request("GET", "/x")


async def test_a_certificate_for_another_name_is_refused_unless_that_name_is_expected(tmp_path: Path) -> None:
    authority = CertificateAuthority.create()
    async with scripted_http(serving(authority, tmp_path, "api.example.org")) as server:
        who = replace(credentials(server.url), tls=client_context(authority.pem))
        async with transport(who) as client:
            with pytest.raises(Refused, match="not trusted"):
                await client.request("GET", "/x")
        async with transport(replace(who, server_name="api.example.org")) as client:
            server.answer("200 OK", b"{}")
            assert await client.request("GET", "/x") == b"{}"


async def test_http_where_tls_is_expected_is_transient() -> None:
    async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(speak_http, "127.0.0.1", 0)
    url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, transport(replace(credentials(url), tls=client_context(None))) as client:
        with pytest.raises(Transient, match=f"^cannot connect to {url}"):
            await client.request("GET", "/x")
