"""What a controller makes of a vantage's word before it counts: whose it is, when it was seen, how much of it. Pure."""

import math

from trafficfed.health.evidence import horizon_s
from trafficfed.model import HealthCheck, Observation, Value

BACKLOG = 20_000
"""Observations that a vantage keeps for a controller it cannot reach; more than that would be too old to count."""
LATEST_S = 10.0
"""A connection that delivers nothing for so long is given up: what seems later than this was not only delayed."""
FUTURE_S = 1.0
"""An observation from further ahead than this is odd; less is what estimates of another clock are off by."""
LEAK = 0.01
"""How fast, in seconds a second, an estimate follows a clock that is being slewed (adjtime: 0.0005)."""
ERROR_LENGTH = 200
"""Characters of an error that are kept; it is shown beside the verdict."""


class SenderClock:
    """How far the controller's clock is ahead of one vantage's, as well as the messages on one connection tell.

    Every message bears the time of its sending. The least difference so far is that with the least delay, so what a
    stalled connection delivers late is still dated by when it was seen.
    """

    def __init__(self) -> None:
        self._ahead_s = math.inf
        self._at_s = 0.0

    def ahead_s(self, sent_s: float, now_s: float) -> float | None:
        """The estimate after one more message, None where none is possible any more: the vantage's clock was set back,
        or ours forward, or this process stood still and reads what has waited for it.

        >>> clock = SenderClock()
        >>> clock.ahead_s(100.0, 105.25), clock.ahead_s(101.0, 106.0), round(clock.ahead_s(102.0, 111.0), 2)
        (5.25, 5.0, 5.05)
        """
        apart_s = now_s - sent_s
        expected_s = self._ahead_s + LEAK * max(0.0, now_s - self._at_s)
        if apart_s > expected_s + LATEST_S:
            return None
        self._ahead_s, self._at_s = min(apart_s, expected_s), now_s
        return self._ahead_s


class Heard(Value, frozen=True):
    """What became of one observation: as it counts, None where it does not; ``odd`` says what was wrong with it."""

    observation: Observation | None = None
    odd: str = ""


def hear(seen: Observation, vantage: str, check: HealthCheck | None, ahead_s: float, now_s: float) -> Heard:
    """An observation as the controller takes it: by the name that was proven, dated by the controller's clock.

    ``check`` is the target's, None where it is no target (any more): then it was under way when the target left. What
    is older than three intervals counts no more; a little beyond that it was on its way from before a pause.
    """
    if check is None:
        return Heard()
    times = seen.at_s, seen.total_s, seen.rtt_s or 0.0, seen.certificate_ends_s or 0.0
    if not all(map(math.isfinite, times)):
        return Heard(None, "a time that is no number")
    at_s = seen.at_s + ahead_s
    if (age_s := now_s - at_s) >= horizon_s(check):
        late = "" if age_s < horizon_s(check) + LATEST_S else "results much older than three intervals"
        return Heard(None, late)
    odd = "results from the future, taken as of now; its clock was set" if at_s > now_s + FUTURE_S else ""
    return Heard(_taken(seen, vantage, min(at_s, now_s)), odd)


def _taken(seen: Observation, vantage: str, at_s: float) -> Observation:
    return Observation(
        vantage=vantage,
        service=seen.service,
        cluster=seen.cluster,
        address=seen.address,
        at_s=at_s,
        passed=seen.passed,
        rtt_s=seen.rtt_s,
        total_s=seen.total_s,
        error=seen.error[:ERROR_LENGTH],
        certificate_ends_s=seen.certificate_ends_s,
    )


class Allowance:
    """How many observations one vantage may still send: as many as its targets take, twice over, and a backlog."""

    def __init__(self, now_s: float) -> None:
        self._left = float(2 * BACKLOG)
        self._at_s = now_s

    def takes(self, count: int, per_s: float, now_s: float) -> bool:
        """Whether so many more are within bounds where ``per_s`` are; ``now_s`` never goes back.

        >>> allowance = Allowance(0.0)
        >>> allowance.takes(2 * BACKLOG, 10.0, 0.0), allowance.takes(10, 10.0, 1.0), allowance.takes(10, 10.0, 1.0)
        (True, True, False)
        """
        self._left = min(2.0 * BACKLOG, self._left + per_s * (now_s - self._at_s)) - count
        self._at_s = now_s
        return self._left >= 0
