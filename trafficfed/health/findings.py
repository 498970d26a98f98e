"""What the evidence on one target says at this moment, before any latch: probes first, then readiness."""

from trafficfed.health import reasons
from trafficfed.health.evidence import Streak, horizon_s
from trafficfed.health.subject import Circumstances, Subject
from trafficfed.health.voting import majority, voters
from trafficfed.model import HealthCheck, State, Value, Verdict


class Finding(Value, frozen=True):
    """A state with the reason for it, and the streaks that were counted."""

    state: State
    reason: str
    voters: tuple[Streak, ...] = ()


def find(subject: Subject, around: Circumstances, now_s: float) -> Finding:
    """Probes decide where they can; readiness may only speak against what passes, or where no probe is possible."""
    if subject.check is None:
        return _by_readiness(subject)
    found = _by_probes(subject, subject.check, around, now_s)
    if found.state is State.SERVING and subject.readiness.lost:
        return _not_ready(subject, found.voters)
    return found


def _by_probes(subject: Subject, check: HealthCheck, around: Circumstances, now_s: float) -> Finding:
    before = subject.before
    counted = voters(subject.evidence, subject.cluster, check, around.homes, around.distrusted, now_s)
    if counted:
        state = majority(counted, before)
        return _last_word(before, counted) if state is None else Finding(state, _REASON[state], counted)
    horizon = horizon_s(check)
    if any(s.vantage in around.distrusted and s.fresh(horizon, now_s) for s in subject.evidence.streaks):
        return Finding(State.UNKNOWN, reasons.VANTAGE_DISTRUSTED)
    if now_s < around.watching_since_s + horizon:
        return _last_word(before, ())
    return Finding(State.UNKNOWN, _silence(before))


def _by_readiness(subject: Subject) -> Finding:
    readiness = subject.readiness
    if readiness.ready is None:
        return Finding(State.SERVING, reasons.NO_CHECK)
    if readiness.ignored:
        return Finding(State.UNKNOWN, reasons.STALE_READINESS)
    return _not_ready(subject, ()) if readiness.lost else Finding(State.SERVING, reasons.READY)


def _not_ready(subject: Subject, counted: tuple[Streak, ...]) -> Finding:
    """The verdict itself carries a mass event over a restart: it lasts until readiness is back."""
    before = subject.before
    if subject.readiness.guarded or (before is not None and before.reason == reasons.MASS_READINESS_LOSS):
        return Finding(State.SERVING, reasons.MASS_READINESS_LOSS, counted)
    return Finding(State.NOT_SERVING, reasons.NOT_READY, counted)


def _last_word(before: Verdict | None, counted: tuple[Streak, ...]) -> Finding:
    """What probes said last, where they say nothing new by majority."""
    if before is None or before.state is State.UNKNOWN:
        return Finding(State.UNKNOWN, _silence(before), counted)
    state = State.SERVING if before.reason == reasons.NOT_READY else before.state
    return Finding(state, _REASON[state], counted)


def _silence(before: Verdict | None) -> str:
    """Whether there never was evidence, or it lapsed."""
    if before is None or (before.state is State.UNKNOWN and not before.passed and before.reason in _NEVER_ANY):
        return reasons.NO_EVIDENCE
    return reasons.NO_FRESH_EVIDENCE


_REASON = {State.SERVING: reasons.PROBES_PASSING, State.NOT_SERVING: reasons.PROBES_FAILING}
_NEVER_ANY = frozenset({reasons.NO_EVIDENCE, reasons.ONLY_ENDPOINT})
