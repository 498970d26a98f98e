"""What the copies report becomes one status of the object on the hub, and one of its policy."""

import itertools
import json
from typing import Any

import msgspec
import pytest

from trafficfed.crds.structs import Condition
from trafficfed.model import Refusal
from trafficfed.propagation.aggregate import MOST_PROBLEMS, CopyState, invalid_status, policy_status
from trafficfed.propagation.assignment import Choice
from trafficfed.propagation.clusters import Finding
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.place import Chosen
from trafficfed.propagation.policy import PolicyStatus
from trafficfed.propagation.statuses import Aim, CopyStatus, aggregate
from trafficfed.testing.propagating import WEB, policy

Json = dict[str, Any]

AIM = Aim(generation=4, observed=3)


def together(group: str, kind: str, aim: Aim = AIM, **statuses: Json) -> Json | None:
    copies = [
        CopyStatus(cluster=name, status=json.dumps(status).encode() if status else b"", current=True)
        for name, status in statuses.items()
    ]
    found = [aggregate(ObjectKey(group, kind, "shop", "web"), aim, order) for order in itertools.permutations(copies)]
    assert all(each == found[0] for each in found)
    return found[0]


def condition(kind: str, status: str, reason: str = "", message: str = "", since: str = "") -> Json:
    return {"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since}


def test_replicas_of_a_deployment_are_summed() -> None:
    eu = {"replicas": 3, "updatedReplicas": 3, "readyReplicas": 2, "availableReplicas": 2, "unavailableReplicas": 1}
    us = {"replicas": 2, "updatedReplicas": 2, "readyReplicas": 2, "availableReplicas": 2}
    assert together("apps", "Deployment", eu=eu, us=us) == {
        "replicas": 5,
        "updatedReplicas": 5,
        "readyReplicas": 4,
        "availableReplicas": 4,
        "unavailableReplicas": 1,
        "observedGeneration": 4,
    }


def test_the_generation_counts_as_observed_once_every_copy_has_settled_on_it() -> None:
    copies = [CopyStatus(cluster="eu", current=True), CopyStatus(cluster="us", current=False)]
    assert aggregate(WEB, AIM, copies) == {"observedGeneration": 3}
    assert aggregate(WEB, AIM, copies[:1]) == {"observedGeneration": 4}
    assert aggregate(WEB, AIM, []) == {"observedGeneration": 3}


def test_a_condition_holds_where_it_holds_everywhere_and_else_says_where_not() -> None:
    good = {
        "conditions": [condition("Available", "True", "MinimumReplicasAvailable", "has enough", "2026-11-25T12:00:00Z")]
    }
    bad = {
        "conditions": [condition("Available", "False", "MinimumReplicasUnavailable", "too few", "2026-11-25T13:00:00Z")]
    }
    both = together("apps", "Deployment", eu=good, us=good)
    mixed = together("apps", "Deployment", eu=good, us=bad)
    assert both is not None
    assert both["conditions"][0] == condition(
        "Available", "True", "MinimumReplicasAvailable", "eu: has enough; us: has enough", "2026-11-25T12:00:00Z"
    )
    assert mixed is not None
    assert mixed["conditions"] == [
        condition("Available", "False", "MinimumReplicasUnavailable", "us: too few", "2026-11-25T13:00:00Z")
    ]


def test_a_condition_some_cluster_does_not_state_is_unknown_unless_it_is_denied_elsewhere() -> None:
    good = {"conditions": [condition("Available", "True")]}
    bad = {"conditions": [condition("Available", "False", "TooFew", "too few")]}
    found = together("apps", "Deployment", eu=good, us={})
    assert found is not None
    assert found["conditions"] == [
        {"type": "Available", "status": "Unknown", "reason": "NotReported", "message": "us: has not reported it"}
    ]
    found = together("apps", "Deployment", ap={}, eu=good, us=bad)
    assert found is not None
    assert found["conditions"] == [
        {
            "type": "Available",
            "status": "False",
            "reason": "TooFew",
            "message": "ap: has not reported it; us: too few",
        }
    ]


def test_addresses_of_a_load_balancer_are_those_of_all_clusters() -> None:
    eu = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}, {"hostname": "lb.example.org"}]}}
    us = {"loadBalancer": {"ingress": [{"ip": "198.51.100.1"}, {"ip": "192.0.2.1"}]}}
    ingress = [{"hostname": "lb.example.org"}, {"ip": "192.0.2.1"}, {"ip": "198.51.100.1"}]
    assert together("", "Service", Aim(type="LoadBalancer"), eu=eu, us=us) == {"loadBalancer": {"ingress": ingress}}
    assert together("networking.k8s.io", "Ingress", eu=eu, us=us) == {"loadBalancer": {"ingress": ingress}}


