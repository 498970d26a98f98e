"""What a step costs and leaves behind in a member: on a real API server, by the permissions that are documented."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from msgspec.structs import replace

from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.propagation.capacity import Room
from trafficfed.propagation.discover import discover
from trafficfed.propagation.engine import Job
from trafficfed.propagation.objects import DEFAULT_KINDS, ObjectKey, TemplateKind
from trafficfed.propagation.plan import Apply, Delete, Release
from trafficfed.propagation.room import measured_room
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.troubles import Failure
from trafficfed.propagation.writer import MADE_LABEL, MemberWriter, Objection, nothing
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.hubs import allow_propagation, get

pytestmark = pytest.mark.real

Json = dict[str, Any]
MARK = "trafficfed.io/propagated-by"


class Outcomes:
    """Notes how each step ended."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []
        self.ended = asyncio.Event()

    def note(self, how: str, what: Any) -> None:
        self.said.append((how, what))
        self.ended.set()

    def done(self, deed: Deed, answer: bytes) -> None:
        self.note("done", json.loads(answer))

    def absent(self, deed: Deed) -> None:
        self.note("absent", deed)

    def found(self, deed: Deed, body: bytes) -> None:
        self.note("found", json.loads(body))

    def failed(self, deed: Deed, found: Failure) -> None:
        self.note("failed", found)


@pytest.fixture(scope="module")
def member(farm: ClusterFarm) -> RealCluster:
    return allow_propagation(farm.start_one("eu"))


def carried_out(member: RealCluster, deed: Deed, objection: Objection = nothing) -> tuple[str, Any, int]:
    """How it ended, with what, and how many requests it took."""

    async def run(transport: Transport) -> tuple[str, Any, int]:
        outcomes = Outcomes()
        writer = MemberWriter("demo", DEFAULT_KINDS, outcomes, SystemClock(), objection=objection)
        writer.submit(Job(deed=deed, urgent=False))
        async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
            running = tasks.create_task(writer.run(transport), name="writer")
            await outcomes.ended.wait()
            running.cancel()
        return (*outcomes.said[0], writer.requests)

    ended: tuple[str, Any, int] = with_transport(member, run)
    return ended


def test_what_somebody_objects_to_is_not_even_asked_for(member: RealCluster) -> None:
    async def objection(cluster: str, key: ObjectKey, body: bytes) -> str:
        return f"{key} may not go to {cluster}" if json.loads(body)["data"] == {"a": "bad"} else ""

    how, found, requests = carried_out(member, applying("denied", a="bad"), objection)
    assert (how, found.reason, requests) == ("failed", "DeniedByBaseline", 0)
    assert found.message == "ConfigMap shop/denied may not go to eu"
    assert get(member, path("denied")) is None
    assert carried_out(member, applying("denied", a="good"), objection)[0] == "done"


