"""Drain, freeze, undo and their list, of the running controller: what is named is found, what is ordered holds."""

import asyncio

import pytest

from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.model import Client, GlobalService, HealthCheck, OperatorControl, Row, ServiceKey
from trafficfed.observe.journal import Journal
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.observe.showing import no_rtt
from trafficfed.operations import ControllerOperations
from trafficfed.ordering import Ordering
from trafficfed.steering.orders import BadOrder, Order, Undo
from trafficfed.table.table import Snapshot, Table
from trafficfed.testing.controlling import ZONE, Bench
from trafficfed.testing.fleets import endpoint
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime

EU = balanced("web", "web.example.org", ["192.0.2.1"])
US = balanced("web", "web.example.org", ["198.51.100.1"])
BOTH = {"192.0.2.1", "198.51.100.1"}
DRAIN = ControlRequest(kind="drain", cluster="eu", who="ann", why="kernel upgrade")


def values(memory: Memory) -> set[str]:
    return {value for each in memory.zone(ZONE.name) if each.type == "A" for value in each.values}


async def settled(bench: Bench) -> None:
    bench.listed("eu", EU)
    bench.listed("us", US)
    await asyncio.sleep(5)


async def test_a_drain_is_in_force_when_it_is_answered_and_published_at_once() -> None:
    bench = Bench(memory := Memory())
    async with bench.running():
        await settled(bench)
        done = await bench.operations.control(DRAIN)
        (control,) = bench.table.controls
        assert done.message == f"cluster eu is drained until undone (control {control.id})"
        assert (control.who, control.why, control.since_s) == ("ann", "kernel upgrade", bench.clock.now_s())
        await asyncio.sleep(1)
        assert values(memory) == {"198.51.100.1"}
        done = await bench.operations.undo(UndoRequest(kind="drain", cluster="eu"))
        assert done.message == f"the drain of cluster eu ({control.id}) has ended"
        await asyncio.sleep(1)
        assert values(memory) == BOTH


async def test_a_drain_with_a_time_ends_by_itself_and_is_listed_no_more() -> None:
    bench = Bench(memory := Memory())
    async with bench.running():
        await settled(bench)
        await bench.operations.control(ControlRequest(kind="drain", cluster="eu", why="w", for_s=60.0))
        await asyncio.sleep(59)
        assert values(memory) == {"198.51.100.1"}
        assert [each.kind for each in bench.operations.controls().controls] == ["drain"]
        await asyncio.sleep(2)
        assert values(memory) == BOTH
        assert bench.operations.controls().controls == ()


async def test_an_earlier_end_than_any_wake_so_far_is_not_slept_over() -> None:
    """The controller sleeps until its next judgement; a control that ends before that has to wake it."""
    bench = Bench(memory := Memory(), pace=HealthCheck(interval_s=600.0))
    async with bench.running():
        await settled(bench)
        await asyncio.sleep(60)
        await bench.operations.control(ControlRequest(kind="drain", cluster="eu", why="w", for_s=0.5))
        await asyncio.sleep(1.5)
        assert values(memory) == BOTH


async def test_a_freeze_holds_what_is_published_and_says_what_that_means() -> None:
    bench = Bench(memory := Memory())
    async with bench.running():
        await settled(bench)
        done = await bench.operations.control(ControlRequest(kind="freeze", service="shop/web", why="w", for_s=3600.0))
        assert done.message.startswith("default/shop/web is frozen until ")
        assert done.message.endswith("answers change no more, not even by failover")
        bench.down.add("192.0.2.1")
        bench.remove("us", US)
        await asyncio.sleep(60)
        assert values(memory) == BOTH
        await bench.operations.undo(UndoRequest(kind="freeze", service="web.example.org"))
        await asyncio.sleep(1)
        assert values(memory) == {"192.0.2.1"}, "the only one left is given out, dead as it is"


