"""A preview says what an order would do, does nothing, and fails as the order would; a chain tells what is where."""

import asyncio

import pytest
from msgspec.structs import replace

from trafficfed.errors import ConfigError
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.steering.orders import BadOrder
from trafficfed.testing.controlling import Bench
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime

EU = balanced("web", "web.example.org", ["192.0.2.1"])
US = balanced("web", "web.example.org", ["198.51.100.1"])
DRAIN = ControlRequest(kind="drain", cluster="eu", who="ann", why="kernel upgrade")


async def settled(bench: Bench) -> None:
    bench.listed("eu", EU)
    bench.listed("us", US)
    await asyncio.sleep(5)


async def test_a_preview_tells_what_follows_and_does_nothing() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        seen = bench.operations.preview(DRAIN)
        await asyncio.sleep(5)
        assert bench.operations.controls().controls == ()
        (before,) = bench.operations.status().services
        assert before.rules[0].answer == ("192.0.2.1", "198.51.100.1")
        assert (seen.order, seen.concerned, seen.looked, seen.differs) == ("drain of cluster eu", 1, 1, 1)
        (change,) = seen.changes
        assert (change.service, change.where, change.before) == ("default/shop/web", "any", before.rules[0].answer)
        assert (change.after, change.clusters) == (("198.51.100.1",), ("us",))
        await bench.operations.control(DRAIN)
        (after,) = bench.operations.status().services
        assert after.rules[0].answer == change.after


async def test_the_end_of_a_control_is_previewed_by_its_id() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        await bench.operations.control(DRAIN)
        (control,) = bench.operations.controls().controls
        seen = bench.operations.preview(UndoRequest(id=control.id))
        assert seen.order == "end the drain of cluster eu"
        assert seen.changes[0].after == ("192.0.2.1", "198.51.100.1")
        assert bench.operations.controls().controls == (control,)


async def test_a_preview_says_what_an_operator_should_know() -> None:
    bench = Bench(Memory(), clusters=("eu",))
    async with bench.running():
        bench.listed("eu", EU)
        await asyncio.sleep(5)
        (kept,) = bench.operations.preview(DRAIN).notes
        assert kept == "given out all the same, as nothing else serves: default/shop/web"
        (frozen,) = bench.operations.preview(ControlRequest(kind="freeze")).notes
        assert "not even by failover" in frozen


SHIFT = ControlRequest(kind="shift", cluster="eu", to="us", share=10, who="ann", why="warming up")


async def test_a_shift_is_previewed_with_the_shares_that_follow_and_who_cannot_have_them() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        seen = bench.operations.preview(SHIFT)
        assert seen.order == "shift of 10 % of cluster eu to us"
        (change,) = seen.changes
        assert (change.before, change.after) == (change.after, ("192.0.2.1", "198.51.100.1"))
        assert change.shares == {"eu": 0.45, "us": 0.55}
        (note,) = seen.notes
        assert (
            note == "answers stay as they are, until the whole is shifted, where there are no weights: zone example.org"
        )
        said = await bench.operations.control(SHIFT)
        assert said.message.startswith("10 % of cluster eu goes to us until undone (control ")
        assert said.message.endswith(note)
        (service,) = bench.operations.status().services
        assert service.rules[0].shares == change.shares
        assert bench.operations.preview(replace(SHIFT, share=100)).notes == ()


async def test_what_nothing_would_be_shifted_of_is_told() -> None:
    bench = Bench(Memory(), clusters=("eu", "us", "ap"))
    async with bench.running():
        await settled(bench)
        bench.listed("ap")
        (note, _) = bench.operations.preview(replace(SHIFT, cluster="ap")).notes
        assert note == "no such service has anything in cluster ap to be shifted"


@pytest.mark.parametrize(
    ("wanted", "kind", "said"),
    [
        (ControlRequest(kind="drain"), BadOrder, "a drain needs the cluster to take out"),
        (ControlRequest(kind="drain", cluster="mars"), ConfigError, "no cluster mars is known"),
        (ControlRequest(kind="freeze", service="a/b"), ConfigError, "a/b: no service has this name"),
        (ControlRequest(kind="freeze", for_s=-1.0), BadOrder, "must not be negative"),
        (ControlRequest(kind="shift", cluster="eu"), BadOrder, "1 to 100 per cent"),
        (ControlRequest(kind="shift", cluster="eu", to="mars", share=5), ConfigError, "no cluster mars is known"),
        (UndoRequest(id="none"), ConfigError, "no control none is in force"),
    ],
)
async def test_a_preview_fails_as_the_order_would(
    wanted: ControlRequest | UndoRequest, kind: type[Exception], said: str
) -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        with pytest.raises(kind, match=said):
            bench.operations.preview(wanted)


async def test_a_reason_may_still_be_missing_but_must_be_one_where_it_is_there() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        assert bench.operations.preview(ControlRequest(kind="drain", cluster="eu")).differs == 1
        with pytest.raises(BadOrder, match="one line"):
            bench.operations.preview(ControlRequest(kind="drain", cluster="eu", why="a\nb"))


async def test_the_chain_leads_from_each_vantage_to_each_provider() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        bench.down.add("192.0.2.1")
        await asyncio.sleep(10)
        chain = bench.operations.chain("default/shop/web")
    assert [(one.vantage, one.cluster, one.address, one.passed) for one in chain.observations] == [
        ("here", "eu", "192.0.2.1", False),
        ("here", "us", "198.51.100.1", True),
    ]
    assert chain.observations[0].error
    assert [(one.provider, one.record, one.state) for one in chain.records] == [
        ("zone", "web.example.org 30 A 198.51.100.1", "published")
    ]


async def test_what_is_not_written_yet_is_pending() -> None:
    memory = Memory()
    bench = Bench(memory)
    async with bench.running():
        await settled(bench)
        memory.be_away("maintenance")
        bench.down.add("192.0.2.1")
        await asyncio.sleep(20)
        states = {one.record: one.state for one in bench.operations.chain("default/shop/web").records}
    assert states == {
        "web.example.org 30 A 192.0.2.1 198.51.100.1": "published",
        "web.example.org 30 A 198.51.100.1": "pending",
    }


@pytest.mark.parametrize("key", ["", "web", "shop/web", "default/shop/none", "a/b/c/d"])
async def test_a_chain_is_of_a_service_by_its_key(key: str) -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        with pytest.raises(ConfigError, match="no service has this key"):
            bench.operations.chain(key)
