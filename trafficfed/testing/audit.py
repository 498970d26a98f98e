"""What an API server's audit log says that the product asked of it, and what of its permissions that was.

A cluster is started with the flags of ``audited(directory)``; ``asked(directory)`` reads the log afterwards.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trafficfed.testing.real_cluster import PRODUCT_USER

LOG, POLICY = "audit.log", "audit-policy.json"
OWN = "trafficfed"
CREATED, FORBIDDEN = 201, 403


@dataclass(frozen=True, slots=True, order=True)
class Permission:
    """A verb on a resource (with its subresource behind a slash) of an API group, as RBAC has it."""

    verb: str
    group: str
    resource: str

    def __str__(self) -> str:
        return f"{self.verb} {self.group or 'core'}/{self.resource}"


@dataclass(frozen=True, slots=True)
class Asked:
    """Permissions that requests needed: of those that were let through, in the product's own namespace and anywhere
    else, and of those that were forbidden."""

    within: frozenset[Permission]
    outside: frozenset[Permission]
    missing: frozenset[Permission]

    @property
    def used(self) -> frozenset[Permission]:
        return self.within | self.outside


def audited(directory: Path) -> tuple[str, ...]:
    """Flags that have an API server write down every request of the product's user, before it answers."""
    directory.mkdir(parents=True, exist_ok=True)
    rules = [{"level": "Metadata", "users": [PRODUCT_USER], "omitStages": ["RequestReceived"]}, {"level": "None"}]
    policy = {"apiVersion": "audit.k8s.io/v1", "kind": "Policy", "rules": rules}
    (directory / POLICY).write_text(json.dumps(policy))
    return (
        f"--audit-policy-file={directory / POLICY}",
        f"--audit-log-path={directory / LOG}",
        "--audit-log-mode=blocking",
    )


def asked(directory: Path) -> Asked:
    """Everything that was asked until now."""
    within: set[Permission] = set()
    outside: set[Permission] = set()
    missing: set[Permission] = set()
    whole, _, _ = (directory / LOG).read_text().rpartition("\n")  # the last line may be half written yet
    for line in whole.splitlines():
        event = json.loads(line)
        let_through = within if event.get("objectRef", {}).get("namespace") == OWN else outside
        (missing if _forbidden(event) else let_through).update(_needed(event))
    return Asked(frozenset(within), frozenset(outside), frozenset(missing))


def _needed(event: Mapping[str, Any]) -> Iterable[Permission]:
    about = event.get("objectRef")
    if about is None or "resource" not in about:  # discovery, which every user may do
        return
    resource = "/".join(filter(None, (about["resource"], about.get("subresource"))))
    yield Permission(event["verb"], about.get("apiGroup", ""), resource)
    if event["verb"] == "patch" and event.get("responseStatus", {}).get("code") == CREATED:
        yield Permission("create", about.get("apiGroup", ""), resource)  # an apply of what was not there
        if resource.endswith("rolebindings"):  # which nobody may make who may not bind the role, or do what it permits
            yield Permission("bind", about["apiGroup"], "clusterroles")


def _forbidden(event: Mapping[str, Any]) -> bool:
    return bool(event.get("responseStatus", {}).get("code") == FORBIDDEN)


def granted(rules: Sequence[Mapping[str, Any]]) -> frozenset[Permission]:
    """Every permission that rules of a Role or ClusterRole give."""
    return frozenset(
        Permission(verb, group, resource)
        for rule in rules
        for verb in rule["verbs"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
    )


def idle(rules: Sequence[Mapping[str, Any]], used: frozenset[Permission]) -> list[str]:
    """Of each rule the verbs that were used on none of its resources, and the resources that nothing was done with."""
    found = []
    for rule in rules:
        here = granted([rule]) & used
        verbs = set(rule["verbs"]) - {each.verb for each in here}
        resources = set(rule["resources"]) - {each.resource for each in here}
        found += [f"{verb} on any of {', '.join(rule['resources'])}" for verb in sorted(verbs)]
        found += [f"anything on {resource}" for resource in sorted(resources)]
    return found
