"""A controller as its feed shows it to name servers, peers and probers."""

from collections.abc import Callable, Mapping

from trafficfed.controller import Controller
from trafficfed.feed.messages import Standing
from trafficfed.model import Row, ServiceKey
from trafficfed.ports import Clock
from trafficfed.table.table import Table


class ControllerSource:
    """``leads`` tells whether it may still write, ``leader`` whom it knows to lead (``trafficfed.feed.source``).

    Who holds a table that its leader has confirmed within ``lease_s`` relays it; who has not heard for longer is alone.
    """

    def __init__(
        self,
        controller: Controller,
        clock: Clock,
        lease_s: float,
        leads: Callable[[], bool],
        leader: Callable[[], str],
        highest_term: Callable[[], int],
        reaches: Callable[[], bool],
    ) -> None:
        """``highest_term`` is the highest that was met anywhere: whoever has no table of it relays nobody's.

        ``reaches`` tells whether this controller reaches the providers.
        """
        self._controller, self._clock, self.lease_s = controller, clock, lease_s
        self._leads, self._leader, self._highest_term = leads, leader, highest_term
        self._reaches = reaches
        self._heard_at_s: float | None = None

    @property
    def table(self) -> Table:
        return self._controller.pipeline.table

    @property
    def overlay(self) -> Mapping[ServiceKey, Row]:
        return self._controller.pipeline.overlay

    def heard(self) -> None:
        """The leader has just told where it stands."""
        self._heard_at_s = self._clock.monotonic_s()

    def standing(self) -> Standing:
        if self._controller.pipeline.leads and self._leads():
            return Standing.LEADS
        is_latest = self.table.term >= self._highest_term()
        return Standing.RELAYS if is_latest and self.heard_s() < self.lease_s else Standing.ALONE

    def leader(self) -> str:
        return self._leader()

    def can_publish(self) -> bool:
        return self._reaches()

    def heard_s(self) -> float:
        if self._controller.pipeline.leads and self._leads():
            return 0.0
        return self._clock.monotonic_s() - self._heard_at_s if self._heard_at_s is not None else float("inf")
