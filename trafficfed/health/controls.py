"""Which operator controls hold for a target now, and which of them decides."""

from collections.abc import Iterable

from trafficfed.model import OperatorControl, ServiceKey

FORCE_UP = "force-up"
FORCE_DOWN = "force-down"
DRAIN = "drain"

_PRECEDENCE = (FORCE_DOWN, DRAIN, FORCE_UP)


def concerning(controls: Iterable[OperatorControl], service: ServiceKey) -> tuple[OperatorControl, ...]:
    """The controls that decide whether something serves, as far as they are for this service or for all."""
    name = str(service)
    return tuple(c for c in controls if c.kind in _PRECEDENCE and c.service in ("", name))


def in_force(controls: Iterable[OperatorControl], cluster: str, now_s: float) -> OperatorControl | None:
    """The one that decides for a cluster's targets: what takes out goes before what puts in, the newest first."""
    active = [c for c in controls if c.cluster in ("", cluster) and holds(c, now_s)]
    return min(active, key=lambda c: (_PRECEDENCE.index(c.kind), -c.since_s, c.cluster), default=None)


def holds(control: OperatorControl, now_s: float) -> bool:
    """Whether a control has begun and not ended; ``until_s`` 0 means until it is undone."""
    return control.since_s <= now_s and (not control.until_s or now_s < control.until_s)


def next_change_s(controls: Iterable[OperatorControl], now_s: float) -> float | None:
    """When the next of them begins or ends by itself."""
    moments = (moment for control in controls for moment in (control.since_s, control.until_s))
    return min((moment for moment in moments if moment > now_s), default=None)
