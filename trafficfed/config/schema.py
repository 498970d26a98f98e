"""The shape of trafficfed.yaml. Each field states its unit, its default, and why that is the default."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trafficfed.config.fields import (
    Cidr,
    Continent,
    Count,
    Country,
    DnsName,
    Duration,
    Flag,
    Identifier,
    Kind,
    Listen,
    Section,
    Text,
)
from trafficfed.config.leadership_section import LeadershipSection, RemoteVantageSection
from trafficfed.config.nameserver_section import NameServerSection
from trafficfed.config.settings import ListenAddress


class ClusterSection(Section):
    """One member cluster. Country, continent and coordinates follow from a cloud region that is known by name."""

    name: Identifier = Field(examples=["eu"])
    kubeconfig: Text | None = Field(None, description="a file; $KUBECONFIG or ~/.kube/config where left out")
    context: Text | None = Field(None, description="the kubeconfig's current context where left out")
    in_cluster: Flag = Field(False, description="use the service account of the pod this runs in")
    clusterset: Identifier = Field("default", description="Services of one name are one only within a clusterset")
    region: Text = ""
    zone: Text = ""
    provider: Text = ""
    country: Country | None = None
    continent: Continent | None = None
    latitude: float | None = Field(None, ge=-90, le=90, description="degrees")
    longitude: float | None = Field(None, ge=-180, le=180, description="degrees")
    labels: dict[str, Text] = Field(default_factory=dict)
    compliance: dict[str, Text] = Field(
        default_factory=dict, description="what it is certified for; a placement policy may insist on it"
    )
    offers: tuple[Cidr, ...] = Field((), description="what it may publish; empty = whatever its zone allows")

    @model_validator(mode="after")
    def one_way_in(self) -> "ClusterSection":
        if self.in_cluster and (self.kubeconfig or self.context):
            raise ValueError("has both in-cluster and a kubeconfig; keep the one that reaches it")
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("has only one of latitude and longitude; write both or none")
        return self


class ProviderSection(BaseModel):
    """One DNS provider. What else it needs is its adapter's to say, so every further key is passed on."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    kind: Text = Field(examples=["rfc2136"])
    region: Text = Field("", description="where its one primary stands; its zones cannot be written once that is gone")


class GrantSection(Section):
    """Who may claim which names of a zone; what is left out means any."""

    clusters: tuple[Identifier, ...] = ()
    namespaces: tuple[Text, ...] = ()
    names: tuple[Text, ...] = Field((), description="shell patterns such as *.eu.example.org")


class ZoneSection(Section):
    """One DNS zone that is written to. Closed by default: a name may be claimed only where a grant says so."""

    name: DnsName = Field(examples=["fed.example.org"])
    providers: tuple[Text, ...] = Field(min_length=1, examples=["[bind]"])
    open: Flag = Field(False, description="any namespace may claim a name, the first claim holds")
    grants: tuple[GrantSection, ...] = ()
    publish: tuple[Cidr, ...] = Field(
        (), description="address ranges that may be answered; empty = all public and private ones"
    )
    approximate: tuple[Literal["geo", "weighted"], ...] = Field(
        (), description="what a provider may leave out where it cannot express it"
    )
    adopt: tuple[Text, ...] = Field((), description="names whose foreign records may be taken over")


class HealthSection(Section):
    """Probing, where a Service says nothing else. The defaults find a death in about 5 s and ride out a blip."""

    interval: Duration = Field(10.0, ge=1, le=3600, description="seconds between probes of one target")
    timeout: Duration = Field(3.0, ge=0.05, le=60, description="seconds in all, connection and answer")
    fall: Count = Field(3, ge=1, le=10, description="failures in a row until it is out")
    rise: Count = Field(3, ge=1, le=10, description="passes in a row until it is back")
    failback: Duration = Field(60.0, ge=0, le=86400, description="seconds it must hold before traffic returns")
    suspicion: Duration = Field(1.0, ge=0.1, le=60, description="seconds between probes after a first failure")

    @model_validator(mode="after")
    def ends_before_the_next(self) -> "HealthSection":
        if self.timeout > self.interval:
            raise ValueError(
                f"has a timeout of {self.timeout:g} s in an interval of {self.interval:g} s; make it shorter"
            )
        return self


class FeedSection(Section):
    """Where name servers fetch the table."""

    listen: Listen = Field(examples=["127.0.0.1:9053"])
    key_file: Text = Field(examples=["./feed.key"])


class VantageSection(Section):
    """The place this controller probes from. One controller alone needs no name of its own."""

    name: Identifier | None = Field(None, description="the host's name where the environment tells it, else local")
    region: Text = ""
    cluster: Identifier | None = Field(
        None, description="the member it runs in; it does not vote on that one's endpoints"
    )


class HubSection(Section):
    """The API server that holds policies and the objects they place. Without it nothing is propagated."""

    kubeconfig: Text | None = Field(None, description="a file; $KUBECONFIG or ~/.kube/config where left out")
    context: Text | None = Field(None, description="the kubeconfig's current context where left out")
    in_cluster: Flag = Field(False, description="use the service account of the pod this runs in")

    @model_validator(mode="after")
    def one_way_in(self) -> "HubSection":
        if self.in_cluster and (self.kubeconfig or self.context):
            raise ValueError("has both in-cluster and a kubeconfig; keep the one that reaches it")
        return self


class PropagationSection(Section):
    """What may be copied from the hub, and where the record of what is where is kept there."""

    kinds: tuple[Kind, ...] = Field(
        (), description="apiVersion/Kind; empty = workloads and what they need, nothing that grants permissions"
    )
    namespace: Identifier = Field("trafficfed", description="the hub's namespace for the record")


class LogSection(Section):
    """Log lines go to standard error."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "console"] = Field("auto", description="console on a terminal, json elsewhere")


class MetricsSection(Section):
    """What /metrics of the controller has."""

    services: Flag = Field(True, description="series of each service; without them only the fleet's and the clusters'")
    series: Count = Field(20_000, ge=100, le=1_000_000, description="at most so many of each metric by service")


class File(Section):
    """The whole file. Only what it is used for must be there: a name server's file needs no clusters."""

    owner: Identifier | None = Field(
        None, description="goes into ownership markers; unique among all who write the zones"
    )
    state: Text = Field(
        "./state", description="the folder the table lives in, beside the file so that a restart finds it"
    )
    api: Listen = Field(ListenAddress("127.0.0.1", 8080), description="loopback only: status tells names and addresses")
    api_hosts: tuple[DnsName, ...] = Field(
        (), description="names the API may be called by besides IP addresses and localhost"
    )
    feed: FeedSection | None = None
    clusters: tuple[ClusterSection, ...] = ()
    providers: dict[str, ProviderSection] = Field(default_factory=dict)
    zones: tuple[ZoneSection, ...] = ()
    health: HealthSection = HealthSection()
    vantage: VantageSection = VantageSection()
    vantages: tuple[RemoteVantageSection, ...] = ()
    leadership: LeadershipSection | None = None
    hub: HubSection | None = None
    propagation: PropagationSection = PropagationSection()
    allow_exec: tuple[Text, ...] = Field(
        (), description="kubeconfig exec plugins that may be started; none unless listed"
    )
    nameserver: NameServerSection | None = None
    log: LogSection = LogSection()
    metrics: MetricsSection = MetricsSection()
