"""The demo's failover without anybody watching: every step is waited for, measured and judged."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import dns.exception

from trafficfed.ports import Clock
from trafficfed.sandbox.fleet import Fleet
from trafficfed.testing.deployment import Deployment

POLL_S = 0.05
SLACK_S = 1.0
"""What a step may take beyond its own timers: a loaded machine, two processes and a poll."""


@dataclass
class Trial:
    """Kills eu's backend, sees its clients go to the next region, starts it, and sees them come back.

    From the first time that all is right (``settled``) every answer counts.
    """

    fleet: Fleet
    deployment: Deployment
    health: Mapping[str, float]
    clock: Clock
    problems: list[str] = field(default_factory=list)
    wrong: int = 0
    asked: int = 0
    settled: bool = False

    async def run(self) -> int:
        """All steps; prints what was measured, and returns 1 if anything was wrong."""
        eu, us = (self._address(name) for name in ("eu", "us"))
        health = self.health
        # Failing over: the next probe, `fall` failures at the suspicion's spacing, each within its deadline.
        out_s = health["interval"] + (health["fall"] - 1) * health["suspicion"] + health["timeout"] + SLACK_S
        # Coming back: `rise` passes at the interval, and the hold, which begins when it was last seen down.
        back_s = health["rise"] * health["interval"] + health["failback"] + health["timeout"] + SLACK_S
        await self._step("each region's clients get their own region", 15.0, self._own_regions)
        await self.fleet.kill_backend("eu")
        await self._step(f"eu's backend killed: its clients get us ({us})", out_s, self._eu_gets(us))
        await self.fleet.start_backend("eu")
        await self._step(f"eu's backend started: its clients come back ({eu})", back_s, self._eu_gets(eu))
        if self.wrong:
            self.problems.append(f"{self.wrong} of {self.asked} answers were empty or of no known region")
        print(f"{self.asked} answers looked at, {self.wrong} empty or wrong")
        for problem in self.problems:
            print(f"WRONG: {problem}")
        print("demo-check: failed" if self.problems else "demo-check: all as it should be")
        return 1 if self.problems else 0

    async def _step(self, what: str, within_s: float, reached: Callable[[dict[str, str]], bool]) -> None:
        """Ask until it is so, and say how long it took."""
        started_s = self.clock.monotonic_s()
        while True:
            got = await self._answers()
            took_s = self.clock.monotonic_s() - started_s
            if reached(got):
                print(f"{took_s:6.2f} s  {what} (allowed: {within_s:.1f} s)", flush=True)
                return
            if took_s > within_s:
                print(f"  late    {what}: not within {within_s:.1f} s", flush=True)
                self.problems.append(f"{what}: not within {within_s:.1f} s; the clients get {got}")
                return
            await asyncio.sleep(POLL_S)

    async def _answers(self) -> dict[str, str]:
        """The address a client of each region gets."""
        found = {}
        for region in self.fleet.regions:
            found[region.cluster.name] = await asyncio.to_thread(self._ask, region.client)
        return found

    def _ask(self, client: str) -> str:
        try:
            answer = self.deployment.answer(self.fleet.hostnames[0], client=client)
        except (OSError, dns.exception.Timeout):
            answer = ()
        if self.settled:
            self.asked += 1
            self.wrong += not answer or not {*answer} <= {region.address for region in self.fleet.regions}
        return ", ".join(answer)

    def _own_regions(self, got: dict[str, str]) -> bool:
        self.settled = all(got[region.cluster.name] == region.address for region in self.fleet.regions)
        return self.settled

    def _eu_gets(self, address: str) -> Callable[[dict[str, str]], bool]:
        return lambda got: got["eu"] == address

    def _address(self, name: str) -> str:
        return next(region.address for region in self.fleet.regions if region.cluster.name == name)
