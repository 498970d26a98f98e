"""The shape of trafficfed.yaml. Each field states its unit, its default, and why that is the default."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from trafficfed.config.fields import (
    Cidr,
    Continent,
    Count,
    Country,
    DnsName,
    Duration,
    Empty,
    Flag,
    Identifier,
    Kind,
    Listen,
    Section,
    Text,
    check_one_way_in,
)
from trafficfed.config.leadership_section import LeadershipSection, RemoteVantageSection
from trafficfed.config.nameserver_section import NameServerSection
from trafficfed.config.settings import ListenAddress


class ClusterSection(Section):
    """One member cluster. Country, continent and coordinates follow from a cloud region that is known by name."""

    name: Identifier = Field(
        examples=["eu"],
        description=("its name here, unique. Endpoints in the table are kept by it: a renamed cluster is a new one"),
    )
    kubeconfig: Text | None = Field(
        None,
        description=(
            "a file; without it `$KUBECONFIG`, else `~/.kube/config`. A file that is missing ends nothing: "
            "that cluster stays out of reach until it is there"
        ),
    )
    context: Text | None = Field(
        None, description=("a context of that file; without it the current one. Name it, as the current one changes")
    )
    in_cluster: Flag = Field(
        False,
        description=("`true`: reach it by the service account of the pod this runs in. Not together with a kubeconfig"),
    )
    clusterset: Identifier = Field(
        "default",
        description=(
            "Services of one namespace and name are one only within it, so that a development cluster never "
            "joins production by chance"
        ),
    )
    region: Text = Field(
        "",
        description=(
            "its region, best by the cloud's name for it: for the known ones country, continent and coordinates follow"
        ),
    )
    zone: Text = Field("", description="its zone within the region; shown and kept, used by nothing yet")
    provider: Text = Field("", description="who runs it; shown and kept, used by nothing yet")
    country: Country | None = Field(None, description="two-letter ISO 3166-1 code; without it that of the region")
    continent: Continent | None = Field(
        None, description="AF, AN, AS, EU, NA, OC or SA; without it that of the country"
    )
    latitude: float | None = Field(
        None,
        ge=-90,
        le=90,
        description=(
            "degrees from -90 to 90, together with the longitude. Without both: those of the region, else "
            "the middle of the continent"
        ),
    )
    longitude: float | None = Field(None, ge=-180, le=180, description="degrees from -180 to 180")
    labels: dict[str, Text] = Field(
        default_factory=dict,
        description="labels of your own, for policies to choose by ([propagation](propagation.md))",
    )
    compliance: dict[str, Text] = Field(
        default_factory=dict, description="what it is certified for, for policies to ask for"
    )
    offers: Annotated[tuple[Cidr, ...], Empty("any")] = Field(
        (), description="CIDR ranges this cluster may publish addresses from, within what its zones allow"
    )

    @model_validator(mode="after")
    def one_way_in(self) -> "ClusterSection":
        check_one_way_in(self.in_cluster, self.kubeconfig, self.context)
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("has only one of latitude and longitude; write both or none")
        return self


class ProviderSection(BaseModel):
    """One DNS provider. What else it needs is its adapter's to say, so every further key is passed on."""

    model_config = ConfigDict(extra="allow", frozen=True, hide_input_in_errors=True)
    kind: Text = Field(
        examples=["rfc2136"],
        description=(
            "which adapter: see [providers/README.md](../providers/README.md). Every further key but "
            "`region` is the adapter's own"
        ),
    )
    region: Text = Field(
        "",
        description=(
            "where its one primary stands, if it has one: once that region is gone the zone cannot be "
            "written, which `status` tells beforehand"
        ),
    )


class GrantSection(Section):
    """Who may claim which names of a zone; what is left out means any."""

    clusters: Annotated[tuple[Identifier, ...], Empty("any")] = Field(
        (), description="clusters that this grant is for; `hub` is the [hub](globalservices.md)"
    )
    namespaces: Annotated[tuple[Text, ...], Empty("any")] = Field((), description="namespaces that this grant is for")
    names: Annotated[tuple[Text, ...], Empty("any")] = Field(
        (),
        description=(
            "names it grants, as shell patterns: `*.eu.example.org` is everything below `eu.example.org`. A "
            "wildcard hostname needs a pattern that begins with `*`"
        ),
    )


