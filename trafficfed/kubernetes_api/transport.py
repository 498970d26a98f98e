"""One API server over HTTP: requests with a deadline, streams as lines, every failure mapped once."""

import asyncio
import contextlib
import os
import socket
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Protocol, TypeVar
from weakref import WeakSet

import aiohttp
import msgspec
from aiohttp.connector import AddrInfoType

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.failures import failure_of
from trafficfed.unreadable import UNREADABLE

T = TypeVar("T")
Params = Mapping[str, str]
NO_PARAMS: Params = MappingProxyType({})

CONNECT_S = 10.0
# A page of 500 large objects over a slow line takes a few seconds; a stopped server would take forever.
ANSWER_S = 60.0
CLOSING_TURNS = 3
# Unacknowledged data for this long ends a connection whose other side is gone (tcp(7), TCP_USER_TIMEOUT).
UNACKNOWLEDGED_MS = 30_000


class Reader(Protocol):
    """What reflectors need of an API server; tests script it."""

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        """Raises Transient or Refused."""
        ...

    def stream(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        """Batches of complete lines as they arrive; an empty batch first, once the server has accepted.

        Ends where the server ends it. Raises Transient or Refused. Waits without a limit for the next batch.
        """
        ...


class Writer(Protocol):
    """What is needed of an API server to write there."""

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        """Raises Transient or Refused."""
        ...


class Api(Writer, Protocol):
    """Requests to one API server: a Transport, or one that is made late."""

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        """Raises Transient or Refused."""
        ...


class Transport:
    """One aiohttp session per cluster. Make it inside a running event loop; close it at the end."""

    def __init__(
        self,
        credentials: Credentials,
        answer_s: float = ANSWER_S,
        certified: Callable[[float], None] = lambda ends_s: None,
    ) -> None:
        """``certified`` is told when the certificate ends that the server shows (UTC seconds), if it is another one."""
        self.credentials = credentials
        self._answer_s = answer_s
        self._certified = certified
        self._connection: object = None
        self._certificate_ends_s: float | None = None
        self._sockets: WeakSet[socket.socket] = WeakSet()
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, socket_factory=self._socket),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S),
            headers={"Accept": "application/json", "User-Agent": "trafficfed", **dict(credentials.headers)},
        )

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        """The decoded answer. Raises Transient or Refused; Transient too for an answer that is no such JSON."""
        body = await self.request("GET", path, params=params)
        try:
            return msgspec.json.decode(body, type=type)
        except UNREADABLE as error:
            raise Transient(f"GET {path}: the answer is not what the API promises: {error}") from error

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        """One request within the deadline: the body of the answer. Raises Transient or Refused."""
        headers = {"Content-Type": content_type} if body is not None else {}
        async with self._deadline(method, path):
            response = await self._opened(method, path, params, body, headers)
            with self._failures():
                return await response.read()

    async def stream(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        """See Reader.stream. The server has the usual deadline to accept."""
        async with self._deadline("GET", path):
            response = await self._opened("GET", path, params, None, {})
        try:
            yield []
            tail = b""
            with self._failures():
                async for chunk in response.content.iter_any():
                    *lines, tail = (tail + chunk).split(b"\n")
                    if lines:
                        yield lines
        finally:
            response.close()

    async def close(self) -> None:
        """Nothing is open afterwards: a TLS goodbye amid an answer would wait 30 s for a server that has stopped."""
        await self._session.close()
        await _turns()
        for left in [each for each in self._sockets if each.fileno() >= 0]:
            with contextlib.suppress(OSError):
                left.shutdown(socket.SHUT_RDWR)
        await _turns()

    def _socket(self, address: AddrInfoType) -> socket.socket:
        made = _keepalive_socket(address)
        self._sockets.add(made)
        return made

    async def _opened(
        self, method: str, path: str, params: Params, body: bytes | None, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        """The response to a request that the server accepted; asked twice where a credential could be renewed."""
        response = await self._send(method, path, params, body, headers)
        if response.status == HTTPStatus.UNAUTHORIZED and self.credentials.authentication.was_refused():
            response.close()
            response = await self._send(method, path, params, body, headers)
        if response.status < 300:
            self._look_at_certificate(response)
            return response
        with self._failures():
            said = await response.read()
        raise failure_of(response.status, response.headers, said, self.credentials.who)

    async def _send(
        self, method: str, path: str, params: Params, body: bytes | None, headers: Mapping[str, str]
    ) -> aiohttp.ClientResponse:
        authorization = await self.credentials.authentication.header()
        with self._failures():
            return await self._session.request(
                method,
                self.credentials.server + path,
                params=params,
                data=body,
                headers={**headers, "Authorization": authorization} if authorization else headers,
                # A redirect would take the token to whoever is named in it.
                allow_redirects=False,
                ssl=self.credentials.tls or True,
                server_hostname=self.credentials.server_name or None,
                proxy=self.credentials.proxy or None,
            )

    def _look_at_certificate(self, response: aiohttp.ClientResponse) -> None:
        """Once for each connection; one whose answer is over already is looked at another time."""
        link = response.connection.transport if response.connection is not None else None
        if link is None or link is self._connection:
            return
        self._connection = link
        shown = link.get_extra_info("peercert") or {}
        if (until := shown.get("notAfter")) and (ends_s := float(ssl.cert_time_to_seconds(until))) != (
            self._certificate_ends_s
        ):
            self._certificate_ends_s = ends_s
            self._certified(ends_s)

    @asynccontextmanager
    async def _deadline(self, method: str, path: str) -> AsyncIterator[None]:
        deadline = asyncio.timeout(self._answer_s)
        try:
            async with deadline:
                yield
        except TimeoutError as error:
            server = self.credentials.server
            raise Transient(f"{server} gave no answer to {method} {path} in {self._answer_s:.0f} s") from error

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """Every error of the HTTP client in our own words, without addresses and numbers that differ each time."""
        server, name = self.credentials.server, self.credentials.name
        try:
            yield
        except aiohttp.ClientConnectorCertificateError as error:
            why = getattr(error.certificate_error, "verify_message", "") or str(error.certificate_error)
            raise Refused(
                f"the certificate of {server} is not trusted ({why}): correct the certificate-authority of {name}"
            ) from error
        except aiohttp.ClientConnectorError as error:
            number = error.os_error.errno
            why = os.strerror(number) if number else str(error.os_error)
            raise Transient(f"cannot connect to {server}: {why}") from error
        except aiohttp.ConnectionTimeoutError as error:
            raise Transient(f"cannot connect to {server}: no answer in {CONNECT_S:.0f} s") from error
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Transient(f"the connection to {server} broke off ({type(error).__name__})") from error


async def _turns() -> None:
    """Connections that are cut end within the event loop's next turns."""
    for _ in range(CLOSING_TURNS):
        await asyncio.sleep(0)


def _keepalive_socket(address: AddrInfoType) -> socket.socket:
    """A socket on which the kernel notices that the other side is gone, also where nothing is sent."""
    family, kind, protocol, _, _ = address
    made = socket.socket(family, kind, protocol)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 30)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 10)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
    return made
