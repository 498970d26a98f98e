"""Law 1 within the fleet: an API server that is silent takes nothing away; probes that fail do, in every member."""

import asyncio
from collections.abc import Callable

import pytest

from trafficfed.model import Freshness, GlobalService, OperatorControl, Row, ServiceKey, State, Verdict
from trafficfed.reports import Controlled, VerdictChanged
from trafficfed.sandbox.apiserver.cluster import Cluster
from trafficfed.testing.services_world import ServicesWorld, make_slice, namespace

pytestmark = pytest.mark.looptime
Make = Callable[..., ServicesWorld]
BOTH = {"eu": ["10.1.0.1"], "us": ["10.2.0.1"]}


def fleet(make: Make, name: str = "web") -> ServicesWorld:
    world = make()
    world.export("eu", name, "10.1.0.1")
    world.export("us", name, "10.2.0.1")
    return world


def judge(world: ServicesWorld, name: str = "web", **serving: bool) -> None:
    """The public name's verdicts, as the table has them."""
    key = ServiceKey("default", "shop", name)
    verdicts = tuple(
        Verdict(
            cluster=cluster,
            address=f"192.0.2.{number}",
            serving=good,
            state=State.SERVING if good else State.NOT_SERVING,
            passed=True,
        )
        for number, (cluster, good) in enumerate(sorted(serving.items()))
    )
    world.rows[key] = Row(service=GlobalService(key=key, hostnames=("web.example.org",)), verdicts=verdicts)
    for verdict in verdicts:
        world.services.report(VerdictChanged(key, None, verdict))


async def test_an_api_server_that_is_gone_takes_no_endpoint_away_however_long(make: Make) -> None:
    world = fleet(make)
    async with world.running():
        world.servers["us"].go()
        world.see("us", Freshness.STALE)
        await asyncio.sleep(7200)
        assert world.imported("ap") == BOTH
        assert world.get("ap", "ServiceImport", "web") is not None
        world.servers["us"].come_back()
        world.see("us")
        await asyncio.sleep(60)
        assert world.imported("ap") == BOTH


async def test_probes_that_fail_take_endpoints_out_everywhere_and_passing_ones_bring_them_back(make: Make) -> None:
    world = fleet(make)
    async with world.running():
        judge(world, eu=True, us=False)
        await asyncio.sleep(1)
        assert [world.imported(at) for at in ("ap", "eu", "us")] == [{"eu": ["10.1.0.1"], "us": []}] * 3
        judge(world, eu=True, us=True)
        await asyncio.sleep(1)
        assert world.imported("ap") == BOTH


async def test_where_nothing_serves_everything_stays(make: Make) -> None:
    world = fleet(make)
    async with world.running():
        judge(world, eu=False, us=False)
        await asyncio.sleep(1)
        assert world.imported("ap") == BOTH


async def test_a_region_that_dies_with_the_leader_leaves_the_imports_of_who_takes_over(make: Make) -> None:
    """The one that leads from now on has never seen the dead cluster's API server: what it was asked to give out stands
    in the copies alone, and comes back from there."""
    world = fleet(make)
    async with world.running():
        assert world.imported("ap") == BOTH
    world.restart()
    world.servers["us"].go()
    world.see("us", Freshness.STALE)
    async with world.running():
        assert world.imported("ap") == BOTH, "nothing says that it is dead"
        judge(world, eu=True, us=False)
        await asyncio.sleep(1)
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": []}
        judge(world, eu=True, us=True)
        await asyncio.sleep(1)
        assert world.imported("ap") == BOTH
        world.servers["us"].come_back()
        world.see("us")
        world.write("us", make_slice("web", "10.2.0.9"))
        await asyncio.sleep(60)
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": ["10.2.0.9"]}


async def test_a_cluster_nothing_of_which_answers_is_dead_for_services_without_a_name_too(make: Make) -> None:
    world = fleet(make, "internal")
    async with world.running():
        judge(world, "web", eu=True, us=False)
        await asyncio.sleep(10)
        assert world.imported("ap", "internal") == BOTH, "its own API server says that it is well"
        world.servers["us"].go()
        world.see("us", Freshness.STALE)
        await asyncio.sleep(200)
        assert world.imported("ap", "internal") == {"eu": ["10.1.0.1"], "us": []}


