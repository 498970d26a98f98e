"""A fleet in which leaders change, controllers die and links break at random: a follower ends with the best table."""

import asyncio
import contextlib
from random import Random

import pytest

from trafficfed.feed.choice import choose
from trafficfed.feed.messages import Standing
from trafficfed.model import Row
from trafficfed.testing.feeding import PlayedController
from trafficfed.testing.following import Watched
from trafficfed.testing.sample_zone import EU, US, anyone, service_row

pytestmark = pytest.mark.looptime
LEADS, RELAYS, ALONE = Standing.LEADS, Standing.RELAYS, Standing.ALONE


class Fleet:
    """Three controllers of which one leads, unless it is dead; the others relay it as long as it lives."""

    def __init__(self, chance: Random) -> None:
        self.chance = chance
        self.controllers = [PlayedController(beat_s=2.0, standing=ALONE) for _ in range(3)]
        self.leader = self.controllers[0]
        self.leader.take_over(1)
        self.lives: dict[PlayedController, contextlib.AsyncExitStack] = {}

    def row(self) -> Row:
        name = self.chance.choice("abcdef")
        return service_row(f"{name}.example.org", anyone(self.chance.choice((EU, US))), ttl=self.chance.randrange(600))

    def settle(self) -> None:
        """Everybody learns who leads now: relays take its table over."""
        for each in self.controllers:
            if each is self.leader:
                continue
            if self.leader in self.lives and each in self.lives:
                if each.source.table.term < self.leader.source.table.term:
                    each.copy(self.leader, self.leader.feed.epoch)
                each.stand(RELAYS)
            elif each.source.standing() is RELAYS:
                each.stand(ALONE)

    def commit(self) -> None:
        delta = self.leader.source.table.commit([self.row()])
        if delta is None or self.leader not in self.lives:
            return
        self.leader.feed.publish(delta)
        for each in self.lives:
            if each is not self.leader and each.source.table.generation == delta.generation - 1:
                each.relay(delta)

    async def begin(self, controller: PlayedController) -> None:
        if controller not in self.lives:
            self.lives[controller] = contextlib.AsyncExitStack()
            controller.source.table = self.leader.source.table if controller is self.leader else controller.source.table
            await self.lives[controller].enter_async_context(controller.up())

    async def end(self, controller: PlayedController) -> None:
        if stack := self.lives.pop(controller, None):
            await stack.aclose()

    def elect(self) -> None:
        """Another of those that live takes over, with a term that no other ever had."""
        if not self.lives:
            return
        term = max(each.source.table.term for each in self.controllers) + 1
        self.leader.stand(ALONE)
        self.leader = self.chance.choice([each for each in self.controllers if each in self.lives])
        self.leader.take_over(term)

    async def step(self, copy: Watched) -> None:
        """One thing that happens."""
        kind = self.chance.randrange(7)
        if kind == 0:
            await self.end(self.chance.choice(self.controllers))
        elif kind == 1:
            await self.begin(self.chance.choice(self.controllers))
        elif kind == 2:
            self.elect()
        elif kind == 3:
            copy.client.restart()
        elif kind == 4:
            await asyncio.sleep(self.chance.uniform(0, 15))
        else:
            self.commit()
        self.settle()
        for _ in range(self.chance.randrange(6)):
            await asyncio.sleep(0)


@pytest.mark.parametrize("seed", range(12))
async def test_the_follower_ends_at_the_best_controllers_table(seed: int) -> None:
    """And its term never goes back on the way. The seed is fixed."""
    fleet = Fleet(Random(seed))
    copy = Watched(*fleet.controllers)
    terms: list[int] = []
    async with copy.up():
        try:
            for _ in range(40):
                await fleet.step(copy)
                terms.append(copy.table.term)
            await fleet.begin(fleet.leader)
            for each in fleet.controllers:
                await fleet.begin(each)
            fleet.elect()
            for each in fleet.controllers:
                if each is not fleet.leader:
                    each.copy(fleet.leader, fleet.leader.feed.epoch)
            fleet.settle()
            await copy.follows(fleet.leader)
            fleet.commit()
            await copy.follows(fleet.leader)
            assert copy.table.snapshot() == fleet.leader.source.table.snapshot()
            heard = copy.client.heard
            assert choose(heard, "", copy.table.term, alone=False) == fleet.leader.address
        finally:
            for each in list(fleet.lives):
                await fleet.end(each)
    assert terms == sorted(terms)
