"""One GlobalService of the hub, read: what it declares, or why it cannot be read, and what was last said of it."""

import contextlib
from collections.abc import Collection, Sequence
from typing import Self, TypeVar

import msgspec
from msgspec.structs import replace

from trafficfed.crds.globalservice import GlobalServiceObject, GlobalServiceStatus, declared
from trafficfed.discovery.claims import created_s
from trafficfed.kubernetes_api.wire import Foreign, Wire
from trafficfed.model import Form, GlobalService, Refusal, Row, ServiceKey, Value
from trafficfed.unreadable import UNREADABLE

HUB = "hub"
"""What the hub is called where clusters are named: in grants, in refusals, and among the sources of the table."""

ORIGIN = f"{HUB}:GlobalService/"
"""How the origin of a service begins that the hub declares."""

UNDEFINED = (
    "the hub does not know GlobalServices; run `trafficfed crds | kubectl apply --server-side -f -` there "
    "if any are to be written"
)
"""Why a hub is not followed that has no such definition."""

DEFAULT_CLUSTERSET = "default"

S = TypeVar("S", bound=msgspec.Struct)

Mistake = tuple[str, str]
"""A reason code, and what to do."""


class Declaration(Value, frozen=True, kw_only=True):
    """What rules a service. ``service`` has all hostnames as they were written, granted or not."""

    service: GlobalService
    created_s: float = 0.0

    @property
    def age_order(self) -> tuple[float, str]:
        """Beside claims of clusters: oldest first, then by name; what is known from the table alone is the newest."""
        return (self.created_s or float("inf"), HUB)


class Written(Value, frozen=True, kw_only=True):
    """One object as it was last seen. ``declaration`` is None where it cannot be read: ``mistakes`` say why."""

    key: ServiceKey
    uid: str = ""
    generation: int = 0
    declaration: Declaration | None = None
    mistakes: tuple[Mistake, ...] = ()
    status: GlobalServiceStatus = GlobalServiceStatus()

    def says_the_same(self, other: Self) -> bool:
        """Whether nothing but the status, or what nobody reads, differs."""
        mine, theirs = (replace(each, generation=0, status=GlobalServiceStatus()) for each in (self, other))
        return mine == theirs


class _Meta(Wire, frozen=True):
    generation: int = 0


class _Metadata(Wire, frozen=True):
    metadata: _Meta = _Meta()


class _Stated(Wire, frozen=True):
    status: GlobalServiceStatus = GlobalServiceStatus()


class _Placed(Wire, frozen=True):
    clusterset: str = ""


class _Spec(Wire, frozen=True):
    spec: _Placed = _Placed()


def read_written(found: Foreign, clustersets: Collection[str]) -> Written:
    """Never raises for what the object says. ``clustersets`` are those of the configured clusters.

    An object that does not say which of several clustersets it is for declares nothing: no cluster has its key.
    """
    meta = found.metadata
    stated = _part(found.body, _Spec).spec.clusterset
    clusterset, mistakes = _clusterset(stated, sorted(clustersets))
    written = Written(
        key=ServiceKey(clusterset, meta.namespace, meta.name),
        uid=meta.uid,
        generation=_part(found.body, _Metadata).metadata.generation,
        mistakes=mistakes,
        status=_part(found.body, _Stated).status,
    )
    try:
        read = msgspec.json.decode(found.body, type=GlobalServiceObject)
    except UNREADABLE as error:
        text = f"{error}; until it is mended, what it said before holds"
        return replace(written, mistakes=(*mistakes, ("InvalidSpec", text)))
    if mistakes:
        return written
    service = replace(declared(read, clusterset, Form.ADDRESS), key=written.key)
    return replace(
        written, declaration=Declaration(service=service, created_s=created_s(read.metadata.creation_timestamp))
    )


def _clusterset(stated: str, known: Sequence[str]) -> tuple[str, tuple[Mistake, ...]]:
    if stated in known or (not stated and len(known) == 1):
        return stated or known[0], ()
    if not stated and not known:
        return DEFAULT_CLUSTERSET, ()
    listed = ", ".join(known) or "none"
    what = f"no cluster is in clusterset {stated}" if stated else "the clusters are in several clustersets"
    return "", (("UnknownClusterset", f"{what}; set spec.clusterset to one of {listed}"),)


def _part(body: bytes, type_: type[S]) -> S:
    """One part of an object of which another one may be unreadable."""
    with contextlib.suppress(*UNREADABLE):
        return msgspec.json.decode(body, type=type_)
    return type_()


def is_declared(row: Row | None) -> bool:
    """Whether what the table has of a service was declared on the hub."""
    return row is not None and bool(row.service.origin) and row.service.origin[0].startswith(ORIGIN)


def refusal(key: ServiceKey, reason: str, message: str) -> Refusal:
    """A refusal on the GlobalService of this key on the hub."""
    return Refusal(
        cluster=HUB, object=f"GlobalService/{key.namespace}/{key.name}", reason=reason, message=message, service=key
    )
