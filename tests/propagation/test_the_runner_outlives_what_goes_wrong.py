"""Wrong kubeconfigs, failing writes, full disks, exchanged members, our own mistakes: each is named and outlived."""

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from trafficfed.errors import ConfigError
from trafficfed.model import Freshness, Source
from trafficfed.propagation.engine import Engine, Turn
from trafficfed.sandbox.apiserver.cluster import Cluster
from trafficfed.sandbox.apiserver.faults import Rule
from trafficfed.sandbox.apiserver.schema import Schemas
from trafficfed.testing.propagation_world import PropagationWorld

Json = dict[str, Any]
Make = Callable[..., PropagationWorld]
pytestmark = pytest.mark.looptime
RECORDS = "/namespaces/trafficfed/configmaps"


@pytest.fixture
def make(schemas: Schemas, tmp_path: Path) -> Make:
    """Called inside the test: its clock is the test's event loop."""
    return partial(PropagationWorld, schemas, tmp_path / "state")


def policy(**spec: Any) -> Json:
    return {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "PropagationPolicy",
        "metadata": {"namespace": "shop", "name": "all"},
        "spec": {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}], **spec},
    }


def config_map(name: str = "one", text: str = "1") -> Json:
    metadata = {"namespace": "shop", "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}}


async def test_a_hub_whose_kubeconfig_is_wrong_is_named_and_followed_once_it_is_mended(make: Make) -> None:
    world = make()
    world.write(policy(), config_map())
    world.unusable["hub"] = "kubeconfig hub: no such file"
    async with world.running(30) as propagation:
        assert propagation.reason == "kubeconfig hub: no such file"
        world.unusable.clear()
        await asyncio.sleep(20)
        assert (propagation.reason, world.holders("ConfigMap", "one")) == ("", {"ap", "eu", "us"})


@pytest.mark.parametrize("code", [403, 500, 503])
async def test_nothing_is_applied_before_the_hub_takes_the_record_however_long_that_lasts(
    make: Make, code: int
) -> None:
    world = make()
    world.write(policy(), config_map())
    world.hub.faults.fail(Rule(code=code, method="POST", path=RECORDS, times=10))
    async with world.running(8):
        assert world.holders("ConfigMap", "one") == set()
        await asyncio.sleep(10)
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}


async def test_a_status_that_the_hub_does_not_take_is_written_later(make: Make) -> None:
    world = make()
    world.write(policy(), config_map())
    world.hub.faults.fail(Rule(code=500, path="/all/status", times=2))
    async with world.running(30):
        assert world.condition() == "Applied"


async def test_a_disk_that_is_full_stops_nothing(make: Make, caplog: pytest.LogCaptureFixture) -> None:
    world = make()
    world.write(policy(), config_map())
    _ = world.propagation  # what was kept is read when the process starts
    world.state_dir.write_text("a file where a directory should be")
    async with world.running(15):
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}
    assert "cannot be kept on disk" in caplog.text


async def test_a_mistake_of_ours_is_logged_and_all_begins_anew(
    make: Make, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    world = make()
    world.write(policy(), config_map())
    turn, failures = Engine.turn, [RuntimeError("a mistake")]

    def failing(self: Engine, now_s: float) -> Turn:
        if self.records is not None and failures:
            raise failures.pop()
        return turn(self, now_s)

    monkeypatch.setattr(Engine, "turn", failing)
    async with world.running(5):
        assert world.holders("ConfigMap", "one") == set()
        await asyncio.sleep(15)
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}
    assert "it begins anew" in caplog.text


async def test_a_member_that_is_another_one_by_now_is_not_written_to(make: Make) -> None:
    """The table knows who it was; what stands behind its address now has to be confirmed first."""
    world = make()
    world.sources["us"] = Source(cluster="us", uid=world.servers["us"].cluster.uid)
    world.write(policy(), config_map())
    async with world.running(10):
        world.servers["us"].restore(Cluster("us", world.clock, world.schemas))
        world.write({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}, at=world.servers["us"])
        world.writes(world.servers["us"])
        world.write(config_map(text="2"))
        await asyncio.sleep(60)
        assert world.get("ConfigMap", "one", at=world.servers["us"]) is None
        assert len(world.writes(world.servers["us"])) <= 1, "the edit itself, which names whom it is for"
        problem = world.status()["problems"][0]
        assert (problem["cluster"], problem["reason"]) == ("us", "Unreachable")
        world.sources["us"] = Source(cluster="us", uid=world.servers["us"].cluster.uid)
        await asyncio.sleep(10)
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}


async def test_a_member_that_is_suspect_is_left_alone_until_it_is_confirmed(make: Make) -> None:
    world = make()
    suspect = Source(cluster="us", freshness=Freshness.SUSPECT, reason="its state is older than before")
    world.sources["us"] = suspect
    world.write(policy(), config_map())
    async with world.running(15):
        assert world.holders("ConfigMap", "one") == {"ap", "eu"}
        world.sources["us"] = Source(cluster="us", freshness=Freshness.FRESH)
        await asyncio.sleep(10)
        assert world.holders("ConfigMap", "one") == {"ap", "eu", "us"}


async def test_a_member_that_is_forgotten_is_waited_for_no_more(make: Make) -> None:
    world = make()
    world.write(policy(), config_map())
    async with world.running(10) as propagation:
        world.servers["us"].go()
        await asyncio.sleep(10)
        world.write(policy(placement={"clusterAffinity": {"clusterNames": ["ap", "eu"]}}))
        await asyncio.sleep(10)
        assert world.condition() == "LeavingUnreachable"
        propagation.forget("us")
        await asyncio.sleep(10)
        assert world.condition() == "Applied"


async def test_nothing_is_confirmed_of_a_hub_that_is_believed(make: Make) -> None:
    world = make()
    world.write(policy(), config_map())
    async with world.running() as propagation:
        with pytest.raises(ConfigError, match="nothing to confirm"):
            propagation.confirm()
