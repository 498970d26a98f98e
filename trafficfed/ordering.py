"""Operator controls as people order them: what they name is looked up, the order made, handed on and answered."""

from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime

from msgspec.structs import replace

from trafficfed.errors import ConfigError
from trafficfed.model import OperatorControl, ServiceKey
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.observe.views import DoneView
from trafficfed.steering.controls import concerns
from trafficfed.steering.orders import (
    DRAIN,
    FREEZE,
    BadOrder,
    Order,
    Undo,
    after,
    checked,
    described,
    extent,
    of_scope,
    standing,
    stranded,
)
from trafficfed.steering.shifts import SHIFT, WHOLE
from trafficfed.table.table import Table

Accept = Callable[[Order], Awaitable[str]]
"""Carries an order out and returns once it is as safe as it will be; the text says what is amiss, "" where nothing is.

Raises a TrafficfedError where it is not carried out.
"""

_FEW = 5


class Ordering:
    """Takes orders against a table. ``clusters`` are those configured; the table may know more. ``in_force`` are the
    controls that hold here, which may be more than the table's, ``without_weights`` the authorities that hold none."""

    def __init__(
        self,
        table: Table,
        clusters: Collection[str],
        in_force: Callable[[], Sequence[OperatorControl]],
        accept: Accept,
        without_weights: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self._table, self._clusters = table, clusters
        self._in_force, self._accept = in_force, accept
        self._without_weights = without_weights

    async def control(self, wanted: ControlRequest, now_s: float) -> DoneView:
        """Bring a control into force. Raises ConfigError where it names what is not there."""
        control = checked(self._meant(wanted, now_s), now_s)
        what = extent(control.cluster, control.service)
        done = {
            DRAIN: f"{what} is drained",
            FREEZE: f"{what} is frozen",
            SHIFT: f"{control.share} % of {what} goes to {control.to or 'others'}",
        }[control.kind]
        notes = self._notes(control, now_s)
        amiss = await self._accept(control)
        return _told(f"{done} {_until(control)} (control {control.id})", *notes, amiss)

    async def undo(self, wanted: UndoRequest, now_s: float) -> DoneView:
        """End a control. Raises ConfigError where there is none such."""
        control = self._standing(wanted, now_s)
        amiss = await self._accept(Undo(control.id))
        return _told(f"the {described(control)} has ended", amiss)

    def would(
        self, wanted: ControlRequest | UndoRequest, now_s: float
    ) -> tuple[OperatorControl, Sequence[OperatorControl], Sequence[str]]:
        """What an order would come to, without giving it: the control it is about, all that would be in force then, and
        what to know about it. Raises as giving it would, but for who and why, which may be missing yet."""
        if isinstance(wanted, UndoRequest):
            control = self._standing(wanted, now_s)
            return control, after(self._in_force(), Undo(control.id), now_s), ()
        control = checked(self._meant(replace(wanted, why=wanted.why.strip() or "preview"), now_s), now_s)
        return control, after(self._in_force(), control, now_s), self._notes(control, now_s)

    def _meant(self, wanted: ControlRequest, now_s: float) -> OperatorControl:
        if wanted.for_s < 0:
            raise BadOrder("the time a control is for must not be negative")
        self._check_cluster(wanted.cluster)
        self._check_cluster(wanted.to)
        return OperatorControl(
            kind=wanted.kind,
            cluster=wanted.cluster,
            service=str(self._service(wanted.service)) if wanted.service else "",
            who=wanted.who.strip(),
            why=wanted.why.strip(),
            since_s=now_s,
            until_s=now_s + wanted.for_s if wanted.for_s else 0.0,
            to=wanted.to,
            share=wanted.share,
        )

    def _standing(self, wanted: UndoRequest, now_s: float) -> OperatorControl:
        there = standing(self._in_force(), now_s)
        if wanted.id:
            for each in there:
                if each.id == wanted.id:
                    return each
            raise ConfigError(f"no control {wanted.id} is in force; `trafficfed controls` lists what is")
        ended = {each.service for each in there if each.service}
        service = _named(wanted.service, ended) or (str(self._service(wanted.service)) if wanted.service else "")
        return of_scope(there, (wanted.kind, wanted.cluster, service), now_s)

    def _check_cluster(self, name: str) -> None:
        if not name or name in self._clusters:
            return
        rows = self._table.rows.values()
        known = {*self._clusters, *self._table.sources, *(each.cluster for row in rows for each in row.endpoints)}
        if name not in known:
            raise ConfigError(f"no cluster {name} is known; known are {_list(known) or 'none'}")

    def _service(self, text: str) -> ServiceKey:
        """By its key, the end of its key or a hostname. Raises ConfigError where it is none, or more than one."""
        owner = self._table.owner_of(text.lower().rstrip("."))
        if owner is not None:
            return owner
        found = sorted(key for key in self._table.rows if _ends(str(key), text))
        if len(found) > 1:
            raise ConfigError(f"{text} is more than one service: {_list(map(str, found))}; write one of these")
        if not found:
            raise ConfigError(f"{text}: no service has this name; write namespace/name or a hostname of it")
        return found[0]

    def _notes(self, control: OperatorControl, now_s: float) -> Sequence[str]:
        """What an operator should know about what it will do."""
        if control.kind == FREEZE:
            return ("answers change no more, not even by failover",)
        will = after(self._in_force(), control, now_s)
        if control.kind == SHIFT:
            return tuple(self._idle(control))
        kept = [str(key) for key in stranded(self._table.rows.values(), will, control, now_s)]
        return (f"given out all the same, as nothing else serves: {_list(kept)}",) if kept else ()

    def _idle(self, shift: OperatorControl) -> Iterator[str]:
        """Where a shift changes nothing."""
        if not any(concerns(shift, row) for row in self._table.rows.values()):
            yield f"no such service has anything in cluster {shift.cluster} to be shifted"
        if shift.share < WHOLE and (unable := self._without_weights()):
            yield f"answers stay as they are, until the whole is shifted, where there are no weights: {_list(unable)}"


def _named(text: str, known: Iterable[str]) -> str:
    """The service of a control by its key or the end of it: it may be no more."""
    return next((each for each in sorted(known) if _ends(each, text)), "") if text else ""


def _ends(key: str, text: str) -> bool:
    """Whether whole parts at the end of a key are the text; a bare name is too little.

    >>> _ends("default/shop/web", "shop/web"), _ends("default/shop/web", "web"), _ends("default/shop/web", "op/web")
    (True, False, False)
    """
    return "/" in text and f"/{key}".endswith(f"/{text}")


def _list(names: Iterable[str]) -> str:
    found = sorted(names)
    more = f" and {len(found) - _FEW} more" if len(found) > _FEW else ""
    return ", ".join(found[:_FEW]) + more


def _until(control: OperatorControl) -> str:
    if not control.until_s:
        return "until undone"
    return f"until {datetime.fromtimestamp(control.until_s, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _told(*parts: str) -> DoneView:
    return DoneView(message="; ".join(part for part in parts if part))
