"""The last things that happened, for the live view and ``status``."""

from collections import deque

from trafficfed.observe.lines import line
from trafficfed.observe.news import News
from trafficfed.observe.views import EventView
from trafficfed.ports import Clock
from trafficfed.reports import Observed, ReportEvent


class Journal:
    """Keeps the newest ``capacity`` events, oldest first; a listener of reports. Single probes are left out."""

    def __init__(self, clock: Clock, capacity: int = 200) -> None:
        self._clock = clock
        self._news = News()
        self._events: deque[EventView] = deque(maxlen=capacity)
        self.seen = 0

    def __call__(self, event: ReportEvent) -> None:
        if not self._news(event) or isinstance(event, Observed):
            return
        told = line(event)
        if told.level == "debug":
            return
        self.seen += 1
        self._events.append(EventView(at_s=self._clock.now_s(), kind=told.kind, text=told.text, level=told.level))

    def recent(self, count: int = 20) -> tuple[EventView, ...]:
        """The newest ``count`` events, oldest first."""
        return tuple(self._events)[-count:] if count > 0 else ()
