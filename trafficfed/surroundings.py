"""What stands around a controller: propagation, what people ask of it, and what it tells of itself."""

import functools
from collections.abc import Callable

from trafficfed import registry
from trafficfed.assembly import Parts, credentials_of
from trafficfed.baseline.runner import FleetBaselines
from trafficfed.config.settings import Settings
from trafficfed.controller import Controller
from trafficfed.errors import ConfigError
from trafficfed.hub_controls import HubControls
from trafficfed.kubernetes_api.events import Note
from trafficfed.kubernetes_api.late_transport import LateTransport
from trafficfed.layout import survivals_of
from trafficfed.model import Client, ServiceKey
from trafficfed.nameserver.whereabouts import Whereabouts
from trafficfed.observe.journal import Journal
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.object_events import ObjectEvents
from trafficfed.observe.outlets import OutletState
from trafficfed.observe.showing import no_rtt
from trafficfed.observe.views import LeadershipView, VantageView
from trafficfed.operations import ControllerOperations
from trafficfed.ordering import Accept
from trafficfed.ports import Clock
from trafficfed.propagation.round_trip import RoundTrip
from trafficfed.propagation.runner import Propagation
from trafficfed.propagation.writer import nothing
from trafficfed.services.known import Known
from trafficfed.services.runner import MultiClusterServices
from trafficfed.steering.geography import CONTINENTS
from trafficfed.table.table import Table


def baselines_of(settings: Settings, clock: Clock, table: Table) -> FleetBaselines | None:
    """Who keeps the hub's baselines, None where that is switched off."""
    if settings.hub is None or settings.baselines.members == "none":
        return None
    clusters = {cluster.name: cluster for cluster in settings.clusters}
    return FleetBaselines(
        settings.owner,
        clusters,
        table.sources,
        functools.partial(credentials_of, settings.hub, clock, settings.allow_exec),
        {
            name: functools.partial(credentials_of, settings.access[name], clock, settings.allow_exec)
            for name in clusters
        },
        clock,
        writes=settings.baselines.members == "write",
    )


def propagation_of(
    settings: Settings, clock: Clock, table: Table, baselines: FleetBaselines | None = None
) -> Propagation | None:
    if settings.hub is None:
        return None
    clusters = {cluster.name: cluster for cluster in settings.clusters}
    home = clusters.get(settings.vantage.cluster)
    return Propagation(
        settings.propagation,
        settings.owner,
        clusters,
        table.sources,
        settings.state_dir,
        functools.partial(credentials_of, settings.hub, clock, settings.allow_exec),
        {
            name: functools.partial(credentials_of, settings.access[name], clock, settings.allow_exec)
            for name in clusters
        },
        clock,
        RoundTrip(registry.probes()["tcp"]),
        (settings.vantage.cluster, settings.vantage.region or (home.region if home else "")),
        objection=baselines.objection if baselines is not None and settings.baselines.members == "write" else nothing,
    )


def services_of(settings: Settings, controller: Controller, clock: Clock) -> MultiClusterServices | None:
    """Who imports what members export, or looks how another does; None where that is switched off."""
    writes = settings.services.imports == "write"
    if settings.services.imports == "none":
        return None
    clusters = {cluster.name: cluster for cluster in settings.clusters}
    table = controller.pipeline.table
    return MultiClusterServices(
        settings.owner,
        clusters,
        Known(table.rows, table.sources, lambda: controller.pipeline.controls),
        {
            name: functools.partial(credentials_of, settings.access[name], clock, settings.allow_exec)
            for name in clusters
        },
        clock,
        settings.services.meshes if writes else (),
        writes=writes,
    )


def hub_controls_of(settings: Settings, controller: Controller, clock: Clock) -> HubControls | None:
    """Who shows the operator controls on the hub, None where there is none."""
    if settings.hub is None:
        return None
    credentials = functools.partial(credentials_of, settings.hub, clock, settings.allow_exec)
    connect = functools.partial(LateTransport, "hub", credentials)
    return HubControls(connect, lambda: controller.pipeline.controls, settings.owner, clock)


