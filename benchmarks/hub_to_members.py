"""From one object on the hub to its copies in three members, at real API servers, with the product as users run it.

The clock runs from the moment before the request to the hub is sent until the last member's own watch shows the
content; how much of that is after the hub's own watch has shown it, is told apart. Beside it the same writes by a plain
client, without the product: what these API servers take by themselves.
"""

import asyncio
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

import orjson
import psutil

from benchmarks.copies import HUB, Arrivals, PlainClient, Seen, change, create, create_many
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
IDLE_S = 5.0
WITHIN_S = 30.0
MANY_WITHIN_S = 300.0
PAUSE_S = 0.05
PAUSE_AMID_S = 0.02


@dataclass(frozen=True)
class Took:
    """Seconds from the request to the last member's event; those after the hub's own event."""

    all_s: float
    after_hub_s: float


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

    changed: Sequence[Took]
    amid: Sequence[Took]
    many: Many


@dataclass(frozen=True)
class Result:
    plain: Plain
    changed: Sequence[Took]
    created: Sequence[Took]
    amid: Sequence[Took]
    many: Many
    many_amid: Sequence[Many]
    cost_changed: Cost
    cost_created: Cost
    peak_mib: float
    idle_cpu: float
    load: tuple[float, float]


@dataclass(frozen=True)
class Fleet:
    """The hub and the members, by the administrator's connections."""

    hub: Transport
    members: dict[str, Transport]
    arrivals: Arrivals


def measure(directory: Path, objects: int, changes: int) -> Result:
    """Start everything, and measure."""
    load_before = os.getloadavg()[0]
    say("starting a hub and three members, each with an etcd of its own")
    with ClusterFarm(directory / "clusters") as farm:
        hub, *members = farm.start(HUB, *MEMBERS, own_etcd=True)
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
                found = asyncio.run(measure_product(hub, members, process, plain, objects, changes))
                return replace(found, load=(load_before, os.getloadavg()[0]))
            except TimeoutError as error:
                raise AssertionError(f"not in all members in time; the controller's log: {deployment.log()}") from error


@asynccontextmanager
async def connected(hub: RealCluster, members: Sequence[RealCluster], namespace: str) -> AsyncIterator[Fleet]:
    """Connections to all, and a watch of each; a watch that ends ends the benchmark."""
    async with AsyncExitStack() as stack:
        transports: dict[str, Transport] = {}
        for cluster in (hub, *members):
            credentials = await load_kubeconfig(cluster.admin_kubeconfig, cluster.context, SystemClock())
            transports[cluster.name] = Transport(credentials)
            stack.push_async_callback(transports[cluster.name].close)
        arrivals = Arrivals(dict(transports))
        fleet = Fleet(transports.pop(HUB), transports, arrivals)
        tasks = await stack.enter_async_context(asyncio.TaskGroup())
        begun = {name: asyncio.Event() for name in arrivals.places}
        watches = [tasks.create_task(arrivals.watch(name, namespace, begun[name])) for name in begun]
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

        async def edit(turn: str) -> Took:
            return await timed(fleet, "warm-0", turn, plain_change(fleet, client, "warm-0", turn))

        alone = []
        for number in range(changes):
            alone.append(await edit(f"alone-{number}"))
            await asyncio.sleep(PAUSE_S)
        say(f"plain client: one field changed: {split(alone)}")
        many = await plain_many(fleet, client, "plain", objects)
        say(f"plain client: {many.per_s:.0f} objects/s")
        amid, _ = await change_amid(lambda name: plain_many(fleet, client, name, objects), edit, changes)
        say(f"plain client: one field changed amid: {split(amid)}")
        return Plain(alone, amid, many)


async def plain_change(fleet: Fleet, client: PlainClient, name: str, turn: str) -> None:
    await change(fleet.hub, PLAIN, name, turn)
    await client.apply_everywhere(name, turn)


