"""A clock that stands still until somebody sleeps by it: for the account and for whoever asks it."""

import asyncio


class HandClock:
    """``slept`` is every wait so far, in seconds."""

    def __init__(self) -> None:
        self._at_s = 1_000_000.0
        self.slept: list[float] = []

    def monotonic_s(self) -> float:
        return self._at_s

    def now_s(self) -> float:
        return self._at_s

    def pass_by(self, duration_s: float) -> None:
        self._at_s += duration_s

    async def sleep(self, duration_s: float) -> None:
        """Time goes on at once; others get their turn."""
        self.slept.append(duration_s)
        self.pass_by(duration_s)
        await asyncio.sleep(0)
