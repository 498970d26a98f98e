"""Baselines that API servers keep themselves: ValidatingAdmissionPolicies and their bindings
(admissionregistration.k8s.io/v1). Pure.

One policy for each rule and kind of object it is about, as a policy selects by one set of labels. An object that is
being deleted is never refused: its finalizers have to be taken off.
"""

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import msgspec
import orjson

from trafficfed.baseline.marks import (
    ADMISSION,
    BINDINGS_OF_POLICIES,
    HASH_ANNOTATION,
    HUB_ANNOTATION,
    OWNER_LABEL,
    POLICIES,
    RULE_ANNOTATION,
)
from trafficfed.baseline.reading import Baseline, selectors
from trafficfed.baseline.structs import BaselineRule, Namespaces, Objects
from trafficfed.baseline.view import Kind
from trafficfed.crds.structs import LabelSelector
from trafficfed.model import Value
from trafficfed.propagation.objects import TemplateKind

Json = dict[str, Any]
NAMESPACE_NAME = "kubernetes.io/metadata.name"
ALIVE = "!has(object.metadata.deletionTimestamp)"


class Made(Value, frozen=True, kw_only=True):
    """One object that must stand in an API server."""

    kind: TemplateKind
    name: str
    body: bytes
    hash: str


def policies(
    owner: str,
    hub_uid: str,
    baseline: Baseline,
    rule: BaselineRule,
    kinds: dict[Kind, TemplateKind],
    facts: Json | None,
) -> Iterator[Made]:
    """For one rule in one API server that has these kinds. ``facts`` are the cluster's, None on the hub."""
    for at, selector in enumerate(selectors(rule)):
        kind = kinds.get((selector.api_version, selector.kind))
        if kind is None:
            continue
        name = policy_name(baseline.name, rule.name, at)
        marks = {
            "labels": {OWNER_LABEL: owner, "app.kubernetes.io/part-of": "trafficfed"},
            "annotations": {RULE_ANNOTATION: f"{baseline.name}/{rule.name}", HUB_ANNOTATION: hub_uid},
        }
        spec = _spec(baseline, rule, selector, kind, facts)
        bound = {"policyName": name, "validationActions": ["Deny"]}
        yield _made(POLICIES, name, marks, spec)
        yield _made(BINDINGS_OF_POLICIES, name, marks, bound)


def policy_name(baseline: str, rule: str, at: int) -> str:
    """Of a policy and of its binding; ``at`` counts the rule's selectors."""
    return f"{baseline}.{rule}.{at}.baseline.trafficfed.io"


def mentions_cluster(rule: BaselineRule) -> bool:
    """Whether it asks for what only a member has: such a rule is not for the hub's own API server."""
    return rule.must_hold is not None and b"variables.cluster" in msgspec.json.encode(rule.must_hold)


def denial(baseline: Baseline, rule: BaselineRule, said: str = "") -> str:
    """What who is refused is told."""
    told = said or rule.message or ("must hold" if rule.must_hold else "must not be there")
    told = " ".join(told.split())  # API servers take no message with line breaks
    return f"{told} (FleetBaseline {baseline.name}, rule {rule.name})"


def _made(kind: TemplateKind, name: str, marks: dict[str, dict[str, str]], spec: Json) -> Made:
    hashed = hashlib.blake2b(orjson.dumps([marks, spec]), digest_size=8).hexdigest()
    annotations = {**marks["annotations"], HASH_ANNOTATION: hashed}
    metadata = {"name": name, "labels": marks["labels"], "annotations": annotations}
    body = {"apiVersion": ADMISSION, "kind": kind.kind, "metadata": metadata, "spec": spec}
    return Made(kind=kind, name=name, body=orjson.dumps(body), hash=hashed)


def _spec(baseline: Baseline, rule: BaselineRule, selector: Objects, kind: TemplateKind, facts: Json | None) -> Json:
    matched = {
        "apiGroups": [kind.group],
        "apiVersions": [kind.api_version.rpartition("/")[2]],
        "operations": ["CREATE", "UPDATE"],
        "resources": [kind.plural],
    }
    conditions = [{"name": "alive", "expression": ALIVE}]
    if selector.name:
        conditions.append({"name": "named", "expression": f"object.metadata.name == {_literal(selector.name)}"})
    holds = rule.must_hold
    check: Json = {"expression": holds.expression if holds else "false", "message": denial(baseline, rule)}
    if holds is not None and holds.message_expression:
        about = _literal(denial(baseline, rule, "-").removeprefix("-"))
        check["messageExpression"] = f"string({holds.message_expression}) + {about}"
    variables = [{"name": each.name, "expression": each.expression} for each in holds.variables] if holds else []
    if facts is not None and mentions_cluster(rule):
        variables.insert(0, {"name": "cluster", "expression": _map(facts)})
    return {
        "failurePolicy": "Fail",
        "matchConstraints": {
            "resourceRules": [matched],
            "namespaceSelector": _namespace_selector(selector.namespaces),
            "objectSelector": _selector(selector.label_selector),
            "matchPolicy": "Equivalent",
        },
        "matchConditions": conditions,
        "variables": variables,
        "validations": [check],
    }


def _namespace_selector(wanted: Namespaces) -> Json:
    """By the label that every API server puts on a namespace itself."""
    found = _selector(wanted.label_selector)
    named = [("In", wanted.names), ("NotIn", wanted.exclude)]
    more = [{"key": NAMESPACE_NAME, "operator": how, "values": list(names)} for how, names in named if names]
    return {**found, "matchExpressions": [*found.get("matchExpressions", ()), *more]} if more else found


def _selector(selector: LabelSelector | None) -> Json:
    found: Json = msgspec.to_builtins(selector) if selector is not None else {}
    return found


def _map(facts: Json) -> str:
    """CEL of a cluster's facts. API servers want the values of a literal to be of one type, so each is of any."""
    parts = (
        f"{_literal(name)}: dyn({_map(value) if isinstance(value, dict) else _literal(value)})"
        for name, value in facts.items()
    )
    return "{" + ", ".join(parts) + "}"


def _literal(value: Any) -> str:
    """JSON's strings are CEL's too."""
    return json.dumps(str(value), ensure_ascii=False)
