"""The ``nameserver`` section: what ``trafficfed nameserver`` is told, and its meaning as that part's own settings."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

from pydantic import BeforeValidator, Field

from trafficfed.config.fields import Cidr, Continent, Country, DnsName, Duration, Listen, Section, Text
from trafficfed.config.settings import read_key
from trafficfed.model import RecordSet
from trafficfed.nameserver.settings import NEGATIVE_TTL_S, NameServerSettings, Place, ServedZone
from trafficfed.steering.geography import CONTINENTS

Ttl = Annotated[int, Field(strict=True, ge=0, le=604800)]


def _one_or_many(value: object) -> object:
    return [value] if isinstance(value, str) else value


class PlaceSection(Section):
    """Where the clients of one network are; goes before what the MaxMind database says."""

    network: Cidr = Field(examples=["192.0.2.0/24"])
    continent: Continent | None = Field(None, description="the country's where left out")
    country: Country | None = None
    subdivision: Text = Field("", description="ISO 3166-2, such as US-CA", pattern=r"^([A-Z]{2}-[A-Z0-9]{1,3})?$")


class RecordSection(Section):
    """One static record set: what is answered beside the services' own names."""

    name: DnsName = Field(examples=["ns1.fed.example.org"])
    type: Text = Field(pattern=r"^[A-Z0-9]+$", examples=["A"])
    ttl: Ttl = Field(3600, description="seconds; static records rarely change")
    values: tuple[Text, ...] = Field(min_length=1, examples=["[192.0.2.53]"])


class ServedZoneSection(Section):
    """One zone this name server is the authority for."""

    name: DnsName = Field(examples=["fed.example.org"])
    nameservers: tuple[DnsName, ...] = Field(min_length=1, examples=["[ns1.fed.example.org]"])
    mailbox: Text = Field(examples=["hostmaster@example.org"])
    records: tuple[RecordSection, ...] = ()
    ttl: Ttl = Field(3600, description="seconds, of SOA and NS")
    negative_ttl: Ttl = Field(NEGATIVE_TTL_S, description="seconds a resolver may keep 'no such name'")


class NameServerSection(Section):
    """A name server in a process of its own, fed by controllers."""

    listen: Annotated[tuple[Listen, ...], BeforeValidator(_one_or_many)] = Field(
        min_length=1, examples=["192.0.2.53:53"]
    )
    feeds: Annotated[tuple[Listen, ...], BeforeValidator(_one_or_many)] = Field(
        min_length=1, examples=["[127.0.0.1:9053]"]
    )
    key_file: Text = Field(examples=["./feed.key"])
    state: Text = Field("./nameserver-state", description="the folder its last table lives in")
    mmdb: Text | None = Field(
        None, description="a MaxMind database of countries or cities; without one places alone decide"
    )
    places: tuple[PlaceSection, ...] = ()
    metrics: Listen | None = Field(None, description="an address for Prometheus; none where left out")
    wait: Duration = Field(
        10.0, ge=0, le=60, description="seconds of SERVFAIL at start for want of a controller's table"
    )
    zones: tuple[ServedZoneSection, ...] = Field(min_length=1)


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
