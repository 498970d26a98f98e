"""One controller put together around a table: every part that reads, decides and publishes, none of them started."""

import asyncio
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from trafficfed import registry
from trafficfed.anchors import AnchorWatch
from trafficfed.config.settings import Access, Settings
from trafficfed.controller import Controller, Holder, unheard
from trafficfed.discovery.declared import HUB
from trafficfed.discovery.inventory import Inventory
from trafficfed.discovery.resolver import DnsLookup, Names
from trafficfed.errors import ConfigError
from trafficfed.feed.notes import Tell
from trafficfed.gate import Gate
from trafficfed.globalservices.hub_link import HubLink
from trafficfed.globalservices.statuses import Statuses
from trafficfed.health.prober import Prober
from trafficfed.health.records import Records
from trafficfed.health.vantage_desk import VantageDesk
from trafficfed.kubernetes_api.connection import Connection
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.credentials import in_cluster, load_kubeconfig
from trafficfed.model import Row, ServiceKey
from trafficfed.pipeline import Pipeline
from trafficfed.ports import Clock, Provider
from trafficfed.reports import Report
from trafficfed.table.table import Table
from trafficfed.zones.publication import Outlet, Publication
from trafficfed.zones.publisher import ZonePublisher

EMBEDDED = "embedded"
"""The provider kind whose name servers hold whole decisions and follow the feed."""


@dataclass(frozen=True)
class Among:
    """What ties a controller to the others: whether it may commit, and who hears what it judges otherwise."""

    may_lead: Callable[[], bool]
    overlaid: Callable[[tuple[Row, ...], tuple[ServiceKey, ...]], None]


@dataclass(frozen=True)
class Parts:
    """One controller, put together but not started."""

    controller: Controller
    prober: Prober
    names: Names
    anchors: AnchorWatch
    hub: HubLink | None
    statuses: Statuses | None
    connections: Mapping[str, Connection]
    providers: Mapping[str, Provider]
    desk: VantageDesk | None = None

    def start_watching(self, tasks: asyncio.TaskGroup) -> None:
        """Everything that reads: enough to decide, nothing that writes."""
        for name, connection in self.connections.items():
            tasks.create_task(connection.run(), name=f"cluster {name}")
        if self.hub is not None:
            tasks.create_task(self.hub.run(), name="GlobalServices of the hub")
        tasks.create_task(self.prober.run(), name="prober")
        tasks.create_task(self.names.run(), name="resolver")
        tasks.create_task(self.controller.run(), name="controller")

    async def close(self) -> None:
        """Give the providers' connections back."""
        for provider in self.providers.values():
            await provider.close()


def assemble(
    settings: Settings,
    clock: Clock,
    table: Table,
    report: Report,
    *,
    holders: Iterable[Holder] = (),
    opened: Callable[[], None] = lambda: None,
    is_followed: Callable[[], bool] = lambda: False,
    tell: Tell = lambda note: None,
    among: Among | None = None,
) -> Parts:
    """Put a controller together around a table. ``is_followed`` tells whether any name server takes the feed;
    ``among`` is there where it is one of several, and begins as one that does not lead.

    Raises ConfigError for what only an adapter can tell is wrong.
    """
    clusters = {cluster.name: cluster for cluster in settings.clusters}
    vantage = settings.vantage
    names = Names(DnsLookup(), clock, lambda keys: controller.resolved(keys))
    has_hub = settings.hub is not None
    inventory = Inventory(clusters, settings.zones, table.rows, table.sources, settings.health, has_hub=has_hub)
    homes = {vantage.name: vantage.cluster} if vantage.cluster else {}
    homes |= {each.name: each.cluster for each in settings.vantages if each.cluster}
    records = Records(homes, clock.now_s())
    providers = {name: provider_of(settings, name) for name in settings.providers}
    controller = Controller(
        Pipeline(table, inventory, records, clusters, names.addresses, leads=among is None),
        _publication(settings, providers, clock, report, is_followed),
        Gate(clusters, clock.now_s(), has_hub=has_hub),
        clock,
        report,
        holders=holders,
        opened=opened,
        overlaid=among.overlaid if among else unheard,
        may_lead=among.may_lead if among else lambda: True,
    )
    prober = Prober(registry.probes(), clock, vantage.name, controller.observe, report)
    desk = (
        VantageDesk(homes, controller.observe, report, clock=clock, tell=tell, clusters=clusters)
        if settings.vantages
        else None
    )
    probers = (prober, desk) if desk else (prober,)
    controller.use(names, *probers)
    anchors = AnchorWatch(probers, [server for each in providers.values() for server in each.capabilities.authorities])
    connections = {
        name: Connection(
            name,
            functools.partial(credentials_of, settings.access[name], clock, settings.allow_exec),
            controller.take,
            clock,
            report,
            functools.partial(anchors.add, cluster.region or name),
        )
        for name, cluster in clusters.items()
    }
    hub = _hub(settings, controller, clock)
    statuses = _statuses(hub, controller, clock) if hub else None
    return Parts(controller, prober, names, anchors, hub, statuses, connections, providers, desk)


def provider_of(settings: Settings, name: str) -> Provider:
    """A configured provider, made anew. Raises ConfigError with its place in the file."""
    configured = settings.providers[name]
    try:
        return registry.provider_kind(configured.kind).from_settings(name, configured.options)
    except ConfigError as error:
        raise ConfigError(f"{configured.place}: {error}") from error


def check_adapters(settings: Settings) -> None:
    """Raises ConfigError for what only an adapter can tell is wrong; nothing is reached or begun."""
    for name in settings.providers:
        provider_of(settings, name)


def _publication(
    settings: Settings, providers: Mapping[str, Provider], clock: Clock, report: Report, is_followed: Callable[[], bool]
) -> Publication:
    publication = Publication(settings.zones, clock, report)
    for zone in settings.zones:
        for name in zone.providers:
            outlet = Outlet(name, settings.providers[name].kind, zone)
            if outlet.kind == EMBEDDED:
                publication.add_fed(outlet, is_followed)
            else:
                publisher = ZonePublisher(providers[name], zone, name, settings.owner, clock, report)
                publication.add(outlet, providers[name], publisher)
    return publication


def _hub(settings: Settings, controller: Controller, clock: Clock) -> HubLink | None:
    if settings.hub is None:
        return None
    connect = functools.partial(credentials_of, settings.hub, clock, settings.allow_exec)
    return HubLink(connect, functools.partial(controller.take, HUB), clock)


def _statuses(hub: HubLink, controller: Controller, clock: Clock) -> Statuses:
    statuses = Statuses(controller.pipeline, hub.put, clock, lambda: controller.leads and controller.gate.is_open)
    hub.listeners.append(statuses.hear)
    return statuses


async def credentials_of(access: Access, clock: Clock, allow_exec: tuple[str, ...]) -> Credentials:
    if access.in_cluster:
        return in_cluster()
    return await load_kubeconfig(access.kubeconfig, access.context, clock, allow_exec)