async def test_what_a_drain_cannot_move_is_told() -> None:
    bench = Bench(memory := Memory())
    async with bench.running():
        bench.listed("eu", EU, *(balanced(f"s{n}", f"s{n}.example.org", [f"192.0.2.1{n}"]) for n in range(7)))
        bench.listed("us", US)
        await asyncio.sleep(5)
        done = await bench.operations.control(DRAIN)
        kept = ", ".join(f"default/shop/s{n}" for n in range(5))
        assert done.message.endswith(f"given out all the same, as nothing else serves: {kept} and 2 more")
        await asyncio.sleep(1)
        assert "192.0.2.13" in values(memory)
        assert "192.0.2.1" not in values(memory)


async def test_status_shows_who_is_drained_what_is_frozen_and_why() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        await bench.operations.control(DRAIN)
        await bench.operations.control(ControlRequest(kind="freeze", who="bob", why="moving"))
        status = bench.operations.status()
        (service,) = status.services
        assert {target.cluster: target.drained for target in service.targets} == {"eu": True, "us": False}
        assert service.frozen == "by bob: moving"
        assert [(each.kind, each.who) for each in status.controls] == [("drain", "ann"), ("freeze", "bob")]
        told = bench.operations.explain("web.example.org", "")
        assert any("frozen by bob: moving" in line for line in told.lines)


async def test_a_control_is_ended_by_its_id_whatever_it_is() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        await bench.operations.control(DRAIN)
        (control,) = bench.table.controls
        await bench.operations.undo(UndoRequest(id=control.id))
        assert bench.table.controls == ()
        with pytest.raises(ConfigError, match=f"no control {control.id} is in force"):
            await bench.operations.undo(UndoRequest(id=control.id))


async def test_two_orders_at_once_are_both_in_force() -> None:
    bench = Bench(Memory())
    async with bench.running():
        await settled(bench)
        await asyncio.gather(
            bench.operations.control(DRAIN),
            bench.operations.control(ControlRequest(kind="freeze", service="shop/web", why="w")),
        )
        assert [each.kind for each in bench.table.controls] == ["drain", "freeze"]


async def test_a_restart_goes_on_with_the_controls_of_the_table() -> None:
    bench = Bench(memory := Memory())
    async with bench.running():
        await settled(bench)
        await bench.operations.control(DRAIN)
        await asyncio.sleep(1)
    again = Bench(memory, table=Table(bench.table.snapshot()))
    async with again.running():
        await settled(again)
        await asyncio.sleep(30)
        assert values(memory) == {"198.51.100.1"}
        assert [each.why for each in again.operations.controls().controls] == ["kernel upgrade"]


async def test_before_it_runs_a_controller_takes_no_order() -> None:
    bench = Bench(Memory())
    with pytest.raises(Transient, match="starting"):
        await bench.operations.control(DRAIN)
    assert bench.table.controls == ()


# ---------------------------------------------------------------------- what is named


class Ordered:
    """Orders against a table of three services; ``orders`` are those that were handed on."""

    def __init__(self, *controls: OperatorControl, amiss: str = "", failure: Exception | None = None) -> None:
        rows = tuple(
            Row(service=GlobalService(key=ServiceKey(*name.split("/")), hostnames=(host,)), endpoints=(endpoint("eu"),))
            for name, host in (
                ("dev/shop/web", "dev.example.org"),
                ("prod/shop/api", "api.example.org"),
                ("prod/shop/web", "web.example.org"),
            )
        )
        self.table = Table(Snapshot(generation=1, rows=rows, controls=controls))
        self.orders: list[Order] = []
        self.amiss, self.failure = amiss, failure
        self.ordering = Ordering(self.table, ("eu", "us", "ap"), lambda: self.table.controls, self.accept)

    async def accept(self, order: Order) -> str:
        if self.failure is not None:
            raise self.failure
        self.orders.append(order)
        return self.amiss

    async def service_of(self, text: str) -> str:
        await self.ordering.control(ControlRequest(kind="freeze", service=text, why="w"), 100.0)
        (order,) = self.orders
        assert isinstance(order, OperatorControl)
        return order.service


