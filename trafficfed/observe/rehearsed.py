"""What propagation would do, as views: the part of a plan that concerns the members."""

from msgspec.structs import replace

from trafficfed.observe.showing import refusal_view
from trafficfed.observe.views import CopyView, HeldView, PlanView
from trafficfed.propagation.objects import HUB
from trafficfed.propagation.plan import Apply, Delete
from trafficfed.propagation.rehearsal import Rehearsed
from trafficfed.propagation.settling import Deed


def with_propagation(view: PlanView, found: Rehearsed) -> PlanView:
    """A plan of names, and what members would be told."""
    held = (HeldView(confirm_id=HUB, message=found.held),) if found.held else ()
    return replace(
        view,
        copies=tuple(map(_copy, found.steps)),
        refusals=(*view.refusals, *map(refusal_view, found.refusals)),
        held=(*held, *view.held),
        incomplete=(*view.incomplete, *found.incomplete),
    )


def _copy(step: Deed) -> CopyView:
    action = "apply" if isinstance(step, Apply) else "delete" if isinstance(step, Delete) else "release"
    return CopyView(cluster=step.cluster, object=str(step.object), action=action, reason=step.reason)
