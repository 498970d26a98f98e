"""The steps in each member: what is applied, what is left alone and why, and what may be deleted."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import ConfigError
from trafficfed.model import Freshness, Refusal
from trafficfed.propagation.assignment import Assignment, Leaving, Share
from trafficfed.propagation.copies import owns, read_copy
from trafficfed.propagation.hub import Hub
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.plan import Apply, Copy, Delete, Done, Keep, Release, Site, Step, in_place, plan_object
from trafficfed.propagation.portable import HASH_ANNOTATION, OWNER_LABEL
from trafficfed.propagation.render import Rendered
from trafficfed.propagation.running import is_running
from trafficfed.testing.propagating import WEB, policy

FRESH = Hub(uid="hub-1", revision=7, freshness=Freshness.FRESH, reason="")
STALE = Hub(uid="hub-1", revision=7, freshness=Freshness.STALE, reason="connection refused")
DOUBTED = Hub(uid="hub-1", revision=7, freshness=Freshness.SUSPECT, reason="another API server answers")
MISSING = Hub(
    uid="hub-1",
    revision=7,
    freshness=Freshness.SUSPECT,
    reason="missing",
    missing=frozenset({ObjectKey("", "a", "b", "c")}),
)
WANTED = Rendered(b"{}", "new")
OURS = Copy(uid="1", resource_version="5", owner="demo", hash="new")
OLD = Copy(uid="1", resource_version="5", owner="demo", hash="old")


def plan(
    *shares: str, leaving: tuple[Leaving, ...] = (), hub: Hub = FRESH, rendered: Any = WANTED, **more: Any
) -> tuple[Step, ...]:
    """``more`` are the sites by cluster, and the planner's options."""
    options = {name: more.pop(name) for name in ("overwrite", "moved") if name in more}
    assignment = Assignment(
        object=WEB, policy=policy().key, shares=tuple(Share(name) for name in shares), leaving=leaving
    )
    sites = {name: each if isinstance(each, Site) else Site(copy=each) for name, each in more.items()}
    return plan_object(assignment, dict.fromkeys(shares, rendered), sites, hub, "demo", **options)


def kept(*steps: Step) -> list[str]:
    return [step.reason for step in steps if isinstance(step, Keep)]


@pytest.mark.parametrize(
    ("copy", "reason", "force", "version"),
    [
        (None, "Missing", False, ""),
        (OLD, "Changed", False, "5"),
        (Copy(uid="1", resource_version="5", owner="demo", hash="new", intact=False), "Drifted", True, "5"),
        (Copy(uid="1", resource_version="5", owner="demo", hash="old", intact=False), "Changed", True, "5"),
    ],
)
def test_what_differs_is_applied_at_the_version_that_was_seen(
    copy: Copy | None, reason: str, force: bool, version: str
) -> None:
    [step] = plan("eu", eu=copy)
    assert step == Apply(
        cluster="eu",
        object=WEB,
        body=b"{}",
        hash="new",
        force=force,
        uid=copy.uid if copy else "",
        resource_version=version,
        reason=reason,
    )


def test_what_is_in_place_is_left_alone() -> None:
    assert plan("eu", eu=OURS) == (Keep(cluster="eu", object=WEB),)


@pytest.mark.parametrize(
    ("site", "reason"),
    [
        (Site(seen=False, unseen_because="connection refused"), "Unreachable"),
        (Site(copy=Copy(uid="1")), "AlreadyExists"),
        (Site(copy=Copy(uid="1", owner="other")), "AlreadyExists"),
        (Site(copy=Copy(uid="1", owner="demo", terminating=True)), "Terminating"),
        (Site(copy=Copy(uid="1", owner="demo", hash="old", contested="the autoscaler sets replicas")), "Contested"),
        (Site(holds_templates=True), "InPlace"),
    ],
)
def test_what_cannot_or_must_not_be_applied_is_kept_with_its_reason(site: Site, reason: str) -> None:
    assert kept(*plan("eu", eu=site)) == [reason]


def test_a_foreign_object_is_taken_over_only_where_the_policy_says_so_and_never_from_a_controller() -> None:
    [step] = plan("eu", eu=Copy(uid="1", resource_version="5"), overwrite=True)
    assert isinstance(step, Apply)
    assert (step.force, step.reason) == (True, "TakenOver")
    assert kept(*plan("eu", eu=Copy(uid="1", owner="other"), overwrite=True)) == ["AlreadyExists"]


def test_a_failed_override_keeps_its_own_reason() -> None:
    refusal = Refusal(cluster="eu", object=str(WEB), reason="OverrideFailed", message="'x' is not there")
    [step] = plan("eu", eu=None, rendered=refusal)
    assert step == Keep(cluster="eu", object=WEB, reason="OverrideFailed", message="'x' is not there")


def test_a_doubted_hub_applies_nothing_and_a_lost_one_what_is_known() -> None:
    assert kept(*plan("eu", eu=OLD, hub=DOUBTED)) == ["HubSuspect"]
    assert isinstance(plan("eu", eu=OLD, hub=STALE)[0], Apply)
    assert isinstance(plan("eu", eu=OLD, hub=MISSING)[0], Apply)


