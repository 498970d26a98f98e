"""From an endpoint that changes in one cluster to its copies in all others, with many exports; and what that costs.

Everything but the network is the product's: reflectors, engine, writers. The API servers are as light as can be, as
ten real ones would be what is measured on a small machine.
"""

import asyncio
import itertools
import resource
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Mapping
from functools import partial
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson

from benchmarks.measures import clock_s, quantiles, say
from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.messages import INITIAL_EVENTS_END
from trafficfed.model import Cluster, Freshness, Source
from trafficfed.services.kinds import GROUP, LOCAL_SERVICE_NAME
from trafficfed.services.known import Known
from trafficfed.services.runner import MultiClusterServices
from trafficfed.services.wishes import copy_name

T = TypeVar("T")
Json = dict[str, Any]
SLICES = "/apis/discovery.k8s.io/v1"
EXPORTS = f"/apis/{GROUP}/v1beta1"
SETTLE_S = 5.0
PACE_S = 0.02
"""Between changes that are measured one at a time."""


class LightServer:
    """One API server that keeps objects and tells whoever watches. ``made`` are the objects that clients made."""

    def __init__(self, number: int) -> None:
        self.uid = f"cluster-{number}"
        self.made: set[str] = set()
        self._expected: dict[str, asyncio.Future[float]] = {}
        self._revisions, self._addresses = itertools.count(2), itertools.count(1)
        self._objects: dict[str, dict[str, bytes]] = defaultdict(dict)
        self._watches: dict[str, list[asyncio.Queue[bytes]]] = defaultdict(list)

    def put(self, kind: str, root: str, found: Json) -> bytes:
        """As if somebody had written it."""
        meta = found["metadata"]
        path = f"{root}/namespaces/{meta['namespace']}/{kind}/{meta['name']}" if "namespace" in meta else ""
        path = path or f"{root}/{kind}/{meta['name']}"
        meta |= {"uid": meta.get("uid") or path, "resourceVersion": str(next(self._revisions))}
        meta.setdefault("creationTimestamp", "2026-01-01T00:00:00Z")
        body = orjson.dumps(found)
        known = path in self._objects[kind]
        self._objects[kind][path] = body
        self._tell(kind, b"MODIFIED" if known else b"ADDED", body)
        return body

    def _tell(self, kind: str, type: bytes, body: bytes) -> None:
        for each in self._watches[kind]:
            each.put_nowait(b'{"type":"%b","object":%b}' % (type, body))

    # ------------------------------------------------------------------ as a client sees it

    async def close(self) -> None:
        """Nothing is held open."""

    async def get_json(self, path: str, type: type[T], params: Mapping[str, str] = {}) -> T:
        found: Json = {"metadata": {"name": "kube-system", "uid": self.uid, "resourceVersion": "1"}}
        if path == f"/apis/{GROUP}":
            found = {"versions": [{"version": "v1beta1"}]}
        return msgspec.json.decode(orjson.dumps(found), type=type)

    async def stream(self, path: str, params: Mapping[str, str]) -> AsyncGenerator[list[bytes], None]:
        kind, queue = path.rpartition("/")[2], asyncio.Queue[bytes]()
        self._watches[kind].append(queue)
        yield []
        for body in list(self._objects[kind].values()):
            yield [b'{"type":"ADDED","object":%b}' % body]
        end = {"annotations": {INITIAL_EVENTS_END: "true"}, "resourceVersion": str(next(self._revisions))}
        yield [orjson.dumps({"type": "BOOKMARK", "object": {"metadata": end}})]
        while True:
            lines = [await queue.get()]
            while not queue.empty():
                lines.append(queue.get_nowait())
            yield lines

    async def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "", params: Mapping[str, str] = {}
    ) -> bytes:
        await asyncio.sleep(0)
        root, _, rest = path.partition("/namespaces/")
        _, kind, name, *status = rest.split("/")
        found = orjson.loads(body or b"{}")
        plain = path.removesuffix("/status")
        if method == "DELETE":
            gone = self._objects[kind].pop(plain, None)
            if gone is None:
                raise Rejected("404 Not Found", 404)
            self._tell(kind, b"DELETED", gone)
            return gone
        if kind == "services":
            found["spec"]["clusterIPs"] = [f"10.96.{next(self._addresses) % 250}.1"]
        if status:
            found = {**orjson.loads(self._objects[kind][plain]), "status": found["status"]}
        else:
            self.made.add(path)
        answer = self.put(kind, root, found)
        if (waiting := self._expected.pop(name, None)) is not None:
            waiting.set_result(clock_s())
        return answer

    def expect(self, name: str) -> asyncio.Future[float]:
        """When an object of this name is written next."""
        self._expected[name] = asyncio.get_running_loop().create_future()
        return self._expected[name]


