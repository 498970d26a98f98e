"""Three regions in one process: clusters, load balancers, backends and the readiness that follows them."""

import asyncio
import http.client
import signal
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from trafficfed.clock import SystemClock
from trafficfed.sandbox.apiserver.cluster import Intent, Target
from trafficfed.sandbox.apiserver.kinds import ENDPOINT_SLICE, NAMESPACE, NODE, SERVICE, Json
from trafficfed.sandbox.backend_process import BackendProcess
from trafficfed.sandbox.fleet import REGIONS, Fleet, Region
from trafficfed.testing.kubectl import Kubectl
from trafficfed.testing.kubernetes_http import Access

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]
USER = Intent(manager="test")
WAIT_S = 20.0


def elsewhere(number: int) -> tuple[Region, ...]:
    """The regions at addresses of this test's own, so that tests and demo do not meet."""
    return tuple(
        Region(region.cluster, region.address.replace("127.0.", f"127.{number}."), region.client) for region in REGIONS
    )


@pytest.fixture
async def fleet(clock: SystemClock, tmp_path: Path) -> AsyncIterator[Fleet]:
    async with Fleet(tmp_path, clock, services=2, annotations={"weight": "7"}, regions=elsewhere(42)) as fleet:
        yield fleet


def service(fleet: Fleet, region: str, name: str, namespace: str = "shop") -> Json:
    return fleet.server.cluster(region).get(Target(kind=SERVICE, namespace=namespace, name=name))


def ready(fleet: Fleet, region: str, name: str = "web", namespace: str = "shop") -> list[bool]:
    target = Target(kind=ENDPOINT_SLICE, namespace=namespace, name=f"{name}-pods")
    return [one["conditions"]["ready"] for one in fleet.server.cluster(region).get(target)["endpoints"]]


async def until(fleet: Fleet, region: str, holds: Callable[[], bool]) -> None:
    """Wait for a state of a cluster, woken by its writes."""
    store = fleet.server.cluster(region).store
    async with asyncio.timeout(WAIT_S):
        while True:
            changed = store.changed
            if holds():
                return
            await changed.wait()


async def test_every_region_offers_every_service_at_its_own_address(fleet: Fleet) -> None:
    assert fleet.hostnames == ("web.fed.test", "web-1.fed.test")
    addresses = set()
    for region in fleet.regions:
        for name in fleet.names:
            found = service(fleet, region.cluster.name, name)
            port = fleet.backends[region.cluster.name].port
            assert found["metadata"]["annotations"] == {
                "trafficfed.io/hostname": f"{name}.fed.test",
                "trafficfed.io/health-check": f"http://:{port}/healthz",
                "trafficfed.io/weight": "7",
            }
            assert found["status"]["loadBalancer"]["ingress"] == [{"ip": region.address, "ipMode": "VIP"}]
            assert ready(fleet, region.cluster.name, name) == [True, True]
        addresses.add(region.address)
        assert await asyncio.to_thread(body_of, region.address, port) == f"{region.cluster.name}\n"
    assert len(addresses) == 3


def body_of(address: str, port: int) -> str:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    connection.request("GET", "/healthz")
    answer = connection.getresponse().read().decode()
    connection.close()
    return answer


async def test_the_kubeconfig_has_a_context_for_each_region(fleet: Fleet, tmp_path: Path) -> None:
    assert fleet.kubeconfig.stat().st_mode & 0o077 == 0
    for region in fleet.regions:
        name = region.cluster.name
        async with Access.of(fleet.kubeconfig, name).open() as api:
            nodes = (await api.get("/api/v1/nodes")).body["items"]
            assert [node["metadata"]["name"] for node in nodes] == [f"{name}-node-1"]
            assert nodes[0]["status"]["addresses"][0] == {"type": "ExternalIP", "address": region.address}
    kubectl = Kubectl(fleet.kubeconfig, "us", tmp_path / "cache")
    await kubectl.ok("-n", "shop", "annotate", "service", "web", "trafficfed.io/drain=true")
    assert service(fleet, "us", "web")["metadata"]["annotations"]["trafficfed.io/drain"] == "true"
    assert "trafficfed.io/drain" not in service(fleet, "eu", "web")["metadata"]["annotations"]


async def test_readiness_follows_the_backend(fleet: Fleet) -> None:
    await fleet.kill_backend("eu")
    await until(fleet, "eu", lambda: ready(fleet, "eu") == [False, False])
    assert ready(fleet, "eu", "web-1") == [False, False]
    assert ready(fleet, "us") == [True, True]
    await fleet.start_backend("eu")
    await until(fleet, "eu", lambda: ready(fleet, "eu") == [True, True])


async def test_a_backend_that_hangs_is_not_ready(fleet: Fleet) -> None:
    fleet.hang_backend("ap")
    await until(fleet, "ap", lambda: not any(ready(fleet, "ap")))
    await fleet.start_backend("ap")
    await until(fleet, "ap", lambda: all(ready(fleet, "ap")))


