"""Where things stand, read from the configuration: what tells which losses failover survives."""

from collections.abc import Mapping

from trafficfed.config.settings import ElectorSettings, Settings
from trafficfed.model import Capabilities
from trafficfed.survival import Layout, Placed, Survival, Target, survivals


def survivals_of(settings: Settings, capabilities: Mapping[str, Capabilities]) -> tuple[Survival, ...]:
    """What the failover of every zone at each of its providers survives; ``capabilities`` are the providers'."""
    targets = tuple(
        Target(
            zone=zone.name,
            provider=name,
            kind=settings.providers[name].kind,
            region=settings.providers[name].region,
            checks=_fails_over(settings, capabilities[name]),
        )
        for zone in settings.zones
        for name in zone.providers
    )
    return survivals(targets, layout_of(settings))


def _fails_over(settings: Settings, capabilities: Capabilities) -> bool:
    """Whether the provider's own checks watch every cluster: one that none watches is taken out by us alone."""
    watched = {cluster for cluster, _ in capabilities.checks}
    return capabilities.failover and bool(watched) and watched >= {cluster.name for cluster in settings.clusters}


def layout_of(settings: Settings) -> Layout:
    """Controllers, electors and the regions that any of them or any cluster is in."""
    leadership = settings.leadership
    peers = leadership.peers if leadership else ()
    controllers = (
        Placed(leadership.name if leadership else "this controller", _own_region(settings)),
        *(Placed(peer.name, peer.region) for peer in peers),
    )
    electorate = leadership.electorate if leadership else ()
    electors = tuple(Placed(each.name, _region_of(each, settings)) for each in electorate)
    placed = {each.region for each in (*controllers, *electors)}
    regions = {_region_of_cluster(cluster.name, settings) for cluster in settings.clusters} | placed
    regions |= {provider.region for provider in settings.providers.values()}
    return Layout(regions=tuple(sorted(regions - {""})), controllers=controllers, electors=electors)


def _own_region(settings: Settings) -> str:
    vantage = settings.vantage
    return vantage.region or (_region_of_cluster(vantage.cluster, settings) if vantage.cluster else "")


def _region_of(elector: ElectorSettings, settings: Settings) -> str:
    if elector.cluster:
        return _region_of_cluster(elector.cluster, settings)
    return settings.providers[elector.provider].region


def _region_of_cluster(name: str, settings: Settings) -> str:
    """A cluster without a stated region is a region of its own: it may be lost by itself."""
    return next((each.region or name for each in settings.clusters if each.name == name), "")