def test_a_copy_whose_template_is_missing_stays_as_it_is() -> None:
    assert kept(*plan("eu", eu=OLD, rendered=None, hub=MISSING)) == ["MissingOnHub"]


def test_a_cluster_in_no_configuration_waits() -> None:
    [step] = plan("mars")
    assert isinstance(step, Keep)
    assert "forget it" in step.message


# Leaving

GO = (Leaving("eu"),)


def test_a_copy_that_leaves_is_deleted_as_the_object_that_was_seen() -> None:
    [step] = plan(leaving=GO, eu=OURS)
    assert step == Delete(cluster="eu", object=WEB, uid="1", resource_version="5", reason="NoLongerAssigned")


def test_an_orphan_is_let_go_of() -> None:
    [step] = plan(leaving=(Leaving("eu", True),), eu=OURS)
    assert isinstance(step, Release)


@pytest.mark.parametrize("copy", [None, Copy(uid="1"), Copy(uid="1", owner="other")])
def test_what_is_gone_or_not_ours_is_done_with(copy: Copy | None) -> None:
    assert plan(leaving=GO, eu=copy) == (Done(cluster="eu", object=WEB),)


def test_the_template_itself_is_never_deleted() -> None:
    assert plan(leaving=GO, eu=Site(copy=OURS, holds_templates=True)) == (Done(cluster="eu", object=WEB),)


@pytest.mark.parametrize("hub", [STALE, DOUBTED])
def test_nothing_leaves_while_the_hub_is_not_fresh(hub: Hub) -> None:
    assert kept(*plan(leaving=GO, eu=OURS, hub=hub)) == ["HubNotFresh"]


def test_others_leave_while_some_are_missing() -> None:
    assert isinstance(plan(leaving=GO, eu=OURS, hub=MISSING)[0], Delete)


def test_a_member_out_of_reach_keeps_what_leaves_until_it_returns() -> None:
    assert kept(*plan(leaving=GO, eu=Site(seen=False, unseen_because="timed out"))) == ["LeavingUnreachable"]


def test_a_move_never_takes_a_running_copy_before_its_replacement_runs() -> None:
    steps = plan("us", leaving=GO, eu=OURS, us=None, moved=False)
    assert kept(*steps) == ["WaitsForReplacement"]
    assert isinstance(steps[1], Apply)
    assert isinstance(plan("us", leaving=GO, eu=OURS, us=OURS, moved=True)[0], Delete)


def test_a_copy_that_does_not_run_is_no_loss() -> None:
    broken = Copy(uid="1", owner="demo", hash="new", running=False)
    assert isinstance(plan("us", leaving=GO, eu=broken, us=None, moved=False)[0], Delete)


@pytest.mark.parametrize(
    ("sites", "expected"),
    [
        ({}, False),
        ({"eu": Site(copy=OURS)}, True),
        ({"eu": Site(copy=OURS), "us": Site(copy=None)}, False),
        ({"eu": Site(copy=OURS), "us": Site(seen=False)}, True),
        ({"eu": Site(seen=False), "us": Site(seen=False)}, False),
        ({"eu": Site(copy=OLD)}, False),
        ({"eu": Site(copy=Copy(uid="1", owner="demo", hash="new", running=False))}, False),
        ({"eu": Site(copy=Copy(uid="1", owner="demo", hash="new", terminating=True))}, False),
        ({"eu": Site(copy=Copy(uid="1", hash="new"))}, False),
        ({"eu": Site(holds_templates=True)}, True),
    ],
)
def test_in_place_means_running_wherever_it_can_be_seen_and_somewhere(sites: dict[str, Site], expected: bool) -> None:
    assignment = Assignment(object=WEB, policy=policy().key, shares=(Share("eu"), Share("us")))
    assert in_place(assignment, {"eu": WANTED, "us": WANTED}, sites, "demo") is expected


copies = st.none() | st.builds(
    Copy,
    uid=st.sampled_from(["1", "2"]),
    owner=st.sampled_from(["", "demo", "other"]),
    hash=st.sampled_from(["new", "old"]),
    intact=st.booleans(),
    running=st.booleans(),
    terminating=st.booleans(),
)
sites = st.builds(Site, copy=copies, seen=st.booleans(), holds_templates=st.booleans())
parts = st.sampled_from(["assigned", "leaving", "orphaned", "neither"])
hubs = st.sampled_from([FRESH, STALE, DOUBTED, MISSING])