class ZoneSection(Section):
    """One DNS zone that is written to. Closed by default: a name may be claimed only where a grant says so."""

    name: DnsName = Field(
        examples=["fed.example.org"],
        description="the zone. A hostname belongs to the deepest configured zone that it lies in",
    )
    providers: tuple[Text, ...] = Field(
        min_length=1, examples=["[bind]"], description="names from `providers`; each of them carries the whole zone"
    )
    open: Flag = Field(
        False,
        description=(
            "`true`: any namespace may claim any name, the first claim holds. Closed, since names are worth defending"
        ),
    )
    grants: tuple[GrantSection, ...] = ()
    publish: Annotated[tuple[Cidr, ...], Empty("any")] = Field(
        (),
        description=(
            "CIDR ranges whose addresses may be answered. Loopback, link-local, metadata, multicast, "
            "unspecified and reserved ones only where a range inside such a block is listed"
        ),
    )
    approximate: tuple[Literal["geo", "weighted"], ...] = Field(
        (),
        description=(
            "losses you accept where a provider cannot express a decision: `geo`, `weighted`. Others are "
            "refused with a reason"
        ),
    )
    adopt: tuple[Text, ...] = Field(
        (),
        description=(
            "names whose foreign records or markers may be taken over. Take them off the list once they are ours"
        ),
    )


class HealthSection(Section):
    """Probing, where a Service says nothing else. The defaults find a death in about 5 s and ride out a blip."""

    interval: Duration = Field(10.0, ge=1, le=3600, description="between probes of one target; 1 to 3600 s")
    timeout: Duration = Field(
        3.0,
        ge=0.05,
        le=60,
        description=("for one probe in all, connection and answer; 0.05 to 60 s, and no longer than the interval"),
    )
    fall: Count = Field(
        3, ge=1, le=10, description="failures in a row until it is out; 1 to 10. One lost packet is no death"
    )
    rise: Count = Field(
        3, ge=1, le=10, description="passes in a row until it is back; 1 to 10. A new endpoint needs one"
    )
    failback: Duration = Field(
        60.0,
        ge=0,
        le=86400,
        description=(
            "it must hold before traffic returns; 0 to 86400 s, so that a flapping backend does not move "
            "everybody. It holds nothing back where nothing else serves"
        ),
    )
    suspicion: Duration = Field(
        1.0, ge=0.1, le=60, description="between probes after a first failure, until it is out or passes; 0.1 to 60 s"
    )

    @model_validator(mode="after")
    def ends_before_the_next(self) -> "HealthSection":
        if self.timeout > self.interval:
            raise ValueError(
                f"has a timeout of {self.timeout:g} s in an interval of {self.interval:g} s; make it shorter"
            )
        return self


class FeedSection(Section):
    """Where name servers fetch the table."""

    listen: Listen = Field(
        examples=["127.0.0.1:9053"], description="address and port at which name servers fetch the table"
    )
    key_file: Text = Field(
        examples=["./feed.key"],
        description=(
            "a file with the key both sides share, of at least 16 octets: `head -c 32 /dev/urandom | base64 > feed.key`"
        ),
    )


class VantageSection(Section):
    """The place this controller probes from. One controller alone needs no name of its own."""

    name: Identifier | None = Field(
        None, description="the name of the place probed from; without it `$HOSTNAME`, else `local`"
    )
    region: Text = Field(
        "", description="its region, for placement by latency and for what `status` says a failover survives"
    )
    cluster: Identifier | None = Field(
        None,
        description=(
            "the member cluster it runs in. Its word on that cluster's endpoints counts only where nobody "
            "else reports, as load-balancer addresses are short-circuited to the pods there"
        ),
    )


