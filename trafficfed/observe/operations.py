"""What the HTTP API asks of the controller; the composition root answers."""

from typing import Protocol

from trafficfed.model import Value
from trafficfed.observe.views import (
    AuditView,
    ChainView,
    ControlsView,
    DoneView,
    EventsView,
    ExplainView,
    PlanView,
    PreviewView,
    StatusView,
)


class ControlRequest(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A control to come into force: ``drain``, ``shift`` or ``freeze``, of a cluster, a service, both or (freeze)
    everything. A shift takes ``share`` per cent of what the cluster would get ``to`` another, empty = to others.

    ``service`` is ``clusterset/namespace/name``, ``namespace/name`` or one of its hostnames; ``for_s`` seconds, 0 =
    until undone.
    """

    kind: str
    cluster: str = ""
    service: str = ""
    who: str = ""
    why: str = ""
    for_s: float = 0.0
    to: str = ""
    share: int = 0


class UndoRequest(Value, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The control of just this kind and extent is to end; or, whatever it is, the one with this ``id``."""

    kind: str = ""
    cluster: str = ""
    service: str = ""
    id: str = ""


class Operations(Protocol):
    """Reads answer at once from state; writes wait for what they start. What cannot be done raises a TrafficfedError.

    What takes a name raises ConfigError where what was named does not exist.
    """

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        """Whether answers can be relied on, and if not, why not."""
        ...

    def status(self) -> StatusView: ...

    def explain(self, host: str, client: str) -> ExplainView:
        """Why the client with this address, or of this country (ISO 3166-1 alpha-2), gets its answer for the host name.

        Empty = a client of unknown place.
        """
        ...

    def plan(self) -> PlanView: ...

    def events(self, after: int) -> EventsView:
        """What happened since the first ``after`` events of all, as far as it is remembered."""
        ...

    def audit(self, baseline: str, cluster: str) -> AuditView:
        """How baselines stand; empty names mean all of them."""
        ...

    async def confirm(self, confirm_id: str) -> DoneView:
        """Lift exactly one brake, or take a Suspect cluster's view as it is."""
        ...

    async def forget(self, cluster: str) -> DoneView:
        """Let all endpoints of a cluster that is no more leave."""
        ...

    def controls(self) -> ControlsView:
        """The operator controls in force."""
        ...

    def chain(self, service: str) -> ChainView:
        """What is known of one service (``clusterset/namespace/name``) beyond its status."""
        ...

    def preview(self, wanted: ControlRequest | UndoRequest) -> PreviewView:
        """What an order would change, without giving it. Raises as giving it would."""
        ...

    async def control(self, wanted: ControlRequest) -> DoneView:
        """Bring a control into force, in place of the one of its kind and extent."""
        ...

    async def undo(self, wanted: UndoRequest) -> DoneView:
        """End a control before its time."""
        ...
