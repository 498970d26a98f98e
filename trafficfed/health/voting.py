"""How several vantages' streaks become one opinion about a target: who votes, and what a majority is."""

import math
from collections.abc import Iterator, Mapping, Sequence, Set

from trafficfed.health.evidence import Evidence, Streak, horizon_s, silence_s
from trafficfed.model import HealthCheck, State, Verdict


def serving_beneath(verdict: Verdict) -> bool:
    """What the latches say without any operator control in force."""
    return verdict.serving if verdict.overruled is None else verdict.overruled


def was_down(before: Verdict | None) -> bool:
    """Whether the last word was that the target is down, so that ``rise`` passes are needed to believe in it again."""
    if before is None or before.state is State.SERVING:
        return False
    return before.state is State.NOT_SERVING or (before.passed and not serving_beneath(before))


def voters(
    evidence: Evidence, cluster: str, check: HealthCheck, homes: Mapping[str, str], distrusted: Set[str], now_s: float
) -> tuple[Streak, ...]:
    """The fresh streaks that count: not of distrusted vantages, nor of those inside the target's own cluster
    unless nobody else reports (inside a cluster, load-balancer addresses are short-circuited to the pods).

    A pass that was seen before others began to see failures counts until its vantage had the time to look again, and no
    longer: it says nothing about now, and a vantage that died with what it watched must not speak for it.
    """
    horizon = horizon_s(check)
    fresh = tuple(s for s in evidence.streaks if s.fresh(horizon, now_s) and s.vantage not in distrusted)
    outside = tuple(s for s in fresh if homes.get(s.vantage) != cluster)
    return _up_to_date(outside or fresh, check, now_s)


def _up_to_date(streaks: tuple[Streak, ...], check: HealthCheck, now_s: float) -> tuple[Streak, ...]:
    if not any(s.arouses for s in streaks):
        return streaks
    begun_s = max(
        (s.since_s for s in streaks if s.arouses and s.since_s + silence_s(check) <= now_s), default=-math.inf
    )
    return tuple(s for s in streaks if not s.passed or s.at_s >= begun_s)


def outdated_at_s(streaks: Sequence[Streak], check: HealthCheck) -> Iterator[float]:
    """The moments at which passes among these votes cease to count for want of a newer one."""
    passes = [s.at_s for s in streaks if s.passed]
    for streak in streaks:
        if streak.arouses and any(at_s < streak.since_s for at_s in passes):
            yield streak.since_s + silence_s(check)


def vote(streak: Streak, before: Verdict | None) -> bool | None:
    """One vantage's opinion: True up, False down, None while its run is too short to say.

    What it held before a run that is still too short is no vote either: a vantage that has begun to see passes again
    does not speak against the target. A first pass is enough where the target was not down, so that new ones serve.
    """
    if streak.up is None and streak.passed and not was_down(before):
        return True
    return streak.up if streak.up is streak.passed else None


def majority(streaks: Sequence[Streak], before: Verdict | None) -> State | None:
    """What more than half of the voters hold; None where neither opinion has so many, and the last word stands.

    Down needs more than half, hence both of two. A target that never passed and was never down serves
    from the first pass any of them sees.
    """
    votes = [vote(streak, before) for streak in streaks]
    up, down = votes.count(True), votes.count(False)
    if 2 * down > len(votes):
        return State.NOT_SERVING
    if 2 * up > len(votes) or (up and _new(before)):
        return State.SERVING
    return None


def suspicious(streaks: Sequence[Streak], check: HealthCheck) -> bool:
    """Whether some voter has begun to see failures but not yet enough of them to call the target down, or another has
    not looked again since: its word of before still counts, so it has to be asked now and not when its turn comes.
    """
    if any(not s.passed and s.up is not False and s.length < check.fall for s in streaks):
        return True
    return any(True for _ in outdated_at_s(streaks, check))


def _new(before: Verdict | None) -> bool:
    return before is None or not (before.passed or before.state is State.NOT_SERVING)
