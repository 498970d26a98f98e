"""Rows become wishes: every zone at every provider that keeps record sets is told what concerns it."""

from collections.abc import Callable, Iterable, Sequence

from trafficfed.discovery.leaving import Leaving
from trafficfed.model import Outcome, Row, ServiceKey, Value, Zone
from trafficfed.ports import Clock, Provider
from trafficfed.reports import Published, Report
from trafficfed.zones.publisher import ZonePublisher
from trafficfed.zones.wish import Wish, make_wish


class Outlet(Value, frozen=True):
    """One zone at one provider, by the provider's configured name and kind."""

    provider: str
    kind: str
    zone: Zone


class Publication:
    """All publishers of this process. ``losses`` tell what each outlet cannot express of each service."""

    def __init__(self, zones: Sequence[Zone], clock: Clock, report: Report) -> None:
        self._zones, self._clock, self._report = zones, clock, report
        self._outlets: list[tuple[Outlet, Provider, ZonePublisher]] = []
        self._fed: list[tuple[Outlet, Callable[[], bool]]] = []
        self._losses: dict[tuple[Outlet, ServiceKey], tuple[str, ...]] = {}

    def add(self, outlet: Outlet, provider: Provider, publisher: ZonePublisher) -> None:
        self._outlets.append((outlet, provider, publisher))

    def add_fed(self, outlet: Outlet, is_followed: Callable[[], bool]) -> None:
        """A zone whose name servers take whole rows from the feed: there is nothing to write, only to report."""
        self._fed.append((outlet, is_followed))

    @property
    def fed(self) -> tuple[Outlet, ...]:
        return tuple(outlet for outlet, _ in self._fed)

    @property
    def publishers(self) -> tuple[tuple[Outlet, ZonePublisher], ...]:
        return tuple((outlet, publisher) for outlet, _, publisher in self._outlets)

    @property
    def without_weights(self) -> tuple[str, ...]:
        """Where a share of the answers cannot be had."""
        return tuple(
            f"{outlet.provider} {outlet.zone.name}"
            for outlet, provider, _ in self._outlets
            if not provider.capabilities.weighted
        )

    @property
    def losses(self) -> tuple[str, ...]:
        """Every loss in force, once each, with where it happens."""
        return tuple(
            sorted(
                {
                    f"{outlet.provider} {outlet.zone.name}: {loss}"
                    for (outlet, _), losses in self._losses.items()
                    for loss in losses
                }
            )
        )

    def want(
        self, key: ServiceKey, before: Iterable[str], row: Row | None, leaving: Leaving, event_at_s: float
    ) -> None:
        """Tell every zone that has, or had, a name of this service; ``before`` are the hostnames last told."""
        names = {*before, *(row.service.hostnames if row else ())}
        for outlet, provider, publisher in self._outlets:
            if any(is_in(name, outlet.zone.name) for name in names):
                publisher.want(self._wish(key, row, outlet, provider, leaving, event_at_s))
        for outlet, is_followed in self._fed:
            if is_followed():
                self._report_fed(outlet, names, event_at_s, str(key))

    def _report_fed(self, outlet: Outlet, names: Iterable[str], event_at_s: float, service: str) -> None:
        since_s = max(0.0, self._clock.now_s() - event_at_s)
        for name in sorted(names):
            if is_in(name, outlet.zone.name):
                done = Published(outlet.provider, outlet.zone.name, name, Outcome.DONE, since_s, service=service)
                self._report(done)

    def view_complete(self, complete: bool) -> None:
        """Whether every cluster has been seen, so that what nobody wishes is known to be unwanted."""
        for _, publisher in self.publishers:
            publisher.view_complete(complete)

    def confirm(self, confirm_id: str) -> bool:
        """Lift exactly one brake; False where nothing of that id is held."""
        return any(publisher.confirm(confirm_id) for _, publisher in self.publishers)

    def _wish(
        self, key: ServiceKey, row: Row | None, outlet: Outlet, provider: Provider, leaving: Leaving, event_at_s: float
    ) -> Wish:
        self._losses.pop((outlet, key), None)
        if row is None:
            return Wish(
                service=key,
                departed=frozenset(target.lower() for target in leaving.targets),
                released=frozenset(leaving.hostnames),
                event_at_s=event_at_s,
            )
        wish, lowered = make_wish(
            row,
            outlet.zone,
            provider.capabilities,
            self._zones,
            departed=leaving.targets,
            released=leaving.hostnames,
            event_at_s=event_at_s,
        )
        if lowered.losses:
            self._losses[outlet, key] = lowered.losses
        return wish


def is_in(name: str, zone: str) -> bool:
    """Whether a name lies in a zone, by whole labels.

    >>> is_in("web.example.org", "example.org"), is_in("badexample.org", "example.org")
    (True, False)
    """
    return name == zone or name.endswith(f".{zone}")
