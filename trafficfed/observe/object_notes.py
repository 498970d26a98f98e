"""What a cluster's part in one answer comes to, as one sentence on the user's own object: the name, and why (not)."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from trafficfed.model import OperatorControl, Row, State, Value, Verdict
from trafficfed.steering.controls import cause, freeze_of
from trafficfed.steering.standing import Candidate, candidates, reason

GIVEN_OUT, STANDS_BY, NOT_GIVEN_OUT = "GivenOut", "StandsBy", "NotGivenOut"
_NAMES = 3


class Told(Value, frozen=True):
    """One Event's content; ``type`` is Normal or Warning."""

    reason: str
    message: str
    type: str = "Normal"


class _Judged(NamedTuple):
    target: str
    candidate: Candidate
    verdict: Verdict


def notes(row: Row, controls: Sequence[OperatorControl], now_s: float) -> dict[str, Told]:
    """For every cluster with an endpoint: whether its targets are given out, and if not, why not.

    Nothing is there while nothing is decided. What other clusters offer changes a note only where that puts this
    cluster in or out, so that one cluster's death writes to those that take over, and not to all.
    """
    if row.decision is None:
        return {}
    there = candidates(row, controls, now_s)
    freeze = freeze_of(controls, row, now_s)
    frozen = f"; answers are frozen {cause(freeze)}" if freeze else ""
    return {
        cluster: _note(row, cluster, [each for each in there if each.cluster == cluster], frozen)
        for cluster in dict.fromkeys(each.cluster for each in there)
    }


def _note(row: Row, cluster: str, offered: Sequence[Candidate], frozen: str) -> Told:
    names, given = _listed(row.service.hostnames), _given(row, cluster)
    judged = [_Judged(target, each, verdict) for each in offered for target, verdict in each.judged]
    out = [each for each in judged if each.target not in given]
    if given:
        return _given_out(row, given, [each for each in judged if each.target in given], out, frozen)
    if out and _stands_by(row, cluster) and all(each.verdict.serving for each in out):
        targets = _listed(each.target for each in out)
        return Told(
            STANDS_BY, f"{names} sends no clients here while what goes before serves: {targets} stands by{frozen}"
        )
    why = _whys(out) or "nothing is offered in the form that the name is published in"
    well = bool(out) and not any(_fails(each) for each in out)
    return Told(NOT_GIVEN_OUT, f"{names} sends no clients here: {why}{frozen}", "Normal" if well else "Warning")


def _given_out(row: Row, given: Sequence[str], judged: list[_Judged], out: list[_Judged], frozen: str) -> Told:
    failing = [each for each in judged if not each.verdict.serving]
    text = f"{_listed(row.service.hostnames)} sends clients here, to {_listed(given)}"
    if failing:
        text += f"{'' if row.decision and row.decision.serving else ', as nothing serves'}: {_whys(failing)}"
    if out:
        text += f"; not to others: {_whys(out)}"
    return Told(GIVEN_OUT, text + frozen, "Warning" if any(map(_fails, judged + out)) else "Normal")


def _given(row: Row, cluster: str) -> tuple[str, ...]:
    rules = row.decision.rules if row.decision else ()
    pools = (member for rule in rules for member in rule.members if member.cluster == cluster)
    return tuple(sorted({target for member in pools for target in (*member.addresses, *member.hostnames)}))


def _stands_by(row: Row, cluster: str) -> bool:
    rules = row.decision.rules if row.decision else ()
    return any(member.cluster == cluster for rule in rules for tier in rule.standby for member in tier)


def _fails(each: _Judged) -> bool:
    """What was merely not probed yet is no reason to warn."""
    return not each.verdict.serving and each.verdict.state is not State.UNKNOWN


def _whys(judged: Iterable[_Judged]) -> str:
    return "; ".join(map(_why, judged))


def _why(each: _Judged) -> str:
    detail = f": {each.verdict.detail}" if each.verdict.detail and not each.verdict.serving else ""
    return f"{each.target} is {reason(each.candidate, each.verdict)}{detail}"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(_few(tuple(names)))


def _few(names: Sequence[str]) -> Iterator[str]:
    yield from names[:_NAMES]
    if len(names) > _NAMES:
        yield f"and {len(names) - _NAMES} more"
