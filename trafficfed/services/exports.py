"""What clusters export of one Service, and what becomes of it (Multi-Cluster Services API v1beta1, KEP-1645)."""

from enum import StrEnum

from trafficfed.crds.structs import LabelSelector
from trafficfed.model import Value


class ImportType(StrEnum):
    """How an import is reached: by one address of the clusterset, or by its endpoints' own."""

    CLUSTER_SET_IP = "ClusterSetIP"
    HEADLESS = "Headless"


class Reason(StrEnum):
    """Why an export conflicts with others, as the standard has it (apis/v1beta1, ServiceExportConditionReason)."""

    PORT = "PortConflict"
    TYPE = "TypeConflict"
    SESSION_AFFINITY = "SessionAffinityConflict"
    SESSION_AFFINITY_CONFIG = "SessionAffinityConfigConflict"
    LABELS = "LabelsConflict"
    ANNOTATIONS = "AnnotationsConflict"
    INTERNAL_TRAFFIC_POLICY = "InternalTrafficPolicyConflict"
    TRAFFIC_DISTRIBUTION = "TrafficDistributionConflict"
    IP_FAMILY = "IPFamilyConflict"
    CLUSTER_SELECTORS = "ClusterSelectorsConflict"


class Preference(Value, frozen=True, kw_only=True):
    """Whose endpoints an importing cluster gets (KEP-5939): of the clusters that an entry of ``selectors`` chooses by
    their properties, the first entry with an endpoint that serves. ``others``: all other clusters come last; without it
    nobody but who was chosen is ever given out.
    """

    selectors: tuple[LabelSelector, ...] = ()
    others: bool = True


class Port(Value, frozen=True, kw_only=True):
    """A port as clients in other clusters use it: no target port travels."""

    port: int
    name: str = ""
    protocol: str = "TCP"
    app_protocol: str = ""


class Common(Value, frozen=True, kw_only=True):
    """What all exports of one Service should agree on. Labels and annotations are those that the export names."""

    type: ImportType = ImportType.CLUSTER_SET_IP
    session_affinity: str = "None"
    affinity_timeout_s: int | None = None
    ip_families: tuple[str, ...] = ()
    internal_traffic_policy: str = "Cluster"
    traffic_distribution: str = ""
    labels: tuple[tuple[str, str], ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()
    preference: Preference = Preference()


class Export(Value, frozen=True, kw_only=True):
    """One cluster's valid ServiceExport with the Service that it names. ``created_s``: UTC seconds; the oldest wins."""

    cluster: str
    created_s: float
    common: Common
    ports: tuple[Port, ...] = ()


class Conflict(Value, frozen=True, kw_only=True):
    """What exports differ in. ``losers`` are the clusters whose word does not hold; it is told on every export."""

    reason: Reason
    losers: tuple[str, ...]
    message: str


class Merged(Value, frozen=True, kw_only=True):
    """The import that all clusters get. ``clusters`` are those that export, sorted."""

    common: Common
    ports: tuple[Port, ...]
    clusters: tuple[str, ...]
    conflicts: tuple[Conflict, ...] = ()
