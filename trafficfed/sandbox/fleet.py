"""Three regions on one machine: an emulated cluster, a load balancer's address and a real HTTP backend in each.

>>> [region.cluster.name for region in REGIONS]
['eu', 'us', 'ap']
"""

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from trafficfed.model import Cluster, Value
from trafficfed.ports import Clock
from trafficfed.sandbox.apiserver.cluster import Intent, Target
from trafficfed.sandbox.apiserver.kinds import DEFINITION, NAMESPACE, SERVICE, Json
from trafficfed.sandbox.apiserver.server import ApiServer
from trafficfed.sandbox.backend_process import BackendProcess
from trafficfed.sandbox.cloud import Cloud
from trafficfed.testing.backends import Backend

PREFIX = "trafficfed.io/"
HUB = "hub"
READINESS_INTERVAL_S = 1.0
USER = Intent(manager="sandbox")


class Region(Value, frozen=True):
    """One region: its cluster's properties and the loopback address of its load balancer.

    ``client`` is an address of a documentation range (RFC 5737) that stands for clients of this region.
    """

    cluster: Cluster
    address: str
    client: str


REGIONS = (
    Region(
        Cluster(
            name="eu",
            region="eu-central-1",
            provider="sandbox",
            country="DE",
            continent="EU",
            latitude=50.11,
            longitude=8.68,
        ),
        "127.0.1.1",
        "192.0.2.1",
    ),
    Region(
        Cluster(
            name="us",
            region="us-east-1",
            provider="sandbox",
            country="US",
            continent="NA",
            latitude=38.95,
            longitude=-77.45,
        ),
        "127.0.2.1",
        "198.51.100.1",
    ),
    Region(
        Cluster(
            name="ap",
            region="ap-northeast-1",
            provider="sandbox",
            country="JP",
            continent="AS",
            latitude=35.68,
            longitude=139.69,
        ),
        "127.0.3.1",
        "203.0.113.1",
    ),
)


