"""Hub and members in memory around one engine: turns are carried out at once, in their order, or refused as told."""

import json
from collections.abc import Callable, Iterable
from typing import Any

from trafficfed.kubernetes_api.wire import Foreign, Listed, Lost, Meta, Removed, Resumed, Upserted
from trafficfed.model import Cluster
from trafficfed.propagation.engine import Engine, Turn
from trafficfed.propagation.followed import CLUSTER_POLICIES, POLICIES
from trafficfed.propagation.hub import Hub
from trafficfed.propagation.hub_view import RECORDS
from trafficfed.propagation.member_view import MANAGER
from trafficfed.propagation.objects import DEFAULT_KINDS, ObjectKey, PolicyKey, TemplateKind
from trafficfed.propagation.plan import Apply, Delete
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.troubles import Failure

Json = dict[str, Any]
NAMES = ("ap", "eu", "us")
OWNER = "demo"
POLICY_KINDS = {"PropagationPolicy": POLICIES, "ClusterPropagationPolicy": CLUSTER_POLICIES}
KINDS = {kind.kind: kind for kind in DEFAULT_KINDS} | POLICY_KINDS


class Bench:
    """``log`` has every write in its order: ``record``, ``apply eu Deployment.apps shop/web``, ``status ...``."""

    def __init__(self, names: Iterable[str] = NAMES, *, known: Hub | None = None) -> None:
        self.now_s = 1000.0
        self.uid, self.revision = "hub-1", 10
        self.hub: dict[tuple[TemplateKind, str, str], Json] = {}
        self.records: dict[str, Json] = {}
        self.members: dict[str, dict[ObjectKey, Json]] = {name: {} for name in names}
        self.uids = {name: f"{name}-1" for name in names}
        self.log: list[str] = []
        self.statuses: dict[ObjectKey | PolicyKey, Json] = {}
        self.refuse: Callable[[Deed], Failure | None] = lambda deed: None
        self.hub_takes_records = True
        self.start(known or Hub())

    def start(self, known: Hub, *, went_back: bool = False) -> None:
        """A new process; ``known`` is what outlived the one before."""
        clusters = {name: Cluster(name=name, region=f"region-{name}") for name in self.members}
        self.engine = Engine(OWNER, "trafficfed", clusters, DEFAULT_KINDS, known, self.now_s, went_back=went_back)

    # ------------------------------------------------------------------ what the servers show

    def list_hub(self, *kinds: TemplateKind) -> None:
        """Lists as after a connection; of all kinds where none is named."""
        for kind in kinds or (*DEFAULT_KINDS, POLICIES, CLUSTER_POLICIES, RECORDS):
            if kind == RECORDS:
                found = tuple(foreign(each) for each in self.records.values())
            else:
                found = tuple(foreign(each) for (k, *_), each in self.hub.items() if k == kind)
            self.engine.take_hub(kind, Listed(Foreign, found, self.revision, self.uid), self.now_s)

    def list_member(self, name: str) -> None:
        for kind in DEFAULT_KINDS:
            of_kind = ((key, each) for key, each in self.members[name].items() if key.kind == kind.kind)
            found = tuple(foreign(each) for _, each in of_kind if _is_ours(each))
            self.engine.take_member(name, kind, Listed(Foreign, found, self.revision, self.uids[name]))

    def list_all(self) -> None:
        self.list_hub()
        for name in self.members:
            self.list_member(name)

    def lose_member(self, name: str, reason: str = "connection refused") -> None:
        for kind in DEFAULT_KINDS:
            self.engine.take_member(name, kind, Lost(Foreign, reason))

    def lose_hub(self, reason: str = "connection refused") -> None:
        for kind in (*DEFAULT_KINDS, POLICIES, CLUSTER_POLICIES, RECORDS):
            self.engine.take_hub(kind, Lost(Foreign, reason), self.now_s)

    def resume_hub(self) -> None:
        for kind in (*DEFAULT_KINDS, POLICIES, CLUSTER_POLICIES, RECORDS):
            self.engine.take_hub(kind, Resumed(Foreign), self.now_s)

    # ------------------------------------------------------------------ what users do

    def write(self, *manifests: Json) -> None:
        """As ``kubectl apply`` on the hub: stored, and told by the watch."""
        for manifest in manifests:
            self.store(manifest)
            kind = KINDS[manifest["kind"]]
            stored = self.hub[kind, manifest["metadata"].get("namespace", ""), manifest["metadata"]["name"]]
            self.engine.take_hub(kind, Upserted(foreign(stored), self.revision), self.now_s)

    def store(self, manifest: Json) -> None:
        """Stored, and told to nobody yet."""
        self.revision += 1
        kind, meta = KINDS[manifest["kind"]], manifest["metadata"]
        place = (kind, meta.get("namespace", ""), meta["name"])
        before = self.hub.get(place, {}).get("metadata", {})
        made = {
            **meta,
            "uid": before.get("uid", f"uid-{self.revision}"),
            "resourceVersion": str(self.revision),
            "generation": before.get("generation", 0) + 1,
        }
        self.hub[place] = {"apiVersion": kind.api_version, **manifest, "metadata": made}

    def tell_report(self, key: ObjectKey, **status: Any) -> None:
        """The hub's watch tells of another status of a template: its generation stays."""
        self._stored(key)["status"] = status
        self._told(key)

    def tell_metadata(self, key: ObjectKey, **metadata: Any) -> None:
        """The hub's watch tells of other labels or annotations of a template: its generation stays."""
        self._stored(key)["metadata"] |= metadata
        self._told(key)

    def _stored(self, key: ObjectKey) -> Json:
        self.revision += 1
        stored = self.hub[KINDS[key.kind], key.namespace, key.name]
        stored["metadata"]["resourceVersion"] = str(self.revision)
        return stored

    def _told(self, key: ObjectKey) -> None:
        kind = KINDS[key.kind]
        stored = self.hub[kind, key.namespace, key.name]
        self.engine.take_hub(kind, Upserted(foreign(stored), self.revision), self.now_s)

    def tell_status(self, policy: PolicyKey) -> None:
        """The hub's watch tells of the status that was written of a policy."""
        self.revision += 1
        kind = POLICIES if policy.namespace else CLUSTER_POLICIES
        stored = self.hub[kind, policy.namespace, policy.name]
        stored["metadata"]["resourceVersion"] = str(self.revision)
        stored["status"] = self.statuses[policy]
        self.engine.take_hub(kind, Upserted(foreign(stored), self.revision), self.now_s)

    def remove(self, kind: str, name: str, namespace: str = "shop") -> None:
        """A deletion that is watched."""
        self.revision += 1
        gone = self.hub.pop((KINDS[kind], namespace, name))
        self.engine.take_hub(KINDS[kind], Removed(foreign(gone), self.revision), self.now_s)

    def change(self, cluster: str, key: ObjectKey, **fields: Any) -> None:
        """Somebody changes a copy in a member: its fields are theirs then."""
        copy = self.members[cluster][key]
        copy |= fields
        copy["metadata"]["managedFields"] = []
        self.tell(cluster, key)

    def report(self, cluster: str, key: ObjectKey, **status: Any) -> None:
        """A member's controllers write a status."""
        self.members[cluster][key]["status"] = status
        self.tell(cluster, key)

    def tell(self, cluster: str, key: ObjectKey) -> None:
        self.revision += 1
        copy = self.members[cluster][key]
        copy["metadata"]["resourceVersion"] = str(self.revision)
        self.engine.take_member(cluster, KINDS[key.kind], Upserted(foreign(copy), self.revision))

    # ------------------------------------------------------------------ turns

    def run(self, for_s: float = 3.0) -> None:
        """Turns until nothing is left to do, over so much time."""
        ends_s = self.now_s + for_s
        for _ in range(10_000):
            turn = self.engine.turn(self.now_s)
            self.carry_out(turn)
            if turn.records or turn.jobs or turn.statuses or self.engine.busy:
                continue
            wake_s = self.engine.next_wake_s(self.now_s)
            if wake_s is None or wake_s > ends_s:
                self.now_s = ends_s
                return
            self.now_s = max(self.now_s, wake_s)
        raise AssertionError("it does not settle")

    def carry_out(self, turn: Turn) -> None:
        for write in turn.records:
            self.log.append("record")
            if not self.hub_takes_records:
                self.engine.not_recorded(write.name, self.now_s + 1.0)
                continue
            self.revision += 1
            if write.body:
                body = json.loads(write.body)
                body["metadata"]["resourceVersion"] = str(self.revision)
                self.records[write.name] = body
            else:
                del self.records[write.name]
            self.engine.recorded(write.name, str(self.revision) if write.body else "")
        for job in turn.jobs:
            self.take(job.deed)
        for status in turn.statuses:
            self.log.append(f"status {status.subject}")
            self.statuses[status.subject] = json.loads(status.body)["status"]

    def take(self, deed: Deed) -> None:
        """One step in a member."""
        self.log.append(f"{type(deed).__name__.lower()} {deed.cluster} {deed.object}")
        if (failure := self.refuse(deed)) is not None:
            self.engine.failed(deed, failure, self.now_s)
            return
        copies = self.members[deed.cluster]
        standing = copies.get(deed.object)
        self.revision += 1
        if isinstance(deed, Apply):
            if standing is not None and not deed.resource_version and not _is_ours(standing):
                self.engine.found(deed, json.dumps(standing).encode())
                return
            copies[deed.object] = _applied(json.loads(deed.body), self.revision, standing)
            self.engine.done(deed, json.dumps(copies[deed.object]).encode())
            return
        assert standing is not None, "only what was seen is taken away"
        assert standing["metadata"]["uid"] == deed.uid
        if isinstance(deed, Delete):
            del copies[deed.object]
        else:
            standing["metadata"]["labels"] = {}
        self.engine.done(deed, b"{}")
        gone = Removed(foreign(standing), self.revision)
        self.engine.take_member(deed.cluster, KINDS[deed.object.kind], gone)

    # ------------------------------------------------------------------ what is looked at

    def holders(self, key: ObjectKey) -> set[str]:
        return {name for name, copies in self.members.items() if key in copies}

    def writes(self, kind: str) -> list[str]:
        return [each for each in self.log if each.split()[0] == kind]

    def problems(self, policy: PolicyKey) -> dict[str, str]:
        """The reason of each cluster that has one."""
        return {each["cluster"]: each["reason"] for each in self.statuses[policy].get("problems", ())}

    def reason(self, policy: PolicyKey, condition: str = "Applied") -> str:
        stated = {each["type"]: each for each in self.statuses[policy]["conditions"]}
        return str(stated[condition]["reason"])


