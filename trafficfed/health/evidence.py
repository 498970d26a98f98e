"""What the vantages saw of one target, folded so that the latest run of each vantage is all that is kept."""

from collections.abc import Set

from trafficfed.model import HealthCheck, Observation, Value

FRESH_INTERVALS = 3
"""Evidence is fresh for this many intervals: two probes may be lost before a vantage falls silent."""


def horizon_s(check: HealthCheck) -> float:
    """For how many seconds an observation of this check counts as fresh.

    >>> horizon_s(HealthCheck(interval_s=10))
    30.0
    """
    return float(FRESH_INTERVALS * check.interval_s)


def silence_s(check: HealthCheck) -> float:
    """For how many seconds after a first failure a pass from before it still counts: the intervals that are then in
    force, and the time a probe may take. A vantage that lives has looked again by then.

    >>> silence_s(HealthCheck(timeout_s=3, suspicion_s=1))
    6.0
    """
    return float(check.timeout_s + FRESH_INTERVALS * check.suspicion_s)


class Streak(Value, frozen=True, kw_only=True):
    """The latest unbroken run of equal results of one vantage on one target.

    ``length`` stops growing where more would change nothing. ``since_s`` is when the run began. ``up`` is what this
    vantage holds after rise and fall, None until one of them was reached. ``arouses``: these are failures of what it
    did not hold to be down, so that all vantages were asked to look again when they began. ``error`` and ``rtt_s`` are
    those of the last observation.
    """

    vantage: str
    at_s: float
    passed: bool
    length: int = 1
    since_s: float = 0.0
    up: bool | None = None
    arouses: bool = False
    error: str = ""
    rtt_s: float | None = None

    def fresh(self, horizon_s: float, now_s: float) -> bool:
        """Whether it still counts; a moment in the future (a clock was set back) counts no longer than a past one."""
        return self.at_s - horizon_s <= now_s < self.at_s + horizon_s


def after(streak: Streak | None, seen: Observation, check: HealthCheck) -> Streak:
    """The vantage's run once ``seen`` came in; after a gap longer than evidence stays fresh it begins anew."""
    before = streak if streak is not None and streak.fresh(horizon_s(check), seen.at_s) else None
    up = before.up if before is not None else None
    if before is not None and before.passed == seen.passed:
        length, since_s = min(before.length + 1, max(check.rise, check.fall)), before.since_s
        arouses = before.arouses
    else:
        length, since_s = 1, seen.at_s
        arouses = not seen.passed and up is not False and check.fall > 1
    if length >= (check.rise if seen.passed else check.fall):
        up = seen.passed
    return Streak(
        vantage=seen.vantage,
        at_s=seen.at_s,
        passed=seen.passed,
        length=length,
        since_s=since_s,
        up=up,
        arouses=arouses,
        error=seen.error,
        rtt_s=seen.rtt_s,
    )


class Evidence(Value, frozen=True):
    """All that is known from probing one target: a streak a vantage, sorted by vantage."""

    streaks: tuple[Streak, ...] = ()

    def of(self, vantage: str) -> Streak | None:
        for streak in self.streaks:
            if streak.vantage == vantage:
                return streak
        return None

    def without(self, vantages: Set[str]) -> "Evidence":
        """The evidence as if these vantages had seen nothing."""
        kept = tuple(s for s in self.streaks if s.vantage not in vantages)
        return self if len(kept) == len(self.streaks) else Evidence(kept)

    def after(self, seen: Observation, check: HealthCheck) -> "Evidence":
        """The evidence with one observation more; vantages that fell silent long ago are let go."""
        changed = after(self.of(seen.vantage), seen, check)
        kept = [s for s in self.streaks if s.vantage != seen.vantage and s.fresh(horizon_s(check), seen.at_s)]
        return Evidence(tuple(sorted([*kept, changed], key=_vantage))) if kept else Evidence((changed,))


def _vantage(streak: Streak) -> str:
    return streak.vantage


def changes_meaning(before: Evidence, later: Evidence, check: HealthCheck, now_s: float) -> bool:
    """Whether a judgement on ``later`` can differ from one made on ``before``: most probes only confirm.

    It can where a run or an opinion changed, where something in ``before`` was no longer fresh, or where a pass is
    renewed that was older than another vantage's failures.
    """
    if len(before.streaks) != len(later.streaks):
        return True
    horizon = horizon_s(check)
    begun_s = [streak.since_s for streak in later.streaks if streak.arouses]
    return any(
        old.vantage != new.vantage
        or old.passed is not new.passed
        or old.length != new.length
        or old.up is not new.up
        or not old.fresh(horizon, now_s)
        or any(old.at_s < at_s <= new.at_s for at_s in begun_s)
        for old, new in zip(before.streaks, later.streaks, strict=True)
    )
