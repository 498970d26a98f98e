"""What has to be looked at: edits of what is placed already before new objects, each key once."""

from itertools import islice

from trafficfed.propagation.objects import ObjectKey


class WorkQueue:
    """Two queues of keys. A key that becomes urgent leaves the other one."""

    def __init__(self) -> None:
        self._urgent: dict[ObjectKey, None] = {}
        self._bulk: dict[ObjectKey, None] = {}

    def __len__(self) -> int:
        return len(self._urgent) + len(self._bulk)

    @property
    def has_urgent(self) -> bool:
        return bool(self._urgent)

    def add(self, key: ObjectKey, *, urgent: bool) -> None:
        if urgent:
            self._bulk.pop(key, None)
            self._urgent[key] = None
        elif key not in self._urgent:
            self._bulk[key] = None

    def take(self, most_bulk: int) -> list[tuple[ObjectKey, bool]]:
        """All that is urgent, and so many of the others, oldest first; each with whether it is urgent."""
        found = [(key, True) for key in self._urgent]
        self._urgent.clear()
        for key in list(islice(self._bulk, max(0, most_bulk))):
            del self._bulk[key]
            found.append((key, False))
        return found
