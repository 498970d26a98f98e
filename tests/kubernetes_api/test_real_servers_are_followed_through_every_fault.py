"""Against real API servers: what happens to them is seen, survived, and told with one clear reason."""

import asyncio
from collections.abc import Callable

import pytest

from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.cluster_watch import ClusterWatch
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.reflector import Reflector
from trafficfed.kubernetes_api.resource import SERVICES
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.wire import (
    EndpointSlice,
    Event,
    Listed,
    Lost,
    Node,
    Removed,
    Resumed,
    Service,
    Upserted,
)
from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.followed import Heard, following, names
from trafficfed.testing.scripted_api import running

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]


async def test_the_three_kinds_of_a_cluster_are_listed_and_watched(eu: RealCluster) -> None:
    transport = Transport(await load_kubeconfig(eu.kubeconfig, eu.context, SystemClock()))
    heard = Heard()

    def sink(cluster: str, event: Event) -> None:
        assert cluster == "eu"
        heard(event)

    await asyncio.to_thread(eu.apply_service, "three", "web", {"trafficfed.io/weight": "7"}, addresses=["127.0.1.1"])
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(ClusterWatch("eu", transport, sink, SystemClock()).run(), name="under test")
        for kind in (Service, EndpointSlice, Node):
            listed = await heard.until(lambda event, kind=kind: isinstance(event, Listed) and event.kind is kind)  # type: ignore[misc]
            assert isinstance(listed, Listed)
            assert listed.server_uid == await asyncio.to_thread(eu.uid)
        before = len(heard.events)
        await asyncio.to_thread(eu.set_ready, "three", "web", 2, 1)
        upserted = await heard.until(lambda event: isinstance(event, Upserted), before)
        assert isinstance(upserted, Upserted)
        assert isinstance(upserted.object, EndpointSlice)
        assert [found.conditions.ready for found in upserted.object.endpoints or ()] == [True, True, False]
        task.cancel()
    await transport.close()


async def test_the_end_of_a_servers_certificate_is_told_once_for_as_long_as_it_is_the_same(eu: RealCluster) -> None:
    told: list[float] = []
    transport = Transport(
        await load_kubeconfig(eu.kubeconfig, eu.context, SystemClock()), certified=lambda ends_s: told.append(ends_s)
    )
    stream = transport.stream("/api/v1/nodes", {"watch": "true"})
    assert await anext(stream) == []
    again = transport.stream("/api/v1/services", {"watch": "true"})
    assert await anext(again) == []
    await stream.aclose()
    await again.aclose()
    await transport.close()
    (ends_s,) = told
    assert ends_s > SystemClock().now_s()


async def test_a_service_is_seen_from_its_creation_to_its_deletion(eu: RealCluster) -> None:
    async with following(eu.kubeconfig) as heard:
        await heard.listed()
        await asyncio.to_thread(eu.apply_service, "life", "web", {"trafficfed.io/hostname": "a.fed.test"}, ports=(443,))
        await asyncio.to_thread(eu.set_load_balancer, "life", "web", "127.0.1.1", "lb.example.org")
        await asyncio.to_thread(eu.kubectl, "annotate", "-n", "life", "service", "web", "trafficfed.io/tier=1")
        await asyncio.to_thread(eu.delete_service, "life", "web")
        removed = await heard.until(lambda event: isinstance(event, Removed))
    assert isinstance(removed, Removed)
    assert isinstance(removed.object, Service)
    assert removed.object.metadata.annotations == {"trafficfed.io/hostname": "a.fed.test", "trafficfed.io/tier": "1"}
    ingress = removed.object.status.load_balancer.ingress if removed.object.status.load_balancer else None
    assert [(found.ip, found.hostname) for found in ingress or ()] == [("127.0.1.1", None), (None, "lb.example.org")]
    assert [port.port for port in removed.object.spec.ports or ()] == [443]
    assert removed.revision > heard.events[-2].revision  # type: ignore[union-attr]


