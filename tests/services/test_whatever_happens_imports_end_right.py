"""Whatever users do and servers suffer, in whatever order: imports end as what is exported then says, and stay so."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from trafficfed.model import Freshness
from trafficfed.testing.services_world import ServicesWorld, make_export, make_service, make_slice

pytestmark = pytest.mark.looptime
Make = Callable[..., ServicesWorld]
NAMES = ("web", "db")
MEMBERS = ("ap", "eu", "us")


class Chance:
    """Random steps of users, processes and servers; ``expected`` are the addresses that each cluster exports."""

    def __init__(self, world: ServicesWorld, seed: int) -> None:
        self.world, self.random = world, Random(seed)
        self.expected: dict[tuple[str, str], list[str]] = {}
        self.gone: set[str] = set()

    def step(self) -> None:
        at, name = self.random.choice(MEMBERS), self.random.choice(NAMES)
        steps = (self.export, self.export, self.move, self.unexport, self.spoil, self.lose, self.find)
        self.random.choice(steps)(at, name)

    def export(self, at: str, name: str) -> None:
        self.world.write(at, make_service(name), make_export(name))
        self.expected.setdefault((at, name), [])
        self.move(at, name)

    def move(self, at: str, name: str) -> None:
        addresses = [f"10.{MEMBERS.index(at)}.0.{number}" for number in self.random.sample(range(1, 6), 3)]
        self.world.write(at, make_slice(name, *addresses))
        if (at, name) in self.expected:
            self.expected[at, name] = sorted(addresses)

    def unexport(self, at: str, name: str) -> None:
        if self.expected.pop((at, name), None) is not None:
            self.world.remove(at, "ServiceExport", name)

    def spoil(self, at: str, name: str) -> None:
        """Somebody deletes what is ours."""
        if self.world.get(at, "ServiceImport", name) is not None:
            self.world.remove(at, "ServiceImport", name)

    def lose(self, at: str, name: str) -> None:
        self.gone.add(at)
        self.world.servers[at].go()
        self.world.see(at, Freshness.STALE)

    def find(self, at: str, name: str) -> None:
        self.gone.discard(at)
        self.world.servers[at].come_back()
        self.world.see(at)

    def imported(self, name: str) -> dict[str, list[str]]:
        return {at: addresses for (at, each), addresses in self.expected.items() if each == name}


@pytest.mark.parametrize("seed", range(20))
async def test_in_the_end_every_member_has_what_is_exported_and_the_next_process_writes_nothing(
    make: Make, seed: int
) -> None:
    world = make()
    chance = Chance(world, seed)
    for _ in range(3):
        async with world.running(0.0):
            for _ in range(12):
                chance.step()
                await asyncio.sleep(chance.random.choice((0.0, 0.01, 0.05, 0.3, 3.0)))
        world.restart()
    for at in MEMBERS:
        chance.find(at, "")
    async with world.running(120):
        for name in NAMES:
            for at in MEMBERS:
                assert world.imported(at, name) == chance.imported(name), (at, name)
                assert (world.get(at, "ServiceImport", name) is not None) == bool(chance.imported(name))
        for at, name in chance.expected:
            found = world.get(at, "ServiceExport", name)
            assert found is not None
            reasons = {each["type"]: each["reason"] for each in found["status"]["conditions"]}
            assert reasons == {"Valid": "Valid", "Ready": "Exported", "Conflict": "NoConflicts"}
    world.restart()
    for at in MEMBERS:
        world.writes(at)
    async with world.running(60):
        assert [world.writes(at) for at in MEMBERS] == [[], [], []]


@pytest.mark.parametrize("members", [("ap", "eu", "us"), ("us", "eu", "ap"), ("eu", "us", "ap")])
async def test_which_cluster_is_named_first_does_not_matter(make: Make, members: tuple[str, ...]) -> None:
    """All exports are of one second, so that the names alone decide who is the oldest."""
    world = make(members=members)
    for number, at in enumerate(members):
        ports = [{"name": "http", "port": 80 + sorted(members).index(at), "protocol": "TCP"}]
        world.export(at, "web", f"10.{number}.0.1", ports=ports)
    async with world.running():
        specs: list[Any] = [world.get(at, "ServiceImport", "web") for at in sorted(members)]
        assert {each["spec"]["ports"][0]["port"] for each in specs} == {80}, "that of ap"
        assert {tuple(world.imported(at)) for at in members} == {("ap",)}
