"""A whole world for end-to-end tests: three real API servers, a backend in each region, BIND, Knot, the product.

The regions are eu, us and ap; clients of each are known by the networks in ``PLACES``. Backends answer HTTP on loopback
addresses: these are the Services' load-balancer addresses. Readiness stays as a test sets it: probes find out the rest.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dns.exception

from trafficfed.model import Cluster
from trafficfed.testing.authorities import Authority, Bind, Knot
from trafficfed.testing.backends import Backend
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.deployment import QUICK, Deployment
from trafficfed.testing.hubs import allow_baselines, allow_propagation, allow_services, make_hub

ZONE = "fed.test"
NAMESPACE = "shop"
REGIONS: Mapping[str, Cluster] = {
    "eu": Cluster(
        name="eu",
        region="eu-central-1",
        country="DE",
        continent="EU",
        latitude=50.1,
        longitude=8.7,
        compliance=(("data", "gdpr"),),
    ),
    "us": Cluster(name="us", region="us-east-1", country="US", continent="NA", latitude=38.9, longitude=-77.4),
    "ap": Cluster(name="ap", region="ap-northeast-1", country="JP", continent="AS", latitude=35.7, longitude=139.7),
}
CLIENTS: Mapping[str, str] = {"eu": "192.0.2.7", "us": "198.51.100.7", "ap": "203.0.113.7"}
PLACES = (
    {"network": "192.0.2.0/24", "country": "DE"},
    {"network": "198.51.100.0/24", "country": "US"},
    {"network": "203.0.113.0/24", "country": "JP"},
)
OUT_S = QUICK["interval"] + (QUICK["fall"] - 1) * QUICK["suspicion"] + QUICK["timeout"] + 1.0
"""A death is out everywhere within the interval, the suspicion's re-probes, one timeout, and a second."""
BACK_S = (QUICK["rise"] + 1) * QUICK["interval"] + QUICK["failback"] + 2.0
POLL_S = 0.05


@dataclass
class World:
    """Everything that runs; names of services are the tests' own, so that they may share it."""

    clusters: Mapping[str, RealCluster]
    backends: Mapping[str, Backend]
    bind: Bind
    knot: Knot
    deployment: Deployment
    hub: RealCluster | None = None

    def apply(self, name: str, *regions: str, ready: int | None = 2, hostname: str = "", **annotations: str) -> None:
        """An annotated Service in each region (default: all three) at that region's backend."""
        for region in regions or tuple(self.clusters):
            keys = {"hostname": hostname or f"{name}.{ZONE}", "steering": "geo"}
            keys["health-check"] = f"http://:{self.backends[region].port}/"
            keys = {**keys, **{key.replace("_", "-"): value for key, value in annotations.items()}}
            backend = self.backends[region]
            self.clusters[region].apply_service(
                NAMESPACE,
                name,
                {f"trafficfed.io/{key}": value for key, value in keys.items() if value},
                ports=(backend.port,),
                addresses=(backend.address,),
                ready=ready,
            )

    def delete(self, name: str, *regions: str) -> None:
        for region in regions or tuple(self.clusters):
            self.clusters[region].delete_service(NAMESPACE, name)

    def address(self, region: str) -> str:
        return self.backends[region].address

    def addresses(self, *regions: str) -> tuple[str, ...]:
        return tuple(sorted(self.address(region) for region in regions))

    # ------------------------------------------------------------------ what the authorities say

    def embedded(self, name: str, region: str) -> tuple[str, ...]:
        """What the embedded server answers a client in a region; None of an answer in time counts as none."""
        try:
            return self.deployment.answer(f"{name}.{ZONE}", client=CLIENTS[region])
        except dns.exception.Timeout:
            return ()

    def plain(self, server: Authority, name: str) -> tuple[str, ...]:
        return server.query(f"{name}.{ZONE}", "A")

    def answers(self, name: str) -> dict[str, tuple[str, ...]]:
        """All authorities: the embedded one for clients of each region, BIND and Knot for anyone."""
        found = {region: self.embedded(name, region) for region in CLIENTS}
        return {**found, "bind": self.plain(self.bind, name), "knot": self.plain(self.knot, name)}

    def settled(self, name: str, *regions: str) -> dict[str, tuple[str, ...]]:
        """What ``answers`` shows when just these regions serve under geo steering; none of them: nothing."""
        nearest = {"eu": ("eu", "us", "ap"), "us": ("us", "eu", "ap"), "ap": ("ap", "eu", "us")}
        first = {client: next((r for r in order if r in regions), None) for client, order in nearest.items()}
        expected = {client: self.addresses(region) if region else () for client, region in first.items()}
        return {**expected, "bind": self.addresses(*regions), "knot": self.addresses(*regions)}

    def wait_until(self, reached: Callable[[], bool], within_s: float, what: str) -> float:
        """Poll until it is so; returns the seconds it took. Raises AssertionError with the controller's log."""
        started = time.monotonic()  # noqa: TID251 - measures the real product from outside
        while not reached():
            took_s = time.monotonic() - started  # noqa: TID251 - as above
            assert took_s < within_s, f"not within {within_s:.1f} s: {what}\n{self.deployment.log()}"
            time.sleep(POLL_S)
        return time.monotonic() - started  # noqa: TID251 - as above

    def wait_for(self, name: str, *regions: str, within_s: float = 20.0) -> float:
        """Wait until every authority answers as if just these regions served."""
        expected = self.settled(name, *regions)
        return self.wait_until(
            lambda: self.answers(name) == expected,
            within_s,
            f"{name} should come from {regions}: {expected}, but it is {self.answers(name)}",
        )

    def stays(self, name: str, seconds: float) -> None:
        """All answers stay as they are for so long."""
        before = self.answers(name)
        ends = time.monotonic() + seconds  # noqa: TID251 - measures the real product from outside
        while time.monotonic() < ends:  # noqa: TID251 - as above
            assert self.answers(name) == before
            time.sleep(POLL_S)

    def service(self, name: str) -> dict[str, Any]:
        """The status view of one service."""
        views = self.deployment.status()["services"]
        found: list[dict[str, Any]] = [view for view in views if view["service"] == f"default/{NAMESPACE}/{name}"]
        assert found, f"no service {name} in {[view['service'] for view in views]}"
        return found[0]

    def cluster(self, region: str) -> dict[str, Any]:
        """The status view of one cluster."""
        (found,) = [view for view in self.deployment.status()["clusters"] if view["name"] == region]
        view: dict[str, Any] = found
        return view

    def refusals(self, name: str) -> list[tuple[str, str, str]]:
        """Cluster, reason and message of each refusal on a service."""
        views = self.deployment.status()["refusals"]
        return [
            (view["cluster"], view["reason"], view["message"])
            for view in views
            if name in (view["service"].rpartition("/")[2], view["object"].rpartition("/")[2])
        ]


