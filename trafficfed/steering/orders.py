"""What operators order: controls come to stand and end; what an order leads to is a pure function of what stood."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from msgspec.structs import replace

from trafficfed.errors import ConfigError
from trafficfed.model import OperatorControl, Row, ServiceKey, Value
from trafficfed.steering.controls import covers
from trafficfed.steering.shifts import SHIFT, WHOLE
from trafficfed.steering.standing import Standing, candidates

DRAIN, FREEZE = "drain", "freeze"
KINDS = (DRAIN, SHIFT, FREEZE)
LONGEST_WHY = 500
"""Characters; a reason is a sentence that stands in explanations and in every copy of the table."""

Scope = tuple[str, str, str]
"""Kind, cluster and service: of one scope at most one control stands, the newest."""


class BadOrder(ConfigError):
    """What was ordered makes no sense, whatever the fleet is like; the text says what to write instead."""


class Undo(Value, frozen=True):
    """The order to end one control, by its id."""

    control: str


Order = OperatorControl | Undo


def scope(control: OperatorControl) -> Scope:
    """What a control is about."""
    return control.kind, control.cluster, control.service


def named(control: OperatorControl) -> OperatorControl:
    """The control with its id: eight digits that follow from all it says, so that every controller gives the same.

    >>> named(OperatorControl(kind="drain", cluster="eu", why="upgrade", since_s=1.0)).id
    '6909e9dc'
    """
    said = (*scope(control), control.who, control.why, repr(control.since_s), repr(control.until_s))
    how = (control.to, repr(control.share)) if control.kind == SHIFT else ()
    return replace(control, id=hashlib.sha256("\0".join((*said, *how)).encode()).hexdigest()[:8])


def checked(control: OperatorControl, now_s: float) -> OperatorControl:
    """The control with its id where it can be obeyed. Raises BadOrder with the one reason why not."""
    if control.kind not in KINDS:
        raise BadOrder(f"{control.kind!r} is no kind of control; there are {', '.join(KINDS)}")
    if control.kind == DRAIN and not control.cluster:
        raise BadOrder("a drain needs the cluster to take out")
    if amiss := _badly_shifted(control):
        raise BadOrder(amiss)
    if not control.why.strip():
        raise BadOrder("say why: whoever finds the control later has to know whether it may go")
    if len(control.why) > LONGEST_WHY or not control.why.isprintable():
        raise BadOrder(f"the reason must be one line of at most {LONGEST_WHY} characters")
    if control.until_s and control.until_s <= now_s:
        raise BadOrder("the control would be over before it begins; give it a time longer than 0")
    return named(control)


def _badly_shifted(control: OperatorControl) -> str:
    if control.kind != SHIFT:
        return f"a {control.kind} has no share and no other cluster" if control.to or control.share else ""
    if not control.cluster:
        return "a shift needs the cluster whose traffic goes elsewhere"
    if control.to == control.cluster:
        return "a shift needs another cluster to go to, or none: then whoever is next takes it"
    return (
        "" if 1 <= control.share <= WHOLE else "the share of a shift is 1 to 100 per cent of what its cluster would get"
    )


def standing(controls: Iterable[OperatorControl], now_s: float) -> tuple[OperatorControl, ...]:
    """Those that have not expired, in canonical order."""
    there = (each for each in controls if not each.until_s or now_s < each.until_s)
    return tuple(sorted(there, key=lambda each: (*scope(each), each.since_s, each.id)))


def after(controls: Sequence[OperatorControl], order: Order, now_s: float) -> tuple[OperatorControl, ...]:
    """The controls once an order is carried out; what has expired by then is gone.

    A new control takes the place of the one of its scope. Carrying out the same order again changes nothing, so that
    it may be handed on as often as need be; an Undo of what no longer stands is such a one.
    """
    if isinstance(order, Undo):
        return standing((each for each in controls if each.id != order.control), now_s)
    return standing((*(each for each in controls if scope(each) != scope(order)), order), now_s)


def of_scope(controls: Sequence[OperatorControl], wanted: Scope, now_s: float) -> OperatorControl:
    """The control of exactly this scope that stands. Raises ConfigError that says what does stand."""
    there = [each for each in standing(controls, now_s) if each.kind == wanted[0]]
    for each in there:
        if scope(each) == wanted:
            return each
    others = "; ".join(described(each) for each in there) or f"no {wanted[0]} at all"
    raise ConfigError(f"{extent(wanted[1], wanted[2])} has no {wanted[0]} to end; in force: {others}")


def extent(cluster: str, service: str) -> str:
    """What a scope takes in, in words.

    >>> extent("eu", ""), extent("", "default/shop/web"), extent("eu", "default/shop/web"), extent("", "")
    ('cluster eu', 'default/shop/web', 'default/shop/web in cluster eu', 'everything')
    """
    if cluster and service:
        return f"{service} in cluster {cluster}"
    return f"cluster {cluster}" if cluster else service or "everything"


def called(control: OperatorControl) -> str:
    """A control in a few words.

    >>> called(OperatorControl(kind="drain", cluster="eu"))
    'drain of cluster eu'
    >>> called(OperatorControl(kind="shift", cluster="eu", to="us", share=10))
    'shift of 10 % of cluster eu to us'
    """
    share = f"{control.share} % of " if control.kind == SHIFT else ""
    where = f" to {control.to}" if control.to else ""
    return f"{control.kind} of {share}{extent(control.cluster, control.service)}{where}"


def described(control: OperatorControl) -> str:
    """A control in a few words, with its id."""
    return f"{called(control)} ({control.id})"


def stranded(
    rows: Iterable[Row], controls: Sequence[OperatorControl], drain: OperatorControl, now_s: float
) -> Iterator[ServiceKey]:
    """Services that a drain does not move: all that serves of them is drained, so that they are given out all the same.

    ``controls`` are those that stand with the drain.
    """
    for row in rows:
        if any(covers(drain, row.key, endpoint.cluster) for endpoint in row.endpoints):
            serving = [each for each in candidates(row, controls, now_s) if each.serving]
            if serving and all(each.standing is Standing.DRAINED for each in serving):
                yield row.key
