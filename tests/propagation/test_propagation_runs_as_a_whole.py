"""Runner, links, writers and engine together at emulated API servers, in virtual time: what fails comes right again."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.errors import ConfigError
from trafficfed.sandbox.apiserver.cluster import Cluster
from trafficfed.sandbox.apiserver.faults import Rule
from trafficfed.testing.propagating import deployment
from trafficfed.testing.propagation_world import PropagationWorld

Json = dict[str, Any]
pytestmark = pytest.mark.looptime


def policy(name: str = "all", **spec: Any) -> Json:
    selectors = [{"apiVersion": "apps/v1", "kind": "Deployment"}, {"apiVersion": "v1", "kind": "ConfigMap"}]
    return {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "PropagationPolicy",
        "metadata": {"namespace": "shop", "name": name},
        "spec": {"resourceSelectors": selectors, **spec},
    }


def config_map(name: str, text: str = "1", **data: str) -> Json:
    metadata = {"namespace": "shop", "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text, **data}}


Make = Callable[..., PropagationWorld]


def text(world: PropagationWorld, cluster: str, name: str = "one") -> str:
    found = world.get("ConfigMap", name, at=world.servers[cluster])
    return str(found["data"]["text"]) if found else ""


def count(world: PropagationWorld, cluster: str) -> int:
    """Copies of what a burst made."""
    return sum(world.get("ConfigMap", f"c{number}", at=world.servers[cluster]) is not None for number in range(300))


async def test_what_stands_on_the_hub_is_in_every_member_seconds_after_the_start(make: Make) -> None:
    world = make()
    world.write(policy(), deployment())
    async with world.running():
        assert world.holders("Deployment", "web") == {"ap", "eu", "us"}
        assert world.condition() == "Applied"


async def test_the_second_run_writes_nothing(make: Make) -> None:
    world = make()
    world.write(policy(), *(config_map(f"c{number}") for number in range(20)))
    async with world.running():
        pass
    for server in (world.hub, *world.servers.values()):
        world.writes(server)
    async with world.running(30.0):
        assert [world.writes(server) for server in (world.hub, *world.servers.values())] == [[], [], [], []]


async def test_it_runs_again_after_it_was_cancelled_and_takes_up_what_changed_meanwhile(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("one"))
    async with world.running() as propagation:
        pass
    assert (propagation.reason, propagation.held, propagation.freshness) == ("", "", None)
    assert (propagation.refusals, propagation.unseen, propagation.waiting) == ((), {}, 0)
    assert not propagation.census
    with pytest.raises(ConfigError, match="the one that leads"):
        propagation.confirm()
    world.write(config_map("one", "2"))
    await asyncio.sleep(60)
    assert text(world, "eu") == "1"
    async with world.running():
        assert text(world, "eu") == "2"


async def test_a_hub_that_could_never_be_asked_is_a_reason_only_while_it_runs(make: Make) -> None:
    world = make()
    world.hub.go()
    async with world.running(60) as propagation:
        assert "refused" in propagation.reason
    assert propagation.reason == ""
    world.hub.come_back()
    world.write(policy(), config_map("one"))
    async with world.running():
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}


@pytest.mark.parametrize("moment_s", [0.0, 0.005, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.3, 1.0])
async def test_cancelled_amid_work_nothing_is_left_running_and_the_next_run_finishes_it(
    make: Make, moment_s: float
) -> None:
    world = make()
    world.write(policy(), *(config_map(f"c{number}") for number in range(30)))
    before = len(asyncio.all_tasks())
    async with world.running(moment_s):
        pass
    assert len(asyncio.all_tasks()) == before
    assert [server.connections for server in (world.hub, *world.servers.values())] == [set()] * 4
    async with world.running():
        assert all(world.holders("ConfigMap", f"c{number}") == {"ap", "eu", "us"} for number in range(30))
        assert world.condition() == "Applied"


async def test_a_member_that_is_gone_keeps_its_copies_and_catches_up_when_it_is_back(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("one"))
    async with world.running():
        world.servers["us"].go()
        world.write(config_map("one", "2"), config_map("two"))
        await asyncio.sleep(30)
        assert (text(world, "eu"), text(world, "us")) == ("2", "1")
        assert world.condition() == "Unreachable"
        world.servers["us"].come_back()
        await asyncio.sleep(60)
        assert (text(world, "us"), world.holders("ConfigMap", "two")) == ("2", {"ap", "eu", "us"})
        assert world.condition() == "Applied"


async def test_a_clock_that_is_set_back_delays_no_retry(make: Make) -> None:
    world = make()
    world.write(policy())
    async with world.running():
        world.servers["us"].faults.fail(Rule(code=500, method="PATCH", times=3))
        world.write(config_map("one"))
        await asyncio.sleep(0.2)
        world.clock.set_back_s = 3600.0
        assert world.holders("ConfigMap", "one") == {"ap", "eu"}
        await asyncio.sleep(20)
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}


async def test_a_member_that_hangs_delays_nobody_else(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("one"))
    async with world.running():
        world.servers["us"].faults.pause()
        world.write(config_map("one", "2"))
        await asyncio.sleep(0.1)
        assert [text(world, name) for name in ("ap", "eu", "us")] == ["2", "2", "1"]
        world.servers["us"].faults.resume()
        await asyncio.sleep(5)
        assert text(world, "us") == "2"


async def test_a_member_that_hangs_amid_a_burst_delays_nobody_else_and_catches_up(make: Make) -> None:
    world = make()
    world.write(policy())
    async with world.running():
        world.servers["us"].faults.pause()
        world.write(*(config_map(f"c{number}") for number in range(300)))
        await asyncio.sleep(5)
        assert [count(world, name) for name in ("ap", "eu", "us")] == [300, 300, 0]
        world.servers["us"].faults.resume()
        await asyncio.sleep(30)
        assert count(world, "us") == 300
        assert world.condition() == "Applied"


async def test_a_burst_for_one_member_alone_is_carried_out_while_the_others_have_nothing_to_do(make: Make) -> None:
    world = make()
    world.write(policy(placement={"clusterAffinity": {"clusterNames": ["eu"]}}))
    async with world.running():
        world.write(*(config_map(f"c{number}") for number in range(300)))
        await asyncio.sleep(10)
        assert [count(world, name) for name in ("ap", "eu", "us")] == [0, 300, 0]
        assert world.condition() == "Applied"


async def test_a_member_whose_kubeconfig_is_wrong_is_the_only_one_that_has_nothing(make: Make) -> None:
    world = make()
    world.unusable["us"] = "kubeconfig us: no such file"
    world.write(policy(), config_map("one"))
    async with world.running():
        assert world.holders("ConfigMap", "one") == {"ap", "eu"}
        us = next(each for each in world.status()["clusters"] if each["name"] == "us")
        assert us["reason"] == "Unreachable"
        world.unusable.clear()
        await asyncio.sleep(20)
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}


async def test_a_hub_that_is_gone_takes_nothing_away_and_what_happened_meanwhile_follows(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("one"), config_map("two"))
    async with world.running() as propagation:
        world.hub.go()
        await asyncio.sleep(30)
        assert "refused" in propagation.reason
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}
        world.remove("ConfigMap", "two")
        world.write(config_map("one", "2"))
        world.hub.come_back()
        await asyncio.sleep(60)
        assert propagation.reason == ""
        assert text(world, "eu") == "2"
        assert world.holders("ConfigMap", "two") == set()


async def test_a_hub_restored_from_a_backup_is_held_until_it_is_confirmed(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("old"))
    async with world.running() as propagation:
        backup = world.hub.cluster.store.copy()
        world.write(config_map("new"))
        await asyncio.sleep(10)
        world.hub.restore(Cluster("hub", world.clock, world.schemas, backup))
        await asyncio.sleep(60)
        assert "older than before" in propagation.held
        assert world.holders("ConfigMap", "new") == {"ap", "eu", "us"}
        leaving = propagation.confirm()
        await asyncio.sleep(10)
        assert propagation.held == ""
        assert leaving == 1, "what the hub forgot by the restoration is known from before"
        assert world.holders("ConfigMap", "new") == set()
        assert world.holders("ConfigMap", "old") == {"ap", "eu", "us"}


async def test_a_restored_hub_is_known_for_what_it_is_by_the_next_process_too(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("old"))
    async with world.running():
        backup = world.hub.cluster.store.copy()
        world.write(config_map("new"))
        await asyncio.sleep(10)
    world.hub.restore(Cluster("hub", world.clock, world.schemas, backup))
    world.restart()
    async with world.running(30.0) as propagation:
        assert "older than before" in propagation.held
        assert world.holders("ConfigMap", "new") == {"ap", "eu", "us"}


async def test_a_hub_restored_while_somebody_else_led_is_known_for_what_it_is(make: Make) -> None:
    """Also where the last that was seen of it came right before the end, and is on no disk yet."""
    world = make()
    world.write(policy(), config_map("old"))
    async with world.running(10):
        backup = world.hub.cluster.store.copy()
        world.write(config_map("new"))
        await asyncio.sleep(0.5)
    world.hub.restore(Cluster("hub", world.clock, world.schemas, backup))
    await asyncio.sleep(60)
    async with world.running(30.0) as propagation:
        assert "older than before" in propagation.held
        assert world.holders("ConfigMap", "new") == {"ap", "eu", "us"}


async def test_another_hub_behind_the_address_is_not_believed(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("one"))
    async with world.running() as propagation:
        world.hub.restore(Cluster("hub", world.clock, world.schemas))
        await asyncio.sleep(60)
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}
        assert "another API server" in propagation.held


async def test_a_record_that_somebody_else_wrote_is_read_again(make: Make) -> None:
    world = make()
    world.write(policy(), config_map("one"))
    async with world.running():
        record = world.get("ConfigMap", "trafficfed-assignments-1", "trafficfed")
        assert record is not None
        record["metadata"].setdefault("annotations", {})["someone"] = "else"
        del record["metadata"]["managedFields"]
        world.write(record)
        world.write(config_map("two"))
        await asyncio.sleep(5)
        assert world.holders("ConfigMap", "two") == {"ap", "eu", "us"}
