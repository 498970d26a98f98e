"""The demo without anybody watching: a failover, and a placement by the hub; each step is awaited, measured, judged."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import dns.exception

from trafficfed.ports import Clock
from trafficfed.sandbox.fleet import Fleet
from trafficfed.sandbox.story import Story, apply_file, is_in_place, members_with_it

POLL_S = 0.05
SLACK_S = 1.0
"""What a step may take beyond its own timers: a loaded machine, two processes and a poll."""
PLACING_S = 5.0
"""What the way from the hub into a member, and back as a Service with an address, may take on such a machine."""
Reached = Callable[[Mapping[str, str]], bool]


class Answering(Protocol):
    """The name server, asked on behalf of a client."""

    def answer(self, name: str, *, client: str) -> tuple[str, ...]: ...


@dataclass
class Trial:
    """Kills eu's backend, sees its clients go to the next region, starts it, and sees them come back; then has the hub
    place a second name in two regions, and in one of them only.

    From the first time that all is right for a name (``settled``) every answer for it counts.
    """

    fleet: Fleet
    server: Answering
    story: Story
    file: Path
    health: Mapping[str, float]
    clock: Clock
    problems: list[str] = field(default_factory=list)
    wrong: int = 0
    asked: int = 0
    settled: set[str] = field(default_factory=set)

    async def run(self) -> int:
        """All steps; prints what was measured, and returns 1 if anything was wrong."""
        await self._fail_over()
        await self._place()
        if self.wrong:
            self.problems.append(f"{self.wrong} of {self.asked} answers were empty or of no known region")
        print(f"{self.asked} answers looked at, {self.wrong} empty or wrong")
        for problem in self.problems:
            print(f"WRONG: {problem}")
        print("demo-check: failed" if self.problems else "demo-check: all as it should be")
        return 1 if self.problems else 0

    async def _fail_over(self) -> None:
        name, health = self.fleet.hostnames[0], self.health
        eu, us = (self._address(region) for region in ("eu", "us"))
        # Failing over: the next probe, `fall` failures at the suspicion's spacing, each within its deadline.
        out_s = health["interval"] + (health["fall"] - 1) * health["suspicion"] + health["timeout"] + SLACK_S
        # Coming back: `rise` passes at the interval, and the hold, which begins when it was last seen down.
        back_s = health["rise"] * health["interval"] + health["failback"] + health["timeout"] + SLACK_S
        own = {region.cluster.name for region in self.fleet.regions}
        await self._step("each region's clients get their own region", 15.0, name, self._own_where(own))
        await self.fleet.kill_backend("eu")
        await self._step(f"eu's backend killed: its clients get us ({us})", out_s, name, lambda got: got["eu"] == us)
        await self.fleet.start_backend("eu")
        await self._step(
            f"eu's backend started: its clients come back ({eu})", back_s, name, lambda got: got["eu"] == eu
        )

    async def _place(self) -> None:
        name = self.story.hostname
        # A new endpoint serves once it has passed `rise` probes.
        placed_s = PLACING_S + self.health["rise"] * self.health["interval"] + self.health["timeout"]
        for chosen, within_s in ((("eu", "us"), placed_s), (("eu",), PLACING_S)):
            regions = [region.cluster.region for region in self.fleet.regions if region.cluster.name in chosen]
            await asyncio.to_thread(self.story.write, self.file, regions)
            started_s = self.clock.monotonic_s()
            by = await apply_file(self.fleet, self.file)
            what = f"{self.file.name} applied on the hub by {by}"
            await self._step(f"{what}: {name} is {_listed(chosen)}", within_s, name, self._placed_in(chosen), started_s)
            said_s = within_s + PLACING_S
            await self._step("  the policy says so", said_s, name, lambda got: is_in_place(self.fleet), started_s)

    async def _step(
        self, what: str, within_s: float, name: str, reached: Reached, started_s: float | None = None
    ) -> None:
        """Ask until it is so, and say how long it took."""
        started_s = self.clock.monotonic_s() if started_s is None else started_s
        while True:
            got = await self._answers(name)
            took_s = self.clock.monotonic_s() - started_s
            if reached(got):
                self.settled.add(name)
                print(f"{took_s:6.2f} s  {what} (allowed: {within_s:.1f} s)", flush=True)
                return
            if took_s > within_s:
                print(f"  late    {what}: not within {within_s:.1f} s", flush=True)
                self.problems.append(f"{what}: not within {within_s:.1f} s; the clients get {got}")
                return
            await asyncio.sleep(POLL_S)

    async def _answers(self, name: str) -> dict[str, str]:
        """The address a client of each region gets."""
        found = {}
        for region in self.fleet.regions:
            found[region.cluster.name] = await asyncio.to_thread(self._ask, name, region.client)
        return found

    def _ask(self, name: str, client: str) -> str:
        try:
            answer = self.server.answer(name, client=client)
        except (OSError, dns.exception.Timeout):
            answer = ()
        if name in self.settled:
            self.asked += 1
            self.wrong += not answer or not {*answer} <= {region.address for region in self.fleet.regions}
        return ", ".join(answer)

    def _own_where(self, chosen: Iterable[str]) -> Reached:
        """Whether the clients of these regions get their own."""
        return lambda got: all(got[name] == self._address(name) for name in chosen)

    def _placed_in(self, chosen: tuple[str, ...]) -> Reached:
        """Whether the objects are in these members only, and the clients of every region get one of them."""
        addresses, own = {self._address(name) for name in chosen}, self._own_where(chosen)
        return lambda got: members_with_it(self.fleet) == {*chosen} and own(got) and {*got.values()} <= addresses

    def _address(self, name: str) -> str:
        return next(region.address for region in self.fleet.regions if region.cluster.name == name)


def _listed(chosen: tuple[str, ...]) -> str:
    return f"in {' and '.join(chosen)}" + (" only" if len(chosen) == 1 else "")