def test_a_service_of_another_type_shows_no_address() -> None:
    eu = {"loadBalancer": {"ingress": [{"ip": "192.0.2.1"}]}}
    assert together("", "Service", Aim(type="ClusterIP"), eu=eu) == {}
    assert together("", "Service", Aim(type="LoadBalancer"), eu={"loadBalancer": {}}) == {}


def test_pods_of_a_daemon_set_and_a_stateful_set_are_summed() -> None:
    daemons = {"desiredNumberScheduled": 3, "numberReady": 2, "currentNumberScheduled": 3}
    assert together("apps", "DaemonSet", eu=daemons, us=daemons) == {
        "currentNumberScheduled": 6,
        "desiredNumberScheduled": 6,
        "numberReady": 4,
        "observedGeneration": 4,
    }
    assert together("apps", "StatefulSet", eu={"replicas": 1, "readyReplicas": 1}, us={"replicas": 2}) == {
        "observedGeneration": 4,
        "readyReplicas": 1,
        "replicas": 3,
    }


COMPLETE = {
    "succeeded": 2,
    "startTime": "2026-11-25T12:00:00Z",
    "completionTime": "2026-11-25T12:10:00Z",
    "conditions": [condition("SuccessCriteriaMet", "True"), condition("Complete", "True")],
}
FAILED = {
    "failed": 1,
    "startTime": "2026-11-25T11:00:00Z",
    "conditions": [condition("FailureTarget", "True"), condition("Failed", "True", "BackoffLimitExceeded", "gave up")],
}


def types(status: Json | None) -> list[str]:
    assert status is not None
    return [each["type"] for each in status.get("conditions", ())]


def test_a_job_is_complete_when_it_is_everywhere() -> None:
    done = together("batch", "Job", eu=COMPLETE, us={**COMPLETE, "completionTime": "2026-11-25T12:30:00Z"})
    assert done is not None
    assert (done["succeeded"], done["completionTime"]) == (4, "2026-11-25T12:30:00Z")
    assert types(done) == ["SuccessCriteriaMet", "Complete"]
    half = together("batch", "Job", eu=COMPLETE, us={"active": 1, "startTime": "2026-11-25T12:01:00Z"})
    assert half == {"active": 1, "succeeded": 2, "startTime": "2026-11-25T12:00:00Z"}


def test_a_job_has_failed_when_it_failed_somewhere_and_runs_nowhere() -> None:
    assert types(together("batch", "Job", eu=FAILED, us=COMPLETE)) == ["FailureTarget", "Failed"]
    assert types(together("batch", "Job", eu=FAILED, us={"active": 1})) == []


def test_kinds_whose_status_does_not_add_up_have_none() -> None:
    assert together("", "ConfigMap", eu={}) is None
    assert together("policy", "PodDisruptionBudget", eu={"disruptionsAllowed": 1}) is None


# The policy


RULING = policy()


def chosen(*clusters: str, **more: Any) -> Chosen:
    findings = tuple(Finding(cluster=name, chosen=True, reason="Fits") for name in clusters)
    out = Finding(cluster="ap", chosen=False, reason="TooFar", message="180 ms to eu-west-1")
    return Chosen(choice=Choice(policy=RULING.key, clusters=clusters), findings=(out, *findings), **more)


def state(cluster: str, reason: str = "InPlace", name: str = "web") -> CopyState:
    key = ObjectKey("apps", "Deployment", "shop", name)
    return CopyState(cluster=cluster, object=key, reason=reason, message="" if reason == "InPlace" else "for a reason")


def status(choice: Chosen, *states: CopyState, objects: int = 1, **more: Any) -> PolicyStatus:
    before = more.pop("before", PolicyStatus())
    return policy_status(1, choice, states, objects, before, more.pop("now_s", 1764072000.0), **more)


