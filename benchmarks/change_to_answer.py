"""From a Service's change at a real API server to the new answer at BIND and at the embedded name server.

One cluster with so many annotated Services, each with a name and an address of its own. A change gives one of them
another load-balancer address; the clock runs from the moment before that request is sent until each authority answers
with the new address, so the API server's own work is included. CPU and memory are the controller's.
"""

import asyncio
import os
import random
import selectors
import socket
import struct
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from benchmarks.measures import cpu_s, mib, peak_mib, quantiles, say
from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.model import Cluster
from trafficfed.testing import objects
from trafficfed.testing.authorities import Bind
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.deployment import Deployment

ZONE = "fed.test"
NAMESPACE = "bench"
WRITERS = 24
HEALTH = {"interval": 3600, "timeout": 3}
"""Probed once: what a change costs shall not be hidden in what probing ten thousand targets costs."""
ANSWER_S = 10.0
PAUSE_S = 0.001


@dataclass(frozen=True)
class Result:
    """One size: seconds, CPU seconds and MiB."""

    names: int
    cold_s: float
    cold_cpu_s: float
    cold_mib: float
    peak_mib: float
    cpu_per_change_s: float
    idle_cpu: float
    bind_s: Sequence[float]
    embedded_s: Sequence[float]


def measure(directory: Path, names: int, changes: int) -> Result:
    """Start everything at one size, and measure."""
    say(f"{names} names: starting an API server, BIND and {names} Services")
    with ClusterFarm(directory / "clusters") as farm, accepting() as port:
        cluster = farm.start_one("eu", own_etcd=True)
        asyncio.run(fill(cluster, names, port))
        members = [(Cluster(name="eu", region="eu-central-1"), cluster.kubeconfig, cluster.context)]
        with (
            Bind(directory / "bind", ZONE) as bind,
            Deployment(directory / "product", ZONE, members, health=HEALTH) as deployment,
        ):
            deployment.publish_to("bind", {"kind": "rfc2136", **bind.settings})
            deployment.start_nameserver()
            return run(cluster, bind, deployment, names, changes)


def run(cluster: RealCluster, bind: Bind, deployment: Deployment, names: int, changes: int) -> Result:
    started = time.monotonic()  # noqa: TID251 - a benchmark measures from outside
    deployment.start_controller(wait_s=300)
    assert deployment.controller is not None
    process = psutil.Process(deployment.controller.pid)
    wait_published(bind, names)
    cold_s = time.monotonic() - started  # noqa: TID251 - as above
    cold_cpu_s, cold_mib = cpu_s(process), mib(process)
    say(f"{names} names: cold start {cold_s:.1f} s, {cold_cpu_s:.2f} s of CPU, {cold_mib:.0f} MiB; settling")
    time.sleep(5)
    before_idle = cpu_s(process)
    time.sleep(10)
    idle = (cpu_s(process) - before_idle) / 10
    authorities = {"bind": (bind.address, bind.port), "embedded": ("127.0.0.1", deployment.dns_port)}
    before_s, begun = cpu_s(process), time.monotonic()  # noqa: TID251 - as above
    taken = change_one_by_one(cluster, authorities, names, changes)
    spent_s = cpu_s(process) - before_s - idle * (time.monotonic() - begun)  # noqa: TID251 - as above
    return Result(
        names=names,
        cold_s=cold_s,
        cold_cpu_s=cold_cpu_s,
        cold_mib=cold_mib,
        peak_mib=peak_mib(process),
        cpu_per_change_s=max(0.0, spent_s) / changes,
        idle_cpu=idle,
        bind_s=taken["bind"],
        embedded_s=taken["embedded"],
    )


async def fill(cluster: RealCluster, names: int, port: int) -> None:
    """Create the Services, each with its address, many at a time."""
    cluster.ensure_namespace(NAMESPACE)
    transport = Transport(await load_kubeconfig(cluster.admin_kubeconfig, cluster.context, SystemClock()))
    waiting = iter(range(names))

    async def write() -> None:
        for number in waiting:
            annotations = {
                "trafficfed.io/hostname": f"s{number}.{ZONE}",
                "trafficfed.io/health-check": f"tcp://:{port}",
            }
            manifest: dict[str, Any] = dict(
                objects.service(NAMESPACE, f"s{number}", annotations, (port,), "LoadBalancer")
            )
            # A node port each would exhaust their range at some 2,700 Services.
            manifest["spec"] = {**manifest["spec"], "allocateLoadBalancerNodePorts": False}
            await transport.request("POST", f"/api/v1/namespaces/{NAMESPACE}/services", encoded(manifest))
            await set_address(transport, number, address(number, 0))

    try:
        await asyncio.gather(*(write() for _ in range(WRITERS)))
    finally:
        await transport.close()


