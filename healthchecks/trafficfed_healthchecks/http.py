"""``http://:PORT/PATH`` and ``https://...``: passes when the answer to a GET has a 2xx or 3xx status.

Redirects are not followed (a redirect may lead to a healthy stranger) and the body is not read. HTTPS verifies the
certificate against the system's authorities and the check's host; a check cannot switch that off.
"""

import functools
import re
import ssl

from trafficfed.errors import ConfigError
from trafficfed.model import HealthCheck, ProbeResult
from trafficfed_healthchecks.connection import Connection, TargetFailed, probe

MAX_HEAD_BYTES = 16 * 1024
"""What an answer's head may take; common servers send at most 8 or 16 KiB."""
AGENT = "trafficfed-health"
DEFAULT_PORTS = {"http": 80, "https": 443}

_STATUS = re.compile(rb"HTTP/1\.[01] ([1-5]\d\d)(?: |$)")
_END_OF_HEAD = re.compile(rb"\r?\n\r?\n")
_UNFIT = re.compile(r"[^!-~]")
"""Anything but printable ASCII would end the request line or a header early, or mean something else to the server."""


class HttpProbe:
    """GET over a new connection each time. ``context`` replaces the system's authorities, for private ones."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._given = context

    async def __call__(self, address: str, port: int, check: HealthCheck) -> ProbeResult:
        """Raises ConfigError where the check's path or host cannot be sent."""
        question = request(address, port, check)
        context = self._context if check.scheme == "https" else None

        async def ask(connection: Connection) -> None:
            if context is not None:
                await connection.start_tls(context, check.host or address)
            await connection.send(question)
            status = await _status(connection)
            if not 200 <= status < 400:
                raise TargetFailed(f"status {status}")

        return await probe(address, port, check, ask)

    @functools.cached_property
    def _context(self) -> ssl.SSLContext:
        # Made on first use: reading the system's authorities takes some 20 ms, and plain HTTP needs none of it.
        return self._given or ssl.create_default_context()


def request(address: str, port: int, check: HealthCheck) -> bytes:
    """The request as sent. Raises ConfigError where path or host hold what would change its meaning.

    >>> check = HealthCheck(scheme="http", path="/healthz", host="web.fed.test")
    >>> request("192.0.2.1", 8080, check).split(b"\\r\\n")[:2]
    [b'GET /healthz HTTP/1.1', b'Host: web.fed.test:8080']
    """
    path, host = check.path or "/", check.host or (f"[{address}]" if ":" in address else address)
    if not path.startswith("/") or _UNFIT.search(path) or _UNFIT.search(host):
        raise ConfigError(f"health check of {host!r} {path!r}: a path begins with / and both hold printable ASCII only")
    if port != DEFAULT_PORTS.get(check.scheme):
        host = f"{host}:{port}"
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        f"User-Agent: {AGENT}",
        "Accept: */*",
        "Connection: close",
        "",
        "",
    )
    return "\r\n".join(lines).encode("ascii")


async def _status(connection: Connection) -> int:
    """The final status, once the whole head has come; interim answers (1xx) are passed over (RFC 9110 section 15.2)."""
    received = b""
    while True:
        end = _END_OF_HEAD.search(received)
        if end is None:
            received += await _more(connection, received)
            continue
        status = _STATUS.match(received.split(b"\n", 1)[0].rstrip(b"\r"))
        if status is None:
            raise TargetFailed("the answer is not HTTP/1.1")
        if not status[1].startswith(b"1") or status[1] == b"101":
            return int(status[1])
        received = received[end.end() :]


async def _more(connection: Connection, received: bytes) -> bytes:
    if len(received) > MAX_HEAD_BYTES:
        raise TargetFailed(f"the answer's head is longer than {MAX_HEAD_BYTES} bytes")
    data = await connection.receive(MAX_HEAD_BYTES)
    if not data:
        raise TargetFailed("closed the connection before a whole answer")
    return data
