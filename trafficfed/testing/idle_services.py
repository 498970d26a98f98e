"""Multi-Cluster Services as a scrape sees them, with one of everything and nothing behind it."""

from collections import Counter

from trafficfed.propagation.outcome import Listener, nobody


class IdleServices:
    """Shows what it was given. ``listener`` is whoever counts."""

    def __init__(self) -> None:
        self.listener: Listener = nobody
        self.exports = {"eu": 3, "us": 1}
        self.imports = {"eu": 4, "us": 4}
        self.troubles: Counter[tuple[str, str]] = Counter({("us", "Forbidden"): 2})
        self.unseen = {"eu": "", "us": "connection refused"}
        self.waiting = 2