class Fleet:
    """The whole fleet in this process. Use as ``async with Fleet(directory, clock) as fleet``.

    ``services`` Services stand in every region, annotated for ``zone``; ``annotations`` come on top. All Services of a
    region share its address and backend. ``port`` 0 takes a free one in each region. ``readiness``: Pods are ready
    while the region's backend answers. ``processes``: backends are child processes that the user can kill.
    ``hub`` are the definitions of a hub beside the regions; nothing runs there.
    """

    def __init__(
        self,
        directory: Path,
        clock: Clock,
        *,
        services: int = 1,
        namespace: str = "shop",
        zone: str = "fed.test",
        annotations: Mapping[str, str] | None = None,
        regions: Sequence[Region] = REGIONS,
        port: int = 0,
        api_port: int = 0,
        readiness: bool = True,
        processes: bool = False,
        secure: bool = True,
        hub: Sequence[Json] = (),
    ) -> None:
        self.directory = directory
        self.regions = tuple(regions)
        self.namespace = namespace
        self.names = tuple("web" if number == 0 else f"web-{number}" for number in range(services))
        self.zone = zone
        self._annotations = dict(annotations or {})
        self._readiness = readiness
        names = [*(region.cluster.name for region in regions), *((HUB,) if hub else ())]
        self.server = ApiServer(clock, names, port=api_port, secure=secure)
        kind = BackendProcess if processes else Backend
        self.backends: dict[str, Backend | BackendProcess] = {
            region.cluster.name: kind(region.address, port, name=region.cluster.name) for region in regions
        }
        self._clouds = {
            region.cluster.name: Cloud(self.server.cluster(region.cluster.name), region.address) for region in regions
        }
        if hub:
            self._clouds[HUB] = Cloud(self.server.cluster(HUB), "")
            for definition in hub:
                target = Target(kind=DEFINITION, name=definition["metadata"]["name"])
                self.server.cluster(HUB).apply(target, definition, USER)
        self._exit = contextlib.AsyncExitStack()
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def kubeconfig(self) -> Path:
        """One file with a context for each cluster, named like its region, or hub."""
        return self.directory / "kubeconfig"

    @property
    def clusters(self) -> tuple[Cluster, ...]:
        """The members' properties, as a configuration states them."""
        return tuple(region.cluster for region in self.regions)

    @property
    def hostnames(self) -> tuple[str, ...]:
        return tuple(f"{name}.{self.zone}" for name in self.names)

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            for backend in self.backends.values():
                stack.callback(backend.stop)
                await asyncio.to_thread(backend.start)
            for region in self.regions:
                self._fill(region)
            await stack.enter_async_context(self.server)
            self.directory.mkdir(parents=True, exist_ok=True)
            self.server.write_kubeconfig(self.kubeconfig)
            group = await stack.enter_async_context(asyncio.TaskGroup())
            self._tasks = [group.create_task(cloud.run(), name=f"cloud-{name}") for name, cloud in self._clouds.items()]
            if self._readiness:
                self._tasks.append(group.create_task(self._follow_backends(), name="readiness"))
            self._exit = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for task in self._tasks:
            task.cancel()
        await self._exit.aclose()

    async def kill_backend(self, region: str) -> None:
        """Its connections are refused from now on."""
        await asyncio.to_thread(self.backends[region].stop)

    async def start_backend(self, region: str) -> None:
        """It listens again at the same port; what hung is answered."""
        self.backends[region].recover()
        await asyncio.to_thread(self.backends[region].start)

    def hang_backend(self, region: str) -> None:
        """It accepts connections and answers nothing."""
        self.backends[region].hang()

    def annotate(self, region: str, service: str, annotations: Mapping[str, str]) -> None:
        """Set annotations of a Service as a user would with kubectl; the keys come without their prefix."""
        target = Target(kind=SERVICE, namespace=self.namespace, name=service)
        stated = {PREFIX + key: value for key, value in annotations.items()}

        def change(value: Json) -> Json:
            metadata = value["metadata"]
            return value | {"metadata": metadata | {"annotations": (metadata.get("annotations") or {}) | stated}}

        self.server.cluster(region).modify(target, change, USER)

    def _fill(self, region: Region) -> None:
        cluster = self.server.cluster(region.cluster.name)
        cloud = self._clouds[region.cluster.name]
        labels = {"topology.kubernetes.io/region": region.cluster.region, "kubernetes.io/os": "linux"}
        cloud.add_node(f"{region.cluster.name}-node-1", labels)
        cluster.create(Target(kind=NAMESPACE), {"metadata": {"name": self.namespace}}, USER)
        for name in self.names:
            cluster.create(Target(kind=SERVICE, namespace=self.namespace), self._service(region, name), USER)
            cloud.catch_up()  # At once, as the store keeps only so much history.

    def _service(self, region: Region, name: str) -> Json:
        port = self.backends[region.cluster.name].port
        stated = {"hostname": f"{name}.{self.zone}", "health-check": f"http://:{port}/healthz"} | self._annotations
        return {
            "metadata": {"name": name, "annotations": {PREFIX + key: value for key, value in stated.items()}},
            "spec": {
                "type": "LoadBalancer",
                # Node ports are few (2,768) and nobody uses them here, so that a fleet can have more Services.
                "allocateLoadBalancerNodePorts": False,
                "selector": {"app": name},
                "ports": [{"name": "http", "port": port, "targetPort": 8080}],
            },
        }

    async def _follow_backends(self) -> None:
        """Play the kubelets' readiness probes."""
        while True:
            for name in self.backends:
                self._clouds[name].set_ready(await self._answers(name))
            await asyncio.sleep(READINESS_INTERVAL_S)

    async def _answers(self, region: str) -> bool:
        backend = self.backends[region]
        try:
            async with asyncio.timeout(READINESS_INTERVAL_S):
                reader, writer = await asyncio.open_connection(backend.address, backend.port)
                with contextlib.closing(writer.transport):
                    writer.write(b"GET /readyz HTTP/1.1\r\nHost: kubelet\r\n\r\n")
                    status = await reader.readline()
        except (OSError, TimeoutError):
            return False
        return status.startswith(b"HTTP/1.1 2")
