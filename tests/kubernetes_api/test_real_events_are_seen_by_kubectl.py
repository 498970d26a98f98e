"""Against a real API server, with no more permissions than deploy/rbac.yaml: what users see of a refusal."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.credentials import Credentials, load_kubeconfig
from trafficfed.kubernetes_api.events import EventWriter, Note, Subject
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params, Transport
from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.scripted_api import running

pytestmark = [pytest.mark.real, pytest.mark.timeout(60)]


class Counted(Transport):
    """A transport that tells when so many writes have ended, however they ended."""

    def __init__(self, credentials: Credentials) -> None:
        super().__init__(credentials)
        self.ended: asyncio.Queue[str] = asyncio.Queue()

    async def until(self, count: int) -> None:
        async with asyncio.timeout(20):
            for _ in range(count):
                await self.ended.get()

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        try:
            return await super().request(method, path, body, content_type, params)
        finally:
            self.ended.put_nowait(method)


@asynccontextmanager
async def writing(cluster: RealCluster) -> AsyncIterator[tuple[EventWriter, Counted]]:
    transport = Counted(await load_kubeconfig(cluster.kubeconfig, None, SystemClock()))
    failures: list[str] = []
    writer = EventWriter(transport, SystemClock(), failures.append)
    async with running(writer.run):
        yield writer, transport
    await transport.close()
    assert failures == []


async def test_a_refusal_is_shown_with_the_users_service(eu: RealCluster) -> None:
    await asyncio.to_thread(eu.apply_service, "told", "web", {})
    found = await asyncio.to_thread(eu.admin.request, "GET", "/api/v1/namespaces/told/services/web")
    note = Note(Subject("told", "web", found["metadata"]["uid"]), "Conflict", "web.fed.test belongs to cluster us")
    async with writing(eu) as (writer, transport):
        writer.tell(note)
        await transport.until(1)
    shown = await asyncio.to_thread(eu.kubectl, "describe", "service", "-n", "told", "web")
    assert "web.fed.test belongs to cluster us" in shown
    assert "Warning" in shown
    async with writing(eu) as (writer, transport):
        writer.tell(note)
        await transport.until(3)
    (event,) = await asyncio.to_thread(eu.events, "told")
    assert (event["count"], event["reason"], event["source"]["component"]) == (2, "Conflict", "trafficfed")


async def test_the_product_may_do_no_more_than_it_needs(eu: RealCluster) -> None:
    """deploy/rbac.yaml is neither too little, which the other tests show, nor more than it says."""

    for allowed in (
        ("list", "services"),
        ("watch", "endpointslices", "discovery.k8s.io"),
        ("watch", "nodes"),
        ("get", "namespaces", "", "kube-system"),
        ("patch", "events"),
    ):
        assert await asyncio.to_thread(eu.allows, *allowed), allowed
    for forbidden in (
        ("list", "secrets"),
        ("update", "services"),
        ("delete", "events"),
        ("list", "namespaces"),
        ("get", "namespaces", "", "default"),
        ("create", "pods"),
    ):
        assert not await asyncio.to_thread(eu.allows, *forbidden), forbidden
