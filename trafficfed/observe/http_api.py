"""The controller's HTTP API: liveness, readiness, metrics, and JSON of what it knows and does.

Reads need no credentials and are bound to loopback by default; calls that change something carry the bearer token from
the state folder. The Host header must be an IP address, localhost or a configured name, so that no web page can reach
the API through a name of its own that resolves to it (DNS rebinding); and no page of another site may call it at all.
"""

import asyncio
import errno
import hmac
import ipaddress
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import TypeVar

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from trafficfed.clock import SystemClock
from trafficfed.config.settings import ListenAddress
from trafficfed.errors import ConfigError, Refused, TrafficfedError, Transient, Unsafe
from trafficfed.model import Value
from trafficfed.observe.exposition import is_open_metrics
from trafficfed.observe.live import Live
from trafficfed.observe.metrics import CONTENT_TYPE, OPEN_METRICS_TYPE, Metrics
from trafficfed.observe.operations import ControlRequest, Operations, UndoRequest
from trafficfed.observe.origin import is_foreign
from trafficfed.observe.stream import Stream
from trafficfed.observe.views import AccessView
from trafficfed.steering.geography import CONTINENTS
from trafficfed.steering.orders import BadOrder

_STATUS = {BadOrder: 400, ConfigError: 404, Unsafe: 409, Refused: 502, Transient: 503}
_BACKLOG_S = 5.0  # how long open requests may take to end at shutdown; longer than any handler works
_DIGITS = 18  # of a count that fits 64 bits
_LONGEST_BODY = 64 * 1024  # octets; an order has a few hundred
V = TypeVar("V", bound=Value)


class Failed(Value, frozen=True):
    """The body of every answer that is no success."""

    error: str


@asynccontextmanager
async def serving(
    operations: Operations,
    metrics: Metrics,
    *,
    listen: ListenAddress,
    token: str,
    hosts: Collection[str] = (),
    stream: Stream | None = None,
) -> AsyncIterator[ListenAddress]:
    """Serve the API while the context lasts; yields the address bound to (port 0 takes a free one).

    ``stream`` is for who tells it of reports; without one, changes are seen when they are next looked for.
    Raises ConfigError where the address is taken or is none of this machine's.
    """
    app = application(operations, metrics, token, hosts, stream, bound=listen.host)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=_BACKLOG_S)
    await runner.setup()
    try:
        await _bind(web.TCPSite(runner, listen.host, listen.port), listen)
        yield ListenAddress(*runner.addresses[0][:2])
    finally:
        await runner.cleanup()


async def _bind(site: web.TCPSite, listen: ListenAddress) -> None:
    try:
        await site.start()
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigError(f"api: {listen} is taken by another process; stop that, or set another address") from None
        raise ConfigError(
            f"api: cannot listen on {listen} ({error.strerror}); set an address of this machine"
        ) from None


def application(
    operations: Operations,
    metrics: Metrics,
    token: str,
    hosts: Collection[str] = (),
    stream: Stream | None = None,
    bound: str = "",
) -> web.Application:
    """The aiohttp application, for whoever binds it, to the host ``bound``."""
    names, served = frozenset(hosts), frozenset({*hosts, bound} - {""})
    guards = [_guard_host(served), _guard_origin(names), _guard_writes(token), _told]
    app = web.Application(middlewares=guards, client_max_size=_LONGEST_BODY)
    api = _Handlers(operations, metrics, token)
    live = Live(stream or Stream(operations.status, SystemClock()))
    app.add_routes(live.routes())
    app.on_shutdown.append(live.close)
    app.add_routes(
        [
            web.get("/livez", api.livez),
            web.get("/readyz", api.readyz),
            web.get("/metrics", api.metrics),
            web.get("/api/status", api.status),
            web.get("/api/explain", api.explain),
            web.get("/api/plan", api.plan),
            web.get("/api/controls", api.controls),
            web.get("/api/events", api.events),
            web.get("/api/audit", api.audit),
            web.get("/api/chain", api.chain),
            web.get("/api/preview", api.preview),
            web.get("/api/access", api.access),
            web.post("/api/control", api.control),
            web.post("/api/undo", api.undo),
            web.post("/api/confirm/{id}", api.confirm),
            web.post("/api/forget/{cluster}", api.forget),
        ]
    )
    return app


