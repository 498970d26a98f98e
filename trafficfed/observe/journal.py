"""The last things that happened, for the live view and ``status``."""

from collections import deque

from trafficfed.observe.lines import line
from trafficfed.observe.news import News
from trafficfed.observe.views import EventView
from trafficfed.ports import Clock
from trafficfed.reports import Observed, ReportEvent

_ABOUT = frozenset({"service", "cluster", "name"})


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
        facts = {name: str(value) for name, value in told.fields if name in _ABOUT}
        self._events.append(
            EventView(at_s=self._clock.now_s(), kind=told.kind, text=told.text, level=told.level, **facts)
        )

    def recent(self, count: int = 20) -> tuple[EventView, ...]:
        """The newest ``count`` events, oldest first."""
        return tuple(self._events)[-count:] if count > 0 else ()

    def after(self, seen: int) -> tuple[EventView, ...]:
        """What came after the first ``seen`` of all, as far as it is remembered; all of it where that many never came
        (they are another process's)."""
        count = self.seen - seen
        return self.recent(count if 0 <= count <= self.seen else self.seen)
