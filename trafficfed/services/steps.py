"""What has to be written in one member so that an import stands there as it should: by difference, only ours. Pure."""

import contextlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
import orjson

from trafficfed.crds.structs import Condition
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.model import Value
from trafficfed.propagation.objects import ObjectKey, TemplateKind
from trafficfed.services import kinds as words
from trafficfed.services.conditions import as_json
from trafficfed.services.exports import ImportType
from trafficfed.services.member import Held, Made
from trafficfed.services.meshes import HASH_OF_MARKS, ISTIO_KINDS, MARKED_BY, MARKS_MANAGER
from trafficfed.services.reading import Slice, covers, given_back, read_slice
from trafficfed.services.wishes import Wish, hash_of
from trafficfed.unreadable import UNREADABLE

APPLY, STATUS, DELETE = "apply", "status", "delete"


class Step(Value, frozen=True, kw_only=True):
    """One request. ``uid`` and ``revision`` say which object is meant, empty where none may stand there yet.

    ``manager`` is the field manager that applies; with ``force`` it takes fields that others have.
    """

    cluster: str
    verb: str
    kind: TemplateKind
    namespace: str
    name: str
    body: bytes = b""
    uid: str = ""
    revision: str = ""
    hash: str = ""
    manager: str = words.MANAGER
    force: bool = True

    @property
    def object(self) -> ObjectKey:
        return ObjectKey(self.kind.group, self.kind.kind, self.namespace, self.name)

    @property
    def place(self) -> tuple[str, ObjectKey]:
        """Where one step at a time may be under way: the status is an object of its own."""
        found = self.object
        part = " status" if self.verb == STATUS else " marks" if self.manager == MARKS_MANAGER else ""
        return self.cluster, msgspec.structs.replace(found, kind=f"{found.kind}{part}")


def applies(cluster: str, wish: Wish, held: Held | None) -> Iterator[Step]:
    """Nothing where it stands as wished, whatever else an API server has added to it."""
    if held is None or not _stands(wish, held):
        yield Step(
            cluster=cluster,
            verb=APPLY,
            kind=wish.kind,
            namespace=wish.namespace,
            name=wish.name,
            body=wish.body(),
            uid=held.uid if held else "",
            hash=wish.hash,
        )
    elif wish.has_source:
        held.body = b""


def deletes(cluster: str, kind: TemplateKind, held: Held | None) -> Iterator[Step]:
    if held is not None:
        yield Step(
            cluster=cluster,
            verb=DELETE,
            kind=kind,
            namespace=held.namespace,
            name=held.name,
            uid=held.uid,
            revision=str(held.revision),
        )


def removals(cluster: str, version: str, made: Made) -> Iterator[Step]:
    """All that stands there of an import, endpoints first; nothing of what is another's."""
    for held in made.slices.values():
        yield from deletes(cluster, words.SLICE, held)
    yield from deletes(cluster, words.SERVICE, made.service)
    for kind in ISTIO_KINDS:
        yield from deletes(cluster, kind, made.mesh.get(kind.kind))
    if not made.foreign:
        yield from deletes(cluster, words.imports(version), made.import_)


def marking(cluster: str, service: Held, labels: dict[str, str], annotations: dict[str, str]) -> Iterator[Step]:
    """Our words on a user's Service, or off it: nothing else of it is ours, and nobody's word is overruled. Which words
    they were is told by the value of the mark: what is not among them any more is given up."""
    if annotations:
        annotations = {**annotations, HASH_OF_MARKS: hash_of([labels, annotations])}
    stands = labels.items() <= service.labels.items() and annotations.items() <= service.annotations.items()
    if stands and bool(annotations) == (MARKED_BY in service.annotations):
        return
    metadata = {"namespace": service.namespace, "name": service.name, "labels": labels, "annotations": annotations}
    body = orjson.dumps({"apiVersion": "v1", "kind": "Service", "metadata": metadata})
    yield Step(
        cluster=cluster,
        verb=APPLY,
        kind=words.SERVICE,
        namespace=service.namespace,
        name=service.name,
        body=body,
        uid=service.uid,
        hash=str(service.revision),
        manager=MARKS_MANAGER,
        force=False,
    )


