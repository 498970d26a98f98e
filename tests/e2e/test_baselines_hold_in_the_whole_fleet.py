"""Baselines on a hub and three members, all real API servers: told, brought back, refused; through kubectl only."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from trafficfed.testing.hubs import apply, get, policy
from trafficfed.testing.processes import ServerFailed
from trafficfed.testing.world import NAMESPACE, World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]
API = "trafficfed.io/v1alpha1"
RBAC = "rbac.authorization.k8s.io/v1"
READY_MADE = Path(__file__).parents[2] / "deploy" / "baselines"
WITHIN_S = 20.0
MEMBERS = ("ap", "eu", "us")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world"), with_hub=True, with_baselines=True) as running:
        for cluster in (hub_of(running), *running.clusters.values()):
            cluster.ensure_namespace(NAMESPACE)
        yield running


@pytest.fixture(autouse=True)
def none_left(fleet: World) -> Iterator[None]:
    """Each test has baselines of its own, and waits until no API server refuses anything any more."""
    yield
    hub_of(fleet).kubectl("delete", "fleetbaselines", "--all")
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies"
    everywhere = (hub_of(fleet), *fleet.clusters.values())
    wait(fleet, lambda: not any((get(each, path) or {})["items"] for each in everywhere), "no policy is left")


def hub_of(fleet: World) -> Any:
    assert fleet.hub is not None, "this world has one"
    return fleet.hub


def baseline(name: str, *rules: Json, **spec: Any) -> Json:
    return {
        "apiVersion": API,
        "kind": "FleetBaseline",
        "metadata": {"name": name},
        "spec": {**spec, "rules": list(rules)},
    }


def role(name: str, *verbs: str) -> Json:
    rules = [{"apiGroups": [""], "resources": ["pods"], "verbs": list(verbs)}]
    return {"apiVersion": RBAC, "kind": "ClusterRole", "metadata": {"name": name}, "rules": rules}


def config_map(name: str, **data: str) -> Json:
    metadata = {"namespace": NAMESPACE, "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def stars(**more: Any) -> Json:
    objects = [{"apiVersion": RBAC, "kind": "ClusterRole", "labelSelector": {"matchLabels": {"mine": "yes"}}}]
    holds = {"objects": objects, "expression": "object.rules.all(r, !('*' in r.verbs))"}
    return {"name": "no-stars", "message": "no wildcards", "mustHold": {**holds, **more}}


def labelled(made: Json, **labels: str) -> Json:
    return {**made, "metadata": {**made["metadata"], "labels": labels}}


def audit(fleet: World, *arguments: str) -> tuple[int, Json]:
    """As a pipeline runs it: exit code and JSON."""
    command = [sys.executable, "-m", "trafficfed", "audit", "--output", "json", *arguments]
    command += ["--config", str(fleet.deployment.config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, json.loads(done.stdout) if done.stdout else {}


def violations(fleet: World, name: str) -> list[tuple[str, str, str, str]]:
    """Cluster, object, path and message of each, as the hub has them."""
    found = get(hub_of(fleet), f"/apis/{API}/fleetbaselines/{name}") or {}
    listed = (found.get("status") or {}).get("violations") or ()
    return [(each["cluster"], each["object"], each.get("path", ""), each["message"]) for each in listed]


def condition(fleet: World, name: str, kind: str) -> tuple[str, str, str]:
    found = get(hub_of(fleet), f"/apis/{API}/fleetbaselines/{name}") or {}
    conditions = (found.get("status") or {}).get("conditions") or ()
    stated = ((each["status"], each["reason"], each["message"]) for each in conditions if each["type"] == kind)
    return next(stated, ("", "", ""))


def wait(fleet: World, reached: Callable[[], bool], what: str) -> None:
    fleet.wait_until(reached, WITHIN_S, what)


def accepted(fleet: World, name: str) -> None:
    wait(fleet, lambda: condition(fleet, name, "Accepted")[:2] == ("True", "Accepted"), f"{name} is accepted")


def test_a_wildcard_role_made_by_hand_is_told_and_forgotten_when_it_is_gone(fleet: World) -> None:
    apply(hub_of(fleet), yaml.safe_load((READY_MADE / "no-wildcards.yaml").read_text()))
    wait(fleet, lambda: condition(fleet, "no-wildcards", "Compliant")[0] == "True", "it holds at first")
    assert audit(fleet, "--baseline", "no-wildcards")[0] == 0
    apply(fleet.clusters["us"], role("by-hand", "*"))
    told = ("us", f"ClusterRole.{RBAC.split('/')[0]} by-hand")
    wait(fleet, lambda: [each[:2] for each in violations(fleet, "no-wildcards")] == [told], "it is told")
    code, shown = audit(fleet, "--cluster", "us")
    assert code == 1
    (found,) = shown["baselines"][0]["violations"]
    assert (found["cluster"], found["rule"], found["message"]) == ("us", "roles", "a role must not grant by wildcard")
    printed = hub_of(fleet).kubectl("get", "fleetbaselines")
    assert "inform" in printed
    fleet.clusters["us"].kubectl("delete", "clusterrole", "by-hand")
    wait(fleet, lambda: violations(fleet, "no-wildcards") == [], "it is forgotten")


def test_what_is_enforced_is_made_and_a_drifted_cluster_is_brought_back(fleet: World) -> None:
    for file in ("pod-security.yaml", "default-deny.yaml"):
        made = yaml.safe_load((READY_MADE / file).read_text())
        made["spec"]["mode"] = "enforce"
        apply(hub_of(fleet), made)
    network_policy = f"/apis/networking.k8s.io/v1/namespaces/{NAMESPACE}/networkpolicies/default-deny"
    level = "pod-security.kubernetes.io/enforce"

    def kept(at: str) -> bool:
        space = get(fleet.clusters[at], f"/api/v1/namespaces/{NAMESPACE}")
        found = get(fleet.clusters[at], network_policy)
        labelled = space is not None and space["metadata"]["labels"].get(level) == "baseline"
        return labelled and found is not None and found["spec"]["policyTypes"] == ["Ingress"]

    wait(fleet, lambda: all(map(kept, MEMBERS)), "every member has them")
    fleet.clusters["ap"].kubectl("label", "namespace", NAMESPACE, f"{level}=privileged", "--overwrite")
    fleet.clusters["eu"].kubectl("delete", "networkpolicy", "default-deny", "--namespace", NAMESPACE)
    fleet.clusters["eu"].ensure_namespace("made-later")
    wait(fleet, lambda: all(map(kept, MEMBERS)), "they are brought back")
    later = "/apis/networking.k8s.io/v1/namespaces/made-later/networkpolicies/default-deny"
    wait(fleet, lambda: get(fleet.clusters["eu"], later) is not None, "a namespace has it from its beginning")
    wait(fleet, lambda: audit(fleet)[0] == 0, "all is well")
    hub_of(fleet).kubectl("delete", "fleetbaseline", "default-deny")
    wait(fleet, lambda: [each["name"] for each in audit(fleet)[1]["baselines"]] == ["pod-security"], "it is taken back")
    assert kept("us"), "what was made stays"


def test_what_is_denied_is_refused_by_every_api_server_with_the_rules_message(fleet: World) -> None:
    apply(hub_of(fleet), baseline("roles", stars(), mode="deny"))
    accepted(fleet, "roles")
    said = "no wildcards (FleetBaseline roles, rule no-stars)"
    for cluster in (hub_of(fleet), *fleet.clusters.values()):

        def refused(at: Any = cluster) -> bool:
            """An API server takes a moment to heed a new policy."""
            try:
                apply(at, labelled(role("denied", "*"), mine="yes"))
            except ServerFailed as error:
                return said in str(error)
            at.kubectl("delete", "clusterrole", "denied")
            return False

        wait(fleet, refused, f"{cluster.name} refuses")
        apply(cluster, labelled(role("allowed", "get"), mine="yes"))
        cluster.kubectl("delete", "clusterrole", "allowed")


def test_what_is_placed_past_a_denying_baseline_is_refused_on_the_hub_before_anything_is_written(fleet: World) -> None:
    hub = hub_of(fleet)
    rule = {
        "name": "no-plain",
        "message": "data of eu carries its class",
        "mustHold": {
            "objects": [{"apiVersion": "v1", "kind": "ConfigMap", "namespaces": {"names": [NAMESPACE]}}],
            "expression": "object.metadata.name == 'kube-root-ca.crt' || "
            "(has(object.data.class) && object.data.class == variables.cluster.region)",
        },
    }
    where = {"clusterAffinity": {"clusterNames": ["eu"]}}
    apply(hub, baseline("classes", rule, mode="deny", placement=where))
    accepted(fleet, "classes")
    wait(fleet, lambda: condition(fleet, "classes", "Compliant")[0] == "True", "it is kept")
    selected = {"apiVersion": "v1", "kind": "ConfigMap", "name": "plain"}
    apply(hub, config_map("plain", a="b"), policy(NAMESPACE, "plain", selected))
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/plain"
    wait(fleet, lambda: get(fleet.clusters["us"], path) is not None, "where nothing objects it is placed")

    def problem() -> list[tuple[str, str]]:
        found = get(hub, f"/apis/{API}/namespaces/{NAMESPACE}/propagationpolicies/plain") or {}
        problems = (found.get("status") or {}).get("problems") or ()
        return [(each["cluster"], f"{each['reason']}: {each['message']}") for each in problems]

    said = "DeniedByBaseline: data of eu carries its class (FleetBaseline classes, rule no-plain)"
    wait(fleet, lambda: problem() == [("eu", said)], "the policy tells it")
    assert get(fleet.clusters["eu"], path) is None
    apply(hub, config_map("plain", **{"class": "eu-central-1"}))
    wait(fleet, lambda: get(fleet.clusters["eu"], path) is not None, "as it should be it is placed")
    hub.kubectl("delete", "propagationpolicy", "plain", "--namespace", NAMESPACE)
    wait(fleet, lambda: get(fleet.clusters["eu"], path) is None, "it leaves")


def test_wrong_rules_are_refused_with_their_place_and_all_others_are_kept(fleet: World) -> None:
    bomb = "'a'" + (".replace('a', '" + "a" * 100 + "')") * 8 + " != object.metadata.name"
    lost = {
        "name": "lost",
        "mustHave": {"template": config_map("where", zone="${cluster.zone}", region="${cluster.region}")},
    }
    deep = "object.a.all(a, a.all(b, b.all(c, c.all(d, d))))"
    broken = [
        {**stars(expression="object.rules.all(r, frob)"), "name": "broken"},
        {**stars(expression=bomb), "name": "bomb"},
        {**stars(expression=deep), "name": "deep"},
    ]
    apply(hub_of(fleet), baseline("mixed", *broken, stars(), lost))
    apply(fleet.clusters["ap"], labelled(role("wild", "*"), mine="yes"))
    wait(fleet, lambda: "TooCostly" in condition(fleet, "mixed", "Accepted"), "it is told")
    message = condition(fleet, "mixed", "Accepted")[2]
    assert "spec.rules[0].mustHold.expression: line 1, column 21: undeclared reference to 'frob'" in message
    assert "spec.rules[1].mustHold.expression: " in message
    assert "spec.rules[2].mustHold.expression: line 1, column 37: all is the fourth loop" in message
    wild = ("ap", f"ClusterRole.{RBAC.split('/')[0]} wild", "rules", "no wildcards")
    wait(fleet, lambda: wild in violations(fleet, "mixed"), "the good rule is kept")
    zones = [each for each in violations(fleet, "mixed") if each[2] == "template.data.zone"]
    assert [each[0] for each in zones] == list(MEMBERS)
    assert zones[0][3].startswith("the cluster states no zone")
    fleet.clusters["ap"].kubectl("delete", "clusterrole", "wild")


@pytest.mark.parametrize(
    ("made", "told"),
    [
        (baseline("two", {**stars(), "mustNotHave": {"apiVersion": "v1", "kind": "Pod"}}), "state exactly one of"),
        (baseline("none", {"name": "nothing"}), "state exactly one of"),
        (
            baseline("denied", {"name": "has", "mustHave": {"template": config_map("a")}}, mode="deny"),
            "mode deny takes only",
        ),
        (baseline("odd", stars(), mode="destroy"), "Unsupported value"),
        (baseline("twice", stars(), stars()), "Duplicate value"),
    ],
)
def test_what_is_no_baseline_is_refused_by_the_hubs_api_server(fleet: World, made: Json, told: str) -> None:
    with pytest.raises(ServerFailed, match=told):
        apply(hub_of(fleet), made)


def test_one_binding_on_the_hub_is_one_in_every_member_and_other_grants_are_told(fleet: World) -> None:
    made = yaml.safe_load((READY_MADE / "federated-access.yaml").read_text())
    made["spec"]["mode"] = "enforce"
    binding = {
        "apiVersion": RBAC,
        "kind": "RoleBinding",
        "metadata": {"namespace": NAMESPACE, "name": "devs", "labels": {"trafficfed.io/federated": "true"}},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": "devs"}],
    }
    apply(hub_of(fleet), made, binding)
    path = f"/apis/{RBAC}/namespaces/{NAMESPACE}/rolebindings/devs"
    wait(fleet, lambda: all(get(fleet.clusters[at], path) for at in MEMBERS), "it holds in every member")
    fleet.clusters["us"].kubectl(
        "create", "clusterrolebinding", "sneaky", "--clusterrole=cluster-admin", "--group=devs"
    )
    outside = ("us", "ClusterRoleBinding.rbac.authorization.k8s.io sneaky", "subjects[0]")
    wait(fleet, lambda: outside in [each[:3] for each in violations(fleet, "federated-access")], "it is told")
    assert get(fleet.clusters["us"], f"/apis/{RBAC}/clusterrolebindings/sneaky") is not None, "what is not ours stays"
    fleet.clusters["ap"].kubectl("delete", "rolebinding", "devs", "--namespace", NAMESPACE)
    wait(fleet, lambda: get(fleet.clusters["ap"], path) is not None, "it is granted again")
    hub_of(fleet).kubectl("delete", "rolebinding", "devs", "--namespace", NAMESPACE)
    wait(fleet, lambda: not any(get(fleet.clusters[at], path) for at in MEMBERS), "it is revoked everywhere")
    fleet.clusters["us"].kubectl("delete", "clusterrolebinding", "sneaky")


@pytest.mark.parametrize("file", ["allowed-registries.yaml", "no-wildcards.yaml"])
def test_a_ready_made_baseline_is_understood_by_every_api_server(fleet: World, file: str) -> None:
    made = yaml.safe_load((READY_MADE / file).read_text())
    made["spec"]["mode"] = "deny"
    apply(hub_of(fleet), made)
    accepted(fleet, made["metadata"]["name"])
    pod = {"containers": [{"name": "a", "image": "registry.k8s.io/pause:3.10"}, {"name": "b", "image": "busybox"}]}
    workload = {
        "replicas": 0,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": pod},
    }
    metadata = {"namespace": NAMESPACE, "name": "foreign"}
    refused: Json = {
        "allowed-registries.yaml": {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata,
            "spec": workload,
        },
        "no-wildcards.yaml": role("foreign", "*"),
    }[file]
    said = {
        "allowed-registries.yaml": "images must come from an allowed registry, these do not: busybox (FleetBaseline",
        "no-wildcards.yaml": "a role must not grant by wildcard (FleetBaseline no-wildcards, rule roles)",
    }[file]

    def is_refused() -> bool:
        try:
            fleet.clusters["eu"].kubectl("apply", "--dry-run=server", "-f", "-", stdin=json.dumps(refused))
        except ServerFailed as error:
            return said in str(error)
        return False

    wait(fleet, is_refused, "the member refuses it")
