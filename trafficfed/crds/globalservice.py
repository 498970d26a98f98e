"""GlobalService as a user writes it on the hub: names and steering of the Service of the same namespace and name."""

import enum
from typing import Annotated, ClassVar

from msgspec import Meta

from trafficfed.crds.structs import Conditions, HubMeta, Part, Rule
from trafficfed.discovery.annotations import LONGEST_TTL
from trafficfed.discovery.hostnames import LONGEST_CLAIMED
from trafficfed.model import Form, GlobalService, HealthCheck, ServiceKey, WhenAllDown

HOSTNAME = r"^(\*\.)?([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
"""Canonical text only, so that what is written is what is published: lower case, A-labels, no final dot."""

Hostname = Annotated[str, Meta(min_length=3, max_length=LONGEST_CLAIMED, pattern=HOSTNAME)]
Seconds = Annotated[float, Meta(ge=0, le=86400)]


class Steering(enum.StrEnum):
    """The words of a steering chain."""

    GEO = "geo"
    FAILOVER = "failover"
    WEIGHTED = "weighted"
    MULTIVALUE = "multivalue"


class TargetForm(enum.StrEnum):
    """How the names are published."""

    AUTO = "auto"
    ADDRESS = "address"
    HOSTNAME = "hostname"


class Scheme(enum.StrEnum):
    """The probe types."""

    HTTP = "http"
    HTTPS = "https"
    TCP = "tcp"


class HealthCheckSpec(Part, frozen=True, kw_only=True):
    """How each endpoint is probed and when it counts as down or back."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "double(self.timeoutSeconds) <= double(self.intervalSeconds)",
            "timeoutSeconds must not exceed intervalSeconds",
        ),
    )

    scheme: Annotated[Scheme, Meta(description="The probe type.")] = Scheme.TCP
    port: Annotated[int, Meta(ge=0, le=65535, description="0 = the endpoint's first port.")] = 0
    path: Annotated[str, Meta(max_length=2048, pattern="^/", description="What is asked for over HTTP.")] = "/"
    host: Annotated[str, Meta(max_length=253, description="HTTP Host and TLS name; empty = the first hostname.")] = ""
    interval_seconds: Annotated[float, Meta(ge=1, le=3600, description="Between probes of one target.")] = 10.0
    timeout_seconds: Annotated[float, Meta(ge=0.05, le=60, description="In all, connection and answer.")] = 3.0
    fall: Annotated[int, Meta(ge=1, le=10, description="Failures in a row until it is out.")] = 3
    rise: Annotated[int, Meta(ge=1, le=10, description="Passes in a row until it is back.")] = 3
    failback_seconds: Annotated[Seconds, Meta(description="It must hold so long before traffic returns.")] = 60.0


class GlobalServiceSpec(Part, frozen=True, kw_only=True):
    """Names of one Service over all clusters, and how clients are spread over its endpoints."""

    RULES: ClassVar[tuple[Rule, ...]] = (
        Rule(
            "self.steering.all(word, self.steering.exists_one(other, other == word))",
            "steering has a word twice; name each once",
        ),
        Rule(
            "size(self.steering) < 2 || !self.steering.exists(word, word in ['weighted', 'multivalue']"
            " && word != self.steering[size(self.steering) - 1])",
            "weighted or multivalue ends a chain, as in [geo, failover, weighted]",
        ),
        Rule(
            "(self.whenAllDown == 'fallback') == (has(self.fallback) && size(self.fallback) > 0)",
            "fallback and whenAllDown: fallback need each other",
        ),
    )

    hostnames: Annotated[
        tuple[Hostname, ...],
        Meta(
            min_length=1,
            max_length=64,
            description="Names in configured zones, lower case, international ones as A-labels; *. as first label.",
            extra_json_schema={"x-kubernetes-list-type": "set"},
        ),
    ]
    steering: Annotated[
        tuple[Steering, ...], Meta(min_length=1, max_length=4, description="Applied from left to right.")
    ] = (Steering.MULTIVALUE,)
    health_check: Annotated[HealthCheckSpec, Meta(description="How endpoints are probed.")] = HealthCheckSpec()
    ttl: Annotated[int, Meta(ge=1, le=LONGEST_TTL, description="Of the answers, in seconds.")] = 30
    clusterset: Annotated[
        str, Meta(max_length=63, description="Whose Services it is about; empty where all clusters are in one.")
    ] = ""
    target_form: Annotated[
        TargetForm, Meta(description="auto: addresses, unless every endpoint is known by a hostname only.")
    ] = TargetForm.AUTO
    when_all_down: Annotated[
        WhenAllDown,
        Meta(description="What clients get when nothing serves: all, the last that served, the fallback, nothing."),
    ] = WhenAllDown.ALL
    fallback: Annotated[
        tuple[Annotated[str, Meta(min_length=1, max_length=253)], ...],
        Meta(max_length=16, description="Addresses or hostnames that are given out when nothing serves."),
    ] = ()


class EndpointSummary(Part, frozen=True, kw_only=True):
    """One cluster's endpoint."""

    cluster: Annotated[str, Meta(max_length=253, description="The member cluster.")]
    serving: Annotated[bool, Meta(description="Whether it is given out, as far as health goes.")] = False
    targets: Annotated[
        tuple[Annotated[str, Meta(max_length=253)], ...], Meta(max_length=64, description="Addresses or hostnames.")
    ] = ()
    reason: Annotated[str, Meta(max_length=63, description="Why.")] = ""


