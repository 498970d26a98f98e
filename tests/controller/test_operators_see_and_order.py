"""Status, plan, explain, confirm and forget of the running controller."""

import asyncio

import pytest

from trafficfed.errors import ConfigError
from trafficfed.model import RecordSet
from trafficfed.testing.controlling import ZONE, Bench
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime

EU = balanced("web", "web.example.org", ["192.0.2.1"])
US = balanced("web", "web.example.org", ["198.51.100.1"])


async def settled(bench: Bench) -> None:
    bench.listed("eu", EU)
    bench.listed("us", US)
    await asyncio.sleep(5)


async def test_status_shows_clusters_services_and_providers() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        status = bench.operations.status()
    assert [(cluster.name, cluster.freshness, cluster.endpoints) for cluster in status.clusters] == [
        ("eu", "Fresh", 1),
        ("us", "Fresh", 1),
    ]
    (service,) = status.services
    assert service.hostnames == ("web.example.org",)
    assert service.rules[0].answer == ("192.0.2.1", "198.51.100.1")
    assert [(each.name, each.kind, each.state, each.names) for each in status.providers] == [
        ("zone", "memory", "Ready", 1),
        ("own", "embedded", "Feeding", 1),
    ]
    assert not status.held


async def test_plan_shows_what_is_still_to_be_written_and_then_nothing() -> None:
    memory = Memory()
    memory.be_away("maintenance")
    bench = Bench(memory)
    async with bench.running():
        await settled(bench)
        assert any("maintenance" in reason for reason in bench.operations.plan().incomplete)
        memory.be_away("")
        await asyncio.sleep(60)
        plan = bench.operations.plan()
        assert plan.changes == ()
        assert plan.incomplete == ()
        bench.upsert("eu", balanced("web", "web.example.org", ["192.0.2.1"], ttl="77"))
        for _ in range(5):  # turns of the loop: decided, but not written yet
            await asyncio.sleep(0)
            if bench.operations.plan().changes:
                break
        (change,) = bench.operations.plan().changes
        assert (change.name, change.action) == ("web.example.org", "update")


async def test_explain_leads_from_the_name_to_the_observations() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        told = bench.operations.explain("Web.Example.Org.", "203.0.113.5")
        assert told.answer == ("192.0.2.1", "198.51.100.1")
        assert told.client == "203.0.113.5"
        assert any("ProbesPassing" in line for line in told.lines)
        with pytest.raises(ConfigError, match=r"absent\.example\.org.*web\.example\.org"):
            bench.operations.explain("absent.example.org", "")


async def test_a_suspect_cluster_is_confirmed_by_name_and_only_then() -> None:
    bench = Bench(memory := Memory())
    async with bench.running():
        await settled(bench)
        with pytest.raises(ConfigError, match="not Suspect"):
            await bench.operations.confirm("cluster:eu")
        bench.listed("eu", uid="uid-of-another-server")
        await asyncio.sleep(3)
        (held,) = bench.operations.status().held
        assert (held.confirm_id, held.cluster) == ("cluster:eu", "eu")
        assert "192.0.2.1" in values(memory)
        await bench.operations.confirm(held.confirm_id)
        await asyncio.sleep(3)
        assert values(memory) == {"198.51.100.1"}
        assert not bench.operations.status().held


async def test_a_brake_is_confirmed_by_its_id() -> None:
    """An owner's leftover of a service that nobody remembers goes only by an operator's word where it is large."""
    bench = Bench(memory := Memory(), ["eu"])
    async with bench.running():
        bench.listed(
            "eu", *(balanced(f"s{n}", f"s{n}.example.org", [f"192.0.2.{n}", f"192.0.3.{n}"]) for n in range(9))
        )
        await asyncio.sleep(5)
    after = Bench(memory, ["eu"])
    async with after.running():
        after.listed(
            "eu", *(balanced(f"s{n}", f"s{n}.example.org", [f"192.0.2.{n}", f"192.0.3.{n}"]) for n in range(3))
        )
        await asyncio.sleep(10)
        held = after.operations.status().held
        assert len(held) == 6, "each of the six services would lose all of its values without a seen cause"
        await after.operations.confirm(held[0].confirm_id)
        await asyncio.sleep(5)
        assert len(after.operations.status().held) == 5
        with pytest.raises(ConfigError, match="nothing is held under"):
            await after.operations.confirm(held[0].confirm_id)


async def test_forgetting_a_cluster_lets_its_endpoints_go() -> None:
    bench = Bench(memory := Memory())
    async with bench.running():
        await settled(bench)
        bench.lost("eu")
        await asyncio.sleep(1)
        assert values(memory) == {"192.0.2.1", "198.51.100.1"}
        await bench.operations.forget("eu")
        await asyncio.sleep(5)
        assert values(memory) == {"198.51.100.1"}
        with pytest.raises(ConfigError, match="no cluster ap is known"):
            await bench.operations.forget("ap")


async def test_refusals_of_zones_and_of_objects_are_both_shown() -> None:
    memory = Memory()
    memory.write_by_hand(ZONE.name, RecordSet(name="web.example.org", type="A", ttl=60, values=("192.0.2.200",)))
    bench = Bench(memory)
    async with bench.running():
        bench.listed("eu", EU, balanced("far", "far.example.net", ["192.0.2.5"]))
        bench.listed("us", US)
        await asyncio.sleep(5)
        reasons = {refusal.reason for refusal in bench.operations.status().refusals}
        assert reasons == {"ForeignRecord", "OutsideZones"}
        assert values(memory) == {"192.0.2.200"}


def values(memory: Memory) -> set[str]:
    return {value for each in memory.zone(ZONE.name) if each.type == "A" for value in each.values}


async def test_events_tell_what_happened_since() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        told = bench.operations.events(0)
        assert told.seen == len(told.events) > 0
        assert any(each.kind == "decided" and each.service == "default/shop/web" for each in told.events)
        assert bench.operations.events(told.seen).events == ()
        bench.upsert("eu", balanced("web", "web.example.org", ["192.0.2.9"]))
        await asyncio.sleep(5)
        assert any("192.0.2.9" in each.text for each in bench.operations.events(told.seen).events)