class HubSection(Section):
    """The API server that holds policies and the objects they place. Without it nothing is propagated."""

    kubeconfig: Text | None = Field(
        None,
        description=(
            "a file; without it `$KUBECONFIG`, else `~/.kube/config`. A hub out of reach ends nothing: what "
            "is in the members stays"
        ),
    )
    context: Text | None = Field(None, description="a context of that file; without it the current one")
    in_cluster: Flag = Field(
        False,
        description=("`true`: reach it by the service account of the pod this runs in. Not together with a kubeconfig"),
    )

    @model_validator(mode="after")
    def one_way_in(self) -> "HubSection":
        check_one_way_in(self.in_cluster, self.kubeconfig, self.context)
        return self


class PropagationSection(Section):
    """What may be copied from the hub, and where the record of what is where is kept there."""

    kinds: tuple[Kind, ...] = Field(
        (),
        description=(
            "what may be propagated, as `apiVersion/Kind`, such as `apps/v1/Deployment`. Empty means the "
            "usual workloads and what they need. A list replaces that; kinds that grant permissions have to "
            "be listed by name"
        ),
    )
    namespace: Identifier = Field(
        "trafficfed", description="the namespace on the hub that keeps the record of what was placed where"
    )


class ServicesSection(Section):
    """Services that clusters of a clusterset export to each other (Multi-Cluster Services API)."""

    imports: Literal["none", "read", "write"] = Field(
        "none",
        description=(
            "`write`: what members export is imported into every member that has the namespace. `read`: another"
            " implementation does that; its imports are counted, and exports still give public names. `none`: exports"
            " are left alone"
        ),
    )
    meshes: tuple[Literal["istio", "linkerd", "cilium"], ...] = Field(
        (), description="[meshes](services.md#meshes) that are told of imports, with `write`"
    )


class BaselinesSection(Section):
    """Rules of the hub's FleetBaselines that must hold in the members."""

    members: Literal["none", "read", "write"] = Field(
        "none",
        description=(
            "`write`: baselines are kept as their mode says. `read`: whatever their mode, they are only reported on."
            " `none`: they are left alone"
        ),
    )


class LogSection(Section):
    """Log lines go to standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="`debug` (shows every probe), `info`, `warning` or `error`"
    )
    format: Literal["auto", "json", "console"] = Field(
        "auto",
        description=("`json`, `console`, or `auto`: console on a terminal, JSON elsewhere. Lines go to standard error"),
    )


class MetricsSection(Section):
    """What /metrics of the controller has."""

    services: Flag = Field(
        True,
        description=(
            "`false`: no series of single services, only those of the fleet, its clusters, vantages and "
            "providers. Alerts still work, without the services' names"
        ),
    )
    series: Count = Field(
        20_000,
        ge=100,
        le=1_000_000,
        description=(
            "at most so many series of each metric by service, from 100 to 1000000; "
            "`trafficfed_dropped_series` counts the rest"
        ),
    )


class File(Section):
    """The whole file. Only what it is used for must be there: a name server's file needs no clusters."""

    owner: Annotated[Identifier | None, Empty("required")] = Field(
        None,
        description=(
            "goes into every ownership marker. Give each controller that writes a zone its own, and never "
            "change it: records marked by another owner are foreign"
        ),
    )
    state: Text = Field(
        "./state",
        description=(
            "the folder the table lives in. It stands beside the file so that a restart finds it. Keep it on"
            " a disk that outlives the process. One process at a time may use it"
        ),
    )
    api: Listen = Field(
        ListenAddress("127.0.0.1", 8080),
        description=(
            "address and port of status, metrics and health. Loopback, since status tells names and "
            "addresses, and reads need no credentials"
        ),
    )
    api_hosts: tuple[DnsName, ...] = Field(
        (),
        description=(
            "DNS names the API may be called by, beside IP addresses and `localhost`. Others are refused, so"
            " that no web page can reach it by a name that resolves to it"
        ),
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
    services: ServicesSection = ServicesSection()
    baselines: BaselinesSection = BaselinesSection()
    allow_exec: tuple[Text, ...] = Field(
        (),
        description=(
            "commands that a kubeconfig may name as credential plugins, exactly as written there. None "
            "unless listed: a kubeconfig is not trusted as code"
        ),
    )
    nameserver: NameServerSection | None = None
    log: LogSection = LogSection()
    metrics: MetricsSection = MetricsSection()
