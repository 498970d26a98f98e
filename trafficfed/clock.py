"""The real clock. Only where a process starts is one made; everything else is given one or a moment."""

import time


class SystemClock:
    """Time as the kernel tells it."""

    def monotonic_s(self) -> float:
        """Seconds that never jump and go on while the machine sleeps, so that deadlines hold across a suspend."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)

    def now_s(self) -> float:
        """UTC seconds since the Unix epoch."""
        return time.clock_gettime(time.CLOCK_REALTIME)
