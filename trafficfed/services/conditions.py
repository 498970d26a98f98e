"""What is told on exports and imports: the standard's conditions and reasons (apis/v1beta1 of the standard). Pure."""

from collections.abc import Iterable, Sequence
from typing import Any

import msgspec

from trafficfed.crds.conditions import condition, since
from trafficfed.crds.structs import Condition
from trafficfed.services.exports import Merged
from trafficfed.services.reading import Backing, Declared

LONGEST = 32768
"""Characters of a message (metav1.Condition)."""


def export_conditions(
    declared: Declared,
    service: Backing | None,
    merged: Merged | None,
    waiting: Sequence[str],
    failed: Sequence[str],
    now_s: float,
) -> tuple[Condition, ...]:
    """Of one export. ``waiting`` are the clusters where its import is not in place yet, ``failed`` says why it cannot
    be put where it should."""
    told = (_valid(service), _ready(service, waiting, failed), _conflict(service, merged))
    return tuple(since(each, declared.conditions, declared.generation, now_s) for each in told)


def is_valid(service: Backing | None) -> bool:
    """Whether a Service can be exported at all."""
    return service is not None and not service.is_external


def _valid(service: Backing | None) -> Condition:
    if service is None:
        return _said("Valid", False, "NoService", "there is no Service of this name; create it, or delete the export")
    if service.is_external:
        return _said("Valid", False, "InvalidServiceType", "a Service of type ExternalName cannot be exported")
    return _said("Valid", True, "Valid", "the Service is exported")


def _ready(service: Backing | None, waiting: Sequence[str], failed: Sequence[str]) -> Condition:
    if not is_valid(service):
        return _said("Ready", False, "Pending", "waits for a Service that can be exported")
    if failed:
        return _said("Ready", False, "Failed", "; ".join(failed))
    if waiting:
        return _said("Ready", False, "Pending", f"not in place yet in {', '.join(waiting)}")
    return _said("Ready", True, "Exported", "its import stands in every cluster that has the namespace")


def _conflict(service: Backing | None, merged: Merged | None) -> Condition:
    """Told on every export concerned, which are all of them: each differs from another."""
    conflicts = merged.conflicts if merged is not None and is_valid(service) else ()
    if not conflicts:
        return _said("Conflict", False, "NoConflicts", "")
    reasons = ",".join(str(each.reason) for each in conflicts)
    return _said("Conflict", True, reasons, "; ".join(each.message for each in conflicts))


def import_conditions(
    before: Iterable[Condition], *, headless: bool, addressed: bool, unsupported: str, generation: int, now_s: float
) -> tuple[Condition, ...]:
    """Of one import. ``unsupported`` is what the API server said of its address families, empty where it took them."""
    if unsupported:
        told = _said("Ready", False, "IPFamilyNotSupported", unsupported)
    elif headless or addressed:
        told = _said("Ready", True, "Ready", "")
    else:
        told = _said("Ready", False, "Pending", "waits for its address")
    return (since(told, before, generation, now_s),)


def as_json(conditions: Iterable[Condition]) -> list[dict[str, Any]]:
    """In full: a condition needs its message even where it is empty."""
    return [{"message": "", **msgspec.to_builtins(each)} for each in conditions]


def _said(kind: str, holds: bool, reason: str, message: str) -> Condition:
    return condition(kind, holds, reason, message, LONGEST)
