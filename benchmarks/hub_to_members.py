"""From one object on the hub to its copies in three members, at real API servers, with the product as users run it.

The clock runs from the moment before the request to the hub is sent until the last member's own watch shows the
content. Beside it the same writes by a plain client, without the product: what these API servers take by themselves.
"""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import orjson
import psutil

from benchmarks.copies import Arrivals, PlainClient, change, create, create_many
from benchmarks.measures import clock_s, cpu_s, peak_mib, quantiles, say
from benchmarks.request_counts import Requests, served, told
from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.model import Cluster
from trafficfed.testing import hubs
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.deployment import Deployment

T = TypeVar("T")
ZONE = "fed.test"
NAMESPACE, PLAIN = "bench", "plain"
MEMBERS = ("eu", "us", "ap")
SETTLED_S = 4.0
"""Longer than the product takes to gather what it then says in one status."""
WITHIN_S = 30.0
MANY_WITHIN_S = 300.0
PAUSE_S = 0.05
PAUSE_AMID_S = 0.02


@dataclass(frozen=True)
class Latencies:
    """Seconds of each, one at a time."""

    changed_s: Sequence[float]
    created_s: Sequence[float]
    amid_s: Sequence[float]


@dataclass(frozen=True)
class Many:
    """So many created at once: seconds until the hub had them, and until all members had."""

    objects: int
    hub_s: float
    members_s: float

    @property
    def per_s(self) -> float:
        return self.objects / self.members_s


@dataclass(frozen=True)
class Cost:
    """What the product used for so many objects: CPU, and requests beside the benchmark's own."""

    objects: int
    cpu_s: float
    hub: Requests
    members: Requests

    @property
    def cpu_ms(self) -> float:
        return 1000 * self.cpu_s / self.objects


@dataclass(frozen=True)
class Plain:
    """The API servers without the product."""

    changed_s: Sequence[float]
    many: Many


@dataclass(frozen=True)
class Result:
    plain: Plain
    latencies: Latencies
    many: Many
    many_amid: Sequence[Many]
    cost_changed: Cost
    cost_created: Cost
    peak_mib: float
    load: float


@dataclass(frozen=True)
class Fleet:
    """The hub and the members, by the administrator's connections."""

    hub: Transport
    members: dict[str, Transport]
    arrivals: Arrivals


def measure(directory: Path, objects: int, changes: int) -> Result:
    """Start everything, and measure."""
    say("starting a hub and three members, each with an etcd of its own")
    with ClusterFarm(directory / "clusters") as farm:
        hub, *members = farm.start("hub", *MEMBERS, own_etcd=True)
        hubs.make_hub(hub)
        for cluster in members:
            hubs.allow_propagation(cluster)
        hub.ensure_namespace(NAMESPACE)
        hub.ensure_namespace(PLAIN)
        plain = asyncio.run(measure_plain(hub, members, objects, changes))
        known = [(Cluster(name=each.name), each.kubeconfig, each.context) for each in members]
        with Deployment(directory / "product", ZONE, known) as deployment:
            deployment.set(hub={"kubeconfig": str(hub.kubeconfig), "context": hub.context})
            deployment.start_controller()
            assert deployment.controller is not None
            process = psutil.Process(deployment.controller.pid)
            try:
                return asyncio.run(measure_product(hub, members, process, plain, objects, changes))
            except TimeoutError as error:
                raise AssertionError(f"not in all members in time; the controller's log: {deployment.log()}") from error


@asynccontextmanager
async def connected(hub: RealCluster, members: Sequence[RealCluster], namespace: str) -> AsyncIterator[Fleet]:
    """Connections to all, and a watch of each member; a watch that ends ends the benchmark."""
    async with AsyncExitStack() as stack:
        transports: dict[str, Transport] = {}
        for cluster in (hub, *members):
            credentials = await load_kubeconfig(cluster.admin_kubeconfig, cluster.context, SystemClock())
            transports[cluster.name] = Transport(credentials)
            stack.push_async_callback(transports[cluster.name].close)
        fleet = Fleet(transports.pop("hub"), transports, Arrivals(transports))
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        begun = {name: asyncio.Event() for name in transports}
        watches = [tasks.create_task(fleet.arrivals.watch(name, namespace, begun[name])) for name in transports]
        await asyncio.gather(*(each.wait() for each in begun.values()))
        try:
            yield fleet
        finally:
            for watch in watches:
                watch.cancel()


# ---------------------------------------------------------------------- without the product


