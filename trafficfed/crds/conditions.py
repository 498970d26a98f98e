"""Conditions of objects on the hub, as the Kubernetes API conventions have them."""

from collections.abc import Iterable
from datetime import UTC, datetime

from msgspec.structs import replace

from trafficfed.crds.structs import Condition


def condition(kind: str, holds: bool, reason: str, message: str, longest: int) -> Condition:
    """What holds or not; of the message so many characters, as the definition of the object allows."""
    return Condition(type=kind, status=str(holds), reason=reason, message=message[:longest])


def since(told: Condition, before: Iterable[Condition], generation: int, now_s: float) -> Condition:
    """The condition with the moment of the last change of its status (lastTransitionTime)."""
    same = (each for each in before if (each.type, each.status) == (told.type, told.status))
    moment = next((each.last_transition_time for each in same), "") or _moment(now_s)
    return replace(told, last_transition_time=moment, observed_generation=generation)


def _moment(now_s: float) -> str:
    return datetime.fromtimestamp(int(now_s), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
