"""Time for schedules that are also shown: the wall clock's, but it never goes back."""

from trafficfed.ports import Clock


class ForwardClock:
    """A clock that somebody sets back goes on from where it was, so that no retry and no status waits until the wall
    clock has caught up; one that is set forward is followed.

    >>> from types import SimpleNamespace
    >>> at = SimpleNamespace(wall_s=1000.0, run_s=0.0)
    >>> clock = ForwardClock(SimpleNamespace(now_s=lambda: at.wall_s, monotonic_s=lambda: at.run_s))
    >>> at.wall_s, at.run_s = 400.0, 5.0
    >>> clock.now_s()
    1005.0
    >>> at.wall_s = 2000.0
    >>> clock.now_s()
    2000.0
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead_s = clock.now_s() - clock.monotonic_s()

    def monotonic_s(self) -> float:
        return self._clock.monotonic_s()

    def now_s(self) -> float:
        self._ahead_s = max(self._ahead_s, self._clock.now_s() - self._clock.monotonic_s())
        return self._clock.monotonic_s() + self._ahead_s
