"""The part of a plan that concerns the members, as values for pages and programs."""

import msgspec

from trafficfed.model import Refusal
from trafficfed.observe.rehearsed import with_propagation
from trafficfed.observe.views import HeldView, PlanView
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.plan import Apply, Delete, Release
from trafficfed.propagation.rehearsal import Rehearsed

WEB = ObjectKey("apps", "Deployment", "shop", "web")
STEPS = (
    Apply(cluster="ap", object=WEB, body=b"{}", hash="1", reason="Missing"),
    Delete(cluster="eu", object=WEB, uid="1", resource_version="2", reason="NoLongerAssigned"),
    Release(cluster="us", object=WEB, uid="1", resource_version="2", reason="NoLongerAssigned"),
)


def test_every_step_is_named_by_what_becomes_of_the_copy_and_no_body_is_shown() -> None:
    view = with_propagation(PlanView(owner="demo"), Rehearsed(steps=STEPS))
    assert [(each.cluster, each.action, each.reason) for each in view.copies] == [
        ("ap", "apply", "Missing"),
        ("eu", "delete", "NoLongerAssigned"),
        ("us", "release", "NoLongerAssigned"),
    ]
    shown = msgspec.json.decode(msgspec.json.encode(view))
    assert all(set(each) == {"cluster", "object", "action", "reason"} for each in shown["copies"])


def test_a_held_hub_is_confirmed_by_its_own_id_and_other_holds_stay() -> None:
    brake = HeldView(confirm_id="7f3a", message="too many")
    view = with_propagation(PlanView(owner="demo", held=(brake,)), Rehearsed(held="older than before"))
    assert [(each.confirm_id, each.message) for each in view.held] == [
        ("hub", "older than before"),
        ("7f3a", "too many"),
    ]


def test_refusals_and_what_was_not_seen_are_added_to_those_of_the_names() -> None:
    refusal = Refusal(cluster="eu", object=str(WEB), reason="AlreadyExists", message="is not ours")
    before = PlanView(owner="demo", incomplete=("ap was never read",))
    view = with_propagation(before, Rehearsed(refusals=(refusal,), incomplete=("member us: refused",)))
    assert [(each.cluster, each.object, each.reason) for each in view.refusals] == [("eu", str(WEB), "AlreadyExists")]
    assert view.incomplete == ("ap was never read", "member us: refused")


def test_nothing_to_do_changes_nothing_of_a_plan() -> None:
    assert with_propagation(PlanView(owner="demo"), Rehearsed()) == PlanView(owner="demo")
