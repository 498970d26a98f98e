"""Objects as a real hub returns them, rendered and applied to a real member: taken, kept, and drift is seen."""

import json
from typing import Any

import pytest

from trafficfed.model import Cluster
from trafficfed.propagation.assignment import Assignment, Share
from trafficfed.propagation.copies import Seen, read_copy
from trafficfed.propagation.objects import DEFAULT_KINDS, TemplateKind, read_template
from trafficfed.propagation.render import Rendered, render
from trafficfed.propagation.statuses import Aim, CopyStatus, aggregate
from trafficfed.testing.apiservers import ApiError
from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.propagating import deployment, policy
from trafficfed.testing.real_cluster import APPLY

pytestmark = pytest.mark.real

Json = dict[str, Any]
Pair = tuple[RealCluster, RealCluster]

MANAGER = "trafficfed"
KINDS = {kind.kind: kind for kind in DEFAULT_KINDS}
POD: Json = {
    "metadata": {"labels": {"app": "web"}},
    "spec": {"containers": [{"name": "web", "image": "web:1", "ports": [{"containerPort": 8080}]}]},
}
SELECTED: Json = {"selector": {"matchLabels": {"app": "web"}}, "template": POD}
ONCE: Json = {"template": {**POD, "spec": {**POD["spec"], "restartPolicy": "Never"}}}
PORTS: list[Json] = [{"name": "http", "port": 80, "targetPort": 8080}]