async def set_address(transport: Transport, number: int, ip: str) -> None:
    path = f"/api/v1/namespaces/{NAMESPACE}/services/s{number}/status"
    await transport.request("PATCH", path, encoded(objects.load_balancer((ip,))), "application/merge-patch+json")


def change_one_by_one(
    cluster: RealCluster, authorities: dict[str, tuple[str, int]], names: int, changes: int
) -> dict[str, list[float]]:
    """Change one Service after the other, and wait for each at every authority."""
    chosen = random.Random(1)
    taken: dict[str, list[float]] = {name: [] for name in authorities}
    turn = dict.fromkeys(range(names), 0)

    async def work() -> None:
        transport = Transport(await load_kubeconfig(cluster.admin_kubeconfig, cluster.context, SystemClock()))
        try:
            for _ in range(changes):
                number = chosen.randrange(names)
                turn[number] += 1
                ip = address(number, turn[number])
                started = time.monotonic()  # noqa: TID251 - as above
                asked = asyncio.to_thread(await_answers, authorities, f"s{number}.{ZONE}", ip, started)
                patched = set_address(transport, number, ip)
                for name, seconds in (await asyncio.gather(asked, patched))[0].items():
                    taken[name].append(seconds)
                await asyncio.sleep(0.05)
        finally:
            await transport.close()

    asyncio.run(work())
    return taken


def await_answers(authorities: dict[str, tuple[str, int]], name: str, ip: str, started: float) -> dict[str, float]:
    """Ask all authorities every millisecond until each has answered with the new address.

    Asked without a pause they would be measured under a load that takes their processors away.
    """
    wanted = socket.inet_aton(ip)
    query = question(name)
    found: dict[str, float] = {}
    with selectors.DefaultSelector() as selector:
        for label, where in authorities.items():
            asking = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            asking.connect(where)
            selector.register(asking, selectors.EVENT_READ, label)
            asking.send(query)
        while len(found) < len(authorities):
            for key, _ in selector.select(0.05):
                answer = key.fileobj.recv(4096)  # type: ignore[union-attr]
                now = time.monotonic()  # noqa: TID251 - as above
                if answer.endswith(wanted) or wanted in answer[len(query) :]:
                    found.setdefault(key.data, now - started)
                elif now - started > ANSWER_S:
                    raise AssertionError(f"{key.data} did not answer {name} with {ip} within {ANSWER_S} s")
                else:
                    time.sleep(PAUSE_S)
                    key.fileobj.send(query)  # type: ignore[union-attr]
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return found


def wait_published(bind: Bind, names: int) -> None:
    """Until BIND answers every name; it alone is asked, so that waiting costs the controller nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.connect((bind.address, bind.port))
        asking.settimeout(5)
        for number in range(names):
            while True:
                asking.send(question(f"s{number}.{ZONE}"))
                if asking.recv(4096)[7]:  # low octet of ANCOUNT, RFC 1035 section 4.1.1
                    break
                time.sleep(0.05)


@contextmanager
def accepting() -> Iterator[int]:
    """A listener that accepts connections to every loopback address, as the load balancers would."""
    server = socket.create_server(("0.0.0.0", 0), backlog=4096)
    stopping = threading.Event()

    def accept() -> None:
        while not stopping.is_set():
            try:
                server.accept()[0].close()
            except OSError:
                return

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield int(server.getsockname()[1])
    finally:
        stopping.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def address(number: int, turn: int) -> str:
    """An address of its own for each Service; it changes with every turn."""
    return f"127.{1 + (turn % 100)}.{number // 250}.{1 + number % 250}"


def question(name: str) -> bytes:
    """A query for A as it goes over the wire."""
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    return struct.pack("!HHHHHH", 1, 0, 1, 0, 0, 0) + labels + b"\0" + struct.pack("!HH", 1, 1)


def encoded(manifest: Any) -> bytes:
    import orjson

    return orjson.dumps(manifest)


def report(results: Sequence[Result]) -> str:
    """A table in Markdown."""
    lines = [
        f"{os.cpu_count()} cores, Python {sys.version.split()[0]}",
        "",
        "| names | cold start s | CPU s | MiB cold / peak | idle CPU | change to BIND ms p50 / p99 | "
        "to embedded ms p50 / p99 | CPU ms per change |",
        "|---|---|---|---|---|---|---|---|",
    ]
    return "\n".join([*lines, *map(row, results)])


def row(each: Result) -> str:
    cells = [
        f"{each.names:,}",
        f"{each.cold_s:.1f}",
        f"{each.cold_cpu_s:.2f}",
        f"{each.cold_mib:.0f} / {each.peak_mib:.0f}",
        f"{100 * each.idle_cpu:.1f} %",
        quantiles(each.bind_s),
        quantiles(each.embedded_s),
        f"{1000 * each.cpu_per_change_s:.1f}",
    ]
    return f"| {' | '.join(cells)} |"
