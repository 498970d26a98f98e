"""The values of the Helm chart: the one source of values.yaml, values.schema.json and docs/helm-values.md."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from trafficfed.config.fields import Section
from trafficfed.config.nameserver_section import NameServerSection
from trafficfed.config.schema import File
from trafficfed.vantage.file import ProberSection

Json = dict[str, Any]
NAME = r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$"
FILE = r"^[-._a-zA-Z0-9]+$"
TIMES = {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "1Gi"}}


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(each.capitalize() for each in rest)


class Values(BaseModel):
    """Base of every part of the values: keys in camel case, none beyond those that are known."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=_camel)


def _less(name: str, model: type[Section], *ours: str) -> type[Section]:
    """A section of the product's own file without the keys that the chart writes itself."""
    fields: Json = {
        key: (field.annotation if not field.metadata else _annotated(field), field)
        for key, field in model.model_fields.items()
        if key not in ours
    }
    made: type[Section] = create_model(name, __base__=Section, __doc__=model.__doc__, **fields)
    return made


def _annotated(field: Any) -> Any:
    return Annotated[(field.annotation, *field.metadata)]


ControllerConfig = _less("ControllerConfig", File, "state", "api", "api_hosts", "feed", "nameserver")
NameServerConfig = _less("NameServerConfig", NameServerSection, "listen", "key_file", "state", "metrics", "feeds")
ProberConfig = _less("ProberConfig", ProberSection, "key_file", "metrics", "controllers")


class Image(Values):
    """The image of all processes, built from deploy/container/Containerfile."""

    repository: str = Field("trafficfed", description="where you pushed it, the registry included")
    tag: str = Field("", description="empty = the chart's appVersion")
    digest: str = Field("", description="goes before the tag", pattern=r"^(sha256:[0-9a-f]{64})?$")
    pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    pull_secrets: tuple[str, ...] = Field((), description="names of Secrets in the release's namespace")


class ServiceAccount(Values):
    """Whom the controller is to the API server."""

    create: bool = True
    name: str = Field("trafficfed", pattern=NAME)
    annotations: dict[str, str] = Field({}, description="such as the cloud role that may write the zones")


class Kinds(Values):
    """Kinds of one API group that may be propagated."""

    group: str = Field(description="empty for the core group")
    resources: tuple[str, ...] = Field(min_length=1, description="their plurals")
    status: tuple[str, ...] = Field((), description="those of them whose status is summed up on the hub")


KINDS = (
    Kinds.model_validate(
        {
            "group": "",
            "resources": ("namespaces", "configmaps", "secrets", "services", "serviceaccounts"),
            "status": ("services",),
        }
    ),
    Kinds(
        group="apps",
        resources=("deployments", "statefulsets", "daemonsets"),
        status=("deployments", "statefulsets", "daemonsets"),
    ),
    Kinds(group="batch", resources=("jobs", "cronjobs"), status=("jobs",)),
    Kinds(group="networking.k8s.io", resources=("ingresses", "networkpolicies"), status=("ingresses",)),
    Kinds(group="policy", resources=("poddisruptionbudgets",)),
    Kinds(group="autoscaling", resources=("horizontalpodautoscalers",)),
)


class Granted(Values):
    """Kinds of one API group."""

    group: str = Field(description="empty for the core group")
    resources: tuple[str, ...] = Field(min_length=1, description="their plurals")


_RBAC = "rbac.authorization.k8s.io"
AUDITED = (
    Granted(group="", resources=("namespaces", "pods")),
    Granted(group="apps", resources=("deployments", "statefulsets", "daemonsets")),
    Granted(group="batch", resources=("jobs", "cronjobs")),
    Granted(group="networking.k8s.io", resources=("networkpolicies",)),
    Granted(group=_RBAC, resources=("roles", "clusterroles", "rolebindings", "clusterrolebindings")),
)
ENFORCED = (
    Granted(group="", resources=("namespaces",)),
    Granted(group="networking.k8s.io", resources=("networkpolicies",)),
)


class Rbac(Values):
    """What trafficfed may do in this cluster, by the part that the cluster plays."""

    create: bool = True
    member: bool = Field(True, description="its Services are read and given names")
    elector: bool = Field(False, description="it votes on who leads: a Lease, and ConfigMaps with a copy of the table")
    hub: bool = Field(False, description="GlobalServices and policies are read here, and templates of what they place")
    propagation: bool = Field(False, description="copies are written here, as policies on the hub want it")
    services: bool = Field(False, description="Services of other clusters are imported here")
    istio: bool = Field(False, description="Istio is told of what is imported here")
    baselines: bool = Field(False, description="the hub's baselines are kept here")
    baselines_hub: bool = Field(False, description="it is the hub of baselines, beside `hub`")
    access: bool = Field(False, description="bindings of the hub are granted here, with `baselines`")
    kinds: tuple[Kinds, ...] = Field(KINDS, description="what `propagation.kinds` of the configuration allows")
    audited: tuple[Granted, ...] = Field(AUDITED, description="what rules of baselines look at")
    enforced: tuple[Granted, ...] = Field(ENFORCED, description="what baselines may write and delete")
    granted: tuple[str, ...] = Field(("view", "edit", "admin"), description="ClusterRoles that `access` may grant")


class Pod(Values):
    """What every workload has."""

    resources: Json = Field(TIMES)
    annotations: dict[str, str] = Field({}, description="of the Pods")
    labels: dict[str, str] = Field({}, description="of the Pods")
    node_selector: dict[str, str] = {}
    tolerations: tuple[Json, ...] = ()
    affinity: Json = {}
    priority_class_name: str = ""
    termination_grace_period_seconds: int = Field(30, ge=1, description="time to end in order")


