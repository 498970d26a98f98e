"""The latest changes of a table, kept for followers that come back."""

from collections import deque

BACKLOG_DELTAS = 10_000  # older ones are not kept: a follower that lacks them gets a snapshot
BACKLOG_OCTETS = 16 << 20


class Backlog:
    """The latest deltas, encoded, oldest first and without a gap."""

    def __init__(self, deltas: int = BACKLOG_DELTAS, octets: int = BACKLOG_OCTETS) -> None:
        self._limits = deltas, octets
        self._kept: deque[tuple[int, bytes]] = deque()
        self._octets = 0

    def add(self, generation: int, payload: bytes) -> None:
        """Keep one more. A gap makes all before it worthless."""
        if self._kept and self._kept[-1][0] != generation - 1:
            self._kept.clear()
            self._octets = 0
        self._kept.append((generation, payload))
        self._octets += len(payload)
        while len(self._kept) > self._limits[0] or self._octets > self._limits[1]:
            self._octets -= len(self._kept.popleft()[1])

    def after(self, generation: int, upto: int) -> list[bytes] | None:
        """The deltas that lead from one generation to another, None where some are no longer kept."""
        if generation == upto:
            return []
        if not self._kept or not self._kept[0][0] <= generation + 1 <= upto <= self._kept[-1][0]:
            return None
        first = generation + 1 - self._kept[0][0]
        return [self._kept[at][1] for at in range(first, first + upto - generation)]