def with_transport(member: RealCluster, use: Callable[[Transport], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        transport = Transport(await load_kubeconfig(member.kubeconfig, member.context, SystemClock(), ()))
        try:
            return await use(transport)
        finally:
            await transport.close()

    return asyncio.run(run())


def manifest(name: str, namespace: str, **data: str) -> Json:
    metadata = {"name": name, "namespace": namespace, "labels": {MARK: "demo"}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data}


def key(name: str, namespace: str = "shop") -> ObjectKey:
    return ObjectKey("", "ConfigMap", namespace, name)


def applying(name: str, namespace: str = "shop", revision: str = "", force: bool = False, **data: str) -> Apply:
    body = json.dumps(manifest(name, namespace, **data)).encode()
    return Apply(cluster="eu", object=key(name, namespace), body=body, hash="h", resource_version=revision, force=force)


def path(name: str, namespace: str = "shop") -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps/{name}"


def test_a_new_copy_costs_one_write_and_makes_its_namespace_once(member: RealCluster) -> None:
    how, answer, requests = carried_out(member, applying("first", "made", a="1"))
    assert (how, answer["data"], requests) == ("done", {"a": "1"}, 3)
    namespace = get(member, "/api/v1/namespaces/made")
    assert namespace is not None
    assert namespace["metadata"]["labels"][MADE_LABEL] == "demo"
    assert carried_out(member, applying("second", "made", a="1"))[2] == 1


def test_an_edit_costs_one_write_and_is_refused_where_the_copy_changed_meanwhile(member: RealCluster) -> None:
    _, answer, _ = carried_out(member, applying("edited", a="1"))
    revision = answer["metadata"]["resourceVersion"]
    how, answer, requests = carried_out(member, applying("edited", revision=revision, a="2"))
    assert (how, answer["data"], requests) == ("done", {"a": "2"}, 1)
    how, failure, _ = carried_out(member, applying("edited", revision=revision, a="3"))
    assert (how, failure.reason) == ("failed", "Outdated")


def test_an_edit_of_what_is_gone_makes_nothing(member: RealCluster) -> None:
    """Nor at another API server that has come to answer at the address: there is no such object there either."""
    _, answer, _ = carried_out(member, applying("vanished", a="1"))
    meta = answer["metadata"]
    member.kubectl("-n", meta["namespace"], "delete", "configmap", "vanished")
    edit = applying("vanished", revision=meta["resourceVersion"], a="2")
    how, failure, requests = carried_out(member, replace(edit, uid=meta["uid"]))
    assert (how, failure.reason, requests) == ("failed", "Outdated", 1)
    assert get(member, path("vanished")) is None


def test_an_edit_names_the_copy_that_was_seen(member: RealCluster) -> None:
    _, answer, _ = carried_out(member, applying("named", a="1"))
    meta = answer["metadata"]
    edit = replace(applying("named", revision=meta["resourceVersion"], a="2"), uid=meta["uid"])
    how, after, requests = carried_out(member, edit)
    assert (how, after["data"], requests) == ("done", {"a": "2"}, 1)
    owned = next(each for each in after["metadata"]["managedFields"] if each["manager"] == "trafficfed")
    assert "f:uid" not in owned["fieldsV1"].get("f:metadata", {})


def test_what_stands_there_without_our_mark_is_found_and_not_touched(member: RealCluster) -> None:
    member.ensure_namespace("shop")
    member.kubectl("-n", "shop", "create", "configmap", "theirs", "--from-literal=a=theirs")
    how, found, requests = carried_out(member, applying("theirs", a="ours"))
    assert (how, found["data"], requests) == ("found", {"a": "theirs"}, 2)
    assert get(member, path("theirs")) == found


def test_even_equal_content_of_somebody_else_is_not_taken_over(member: RealCluster) -> None:
    member.ensure_namespace("shop")
    member.kubectl("-n", "shop", "create", "configmap", "equal", "--from-literal=a=same")
    assert carried_out(member, applying("equal", a="same"))[0] == "found"


def test_a_copy_of_ours_that_was_not_seen_yet_is_applied(member: RealCluster) -> None:
    carried_out(member, applying("unseen", a="1"))
    how, answer, requests = carried_out(member, applying("unseen", a="2"))
    assert (how, answer["data"], requests) == ("done", {"a": "2"}, 3)


def test_a_namespace_that_we_made_can_be_placed_later(member: RealCluster) -> None:
    carried_out(member, applying("first", "later", a="1"))
    body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "later", "labels": {MARK: "demo", "a": "b"}}}
    deed = Apply(cluster="eu", object=ObjectKey("", "Namespace", "", "later"), body=json.dumps(body).encode(), hash="h")
    how, answer, _ = carried_out(member, deed)
    assert (how, answer["metadata"]["labels"]["a"]) == ("done", "b")


