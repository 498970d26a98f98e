"""From evidence to what steering acts on: what keeps a verdict from jumping, and the operator's word."""

import msgspec

from trafficfed.health import reasons
from trafficfed.health.controls import FORCE_DOWN, FORCE_UP
from trafficfed.health.findings import Finding
from trafficfed.health.subject import Subject
from trafficfed.health.voting import serving_beneath, was_down
from trafficfed.model import OperatorControl, State, Verdict

QUARANTINE_AFTER_S = 3600.0
"""How long an API server may be out of sight before an address that fails is no longer taken for the same machine."""


def latch(subject: Subject, found: Finding, now_s: float) -> Verdict:
    """The verdict without operator controls and without its story (``since_s``, ``detail``)."""
    before = subject.before
    serving, hold_until_s, reason = _serving(subject, found, now_s)
    quarantined = _quarantined(subject, found, now_s)
    if quarantined:
        serving, hold_until_s, reason = False, 0.0, reasons.QUARANTINED
    return Verdict(
        cluster=subject.cluster,
        address=subject.address,
        state=found.state,
        serving=serving,
        reason=reason,
        passed=found.state is State.SERVING or (before is not None and before.passed),
        hold_until_s=hold_until_s,
        quarantined=quarantined,
    )


def overrule(verdict: Verdict, control: OperatorControl | None) -> Verdict:
    """The verdict as the operator wants it; the latches keep on beneath, and come back when the control ends."""
    if control is None:
        return verdict
    return msgspec.structs.replace(
        verdict, serving=control.kind == FORCE_UP, reason=_OVERRULED[control.kind], overruled=verdict.serving
    )


def failed_since_unseen(subject: Subject, found: Finding) -> bool:
    """Whether the target is down by its probes, or was when evidence on it ceased."""
    if found.state is State.UNKNOWN:
        return was_down(subject.before)
    return found.reason == reasons.PROBES_FAILING


def _serving(subject: Subject, found: Finding, now_s: float) -> tuple[bool, float, str]:
    was = subject.before is not None and serving_beneath(subject.before)
    if found.state is State.NOT_SERVING:
        return False, 0.0, found.reason
    if found.state is State.SERVING:
        hold_until_s = 0.0 if was else _hold_until_s(subject, found, now_s)
        held = now_s < hold_until_s
        return not held, hold_until_s if held else 0.0, reasons.FAILBACK_HOLD if held else found.reason
    if subject.alone and found.reason == reasons.NO_EVIDENCE:
        return True, 0.0, reasons.ONLY_ENDPOINT
    return was, 0.0, found.reason


def _hold_until_s(subject: Subject, found: Finding, now_s: float) -> float:
    """When a target that passes again may serve again; one that never served has nothing to come back from."""
    before = subject.before
    if before is None or not before.passed:
        return 0.0
    if found.reason == reasons.MASS_READINESS_LOSS and before.reason == reasons.NOT_READY:
        return 0.0  # It was taken out by the first losses of what then proved to be a mass event: an error to undo.
    if before.state is State.SERVING and before.hold_until_s:
        return before.hold_until_s
    return now_s + subject.failback_s


def _quarantined(subject: Subject, found: Finding, now_s: float) -> bool:
    if subject.unseen_since_s is None or (subject.control is not None and subject.control.kind == FORCE_UP):
        return False
    if subject.before is not None and subject.before.quarantined:
        return True
    return now_s >= subject.unseen_since_s + QUARANTINE_AFTER_S and failed_since_unseen(subject, found)


_OVERRULED = {FORCE_UP: reasons.FORCED_UP, FORCE_DOWN: reasons.FORCED_DOWN}
