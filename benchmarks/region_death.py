"""How long a dead region is still given out: the leader's whole region is killed again and again, by chance.

Real API servers with an etcd each, controllers, name servers, probers and backends of three regions, BIND beside them,
at the default settings of health and lease. Only what happens on the way back is hurried (rise and failback), as
nothing of it is measured.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measures import clock_s, percentile, say
from trafficfed.testing.regions import Region, Regions, regions

HEALTH = {"rise": 1, "failback": 1}
LEASE = {"lease": 10.0, "renew": 2.0}
PHASES_S = 10.0
"""Deaths are spread over this: the interval of checks, and five renewals."""
SAMPLE = 20
LIMIT_S = 60.0
BACK_S = 180.0
POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class Death:
    """One death: after how long the region was out of the answers of each surviving authority, for every name asked.

    ``all_s`` is when every name of every authority had been seen to be right. ``empty`` counts empty answers.
    """

    region: str
    out_s: dict[str, float]
    all_s: float
    empty: int
    asked: int

    @property
    def worst_s(self) -> float:
        return max(self.out_s.values())


def measure(directory: Path, services: int, deaths: int) -> list[Death]:
    """So many deaths with so many services; each region returns before the next one dies."""
    with regions(directory, health=HEALTH, lease=LEASE) as fleet:
        names = [f"s{number}" for number in range(services)]
        for name in names:
            fleet.apply(name)
        _settled(fleet, names)
        return [_death(fleet, names, number) for number in range(deaths)]


def _death(fleet: Regions, names: Sequence[str], number: int) -> Death:
    luck = random.Random(number)
    time.sleep(luck.uniform(0.0, PHASES_S))
    dead = fleet.leader(LIMIT_S)
    sample = luck.sample(names, min(SAMPLE, len(names)))
    watch = _Watch(fleet, dead)
    dead.kill()
    watch.begin()
    out_s = dict(watch.until_out(sample))
    all_s = watch.until_all_right(names)
    told = ", ".join(f"{where} {after_s:.2f} s" for where, after_s in sorted(out_s.items()))
    say(f"{number + 1}: {dead.name} out after {told}; all seen right at {all_s:.2f} s; {watch.empty} empty")
    dead.revive()
    _settled(fleet, names)
    return Death(dead.name, out_s, all_s, watch.empty, watch.asked)


class _Watch:
    """Asks the surviving name servers and BIND for names while a region dies."""

    def __init__(self, fleet: Regions, dead: Region) -> None:
        self._dead = dead
        self._ask: dict[str, Callable[[str], tuple[str, ...]]] = {"bind": fleet.in_bind}
        for region in fleet.others(dead):
            self._ask[region.name] = _asking(region, dead.name)
        self.empty = self.asked = 0
        self._begun_s = 0.0

    def begin(self) -> None:
        self._begun_s = clock_s()

    def until_out(self, names: Sequence[str]) -> Iterator[tuple[str, float]]:
        """When the last of these names no longer leads to the dead region, by authority."""
        waiting = {authority: set(names) for authority in self._ask}
        while waiting:
            for authority, left in list(waiting.items()):
                left -= {name for name in sorted(left) if not self._is_given_out(authority, name)}
                if not left:
                    del waiting[authority]
                    yield authority, self._now_s()
            if self._now_s() > LIMIT_S:
                raise SystemExit(f"{self._dead.name} is still given out after {LIMIT_S:g} s by {sorted(waiting)}")
            time.sleep(POLL_S)

    def until_all_right(self, names: Sequence[str]) -> float:
        """When a look at every name at every authority found nothing of the dead region."""
        for _ in self.until_out(names):
            pass
        return self._now_s()

    def _is_given_out(self, authority: str, name: str) -> bool:
        answer = self._ask[authority](name)
        self.asked += 1
        self.empty += not answer
        return not answer or self._dead.address in answer

    def _now_s(self) -> float:
        return clock_s() - self._begun_s


def _asking(region: Region, client: str) -> Callable[[str], tuple[str, ...]]:
    return lambda name: region.answer_to(name, client)


def _settled(fleet: Regions, names: Sequence[str]) -> None:
    """Every region serves its own clients again, and all controllers hold one table."""
    for name in (names[0], names[-1]):
        fleet.settle(name, BACK_S)
    fleet.wait_until(
        lambda: (
            sorted(region.status()["leadership"]["standing"] for region in fleet.regions.values())
            == ["leads", *["relays"] * (len(fleet.regions) - 1)]
        ),
        BACK_S,
        "one leads, the others follow",
    )
    everywhere = fleet.addresses()
    for name in names:
        fleet.wait_until(lambda asked=name: fleet.in_bind(asked) == everywhere, BACK_S, f"{name} is whole")  # type: ignore[misc]


def report(measured: Sequence[tuple[int, Sequence[Death]]]) -> str:
    """A table in Markdown."""
    lines = [
        "| services | deaths | out everywhere p50 | p90 | max | name servers p50 | max | BIND p50 | max | empty |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for services, deaths in measured:
        worst = [death.worst_s for death in deaths]
        served = [max(out_s for where, out_s in death.out_s.items() if where != "bind") for death in deaths]
        bind = [death.out_s["bind"] for death in deaths]
        empty = f"{sum(death.empty for death in deaths)} of {sum(death.asked for death in deaths)}"
        shown = (
            percentile(worst, 50),
            percentile(worst, 90),
            max(worst),
            percentile(served, 50),
            max(served),
            percentile(bind, 50),
            max(bind),
        )
        lines.append(f"| {services} | {len(deaths)} | " + " | ".join(f"{s:.1f} s" for s in shown) + f" | {empty} |")
    return "\n".join(lines)
