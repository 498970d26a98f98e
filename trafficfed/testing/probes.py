"""A probe that follows a script, for whatever is built upon probes."""

import asyncio
import collections

from trafficfed.model import HealthCheck, ProbeResult


class ScriptedProbe:
    """Answers as told, after ``takes_s`` of the loop's time; ``asked`` are the moments when each address was probed.

    ``errors`` maps an address to what is wrong with it, ``broken`` to what the probe itself raises.
    """

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.asked: dict[str, list[float]] = collections.defaultdict(list)
        self.errors: dict[str, str] = {}
        self.broken: dict[str, Exception] = {}
        self.open = 0
        self.most_open = 0

    async def __call__(self, address: str, port: int, check: HealthCheck) -> ProbeResult:
        self.asked[address].append(asyncio.get_running_loop().time())
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            await asyncio.sleep(self.takes_s)
        finally:
            self.open -= 1
        if address in self.broken:
            raise self.broken[address]
        return ProbeResult(self.errors.get(address, ""), 0.001, self.takes_s)
