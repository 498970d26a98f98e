"""Views of all services for who looks again and again: made anew only for those of which something has changed."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from trafficfed.model import OperatorControl, Row, ServiceKey
from trafficfed.observe.showing import Rtt, service_view
from trafficfed.observe.views import ServiceView, TargetView
from trafficfed.steering.orders import standing


class ServiceViews:
    """Keeps what it made. A row that is the same object is the same row: rows are values, replaced as a whole."""

    def __init__(self, rtt: Rtt) -> None:
        self._rtt = rtt
        self._controls: tuple[OperatorControl, ...] = ()
        self._known: dict[ServiceKey, tuple[Row, ServiceView]] = {}

    def of(
        self, rows: Mapping[ServiceKey, Row], controls: Sequence[OperatorControl], now_s: float
    ) -> tuple[ServiceView, ...]:
        """The view of every row, in the order of their keys; equal to making each of them now."""
        there = standing(controls, now_s)
        if there != self._controls:
            self._controls = there
            self._known.clear()
        before, self._known = self._known, {}
        for key, row in rows.items():
            known = before.get(key)
            view = self._timed(known[1]) if known and known[0] is row else service_view(row, self._rtt, there, now_s)
            self._known[key] = row, view
        return tuple(self._known[key][1] for key in sorted(self._known))

    def clear(self) -> None:
        """Nobody looks any more: nothing is kept."""
        self._known.clear()

    def _timed(self, view: ServiceView) -> ServiceView:
        """The same view with the latencies of now."""
        now = [self._rtt(view.service, target.cluster, target.address) for target in view.targets]
        if all(target.rtt_s == rtt_s for target, rtt_s in zip(view.targets, now, strict=True)):
            return view
        return replace(view, targets=tuple(_at(target, rtt_s) for target, rtt_s in zip(view.targets, now, strict=True)))


def _at(target: TargetView, rtt_s: float | None) -> TargetView:
    return target if target.rtt_s == rtt_s else replace(target, rtt_s=rtt_s)