class _Handlers:
    """One method a route."""

    def __init__(self, operations: Operations, metrics: Metrics, token: str) -> None:
        self._operations = operations
        self._metrics = metrics
        self._token = token

    async def livez(self, _: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(self, _: web.Request) -> web.Response:
        ready, reasons = self._operations.ready()
        return web.Response(text="".join(f"{reason}\n" for reason in reasons) or "ok\n", status=200 if ready else 503)

    async def metrics(self, request: web.Request) -> web.StreamResponse:
        """In pieces: tens of thousands of series take longer to write than a probe may be late."""
        open_metrics = is_open_metrics(request.headers.get("Accept", ""))
        answer = web.StreamResponse(headers={"Content-Type": OPEN_METRICS_TYPE if open_metrics else CONTENT_TYPE})
        answer.enable_compression()
        await answer.prepare(request)
        for chunk in self._metrics.chunks(open_metrics=open_metrics):
            await answer.write(chunk)
            await asyncio.sleep(0)
        await answer.write_eof()
        return answer

    async def status(self, _: web.Request) -> web.Response:
        return _json(self._operations.status())

    async def explain(self, request: web.Request) -> web.Response:
        host, client = request.query.get("host", ""), request.query.get("client", "")
        if not host:
            return _json(Failed("host is missing; ask for /api/explain?host=NAME&client=ADDRESS"), 400)
        if client and not _is_ip(client) and not _is_country(client):
            return _json(Failed(f"client {client!r} is no IP address, and no country's code of two letters"), 400)
        return _json(self._operations.explain(host.lower().removesuffix("."), client))

    async def plan(self, _: web.Request) -> web.Response:
        return _json(self._operations.plan())

    async def audit(self, request: web.Request) -> web.Response:
        return _json(self._operations.audit(request.query.get("baseline", ""), request.query.get("cluster", "")))

    async def confirm(self, request: web.Request) -> web.Response:
        return _json(await self._operations.confirm(request.match_info["id"]))

    async def forget(self, request: web.Request) -> web.Response:
        return _json(await self._operations.forget(request.match_info["cluster"]))

    async def controls(self, _: web.Request) -> web.Response:
        return _json(self._operations.controls())

    async def events(self, request: web.Request) -> web.Response:
        after = request.query.get("after", "0")
        if not (after.isascii() and after.isdigit() and len(after) <= _DIGITS):
            return _json(Failed(f"after {after!r} is no count; leave it out, or say the last answer's seen"), 400)
        return _json(self._operations.events(int(after)))

    async def chain(self, request: web.Request) -> web.Response:
        return _json(self._operations.chain(request.query.get("service", "")))

    async def preview(self, request: web.Request) -> web.Response:
        """An order in the query's fields, or the ``id`` of a control to end. It is not given, so it needs no token."""
        asked = dict(request.query)
        kind: type[ControlRequest] | type[UndoRequest] = UndoRequest if "id" in asked else ControlRequest
        try:
            wanted = msgspec.convert(asked, kind, strict=False)
        except msgspec.ValidationError as error:
            raise BadOrder(f"the query is no {kind.__name__}: {error}") from None
        return _json(self._operations.preview(wanted))

    async def access(self, request: web.Request) -> web.Response:
        return _json(AccessView(orders=_has_token(request, self._token)))

    async def control(self, request: web.Request) -> web.Response:
        return _json(await self._operations.control(await _body(request, ControlRequest)))

    async def undo(self, request: web.Request) -> web.Response:
        return _json(await self._operations.undo(await _body(request, UndoRequest)))


async def _body(request: web.Request, kind: type[V]) -> V:
    try:
        return msgspec.json.decode(await request.read(), type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise BadOrder(f"the body is no {kind.__name__}: {error}") from None


def _guard_host(hosts: frozenset[str]) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        name = _host_of(request.headers.get("Host", ""))
        if name == "localhost" or name in hosts or _is_ip(name):
            return await handler(request)
        return _json(Failed("this Host is not served; call by address, or list the name under api-hosts"), 421)

    return guard


def _guard_origin(hosts: frozenset[str]) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if is_foreign(request.headers, hosts):
            return _json(Failed("pages of other sites may not call this; a proxy's name belongs under api-hosts"), 403)
        return await handler(request)

    return guard


def _guard_writes(token: str) -> Middleware:
    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.method in ("GET", "HEAD") or _has_token(request, token):
            return await handler(request)
        answer = _json(Failed("this call needs the bearer token that the controller keeps in its state folder"), 401)
        answer.headers["WWW-Authenticate"] = "Bearer"
        return answer

    return guard


def _has_token(request: web.Request, token: str) -> bool:
    given = request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")
    return hmac.compare_digest(given, f"Bearer {token}".encode())


@web.middleware
async def _told(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Every failure as JSON; one request's harms no other, and its cause goes to the log, not to the caller."""
    try:
        return await handler(request)
    except TrafficfedError as error:
        status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 500)
        return _json(Failed(str(error)), status)
    except web.HTTPException as error:
        return _json(Failed(f"{request.method} {request.path}: {error.reason}"), error.status)


def _json(body: Value, status: int = 200) -> web.Response:
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return web.Response(body=msgspec.json.encode(body), status=status, headers=headers, content_type="application/json")


def _host_of(header: str) -> str:
    """The Host header's name without its port.

    >>> _host_of("127.0.0.1:8080"), _host_of("[::1]:8080"), _host_of("LocalHost")
    ('127.0.0.1', '::1', 'localhost')
    """
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.partition(":")[0].lower()


def _is_country(text: str) -> bool:
    return len(text) == 2 and text.upper() in CONTINENTS


def _is_ip(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
