"""A connection to an emulated cluster without sockets: what a Transport does, in the event loop's own time.

So that whoever follows and writes API servers can be tested over hours of faults in milliseconds.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Iterator
from typing import TypeVar

import msgspec
import orjson

from trafficfed.errors import Transient
from trafficfed.kubernetes_api.failures import failure_of
from trafficfed.kubernetes_api.transport import ANSWER_S, NO_PARAMS, Params
from trafficfed.sandbox.apiserver import discovery, patching
from trafficfed.sandbox.apiserver.cluster import Cluster
from trafficfed.sandbox.apiserver.failures import ApiFailure
from trafficfed.sandbox.apiserver.faults import Faults
from trafficfed.sandbox.apiserver.formats import negotiate
from trafficfed.sandbox.apiserver.kinds import Json
from trafficfed.sandbox.apiserver.lists import encode_list, read_page
from trafficfed.sandbox.apiserver.routing import parse_intent, parse_list, parse_target
from trafficfed.sandbox.apiserver.watching import Cut, Watch

T = TypeVar("T")


class EmulatedServer:
    """One API server: its ``cluster`` may be replaced by another, or by an earlier state of it. ``calls`` are the
    writes it was asked for, ``reads`` the paths that were read; ``connections`` are open; ``answer_s`` is
    how long each request takes."""

    def __init__(self, cluster: Cluster, answer_s: float = 0.0) -> None:
        self.cluster = cluster
        self.faults = Faults(lambda: self.cluster.store.touch())
        self.faults.latency_s = answer_s
        self.calls: list[str] = []
        self.reads: list[str] = []
        self.connections: set[EmulatedApi] = set()

    def connect(self) -> "EmulatedApi":
        """As a client that has its credentials."""
        return EmulatedApi(self)

    def go(self) -> None:
        """The server is gone: every watch breaks, every request fails."""
        self.faults.refuse = True
        self.faults.cut_watches()

    def come_back(self) -> None:
        """The server is there again."""
        self.faults.refuse = False

    def restore(self, cluster: Cluster) -> None:
        """Another cluster, or an earlier state of this one, answers from now on."""
        self.faults.cut_watches()
        self.cluster = cluster


class EmulatedApi:
    """One client's connection: a Reader and a Writer."""

    def __init__(self, server: EmulatedServer) -> None:
        self._server = server
        self._form = negotiate("application/json", "")
        server.connections.add(self)

    async def close(self) -> None:
        self._server.connections.discard(self)

    async def get_json(self, path: str, type: type[T], params: Params = NO_PARAMS) -> T:
        return msgspec.json.decode(await self.request("GET", path, params=params), type=type)

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        """Raises Transient or Refused."""
        if method == "GET":
            self._server.reads.append(path)
        else:
            self._server.calls.append(f"{method} {path}")
        async with self._answering(method, path):
            if method == "GET":
                return self._read(path, params)
            return orjson.dumps(self._write(method, path, orjson.loads(body or b"{}"), content_type, params))

    async def stream(self, path: str, params: Params) -> AsyncGenerator[list[bytes], None]:
        """Raises Transient or Refused."""
        server = self._server
        async with self._answering("GET", path):
            target = parse_target(path, server.cluster.kinds)
            watch = Watch(server.cluster, server.faults, target, parse_list(params), self._form)
        yield []
        try:
            async for chunk in watch.events():
                if lines := chunk.split(b"\n")[:-1]:
                    yield lines
        except Cut:
            raise Transient("the connection broke") from None

    @contextlib.asynccontextmanager
    async def _answering(self, method: str, path: str) -> AsyncGenerator[None, None]:
        server = self._server
        if self not in server.connections:
            raise Transient("the connection is closed")
        try:
            async with asyncio.timeout(ANSWER_S):
                await server.faults.delay()
        except TimeoutError:
            raise Transient(f"{method} {path}: no answer within {ANSWER_S:.0f} s") from None
        if server.faults.refuse:
            raise Transient("connection refused")
        with _failures():
            if (refusal := server.faults.take(method, path)) is not None:
                raise refusal
            yield

    def _read(self, path: str, params: Params) -> bytes:
        cluster, parts = self._server.cluster, path.strip("/").split("/")
        if parts == ["version"]:
            return orjson.dumps(discovery.VERSION)
        if parts[0] == "api" and len(parts) == 2:
            return orjson.dumps(discovery.api_resources("", parts[1], cluster.kinds))
        if parts[0] == "apis" and len(parts) == 3:
            try:
                return orjson.dumps(discovery.api_resources(parts[1], parts[2], cluster.kinds))
            except LookupError:
                raise ApiFailure(404, "NotFound", "404 page not found") from None
        if parts[0] == "apis" and len(parts) == 2:
            try:
                return orjson.dumps(discovery.api_group(parts[1], cluster.kinds))
            except LookupError:
                raise ApiFailure(404, "NotFound", "404 page not found") from None
        target = parse_target(path, cluster.kinds)
        if target.name:
            return self._form.one(target.kind, cluster.get(target), cluster.clock.now_s())
        return encode_list(target, read_page(cluster, target, parse_list(params)))

    def _write(self, method: str, path: str, body: Json, content_type: str, params: Params) -> Json:
        cluster = self._server.cluster
        target, intent = parse_target(path, cluster.kinds), parse_intent(params, "trafficfed")
        match method, content_type:
            case "POST", _:
                return cluster.create(target, body, intent).value
            case "PUT", _:
                return cluster.replace(target, body, intent).value
            case "PATCH", "application/apply-patch+yaml":
                return cluster.apply(target, body, intent).value
            case "PATCH", "application/merge-patch+json":
                return cluster.modify(target, lambda value: patching.merge_patch(value, body), intent).value
            case "DELETE", _:
                return cluster.delete(target, body, intent)
        raise AssertionError(f"nobody needs {method} of {content_type} so far")


@contextlib.contextmanager
def _failures() -> Iterator[None]:
    try:
        yield
    except ApiFailure as failure:
        headers = {"Retry-After": str(failure.retry_after_s)} if failure.retry_after_s else {}
        raise failure_of(failure.code, headers, orjson.dumps(failure.status()), "the test") from None
