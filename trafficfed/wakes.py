"""When services are to be judged again though nothing happens to them: a heap whose superseded entries cost nothing."""

import heapq

from trafficfed.model import ServiceKey


class Wakes:
    """At most one moment (UTC seconds) for each service."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, ServiceKey]] = []
        self._at: dict[ServiceKey, float] = {}

    def next_s(self) -> float | None:
        """The first moment, None while there is none. Costs what was superseded since the last call."""
        while self._heap and self._at.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None

    def set(self, key: ServiceKey, at_s: float | None) -> None:
        """Wake a service at this moment and no other; None: not at all."""
        if at_s is None:
            self._at.pop(key, None)
        elif self._at.get(key) != at_s:
            self._at[key] = at_s
            heapq.heappush(self._heap, (at_s, key))

    def due(self, now_s: float) -> ServiceKey | None:
        """A service whose moment has come, each once; None when there is none left."""
        at_s = self.next_s()
        if at_s is None or at_s > now_s:
            return None
        key = heapq.heappop(self._heap)[1]
        del self._at[key]
        return key
