"""The steps that have no answer yet, and how many more may be told.

Each member is measured for itself, so that one that is slow or hangs holds up nobody else.
"""

from collections import Counter
from collections.abc import Iterable, KeysView

from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.troubles import Place

MOST_UNDER_WAY = 24
"""Bulk steps under way in the member that has the fewest, for more new objects to be looked at: enough that no lane
runs dry, few enough that an object that is edited meanwhile waits little for its first step."""

AHEAD = 4
"""A member may be so many times that far behind the fastest; beyond that its steps wait outside its queue."""


class UnderWay:
    """``behind`` are objects with a step for a member that has too many already."""

    def __init__(self, most: int = MOST_UNDER_WAY) -> None:
        self._most = most
        self._urgent: dict[Place, bool] = {}
        self._steps: Counter[ObjectKey] = Counter()
        self._bulk: Counter[str] = Counter()
        self._behind: dict[str, dict[ObjectKey, None]] = {}

    def __contains__(self, place: Place) -> bool:
        return place in self._urgent

    @property
    def objects(self) -> KeysView[ObjectKey]:
        """Those that have any step under way."""
        return self._steps.keys()

    def free(self, members: Iterable[str]) -> int:
        """How many more new objects may be looked at, where these members may get steps."""
        return self._most - min((self._bulk[name] for name in members), default=0)

    def takes(self, place: Place, *, urgent: bool) -> bool:
        """Whether a member takes one more step; else the object is put aside until it does."""
        cluster, key = place
        if urgent or self._bulk[cluster] < AHEAD * self._most:
            return True
        self._behind.setdefault(cluster, {})[key] = None
        return False

    def begin(self, place: Place, *, urgent: bool) -> None:
        self._urgent[place] = urgent
        self._steps[place[1]] += 1
        self._bulk[place[0]] += not urgent

    def end(self, place: Place) -> ObjectKey | None:
        """A step ended; the object that was put aside first and may be looked at now."""
        if place in self._urgent:
            self._bulk[place[0]] -= not self._urgent.pop(place)
            self._steps[place[1]] -= 1
            if not self._steps[place[1]]:
                del self._steps[place[1]]
        behind = self._behind.get(place[0])
        if not behind:
            return None
        key = next(iter(behind))
        del behind[key]
        return key
