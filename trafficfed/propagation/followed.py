"""What one view of an API server is: the kinds that are followed there, each listed, live or lost for itself."""

from dataclasses import dataclass, field

import msgspec

from trafficfed.crds.structs import API_VERSION
from trafficfed.kubernetes_api.wire import Wire
from trafficfed.propagation.objects import ObjectKey, TemplateKind
from trafficfed.propagation.records import LABEL, LABEL_VALUE

POLICIES = TemplateKind(api_version=API_VERSION, kind="PropagationPolicy", plural="propagationpolicies")
CLUSTER_POLICIES = TemplateKind(
    api_version=API_VERSION, kind="ClusterPropagationPolicy", plural="clusterpropagationpolicies", namespaced=False
)
RECORD_SELECTOR = f"{LABEL}={LABEL_VALUE}"


@dataclass(slots=True)
class Stream:
    """How far one kind is followed. ``revision`` is the newest that was taken in, ``lost`` why it is not live."""

    uid: str = ""
    revision: int = 0
    listed: bool = False
    lost: str = ""

    @property
    def live(self) -> bool:
        return self.listed and not self.lost

    @property
    def tried(self) -> bool:
        """Whether it is known to be there or known to be out of reach."""
        return self.listed or bool(self.lost)


@dataclass(slots=True)
class Streams:
    """All kinds of one API server."""

    of: dict[TemplateKind, Stream] = field(default_factory=dict)

    @property
    def live(self) -> bool:
        return bool(self.of) and all(stream.live for stream in self.of.values())

    @property
    def uids(self) -> set[str]:
        return {stream.uid for stream in self.of.values()}

    @property
    def revision(self) -> int:
        return max((stream.revision for stream in self.of.values()), default=0)

    @property
    def unseen(self) -> str:
        """Why not all of them are live; empty where they are."""
        lost = next((stream.lost for stream in self.of.values() if stream.lost), "")
        return lost or next((f"no list of {kind.plural} yet" for kind, each in self.of.items() if not each.listed), "")


class _Type(Wire, frozen=True):
    api_version: str = ""
    kind: str = ""


def with_type(kind: TemplateKind, body: bytes) -> bytes:
    """API servers leave out what an object is where a list says it for all of its items."""
    found = msgspec.json.decode(body, type=_Type)
    if found.api_version and found.kind:
        return body
    stated = msgspec.json.encode({"apiVersion": kind.api_version, "kind": kind.kind})
    return stated[:-1] + b"," + body.strip()[1:]


def key_of(kind: TemplateKind, namespace: str, name: str) -> ObjectKey:
    return ObjectKey(kind.group, kind.kind, namespace, name)
