"""What a name server knows of itself at one moment."""

from typing import NamedTuple

from trafficfed.nameserver.tallies import Asked


class Numbers(NamedTuple):
    """What is shown at one moment.

    ``table_age_s`` is since a leader, or who relays it, last said that the table is current.

    ``followed`` is the one of ``feeds`` that the table is taken from, ``standing`` what it said of itself; empty where
    none is. ``overlaid`` services are answered by the verdicts of a controller that has no leader. ``asked`` is what
    was asked of services; ``inside_ratio`` is the share of clients located by their own address whose address is none
    of the internet's. ``clusterset``: whether the imports of its cluster are followed, and how many there are; None
    where it does not answer them.
    """

    rcodes: tuple[int, ...]
    dropped: int
    unsent: int
    connections: int
    refused_connections: int
    feeds: tuple[str, ...]
    followed: str
    standing: str
    highest_term: int
    overlaid: int
    serving: bool
    term: int
    generation: int
    services: int
    table_age_s: float
    unreadable_places: int
    asked: tuple[Asked, ...] = ()
    inside_ratio: float = 0.0
    clusterset: tuple[bool, int] | None = None
