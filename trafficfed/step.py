"""What one settling of the pipeline came to, for the caller to carry out."""

from collections.abc import Mapping

from trafficfed.aims import Place
from trafficfed.discovery.leaving import Leaving
from trafficfed.model import Row, ServiceKey, Target, Value
from trafficfed.reports import ReportEvent
from trafficfed.table.table import Delta


class Step(Value, frozen=True, kw_only=True):
    """What one settling came to. ``targets`` replace those of their service; ``suspicions`` switch fast probing.

    ``overlaid`` are rows judged otherwise than the leader's table has them, ``uncovered`` those where that has ended.
    ``decided`` are the services whose row, as publication sees it, changed; ``leaving`` what left them with a cause.
    """

    delta: Delta | None = None
    overlaid: tuple[Row, ...] = ()
    uncovered: tuple[ServiceKey, ...] = ()
    decided: tuple[ServiceKey, ...] = ()
    leaving: Mapping[ServiceKey, Leaving] = {}
    targets: tuple[tuple[ServiceKey, tuple[Target, ...]], ...] = ()
    suspicions: tuple[tuple[Place, bool], ...] = ()
    reports: tuple[ReportEvent, ...] = ()