async def test_a_service_of_the_users_own_is_served_too(fleet: Fleet) -> None:
    cluster = fleet.server.cluster("us")
    spec = {"type": "LoadBalancer", "selector": {"app": "mine"}, "ports": [{"port": 8443, "targetPort": "web"}]}
    cluster.create(Target(kind=SERVICE, namespace="default"), {"metadata": {"name": "mine"}, "spec": spec}, USER)
    target = Target(kind=ENDPOINT_SLICE, namespace="default", name="mine-pods")
    await until(fleet, "us", lambda: cluster.store.get(target.key) is not None)
    found = service(fleet, "us", "mine", "default")
    assert found["status"]["loadBalancer"]["ingress"][0]["ip"] == fleet.regions[1].address
    cluster.delete(Target(kind=SERVICE, namespace="default", name="mine"), {}, USER)
    await until(fleet, "us", lambda: cluster.store.get(target.key) is None)


async def test_a_deleted_namespace_goes_with_all_that_is_in_it(fleet: Fleet) -> None:
    cluster = fleet.server.cluster("ap")
    namespace = Target(kind=NAMESPACE, name="shop")
    assert cluster.delete(namespace, {}, USER)["status"]["phase"] == "Terminating"
    await until(fleet, "ap", lambda: cluster.store.get(namespace.key) is None)
    for kind in (SERVICE, ENDPOINT_SLICE):
        assert cluster.store.objects(kind, "shop") == {}
    assert len(cluster.store.objects(NODE)) == 1


async def test_annotate_sets_what_a_user_would(fleet: Fleet) -> None:
    fleet.annotate("eu", "web", {"tier": "1"})
    annotations = service(fleet, "eu", "web")["metadata"]["annotations"]
    assert (annotations["trafficfed.io/tier"], annotations["trafficfed.io/weight"]) == ("1", "7")


async def test_without_readiness_the_slices_stay_as_they_are(clock: SystemClock, tmp_path: Path) -> None:
    async with Fleet(tmp_path, clock, regions=elsewhere(43), readiness=False, secure=False) as fleet:
        before = fleet.server.cluster("eu").store.revision
        await fleet.kill_backend("eu")
        assert not fleet.backends["eu"].up
        await asyncio.sleep(0)
        assert fleet.server.cluster("eu").store.revision == before


async def test_nothing_outlives_the_fleet(clock: SystemClock, tmp_path: Path) -> None:
    async with Fleet(tmp_path, clock, regions=elsewhere(44), processes=True) as fleet:
        processes = [backend for backend in fleet.backends.values() if isinstance(backend, BackendProcess)]
        assert len({backend.pid for backend in processes}) == 3
        url = fleet.server.url("eu")
        port = fleet.backends["us"].port
        assert await asyncio.to_thread(body_of, fleet.regions[1].address, port) == "us\n"
    assert not any(backend.up for backend in processes)
    assert url.startswith("https://127.0.0.1:")
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", fleet.server.port)


async def test_a_start_that_fails_leaves_nothing_behind(clock: SystemClock, tmp_path: Path) -> None:
    regions = elsewhere(45)
    blocker = await asyncio.start_server(lambda reader, writer: None, regions[2].address, 0)
    port = blocker.sockets[0].getsockname()[1]
    fleet = Fleet(tmp_path, clock, regions=regions, port=port)
    with pytest.raises(OSError, match="in use"):
        await fleet.__aenter__()
    assert not any(backend.up for backend in fleet.backends.values())
    blocker.close()


class TestBackendProcess:
    def test_it_can_be_killed_stopped_and_started_by_hand(self) -> None:
        backend = BackendProcess("127.46.1.1", 0, name="eu")
        assert (backend.up, backend.pid) == (False, None)
        backend.start()
        try:
            port, pid = backend.port, backend.pid
            assert pid is not None
            assert body_of(backend.address, port) == "eu\n"
            backend.hang()
            connection = http.client.HTTPConnection(backend.address, port, timeout=0.05)
            connection.request("GET", "/")
            with pytest.raises(TimeoutError):
                connection.getresponse()
            connection.close()
            backend.recover()
            assert body_of(backend.address, port) == "eu\n"
            backend.stop()
            assert not backend.up
            backend.start()
            assert (backend.port, backend.pid != pid) == (port, True)
        finally:
            backend.stop()

    def test_a_taken_address_is_an_error(self) -> None:
        first = BackendProcess("127.46.1.2", 0, name="first")
        first.start()
        try:
            second = BackendProcess("127.46.1.2", first.port, name="second")
            with pytest.raises(OSError, match="the backend second cannot listen at 127"):
                second.start()
            assert not second.up
        finally:
            first.stop()

    def test_a_process_killed_by_the_user_is_seen_as_down(self) -> None:
        backend = BackendProcess("127.46.1.3", 0, name="eu")
        backend.start()
        try:
            assert backend._process is not None
            backend._process.send_signal(signal.SIGKILL)
            backend._process.wait()
            assert not backend.up
            backend.start()
            assert backend.up
        finally:
            backend.stop()
