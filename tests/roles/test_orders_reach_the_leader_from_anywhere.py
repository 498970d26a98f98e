"""Drains and freezes are accepted by any controller: the leader commits them, the others take them there or wait."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.feed.messages import Answered, Propose
from trafficfed.model import OperatorControl
from trafficfed.roles.orders import UNHEARD, Orders
from trafficfed.steering.orders import Undo, named
from trafficfed.testing.controlling import Bench
from trafficfed.testing.folding import balanced
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime

EU = balanced("web", "web.example.org", ["192.0.2.1"])
US = balanced("web", "web.example.org", ["198.51.100.1"])


class Places:
    """So many electors keep the table; a flush reaches ``reached`` of them."""

    def __init__(self, places: int = 3, reached: int = 3) -> None:
        self.kept_in = tuple(range(places))
        self.reached = reached
        self.flushed: list[int] = []

    async def flush(self, at_least: int) -> int:
        self.flushed.append(at_least)
        return self.reached


async def nobody(proposal: Propose, deadline_s: float) -> Answered:
    raise Transient("no controller leads at the moment")


def at(leader: Orders) -> Callable[[Propose, float], Awaitable[Answered]]:
    async def propose(proposal: Propose, deadline_s: float) -> Answered:
        return await leader.propose(proposal)

    return propose


def drain(bench: Bench, cluster: str = "eu") -> OperatorControl:
    return named(OperatorControl(kind="drain", cluster=cluster, who="ann", why="works", since_s=bench.clock.now_s()))


async def settled(bench: Bench) -> None:
    bench.listed("eu", EU)
    bench.listed("us", US)
    await asyncio.sleep(3)


def answer(bench: Bench) -> tuple[str, ...]:
    (key,) = bench.table.rows
    row = bench.controller.pipeline.overlay.get(key) or bench.table.rows[key]
    assert row.decision is not None, "it was settled"
    assert row.decision.default is not None, "it has endpoints"
    return tuple(sorted(a for member in row.decision.default.pool for a in member.addresses))


async def test_the_leader_commits_and_waits_until_most_electors_have_it() -> None:
    bench, places = Bench(Memory()), Places()
    orders = Orders(bench.controller, places, nobody, bench.clock)
    async with bench.running():
        await settled(bench)
        assert await orders.accept(order := drain(bench)) == ""
        assert bench.table.controls == (order,)
        assert places.flushed == [bench.table.generation]
        assert answer(bench) == ("198.51.100.1",)


async def test_it_says_in_how_many_electors_an_order_is_kept_where_these_are_too_few() -> None:
    bench = Bench(Memory())
    orders = Orders(bench.controller, Places(reached=1), nobody, bench.clock)
    async with bench.running():
        await settled(bench)
        said = await orders.accept(drain(bench))
        assert said == "it is kept in 1 of 3 electors so far; durable once it is in 2"
        assert answer(bench) == ("198.51.100.1",)


async def test_another_controller_takes_it_to_the_leader() -> None:
    leading, other = Bench(Memory()), Bench(Memory(), elected=False)
    leader = Orders(leading.controller, Places(), nobody, leading.clock)
    orders = Orders(other.controller, Places(), at(leader), other.clock)
    async with leading.running(), other.running():
        await settled(leading)
        assert await orders.accept(order := drain(other)) == ""
        assert leading.table.controls == (order,)
        assert not other.table.controls
        assert await orders.accept(Undo(order.id)) == ""
        assert not leading.table.controls


async def test_without_a_leader_it_holds_here_and_says_so() -> None:
    leading, bench = Bench(Memory()), Bench(Memory(), elected=False)
    orders = Orders(bench.controller, Places(), nobody, bench.clock)
    async with leading.running(), bench.running():
        await settled(leading)
        await settled(bench)
        bench.controller.mirror(leading.table.snapshot())
        await asyncio.sleep(3)
        assert answer(bench) == ("192.0.2.1", "198.51.100.1")
        assert await orders.accept(drain(bench)) == UNHEARD
        await asyncio.sleep(0.1)
        assert answer(bench) == ("198.51.100.1",)
        assert not bench.table.controls


async def test_the_next_leader_is_told_of_what_was_held() -> None:
    leading, bench = Bench(Memory()), Bench(Memory(), elected=False)
    leader = Orders(leading.controller, Places(), nobody, leading.clock)
    heard: list[Propose] = []

    async def later(proposal: Propose, deadline_s: float) -> Answered:
        heard.append(proposal)
        return await (nobody(proposal, deadline_s) if len(heard) == 1 else leader.propose(proposal))

    orders = Orders(bench.controller, Places(), later, bench.clock)
    async with leading.running(), bench.running():
        await settled(leading)
        order = drain(bench)
        assert await orders.accept(order) == UNHEARD
        await orders.hand_over()
        assert leading.table.controls == (order,)
        assert orders.pending == ()
        assert bench.controller.pipeline.controls == bench.table.controls


async def test_who_takes_over_itself_keeps_what_it_held() -> None:
    leading, bench = Bench(Memory()), Bench(Memory(), elected=False)
    orders = Orders(bench.controller, Places(), nobody, bench.clock)
    async with leading.running(), bench.running():
        await settled(leading)
        await settled(bench)
        bench.controller.mirror(leading.table.snapshot())
        await orders.accept(order := drain(bench))
        bench.election.elect(3)
        await asyncio.sleep(1)
        orders.settle()
        assert bench.table.controls == (order,)
        assert orders.pending == ()


async def test_what_the_leader_refuses_is_refused_to_the_operator_and_held_nowhere() -> None:
    bench = Bench(Memory(), elected=False)

    async def no(proposal: Propose, deadline_s: float) -> Answered:
        return Answered(proposal.id, False, "the controller is starting; try again in a moment")

    orders = Orders(bench.controller, Places(), no, bench.clock)
    with pytest.raises(Refused, match="the leader does not take it: the controller is starting"):
        await orders.accept(drain(bench))
    assert orders.pending == ()


async def test_who_does_not_lead_takes_no_proposal() -> None:
    bench = Bench(Memory(), elected=False)
    orders = Orders(bench.controller, Places(), nobody, bench.clock)
    answered = await orders.propose(Propose("1", control=drain(bench)))
    assert (answered.id, answered.ok) == ("1", False)
    assert "does not lead" in answered.message