async def plain_many(fleet: Fleet, client: PlainClient, prefix: str, count: int) -> Many:
    names = [f"{prefix}-{number}" for number in range(count)]
    expected = [fleet.arrivals.expect(name, "0") for name in names]
    started = clock_s()
    await asyncio.gather(create_many(fleet.hub, PLAIN, names), client.apply_many(names))
    return many_of(started, await within(MANY_WITHIN_S, asyncio.gather(*expected)))


# ---------------------------------------------------------------------- with the product


async def measure_product(
    hub: RealCluster, members: Sequence[RealCluster], process: psutil.Process, plain: Plain, objects: int, changes: int
) -> Result:
    async with connected(hub, members, NAMESPACE) as fleet:
        await stand_policy(fleet)
        names = [f"one-{number}" for number in range(changes)]
        await create_one_by_one(fleet, [f"warm-{number}" for number in range(20)])
        created = await create_one_by_one(fleet, names)
        say(f"created under a standing policy: {split(created)}")
        chosen = random.Random(1)

        async def edit(turn: str) -> Took:
            name = chosen.choice(names)
            return await timed(fleet, name, turn, change(fleet.hub, NAMESPACE, name, turn))

        idle = await idle_cpu(process)
        changed = []
        async with costing(fleet, process, idle, changes, "PATCH") as cost_changed:
            for number in range(changes):
                changed.append(await edit(f"alone-{number}"))
                await asyncio.sleep(PAUSE_S)
        say(f"one field changed: {split(changed)}")
        async with costing(fleet, process, idle, objects, "POST") as cost_created:
            many = await create_at_once(fleet, "many", objects)
        say(f"{objects} created: {many.per_s:.0f} objects/s")
        amid, rounds = await change_amid(lambda name: create_at_once(fleet, name, objects), edit, changes)
        say(f"one field changed amid: {split(amid)}")
        return Result(
            plain=plain,
            changed=changed,
            created=created,
            amid=amid,
            many=many,
            many_amid=rounds,
            cost_changed=cost_changed[0],
            cost_created=cost_created[0],
            peak_mib=peak_mib(process),
            idle_cpu=idle,
            load=(0.0, 0.0),
        )


async def stand_policy(fleet: Fleet) -> None:
    """One policy for all ConfigMaps of the namespace, into all members."""
    body = hubs.policy(NAMESPACE, "all", {"apiVersion": "v1", "kind": "ConfigMap"})
    path = f"/apis/trafficfed.io/v1alpha1/namespaces/{NAMESPACE}/propagationpolicies"
    await fleet.hub.request("POST", path, orjson.dumps(body))


async def create_one_by_one(fleet: Fleet, names: Sequence[str]) -> list[Took]:
    taken = []
    for name in names:
        taken.append(await timed(fleet, name, "0", create(fleet.hub, NAMESPACE, name)))
        await asyncio.sleep(PAUSE_S)
    return taken


async def timed(fleet: Fleet, name: str, turn: str, write: Coroutine[Any, Any, None]) -> Took:
    """One write, until it was seen everywhere."""
    expected = fleet.arrivals.expect(name, turn)
    started = clock_s()
    await write
    seen = await within(WITHIN_S, expected)
    return Took(seen.last_at - started, seen.last_at - seen.hub_at)


async def create_at_once(fleet: Fleet, prefix: str, count: int) -> Many:
    names = [f"{prefix}-{number}" for number in range(count)]
    expected = [fleet.arrivals.expect(name, "0") for name in names]
    started = clock_s()
    await create_many(fleet.hub, NAMESPACE, names)
    return many_of(started, await within(MANY_WITHIN_S, asyncio.gather(*expected)))


def many_of(started: float, seen: Sequence[Seen]) -> Many:
    return Many(len(seen), max(each.hub_at for each in seen) - started, max(each.last_at for each in seen) - started)


async def change_amid(
    create_all: Callable[[str], Coroutine[Any, Any, Many]], edit: Callable[[str], Awaitable[Took]], changes: int
) -> tuple[list[Took], list[Many]]:
    """Edits, one at a time, while creations are under way; creations anew until there were enough edits."""
    taken: list[Took] = []
    rounds: list[Many] = []
    while len(taken) < changes:
        async with asyncio.TaskGroup() as tasks:
            creations = tasks.create_task(create_all(f"amid-{len(rounds)}"))
            while not creations.done():
                taken.append(await edit(f"amid-{len(taken)}"))
                await asyncio.sleep(PAUSE_AMID_S)
        rounds.append(creations.result())
        await asyncio.sleep(SETTLED_S)
    return taken, rounds