def foreign(stored: Json) -> Foreign:
    """An object as a reflector tells it."""
    meta = stored["metadata"]
    read = Meta(
        name=meta["name"],
        namespace=meta.get("namespace", ""),
        uid=meta.get("uid", ""),
        resource_version=meta.get("resourceVersion", ""),
        labels=meta.get("labels"),
    )
    return Foreign(read, json.dumps(stored).encode())


def _is_ours(stored: Json) -> bool:
    return bool((stored["metadata"].get("labels") or {}).get("trafficfed.io/propagated-by") == OWNER)


def _applied(body: Json, revision: int, standing: Json | None) -> Json:
    """As an API server stores it: every field of what was applied is ours."""
    before = (standing or {}).get("metadata", {})
    fields = {"manager": MANAGER, "operation": "Apply", "fieldsV1": _fields(body)}
    body["metadata"] |= {
        "uid": before.get("uid", f"uid-{revision}"),
        "resourceVersion": str(revision),
        "generation": before.get("generation", 0) + 1,
        "managedFields": [fields],
    }
    return body | ({"status": standing["status"]} if standing and "status" in standing else {})


def _fields(value: Any) -> Json:
    if not isinstance(value, dict):
        return {}
    return {f"f:{key}": _fields(each) for key, each in value.items()}