def conditions(found: PolicyStatus) -> dict[str, tuple[str, str]]:
    return {each.type: (each.status, each.reason) for each in found.conditions}


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (
            status(chosen("eu", "us"), state("eu"), state("us")),
            {"Scheduled": ("True", "Scheduled"), "Applied": ("True", "Applied")},
        ),
        (
            status(chosen("eu", "us"), state("eu"), state("us", "Unreachable")),
            {"Scheduled": ("True", "Scheduled"), "Applied": ("False", "Unreachable")},
        ),
        (
            status(chosen("eu", "us"), state("eu", "Conflict"), state("us", "Unreachable")),
            {"Scheduled": ("True", "Scheduled"), "Applied": ("False", "SeveralReasons")},
        ),
        (
            status(chosen("eu"), objects=0),
            {"Scheduled": ("True", "Scheduled"), "Applied": ("False", "NothingSelected")},
        ),
        (status(chosen()), {"Scheduled": ("False", "NoClusterFits"), "Applied": ("False", "NotScheduled")}),
        (
            status(Chosen(waiting="measurement of ap")),
            {"Scheduled": ("False", "WaitingForMeasurement"), "Applied": ("False", "NotScheduled")},
        ),
        (
            status(chosen("eu", kept=True), state("eu")),
            {"Scheduled": ("False", "NoClusterFits"), "Applied": ("True", "Applied")},
        ),
        (
            status(
                chosen("eu"),
                state("eu"),
                refusals=(Refusal(cluster="hub", object="", reason="KindNotListed", message="add it"),),
            ),
            {"Scheduled": ("False", "KindNotListed"), "Applied": ("True", "Applied")},
        ),
    ],
)
def test_conditions_name_what_stands_in_the_way(found: PolicyStatus, expected: dict[str, tuple[str, str]]) -> None:
    assert conditions(found) == expected


def test_every_cluster_stands_there_with_its_reason_and_its_copies() -> None:
    found = status(chosen("eu"), state("eu"), state("eu", "Conflict", "b"), state("old", "WaitsForReplacement"))
    assert [(each.name, each.objects, each.applied, each.reason) for each in found.clusters] == [
        ("ap", 0, 0, "TooFar"),
        ("eu", 2, 1, "Fits"),
        ("old", 1, 0, "Leaving"),
    ]
    assert [(each.cluster, each.object, each.reason) for each in found.problems] == [
        ("eu", "Deployment.apps shop/b", "Conflict"),
        ("old", "Deployment.apps shop/web", "WaitsForReplacement"),
    ]
    assert (found.copies, found.applied) == (3, 1)


def test_a_status_stays_small_however_much_is_wrong() -> None:
    states = [state("eu", "Unreachable", f"object-{number:04}") for number in range(5000)]
    found = status(chosen("eu"), *states, objects=5000)
    assert len(found.problems) == MOST_PROBLEMS
    assert len(msgspec.json.encode(found)) < 16 * 1024


def test_the_same_meaning_is_the_same_status_at_any_time() -> None:
    first = status(chosen("eu"), state("eu"))
    assert status(chosen("eu"), state("eu"), before=first, now_s=1764079999.0) == first


def test_a_condition_that_turns_gets_a_new_moment() -> None:
    first = status(chosen("eu"), state("eu"))
    turned = status(chosen("eu"), state("eu", "Conflict"), before=first, now_s=1764072060.0)
    moments = {each.type: each.last_transition_time for each in turned.conditions}
    assert moments == {"Scheduled": "2025-11-25T12:00:00Z", "Applied": "2025-11-25T12:01:00Z"}


def test_an_invalid_policy_says_so_and_keeps_what_else_it_said() -> None:
    first = status(chosen("eu"), state("eu"))
    invalid = invalid_status(2, "spec.resourceSelectors is missing", first, 1764072060.0)
    assert conditions(invalid) == {"Scheduled": ("False", "InvalidPolicy"), "Applied": ("True", "Applied")}
    assert invalid.clusters == first.clusters


def test_every_reason_is_one_the_api_takes() -> None:
    states = [state("eu", reason) for reason in ("Conflict", "Unreachable", "HubSuspect")]
    found = status(chosen("eu"), *states)
    encoded = msgspec.json.encode(found)
    assert msgspec.json.decode(encoded, type=PolicyStatus) == found
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"type": "A", "status": "True", "reason": "has spaces"}, Condition)
