"""What was asked for, by service, answer and place: counted where it is answered, one addition a query."""

from collections import defaultdict
from collections.abc import Iterator
from typing import NamedTuple

LIMIT = 2000
"""Pairs of service and answer that are told apart, the first that were asked for; all others are one. With seven
continents that is a scrape of a megabyte at most."""

ANYONE = "any"
"""Where all clients get the same nobody is located."""

UNKNOWN = "unknown"
OTHER = "other"

Tally = defaultdict[str, int]
"""Queries by continent, "" where it is not known."""


class Asked(NamedTuple):
    """Queries of one kind. ``answer`` are the clusters that the rule gives out, joined by ``+``."""

    service: str
    answer: str
    continent: str
    queries: int


class Tallies:
    """Outlives the index: an answer that comes back after a failover is counted on."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._tallies: dict[tuple[str, str], Tally] = {}

    def of(self, service: str, answer: str) -> Tally:
        """Where queries with this answer are counted."""
        pair = service, answer
        if pair not in self._tallies and len(self._tallies) >= self._limit:
            pair = OTHER, OTHER
        return self._tallies.setdefault(pair, defaultdict(int))

    def asked(self) -> Iterator[Asked]:
        """Everything that was counted."""
        for (service, answer), tally in tuple(self._tallies.items()):
            for continent, count in tuple(tally.items()):
                yield Asked(service, answer, continent or UNKNOWN, count)
