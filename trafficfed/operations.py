"""What people and tools ask of the running controller, and what they may order."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from trafficfed.baseline.showing import Audited
from trafficfed.controller import Controller
from trafficfed.discovery.declared import HUB
from trafficfed.errors import ConfigError, Transient
from trafficfed.feed.messages import Standing
from trafficfed.model import (
    Client,
    Cluster,
    Freshness,
    OperatorControl,
    Refusal,
    Row,
    ServiceKey,
    Source,
)
from trafficfed.observe.auditing import audit_view
from trafficfed.observe.chain import PublishedAt, chain_view
from trafficfed.observe.journal import Journal
from trafficfed.observe.operations import ControlRequest, UndoRequest
from trafficfed.observe.service_views import ServiceViews
from trafficfed.observe.showing import (
    Rtt,
    change_view,
    cluster_views,
    control_view,
    explain_view,
    preview_view,
    refusal_view,
    survival_view,
)
from trafficfed.observe.stored import unknown_name
from trafficfed.observe.views import (
    AuditView,
    ChainView,
    ControlsView,
    DoneView,
    EventsView,
    ExplainView,
    HeldView,
    LeadershipView,
    PlanView,
    PreviewView,
    ProviderView,
    StatusView,
    VantageView,
)
from trafficfed.ordering import Accept, Ordering
from trafficfed.ports import Clock
from trafficfed.propagation.aggregate import CopyState
from trafficfed.steering.explain import explain
from trafficfed.steering.foresight import foresee
from trafficfed.steering.orders import Order, after, standing
from trafficfed.survival import Survival
from trafficfed.zones.brakes import Held
from trafficfed.zones.publication import Outlet, is_in

CLUSTER_ID = "cluster:"
"""Prefix of the confirm id of a Suspect cluster; those of brakes are hashes."""


HUB_ID = HUB
"""The confirm id of a Suspect hub."""


LOOKED_AT = 200
"""Services that a preview decides anew: some milliseconds, however large the fleet."""


STANDBY = "Standby"
"""A zone that this controller does not write, as another one leads."""


class Propagates(Protocol):
    """What may be asked of propagation where there is a hub."""

    @property
    def held(self) -> str: ...

    @property
    def reason(self) -> str: ...

    @property
    def refusals(self) -> tuple[Refusal, ...]: ...

    def copies_of(self, namespace: str, service: str) -> tuple[CopyState, ...]: ...

    def confirm(self) -> int: ...

    def forget(self, cluster: str) -> None: ...


class ControllerOperations:
    """Answers from the controller's state; see ``observe.operations.Operations`` for the promises."""

    def __init__(
        self,
        controller: Controller,
        clusters: Mapping[str, Cluster],
        owner: str,
        clock: Clock,
        journal: Journal,
        rtt: Rtt,
        locate: Callable[[str], Client],
        propagation: Propagates | None = None,
        accept: Accept | None = None,
        survival: Sequence[Survival] = (),
        leadership: Callable[[], LeadershipView | None] = lambda: None,
        vantages: Callable[[], tuple[VantageView, ...]] = tuple,
        refused: Callable[[], str] = str,
        further: Callable[[], tuple[Refusal, ...]] = tuple,
        audited: Callable[[], tuple[Audited, ...] | None] | None = None,
    ) -> None:
        """``accept`` carries operators' orders out; without it they are committed to this controller's table.
        ``refused`` tells why the configuration file, as it stands, is not in force, ``further`` what else this
        controller does and cannot do as it should. ``audited`` are the baselines, None where nobody keeps any."""
        self._refused, self._further, self._audited = refused, further, audited
        self._leadership, self._vantages = leadership, vantages
        self._survival = tuple(map(survival_view, survival))
        self._controller, self._clusters, self._owner = controller, clusters, owner
        self._clock, self._journal, self._rtt, self._locate = clock, journal, rtt, locate
        self._propagation = propagation
        self._ordering = Ordering(
            controller.pipeline.table, clusters, self._in_force, accept or self._commit, self._without_weights
        )

    def ready(self) -> tuple[bool, tuple[str, ...]]:
        waiting = self._controller.gate.waiting_for()
        return not waiting, waiting

    def status(self, views: ServiceViews | None = None) -> StatusView:
        """``views`` are kept by who looks again and again; for a single look they are made for it."""
        table = self._controller.pipeline.table
        ready, waiting = self.ready()
        made = views or ServiceViews(self._rtt)
        return StatusView(
            owner=self._owner,
            at_s=self._clock.now_s(),
            ready=ready,
            not_ready=waiting,
            term=table.term,
            generation=table.generation,
            leadership=self._leadership(),
            configuration=tuple(self._refused().splitlines()),
            vantages=self._vantages(),
            clusters=cluster_views(self._clusters.values(), table.sources, table.rows.values(), self._clock.now_s()),
            services=made.of(self._rows(), self._in_force(), self._clock.now_s()),
            refusals=tuple(map(refusal_view, self._refusals())),
            held=self._held(),
            controls=self.controls().controls,
            providers=self._providers(),
            survival=self._survival,
            events=self._journal.recent(),
        )

    def _rows(self) -> Mapping[ServiceKey, Row]:
        """The rows by which name servers that follow this controller answer: while no leader is heard, its own
        judgement lies over the leader's last table."""
        pipeline, leadership = self._controller.pipeline, self._leadership()
        alone = leadership is not None and leadership.standing == Standing.ALONE
        return {**pipeline.table.rows, **pipeline.overlay} if alone else pipeline.table.rows

    def explain(self, host: str, client: str) -> ExplainView:
        table = self._controller.pipeline.table
        key = table.owner_of(host.lower().rstrip("."))
        if key is None:
            raise ConfigError(unknown_name(host, table))
        told = explain(self._rows()[key], self._locate(client), self._clusters, self._in_force(), self._clock.now_s())
        return explain_view(host, told)

    def plan(self) -> PlanView:
        pipeline = self._controller.pipeline
        pending = [(outlet, publisher.pending()) for outlet, publisher in self._controller.publication.publishers]
        unseen = tuple(f"cluster {name} was never seen: what it offers is not known" for name in pipeline.unseen)
        return PlanView(
            owner=self._owner,
            changes=tuple(
                change_view(outlet.provider, outlet.zone.name, change)
                for outlet, now in pending
                for change in now.changes
            ),
            refusals=tuple(
                map(refusal_view, (*pipeline.refusals, *(refusal for _, now in pending for refusal in now.refusals)))
            ),
            held=(*self._suspects(), *(_held(outlet, held) for outlet, now in pending for held in now.held)),
            losses=self._controller.publication.losses,
            incomplete=(*self._controller.gate.waiting_for(), *unseen, *self._failing()),
            survival=self._survival,
        )

    def events(self, after: int) -> EventsView:
        journal = self._journal
        return EventsView(owner=self._owner, at_s=self._clock.now_s(), seen=journal.seen, events=journal.after(after))

    def audit(self, baseline: str, cluster: str) -> AuditView:
        self._require_leadership()
        if cluster and cluster not in self._clusters:
            raise ConfigError(f"no cluster {cluster} is known; known are {', '.join(sorted(self._clusters))}")
        if self._audited is None:
            raise ConfigError(
                "baselines are not looked at; set baselines.members in the configuration to read or write"
            )
        if (found := self._audited()) is None:
            raise Transient("this controller does not keep baselines now; try again in a moment")
        return audit_view(self._owner, self._clock.now_s(), found, baseline, cluster)

    async def confirm(self, confirm_id: str) -> DoneView:
        self._require_leadership()
        if confirm_id.startswith(CLUSTER_ID):
            return self._confirm_cluster(confirm_id.removeprefix(CLUSTER_ID))
        if confirm_id == HUB_ID and (self._propagation is not None or self._declares_doubtfully()):
            return self._confirm_hub()
        if not self._controller.publication.confirm(confirm_id):
            raise ConfigError(f"nothing is held under {confirm_id}; `trafficfed status` lists what is")
        return DoneView(message=f"confirmed {confirm_id}: the change is carried out")

    def _require_leadership(self) -> None:
        """What is held is the leader's to let go. Raises ConfigError where this controller does not lead."""
        view = self._leadership()
        if view is not None and not view.leads:
            who = f"controller {view.leader} leads: ask there" if view.leader else "no leader is known at the moment"
            raise ConfigError(f"controller {view.name} does not lead; {who}")

    def _confirm_hub(self) -> DoneView:
        """What it places and what it declares are seen apart: whichever of them is held is taken."""
        said = []
        if self._declares_doubtfully():
            said.append(f"{len(self._hub().missing)} GlobalServices leave")
            self._controller.confirm(HUB)
        if self._propagation is not None and (self._propagation.held or not said):
            said.append(f"the copies of {self._propagation.confirm()} objects leave")
        return DoneView(message=f"the hub is taken as it shows itself now; {', and '.join(said)}")

    def _hub(self) -> Source:
        """The hub as far as it declares names; a member may be called hub only where there is no hub."""
        known = self._controller.pipeline.table.sources.get(HUB)
        return known if known is not None and HUB not in self._clusters else Source(cluster=HUB)

    def _declares_doubtfully(self) -> bool:
        return self._hub().freshness is Freshness.SUSPECT

    def _confirm_cluster(self, name: str) -> DoneView:
        source = self._controller.pipeline.table.sources.get(name)
        if source is None or source.freshness is not Freshness.SUSPECT:
            raise ConfigError(f"cluster {name} is not Suspect; there is nothing to confirm")
        self._controller.confirm(name)
        return DoneView(message=f"cluster {name} is taken as it shows itself now; {len(source.missing)} services held")

    async def forget(self, cluster: str) -> DoneView:
        self._require_leadership()
        table = self._controller.pipeline.table
        known = {*table.sources, *(e.cluster for row in table.rows.values() for e in row.endpoints)}
        if cluster not in known:
            raise ConfigError(f"no cluster {cluster} is known; known are {', '.join(sorted(known)) or 'none'}")
        self._controller.forget(cluster)
        if self._propagation is not None:
            self._propagation.forget(cluster)
        return DoneView(message=f"cluster {cluster} is forgotten: all its endpoints leave")

    def preview(self, wanted: ControlRequest | UndoRequest) -> PreviewView:
        now_s = self._clock.now_s()
        control, will, notes = self._ordering.would(wanted, now_s)
        rows = self._controller.pipeline.table.rows.values()
        foreseen = foresee(rows, self._clusters, control, will, now_s, LOOKED_AT)
        return preview_view(wanted, control, foreseen, notes)

    def chain(self, service: str) -> ChainView:
        pipeline = self._controller.pipeline
        parts = service.split("/")
        row = self._rows().get(ServiceKey(*parts)) if len(parts) == len(ServiceKey.__struct_fields__) else None
        if row is None:
            raise ConfigError(f"{service}: no service has this key; write clusterset/namespace/name")
        copies = self._propagation.copies_of(row.key.namespace, row.key.name) if self._propagation is not None else ()
        return chain_view(row, pipeline.records.evidence(row.key), self._standings(row.service.hostnames), copies)

    def _standings(self, names: Sequence[str]) -> Iterator[PublishedAt]:
        for outlet, publisher in self._controller.publication.publishers:
            changes = {change.name: change for change in publisher.pending().changes}
            for name in names:
                if is_in(name, outlet.zone.name):
                    yield PublishedAt(
                        provider=outlet.provider,
                        name=name,
                        sets=publisher.published(name),
                        change=changes.get(name),
                        checked=publisher.checked(name),
                    )

    def controls(self) -> ControlsView:
        now_s = self._clock.now_s()
        there = standing(self._in_force(), now_s)
        return ControlsView(owner=self._owner, at_s=now_s, controls=tuple(map(control_view, there)))

    async def control(self, wanted: ControlRequest) -> DoneView:
        return await self._ordering.control(wanted, self._clock.now_s())

    async def undo(self, wanted: UndoRequest) -> DoneView:
        return await self._ordering.undo(wanted, self._clock.now_s())

    def _in_force(self) -> tuple[OperatorControl, ...]:
        return self._controller.pipeline.controls

    async def _commit(self, order: Order) -> str:
        """An order as a controller that is alone carries it out: in its own table, which is on its disk."""
        self._controller.control(after(self._in_force(), order, self._clock.now_s()))
        return ""

    def _without_weights(self) -> tuple[str, ...]:
        return self._controller.publication.without_weights

    def _refusals(self) -> tuple[Refusal, ...]:
        found = list(self._controller.pipeline.refusals)
        for _, publisher in self._controller.publication.publishers:
            found += publisher.refusals
        reason = self._propagation.reason if self._propagation is not None else ""
        if reason := reason or self._hub().reason:
            found.append(Refusal(cluster=HUB_ID, object=HUB_ID, reason="HubNotFollowed", message=reason))
        if self._propagation is not None:
            found += self._propagation.refusals
        return (*found, *self._further())

    def _failing(self) -> tuple[str, ...]:
        return tuple(
            f"{outlet.provider} {outlet.zone.name}: {publisher.message}"
            for outlet, publisher in self._controller.publication.publishers
            if publisher.message
        )

    def _held(self) -> tuple[HeldView, ...]:
        publishers = self._controller.publication.publishers
        brakes = (_held(outlet, held) for outlet, publisher in publishers for held in publisher.held)
        return (*self._suspects(), *brakes)

    def _suspects(self) -> tuple[HeldView, ...]:
        held = [self._hub().reason] if self._declares_doubtfully() else []
        if self._propagation is not None and self._propagation.held:
            held.append(self._propagation.held)
        hub = "; ".join(dict.fromkeys(held))
        clusters = tuple(
            HeldView(confirm_id=f"{CLUSTER_ID}{name}", message=source.reason, cluster=name)
            for name, source in sorted(self._controller.pipeline.table.sources.items())
            if source.freshness is Freshness.SUSPECT and source != self._hub()
        )
        return (HeldView(confirm_id=HUB_ID, message=hub), *clusters) if hub else clusters

    def _providers(self) -> tuple[ProviderView, ...]:
        writes = self._controller.pipeline.leads
        published = [
            ProviderView(
                name=outlet.provider,
                kind=outlet.kind,
                zone=outlet.zone.name,
                state=str(publisher.state) if writes else STANDBY,
                message=publisher.message if writes else "",
                names=publisher.names,
                pending=publisher.waiting if writes else 0,
            )
            for outlet, publisher in self._controller.publication.publishers
        ]
        rows = self._controller.pipeline.table.rows.values()
        fed = [
            ProviderView(
                name=outlet.provider,
                kind=outlet.kind,
                zone=outlet.zone.name,
                state="Feeding" if self._controller.gate.is_open else "Loading",
                names=sum(is_in(name, outlet.zone.name) for row in rows for name in row.service.hostnames),
            )
            for outlet in self._controller.publication.fed
        ]
        return (*published, *fed)


def _held(outlet: Outlet, held: Held) -> HeldView:
    return HeldView(confirm_id=held.confirm_id, message=held.message, provider=outlet.provider, zone=outlet.zone.name)
