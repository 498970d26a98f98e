"""A Lease is a vote that one holds at a time: a real API server, no more permissions than deploy/rbac.yaml gives."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from trafficfed.clock import SystemClock
from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.leadership.elector import Conflict, Seen
from trafficfed.leadership.lease_elector import LeaseElector
from trafficfed.leadership.record import Record
from trafficfed.leadership.sight import went_back
from trafficfed.testing.clusters import ClusterFarm, RealCluster

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

EU = Record(
    owner="team a/prod", holder="eu_5f3c9a01", term=7, renewal=3, lease_s=10.0, electorate=("ap", "eu", "fed.test")
)
DEADLINE_S = 10.0


@pytest.fixture
def lease(request: pytest.FixtureRequest) -> str:
    """Each test has one of its own in the shared cluster."""
    return str(request.node.name).removeprefix("test_").replace("_", "-")


@asynccontextmanager
async def elector(
    cluster: RealCluster, lease: str, namespace: str = "trafficfed", kubeconfig: Path | None = None
) -> AsyncIterator[LeaseElector]:
    transport = Transport(await load_kubeconfig(kubeconfig or cluster.kubeconfig, None, SystemClock()))
    try:
        yield LeaseElector(cluster.name, transport, namespace, clock=SystemClock(), lease=lease)
    finally:
        await transport.close()


async def ask_until_silent(votes: LeaseElector) -> None:
    """A stop reaches a process a moment after it was sent."""
    for _ in range(50):
        await votes.read(0.2)


async def test_a_record_comes_back_as_it_was_written(eu: RealCluster, lease: str) -> None:
    async with elector(eu, lease) as votes:
        nothing = await votes.read(DEADLINE_S)
        assert nothing.record is None
        first = await votes.write(EU, nothing, DEADLINE_S)
        assert first.record == EU
        assert await votes.read(DEADLINE_S) == first
        assert first.uid.startswith(nothing.uid)
        assert nothing.uid == f"{await asyncio.to_thread(eu.uid)}/"
        renewed = await votes.write(replace(EU, renewal=4), first, DEADLINE_S)
        assert (renewed.record, renewed.uid) == (replace(EU, renewal=4), first.uid)
        released = await votes.write(replace(EU, holder="", renewal=5), renewed, DEADLINE_S)
        assert released.record == replace(EU, holder="", renewal=5)


async def test_people_and_tools_see_an_ordinary_lease(eu: RealCluster, lease: str) -> None:
    async with elector(eu, lease) as votes:
        await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
    path = f"/apis/coordination.k8s.io/v1/namespaces/trafficfed/leases/{lease}"
    spec = (await asyncio.to_thread(eu.admin.request, "GET", path))["spec"]
    assert (spec["holderIdentity"], spec["leaseDurationSeconds"], spec["leaseTransitions"]) == ("eu_5f3c9a01", 10, 7)
    assert abs(SystemClock().now_s() - datetime.fromisoformat(spec["renewTime"]).timestamp()) < 60
    shown = await asyncio.to_thread(eu.kubectl, "get", "lease", "-n", "trafficfed", lease)
    assert "eu_5f3c9a01" in shown


async def test_of_two_that_write_at_once_one_wins(eu: RealCluster, lease: str) -> None:
    us = replace(EU, holder="us_1", term=8)
    async with elector(eu, lease) as one, elector(eu, lease) as other:
        for _ in range(3):
            seen = await one.read(DEADLINE_S)
            ended = await asyncio.gather(
                one.write(EU, seen, DEADLINE_S), other.write(us, seen, DEADLINE_S), return_exceptions=True
            )
            assert sorted(type(each).__name__ for each in ended) == ["Conflict", "Seen"]
            (won,) = (each for each in ended if isinstance(each, Seen))
            assert await one.read(DEADLINE_S) == won


async def test_an_edit_by_hand_makes_a_conflict_and_leaves_the_vote(eu: RealCluster, lease: str) -> None:
    async with elector(eu, lease) as votes:
        before = await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
        await asyncio.to_thread(eu.kubectl, "annotate", "lease", "-n", "trafficfed", lease, "seen-by=me")
        with pytest.raises(Conflict):
            await votes.write(replace(EU, renewal=4), before, DEADLINE_S)
        after = await votes.read(DEADLINE_S)
        assert after.record == EU
        assert (await votes.write(replace(EU, renewal=4), after, DEADLINE_S)).record == replace(EU, renewal=4)


async def test_a_lease_deleted_or_made_anew_has_gone_back(eu: RealCluster, lease: str) -> None:
    async with elector(eu, lease) as votes:
        before = await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
        await asyncio.to_thread(eu.kubectl, "delete", "lease", "-n", "trafficfed", lease)
        with pytest.raises(Conflict):
            await votes.write(replace(EU, renewal=4), before, DEADLINE_S)
        gone = await votes.read(DEADLINE_S)
        assert went_back(before, gone)
        anew = await votes.write(replace(EU, renewal=9), gone, DEADLINE_S)
        assert went_back(before, anew)
        with pytest.raises(Conflict):
            await votes.write(replace(EU, renewal=4), before, DEADLINE_S)


async def test_a_lease_of_another_program_is_refused_by_name(eu: RealCluster, lease: str) -> None:
    body = {"metadata": {"name": lease}, "spec": {"holderIdentity": "somebody", "leaseDurationSeconds": 15}}
    path = "/apis/coordination.k8s.io/v1/namespaces/trafficfed/leases"
    await asyncio.to_thread(eu.admin.request, "POST", path, body)
    async with elector(eu, lease) as votes:
        with pytest.raises(Refused, match=f"trafficfed/{lease} of eu is no record of a leadership: delete it"):
            await votes.read(DEADLINE_S)


async def test_a_missing_namespace_is_told_with_what_to_do(eu: RealCluster, lease: str) -> None:
    """Seen by an administrator's credentials; the product's own are not allowed to look there."""
    async with elector(eu, lease, "elsewhere", eu.admin_kubeconfig) as votes:
        nothing = await votes.read(DEADLINE_S)
        assert nothing.record is None
        with pytest.raises(Refused, match=r"no namespace elsewhere .*`kubectl create namespace elsewhere"):
            await votes.write(EU, nothing, DEADLINE_S)


async def test_missing_permission_is_told_in_the_servers_words(eu: RealCluster, lease: str) -> None:
    async with elector(eu, lease, "kube-system") as votes:
        with pytest.raises(Refused, match="403 Forbidden: leases"):
            await votes.read(DEADLINE_S)


async def test_a_silent_server_costs_no_more_than_the_deadline(farm: ClusterFarm, lease: str) -> None:
    cluster = await asyncio.to_thread(farm.start_one, "silent")
    async with elector(cluster, lease) as votes:
        before = await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
        cluster.pause()
        try:
            with pytest.raises(Transient, match=r"silent gave no answer about its Lease within 0\.2 s"):
                await ask_until_silent(votes)
        finally:
            cluster.resume()
        assert await votes.read(DEADLINE_S) == before
        await asyncio.to_thread(cluster.empty)
        other = await votes.read(DEADLINE_S)
        assert other.record is None
        assert went_back(before, other)
        assert went_back(replace(before, record=None, uid=before.uid.partition("/")[0] + "/"), other)
    cluster.stop()


async def test_a_restored_server_has_gone_back(farm: ClusterFarm, lease: str) -> None:
    cluster = await asyncio.to_thread(farm.start_one, "restored", own_etcd=True)
    async with elector(cluster, lease) as votes:
        early = await votes.write(EU, await votes.read(DEADLINE_S), DEADLINE_S)
        await asyncio.to_thread(cluster.back_up)
        late = await votes.write(replace(EU, renewal=4), early, DEADLINE_S)
        await asyncio.to_thread(cluster.restore)
        now = await votes.read(DEADLINE_S)
        assert now == early
        assert went_back(late, now)
    cluster.stop()