@settings(max_examples=60)
@given(st.dictionaries(st.sampled_from(["ap", "eu", "us"]), st.tuples(parts, sites), min_size=1), hubs, st.booleans())
def test_whatever_members_have_only_recorded_leavers_of_ours_are_deleted(
    world: dict[str, tuple[str, Site]], hub: Hub, moved: bool
) -> None:
    assigned = [name for name, (part, _) in world.items() if part == "assigned"]
    leaving = tuple(
        Leaving(name, part == "orphaned") for name, (part, _) in world.items() if part in ("leaving", "orphaned")
    )
    by_name: dict[str, Any] = {name: site for name, (_, site) in world.items()}
    steps = plan(*assigned, leaving=leaving, hub=hub, moved=moved, **by_name)
    assert {step.cluster for step in steps} == {name for name, (part, _) in world.items() if part != "neither"}
    for step in steps:
        part, site = world[step.cluster]
        if isinstance(step, (Delete, Release)):
            assert part == ("leaving" if isinstance(step, Delete) else "orphaned")
            assert site.copy is not None
            assert site.seen
            assert (site.copy.owner, site.copy.uid) == ("demo", step.uid)
            assert hub.current
            assert not site.holds_templates
        if isinstance(step, Apply):
            assert part == "assigned"
            assert site.seen
            assert not site.holds_templates
            assert site.copy is None or site.copy.owner == "demo"


# Reading copies


def test_a_copy_is_read_with_what_it_says_of_itself() -> None:
    body = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {
            "name": "web",
            "namespace": "shop",
            "uid": "1",
            "resourceVersion": "5",
            "generation": 2,
            "labels": {OWNER_LABEL: "demo"},
            "annotations": {HASH_ANNOTATION: "new"},
        },
        "status": {"observedGeneration": 1},
    }
    seen = read_copy(json.dumps(body).encode(), "trafficfed")
    assert seen.key == WEB
    assert seen.copy == Copy(uid="1", resource_version="5", owner="demo", hash="new", running=False)
    assert not seen.settled
    assert json.loads(seen.status) == {"observedGeneration": 1}


def test_what_is_no_object_is_refused() -> None:
    with pytest.raises(ConfigError, match="not a Kubernetes object"):
        read_copy(b"[]", "trafficfed")


FIELDS = {
    "f:spec": {
        "f:replicas": {},
        "f:ports": {".": {}, 'k:{"port":80,"protocol":"TCP"}': {".": {}, "f:port": {}, "f:targetPort": {}}},
        "f:finalizers": {'v:"a"': {}},
        "f:args": {},
    }
}


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ({}, True),
        ({"replicas": 3}, True),
        ({"replicas": 3, "paused": True}, False),
        ({"ports": [{"port": 80, "targetPort": 8080}]}, True),
        ({"ports": [{"port": 80, "name": "http"}]}, False),
        ({"ports": [{"port": 443}]}, False),
        ({"ports": [{"port": 80, "protocol": "UDP"}]}, False),
        ({"finalizers": ["a"]}, True),
        ({"finalizers": ["b"]}, False),
        ({"args": ["x", {"y": 1}]}, True),
        ({"gone": None}, True),
    ],
)
def test_fields_are_ours_where_the_server_says_so(spec: dict[str, Any], expected: bool) -> None:
    applied = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "web", "namespace": "shop"}, "spec": spec}
    assert owns(FIELDS, applied) is expected


@pytest.mark.parametrize(
    ("group", "kind", "found", "expected"),
    [
        ("", "ConfigMap", {}, True),
        ("apps", "Deployment", {"spec": {"replicas": 2}}, False),
        (
            "apps",
            "Deployment",
            {"spec": {"replicas": 2}, "status": {"updatedReplicas": 2, "availableReplicas": 2}},
            True,
        ),
        (
            "apps",
            "Deployment",
            {"spec": {"replicas": 2}, "status": {"updatedReplicas": 1, "availableReplicas": 2}},
            False,
        ),
        ("apps", "Deployment", {"spec": {"replicas": 0}}, True),
        ("apps", "Deployment", {"status": {"updatedReplicas": 1, "availableReplicas": 1}}, True),
        (
            "apps",
            "StatefulSet",
            {"spec": {"replicas": 1}, "status": {"updatedReplicas": 1, "availableReplicas": 0}},
            False,
        ),
        ("apps", "ReplicaSet", {"spec": {"replicas": 1}, "status": {"availableReplicas": 1}}, True),
        ("apps", "DaemonSet", {"status": {"desiredNumberScheduled": 2, "numberAvailable": 1}}, False),
        ("", "Service", {"spec": {"type": "ClusterIP"}}, True),
        ("", "Service", {"spec": {"type": "LoadBalancer"}}, False),
        (
            "",
            "Service",
            {"spec": {"type": "LoadBalancer"}, "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}},
            True,
        ),
        ("networking.k8s.io", "Ingress", {"status": {"loadBalancer": {}}}, False),
        ("batch", "Job", {"status": {"active": 1}}, True),
        ("batch", "Job", {}, False),
    ],
)
def test_running_is_doing_what_it_is_for(group: str, kind: str, found: dict[str, Any], expected: bool) -> None:
    assert is_running(ObjectKey(group, kind, "shop", "web"), {"metadata": {}, **found}) is expected


def test_a_spec_its_controller_has_not_seen_does_not_run() -> None:
    status = {"observedGeneration": 1, "updatedReplicas": 1, "availableReplicas": 1}
    assert not is_running(WEB, {"metadata": {"generation": 2}, "status": status})
    assert is_running(WEB, {"metadata": {"generation": 1}, "status": status})
