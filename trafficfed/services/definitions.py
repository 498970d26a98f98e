"""The CustomResourceDefinitions of Multi-Cluster Services, written from the standard's documentation, for clusters that
have none yet: ``multicluster.x-k8s.io`` v1beta1 (stored) and v1alpha1, which have the same shape here.

Fields, limits and reasons are those of KEP-1645 and of the API's reference as of 2026-06; ``clusterSelectors`` those of
KEP-5939.
"""

from typing import Annotated, Any, ClassVar

import msgspec
import yaml
from msgspec import Meta

from trafficfed.crds.definitions import AGE, Column
from trafficfed.crds.schema import paragraph, schema_of
from trafficfed.crds.structs import Conditions, Label, LabelSelector, Part, Rule
from trafficfed.services.kinds import EXPORT, GROUP, IMPORT, VERSIONS

Manifest = dict[str, Any]
Pairs = Annotated[dict[Annotated[str, Meta(max_length=317)], str], Meta(max_length=64)]
Families = Annotated[
    tuple[Annotated[str, Meta(pattern="^IPv[46]$")], ...],
    Meta(max_length=2, extra_json_schema={"x-kubernetes-list-type": "atomic"}),
]


class ClusterSelector(Part, frozen=True, kw_only=True):
    """Clusters by their properties; ``@SameAsImporter@`` stands for what the importing cluster's property is."""

    property_selector: Annotated[LabelSelector, Meta(description="What properties must be.")] = LabelSelector()


class ExportSpec(Part, frozen=True, kw_only=True):
    """What is exported beside the Service itself."""

    exported_labels: Annotated[Pairs | None, Meta(description="Labels that the import gets.")] = None
    exported_annotations: Annotated[Pairs | None, Meta(description="Annotations that the import gets.")] = None
    cluster_selectors: Annotated[
        tuple[ClusterSelector, ...],
        Meta(
            max_length=16,
            extra_json_schema={"x-kubernetes-list-type": "atomic"},
            description="Whose endpoints an importer prefers: the first entry with one that serves wins.",
        ),
    ] = ()
    cluster_selectors_fallback_policy: Annotated[
        str, Meta(pattern="^(AllClusters|None)$", description="Who is taken where no entry has such an endpoint.")
    ] = "AllClusters"


class ExportStatus(Part, frozen=True, kw_only=True):
    """What became of the export."""

    conditions: Annotated[Conditions, Meta(description="Valid, Ready and Conflict.")] = ()


class ServiceExport(Part, frozen=True, kw_only=True):
    """A Service of the same name is available to all clusters of the clusterset."""

    spec: Annotated[ExportSpec, Meta(description="What is exported beside the Service itself.")] = ExportSpec()
    status: Annotated[ExportStatus, Meta(description="What became of the export.")] = ExportStatus()


class ImportPort(Part, frozen=True, kw_only=True):
    """One port."""

    port: Annotated[int, Meta(ge=1, le=65535, description="The number.")]
    name: Annotated[str, Meta(max_length=63, description="Its name; needed where there are several.")] = ""
    protocol: Annotated[str, Meta(max_length=4, description="TCP, UDP or SCTP.")] = "TCP"
    app_protocol: Annotated[str, Meta(max_length=253, description="What is spoken there.")] = ""


class ClientIp(Part, frozen=True, kw_only=True):
    """Affinity by the client's address."""

    timeout_seconds: Annotated[int, Meta(ge=1, le=86400, description="How long it holds.")] = 10800


class AffinityConfig(Part, frozen=True, kw_only=True):
    """How session affinity works."""

    client_ip: Annotated[ClientIp, Meta(description="Affinity by the client's address.")] = msgspec.field(
        name="clientIP", default=ClientIp()
    )


