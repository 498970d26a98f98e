"""Which operator controls hold for a target now, and which of them decides.

Only force-up and force-down are about health. Drain and freeze are steering's; here they matter only for when they
begin and end, as their row has to be looked at again then.
"""

from collections.abc import Iterable, Sequence

from trafficfed.model import OperatorControl, ServiceKey

FORCE_UP = "force-up"
FORCE_DOWN = "force-down"


def concerning(controls: Iterable[OperatorControl], service: ServiceKey) -> tuple[OperatorControl, ...]:
    """The controls that are for this service or for all."""
    name = str(service)
    return tuple(c for c in controls if c.service in ("", name))


def in_force(controls: Sequence[OperatorControl], cluster: str, now_s: float) -> OperatorControl | None:
    """The one that decides for a cluster's targets: force-down goes before force-up, the newest of a kind first."""
    active = [
        c for c in controls if c.kind in (FORCE_UP, FORCE_DOWN) and c.cluster in ("", cluster) and holds(c, now_s)
    ]
    return min(active, key=lambda c: (c.kind == FORCE_UP, -c.since_s, c.cluster, c.who, c.why), default=None)


def holds(control: OperatorControl, now_s: float) -> bool:
    """Whether a control has begun and not ended; ``until_s`` 0 means until it is undone."""
    return control.since_s <= now_s and (not control.until_s or now_s < control.until_s)


def next_change_s(controls: Iterable[OperatorControl], now_s: float) -> float | None:
    """When the next of them begins or ends by itself."""
    moments = (moment for control in controls for moment in (control.since_s, control.until_s))
    return min((moment for moment in moments if moment > now_s), default=None)