class FeedService(Values):
    """How name servers, probers and other controllers reach the feed."""

    type: Literal["ClusterIP", "LoadBalancer", "NodePort"] = Field(
        "ClusterIP", description="LoadBalancer where they run elsewhere"
    )
    annotations: dict[str, str] = {}
    load_balancer_source_ranges: tuple[str, ...] = Field((), description="CIDR ranges that may connect; empty = any")


class Feed(Values):
    """Where name servers, probers and other controllers follow this one."""

    enabled: bool = False
    key_file: str = Field("feed.key", pattern=FILE, description="the file with its key, of one of the Secrets")
    service: FeedService = FeedService()


class Persistence(Values):
    """The disk that keeps the table."""

    enabled: bool = Field(True, description="without it, and without electors, a Pod that moves forgets the table")
    size: str = "1Gi"
    storage_class_name: str = Field("", description="empty = the cluster's default")


class Controller(Pod):
    """The controller: one Pod. Several controllers are releases in several clusters."""

    enabled: bool = True
    config: ControllerConfig = Field(  # type: ignore[valid-type]
        {},
        description="what trafficfed.yaml says, see docs/configuration.md, without state, api, feed and nameserver",
        validate_default=False,
    )
    secrets: tuple[str, ...] = Field(
        (), description="Secrets whose keys are files beside trafficfed.yaml: feed.key, eu.kubeconfig and so on"
    )
    env: tuple[Json, ...] = Field((), description="environment variables, for credentials of DNS providers")
    feed: Feed = Feed()
    persistence: Persistence = Persistence()


class DnsService(Values):
    """How resolvers reach the name server: one Service for UDP and TCP at port 53."""

    type: Literal["ClusterIP", "LoadBalancer", "NodePort"] = "LoadBalancer"
    external_traffic_policy: Literal["Local", "Cluster"] = Field(
        "Local", description="Cluster hides who asks, and answers by place with it"
    )
    annotations: dict[str, str] = {}
    load_balancer_class: str = ""
    load_balancer_ip: str = Field("", alias="loadBalancerIP")
    ip_family_policy: Literal["SingleStack", "PreferDualStack", "RequireDualStack"] = "SingleStack"


class PodDisruptionBudget(Values):
    """How many may be away at once for a node's maintenance."""

    enabled: bool = True
    max_unavailable: int = Field(1, ge=1)


class NameServer(Pod):
    """The authoritative name server."""

    enabled: bool = False
    replicas: int = Field(2, ge=1)
    config: NameServerConfig = Field(  # type: ignore[valid-type]
        {},
        description="the section nameserver of docs/configuration.md without listen, feeds, key-file, state, metrics",
        validate_default=False,
    )
    feeds: tuple[str, ...] = Field(
        (), description="feeds of controllers elsewhere, host:port, the nearest first; this release's goes before them"
    )
    log: Json = Field({}, description="the section log")
    secrets: tuple[str, ...] = Field((), description="Secrets whose keys are files beside its configuration")
    key_file: str = Field("feed.key", pattern=FILE, description="the file with the feed's key")
    service: DnsService = DnsService()
    pod_disruption_budget: PodDisruptionBudget = PodDisruptionBudget()


class Prober(Pod):
    """A vantage: it probes for controllers."""

    enabled: bool = False
    config: ProberConfig = Field(  # type: ignore[valid-type]
        {},
        description="the section prober of docs/vantages.md without controllers, key-file, metrics",
        validate_default=False,
    )
    controllers: tuple[str, ...] = Field(
        (), description="feeds of controllers elsewhere, host:port, the nearest first; this release's goes before them"
    )
    log: Json = Field({}, description="the section log")
    secrets: tuple[str, ...] = Field((), description="Secrets whose keys are files beside its configuration")
    key_file: str = Field("prober.key", pattern=FILE, description="the file with its own key")


class NetworkPolicy(Values):
    """Who may connect to the Pods."""

    enabled: bool = True
    api_from: tuple[Json, ...] = Field(
        (),
        description="peers that may read status and metrics, beside Pods of the release's namespace: your Prometheus",
    )
    feed_from: tuple[Json, ...] = Field(
        ({"ipBlock": {"cidr": "0.0.0.0/0"}}, {"ipBlock": {"cidr": "::/0"}}),
        description="peers that may connect to the feed, which lets in who has its key",
    )


class ServiceMonitor(Values):
    """Scraping by the Prometheus operator."""

    enabled: bool = False
    interval: str = "30s"
    labels: dict[str, str] = Field({}, description="what your Prometheus selects by")


class Labelled(Values):
    """An object that something selects by labels."""

    enabled: bool = False
    labels: dict[str, str] = Field({}, description="what selects it")


class Dashboards(Values):
    """A ConfigMap for each Grafana dashboard."""

    enabled: bool = False
    labels: dict[str, str] = Field({"grafana_dashboard": "1"}, description="what Grafana's sidecar selects by")


class Monitoring(Values):
    """Objects for Prometheus and Grafana."""

    service_monitor: ServiceMonitor = ServiceMonitor()
    prometheus_rule: Labelled = Labelled()
    dashboards: Dashboards = Dashboards()


class Chart(Values):
    """Values of the trafficfed chart."""

    image: Image = Image()
    service_account: ServiceAccount = ServiceAccount()
    rbac: Rbac = Rbac()
    controller: Controller = Controller()
    nameserver: NameServer = NameServer()
    prober: Prober = Prober()
    network_policy: NetworkPolicy = NetworkPolicy()
    monitoring: Monitoring = Monitoring()
    global_: Json = Field({}, alias="global", description="values that an umbrella chart shares; read by none of ours")