async def test_a_controller_that_just_began_takes_nobody_for_dead(make: Make) -> None:
    """What it remembers of verdicts may be old, and it has not heard of any cluster yet."""
    world = fleet(make, "internal")
    async with world.running():
        pass
    world.restart()
    judge(world, "web", eu=True, us=False)
    world.see("us", Freshness.STALE, "not listed yet")
    world.writes("ap")
    async with world.running(2.0):
        world.see("us")
        await asyncio.sleep(60)
        assert world.writes("ap") == []


async def test_a_drained_clusters_endpoints_are_given_out_only_where_nothing_else_serves(make: Make) -> None:
    world = fleet(make)
    async with world.running():
        drain = OperatorControl(kind="drain", cluster="us")
        world.controls = (drain,)
        world.services.report(Controlled(drain, begins=True))
        await asyncio.sleep(1)
        assert world.imported("ap") == {"eu": ["10.1.0.1"], "us": []}
        world.write("eu", make_slice("web", "10.1.0.1", ready=False))
        await asyncio.sleep(1)
        assert world.imported("ap") == {"eu": [], "us": ["10.2.0.1"]}


async def test_an_import_is_not_decided_anew_while_one_of_its_clusters_was_never_seen(make: Make) -> None:
    """Who is out of sight may be the oldest: its word holds until it is known."""
    world = make()
    world.export("us", "web", "10.2.0.1")
    async with world.running():
        await asyncio.sleep(2)
        world.export("eu", "web", "10.1.0.1", sessionAffinity="ClientIP")
        await asyncio.sleep(2)
    world.restart()
    world.servers["us"].go()
    world.see("us", Freshness.STALE)
    async with world.running():
        found = world.get("ap", "ServiceImport", "web")
        assert found is not None
        assert found["spec"]["sessionAffinity"] == "None"
        assert sorted(each["cluster"] for each in found["status"]["clusters"]) == ["eu", "us"]
        assert world.imported("ap") == BOTH
        world.remove("eu", "ServiceExport", "web")
        await asyncio.sleep(2)
        assert world.imported("ap") == {"us": ["10.2.0.1"]}
        assert world.get("ap", "ServiceImport", "web") is not None


async def test_an_api_server_that_went_back_in_time_takes_nothing_away_until_it_is_believed(make: Make) -> None:
    world = make()
    world.export("eu", "web", "10.1.0.1")
    backup = world.servers["us"].cluster.store.copy()
    world.export("us", "web", "10.2.0.1")
    async with world.running():
        world.see("us", Freshness.SUSPECT, "its state is older than it was")
        world.servers["us"].restore(Cluster("us", world.clock, world.schemas, backup))
        world.see("us", Freshness.SUSPECT, "its state is older than it was")
        await asyncio.sleep(600)
        assert world.imported("ap") == BOTH
        assert world.services.unseen["us"] == "its state is older than it was"
        world.see("us")
        await asyncio.sleep(60)
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}


async def test_what_is_deleted_at_a_doubtful_api_server_stays_until_that_is_believed(make: Make) -> None:
    world = fleet(make)
    async with world.running():
        world.see("us", Freshness.SUSPECT, "its state is older than it was")
        await asyncio.sleep(10)
        world.remove("us", "ServiceExport", "web")
        await asyncio.sleep(600)
        assert world.imported("ap") == BOTH
        world.see("us")
        await asyncio.sleep(20)
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}


async def test_another_api_server_behind_the_address_takes_nothing_away_and_is_not_written_to(make: Make) -> None:
    world = fleet(make)
    async with world.running():
        world.writes("us")
        world.servers["us"].restore(Cluster("us", world.clock, world.schemas))
        world.define("us")
        world.write("us", namespace("shop"))
        await asyncio.sleep(600)
        assert world.imported("ap") == BOTH
        assert "another API server" in world.services.unseen["us"]
        assert world.writes("us") == []
        world.see("us")
        await asyncio.sleep(60)
        assert world.imported("ap") == {"eu": ["10.1.0.1"]}
        assert world.imported("us") == {"eu": ["10.1.0.1"]}