@contextmanager
def world(
    directory: Path,
    *,
    with_hub: bool = False,
    with_services: bool = False,
    with_baselines: bool = False,
    **settings: Any,
) -> Iterator[World]:
    """Start everything; ``settings`` go to the Deployment. A hub is a fourth API server. ``with_services``: members
    export Services to each other; ``with_baselines``: those of the hub are kept."""
    records = f"by-hand.{ZONE}. 60 A 192.0.2.200\n"
    backends = {region: Backend(f"127.0.{number}.10") for number, region in enumerate(REGIONS, 1)}
    with ClusterFarm(directory / "clusters") as farm:
        clusters = {cluster.name: cluster for cluster in farm.start(*REGIONS)}
        bind = Bind(directory / "bind", ZONE, records=records)
        knot = Knot(directory / "knot", ZONE, records=records)
        members = [(REGIONS[name], cluster.kubeconfig, cluster.context) for name, cluster in clusters.items()]
        deployment = Deployment(directory / "product", ZONE, members, places=PLACES, **settings)
        with bind, knot, deployment, _running(backends):
            deployment.publish_to("bind", {"kind": "rfc2136", **bind.settings})
            deployment.publish_to("knot", {"kind": "rfc2136", **knot.settings})
            if with_services:
                deployment.set(services={"imports": "write"})
                for member in clusters.values():
                    allow_services(member)
            hub = _hub(farm, clusters, deployment) if with_hub else None
            if with_baselines:
                assert hub is not None, "baselines stand on a hub"
                deployment.set(baselines={"members": "write"})
                allow_baselines(hub, *clusters.values())
            deployment.start()
            yield World(clusters, backends, bind, knot, deployment, hub)


def _hub(farm: ClusterFarm, members: Mapping[str, RealCluster], deployment: Deployment) -> RealCluster:
    hub = make_hub(farm.start_one("hub"))
    for member in members.values():
        allow_propagation(member)
    deployment.set(hub={"kubeconfig": str(hub.kubeconfig), "context": hub.context})
    deployment.set(vantage={"region": REGIONS["eu"].region})
    return hub


@contextmanager
def _running(backends: Mapping[str, Backend]) -> Iterator[None]:
    try:
        for backend in backends.values():
            backend.start()
        yield
    finally:
        for backend in backends.values():
            backend.stop()
