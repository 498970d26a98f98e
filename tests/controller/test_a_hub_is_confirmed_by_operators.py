"""A Suspect hub is shown as held, and taken as it is by ``confirm hub``; where there is none, nothing is said of it."""

import asyncio

import pytest

from trafficfed.discovery.declared import UNDEFINED
from trafficfed.errors import ConfigError
from trafficfed.model import Refusal
from trafficfed.propagation.aggregate import CopyState
from trafficfed.testing.controlling import Bench
from trafficfed.testing.declaring import ToldHub, written
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime


class Hub:
    """What propagation says, and what it was told."""

    def __init__(self, held: str = "", reason: str = "") -> None:
        self.held, self.reason = held, reason
        self.forgotten: list[str] = []

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        return ()

    def copies_of(self, namespace: str, service: str) -> tuple[CopyState, ...]:
        return ()

    def confirm(self) -> int:
        if not self.held:
            raise ConfigError("the hub is not Suspect; there is nothing to confirm")
        self.held = ""
        return 7

    def forget(self, cluster: str) -> None:
        self.forgotten.append(cluster)


async def test_a_suspect_hub_is_held_until_it_is_confirmed() -> None:
    operations = Bench(Memory()).operated(Hub("another API server answers", "another API server answers"))
    (held,) = operations.status().held
    assert (held.confirm_id, held.message) == ("hub", "another API server answers")
    done = await operations.confirm("hub")
    assert "the copies of 7 objects leave" in done.message
    assert operations.status().held == ()


async def test_a_hub_that_is_not_suspect_cannot_be_confirmed() -> None:
    with pytest.raises(ConfigError, match="not Suspect"):
        await Bench(Memory()).operated(Hub()).confirm("hub")


async def test_without_a_hub_there_is_nothing_of_that_name() -> None:
    bench = Bench(Memory())
    with pytest.raises(ConfigError, match="nothing is held under hub"):
        await bench.operations.confirm("hub")
    assert bench.operations.status().refusals == ()


async def test_why_the_hub_is_not_followed_is_shown() -> None:
    (shown,) = Bench(Memory()).operated(Hub(reason="connection refused")).status().refusals
    assert (shown.cluster, shown.reason, shown.message) == ("hub", "HubNotFollowed", "connection refused")


async def test_a_forgotten_cluster_is_forgotten_by_propagation_too() -> None:
    bench, hub = Bench(Memory()), Hub()
    async with bench.running():
        bench.listed("eu", balanced("web", "web.example.org", ["192.0.2.1"]))
        await asyncio.sleep(1)
        await bench.operated(hub).forget("eu")
    assert hub.forgotten == ["eu"]


# ---------------------------------------------------------------------- what it declares


def declaring(services: int = 6) -> tuple[Bench, ToldHub[None]]:
    """A hub that declares so many services of eu."""
    bench = Bench(Memory(), ["eu"], has_hub=True)
    bench.listed("eu", *(balanced(f"s{n}", None, [f"192.0.2.{n}"], weight="1") for n in range(1, services + 1)))
    hub: ToldHub[None] = ToldHub(bench.controller.take)
    hub.listed(*(written(f"s{n}", f"s{n}.example.org") for n in range(1, services + 1)))
    return bench, hub


async def test_what_it_declares_is_held_and_confirmed_by_the_same_word() -> None:
    bench, hub = declaring()
    async with bench.running():
        await asyncio.sleep(5)
        assert len(bench.table.rows) == 6
        hub.listed()
        await asyncio.sleep(1)
        (held,) = bench.operations.status().held
        assert held.confirm_id == "hub"
        assert held.message.startswith("6 GlobalServices are gone from a complete list at once")
        assert len(bench.table.rows) == 6
        done = await bench.operations.confirm("hub")
        assert done.message == "the hub is taken as it shows itself now; 6 GlobalServices leave"
        await asyncio.sleep(1)
        assert bench.table.rows == {}
        assert bench.operations.status().held == ()
        with pytest.raises(ConfigError, match="nothing is held under hub"):
            await bench.operations.confirm("hub")


