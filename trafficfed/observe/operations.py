"""What the HTTP API asks of the controller; the composition root answers."""

from typing import Protocol

from trafficfed.observe.views import DoneView, ExplainView, PlanView, StatusView


class Operations(Protocol):
    """Reads answer at once from state; writes wait for what they start. What cannot be done raises a TrafficfedError.

    ``explain``, ``confirm`` and ``forget`` raise ConfigError where what was named does not exist.
    """

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        """Whether answers can be relied on, and if not, why not."""
        ...

    def status(self) -> StatusView: ...

    def explain(self, host: str, client: str) -> ExplainView:
        """Why the client with this address (empty = of unknown place) gets its answer for the host name."""
        ...

    def plan(self) -> PlanView: ...

    async def confirm(self, confirm_id: str) -> DoneView:
        """Lift exactly one brake, or take a Suspect cluster's view as it is."""
        ...

    async def forget(self, cluster: str) -> DoneView:
        """Let all endpoints of a cluster that is no more leave."""
        ...
