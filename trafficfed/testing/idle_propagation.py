"""Propagation as a scrape sees it, with one of everything and nothing behind it."""

from collections import Counter

from trafficfed.model import Freshness
from trafficfed.propagation.copy_states import Census
from trafficfed.propagation.outcome import Listener, nobody


class Idle:
    """Shows what it was given. ``listener`` is whoever counts."""

    def __init__(self) -> None:
        self.listener: Listener = nobody
        self.freshness: Freshness | None = Freshness.FRESH
        self.census: Census = Counter({("eu", "Deployment.apps", "InPlace"): 3, ("us", "Secret", "Forbidden"): 1})
        self.unseen = {"eu": "", "us": "connection refused"}
        self.waiting = 2
        self.hub_writes = 5