async def test_both_views_of_the_hub_are_taken_at_once() -> None:
    bench, hub = declaring()
    operations = bench.operated(Hub("all copies are missing", "all copies are missing"))
    async with bench.running():
        await asyncio.sleep(5)
        hub.listed()
        await asyncio.sleep(1)
        (held,) = operations.status().held
        assert held.message.startswith("6 GlobalServices are gone")
        assert held.message.endswith("; all copies are missing")
        done = await operations.confirm("hub")
        assert done.message.endswith("6 GlobalServices leave, and the copies of 7 objects leave")


async def test_why_its_names_are_not_followed_is_shown_once_and_the_hub_beside_the_clusters() -> None:
    bench, hub = declaring()
    async with bench.running():
        await asyncio.sleep(1)
        assert bench.operations.status().refusals == ()
        hub.lose("the hub does not know GlobalServices")
        await asyncio.sleep(1)
        status = bench.operations.status()
        (shown,) = status.refusals
        assert (shown.reason, shown.message) == ("HubNotFollowed", "the hub does not know GlobalServices")
        assert [(view.name, view.freshness) for view in status.clusters] == [("eu", "Fresh"), ("hub", "Stale")]
        assert status.services[0].origin == ("hub:GlobalService/shop/s1",)
        hub.resume()
        await asyncio.sleep(1)
        (view,) = [each for each in bench.operations.status().clusters if each.name == "hub"]
        assert (view.freshness, view.reason) == ("Fresh", "")


async def test_a_forgotten_hub_takes_what_it_declared_along() -> None:
    bench, _ = declaring()
    async with bench.running():
        await asyncio.sleep(5)
        await bench.operations.forget("hub")
        await asyncio.sleep(1)
        assert bench.table.rows == {}


async def test_a_controller_acts_only_after_its_hub_has_answered() -> None:
    bench = Bench(Memory(), ["eu"], has_hub=True)
    async with bench.running():
        bench.listed("eu", balanced("web", "old.example.org", ["192.0.2.1"]))
        await asyncio.sleep(5)
        assert bench.operations.ready() == (False, ("the hub has not answered yet",))
        ToldHub(bench.controller.take).listed(written("web", "new.example.org"))
        await asyncio.sleep(5)
        assert bench.operations.ready() == (True, ())
        names = {record.name for record in await bench.provider.read("example.org", 5.0)}
        assert "new.example.org" in names
        assert "old.example.org" not in names, "not even for a moment"


async def test_a_lost_table_deletes_no_name_of_a_hub_that_is_down() -> None:
    provider = Memory()
    first = Bench(provider, ["eu"], has_hub=True)
    first.listed("eu", balanced("web", None, ["192.0.2.1"], weight="1"))
    ToldHub(first.controller.take).listed(written("web", "web.example.org"))
    async with first.running():
        await asyncio.sleep(10)
    stands = await provider.read("example.org", 5.0)
    assert "web.example.org" in {record.name for record in stands}

    second = Bench(provider, ["eu"], has_hub=True)
    second.listed("eu", balanced("web", None, ["192.0.2.1"], weight="1"))
    hub = ToldHub(second.controller.take)
    hub.lose()
    async with second.running():
        await asyncio.sleep(3600)
        assert await provider.read("example.org", 5.0) == stands
        assert any("cluster hub was never seen" in line for line in second.operations.plan().incomplete)
        hub.lose(UNDEFINED)
        await asyncio.sleep(1)
        assert not any("never seen" in line for line in second.operations.plan().incomplete), "it declares nothing"


async def test_a_hub_that_was_seen_again_has_the_last_word_on_what_a_lost_table_left() -> None:
    provider = Memory()
    first = Bench(provider, ["eu"], has_hub=True)
    first.listed("eu", balanced("web", None, ["192.0.2.1"], weight="1"))
    ToldHub(first.controller.take).listed(written("web", "web.example.org"))
    async with first.running():
        await asyncio.sleep(10)
    second = Bench(provider, ["eu"], has_hub=True)
    second.listed("eu", balanced("web", None, ["192.0.2.1"], weight="1"))
    ToldHub(second.controller.take).listed()
    async with second.running():
        await asyncio.sleep(3600)
        assert "web.example.org" not in {record.name for record in await provider.read("example.org", 5.0)}
