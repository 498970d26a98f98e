"""Follows ServiceImports and their EndpointSlices in the cluster that a name server answers for.

It asks that cluster's own API server, not the controllers: names inside the fleet do not depend on whether any of those
lives, and imports of another implementation are answered as well. While the API server is silent everything stays as
it was last seen.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Never

import msgspec

from trafficfed.feed.notes import Note, Tell
from trafficfed.kubernetes_api.context import Credentials
from trafficfed.kubernetes_api.credentials import in_cluster, load_kubeconfig
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.usable import usable
from trafficfed.kubernetes_api.wire import Event, Foreign, Listed, Lost, Removed, Resumed, Upserted, Watched, Wire
from trafficfed.model import RecordSet
from trafficfed.nameserver.clusterset_names import VERSION, Import, Names, Standing, Vicinity
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.settings import ClusterSetSettings, ServedZone
from trafficfed.ports import Clock
from trafficfed.propagation.follow import Followed, follow
from trafficfed.propagation.objects import TemplateKind
from trafficfed.services.kinds import CLUSTERSET, IMPORT, SERVICE_NAME, SLICE, SOURCE_CLUSTER, imports
from trafficfed.services.reading import FAMILIES, read_slice
from trafficfed.services.version import standard_version
from trafficfed.unreadable import UNREADABLE

NEGATIVE_TTL_S = 5


def served_zone() -> ServedZone:
    """The zone of the clusterset. It has no delegation: resolvers inside forward to whoever answers it."""
    return ServedZone(
        name=CLUSTERSET,
        nameservers=(f"ns.dns.{CLUSTERSET}",),
        mailbox=f"hostmaster@{CLUSTERSET}",
        records=(VERSION,),
        ttl=NEGATIVE_TTL_S,
        negative_ttl=NEGATIVE_TTL_S,
    )


class _Port(Wire, frozen=True):
    port: int = 0
    name: str | None = None
    protocol: str | None = None


class _Spec(Wire, frozen=True):
    type: str = ""
    ips: tuple[str, ...] | None = None
    ports: tuple[_Port, ...] | None = None


class _Import(Wire, frozen=True):
    spec: _Spec = _Spec()


def read_import(found: Foreign) -> Import:
    """Raises msgspec.DecodeError for what is none."""
    spec = msgspec.json.decode(found.body, type=_Import).spec
    return Import(
        namespace=found.metadata.namespace,
        name=found.metadata.name,
        headless=spec.type == "Headless",
        addresses=spec.ips or (),
        ports=tuple((each.name or "", each.protocol or "TCP", each.port) for each in spec.ports or ()),
    )


def read_endpoints(found: Foreign) -> tuple[Standing, ...]:
    """Those that are ready. Raises msgspec.DecodeError for what is no EndpointSlice."""
    read = read_slice(found.metadata.name, found.body)
    ports = tuple((each.name, each.protocol, each.port) for each in read.ports if each.port is not None)
    cluster = (found.metadata.labels or {}).get(SOURCE_CLUSTER, "")
    return tuple(
        Standing(cluster=cluster, address=each.address, hostname=each.hostname, zone=each.zone, ports=ports)
        for each in read.endpoints
        if each.ready and read.address_type in FAMILIES
    )


class ClusterSet:
    """``ready`` is told once everything was seen: until then nobody knows which names there are not."""

    def __init__(self, settings: ClusterSetSettings, clock: Clock, tell: Tell, ready: Callable[[], None]) -> None:
        self._settings, self._clock, self._tell, self._ready = settings, clock, tell, ready
        self.index = Index([served_zone()])
        vicinity = Vicinity(cluster=settings.cluster, zone=settings.zone, near=settings.near)
        self._names = Names(vicinity, self._lay)
        self._seen: dict[str, dict[tuple[str, str], str]] = {}
        self._unseen: dict[str, str] = {}
        self._said = ""

    @property
    def services(self) -> int:
        return len(self._names)

    @property
    def live(self) -> bool:
        """Whether everything is followed now."""
        return len(self._seen) == 2 and not any(self._unseen.values())

    def _lay(self, name: str, sets: tuple[RecordSet, ...]) -> None:
        self.index.lay(name, sets)

    async def run(self) -> Never:
        """For ever, until cancelled."""
        while True:
            transport = Transport(await usable(self._connect, self._lost))
            try:
                version = await standard_version(transport, self._lost)
                kind = imports(version)
                wanted = [Followed(kind, kind.path()), Followed(SLICE, SLICE.path(), SERVICE_NAME)]
                await follow(transport, wanted, self.take, self._clock, Random(), "clusterset")
            finally:
                await transport.close()

    async def _connect(self) -> Credentials:
        settings = self._settings
        if settings.in_cluster:
            return in_cluster()
        kubeconfig = Path(settings.kubeconfig) if settings.kubeconfig else None
        return await load_kubeconfig(kubeconfig, settings.context or None, self._clock, ())

    def _lost(self, reason: str) -> None:
        self._note(IMPORT, reason)

    def _note(self, kind: str, reason: str) -> None:
        self._unseen[kind] = reason
        reason = next((each for each in self._unseen.values() if each), "")
        if reason != self._said:
            self._said = reason
            what = f"{reason}; what was seen last is answered" if reason else "followed"
            self._tell(Note("Clusterset", f"the imports of this cluster: {what}"))

    # ------------------------------------------------------------------ what comes in

    def take(self, kind: TemplateKind, event: Event) -> None:
        """One event of one of both kinds."""
        match event:
            case Lost():
                self._note(kind.kind, event.reason)
            case Resumed():
                self._note(kind.kind, "")
            case Listed():
                self._list(kind, event)
            case Upserted(object=Foreign() as found):
                self._put(kind, found)
            case Removed(object=Foreign() as found):
                self._drop(kind, (found.metadata.namespace, found.metadata.name))

    def _list(self, kind: TemplateKind, event: Listed[Watched]) -> None:
        gone = set(self._seen.setdefault(kind.kind, {}))
        for found in event.objects:
            assert isinstance(found, Foreign), "every kind is followed as it is"
            gone.discard((found.metadata.namespace, found.metadata.name))
            self._put(kind, found)
        for key in gone - {_key(each) for each in event.unreadable}:
            self._drop(kind, key)
        self._note(kind.kind, "")
        if self.live:
            self._ready()

    def _put(self, kind: TemplateKind, found: Foreign) -> None:
        """What cannot be read stays as it was."""
        key = (found.metadata.namespace, found.metadata.name)
        service = (found.metadata.labels or {}).get(SERVICE_NAME, "")
        with contextlib.suppress(*UNREADABLE, ValueError):
            if kind.kind == IMPORT:
                self._names.put_import(read_import(found))
            else:
                if self._seen[kind.kind].get(key, service) != service:
                    self._drop(kind, key)
                self._names.put_slice(key[0], service, key[1], read_endpoints(found))
            self._seen[kind.kind][key] = service

    def _drop(self, kind: TemplateKind, key: tuple[str, str]) -> None:
        service = self._seen[kind.kind].pop(key, None)
        if kind.kind == IMPORT:
            self._names.drop_import(*key)
        elif service is not None:
            self._names.drop_slice(key[0], service, key[1])


def _key(unreadable: str) -> tuple[str, str]:
    namespace, _, name = unreadable.partition("/")
    return namespace, name