@pytest.mark.parametrize(
    ("text", "service"),
    [
        ("prod/shop/web", "prod/shop/web"),
        ("dev/shop/web", "dev/shop/web"),
        ("shop/api", "prod/shop/api"),
        ("web.example.org", "prod/shop/web"),
        ("Web.Example.Org.", "prod/shop/web"),
    ],
)
async def test_a_service_is_named_by_its_key_its_end_or_a_hostname(text: str, service: str) -> None:
    assert await Ordered().service_of(text) == service


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (
            ControlRequest(kind="freeze", service="shop/web", why="w"),
            "shop/web is more than one service: dev/shop/web, prod/shop/web; write one of these",
        ),
        (ControlRequest(kind="freeze", service="web", why="w"), "web: no service has this name; write namespace/name"),
        (ControlRequest(kind="freeze", service="op/api", why="w"), "op/api: no service has this name"),
        (ControlRequest(kind="drain", cluster="eu-west", why="w"), "no cluster eu-west is known; known are ap, eu, us"),
    ],
)
async def test_what_is_not_there_is_told_with_what_is(wanted: ControlRequest, said: str) -> None:
    ordered = Ordered()
    with pytest.raises(ConfigError) as told:
        await ordered.ordering.control(wanted, 100.0)
    assert str(told.value).startswith(said)
    assert not isinstance(told.value, BadOrder)
    assert ordered.orders == []


async def test_a_configured_cluster_may_be_drained_before_it_offers_anything() -> None:
    ordered = Ordered()
    await ordered.ordering.control(ControlRequest(kind="drain", cluster="ap", why="not yet"), 100.0)
    assert len(ordered.orders) == 1


@pytest.mark.parametrize(
    "wanted",
    [
        ControlRequest(kind="drain", why="w"),
        ControlRequest(kind="shift", cluster="eu", why="w"),
        ControlRequest(kind="drain", cluster="eu"),
        ControlRequest(kind="drain", cluster="eu", why="w", for_s=-1.0),
    ],
)
async def test_what_makes_no_sense_is_handed_on_to_nobody(wanted: ControlRequest) -> None:
    ordered = Ordered()
    with pytest.raises(BadOrder):
        await ordered.ordering.control(wanted, 100.0)
    assert ordered.orders == []


async def test_a_control_of_a_service_that_is_no_more_can_be_ended() -> None:
    gone = OperatorControl(kind="freeze", service="prod/shop/gone", why="w", id="abc")
    ordered = Ordered(gone)
    await ordered.ordering.undo(UndoRequest(kind="freeze", service="shop/gone"), 100.0)
    assert ordered.orders == [Undo("abc")]


async def test_what_is_amiss_with_an_order_that_was_taken_is_told() -> None:
    ordered = Ordered(amiss="no controller leads: it holds for the name servers that follow this one")
    done = await ordered.ordering.control(DRAIN, 100.0)
    assert done.message.endswith("; no controller leads: it holds for the name servers that follow this one")


async def test_an_order_that_is_not_taken_is_not_told_as_done() -> None:
    with pytest.raises(Refused, match="no"):
        await Ordered(failure=Refused("no")).ordering.control(DRAIN, 100.0)


async def test_whoever_is_given_to_accept_orders_gets_them() -> None:
    """A controller that does not lead hands orders to the one that does."""
    bench = Bench(Memory())
    orders: list[Order] = []

    async def accept(order: Order) -> str:
        orders.append(order)
        return ""

    operations = ControllerOperations(
        bench.controller,
        bench.clusters,
        "test",
        bench.clock,
        Journal(bench.clock),
        no_rtt,
        lambda address: Client(address),
        accept=accept,
    )
    await operations.control(DRAIN)
    assert [type(each) for each in orders] == [OperatorControl]
    assert bench.table.controls == ()