AUTHORED: dict[str, Json] = {
    "ConfigMap": {"data": {"a": "b"}},
    "Secret": {"stringData": {"a": "b"}},
    "Service": {"spec": {"type": "LoadBalancer", "ports": PORTS, "selector": {"app": "web"}}},
    "ServiceAccount": {},
    "Deployment": {"spec": {**SELECTED, "replicas": 3}},
    "StatefulSet": {"spec": {**SELECTED, "serviceName": "web"}},
    "DaemonSet": {"spec": SELECTED},
    "Job": {"spec": ONCE},
    "CronJob": {"spec": {"schedule": "0 * * * *", "jobTemplate": {"spec": ONCE}}},
    "Ingress": {"spec": {"defaultBackend": {"service": {"name": "web", "port": {"number": 80}}}}},
    "NetworkPolicy": {"spec": {"podSelector": {"matchLabels": {"app": "web"}}}},
    "PodDisruptionBudget": {"spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "web"}}}},
    "HorizontalPodAutoscaler": {
        "spec": {"maxReplicas": 5, "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}
    },
}


def create(hub: RealCluster, kind: TemplateKind, name: str, fields: Json) -> Json:
    """What the hub has after a user created it: completed and marked by its API server."""
    body = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": name, "namespace": "shop"},
        **fields,
    }
    created: Json = hub.admin.request("POST", kind.path("shop"), body)
    return created


def rendered(template: Json) -> Rendered:
    read, ruling = read_template(json.dumps(template).encode()), policy()
    assignment = Assignment(object=read.key, policy=ruling.key, shares=(Share("eu"),))
    found = render(read, ruling, assignment, {"eu": Cluster(name="eu")}, "demo")["eu"]
    assert isinstance(found, Rendered)
    return found


def apply(member: RealCluster, kind: TemplateKind, name: str, copy: Rendered, force: bool = False) -> Json:
    path = f"{kind.path('shop', name)}?fieldManager={MANAGER}&force={str(force).lower()}"
    taken: Json = member.admin.request("PATCH", path, json.loads(copy.body), APPLY)
    return taken


def seen(member: RealCluster, kind: TemplateKind, name: str, applied: Rendered) -> Seen:
    body = json.dumps(member.admin.request("GET", kind.path("shop", name))).encode()
    return read_copy(body, MANAGER, applied.body)


@pytest.mark.parametrize("kind", [KINDS[name] for name in AUTHORED], ids=lambda kind: kind.kind)
def test_every_kind_is_taken_once_and_the_second_time_changes_nothing(pair: Pair, kind: TemplateKind) -> None:
    hub, member = pair
    copy = rendered(create(hub, kind, "taken", AUTHORED[kind.kind]))
    first = apply(member, kind, "taken", copy)
    found = seen(member, kind, "taken", copy)
    assert (found.copy.owner, found.copy.hash, found.copy.intact) == ("demo", copy.hash, True)
    assert apply(member, kind, "taken", copy)["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


def test_a_namespace_is_taken_though_it_stands_there_already(pair: Pair) -> None:
    hub, member = pair
    copy = rendered(hub.admin.request("GET", "/api/v1/namespaces/shop"))
    path = f"/api/v1/namespaces/shop?fieldManager={MANAGER}"
    member.admin.request("PATCH", path, json.loads(copy.body), APPLY)
    body = json.dumps(member.admin.request("GET", "/api/v1/namespaces/shop")).encode()
    assert read_copy(body, MANAGER, copy.body).copy.intact


def test_each_cluster_gives_its_own_addresses_and_ports(pair: Pair) -> None:
    hub, member = pair
    kind = KINDS["Service"]
    template = create(hub, kind, "own", AUTHORED["Service"])
    taken = apply(member, kind, "own", rendered(template))
    assert taken["spec"]["clusterIP"] != template["spec"]["clusterIP"]
    assert taken["spec"]["ports"][0]["nodePort"]


def test_a_headless_service_stays_headless(pair: Pair) -> None:
    hub, member = pair
    kind = KINDS["Service"]
    template = create(hub, kind, "headless", {"spec": {"clusterIP": "None", "ports": PORTS}})
    assert apply(member, kind, "headless", rendered(template))["spec"]["clusterIP"] == "None"


@pytest.fixture(scope="module")
def running(pair: Pair) -> tuple[RealCluster, Rendered]:
    hub, member = pair
    template = hub.admin.request("POST", KINDS["Deployment"].path("shop"), deployment("drifting"))
    copy = rendered(template)
    apply(member, KINDS["Deployment"], "drifting", copy)
    return member, copy


def test_a_field_somebody_changed_is_drift_and_is_taken_back_by_force(running: tuple[RealCluster, Rendered]) -> None:
    member, copy = running
    kind = KINDS["Deployment"]
    member.kubectl("-n", "shop", "set", "image", "deployment/drifting", "web=other:2")
    assert not seen(member, kind, "drifting", copy).copy.intact
    with pytest.raises(ApiError, match="conflict"):
        apply(member, kind, "drifting", copy)
    apply(member, kind, "drifting", copy, force=True)
    assert seen(member, kind, "drifting", copy).copy.intact


def test_a_scaled_copy_is_drift(running: tuple[RealCluster, Rendered]) -> None:
    member, copy = running
    kind = KINDS["Deployment"]
    member.kubectl("-n", "shop", "scale", "deployment/drifting", "--replicas=9")
    assert not seen(member, kind, "drifting", copy).copy.intact
    assert apply(member, kind, "drifting", copy, force=True)["spec"]["replicas"] == 3


def test_a_field_somebody_removed_is_drift(running: tuple[RealCluster, Rendered]) -> None:
    member, copy = running
    kind = KINDS["Deployment"]
    remove = [{"op": "remove", "path": "/spec/template/spec/containers/0/resources"}]
    member.admin.request("PATCH", kind.path("shop", "drifting"), remove, "application/json-patch+json")
    assert not seen(member, kind, "drifting", copy).copy.intact
    apply(member, kind, "drifting", copy, force=True)
    assert seen(member, kind, "drifting", copy).copy.intact


def test_a_field_somebody_added_is_theirs_and_no_drift(running: tuple[RealCluster, Rendered]) -> None:
    member, copy = running
    kind = KINDS["Deployment"]
    member.kubectl("-n", "shop", "label", "deployment/drifting", "team=a")
    member.kubectl("-n", "shop", "set", "env", "deployment/drifting", "MODE=x")
    assert seen(member, kind, "drifting", copy).copy.intact
    taken = apply(member, kind, "drifting", copy)
    assert taken["metadata"]["labels"]["team"] == "a"


STATUSES: dict[str, list[Json]] = {
    "Deployment": [
        {
            "replicas": 2,
            "updatedReplicas": 2,
            "readyReplicas": 2,
            "availableReplicas": 2,
            "observedGeneration": 1,
            "conditions": [
                {
                    "type": "Available",
                    "status": "True",
                    "reason": "MinimumReplicasAvailable",
                    "message": "ok",
                    "lastTransitionTime": "2026-11-25T12:00:00Z",
                    "lastUpdateTime": "2026-11-25T12:00:00Z",
                }
            ],
        },
        {"replicas": 1, "updatedReplicas": 1, "unavailableReplicas": 1, "observedGeneration": 1},
    ],
    "StatefulSet": [{"replicas": 1, "readyReplicas": 1, "currentReplicas": 1, "updatedReplicas": 1}, {"replicas": 1}],
    "DaemonSet": [
        {"desiredNumberScheduled": 2, "currentNumberScheduled": 2, "numberReady": 2, "numberAvailable": 2},
        {"desiredNumberScheduled": 1, "currentNumberScheduled": 1, "numberMisscheduled": 0, "numberReady": 0},
    ],
    "Service": [{"loadBalancer": {"ingress": [{"ip": "192.0.2.1", "ipMode": "VIP"}]}}, {"loadBalancer": {}}],
    "Ingress": [{"loadBalancer": {"ingress": [{"hostname": "lb.example.org"}]}}, {}],
    "Job": [
        {"active": 1, "ready": 1, "startTime": "2026-11-25T12:00:00Z"},
        {
            "succeeded": 1,
            "startTime": "2026-11-25T12:00:00Z",
            "completionTime": "2026-11-25T12:10:00Z",
            "conditions": [
                {"type": kind, "status": "True", "reason": "CompletionsReached", "message": "done"}
                for kind in ("SuccessCriteriaMet", "Complete")
            ],
        },
    ],
}


def write_status(hub: RealCluster, kind: TemplateKind, name: str, statuses: list[Json]) -> Json:
    template = hub.admin.request("GET", kind.path("shop", name))
    read = read_template(json.dumps(template).encode())
    copies = [
        CopyStatus(cluster=f"member-{number}", status=json.dumps(each).encode(), current=True)
        for number, each in enumerate(statuses)
    ]
    aim = Aim(generation=read.generation, type=template.get("spec", {}).get("type", ""))
    status = aggregate(read.key, aim, copies)
    assert status
    body = {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"name": name}, "status": status}
    path = f"{kind.path('shop', name)}/status?fieldManager={MANAGER}-status&force=true"
    written: Json = hub.admin.request("PATCH", path, body, APPLY)["status"]
    stated = [{key: each for key, each in one.items() if each is not None} for one in written.get("conditions", ())]
    assert {**{key: written.get(key) for key in status}, **({"conditions": stated} if stated else {})} == status
    return written


@pytest.mark.parametrize("name", STATUSES)
def test_the_hub_takes_the_status_of_all_clusters_together(pair: Pair, name: str) -> None:
    hub, _ = pair
    kind = KINDS[name]
    create(hub, kind, f"status-{name.lower()}", AUTHORED[name])
    write_status(hub, kind, f"status-{name.lower()}", STATUSES[name])


def test_kubectl_on_the_hub_waits_for_every_cluster(pair: Pair) -> None:
    hub, _ = pair
    create(hub, KINDS["Deployment"], "rollout", {"spec": {**SELECTED, "replicas": 3}})
    write_status(hub, KINDS["Deployment"], "rollout", STATUSES["Deployment"])
    arguments = ("-n", "shop", "rollout", "status", "deployment/rollout", "--watch=false")
    assert "2 of 3 updated replicas are available" in hub.kubectl(*arguments)
    done = STATUSES["Deployment"][0]
    write_status(hub, KINDS["Deployment"], "rollout", [done, {**done, "conditions": []}])
    assert "successfully rolled out" in hub.kubectl(*arguments)


def test_a_count_that_falls_to_nothing_falls_on_the_hub(pair: Pair) -> None:
    hub, _ = pair
    create(hub, KINDS["Deployment"], "falling", {"spec": {**SELECTED, "replicas": 3}})
    write_status(hub, KINDS["Deployment"], "falling", STATUSES["Deployment"])
    after = write_status(hub, KINDS["Deployment"], "falling", [{"replicas": 2, "unavailableReplicas": 2}])
    assert "readyReplicas" not in after


def test_a_job_complete_everywhere_is_complete_on_the_hub(pair: Pair) -> None:
    hub, _ = pair
    create(hub, KINDS["Job"], "complete", AUTHORED["Job"])
    done = STATUSES["Job"][1]
    written = write_status(hub, KINDS["Job"], "complete", [done, done])
    assert {each["type"] for each in written["conditions"]} == {"SuccessCriteriaMet", "Complete"}
