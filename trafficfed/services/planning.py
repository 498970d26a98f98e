"""What one Service's exports ask for in one member: the steps that are missing there. No I/O."""

from collections.abc import Iterable, Iterator, Mapping

from msgspec.structs import replace

from trafficfed.model import Cluster, ServiceKey
from trafficfed.propagation.troubles import Troubles
from trafficfed.services import kinds as words
from trafficfed.services import meshes, wishes
from trafficfed.services.conditions import import_conditions
from trafficfed.services.exports import Common, Export, ImportType, Merged
from trafficfed.services.giving import Offer, given
from trafficfed.services.known import Known, Part
from trafficfed.services.member import Made, Member, Name
from trafficfed.services.merge import served_ports
from trafficfed.services.preference import preferred
from trafficfed.services.steps import (
    APPLY,
    Step,
    addresses_of,
    applies,
    copies_of,
    deletes,
    marking,
    removals,
    says,
    sources_of,
    told_by,
)
from trafficfed.unreadable import UNREADABLE

FAMILY = "IPFamil"
"""What API servers say where a Service wants an address family that the cluster does not have."""


class Planner:
    """``dead`` are clusters that are not heard of, and nothing of which passes any probe."""

    def __init__(
        self,
        owner: str,
        clusters: Mapping[str, Cluster],
        known: Known,
        wanted: frozenset[str],
        troubles: Troubles,
    ) -> None:
        """``wanted`` are the meshes that are told."""
        self._owner, self._clusters, self._known, self._meshes = owner, clusters, known, wanted
        self._troubles = troubles
        self.dead: frozenset[str] = frozenset()

    def steps(
        self,
        key: ServiceKey,
        member: Member,
        merged: Merged | None,
        parts: Iterable[Part],
        exports: Mapping[str, Export],
        unknown: frozenset[str],
        now_s: float,
    ) -> Iterator[Step]:
        name: Name = (key.namespace, key.name)
        made, told = member.made(name), told_by(member.made(name).import_)
        kept = unknown & {*told.clusters, *sources_of(made)}
        if key.namespace not in member.namespaces or (merged is None and not kept):
            yield from removals(member.name, member.version, made)
            return
        if made.foreign:
            kind = words.imports(member.version)
            yield Step(cluster=member.name, verb=APPLY, kind=kind, namespace=key.namespace, name=key.name)
            return
        if merged is not None:
            yield from self._import_steps(member, name, merged, made, frozen=bool(kept))
        if made.import_ is None:
            return
        type = told.type if kept or merged is None else merged.common.type
        parent = wishes.parent_of(member.version, name[1], made.import_.uid)
        if merged is not None:
            yield from self._service_steps(member, name, merged, made, parent, frozen=bool(kept))
        sources = self._sources(key, member.name, merged, parts, exports, made, kept, now_s)
        yield from self._slice_steps(member, name, type, made, sources, kept, parent)
        if merged is not None and meshes.ISTIO in self._meshes and not member.meshless:
            yield from self._istio_steps(key, member, merged, made, sources, parent)
        clusters = {*exports, *(kept & {*told.clusters})}
        yield from self._import_status(member, type, made, clusters, now_s)

    def _import_steps(self, member: Member, name: Name, merged: Merged, made: Made, *, frozen: bool) -> Iterator[Step]:
        """Where a cluster that is not known now has a part in it, the import stays as it is: who is the oldest is not
        known either."""
        if made.import_ is not None and frozen:
            return
        wish = wishes.import_wish(self._owner, member.version, *name, merged, addresses_of(made.service))
        yield from applies(member.name, wish, made.import_)

    def _service_steps(
        self, member: Member, name: Name, merged: Merged, made: Made, parent: wishes.Json, *, frozen: bool
    ) -> Iterator[Step]:
        if frozen and made.service is not None:
            return
        if merged.common.type is ImportType.HEADLESS:
            yield from deletes(member.name, words.SERVICE, made.service)
        elif merged.ports:
            wish = wishes.service_wish(self._owner, *name, merged, parent)
            yield from applies(member.name, wish, made.service)

    def _slice_steps(
        self,
        member: Member,
        name: Name,
        type: ImportType,
        made: Made,
        sources: Iterable[wishes.Source],
        kept: frozenset[str],
        parent: wishes.Json,
    ) -> Iterator[Step]:
        wanted = {wish.name: wish for wish in wishes.slice_wishes(self._owner, *name, type, sources, parent)}
        for wish in wanted.values():
            yield from applies(member.name, wish, made.slices.get(wish.name))
        for held in made.slices.values():
            if held.name not in wanted and held.labels.get(words.SOURCE_CLUSTER) not in kept:
                yield from deletes(member.name, words.SLICE, held)

    def _sources(
        self,
        key: ServiceKey,
        importer: str,
        merged: Merged | None,
        parts: Iterable[Part],
        exports: Mapping[str, Export],
        made: Made,
        kept: frozenset[str],
        now_s: float,
    ) -> list[wishes.Source]:
        """Every cluster's part as one member gets it; of clusters that nobody sees, what it has of them."""
        found = [
            wishes.Source(
                cluster=part.member.name,
                ports=served_ports(merged, exports[part.member.name]),
                slices=part.slices,
            )
            for part in parts
            if merged is not None and part.member.name in exports
        ]
        found += [wishes.Source(cluster=each, slices=copies_of(made, each), copied=True) for each in sorted(kept)]
        clusters = {each.cluster: self._clusters.get(each.cluster) or Cluster(name=each.cluster) for each in found}
        common = merged.common if merged is not None else Common()
        ranks = preferred(common, self._clusters[importer], clusters.values())
        offers = [
            Offer(
                cluster=each.cluster,
                ready=_ready(each),
                tier=ranks[each.cluster],
            )
            for each in found
            if each.cluster in ranks
        ]
        row, controls = self._known.rows.get(key), self._known.controls()
        out = given(key, offers, row, self.dead, clusters, controls, now_s)
        return [replace(each, given=each.cluster in out) for each in found]

    def _istio_steps(
        self,
        key: ServiceKey,
        member: Member,
        merged: Merged,
        made: Made,
        sources: Iterable[wishes.Source],
        parent: wishes.Json,
    ) -> Iterator[Step]:
        row = self._known.rows.get(key)
        weights = {each.cluster: each.weight for each in row.endpoints} if row else {}
        addresses = addresses_of(made.service)
        wanted = meshes.istio_wishes(
            self._owner, key.namespace, key.name, merged, addresses, sources, self._clusters, weights, parent
        )
        there = dict(made.mesh)
        for each in wanted:
            yield from applies(member.name, each, there.pop(each.kind.kind, None))
        for kind in meshes.ISTIO_KINDS:
            yield from deletes(member.name, kind, there.get(kind.kind))

    def marking(self, member: Member, name: Name, exports: Mapping[str, Export]) -> Iterator[Step]:
        """On the user's own Service, while it is exported: words for meshes, and the export's own for a public name."""
        service = member.held_service(name)
        if service is None:
            return
        try:
            declared = member.export(name) if member.exports(name) else None
        except UNREADABLE:
            return  # it is there, and nothing is concluded from it
        if member.name not in exports:
            declared = None
        labels, annotations = meshes.marks(self._meshes if declared else ())
        if declared is not None:
            annotations |= dict(declared.public)
        if labels or annotations:
            annotations[meshes.MARKED_BY] = self._owner
        if annotations or service.annotations.get(meshes.MARKED_BY) == self._owner:
            yield from marking(member.name, service, labels, annotations)

    def _import_status(
        self, member: Member, type: ImportType, made: Made, clusters: Iterable[str], now_s: float
    ) -> Iterator[Step]:
        assert made.import_ is not None
        told = told_by(made.import_)
        conditions = import_conditions(
            told.conditions,
            headless=type is ImportType.HEADLESS,
            addressed=bool(addresses_of(made.service)),
            unsupported=self._unsupported(member, made),
            generation=told.generation,
            now_s=now_s,
        )
        exporting = [{"cluster": each} for each in sorted(clusters)]
        kind = words.imports(member.version)
        yield from says(member.name, kind, made.import_, conditions, clusters=exporting)

    def _unsupported(self, member: Member, made: Made) -> str:
        assert made.import_ is not None
        name = wishes.derived_name(made.import_.namespace, made.import_.name)
        step = Step(cluster=member.name, verb=APPLY, kind=words.SERVICE, namespace=made.import_.namespace, name=name)
        trouble = self._troubles.get(step.place)
        return trouble.failure.message if trouble is not None and FAMILY in trouble.failure.message else ""


def _ready(source: wishes.Source) -> int:
    """Endpoints that their own cluster would send clients to."""
    return len({end.address for each in source.slices for end in each.endpoints if end.ready})
