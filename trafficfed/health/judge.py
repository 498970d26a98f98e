"""The judge: what is known of a target becomes its verdict. Pure: everything comes in, the verdict comes out.

The order of authority, in which no step may skip one above it:

1. Fresh probes that fail by majority: NotServing at once, whatever the API server says or does.
2. Probes that pass while readiness is known and zero: NotServing, unless most of the cluster's services lost theirs.
3. No fresh evidence: Unknown, which keeps the last verdict without limit and never takes anything out.
4. Latches: what was down comes back after ``rise`` passes and the failback hold; what failed while its API server had
   been out of sight for an hour is quarantined until a fresh list confirms the address (clouds reassign addresses).
5. force-up and force-down overrule ``serving``, never ``state``, and leave the latches beneath them as they are.
   A drain is no verdict: what is drained is alive, and steering stands it aside.

Where no probe is possible (no port known, or no address), readiness alone decides; where nothing tells readiness
either, the endpoint counts as serving, with the reason NoCheck.
"""

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from trafficfed.health import reasons
from trafficfed.health.controls import concerning, next_change_s
from trafficfed.health.evidence import Evidence, horizon_s
from trafficfed.health.findings import Finding, find
from trafficfed.health.latches import QUARANTINE_AFTER_S, latch, overrule
from trafficfed.health.subject import Circumstances, Subject, subjects
from trafficfed.health.voting import outdated_at_s, suspicious
from trafficfed.health.wording import OPERATORS, describe
from trafficfed.model import Row, State, Value, Verdict


class Judged(Value, frozen=True, kw_only=True):
    """One verdict, when time alone may change it (None: never), and whether the target should be probed sooner.

    ``wake_at_s`` is the earlier of ``certain_at_s``, which no probe result can put off, and the moment evidence lapses.
    """

    verdict: Verdict
    wake_at_s: float | None = None
    certain_at_s: float | None = None
    suspicious: bool = False


class JudgedRow(Value, frozen=True, kw_only=True):
    """All verdicts of a row, sorted by cluster and address: the row's own tuple where none changed.

    ``suspicious`` are the (cluster, address) pairs to be probed at the check's suspicion spacing.
    """

    verdicts: tuple[Verdict, ...]
    wake_at_s: float | None = None
    certain_at_s: float | None = None
    suspicious: tuple[tuple[str, str], ...] = ()


def judge(subject: Subject, around: Circumstances, now_s: float) -> Judged:
    """The verdict on one target: the very object it had before, where nothing of meaning changed.

    >>> new = Subject(cluster="eu", address="192.0.2.1")
    >>> judge(new, Circumstances(), now_s=1000.0).verdict.reason
    'NoEvidence'
    """
    found = find(subject, around, now_s)
    verdict = _with_story(overrule(latch(subject, found, now_s), subject.control), subject, found, now_s)
    check = subject.check
    certain_at_s = _certain_at_s(subject, verdict, found, around, now_s)
    return Judged(
        verdict=verdict,
        wake_at_s=_earliest((certain_at_s, *_lapses(subject)), now_s),
        certain_at_s=certain_at_s,
        suspicious=check is not None and found.state is not State.NOT_SERVING and suspicious(found.voters, check),
    )


def judge_row(row: Row, evidence: Mapping[tuple[str, str], Evidence], around: Circumstances, now_s: float) -> JudgedRow:
    """The verdicts on everything a row offers; ``evidence`` is keyed by (cluster, address).

    To be called once the row's endpoints reflect the sources' newest lists. A failback hold never leaves the row with
    nothing that serves: what passes its probes goes before what fails them.
    """
    controls = concerning(around.controls, row.key) if around.controls else ()
    judged = [judge(subject, around, now_s) for subject in subjects(row, evidence, controls, around, now_s)]
    if not any(j.verdict.serving for j in judged):
        judged = [_released(j, now_s) for j in judged]
    judged.sort(key=_place)
    verdicts = tuple([j.verdict for j in judged])
    same = len(verdicts) == len(row.verdicts) and all(a is b for a, b in zip(verdicts, row.verdicts, strict=True))
    change_s = next_change_s(controls, now_s)
    return JudgedRow(
        verdicts=row.verdicts if same else verdicts,
        wake_at_s=_earliest((change_s, *(j.wake_at_s for j in judged)), now_s),
        certain_at_s=_earliest((change_s, *(j.certain_at_s for j in judged)), now_s),
        suspicious=tuple([_place(j) for j in judged if j.suspicious]),
    )


def _place(judged: Judged) -> tuple[str, str]:
    return judged.verdict.cluster, judged.verdict.address


def _released(judged: Judged, now_s: float) -> Judged:
    """The target without its failback hold, if it is in one."""
    verdict = judged.verdict
    if verdict.reason != reasons.FAILBACK_HOLD:
        return judged
    freed = msgspec.structs.replace(
        verdict,
        serving=True,
        hold_until_s=0.0,
        since_s=now_s,
        reason=reasons.PROBES_PASSING,
        detail="healthy again; not held back, as nothing else serves",
    )
    return msgspec.structs.replace(judged, verdict=freed)


def _with_story(verdict: Verdict, subject: Subject, found: Finding, now_s: float) -> Verdict:
    """The verdict with ``since_s`` and ``detail``; a detail once written stands while its reason does."""
    before = subject.before
    if before is None:
        return msgspec.structs.replace(verdict, since_s=now_s, detail=describe(verdict.reason, subject, found))
    moved = verdict.state is not before.state or verdict.serving is not before.serving
    known = verdict.reason == before.reason and verdict.reason not in OPERATORS
    told = msgspec.structs.replace(
        verdict,
        since_s=now_s if moved else before.since_s,
        detail=before.detail if known else describe(verdict.reason, subject, found),
    )
    return before if told == before else told


def _certain_at_s(
    subject: Subject, verdict: Verdict, found: Finding, around: Circumstances, now_s: float
) -> float | None:
    """When a hold ends, a stale view or an unseen address grows too old, this process has watched long enough, or a
    vantage had the time to look again.
    """
    check = subject.check
    return _earliest(
        (
            verdict.hold_until_s,
            subject.readiness.expires_s,
            None if subject.unseen_since_s is None else subject.unseen_since_s + QUARANTINE_AFTER_S,
            None if check is None else around.watching_since_s + horizon_s(check),
            *(() if check is None else outdated_at_s(found.voters, check)),
        ),
        now_s,
    )


def _lapses(subject: Subject) -> Iterator[float]:
    """When each streak lapses; also when one begins to count that lies in the future, as after a clock was set back."""
    if subject.check is not None:
        horizon = horizon_s(subject.check)
        for streak in subject.evidence.streaks:
            yield streak.at_s - horizon
            yield streak.at_s + horizon


def _earliest(moments: Iterable[float | None], now_s: float) -> float | None:
    return min((moment for moment in moments if moment is not None and moment > now_s), default=None)
