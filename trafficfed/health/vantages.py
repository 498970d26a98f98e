"""Which vantages to distrust: one that is alone with what it sees is more likely to be broken than the world.

A vantage is discarded when it fails more than 70 % of what the majority of the others see pass. Where nobody
can contradict it, it is discarded when it also fails its anchors: things in at least two regions that have nothing
to do with the endpoints (API servers, name servers, other controllers). Only who has looked since a failure began can
contradict it: what others saw before that, or a vantage that died saw last, neither speaks against it nor for it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set

from trafficfed.health.evidence import Evidence, Streak, horizon_s
from trafficfed.model import HealthCheck, Observation, ServiceKey, Target, Value

DISCARD_ABOVE_PERCENT = 70
ANCHORS = ServiceKey("", "", "anchors")
"""The service under which anchors are probed; no real one has an empty name for its clusterset."""
ANCHOR_CHECK = HealthCheck(scheme="tcp", interval_s=10.0, timeout_s=1.0, suspicion_s=1.0)
"""That a vantage is cut off must be known before its endpoints reach fall, which takes 2 s after a first failure. So
while anything is suspicious the prober asks the anchors at once and every second, and gives them up after a second."""
ANCHOR_REGIONS = 2


class Anchor(Value, frozen=True, kw_only=True):
    """One thing a vantage should be able to reach whatever happens to the endpoints: ``address`` is an IP literal."""

    region: str
    address: str
    port: int


def anchor_targets(anchors: Iterable[Anchor]) -> tuple[Target, ...]:
    """Anchors as things to probe, one an address; their region takes the place of the cluster."""
    ports = {(a.region, a.address): a.port for a in sorted(anchors, key=lambda a: -a.port)}
    return tuple(
        Target(service=ANCHORS, cluster=region, address=address, port=port, check=ANCHOR_CHECK)
        for (region, address), port in sorted(ports.items())
    )


class Anchors:
    """What each vantage last saw of its anchors."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[tuple[str, str], tuple[float, bool]]] = {}

    def observe(self, seen: Observation) -> None:
        self._seen.setdefault(seen.vantage, {})[seen.cluster, seen.address] = (seen.at_s, seen.passed)

    def cut_off(self, vantage: str, now_s: float) -> bool:
        """Whether the vantage reaches none of its anchors, these being in at least two regions.

        One region may die with all its anchors; that says nothing against the vantage.
        """
        horizon = horizon_s(ANCHOR_CHECK)
        fresh = [
            (region, passed)
            for (region, _), (at_s, passed) in self._seen.get(vantage, {}).items()
            if at_s - horizon <= now_s < at_s + horizon
        ]
        regions = {region for region, _ in fresh}
        return len(regions) >= ANCHOR_REGIONS and not any(passed for _, passed in fresh)


class Standing(Value, frozen=True):
    """One vantage against the others: of ``passing`` targets that most of them see pass, it sees ``failing`` fail.

    ``alone`` counts the targets it holds to be down on which no other has reported since.
    """

    passing: int = 0
    failing: int = 0
    alone: int = 0

    @property
    def contradicted(self) -> bool:
        return 100 * self.failing > DISCARD_ABOVE_PERCENT * self.passing

    @property
    def unchecked(self) -> bool:
        """Whether nobody can contradict it in something that it says."""
        return self.alone > 0 or not self.passing


Share = tuple[str, bool | None]
"""A vantage, and whether it goes with the others who see a target pass; None where it is alone with a failure."""


class Comparison:
    """Counts, target by target, how each vantage stands against the others; an update costs one target's streaks."""

    def __init__(self) -> None:
        self._shares: dict[object, tuple[Share, ...]] = {}
        self._counts: dict[str, list[int]] = {}

    def update(self, target: object, shares: tuple[Share, ...]) -> None:
        """Replace what one target contributes: ``compare`` of its evidence, or nothing when it is gone."""
        before = self._shares.get(target, ())
        if before == shares:
            return
        self._add(before, -1)
        self._add(shares, 1)
        if shares:
            self._shares[target] = shares
        else:
            del self._shares[target]

    def standing(self, vantage: str) -> Standing:
        passing, failing, alone = self._counts.get(vantage, (0, 0, 0))
        return Standing(passing, failing, alone)

    def _add(self, shares: tuple[Share, ...], sign: int) -> None:
        for vantage, agrees in shares:
            count = self._counts.setdefault(vantage, [0, 0, 0])
            count[0] += 0 if agrees is None else sign
            count[1] += sign if agrees is False else 0
            count[2] += sign if agrees is None else 0


def compare(
    evidence: Evidence, cluster: str, check: HealthCheck, homes: Mapping[str, str], now_s: float
) -> tuple[Share, ...]:
    """For each vantage whose others by majority see this target pass: whether it does not hold it to be down.

    Others are taken by their last result, the vantage itself by what it holds after ``fall``: else the first to see a
    death would be the one distrusted. Vantages inside the target's own cluster are left out: there, load-balancer
    addresses lead straight to the pods.
    """
    horizon = horizon_s(check)
    outside = [s for s in evidence.streaks if homes.get(s.vantage) != cluster and s.fresh(horizon, now_s)]
    if all(s.passed for s in outside):
        return tuple((s.vantage, True) for s in outside) if len(outside) > 1 else ()
    return tuple(share for s in outside for share in _share(s, outside))


def _share(streak: Streak, outside: Sequence[Streak]) -> Iterator[Share]:
    others = [s for s in outside if s is not streak and (streak.passed or s.at_s >= streak.since_s)]
    held_down = not streak.passed and streak.up is False
    if 2 * sum(s.passed for s in others) > len(others):
        yield streak.vantage, not held_down
    elif held_down and not others:
        yield streak.vantage, None


def distrusted(
    vantages: Iterable[str],
    standing: Callable[[str], Standing],
    cut_off: Callable[[str], bool],
    before: Set[str] = frozenset(),
) -> frozenset[str]:
    """The vantages that count for nothing at the moment; ``before`` are those that did not until now.

    One that was found to be cut off stays so until it reaches an anchor, whatever others say meanwhile.
    """
    found = {vantage: standing(vantage) for vantage in vantages}
    return frozenset(v for v, s in found.items() if s.contradicted or ((s.unchecked or v in before) and cut_off(v)))