class GlobalServiceStatus(Part, frozen=True, kw_only=True):
    """What became of a GlobalService."""

    observed_generation: Annotated[int, Meta(description="The generation this status is about.")] = 0
    conditions: Annotated[
        Conditions,
        Meta(
            description="Accepted: all that it says holds. Ready: something serves. Conflict: another has a name of it."
        ),
    ] = ()
    hostnames: Annotated[
        tuple[Annotated[str, Meta(max_length=LONGEST_CLAIMED)], ...],
        Meta(max_length=64, description="The names that it has."),
    ] = ()
    endpoints: Annotated[
        tuple[EndpointSummary, ...], Meta(max_length=1000, description="What each cluster offers.")
    ] = ()
    serving: Annotated[str, Meta(max_length=20, description="Endpoints that serve, of all: 2/3.")] = ""


class GlobalServiceObject(Part, frozen=True, kw_only=True):
    """One name for a Service that runs in many clusters. It rules over annotations on the Services themselves."""

    metadata: HubMeta = HubMeta()
    spec: GlobalServiceSpec
    status: GlobalServiceStatus = GlobalServiceStatus()


def declared(written: GlobalServiceObject, clusterset: str, form: Form) -> GlobalService:
    """What a user wrote as the model's value. ``form`` is what the endpoints' kinds make it, used where it is auto."""
    meta, spec = written.metadata, written.spec
    stated = {TargetForm.ADDRESS: Form.ADDRESS, TargetForm.HOSTNAME: Form.HOSTNAME}
    return GlobalService(
        key=ServiceKey(clusterset, meta.namespace, meta.name),
        hostnames=tuple(sorted(spec.hostnames)),
        steering=tuple(str(word) for word in spec.steering),
        health_check=_health_check(spec.health_check),
        ttl=spec.ttl,
        form=stated.get(spec.target_form, form),
        stated_form=stated.get(spec.target_form),
        when_all_down=spec.when_all_down,
        fallback=spec.fallback,
        origin=(f"hub:GlobalService/{meta.namespace}/{meta.name}",),
    )


def _health_check(spec: HealthCheckSpec) -> HealthCheck:
    return HealthCheck(
        scheme=str(spec.scheme),
        port=spec.port,
        path=spec.path,
        host=spec.host,
        interval_s=spec.interval_seconds,
        timeout_s=spec.timeout_seconds,
        fall=spec.fall,
        rise=spec.rise,
        failback_s=spec.failback_seconds,
    )