def says(cluster: str, kind: TemplateKind, held: Held, conditions: Sequence[Condition], **more: Any) -> Iterator[Step]:
    """The status of an import or export, where it says something else than it should."""
    status = {"conditions": as_json(conditions), **more}
    if covers(_keyed(status), _keyed(_body(held).get("status"))):
        return
    body = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": {"name": held.name, "namespace": held.namespace, "uid": held.uid},
        "status": status,
    }
    yield Step(
        cluster=cluster,
        verb=STATUS,
        kind=kind,
        namespace=held.namespace,
        name=held.name,
        body=orjson.dumps(body),
        uid=held.uid,
        hash=str(held.revision),
    )


def _keyed(status: Any) -> Any:
    """Conditions by their type, as they may stand in another order and beside those of others; clusters sorted."""
    found = dict(status) if isinstance(status, dict) else {}
    found["conditions"] = {each.get("type"): each for each in found.get("conditions") or ()}
    if "clusters" in found:
        found["clusters"] = sorted(each.get("cluster", "") for each in found["clusters"])
    return found


def _stands(wish: Wish, held: Held) -> bool:
    """Once read in full against a wish, an object is not read again until it changes."""
    if held.matched == wish.hash:
        return True
    if held.annotations.get(words.HASH_ANNOTATION) != wish.hash:
        return False
    if covers(orjson.loads(wish.body()), _body(held)):
        held.matched = wish.hash
        return True
    return False


def _body(held: Held) -> dict[str, Any]:
    try:
        found = orjson.loads(held.body)
    except orjson.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


class _Spec(Wire, frozen=True):
    cluster_ips: tuple[str, ...] | None = msgspec.field(default=None, name="clusterIPs")


class _Service(Wire, frozen=True):
    spec: _Spec = _Spec()


class _ClusterStatus(Wire, frozen=True):
    cluster: str = ""


class _Status(Wire, frozen=True):
    clusters: tuple[_ClusterStatus, ...] | None = None
    conditions: tuple[Condition, ...] | None = None


class _Meta(Wire, frozen=True):
    generation: int = 0


class _ImportSpec(Wire, frozen=True):
    type: str = ""


class _Import(Wire, frozen=True):
    metadata: _Meta = _Meta()
    spec: _ImportSpec = _ImportSpec()
    status: _Status | None = None


class Told(Value, frozen=True, kw_only=True):
    """What an import says of itself."""

    type: ImportType = ImportType.CLUSTER_SET_IP
    clusters: tuple[str, ...] = ()
    conditions: tuple[Condition, ...] = ()
    generation: int = 0


def told_by(held: Held | None) -> Told:
    """Nothing where there is none, or none that can be read."""
    if held is None:
        return Told()
    try:
        read = msgspec.json.decode(held.body, type=_Import)
    except UNREADABLE:
        return Told()
    status = read.status or _Status()
    return Told(
        type=ImportType.HEADLESS if read.spec.type == ImportType.HEADLESS else ImportType.CLUSTER_SET_IP,
        clusters=tuple(each.cluster for each in status.clusters or ()),
        conditions=status.conditions or (),
        generation=read.metadata.generation,
    )


def addresses_of(held: Held | None) -> tuple[str, ...]:
    """A derived Service's addresses, once it has any."""
    if held is None:
        return ()
    try:
        found = msgspec.json.decode(held.body, type=_Service).spec.cluster_ips or ()
    except UNREADABLE:
        return ()
    return tuple(each for each in found if each and each != "None")


def copies_of(made: Made, cluster: str) -> tuple[Slice, ...]:
    """The copies of one cluster's slices, as far as they can be read, ready as their own cluster would have them."""
    found = []
    for held in made.slices.values():
        if held.labels.get(words.SOURCE_CLUSTER) == cluster:
            with contextlib.suppress(*UNREADABLE):
                found.append(given_back(read_slice(held.name, held.body)))
    return tuple(sorted(found, key=lambda each: each.name))


def sources_of(made: Made) -> Iterable[str]:
    """The clusters whose endpoints stand there."""
    return {held.labels.get(words.SOURCE_CLUSTER, "") for held in made.slices.values()}
