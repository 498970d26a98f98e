"""The sentence a verdict gives as its detail. It is written when the reason arises and then stays."""

from trafficfed.health import reasons
from trafficfed.health.findings import Finding
from trafficfed.health.subject import Subject

OPERATORS = frozenset({reasons.FORCED_UP, reasons.FORCED_DOWN})
"""Reasons whose sentence follows the control in force, which may change while the reason stays."""


def describe(reason: str, subject: Subject, found: Finding) -> str:
    """One stable sentence: nothing in it counts or tells the time."""
    if reason in OPERATORS:
        return _by_operator(subject)
    seen = [s for s in found.voters if s.passed is (reason == reasons.PROBES_PASSING)]
    if reason == reasons.PROBES_PASSING and seen:
        return f"passes its health check, seen from {', '.join(s.vantage for s in seen)}"
    if reason == reasons.PROBES_FAILING and seen:
        return "fails its health check: " + "; ".join(f"{s.error or 'failed'}, seen from {s.vantage}" for s in seen)
    return _SENTENCES[reason]


def _by_operator(subject: Subject) -> str:
    control = subject.control
    if control is None:
        return ""
    return f"by {control.who or 'an operator'}" + (f": {control.why}" if control.why else "")


_SENTENCES = {
    reasons.PROBES_PASSING: "passes its health check",
    reasons.PROBES_FAILING: "fails its health check",
    reasons.READY: "endpoints behind it are ready; nothing probes it",
    reasons.NOT_READY: "no endpoint behind it is ready",
    reasons.NO_CHECK: "no port to probe is known and nothing tells its readiness; it counts as serving",
    reasons.MASS_READINESS_LOSS: "not ready, but most of its cluster's services lost it at once",
    reasons.NO_EVIDENCE: "not probed yet",
    reasons.NO_FRESH_EVIDENCE: "no fresh probe results; the last verdict stands",
    reasons.VANTAGE_DISTRUSTED: "seen only from vantages that are not trusted now; the last verdict stands",
    reasons.STALE_READINESS: "its readiness is out of date and nothing probes it; the last verdict stands",
    reasons.ONLY_ENDPOINT: "not probed yet, but no other cluster offers the service",
    reasons.FAILBACK_HOLD: "healthy again; held back until it has been so for a while",
    reasons.QUARANTINED: "failed while its API server had long been out of sight: the address may be another's by now. "
    "A fresh list that has it, or force-up, brings it back",
}
