"""Baselines over many objects: how long until all are judged, and one that changes; and what that costs.

Reflectors, engine and the process that evaluates expressions are the product's. The API servers only keep objects and
tell of them.
"""

import asyncio
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import orjson
import psutil
import yaml

from benchmarks.exports import LightServer
from benchmarks.measures import clock_s, cpu_s, mib, peak_mib, quantiles, say
from trafficfed.baseline.runner import FleetBaselines
from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.model import Cluster, Freshness, Source

T = TypeVar("T")
Json = dict[str, Any]
READY_MADE = Path(__file__).parents[1] / "deploy" / "baselines"
HUB, CLUSTERS = "hub", ("c0", "c1", "c2")
RBAC, CORE = "rbac.authorization.k8s.io/v1", "v1"
KINDS = {
    "v1": (("pods", "Pod", True), ("namespaces", "Namespace", False)),
    RBAC: (("clusterroles", "ClusterRole", False), ("roles", "Role", True)),
    "apps/v1": (
        ("deployments", "Deployment", True),
        ("statefulsets", "StatefulSet", True),
        ("daemonsets", "DaemonSet", True),
    ),
    "batch/v1": (("jobs", "Job", True), ("cronjobs", "CronJob", True)),
}
ROLES = 5
"""One object in so many is a ClusterRole, the others are Pods."""

PACE_S = 0.02


class KindServer(LightServer):
    """One that also tells which kinds it has, and takes statuses of what stands in no namespace."""

    async def get_json(self, path: str, type: type[T], params: Mapping[str, str] = {}) -> T:
        api = path.removeprefix("/apis/").removeprefix("/api/")
        if path == "/version":
            return msgspec.json.decode(b'{"gitVersion":"v1.37.0"}', type=type)
        if api in KINDS:
            kinds = [{"name": name, "kind": kind, "namespaced": spaced} for name, kind, spaced in KINDS[api]]
            return msgspec.json.decode(orjson.dumps({"resources": kinds}), type=type)
        return await super().get_json(path, type, params)

    async def request(
        self, method: str, path: str, body: bytes | None = None, content_type: str = "", params: Mapping[str, str] = {}
    ) -> bytes:
        await asyncio.sleep(0)
        plain, root = path.removesuffix("/status"), path.split("/fleetbaselines/")[0]
        found = {
            **orjson.loads(self._objects["fleetbaselines"][plain]),
            "status": orjson.loads(body or b"{}")["status"],
        }
        answer = self.put("fleetbaselines", root, found)
        if (waiting := self._expected.pop(found["metadata"]["name"], None)) is not None:
            waiting.set_result(clock_s())
        return answer


class Measured(NamedTuple):
    """``judged_s`` is from the start, ``seen_s`` from a change until it is audited, ``told_s`` until the hub has it."""

    objects: int
    judged_s: float
    cpu_s: float
    worker_cpu_s: float
    seen_s: tuple[float, ...]
    told_s: tuple[float, ...]
    cpu_ms: float
    worker_cpu_ms: float
    mib: float
    worker_mib: float


def measure(objects: int, changes: int) -> Measured:
    return asyncio.run(_measure(objects, changes))


async def _measure(objects: int, changes: int) -> Measured:
    servers = {name: KindServer(number) for number, name in enumerate((HUB, *CLUSTERS))}
    for file in ("no-wildcards.yaml", "allowed-registries.yaml"):
        baseline = yaml.safe_load((READY_MADE / file).read_text())
        servers[HUB].put("fleetbaselines", "/apis/trafficfed.io/v1alpha1", baseline)
    for number in range(objects):
        _put(servers[CLUSTERS[number % len(CLUSTERS)]], number, good=True)
    product = _product(servers)
    me, began_s, before_s = psutil.Process(), clock_s(), time.process_time()
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(product.run(), name="under test")
        while product.evaluated < objects or product.waiting:
            say(f"{product.evaluated:,} of {objects:,} objects are judged")
            await asyncio.sleep(0.5)
        judged_s, spent_s = clock_s() - began_s, time.process_time() - before_s
        (worker,) = me.children()
        worker_cpu_s = cpu_s(worker)
        await asyncio.sleep(2.0)
        before_s, worker_before_s = time.process_time(), cpu_s(worker)
        seen, told = await _changes(product, servers, objects, changes)
        cpu_ms = (time.process_time() - before_s) * 1000 / changes
        worker_cpu_ms = (cpu_s(worker) - worker_before_s) * 1000 / changes
        sizes = mib(me), peak_mib(worker)
        running.cancel()
    return Measured(objects, judged_s, spent_s, worker_cpu_s, tuple(seen), tuple(told), cpu_ms, worker_cpu_ms, *sizes)


def _product(servers: Mapping[str, KindServer]) -> FleetBaselines:
    async def credentials(name: str) -> Credentials:
        return Credentials(name, "https://example.org", "nobody")

    return FleetBaselines(
        "bench",
        {name: Cluster(name=name) for name in CLUSTERS},
        {name: Source(cluster=name, uid=servers[name].uid, freshness=Freshness.FRESH) for name in CLUSTERS},
        partial(credentials, HUB),
        {name: partial(credentials, name) for name in CLUSTERS},
        SystemClock(),
        writes=False,
        open=lambda given: servers[given.name],
    )


async def _changes(
    product: FleetBaselines, servers: Mapping[str, KindServer], objects: int, changes: int
) -> tuple[list[float], list[float]]:
    """Role after role becomes bad, and good again."""
    seen, told = list[float](), list[float]()
    for change in range(changes):
        number = change // 2 * ROLES
        status = servers[HUB].expect("no-wildcards")
        began_s = clock_s()
        _put(servers[CLUSTERS[number % len(CLUSTERS)]], number, good=bool(change % 2))
        while sum(product.violations.values()) != 1 - change % 2:  # noqa: ASYNC110 - the moment counts
            await asyncio.sleep(0)
        seen.append(clock_s() - began_s)
        told.append(await status - began_s)
        await asyncio.sleep(PACE_S)
    return seen, told


def _put(server: KindServer, number: int, *, good: bool) -> None:
    if number % ROLES == 0:
        rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list" if good else "*"]}] * 3
        role = {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": f"role-{number}"}, "rules": rules}
        server.put("clusterroles", f"/apis/{RBAC}", role)
        return
    containers = [{"name": f"c{at}", "image": "registry.example.org/shop/web:1.0"} for at in range(3)]
    env = [{"name": f"NAME_{at}", "value": "a value of some length"} for at in range(20)]
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"namespace": "shop", "name": f"pod-{number}", "labels": {"app": "web"}},
        "spec": {"containers": [{**each, "env": env} for each in containers]},
    }
    server.put("pods", "/api/v1", pod)


def report(found: Measured) -> str:
    return (
        "| objects | all judged s | CPU s (evaluation) | change seen ms p50 / p99 | told on the hub ms p50 / p99 "
        "| CPU ms per change (evaluation) | MiB (evaluation) |\n|---|---|---|---|---|---|---|\n"
        f"| {found.objects:,} | {found.judged_s:.1f} | {found.cpu_s:.1f} ({found.worker_cpu_s:.1f}) "
        f"| {quantiles(found.seen_s)} | {quantiles(found.told_s)} "
        f"| {found.cpu_ms:.1f} ({found.worker_cpu_ms:.1f}) | {found.mib:.0f} ({found.worker_mib:.0f}) |"
    )
