"""What a name server knows of itself at one moment."""

from typing import NamedTuple


class Numbers(NamedTuple):
    """What is shown at one moment; ``table_age_s`` is since a controller last said that the table is current."""

    rcodes: tuple[int, ...]
    dropped: int
    unsent: int
    connections: int
    refused_connections: int
    feed_connected: bool
    serving: bool
    term: int
    generation: int
    services: int
    table_age_s: float
    unreadable_places: int
