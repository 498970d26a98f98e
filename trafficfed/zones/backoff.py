"""When to try again after a failure."""

from dataclasses import dataclass

from trafficfed.errors import Transient


@dataclass(slots=True)
class Backoff:
    """Doubling delays with jitter, so that many who failed together do not come back together.

    The delay lies between half of and the whole of ``base_s`` times two to the number of failures, at most ``limit_s``;
    what the other side asked for counts where it is longer.
    """

    base_s: float = 0.5
    limit_s: float = 30.0
    failures: int = 0

    def delay_s(self, error: Exception, luck: float) -> float:
        """``luck`` is between 0 and 1."""
        ceiling = min(self.limit_s, self.base_s * float(1 << min(self.failures, 16)))
        self.failures += 1
        asked = error.retry_after_s if isinstance(error, Transient) and error.retry_after_s else 0.0
        return max(asked, ceiling * (0.5 + luck / 2))

    def reset(self) -> None:
        self.failures = 0