def test_a_field_of_somebody_else_is_a_conflict_unless_forced(member: RealCluster) -> None:
    _, answer, _ = carried_out(member, applying("contested", a="ours"))
    member.kubectl("-n", "shop", "patch", "configmap", "contested", "-p", '{"data":{"a":"theirs"}}')
    standing = get(member, path("contested"))
    assert standing is not None
    revision = standing["metadata"]["resourceVersion"]
    how, failure, _ = carried_out(member, applying("contested", revision=revision, a="ours"))
    assert (how, failure.reason) == ("failed", "FieldConflict")
    assert "kubectl" in failure.message
    how, answer, _ = carried_out(member, applying("contested", revision=revision, force=True, a="ours"))
    assert answer["data"] == {"a": "ours"}


def ending(kind: type[Delete | Release], name: str, answer: Json) -> Deed:
    meta = answer["metadata"]
    return kind(cluster="eu", object=key(name), uid=meta["uid"], resource_version=meta["resourceVersion"])


def test_only_what_was_seen_is_deleted(member: RealCluster) -> None:
    _, before, _ = carried_out(member, applying("deleted", a="1"))
    _, after, _ = carried_out(member, applying("deleted", revision=before["metadata"]["resourceVersion"], a="2"))
    how, failure, _ = carried_out(member, ending(Delete, "deleted", before))
    assert (how, failure.reason) == ("failed", "Outdated")
    assert carried_out(member, ending(Delete, "deleted", after))[::2] == ("done", 1)
    assert get(member, path("deleted")) is None
    assert carried_out(member, ending(Delete, "deleted", after))[0] == "absent"


def test_what_is_let_go_of_stays_without_our_marks(member: RealCluster) -> None:
    _, answer, _ = carried_out(member, applying("released", a="1"))
    assert carried_out(member, ending(Release, "released", answer))[0] == "done"
    standing = get(member, path("released"))
    assert standing is not None
    assert standing["data"] == {"a": "1"}
    assert MARK not in standing["metadata"].get("labels", {})


def test_what_is_not_permitted_is_named(member: RealCluster) -> None:
    deed = Apply(
        cluster="eu",
        object=ObjectKey("", "ConfigMap", "shop", "Not A Name"),
        body=json.dumps(manifest("Not A Name", "shop")).encode(),
        hash="h",
        resource_version="1",
    )
    assert carried_out(member, deed)[1].reason == "Invalid"


def test_free_room_is_what_nodes_have_less_what_pods_ask_for(member: RealCluster) -> None:
    member.ensure_namespace("shop")
    for name, cpu in (("big", "4"), ("full", "1")):
        member.admin.request("POST", "/api/v1/nodes", {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})
        status = {"status": {"allocatable": {"cpu": cpu, "memory": "8Gi", "pods": "10"}}}
        member.admin.request("PATCH", f"/api/v1/nodes/{name}/status", status, "application/merge-patch+json")
    container = {"name": "a", "image": "a", "resources": {"requests": {"cpu": "750m", "memory": "1Gi"}}}
    spec = {"nodeName": "full", "containers": [container]}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "shop"}, "spec": spec}
    member.admin.request("POST", "/api/v1/namespaces/shop/pods", pod)
    room = with_transport(member, measured_room)
    assert room == (Room(4000, 8 * 2**30, 10), Room(250, 7 * 2**30, 9))


def test_the_hub_is_asked_where_it_keeps_each_kind_and_what_it_lacks_is_told(member: RealCluster) -> None:
    wanted = [
        *((kind.api_version, kind.kind) for kind in DEFAULT_KINDS),
        ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ("v1", "Nonsense"),
        ("example.org/v1", "Widget"),
    ]
    found = with_transport(member, lambda transport: discover(transport, wanted))
    role = TemplateKind(
        api_version="rbac.authorization.k8s.io/v1", kind="ClusterRole", plural="clusterroles", namespaced=False
    )
    assert found.kinds == (*DEFAULT_KINDS, role)
    assert found.absent == (("v1", "Nonsense"), ("example.org/v1", "Widget"))
    assert ["Nonsense" in each.message or "Widget" in each.message for each in found.refusals] == [True, True]