class ImportSpec(Part, frozen=True, kw_only=True):
    """How the Service is reached from here."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule("self.type == 'ClusterSetIP' || !has(self.ips) || size(self.ips) == 0", "a Headless import has no ips"),
    )

    ports: Annotated[
        tuple[ImportPort, ...],
        Meta(max_length=100, extra_json_schema={"x-kubernetes-list-type": "atomic"}, description="Its ports."),
    ] = ()
    ips: Annotated[
        tuple[Annotated[str, Meta(max_length=45)], ...],
        Meta(max_length=2, extra_json_schema={"x-kubernetes-list-type": "atomic"}, description="Its addresses."),
    ] = ()
    type: Annotated[str, Meta(pattern="^(ClusterSetIP|Headless)$", description="By one address, or by endpoints.")]
    session_affinity: Annotated[str, Meta(pattern="^(None|ClientIP)$", description="As the Service has it.")] = "None"
    session_affinity_config: Annotated[AffinityConfig | None, Meta(description="As the Service has it.")] = None
    ip_families: Annotated[Families, Meta(description="As the Service has them.")] = ()
    internal_traffic_policy: Annotated[str, Meta(pattern="^(Cluster|Local)$", description="As the Service has it.")] = (
        "Cluster"
    )
    traffic_distribution: Annotated[str, Meta(max_length=253, description="As the Service has it.")] = ""


class ClusterStatus(Part, frozen=True, kw_only=True):
    """One cluster that exports it."""

    cluster: Annotated[Label, Meta(min_length=1, description="Its name in the clusterset.")]


class ImportStatus(Part, frozen=True, kw_only=True):
    """How the import stands."""

    clusters: Annotated[
        tuple[ClusterStatus, ...],
        Meta(
            max_length=1000,
            extra_json_schema={"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["cluster"]},
            description="The clusters that export it.",
        ),
    ] = ()
    conditions: Annotated[Conditions, Meta(description="Ready.")] = ()


class ServiceImport(Part, frozen=True, kw_only=True):
    """A Service that some clusters of the clusterset export, as it is reached from here."""

    spec: Annotated[ImportSpec, Meta(description="How it is reached from here.")]
    status: Annotated[ImportStatus, Meta(description="How it stands.")] = ImportStatus()


_COLUMNS = {
    EXPORT: tuple(
        Column(name, f'.status.conditions[?(@.type=="{name}")].{what}')
        for name, what in (("Valid", "status"), ("Ready", "status"), ("Conflict", "reason"))
    ),
    IMPORT: (
        Column("Type", ".spec.type"),
        Column("IP", ".spec.ips"),
        Column("Clusters", ".status.clusters[*].cluster"),
    ),
}
_SHORT = {EXPORT: "svcex", IMPORT: "svcim"}
_DOCUMENTED: dict[str, type[msgspec.Struct]] = {EXPORT: ServiceExport, IMPORT: ServiceImport}


def manifests(versions: tuple[str, ...] = VERSIONS) -> tuple[Manifest, ...]:
    """Both definitions (apiextensions.k8s.io/v1) with these versions; the first is stored."""
    return tuple(_manifest(kind, versions) for kind in (EXPORT, IMPORT))


def definitions_yaml() -> str:
    """Both as one YAML stream, for ``kubectl apply --server-side -f -``."""
    return "---\n".join(yaml.safe_dump(each, sort_keys=False, allow_unicode=True, width=120) for each in manifests())


def _manifest(kind: str, versions: tuple[str, ...]) -> Manifest:
    plural = f"{kind.lower()}s"
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{GROUP}"},
        "spec": {
            "group": GROUP,
            "names": {
                "kind": kind,
                "listKind": f"{kind}List",
                "plural": plural,
                "singular": kind.lower(),
                "shortNames": [_SHORT[kind]],
            },
            "scope": "Namespaced",
            "versions": [_version(kind, each, stored=each == versions[0]) for each in versions],
        },
    }


def _version(kind: str, version: str, *, stored: bool) -> Manifest:
    documented = _DOCUMENTED[kind]
    schema = schema_of(documented)
    head = {
        "apiVersion": {"type": "string", "description": "The version of this form of the object."},
        "kind": {"type": "string", "description": "The kind of the object."},
        "metadata": {"type": "object"},
    }
    columns = [{"name": each.name, "type": each.type, "jsonPath": each.path} for each in (*_COLUMNS[kind], AGE)]
    return {
        "name": version,
        "served": True,
        "storage": stored,
        "subresources": {"status": {}},
        "additionalPrinterColumns": columns,
        "schema": {
            "openAPIV3Schema": {
                **schema,
                "description": paragraph(documented),
                "properties": {**head, **schema["properties"]},
            }
        },
    }
