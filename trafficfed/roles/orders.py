"""Operator controls accepted by any controller: the leader takes them into the table, the others take them to it."""

from collections.abc import Awaitable, Callable, Sized
from typing import Protocol

from trafficfed.controller import Controller
from trafficfed.errors import Refused, TrafficfedError, Transient
from trafficfed.feed.messages import Answered, Propose
from trafficfed.model import OperatorControl
from trafficfed.ports import Clock
from trafficfed.steering.orders import Order, Undo, after

PROPOSE_S = 8.0
"""Longer than the leader waits for its electors, so that an operator gets one answer and not two."""

UNHEARD = (
    "no leader hears of it: it holds for the name servers that follow this controller, until a leader takes it over"
    " or this controller ends"
)


class Kept(Protocol):
    """Where the table is kept besides this process."""

    async def flush(self, at_least: int) -> int:
        """Write now; in how many places the table stands at this generation or a later one."""
        ...

    @property
    def kept_in(self) -> Sized:
        """The places that keep the table."""
        ...


class Orders:
    """Carries orders out wherever they are given. ``propose`` takes one to the leader; it raises Transient where no
    leader is heard.
    """

    def __init__(
        self,
        controller: Controller,
        kept: Kept,
        propose: Callable[[Propose, float], Awaitable[Answered]],
        clock: Clock,
    ) -> None:
        self._controller, self._kept, self._propose, self._clock = controller, kept, propose, clock
        self._pending: dict[str, Order] = {}

    @property
    def pending(self) -> tuple[Order, ...]:
        """What no leader has heard of yet, oldest first."""
        return tuple(self._pending.values())

    async def accept(self, order: Order) -> str:
        """Carry an order out; the text says what is amiss. Raises Refused where the leader does not take it."""
        if self._controller.pipeline.leads:
            return await self._commit(order)
        try:
            return await self._take_to_leader(order)
        except Transient:
            self._pending[_id(order)] = order
            self.apply_here()
            return UNHEARD

    async def propose(self, proposal: Propose) -> Answered:
        """A peer brings an order: it is carried out only where this controller leads."""
        if not self._controller.pipeline.leads:
            return Answered(proposal.id, False, "this controller does not lead any more; try again")
        order: Order = proposal.control if proposal.control is not None else Undo(proposal.undo)
        try:
            return Answered(proposal.id, True, await self._commit(order))
        except TrafficfedError as error:
            return Answered(proposal.id, False, str(error))

    async def hand_over(self) -> None:
        """Take to the leader what it has not heard of; what it refuses is dropped, it knows more than we did."""
        for key, order in list(self._pending.items()):
            try:
                await self._take_to_leader(order)
            except Transient:
                return
            except Refused:
                pass  # for instance the control that should end has ended meanwhile
            self._pending.pop(key, None)
            self.apply_here()

    def apply_here(self) -> None:
        """Have what is pending hold over the table's controls; to be called when those change."""
        self._controller.control_here(self._wanted() if self._pending else None)

    def settle(self) -> None:
        """This controller leads now: what was pending is in its table."""
        self._pending.clear()

    def _wanted(self) -> tuple[OperatorControl, ...]:
        controls = self._controller.pipeline.table.controls
        for order in self._pending.values():
            controls = after(controls, order, self._clock.now_s())
        return controls

    async def _commit(self, order: Order) -> str:
        table = self._controller.pipeline.table
        self._controller.control(after(table.controls, order, self._clock.now_s()))
        kept = await self._kept.flush(table.generation)
        places = len(self._kept.kept_in)
        if not places or kept > places // 2:
            return ""
        return f"it is kept in {kept} of {places} electors so far; durable once it is in {places // 2 + 1}"

    async def _take_to_leader(self, order: Order) -> str:
        undo = order.control if isinstance(order, Undo) else ""
        control = None if isinstance(order, Undo) else order
        answer = await self._propose(Propose(_id(order), control, undo), PROPOSE_S)
        if not answer.ok:
            raise Refused(f"the leader does not take it: {answer.message}")
        return answer.message


def _id(order: Order) -> str:
    return f"undo-{order.control}" if isinstance(order, Undo) else order.id
