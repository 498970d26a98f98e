"""The ``leadership`` and ``vantages`` sections: controllers in several regions, and who else probes for them."""

from collections.abc import Callable
from pathlib import Path

from pydantic import Field, model_validator

from trafficfed.config.fields import DnsName, Duration, Identifier, Listen, Section, Text
from trafficfed.config.settings import ElectorSettings, LeadershipSettings, PeerSettings, RemoteVantage, read_key

DRIFT = 0.9
"""A leader counts a tenth of its lease as lost to clocks that drift."""


class ElectorSection(Section):
    """One place that decides who leads: a member cluster, or a zone at a provider."""

    cluster: Identifier | None = Field(
        None, description="a member cluster that votes: a Lease there, and a mirror of the table beside it"
    )
    zone: DnsName | None = Field(
        None,
        description=(
            "a zone that votes: a record in it, at a provider that compares before it writes. It keeps no table"
        ),
    )
    provider: Text | None = Field(
        None, description="at which of its providers the zone votes; may be left out where it has only one"
    )

    @model_validator(mode="after")
    def one_place(self) -> "ElectorSection":
        if (self.cluster is None) == (self.zone is None):
            raise ValueError("is one place; write either cluster, or zone (and provider)")
        if self.cluster and self.provider:
            raise ValueError("has a provider, which only a zone has; leave it out")
        return self


class PeerSection(Section):
    """One of the other controllers."""

    name: Identifier = Field(examples=["us"], description="another controller's `leadership.name`")
    feed: Listen = Field(examples=["192.0.2.10:9053"], description="where that one's feed listens")
    region: Text = Field("", description="the region it runs in, for what `status` says a failover survives")


class LeadershipSection(Section):
    """Several controllers, of which one leads. Without this section a controller is the only one."""

    name: Identifier = Field(examples=["eu"], description="this controller's name among its peers")
    key_file: Text = Field(
        examples=["./controllers.key"],
        description=(
            "the key that all controllers share, and nobody else has: with it they follow each other, and "
            "sign the table that they leave in the electors. At least 32 octets"
        ),
    )
    electorate: tuple[ElectorSection, ...] = Field(
        description="one place or three, the same in every controller's file", examples=["[{cluster: eu}]"]
    )
    peers: tuple[PeerSection, ...] = Field((), description="all other controllers, nearest first")
    lease: Duration = Field(
        10.0, ge=1, le=120, description="a leader that was not heard of for so long is none; 1 to 120 s"
    )
    renew: Duration = Field(2.0, ge=0.2, le=30, description="between renewals, so short that two may fail; 0.2 to 30 s")
    namespace: Identifier = Field(
        "trafficfed", description="the namespace of Leases and mirrors in every voting cluster; it must exist"
    )

    @model_validator(mode="after")
    def decides(self) -> "LeadershipSection":
        if len(self.electorate) not in (1, 3):
            raise ValueError(f"has an electorate of {len(self.electorate)}; write one place or three")
        if 3 * self.renew > DRIFT * self.lease:
            raise ValueError(
                f"renews every {self.renew:g} s in a lease of {self.lease:g} s; let two renewals fail before it ends:"
                f" at most {DRIFT * self.lease / 3:.2g}"
            )
        return self


class RemoteVantageSection(Section):
    """A prober that reports to this controller."""

    name: Identifier = Field(examples=["probe-us"], description="the prober's name: its own file says the same")
    cluster: Identifier | None = Field(None, description="the member it runs in, as `vantage.cluster` has it")
    key_file: Text = Field(
        examples=["./probe-us.key"],
        description="the prober's own key, the same file as on its side; nobody else has it",
    )


def leadership_settings(
    section: LeadershipSection, providers_of: Callable[[str], tuple[str, ...]], resolve: Callable[[str], Path]
) -> LeadershipSettings:
    """``providers_of`` tells the providers of a zone."""
    file = resolve(section.key_file)
    return LeadershipSettings(
        name=section.name,
        key_file=file,
        key=read_key(file),
        electorate=tuple(_elector(each, providers_of) for each in section.electorate),
        peers=tuple(PeerSettings(peer.name, peer.feed, peer.region) for peer in section.peers),
        lease_s=section.lease,
        renew_s=section.renew,
        namespace=section.namespace,
    )


def _elector(section: ElectorSection, providers_of: Callable[[str], tuple[str, ...]]) -> ElectorSettings:
    if section.cluster:
        return ElectorSettings(cluster=section.cluster)
    zone = section.zone or ""
    return ElectorSettings(zone=zone, provider=section.provider or providers_of(zone)[0])


def remote_vantage(section: RemoteVantageSection, resolve: Callable[[str], Path]) -> RemoteVantage:
    file = resolve(section.key_file)
    return RemoteVantage(section.name, section.cluster or "", file, read_key(file))
