"""Hub and members go, hang, break their streams, throttle and return; the process is cancelled and run again.

In whatever order: in the end every member has exactly what the hub has.
"""

import asyncio
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any

import pytest

from trafficfed.sandbox.apiserver.faults import Rule
from trafficfed.testing.propagation_world import PropagationWorld, config_map, policy

Json = dict[str, Any]
Make = Callable[..., PropagationWorld]
pytestmark = pytest.mark.looptime


NAMES = [f"c{number}" for number in range(6)]


class Storm:
    """So many seconds of whatever chance brings; then everything is well again."""

    def __init__(self, world: PropagationWorld, seed: int) -> None:
        self._world, self._chance = world, Random(seed)
        self._texts: dict[str, str] = {}
        self._servers = (world.hub, *world.servers.values())

    def write(self, name: str) -> None:
        self._texts[name] = str(self._chance.random())
        self._world.write(config_map(name, self._texts[name]))

    def remove(self) -> None:
        """Watched where the hub is reached just then, else missing when it returns."""
        if self._texts:
            name = self._chance.choice(sorted(self._texts))
            del self._texts[name]
            self._world.remove("ConfigMap", name)

    def strike(self) -> None:
        server = self._chance.choice(self._servers)
        strikes: list[Callable[[], object]] = [
            server.go,
            server.come_back,
            server.faults.cut_watches,
            server.faults.expire_watches,
            server.faults.pause,
            server.faults.resume,
            partial(server.faults.too_many_requests, 1, 3),
            partial(server.faults.fail, Rule(code=500, times=3)),
            partial(server.faults.fail, Rule(code=409, reason="Conflict", method="PATCH", times=2)),
            lambda: self.write(self._chance.choice(NAMES)),
            lambda: self.write(self._chance.choice(NAMES)),
            self.remove,
        ]
        self._chance.choice(strikes)()

    async def blow(self, strikes: int) -> None:
        for _ in range(strikes):
            self.strike()
            await asyncio.sleep(self._chance.choice((0.0, 0.01, 0.05, 0.3, 2.0)))

    def calm(self) -> None:
        for server in self._servers:
            server.faults.clear()

    @property
    def wanted(self) -> dict[str, dict[str, str]]:
        return dict.fromkeys(self._world.servers, self._texts)

    @property
    def found(self) -> dict[str, dict[str, str]]:
        def text(member: str, name: str) -> str:
            found = self._world.get("ConfigMap", name, at=self._world.servers[member])
            return str(found["data"]["text"]) if found else ""

        return {
            member: {name: text(member, name) for name in NAMES if text(member, name)} for member in self._world.servers
        }


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(12))
async def test_after_a_storm_every_member_has_what_the_hub_has(make: Make, seed: int) -> None:
    world = make()
    world.write(policy())
    storm = Storm(world, seed)
    for name in NAMES[:4]:
        storm.write(name)
    for _ in range(3):
        async with world.running(Random(seed).choice((0.05, 0.5, 5.0))):
            await storm.blow(15)
    storm.calm()
    async with world.running(180) as propagation:
        assert (propagation.reason, propagation.held) == ("", "")
        assert storm.found == storm.wanted
        assert world.condition() in ("Applied", "NothingSelected")
        assert propagation.refusals == () or world.condition() == "NothingSelected"