async def idle_cpu(process: psutil.Process) -> float:
    """The share of one core that the product uses while nothing changes."""
    await asyncio.sleep(SETTLED_S)
    before_s = cpu_s(process)
    await asyncio.sleep(IDLE_S)
    return (cpu_s(process) - before_s) / IDLE_S


@asynccontextmanager
async def costing(
    fleet: Fleet, process: psutil.Process, idle: float, objects: int, own: str
) -> AsyncIterator[list[Cost]]:
    """What the block costs until all of it is said; ``own`` is the benchmark's one request for each object."""
    found: list[Cost] = []
    await asyncio.sleep(SETTLED_S)
    hub, members = await requests(fleet)
    before_s, begun_s = cpu_s(process), clock_s()
    yield found
    await asyncio.sleep(SETTLED_S)
    spent_s = cpu_s(process) - before_s - idle * (clock_s() - begun_s)
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
    before, after = found.load
    machine = f"{os.cpu_count()} cores, Python {sys.version.split()[0]}"
    costs = (("created, of many at once", found.cost_created), ("changed, one at a time", found.cost_changed))
    return "\n".join(
        [
            f"{machine}, load {before:.1f} before and {after:.1f} at the end",
            "",
            *latencies(found),
            "",
            *throughput(found),
            "",
            "| for each object | CPU ms | requests at the hub | requests at each member |",
            "|---|---|---|---|",
            *(cost_row(what, cost) for what, cost in costs),
            "",
            f"Peak memory {found.peak_mib:.0f} MiB; CPU while nothing changes {100 * found.idle_cpu:.1f} %.",
            *(requests_line(what, cost) for what, cost in costs),
        ]
    )


def latencies(found: Result) -> Iterator[str]:
    amid = f"one field changed amid {found.many.objects:,} creations"
    yield "| from the hub to the last of three members | times | ms p50 / p99 | of it after the hub's own watch told |"
    yield "|---|---|---|---|"
    rows = {
        "one field changed": found.changed,
        "the same by a plain client": found.plain.changed,
        "object created under a standing policy": found.created,
        amid: found.amid,
        "the same amid those of a plain client": found.plain.amid,
    }
    for what, taken in rows.items():
        in_all, after_hub = [each.all_s for each in taken], [each.after_hub_s for each in taken]
        yield row(what, str(len(taken)), quantiles(in_all), quantiles(after_hub))


def throughput(found: Result) -> Iterator[str]:
    yield "| created at once | objects/s in all three | on the hub after s | in all members after s |"
    yield "|---|---|---|---|"
    rows = {
        f"{found.many.objects:,}": found.many,
        "with edits amid them, slowest round": min(found.many_amid, key=lambda each: each.per_s),
        "by a plain client": found.plain.many,
    }
    for what, many in rows.items():
        yield row(what, f"{many.per_s:.0f}", f"{many.hub_s:.1f}", f"{many.members_s:.1f}")


def split(taken: Sequence[Took]) -> str:
    in_all, after_hub = [each.all_s for each in taken], [each.after_hub_s for each in taken]
    return f"{quantiles(in_all)} ms, of it after the hub told {quantiles(after_hub)} ms"


def requests_line(what: str, cost: Cost) -> str:
    at_hub, at_members = told(cost.hub, cost.objects), told(cost.members, cost.objects)
    return f"Requests for each object {what}: at the hub {at_hub}; in all members together {at_members}."


def cost_row(what: str, cost: Cost) -> str:
    at_hub, at_member = cost.hub.total() / cost.objects, cost.members.total() / cost.objects / len(MEMBERS)
    return row(what, f"{cost.cpu_ms:.1f}", f"{at_hub:.2f}", f"{at_member:.2f}")


def row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"