class Measured(NamedTuple):
    """``delays_s`` are from a change to each copy of it."""

    clusters: int
    services: int
    endpoints: int
    objects: int
    settled_s: float
    settled_cpu_s: float
    idle_cpu: float
    delays_s: tuple[float, ...]
    cpu_ms: float
    mib: float


def measure(clusters: int, services: int, endpoints: int, changes: int) -> Measured:
    return asyncio.run(_measure(clusters, services, endpoints, changes))


async def _measure(clusters: int, services: int, endpoints: int, changes: int) -> Measured:
    servers = {f"c{number}": LightServer(number) for number in range(clusters)}
    for at, server in enumerate(servers.values()):
        server.put("namespaces", "/api/v1", {"metadata": {"name": "shop"}})
        for number in range(services):
            _export(server, at, number, endpoints)
    sources = {
        name: Source(cluster=name, uid=server.uid, freshness=Freshness.FRESH) for name, server in servers.items()
    }

    async def credentials(name: str) -> Credentials:
        return Credentials(name, "https://example.org", "nobody")

    product = MultiClusterServices(
        "bench",
        {name: Cluster(name=name) for name in servers},
        Known({}, sources, tuple),
        {name: partial(credentials, name) for name in servers},
        SystemClock(),
        open=lambda given: servers[given.name],
    )
    began_s, cpu_s = clock_s(), time.process_time()
    wanted = clusters * services * (clusters + 2)
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(product.run(), name="under test")
        while (made := sum(len(server.made) for server in servers.values())) < wanted or product.waiting:
            say(f"{made:,} of {wanted:,} objects are in place")
            await asyncio.sleep(2)
        settled_s, settled_cpu_s = clock_s() - began_s, time.process_time() - cpu_s
        await _quiet()
        cpu_s = time.process_time()
        await asyncio.sleep(SETTLE_S)
        idle_cpu = (time.process_time() - cpu_s) / SETTLE_S
        cpu_s, delays = time.process_time(), list[float]()
        for change in range(changes):
            name = list(servers)[change % clusters]
            delays += await _change(servers, name, change % services, endpoints - 1 - change // services % 2)
            await asyncio.sleep(PACE_S)
        cpu_ms = (time.process_time() - cpu_s) * 1000 / changes
        running.cancel()
    mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return Measured(clusters, services, endpoints, made, settled_s, settled_cpu_s, idle_cpu, tuple(delays), cpu_ms, mib)


async def _quiet() -> None:
    """Until what follows from what is in place (statuses, mostly) was written as well."""
    while True:
        cpu_s = time.process_time()
        await asyncio.sleep(1)
        if time.process_time() - cpu_s < 0.1:
            return


async def _change(servers: Mapping[str, LightServer], at: str, number: int, endpoints: int) -> list[float]:
    """One endpoint comes or goes; after how long each cluster has the copy that says so."""
    copy = copy_name(f"web{number}", at, f"web{number}-x")
    expected = [server.expect(copy) for server in servers.values()]
    began_s = clock_s()
    servers[at].put("endpointslices", SLICES, _slice(list(servers).index(at), number, endpoints))
    return [await each - began_s for each in expected]


def _export(server: LightServer, at: int, number: int, endpoints: int) -> None:
    meta = {"namespace": "shop", "name": f"web{number}"}
    port = {"name": "http", "port": 80, "protocol": "TCP"}
    server.put("services", "/api/v1", {"metadata": {**meta}, "spec": {"clusterIP": "10.0.0.1", "ports": [port]}})
    server.put("serviceexports", EXPORTS, {"metadata": {**meta}})
    server.put("endpointslices", SLICES, _slice(at, number, endpoints))


def _slice(at: int, number: int, endpoints: int) -> Json:
    labels = {LOCAL_SERVICE_NAME: f"web{number}"}
    ends = [
        {"addresses": [f"10.{at}.{number % 250}.{end}"], "conditions": {"ready": True, "serving": True}}
        for end in range(endpoints)
    ]
    return {
        "metadata": {"namespace": "shop", "name": f"web{number}-x", "labels": labels},
        "addressType": "IPv4",
        "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}],
        "endpoints": ends,
    }


def report(found: Measured) -> str:
    return "\n".join(
        (
            "| clusters | exports each | endpoints each | objects made | all in place s | CPU s | MiB | idle CPU |"
            " change to copy ms p50 / p99 | CPU ms per change |",
            "|---|---|---|---|---|---|---|---|---|---|",
            f"| {found.clusters} | {found.services:,} | {found.endpoints} | {found.objects:,} | {found.settled_s:.1f} |"
            f" {found.settled_cpu_s:.1f} | {found.mib:.0f} | {100 * found.idle_cpu:.1f} % |"
            f" {quantiles(found.delays_s)} | {found.cpu_ms:.1f} |",
        )
    )
