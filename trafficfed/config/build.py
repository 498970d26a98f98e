"""A validated file -> the values the rest of the program works with."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from trafficfed.config.checks import Resolve
from trafficfed.config.leadership_section import leadership_settings, remote_vantage
from trafficfed.config.nameserver_section import name_server_settings
from trafficfed.config.schema import (
    ClusterSection,
    FeedSection,
    File,
    HealthSection,
    HubSection,
    PropagationSection,
    ProviderSection,
    VantageSection,
    ZoneSection,
)
from trafficfed.config.settings import (
    Access,
    BaselinesSettings,
    FeedSettings,
    LeadershipSettings,
    LogSettings,
    MetricsSettings,
    PropagationSettings,
    ProviderSettings,
    ServicesSettings,
    Settings,
    VantageSettings,
    read_key,
)
from trafficfed.model import Cluster, Grant, HealthCheck, Zone
from trafficfed.steering.geography import REGIONS
from trafficfed.steering.places import place_of

Place = Callable[..., str]


def build(
    file: File, path: Path, environ: Mapping[str, str], resolve: Resolve, place: Place, warnings: tuple[str, ...]
) -> Settings:
    """Settings of a file that has no mistakes."""
    return Settings(
        path=path.absolute(),
        owner=file.owner or "",
        state_dir=resolve(file.state),
        api=file.api,
        api_hosts=file.api_hosts,
        feed=_feed(file.feed, resolve) if file.feed else None,
        clusters=tuple(_cluster(section) for section in file.clusters),
        access={
            section.name: _access(section, resolve, place("clusters", at)) for at, section in enumerate(file.clusters)
        },
        zones=tuple(_zone(section) for section in file.zones),
        providers={
            name: _provider(name, section, resolve, place("providers", name))
            for name, section in file.providers.items()
        },
        health=_health(file.health),
        vantage=_vantage(file.vantage, environ),
        vantages=tuple(remote_vantage(section, resolve) for section in file.vantages),
        leadership=_leadership(file, resolve),
        hub=_access(file.hub, resolve, place("hub")) if file.hub else None,
        propagation=_propagation(file.propagation),
        services=ServicesSettings(file.services.imports, file.services.meshes),
        baselines=BaselinesSettings(file.baselines.members),
        allow_exec=file.allow_exec,
        nameserver=name_server_settings(file.nameserver, resolve) if file.nameserver else None,
        log=LogSettings(file.log.level, file.log.format),
        metrics=MetricsSettings(file.metrics.services, file.metrics.series),
        warnings=warnings,
    )


def _cluster(section: ClusterSection) -> Cluster:
    """The cluster with what its region's name tells filled in, so that ``status`` shows where it is taken to be."""
    written = Cluster(
        name=section.name,
        clusterset=section.clusterset,
        region=section.region,
        zone=section.zone,
        provider=section.provider,
        country=section.country or "",
        continent=section.continent or "",
        latitude=section.latitude,
        longitude=section.longitude,
        labels=tuple(sorted(section.labels.items())),
        compliance=tuple(sorted(section.compliance.items())),
        offers=section.offers,
    )
    place = place_of(written)
    located = msgspec.structs.replace(written, country=place.country, continent=place.continent)
    region = REGIONS.get(section.region.lower())
    if region is None or region.country != place.country or section.latitude is not None:
        return located
    return msgspec.structs.replace(located, latitude=region.latitude, longitude=region.longitude)


def _feed(section: FeedSection, resolve: Resolve) -> FeedSettings:
    file = resolve(section.key_file)
    return FeedSettings(section.listen, file, read_key(file))


def _leadership(file: File, resolve: Resolve) -> LeadershipSettings | None:
    if file.leadership is None:
        return None
    providers = {zone.name: zone.providers for zone in file.zones}
    return leadership_settings(file.leadership, lambda zone: providers[zone], resolve)


def _propagation(section: PropagationSection) -> PropagationSettings:
    kinds = (each.rpartition("/") for each in section.kinds)
    return PropagationSettings(tuple((version, kind) for version, _, kind in kinds), section.namespace)


def _access(section: ClusterSection | HubSection, resolve: Resolve, place: str) -> Access:
    kubeconfig = resolve(section.kubeconfig) if section.kubeconfig else None
    return Access(kubeconfig, section.context, section.in_cluster, place)


def _zone(section: ZoneSection) -> Zone:
    return Zone(
        name=section.name,
        providers=section.providers,
        open=section.open,
        grants=tuple(
            Grant(clusters=grant.clusters, namespaces=grant.namespaces, names=grant.names) for grant in section.grants
        ),
        publish=section.publish,
        approximate=section.approximate,
        adopt=tuple(name.lower().removesuffix(".") for name in section.adopt),
    )


def _provider(name: str, section: ProviderSection, resolve: Resolve, place: str) -> ProviderSettings:
    options = _absolute(section.model_extra or {}, resolve)
    return ProviderSettings(name, section.kind, options, place, section.region)


def _absolute(options: Mapping[str, Any], resolve: Resolve) -> dict[str, object]:
    """The options with every ``*-file`` made absolute, however deep it stands."""
    return {
        key: _absolute(value, resolve)
        if isinstance(value, Mapping)
        else str(resolve(value))
        if isinstance(value, str) and key.endswith("-file")
        else value
        for key, value in options.items()
    }


def _health(section: HealthSection) -> HealthCheck:
    return HealthCheck(
        interval_s=section.interval,
        timeout_s=section.timeout,
        fall=section.fall,
        rise=section.rise,
        failback_s=section.failback,
        suspicion_s=section.suspicion,
    )


def _vantage(section: VantageSection, environ: Mapping[str, str]) -> VantageSettings:
    return VantageSettings(section.name or environ.get("HOSTNAME") or "local", section.region, section.cluster or "")
