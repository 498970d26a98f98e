"""The ``nameserver`` section: what ``trafficfed nameserver`` is told, and its meaning as that part's own settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from trafficfed.config.fields import (
    Cidr,
    Continent,
    Country,
    DnsName,
    Duration,
    Flag,
    Identifier,
    Listen,
    Section,
    Text,
    check_one_way_in,
)
from trafficfed.config.settings import read_key
from trafficfed.model import RecordSet
from trafficfed.nameserver.settings import NEGATIVE_TTL_S, ClusterSetSettings, NameServerSettings, Place, ServedZone
from trafficfed.steering.geography import CONTINENTS

Ttl = Annotated[int, Field(strict=True, ge=0, le=604800)]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


class PlaceSection(Section):
    """Where the clients of one network are; goes before what the MaxMind database says."""

    network: Cidr = Field(examples=["192.0.2.0/24"], description="a CIDR range; goes before what the database says")
    continent: Continent | None = Field(None, description="where its clients are; the country's where left out")
    country: Country | None = Field(None, description="two-letter ISO 3166-1 code")
    subdivision: Text = Field("", pattern=r"^([A-Z]{2}-[A-Z0-9]{1,3})?$", description="ISO 3166-2, such as `US-CA`")


class RecordSection(Section):
    """One static record set: what is answered beside the services' own names."""

    name: DnsName = Field(
        examples=["ns1.fed.example.org"],
        description="a static record set, answered beside and before the services' own",
    )
    type: Text = Field(
        pattern=r"^[A-Z0-9]+$",
        examples=["A"],
        description="its type; not NS or SOA, which are made from the keys above",
    )
    ttl: Ttl = Field(3600, description="seconds, 0 to 604800")
    values: tuple[Text, ...] = Field(
        min_length=1, examples=["[192.0.2.53]"], description="its values, in presentation form"
    )


class ServedZoneSection(Section):
    """One zone this name server is the authority for."""

    name: DnsName = Field(examples=["fed.example.org"], description="a zone it is the authority for")
    nameservers: tuple[DnsName, ...] = Field(
        min_length=1,
        examples=["[ns1.fed.example.org]"],
        description="the names of its NS record set; the first is the SOA's primary",
    )
    mailbox: Text = Field(
        examples=["hostmaster@example.org"], description="the SOA's contact, such as `hostmaster@example.org`"
    )
    records: tuple[RecordSection, ...] = ()
    ttl: Ttl = Field(3600, description="seconds, of SOA and NS; 0 to 604800")
    negative_ttl: Ttl = Field(
        NEGATIVE_TTL_S,
        description=(
            'seconds a resolver may keep "no such name"; 0 to 604800. As short as answers\' own TTL, so that '
            "a new name is soon seen"
        ),
    )


class ClusterSetSection(Section):
    """Names inside the fleet: ``clusterset.local``, by the imports of one cluster."""

    cluster: Identifier = Field(
        description="the member whose ServiceImports are answered, and whose endpoints stand first", examples=["eu"]
    )
    zone: Text = Field("", description="the zone in it whose endpoints stand before its others")
    near: tuple[Identifier, ...] = Field((), description="other members, the nearest first, as their endpoints follow")
    kubeconfig: Text | None = Field(
        None, description="a file that leads to its API server; without it `$KUBECONFIG`, else `~/.kube/config`"
    )
    context: Text | None = Field(None, description="a context of that file; without it the current one")
    in_cluster: Flag = Field(
        False,
        description=("`true`: reach it by the service account of the pod this runs in. Not together with a kubeconfig"),
    )

    @model_validator(mode="after")
    def one_way_in(self) -> "ClusterSetSection":
        check_one_way_in(self.in_cluster, self.kubeconfig, self.context)
        return self


class NameServerSection(Section):
    """A name server in a process of its own, fed by controllers."""

    listen: Annotated[tuple[Listen, ...], BeforeValidator(_one_or_many)] = Field(
        min_length=1,
        examples=["192.0.2.53:53"],
        description=(
            "addresses with port, each for UDP and TCP. On a host with several addresses name each: a "
            "wildcard may answer from another than was asked"
        ),
    )
    feeds: Annotated[tuple[Listen, ...], BeforeValidator(_one_or_many)] = Field(
        min_length=1,
        examples=["[127.0.0.1:9053]"],
        description="feeds of all controllers (`host:port`), the nearest first",
    )
    key_file: Text = Field(examples=["./feed.key"], description="the file with the key of the feed")
    state: Text = Field(
        "./nameserver-state",
        description="the folder its last table lives in, which it serves when no controller answers",
    )
    mmdb: Text | None = Field(
        None,
        description=(
            "a MaxMind database of countries or cities that tells where clients are. It is read again within"
            " a minute when replaced by rename. Without one `places` alone decide"
        ),
    )
    places: tuple[PlaceSection, ...] = ()
    metrics: Listen | None = Field(None, description="address and port for `/metrics`, `/livez` and `/readyz`")
    wait: Duration = Field(
        10.0,
        ge=0,
        le=60,
        description=(
            "SERVFAIL at start for want of a controller's table, 0 to 60 s; then it serves what it has. A "
            "resolver that gets SERVFAIL asks another server"
        ),
    )
    zones: tuple[ServedZoneSection, ...] = Field(min_length=1)
    clusterset: ClusterSetSection | None = None


def name_server_settings(section: NameServerSection, resolve: Callable[[str], Path]) -> NameServerSettings:
    """The section as the name server's settings. Raises ConfigError where the key cannot be read."""
    return NameServerSettings(
        listen=tuple(map(str, section.listen)),
        zones=tuple(map(_zone, section.zones)),
        key=read_key(resolve(section.key_file)),
        state=str(resolve(section.state)),
        feeds=tuple(map(str, section.feeds)),
        mmdb=str(resolve(section.mmdb)) if section.mmdb else "",
        places=tuple(map(_place, section.places)),
        metrics=str(section.metrics or ""),
        wait_s=section.wait,
        clusterset=_clusterset(section.clusterset, resolve) if section.clusterset else None,
    )


def _clusterset(section: ClusterSetSection, resolve: Callable[[str], Path]) -> ClusterSetSettings:
    return ClusterSetSettings(
        cluster=section.cluster,
        zone=section.zone,
        near=section.near,
        kubeconfig=str(resolve(section.kubeconfig)) if section.kubeconfig else "",
        context=section.context or "",
        in_cluster=section.in_cluster,
    )


def _place(section: PlaceSection) -> Place:
    country = section.country or section.subdivision[:2]
    continent = section.continent or CONTINENTS.get(country, "")
    return Place(network=section.network, continent=continent, country=country, subdivision=section.subdivision)


def _zone(section: ServedZoneSection) -> ServedZone:
    return ServedZone(
        name=section.name,
        nameservers=section.nameservers,
        mailbox=section.mailbox,
        records=tuple(
            RecordSet(name=record.name, type=record.type, ttl=record.ttl, values=tuple(sorted(record.values)))
            for record in section.records
        ),
        ttl=section.ttl,
        negative_ttl=section.negative_ttl,
    )