async def measure_plain(hub: RealCluster, members: Sequence[RealCluster], objects: int, changes: int) -> Plain:
    """The same writes, as soon as each may be sent."""
    async with connected(hub, members, PLAIN) as fleet:
        client = PlainClient(fleet.members, PLAIN)
        await client.make_namespace()
        await plain_many(fleet, client, "warm", objects // 5)
        many = await plain_many(fleet, client, "plain", objects)
        say(f"plain client: {many.per_s:.0f} objects/s")
        changed = []
        for turn in map(str, range(1, changes + 1)):
            seen = fleet.arrivals.expect("plain-0", turn)
            started = clock_s()
            await change(fleet.hub, PLAIN, "plain-0", turn)
            await client.apply_everywhere("plain-0", turn)
            changed.append(await within(WITHIN_S, seen) - started)
            await asyncio.sleep(PAUSE_S)
        return Plain(changed, many)


async def plain_many(fleet: Fleet, client: PlainClient, prefix: str, count: int) -> Many:
    names = [f"{prefix}-{number}" for number in range(count)]
    seen = [fleet.arrivals.expect(name, "0") for name in names]
    started = clock_s()

    async def on_hub() -> float:
        await create_many(fleet.hub, PLAIN, names)
        return clock_s()

    hub_at, _ = await asyncio.gather(on_hub(), client.apply_many(names))
    last = max(await within(MANY_WITHIN_S, asyncio.gather(*seen)))
    return Many(count, hub_at - started, last - started)


# ---------------------------------------------------------------------- with the product


async def measure_product(
    hub: RealCluster, members: Sequence[RealCluster], process: psutil.Process, plain: Plain, objects: int, changes: int
) -> Result:
    async with connected(hub, members, NAMESPACE) as fleet:
        await stand_policy(fleet)
        names = [f"one-{number}" for number in range(changes)]
        await create_one_by_one(fleet, [f"warm-{number}" for number in range(20)])
        created = await create_one_by_one(fleet, names)
        say(f"created under a standing policy: {quantiles(created)} ms")
        async with costing(fleet, process, changes, "PATCH") as cost_changed:
            changed = await change_one_by_one(fleet, names, changes)
        say(f"one field changed: {quantiles(changed)} ms")
        async with costing(fleet, process, objects, "POST") as cost_created:
            many = await create_at_once(fleet, "many", objects)
        say(f"{objects} created: {many.per_s:.0f} objects/s")
        amid, rounds = await change_amid(fleet, names, objects, changes)
        say(f"one field changed amid: {quantiles(amid)} ms")
        return Result(
            plain=plain,
            latencies=Latencies(changed, created, amid),
            many=many,
            many_amid=rounds,
            cost_changed=cost_changed[0],
            cost_created=cost_created[0],
            peak_mib=peak_mib(process),
            load=os.getloadavg()[0],
        )


async def stand_policy(fleet: Fleet) -> None:
    """One policy for all ConfigMaps of the namespace, into all members."""
    body = hubs.policy(NAMESPACE, "all", {"apiVersion": "v1", "kind": "ConfigMap"})
    path = f"/apis/trafficfed.io/v1alpha1/namespaces/{NAMESPACE}/propagationpolicies"
    await fleet.hub.request("POST", path, orjson.dumps(body))


async def create_one_by_one(fleet: Fleet, names: Sequence[str]) -> list[float]:
    taken = []
    for name in names:
        seen = fleet.arrivals.expect(name, "0")
        started = clock_s()
        await create(fleet.hub, NAMESPACE, name)
        taken.append(await within(WITHIN_S, seen) - started)
        await asyncio.sleep(PAUSE_S)
    return taken


async def change_one_by_one(fleet: Fleet, names: Sequence[str], count: int) -> list[float]:
    chosen = random.Random(1)
    taken = []
    for turn in range(1, count + 1):
        taken.append(await change_one(fleet, chosen.choice(names), f"alone-{turn}"))
        await asyncio.sleep(PAUSE_S)
    return taken


async def change_one(fleet: Fleet, name: str, turn: str) -> float:
    """Seconds from before the request to the last member's event."""
    seen = fleet.arrivals.expect(name, turn)
    started = clock_s()
    await change(fleet.hub, NAMESPACE, name, turn)
    return await within(WITHIN_S, seen) - started


async def create_at_once(fleet: Fleet, prefix: str, count: int) -> Many:
    names = [f"{prefix}-{number}" for number in range(count)]
    seen = [fleet.arrivals.expect(name, "0") for name in names]
    started = clock_s()
    await create_many(fleet.hub, NAMESPACE, names)
    hub_s = clock_s() - started
    last = max(await within(MANY_WITHIN_S, asyncio.gather(*seen)))
    return Many(count, hub_s, last - started)


async def change_amid(
    fleet: Fleet, names: Sequence[str], objects: int, changes: int
) -> tuple[list[float], Sequence[Many]]:
    """Edits, one at a time, while creations are under way; creations anew until there were enough edits."""
    chosen = random.Random(2)
    taken: list[float] = []
    rounds: list[Many] = []
    while len(taken) < changes:
        async with asyncio.TaskGroup() as tasks:
            creations = tasks.create_task(create_at_once(fleet, f"amid-{len(rounds)}", objects))
            while not creations.done():
                taken.append(await change_one(fleet, chosen.choice(names), f"amid-{len(taken)}"))
                await asyncio.sleep(PAUSE_AMID_S)
        rounds.append(creations.result())
        await asyncio.sleep(SETTLED_S)
    return taken, rounds


@asynccontextmanager
async def costing(fleet: Fleet, process: psutil.Process, objects: int, own: str) -> AsyncIterator[list[Cost]]:
    """What the block costs until all of it is said; ``own`` is the benchmark's one request for each object."""
    found: list[Cost] = []
    await asyncio.sleep(SETTLED_S)
    hub, members = await requests(fleet)
    before_s = cpu_s(process)
    yield found
    await asyncio.sleep(SETTLED_S)
    spent_s = cpu_s(process) - before_s
    hub_after, members_after = await requests(fleet)
    on_hub = hub_after - hub
    on_hub[own, "configmaps"] -= objects
    found.append(Cost(objects, spent_s, on_hub, members_after - members))


async def requests(fleet: Fleet) -> tuple[Requests, Requests]:
    """What the hub, and all members together, have served."""
    hub, *members = await asyncio.gather(*(served(each) for each in (fleet.hub, *fleet.members.values())))
    together: Requests = Counter()
    for each in members:
        together.update(each)
    return hub, together


async def within(limit_s: float, waiting: Awaitable[T]) -> T:
    async with asyncio.timeout(limit_s):
        return await waiting


# ---------------------------------------------------------------------- what is printed


def report(found: Result) -> str:
    """Tables in Markdown."""
    many, plain = found.many, found.plain.many
    created, changed = found.cost_created, found.cost_changed
    amid = min(each.per_s for each in found.many_amid)
    return "\n".join(
        [
            f"{os.cpu_count()} cores, Python {sys.version.split()[0]}, load {found.load:.1f} at the end",
            "",
            "| hub to the last of three members, one at a time | times | ms p50 / p99 |",
            "|---|---|---|",
            latency("one field changed", found.latencies.changed_s),
            latency("object created under a standing policy", found.latencies.created_s),
            latency(f"one field changed amid {many.objects:,} creations", found.latencies.amid_s),
            latency("the API servers alone: one field changed", found.plain.changed_s),
            "",
            "| created at once | objects/s in all three | at the hub after s | in all members after s |",
            "|---|---|---|---|",
            row(f"{many.objects:,}", f"{many.per_s:.0f}", f"{many.hub_s:.1f}", f"{many.members_s:.1f}"),
            row(f"{many.objects:,} with edits amid them, slowest round", f"{amid:.0f}", "", ""),
            row("the API servers alone", f"{plain.per_s:.0f}", f"{plain.hub_s:.1f}", f"{plain.members_s:.1f}"),
            "",
            "| for each object | CPU ms | requests at the hub | requests at each member |",
            "|---|---|---|---|",
            cost_row("created, of many at once", created),
            cost_row("changed, one at a time", changed),
            "",
            f"Peak memory {found.peak_mib:.0f} MiB.",
            *(f"Requests for each object {what}, at the hub: {told(cost.hub, cost.objects)}; in all members together: "
              f"{told(cost.members, cost.objects)}." for what, cost in (("created", created), ("changed", changed))),
        ]
    )  # fmt: skip


def latency(what: str, seconds: Sequence[float]) -> str:
    return row(what, str(len(seconds)), quantiles(seconds))


def cost_row(what: str, cost: Cost) -> str:
    at_hub, at_member = cost.hub.total() / cost.objects, cost.members.total() / cost.objects / len(MEMBERS)
    return row(what, f"{cost.cpu_ms:.1f}", f"{at_hub:.2f}", f"{at_member:.2f}")


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
