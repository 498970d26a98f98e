"""What happens on the feed, in the log: who was turned away is a warning, told once in a while; the rest is detail."""

import re
from collections import OrderedDict

from trafficfed.feed.notes import Note
from trafficfed.observe.logs import Logger
from trafficfed.ports import Clock

WARNED = frozenset({"FollowerRefused", "FeedFull", "VantageOdd"})
AGAIN_S = 600.0
"""A stranger tries again every second; whoever reads the log needs to hear of it once, and later that it goes on."""
REMEMBERED = 256

_PORT = re.compile(r"(?<=[\d\]]):\d+")


class FeedNotes:
    """A listener of the feed's notes."""

    def __init__(self, logger: Logger, clock: Clock) -> None:
        self._logger, self._clock = logger, clock
        self._told: OrderedDict[tuple[str, str], float] = OrderedDict()

    def __call__(self, note: Note) -> None:
        if note.event in WARNED and self._is_news(note):
            self._logger.warning("feed", happened=note.event, message=note.message)
        else:
            self._logger.debug("feed", happened=note.event, message=note.message)

    def _is_news(self, note: Note) -> bool:
        """Connections differ by their port only; who is behind them is the same."""
        now_s, about = self._clock.monotonic_s(), (note.event, _PORT.sub("", note.message))
        told_s = self._told.get(about)
        if told_s is not None and now_s - told_s < AGAIN_S:
            return False
        self._told[about] = now_s
        self._told.move_to_end(about)
        if len(self._told) > REMEMBERED:
            self._told.popitem(last=False)
        return True
