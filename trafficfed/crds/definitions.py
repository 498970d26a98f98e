"""The CustomResourceDefinitions of the hub's objects, generated from their structs; the same text every time."""

from dataclasses import dataclass, field
from typing import Any

import msgspec
import yaml

from trafficfed.baseline.structs import BaselineSpec, BaselineStatus, FleetBaseline
from trafficfed.crds.globalservice import GlobalServiceObject, GlobalServiceSpec, GlobalServiceStatus
from trafficfed.crds.operatorcontrol import OperatorControlObject, OperatorControlSpec, OperatorControlStatus
from trafficfed.crds.schema import paragraph, schema_of
from trafficfed.crds.structs import GROUP, VERSION
from trafficfed.propagation.policy import (
    ClusterPolicySpec,
    ClusterPropagationPolicy,
    PolicySpec,
    PolicyStatus,
    PropagationPolicy,
)

Manifest = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Column:
    """One column of ``kubectl get``; those of priority 1 only with ``-o wide``."""

    name: str
    path: str
    type: str = "string"
    priority: int = 0


def _condition(name: str, kind: str, what: str = "status", priority: int = 0) -> Column:
    return Column(name, f'.status.conditions[?(@.type=="{kind}")].{what}', priority=priority)


AGE = Column("Age", ".metadata.creationTimestamp", "date")


@dataclass(frozen=True, slots=True)
class Definition:
    """One kind: its names, scope, structs and columns."""

    kind: str
    plural: str
    documented: type
    spec: type[msgspec.Struct]
    status: type[msgspec.Struct]
    columns: tuple[Column, ...]
    namespaced: bool = True
    short: tuple[str, ...] = field(default=())

    @property
    def name(self) -> str:
        return f"{self.plural}.{GROUP}"


_POLICY_COLUMNS = (
    Column("Objects", ".status.objects", "integer"),
    Column("Copies", ".status.copies", "integer"),
    Column("In place", ".status.applied", "integer"),
    _condition("Scheduled", "Scheduled"),
    _condition("Applied", "Applied"),
    _condition("Reason", "Applied", "reason", priority=1),
    AGE,
)

DEFINITIONS = (
    Definition(
        kind="ClusterPropagationPolicy",
        plural="clusterpropagationpolicies",
        documented=ClusterPropagationPolicy,
        spec=ClusterPolicySpec,
        status=PolicyStatus,
        columns=_POLICY_COLUMNS,
        namespaced=False,
        short=("cpp",),
    ),
    Definition(
        kind="FleetBaseline",
        plural="fleetbaselines",
        documented=FleetBaseline,
        spec=BaselineSpec,
        status=BaselineStatus,
        columns=(
            Column("Mode", ".spec.mode"),
            Column("Violations", ".status.count", "integer"),
            _condition("Compliant", "Compliant"),
            _condition("Accepted", "Accepted"),
            _condition("Reason", "Accepted", "reason", priority=1),
            AGE,
        ),
        namespaced=False,
        short=("fb",),
    ),
    Definition(
        kind="GlobalService",
        plural="globalservices",
        documented=GlobalServiceObject,
        spec=GlobalServiceSpec,
        status=GlobalServiceStatus,
        columns=(
            Column("Hostname", ".spec.hostnames[0]"),
            Column("Steering", ".spec.steering"),
            Column("Serving", ".status.serving"),
            _condition("Accepted", "Accepted"),
            _condition("Ready", "Ready"),
            _condition("Reason", "Accepted", "reason", priority=1),
            AGE,
        ),
        short=("gsvc",),
    ),
    Definition(
        kind="OperatorControl",
        plural="operatorcontrols",
        documented=OperatorControlObject,
        spec=OperatorControlSpec,
        status=OperatorControlStatus,
        columns=(
            Column("Action", ".spec.action"),
            Column("Cluster", ".spec.cluster"),
            Column("Service", ".spec.service"),
            Column("Until", ".spec.until"),
            Column("By", ".spec.who"),
            _condition("In force", "InForce"),
            Column("Why", ".spec.why", priority=1),
            AGE,
        ),
        namespaced=False,
        short=("tfoc",),
    ),
    Definition(
        kind="PropagationPolicy",
        plural="propagationpolicies",
        documented=PropagationPolicy,
        spec=PolicySpec,
        status=PolicyStatus,
        columns=_POLICY_COLUMNS,
        short=("pp",),
    ),
)


def manifest(definition: Definition) -> Manifest:
    """One CustomResourceDefinition (apiextensions.k8s.io/v1)."""
    names: Manifest = {
        "kind": definition.kind,
        "listKind": f"{definition.kind}List",
        "plural": definition.plural,
        "singular": definition.kind.lower(),
        "shortNames": list(definition.short),
        "categories": ["trafficfed"],
    }
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": definition.name, "labels": {"app.kubernetes.io/part-of": "trafficfed"}},
        "spec": {
            "group": GROUP,
            "names": names,
            "scope": "Namespaced" if definition.namespaced else "Cluster",
            "versions": [_version(definition)],
        },
    }


def _version(definition: Definition) -> Manifest:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [_column(column) for column in definition.columns],
        "schema": {"openAPIV3Schema": _schema(definition)},
    }


def _column(column: Column) -> Manifest:
    stated: Manifest = {"name": column.name, "type": column.type, "jsonPath": column.path}
    return stated | ({"priority": column.priority} if column.priority else {})


def _schema(definition: Definition) -> Manifest:
    return {
        "type": "object",
        "description": paragraph(definition.documented),
        "required": ["spec"],
        "properties": {
            "apiVersion": {"type": "string", "description": "The version of this form of the object."},
            "kind": {"type": "string", "description": "The kind of the object."},
            "metadata": {"type": "object"},
            "spec": schema_of(definition.spec),
            "status": schema_of(definition.status),
        },
    }


class _Dumper(yaml.SafeDumper):
    """Writes equal parts out each time: an anchor would make the text depend on what else is in it."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def crds_yaml() -> str:
    """All of them as one YAML stream, for ``kubectl apply --server-side -f -``."""
    documents = (
        yaml.dump(manifest(each), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
        for each in DEFINITIONS
    )
    return "---\n".join(documents)
