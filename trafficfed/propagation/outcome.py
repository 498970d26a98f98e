"""How steps in members end, for whoever counts them."""

from collections.abc import Callable

from trafficfed.model import Value
from trafficfed.propagation.plan import Apply, Delete
from trafficfed.propagation.settling import Deed

DONE, ABSENT, FOUND = "Done", "Absent", "AlreadyExists"


class Ended(Value, frozen=True, kw_only=True):
    """One step in one member. ``outcome`` is Done, Absent (it was gone already), AlreadyExists (not ours), or why
    it failed. ``since_event_s`` is the time since the hub told the change, None where something else was the cause.
    """

    cluster: str
    step: str
    outcome: str
    since_event_s: float | None = None


Listener = Callable[[Ended], None]


def nobody(ended: Ended) -> None:
    """Where nobody counts."""


def step_of(deed: Deed) -> str:
    """``apply``, ``delete`` or ``release``."""
    return "apply" if isinstance(deed, Apply) else "delete" if isinstance(deed, Delete) else "release"