async def test_a_stopped_server_is_lost_by_deadline_and_followed_again(fragile: Callable[..., RealCluster]) -> None:
    """SIGSTOP: the open watch just falls silent, and the kernel goes on accepting connections nobody serves."""
    cluster = await asyncio.to_thread(fragile)
    async with following(cluster.kubeconfig, answer_s=2.0, silence_s=3.0) as heard:
        await heard.listed()
        cluster.pause()
        assert await heard.lost() == "the watch said nothing for 3 s"
        unanswered = f"{cluster.server} gave no answer to GET /api/v1/namespaces/kube-system in 2 s"
        await heard.until(lambda event: isinstance(event, Lost) and event.reason == unanswered)
        before = len(heard.events)
        cluster.resume()
        await heard.until(lambda event: isinstance(event, Resumed | Listed), before)


async def test_a_killed_server_is_lost_at_once_and_followed_again_after_its_restart(
    fragile: Callable[..., RealCluster],
) -> None:
    cluster = await asyncio.to_thread(fragile)
    async with following(cluster.kubeconfig) as heard:
        first = await heard.listed()
        await asyncio.to_thread(cluster.kill)
        assert "broke off" in await heard.lost()
        await heard.until(lambda event: isinstance(event, Lost) and "Connection refused" in event.reason)
        before = len(heard.events)
        await asyncio.to_thread(cluster.restart)
        await heard.until(lambda event: isinstance(event, Resumed | Listed), before)
        await asyncio.to_thread(cluster.apply_service, "shop", "after", {})
        await heard.until(
            lambda event: (
                (isinstance(event, Upserted) and event.object.metadata.name == "after")
                or (isinstance(event, Listed) and "after" in names(event))
            ),
            before,
        )
    again = [event.server_uid for event in heard.events if isinstance(event, Listed)]
    assert set(again) == {first.server_uid}


async def test_a_compacted_history_leads_to_a_new_list(fragile: Callable[..., RealCluster]) -> None:
    """Without a watch cache the server reads etcd's history itself: what was compacted meanwhile is 410 Gone."""
    cluster = await asyncio.to_thread(lambda: fragile(own_etcd=True, extra=["--watch-cache=false"]))
    await asyncio.to_thread(cluster.apply_service, "shop", "gone", {})
    transport, heard = Transport(await load_kubeconfig(cluster.kubeconfig, None, SystemClock())), Heard()
    reflector = Reflector(transport, SERVICES, heard, SystemClock())
    async with running(reflector.run):
        before = await heard.listed()
    await asyncio.to_thread(cluster.delete_service, "shop", "gone")
    await asyncio.to_thread(cluster.compact)
    missed = len(heard.events)
    async with running(reflector.run):
        after = await heard.listed(missed)
    await transport.close()
    assert ("gone" in names(before), "gone" in names(after)) == (True, False)
    assert before.server_uid == after.server_uid
    assert before.revision < after.revision
    assert not any(isinstance(event, Lost | Removed) for event in heard.events)


async def test_an_emptied_cluster_behind_the_same_kubeconfig_is_listed_as_another(
    fragile: Callable[..., RealCluster],
) -> None:
    cluster = await asyncio.to_thread(fragile)
    await asyncio.to_thread(cluster.apply_service, "shop", "web", {})
    async with following(cluster.kubeconfig) as heard:
        first = await heard.listed()
        before = len(heard.events)
        await asyncio.to_thread(cluster.empty)
        second = await heard.listed(before)
        assert not any(isinstance(event, Resumed) for event in heard.events)
    assert second.server_uid == await asyncio.to_thread(cluster.uid)
    assert first.server_uid != second.server_uid
    assert ("web" in names(first), "web" in names(second)) == (True, False)


async def test_a_server_without_streaming_lists_is_listed_by_pages(fragile: Callable[..., RealCluster]) -> None:
    cluster = await asyncio.to_thread(lambda: fragile(extra=["--feature-gates=WatchList=false"]))
    await asyncio.to_thread(cluster.apply_service, "shop", "web", {})
    async with following(cluster.kubeconfig) as heard:
        assert "web" in names(await heard.listed())
        before = len(heard.events)
        await asyncio.to_thread(cluster.apply_service, "shop", "api", {})
        await heard.until(lambda event: isinstance(event, Upserted), before)
    assert not any(isinstance(event, Lost) for event in heard.events)
