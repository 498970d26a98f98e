"""Baselines at emulated API servers in virtual time: what is wrong is told, mended or refused, and nothing else."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from trafficfed.testing.baselines_world import (
    BaselinesWorld,
    cluster_role,
    config_map,
    namespace,
)

pytestmark = pytest.mark.looptime
Make = Callable[..., BaselinesWorld]
Json = dict[str, Any]
RBAC = "rbac.authorization.k8s.io/v1"
NO_STARS: Json = {
    "name": "no-stars",
    "message": "no wildcards",
    "mustHold": {
        "objects": [{"apiVersion": RBAC, "kind": "ClusterRole"}],
        "expression": "object.rules.all(r, !('*' in r.verbs))",
    },
}
SETTINGS: Json = {
    "name": "settings",
    "mustHave": {
        "template": {
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": {"name": "fleet", "namespace": "shop"},
            "data": {"region": "${cluster.region}"},
        }
    },
}
RESTRICTED: Json = {
    "name": "restricted",
    "mustHave": {
        "namespaces": {"exclude": ["kube-system", "kube-public", "kube-node-lease", "default"]},
        "template": {
            "apiVersion": "v1",
            "kind": "Namespace",
            "metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}},
        },
    },
}
NO_DEBUG: Json = {"name": "no-debug", "mustNotHave": {"apiVersion": "v1", "kind": "ConfigMap", "name": "debug"}}


async def test_what_breaks_a_rule_is_told_within_a_second_and_forgotten_when_it_is_mended(make: Make) -> None:
    world = make()
    world.baseline("roles", NO_STARS)
    async with world.running():
        assert world.violations() == []
        assert world.condition("roles", "Compliant")[:2] == ("True", "AllHold")
        world.write("eu", cluster_role("all", "*"), cluster_role("some", "get"))
        await asyncio.sleep(1.0)
        assert world.violations(messages=True) == [
            ("eu", "no-stars", "ClusterRole.rbac.authorization.k8s.io all", "rules", "no wildcards")
        ]
        assert world.condition("roles", "Compliant") == ("False", "Violations", "1 violations in 1 of 2 clusters")
        world.write("eu", cluster_role("all", "list"))
        await asyncio.sleep(1.0)
        assert world.violations() == []
        world.write("us", cluster_role("other", "*"))
        await asyncio.sleep(1.0)
        world.remove("us", RBAC, "ClusterRole", "other")
        await asyncio.sleep(1.0)
        assert world.violations() == []
        assert world.condition("roles", "Compliant")[0] == "True"


async def test_informing_writes_nothing_into_members(make: Make) -> None:
    world = make()
    world.baseline("all", SETTINGS, NO_DEBUG, RESTRICTED, NO_STARS)
    world.write("eu", config_map("debug"))
    async with world.running():
        assert ("eu", "settings", "ConfigMap shop/fleet") in world.violations()
        assert ("eu", "no-debug", "ConfigMap shop/debug") in world.violations()
        assert ("us", "restricted", "Namespace shop") in world.violations()
        assert world.writes("eu") == []
        assert world.writes("us") == []


async def test_enforcing_makes_mends_and_deletes_and_touches_no_other_field(make: Make) -> None:
    world = make()
    world.write("us", {**config_map("fleet", mine="1", region="wrong")})
    world.write("eu", config_map("debug"), config_map("other"))
    world.baseline("all", SETTINGS, NO_DEBUG, mode="enforce")
    async with world.running():
        made, mended = (world.get(at, "v1", "ConfigMap", "fleet", "shop") for at in ("eu", "us"))
        assert made is not None
        assert mended is not None
        assert made["data"] == {"region": "eu-central-1"}
        assert made["metadata"]["labels"] == {"trafficfed.io/baseline-by": "demo"}
        assert mended["data"] == {"mine": "1", "region": "us-east-1"}
        assert "labels" not in mended["metadata"], "what somebody else made is not marked as ours"
        assert world.get("eu", "v1", "ConfigMap", "debug", "shop") is None
        assert world.get("eu", "v1", "ConfigMap", "other", "shop") is not None
        assert world.violations() == []
        world.writes("eu")
        world.write("eu", {**config_map("fleet", region="drifted")})
        await asyncio.sleep(1.0)
        found = world.get("eu", "v1", "ConfigMap", "fleet", "shop")
        assert found is not None
        assert found["data"] == {"region": "eu-central-1"}
        world.remove("eu", "v1", "ConfigMap", "fleet", "shop")
        await asyncio.sleep(1.0)
        assert world.get("eu", "v1", "ConfigMap", "fleet", "shop") is not None
        assert len(world.writes("eu")) == 2
        await asyncio.sleep(60.0)
        assert world.writes("eu") == [], "what stands is not written again"


async def test_a_baseline_that_is_taken_back_leaves_everything_as_it_is(make: Make) -> None:
    world = make()
    world.baseline("all", SETTINGS, mode="enforce")
    async with world.running():
        world.remove("hub", "trafficfed.io/v1alpha1", "FleetBaseline", "all")
        await asyncio.sleep(2.0)
        assert world.get("eu", "v1", "ConfigMap", "fleet", "shop") is not None
        world.remove("eu", "v1", "ConfigMap", "fleet", "shop")
        await asyncio.sleep(2.0)
        assert world.get("eu", "v1", "ConfigMap", "fleet", "shop") is None
        assert world.baselines.audited == ()


async def test_every_selected_namespace_has_what_it_must_have_from_its_first_moment(make: Make) -> None:
    world = make()
    world.baseline("pods", RESTRICTED, mode="enforce")
    async with world.running():
        label = "pod-security.kubernetes.io/enforce"
        world.write("eu", namespace("late", team="a"))
        await asyncio.sleep(1.0)
        found = world.get("eu", "v1", "Namespace", "late")
        assert found is not None
        assert found["metadata"]["labels"] == {"kubernetes.io/metadata.name": "late", "team": "a", label: "restricted"}
        world.write("eu", {**namespace("late", **{label: "privileged"})})
        await asyncio.sleep(1.0)
        found = world.get("eu", "v1", "Namespace", "late")
        assert found is not None
        assert found["metadata"]["labels"][label] == "restricted"


async def test_one_object_in_each_namespace_follows_namespaces_and_their_labels(make: Make) -> None:
    deny: Json = {
        "name": "closed",
        "mustHave": {
            "namespaces": {"labelSelector": {"matchLabels": {"closed": "yes"}}},
            "template": {
                "apiVersion": "networking.k8s.io/v1",
                "kind": "NetworkPolicy",
                "metadata": {"name": "default-deny"},
                "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
            },
        },
    }
    world = make()
    world.baseline("net", deny, mode="enforce")
    async with world.running():
        assert world.all("eu", "NetworkPolicy") == []
        world.write("eu", namespace("shop", closed="yes"))
        await asyncio.sleep(1.0)
        assert [each["metadata"]["namespace"] for each in world.all("eu", "NetworkPolicy")] == ["shop"]
        assert world.all("us", "NetworkPolicy") == []


async def test_a_template_that_asks_for_what_a_cluster_does_not_state_is_named_there_and_kept_elsewhere(
    make: Make,
) -> None:
    world = make(members=("ap", "eu"))
    world.baseline("all", SETTINGS, NO_STARS, mode="enforce")
    async with world.running():
        assert world.get("eu", "v1", "ConfigMap", "fleet", "shop") is not None
        ((cluster, rule, _, path, message),) = world.violations(messages=True)
        assert (cluster, rule, path) == ("ap", "settings", "template.data.region")
        assert message.startswith("the cluster states no region")
        assert world.get("ap", "v1", "ConfigMap", "fleet", "shop") is None


async def test_a_rule_that_does_not_compile_is_refused_with_its_place_and_the_others_are_kept(make: Make) -> None:
    world = make()
    broken = {
        **NO_STARS,
        "name": "broken",
        "mustHold": {**NO_STARS["mustHold"], "expression": "object.rules.all(r, frob)"},
    }
    bomb = "object.a.all(a, a.all(b, b.all(c, c.all(d, d))))"
    deep = {**NO_STARS, "name": "deep", "mustHold": {**NO_STARS["mustHold"], "expression": bomb}}
    world.baseline("roles", NO_STARS, broken, deep)
    world.write("eu", cluster_role("all", "*"))
    async with world.running():
        status, reason, message = world.condition("roles", "Accepted")
        assert (status, reason) == ("False", "TooCostly")
        assert "spec.rules[1].mustHold.expression: line 1, column 21: undeclared reference to 'frob'" in message
        assert "spec.rules[2].mustHold.expression: line 1, column 37: all is the fourth loop" in message
        assert world.violations() == [("eu", "no-stars", "ClusterRole.rbac.authorization.k8s.io all")]
        world.baseline("roles", NO_STARS)
        await asyncio.sleep(1.0)
        assert world.condition("roles", "Accepted")[:2] == ("True", "Accepted")


async def test_the_cluster_itself_can_be_judged(make: Make) -> None:
    world = make()
    rule = {
        "name": "certified",
        "message": "must be certified",
        "mustHold": {"expression": "'data' in variables.cluster.compliance && object.version.startsWith('v1.')"},
    }
    world.baseline("certified", rule)
    async with world.running():
        assert world.violations(messages=True) == [("us", "certified", "Cluster us", "version", "must be certified")]


async def test_denying_stands_as_admission_policies_in_hub_and_members_and_leaves_with_its_baseline(make: Make) -> None:
    world = make()
    world.baseline("roles", NO_STARS, NO_DEBUG, mode="deny")
    async with world.running():
        names = {"roles.no-stars.0.baseline.trafficfed.io", "roles.no-debug.0.baseline.trafficfed.io"}
        for at in ("hub", "eu", "us"):
            for kind in ("ValidatingAdmissionPolicy", "ValidatingAdmissionPolicyBinding"):
                assert {each["metadata"]["name"] for each in world.all(at, kind)} == names
            world.writes(at)
        await asyncio.sleep(60.0)
        assert [world.writes(at) for at in ("hub", "eu", "us")] == [[], [], []], "what stands is not written again"
        spec = {each["metadata"]["name"]: each["spec"] for each in world.all("eu", "ValidatingAdmissionPolicy")}
        rule = spec["roles.no-stars.0.baseline.trafficfed.io"]
        assert rule["validations"][0]["message"] == "no wildcards (FleetBaseline roles, rule no-stars)"
        assert rule["matchConstraints"]["resourceRules"][0]["resources"] == ["clusterroles"]
        world.baseline("roles", NO_STARS, mode="deny", placement={"clusterAffinity": {"clusterNames": ["eu"]}})
        await asyncio.sleep(2.0)
        assert world.all("us", "ValidatingAdmissionPolicy") == []
        assert world.all("hub", "ValidatingAdmissionPolicy") == [], "the hub's objects may go elsewhere"
        assert len(world.all("eu", "ValidatingAdmissionPolicy")) == 1
        world.remove("hub", "trafficfed.io/v1alpha1", "FleetBaseline", "roles")
        await asyncio.sleep(2.0)
        assert world.all("eu", "ValidatingAdmissionPolicy") == []
        assert world.all("eu", "ValidatingAdmissionPolicyBinding") == []


async def test_only_reading_writes_nothing_and_says_so(make: Make) -> None:
    world = make(writes=False)
    world.baseline("roles", NO_STARS, mode="deny")
    world.baseline("set", SETTINGS, mode="enforce")
    async with world.running():
        assert world.writes("eu") == []
        assert "baselines.members: read" in world.condition("set", "Accepted")[2]
        assert ("eu", "settings", "ConfigMap shop/fleet") in world.violations()


async def test_compliance_chooses_clusters_in_the_words_of_placement(make: Make) -> None:
    world = make()
    world.baseline("gdpr", SETTINGS, placement={"compliance": {"data": "gdpr"}})
    async with world.running():
        assert world.violations() == [("eu", "settings", "ConfigMap shop/fleet")]
        assert [each["name"] for each in world.status("gdpr")["clusters"]] == ["eu"]


async def test_since_when_something_is_wrong_outlives_the_process(make: Make) -> None:
    world = make()
    world.baseline("roles", NO_STARS)
    async with world.running():
        world.write("eu", cluster_role("all", "*"))
        await asyncio.sleep(1.0)
        (before,) = world.status("roles")["violations"]
    world.restart()
    await asyncio.sleep(100.0)
    async with world.running():
        (after,) = world.status("roles")["violations"]
        assert after == before


async def test_a_rule_about_a_kind_that_a_member_does_not_have_begins_when_it_is_there(make: Make) -> None:
    world = make()
    rule = {
        "name": "certificates",
        "mustHold": {"objects": [{"apiVersion": "example.org/v1", "kind": "Thing"}], "expression": "has(object.spec)"},
    }
    world.baseline("things", rule)
    async with world.running():
        assert world.condition("things", "Compliant")[0] == "True", "where there are none, none breaks it"
        names = {"kind": "Thing", "plural": "things"}
        schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
        versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
        spec = {"group": "example.org", "names": names, "scope": "Cluster", "versions": versions}
        crd = {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "things.example.org"},
            "spec": spec,
        }
        world.write("eu", crd)
        world.write("eu", {"apiVersion": "example.org/v1", "kind": "Thing", "metadata": {"name": "a"}})
        await asyncio.sleep(35.0)
        assert world.violations() == [("eu", "certificates", "Thing.example.org a")]