def gauges_of(controller: Controller) -> Gauges:
    table = controller.pipeline.table
    return Gauges(
        rows=table.rows.values(),
        sources=table.sources.values(),
        generation=table.generation,
        term=table.term,
        queue_depth=controller.pipeline.waiting,
        queue_age_s=controller.queue_age_s,
        held=sum(len(publisher.held) for _, publisher in controller.publication.publishers),
        outlets=_outlets(controller),
    )


def _outlets(controller: Controller) -> tuple[OutletState, ...]:
    leads = controller.pipeline.leads
    return tuple(
        OutletState(
            provider=outlet.provider,
            zone=outlet.zone.name,
            leads=leads,
            reached=publisher.reaches,
            names=publisher.names,
            waiting=publisher.waiting,
            since_s=publisher.waiting_since_s,
            requests_left=publisher.requests_left,
            calls=tuple((call, outcome, count) for (call, outcome), count in publisher.calls.items()),
        )
        for outlet, publisher in controller.publication.publishers
    )


def object_events_of(parts: Parts, clock: Clock) -> ObjectEvents:
    pipeline = parts.controller.pipeline

    def uids(key: ServiceKey) -> dict[str, str]:
        row = pipeline.table.rows.get(key)
        claims = pipeline.inventory.claims(key)
        known = {endpoint.cluster: endpoint.uid for endpoint in row.endpoints} if row else {}
        return known | {claim.cluster: claim.uid for claim in claims}

    def tell(cluster: str, note: Note) -> None:
        if (connection := parts.connections.get(cluster)) is not None:
            connection.tell(note)

    return ObjectEvents(uids, tell, pipeline.table.rows, lambda: pipeline.controls, clock)


def operations_of(
    settings: Settings,
    parts: Parts,
    clock: Clock,
    journal: Journal,
    metrics: Metrics | None,
    propagation: Propagation | None = None,
    services: MultiClusterServices | None = None,
    baselines: FleetBaselines | None = None,
    accept: Accept | None = None,
    leadership: Callable[[], LeadershipView | None] = lambda: None,
    refused: Callable[[], str] = str,
) -> ControllerOperations:
    served = settings.nameserver
    places = Whereabouts(served.places, served.mmdb) if served else Whereabouts()

    def locate(address: str) -> Client:
        country = address.upper()
        if country in CONTINENTS:
            return Client(continent=CONTINENTS[country], country=country)
        try:
            return places.locate(address).client if address else Client()
        except ValueError:
            raise ConfigError(f"client {address}: not an IP address, and no country's code") from None

    return ControllerOperations(
        parts.controller,
        {cluster.name: cluster for cluster in settings.clusters},
        settings.owner,
        clock,
        journal,
        metrics.rtt_of if metrics else no_rtt,
        locate,
        propagation,
        accept,
        survivals_of(settings, {name: each.capabilities for name, each in parts.providers.items()}),
        leadership,
        lambda: vantage_views(parts, clock),
        refused,
        lambda: (
            *(services.refusals if services is not None else ()),
            *(baselines.refusals if baselines is not None else ()),
        ),
        (lambda: baselines.audited) if baselines is not None else None,
    )


def vantages_of(settings: Settings, parts: Parts, clock: Clock) -> tuple[VantageView, ...]:
    """Every vantage that this controller hears: the probers that report, and itself."""
    own, distrusted = settings.vantage, parts.controller.pipeline.records.distrusted
    itself = VantageView(name=own.name, cluster=own.cluster, distrusted=own.name in distrusted)
    return (*vantage_views(parts, clock), itself)


def vantage_views(parts: Parts, clock: Clock) -> tuple[VantageView, ...]:
    """The probers that report here."""
    if parts.desk is None:
        return ()
    distrusted = parts.controller.pipeline.records.distrusted
    return tuple(
        VantageView(
            name=each.name,
            cluster=each.cluster,
            connected=each.connected,
            distrusted=each.name in distrusted,
            heard_s=max(0.0, clock.now_s() - each.heard_s),
        )
        for each in parts.desk.reporting
    )
