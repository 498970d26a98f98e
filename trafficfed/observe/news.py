"""Tells a first time from its repetitions: what recurs with every probe must not drown the log."""

from trafficfed.model import ServiceKey
from trafficfed.reports import Observed, ProbeImpossible, ReportEvent

_LIMIT = 10_000  # services remembered; then it starts anew, at worst telling something twice


class News:
    """Whether an event is worth a line: of probes that cannot be tried, the first of a service with its reason.

    It is news again after any probe of that service came back.
    """

    def __init__(self) -> None:
        self._told: dict[ServiceKey, str] = {}

    def __call__(self, event: ReportEvent) -> bool:
        if isinstance(event, Observed):
            self._told.pop(event.observation.service, None)
        if not isinstance(event, ProbeImpossible):
            return True
        service = event.target.service
        if self._told.get(service) == event.message:
            return False
        if len(self._told) >= _LIMIT:
            self._told.clear()
        self._told[service] = event.message
        return True
