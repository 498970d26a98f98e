"""One short-lived TCP connection on a raw non-blocking socket: what every probe type here stands on.

Sockets are used directly because a probe is a few packets, and streams or HTTP clients cost several times that.
"""

import asyncio
import errno
import functools
import os
import socket
import ssl
import struct
from collections.abc import Awaitable, Callable
from typing import TypeVar

from trafficfed.errors import ConfigError, TrafficfedError, Transient
from trafficfed.model import HealthCheck, ProbeResult

R = TypeVar("R")

_RTT_OFFSET = 68
_INFO_LENGTH = 104
"""``tcpi_rtt`` in Linux's ``struct tcp_info`` (include/uapi/linux/tcp.h): microseconds, unsigned 32 bits."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
"""Linger of 0 s. A thousand probes a second closed in the ordinary way would leave 60,000 sockets in TIME_WAIT."""

_ANSWERS = frozenset({errno.ECONNREFUSED, errno.ECONNRESET, errno.ETIMEDOUT})
"""What the target or the network says when connecting fails at once; any other immediate error is our own side's."""


class TargetFailed(TrafficfedError):
    """The target did not do what its check asks; the text is short and the same each time it happens."""


class Connection:
    """A TCP connection to be. ``address`` is an IP literal: nothing is ever resolved.

    Raises Transient where our own side cannot try (no free socket, no route of that family), which is no evidence about
    the target, and TargetFailed for what the target does. Whoever makes one closes it.
    """

    __slots__ = ("_address", "_loop", "_socket", "certificate_ends_s")

    def __init__(self, address: str) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            socket.inet_pton(family, address)
        except OSError:
            raise ConfigError(f"{address} is no IP address; only addresses can be probed") from None
        self._loop = asyncio.get_running_loop()
        self._address = address
        self.certificate_ends_s: float | None = None  # of the target's, in UTC seconds, once it has been verified
        try:
            self._socket = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC)
        except OSError as error:
            raise Transient(f"no socket for probing {address}: {_words(error.errno)}") from error
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)

    async def connect(self, port: int) -> None:
        """Complete the TCP handshake."""
        code = self._socket.connect_ex((self._address, port))
        if code == errno.EINPROGRESS:
            await self._writable()
            code = self._socket.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        elif code and code not in _ANSWERS:
            raise Transient(f"{self._address} cannot be tried from here: {_words(code)}")
        if code:
            raise TargetFailed(_words(code))

    def rtt_s(self) -> float | None:
        """The kernel's round-trip time in seconds, free of this process's own delays; None where it has no sample."""
        info = self._socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _INFO_LENGTH)
        (rtt_us,) = struct.unpack_from("=I", info, _RTT_OFFSET)
        return float(rtt_us) / 1e6 if rtt_us else None

    async def start_tls(self, context: ssl.SSLContext, name: str) -> None:
        """Wrap the connection; the certificate is verified as ``context`` says, against ``name``."""
        try:
            name.encode("idna")  # Asked first, as wrap_socket leaks the socket where this fails.
            wrapped = context.wrap_socket(self._socket, server_hostname=name, do_handshake_on_connect=False)
        except ValueError as error:
            raise ConfigError(f"{name!r} cannot be a TLS server name: {error}") from None
        except OSError as error:
            raise TargetFailed(_words(error.errno)) from error
        self._socket = wrapped
        await self._until_done(wrapped.do_handshake)
        if (shown := wrapped.getpeercert()) and isinstance(ends := shown["notAfter"], str):
            self.certificate_ends_s = float(ssl.cert_time_to_seconds(ends))

    async def send(self, data: bytes) -> None:
        while data:
            data = data[await self._until_done(functools.partial(self._socket.send, data)) :]

    async def receive(self, limit: int) -> bytes:
        """Some bytes, none at the end of the stream."""
        return await self._until_done(functools.partial(self._socket.recv, limit))

    def close(self) -> None:
        self._socket.close()

    async def _until_done(self, step: Callable[[], R]) -> R:
        """Repeat a non-blocking step until it need not wait any more."""
        while True:
            try:
                return step()
            except (BlockingIOError, ssl.SSLWantReadError):
                await self._readable()
            except ssl.SSLWantWriteError:
                await self._writable()
            except ssl.SSLCertVerificationError as error:
                raise TargetFailed(f"TLS certificate refused: {error.verify_message}") from error
            except ssl.SSLError as error:
                raise TargetFailed(f"TLS failed: {error.reason or 'closed'}") from error
            except OSError as error:
                raise TargetFailed(_words(error.errno)) from error

    async def _readable(self) -> None:
        ready = self._loop.create_future()
        self._loop.add_reader(self._socket.fileno(), _done, ready)
        try:
            await ready
        finally:
            self._loop.remove_reader(self._socket.fileno())

    async def _writable(self) -> None:
        ready = self._loop.create_future()
        self._loop.add_writer(self._socket.fileno(), _done, ready)
        try:
            await ready
        finally:
            self._loop.remove_writer(self._socket.fileno())


async def probe(
    address: str, port: int, check: HealthCheck, talk: Callable[[Connection], Awaitable[None]]
) -> ProbeResult:
    """Connect, let ``talk`` do the rest, and close: all of it within the check's timeout.

    Raises Transient or ConfigError where nothing was learnt about the target.
    """
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    connection = Connection(address)
    rtt_s: float | None = None
    error = ""
    try:
        async with asyncio.timeout(check.timeout_s):
            await connection.connect(port)
            rtt_s = connection.rtt_s()
            await talk(connection)
    except TimeoutError:
        waited = "no connection" if rtt_s is None else "no answer"
        error = f"{waited} within {check.timeout_s:g} s"
    except TargetFailed as failure:
        error = str(failure)
    finally:
        connection.close()
    return ProbeResult(error, rtt_s, loop.time() - started_s, connection.certificate_ends_s)


def _done(ready: "asyncio.Future[None]") -> None:
    # The loop may call again before whoever waits has taken the socket off it.
    if not ready.done():
        ready.set_result(None)


def _words(code: int | None) -> str:
    return os.strerror(code or errno.EIO).lower()
