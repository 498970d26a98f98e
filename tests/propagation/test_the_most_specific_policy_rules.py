"""One policy rules an object: the most specific that selects it, then the oldest; some objects none ever does."""

import itertools
import json
from typing import Any

import pytest

from trafficfed.errors import ConfigError
from trafficfed.propagation.objects import DEFAULT_KINDS, TemplateKind, read_template
from trafficfed.propagation.select import Policy, Selection, never_propagated, read_policy
from trafficfed.testing.propagating import EVERY_DEPLOYMENT, deployment, policy, template

NAMED = {**EVERY_DEPLOYMENT, "name": "web"}
LABELLED = {**EVERY_DEPLOYMENT, "labelSelector": {"matchLabels": {"app": "web"}}}
OTHER = {**EVERY_DEPLOYMENT, "name": "other"}

BY_NAME = policy("by-name", resourceSelectors=[NAMED])
BY_LABEL = policy("by-label", resourceSelectors=[LABELLED])
BY_KIND = policy("by-kind", resourceSelectors=[EVERY_DEPLOYMENT])
OLDER = policy("older", created="2026-11-24T12:00:00Z", resourceSelectors=[EVERY_DEPLOYMENT])
FLEET_BY_NAME = policy("fleet", namespace="", resourceSelectors=[NAMED])
WEB = template(deployment(app="web"))


def ruling(*policies: Policy, kinds: tuple[TemplateKind, ...] = DEFAULT_KINDS) -> str:
    found = Selection(policies, kinds).ruling(WEB)
    return found.key.name if found else ""


@pytest.mark.parametrize(
    ("policies", "expected"),
    [
        ((), ""),
        ((BY_KIND,), "by-kind"),
        ((BY_KIND, BY_LABEL), "by-label"),
        ((BY_KIND, BY_LABEL, BY_NAME), "by-name"),
        ((BY_KIND, OLDER), "older"),
        ((FLEET_BY_NAME, BY_KIND), "by-kind"),
        ((FLEET_BY_NAME,), "fleet"),
        ((policy("b"), policy("a")), "a"),
    ],
)
def test_the_order_is_specific_then_old_then_by_name(policies: tuple[Policy, ...], expected: str) -> None:
    for order in itertools.permutations(policies):
        assert ruling(*order) == expected


def test_a_policy_rules_its_own_namespace_only() -> None:
    assert ruling(policy("elsewhere", namespace="prod")) == ""


def test_a_selector_that_does_not_select_is_no_claim() -> None:
    assert ruling(policy("a", resourceSelectors=[OTHER, LABELLED])) == "a"
    assert ruling(policy("a", resourceSelectors=[OTHER])) == ""


def test_the_version_of_a_kind_selects_nothing() -> None:
    assert ruling(policy("a", resourceSelectors=[{"apiVersion": "apps/v1beta1", "kind": "Deployment"}])) == "a"
    assert ruling(policy("a", resourceSelectors=[{"apiVersion": "v1", "kind": "Deployment"}])) == ""


def test_a_cluster_scoped_policy_may_name_namespaces() -> None:
    assert ruling(policy("a", "", resourceSelectors=[{**EVERY_DEPLOYMENT, "namespaces": ["shop"]}])) == "a"
    assert ruling(policy("a", "", resourceSelectors=[{**EVERY_DEPLOYMENT, "namespaces": ["prod"]}])) == ""


def test_a_cluster_scoped_policy_selects_namespaces_themselves() -> None:
    shop = template({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}})
    fleet = policy("fleet", "", resourceSelectors=[{"apiVersion": "v1", "kind": "Namespace"}])
    assert Selection([fleet], DEFAULT_KINDS).ruling(shop) == fleet


def thing(kind: str, name: str, namespace: str = "", **fields: Any) -> dict[str, Any]:
    metadata = {"name": name, **({"namespace": namespace} if namespace else {})}
    return {"apiVersion": "v1", "kind": kind, "metadata": metadata, **fields}


