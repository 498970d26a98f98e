"""Baselines as a scrape sees them, with one of everything and nothing behind it."""

from trafficfed.propagation.outcome import Listener, nobody


class IdleBaselines:
    """Shows what it was given. ``listener`` is whoever counts."""

    def __init__(self) -> None:
        self.listener: Listener = nobody
        self.evaluated = 7
        self.violations = {("no-wildcards", "eu"): 2, ("no-wildcards", "us"): 0}
        self.refused = {"no-wildcards": 0, "broken": 1}
        self.unseen = {"eu": "", "us": "connection refused"}
        self.waiting = 3