@pytest.mark.parametrize(
    ("manifest", "because"),
    [
        (thing("Namespace", "kube-system"), "kube-"),
        (thing("ConfigMap", "a", "kube-public"), "kube-"),
        (thing("ConfigMap", "kube-root-ca.crt", "shop"), "each cluster's own"),
        (thing("Secret", "a", "shop", type="kubernetes.io/service-account-token"), "token"),
    ],
)
def test_what_is_each_clusters_own_is_ruled_by_nobody(manifest: dict[str, Any], because: str) -> None:
    kind = {"apiVersion": "v1", "kind": manifest["kind"]}
    fleet = policy("fleet", "", resourceSelectors=[kind])
    own = policy("own", manifest["metadata"].get("namespace", "x"), resourceSelectors=[kind])
    assert because in never_propagated(template(manifest))
    assert Selection([fleet, own], DEFAULT_KINDS).ruling(template(manifest)) is None


def test_an_ordinary_object_is_nobodys_own() -> None:
    assert never_propagated(WEB) == ""
    assert never_propagated(template(thing("Secret", "a", "shop", type="Opaque"))) == ""


RBAC = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole"}


def test_permissions_are_propagated_only_where_their_kind_is_listed() -> None:
    grants = policy("grants", "", resourceSelectors=[RBAC])
    role = template({**RBAC, "metadata": {"name": "all"}})
    refused = Selection([grants], DEFAULT_KINDS)
    assert refused.ruling(role) is None
    [(key, refusal)] = refused.unlisted()
    assert (key, refusal.reason) == (grants.key, "KindNotListed")
    assert "rbac.authorization.k8s.io/v1 ClusterRole" in refusal.message
    listed = TemplateKind(api_version=RBAC["apiVersion"], kind="ClusterRole", plural="clusterroles", namespaced=False)
    allowed = Selection([grants], (*DEFAULT_KINDS, listed))
    assert allowed.ruling(role) == grants
    assert allowed.unlisted() == ()


def test_no_default_kind_grants_permissions_or_changes_the_api() -> None:
    groups = {kind.group for kind in DEFAULT_KINDS}
    assert not groups & {"rbac.authorization.k8s.io", "admissionregistration.k8s.io", "apiextensions.k8s.io"}


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "resourceSelectors"),
        ({"resourceSelectors": "all"}, "resourceSelectors"),
        ({"resourceSelectors": [NAMED], "reschedule": "onBreach"}, "reserved"),
        (
            {"resourceSelectors": [NAMED], "placement": {"latency": {"belowMilliseconds": 5}}},
            "either region or cluster",
        ),
        ({"resourceSelectors": [NAMED], "replicaScheduling": {"weights": {"eu": 0}}}, "at least one weight"),
        ({"resourceSelectors": [NAMED], "deletionPolicy": "Burn"}, "deletionPolicy"),
        ({"resourceSelectors": [NAMED], "placement": {"maxClusters": 0}}, "maxClusters"),
    ],
)
def test_a_policy_no_server_has_checked_is_refused_with_its_field(spec: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_policy(json.dumps({"metadata": {"name": "a", "namespace": "shop"}, "spec": spec}).encode())


def test_a_kind_knows_where_api_servers_keep_it() -> None:
    paths = {kind.kind: kind.path("shop" if kind.namespaced else "") for kind in DEFAULT_KINDS}
    assert paths["Service"] == "/api/v1/namespaces/shop/services"
    assert paths["Job"] == "/apis/batch/v1/namespaces/shop/jobs"
    assert paths["Namespace"] == "/api/v1/namespaces"


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"kind": "Service"}', b'{"apiVersion": 1, "kind": "A", "metadata": {}}']
)
def test_what_is_no_object_is_refused(body: bytes) -> None:
    with pytest.raises(ConfigError, match="not a Kubernetes object"):
        read_template(body)
