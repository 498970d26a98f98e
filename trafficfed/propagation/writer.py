"""Carries steps out in one member: edits first, a bounded number at once; what goes wrong is told by a named reason."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, NamedTuple, Never, Protocol

import msgspec
import orjson

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.kubernetes_api.transport import Writer
from trafficfed.kubernetes_api.wire import Meta, Wire
from trafficfed.ports import Clock
from trafficfed.propagation.engine import Job
from trafficfed.propagation.member_view import MANAGER
from trafficfed.propagation.objects import ObjectKey, TemplateKind
from trafficfed.propagation.plan import Apply, Delete, Release
from trafficfed.propagation.portable import HASH_ANNOTATION, OWNER_LABEL
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.troubles import Failure, failure

APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
EDITS_AT_ONCE, BULK_AT_ONCE = 4, 4
"""Steps under way in one member. More of them make nothing faster, as API servers are busy by then, but all else
slower. Edits have some of their own: they wait for nothing but edits."""

BULK_BESIDE_EDITS = 1
EDITING_S = 1.0
"""While somebody edits, which is until so long after the last edit, bulk work has one lane: every request that an API
server has under way beside an edit makes that one slower. Bulk work never stands still for it."""

NEVER = "1"
"""A resourceVersion that no object has, as etcd counts writes from 2: a server-side apply that carries it creates, and
is refused where anything stands (seen of kube-apiserver 1.37: the update of an object compares revisions, its creation
has nothing to compare). Where a server refuses it altogether, one more request finds out."""

MADE_LABEL = "trafficfed.io/made-by"
"""On a namespace that was made because a copy needed it: ours to make, never ours to delete."""


Objection = Callable[[str, ObjectKey, bytes], Awaitable[str]]
"""Why an object may not be placed in a cluster; empty where it may. Raises Transient where that cannot be told now."""


async def nothing(cluster: str, key: ObjectKey, body: bytes) -> str:
    """Where nobody objects to anything."""
    return ""


class Outcomes(Protocol):
    """Who is told how a step ended."""

    def done(self, deed: Deed, answer: bytes) -> None: ...

    def absent(self, deed: Deed) -> None: ...

    def found(self, deed: Deed, body: bytes) -> None: ...

    def failed(self, deed: Deed, found: Failure) -> None: ...


class _Head(Wire, frozen=True):
    metadata: Meta = Meta()


class _Standing(NamedTuple):
    """What stands where nothing was seen: an object that is not ours, or revision and UID of one that is. All are
    empty where it is free."""

    strange: bytes = b""
    revision: str = ""
    uid: str = ""


class MemberWriter:
    """The queue of one member. Steps that come while it is not connected wait. ``only_looks``: nothing is written; what
    is to be made is asked for, and everything else is told as done. ``objection`` is asked before each apply."""

    def __init__(
        self,
        owner: str,
        kinds: tuple[TemplateKind, ...],
        outcomes: Outcomes,
        clock: Clock,
        *,
        only_looks: bool = False,
        objection: Objection = nothing,
    ) -> None:
        self._owner, self._outcomes, self._clock, self._only_looks = owner, outcomes, clock, only_looks
        self._objection = objection
        self._kinds = {(kind.group, kind.kind): kind for kind in kinds}
        self._edits: asyncio.Queue[Job] = asyncio.Queue()
        self._bulk: asyncio.Queue[Job] = asyncio.Queue()
        self._calm_s = 0.0
        self.requests = 0

    def submit(self, job: Job) -> None:
        if job.urgent:
            self._calm_s = self._clock.monotonic_s() + EDITING_S
        (self._edits if job.urgent else self._bulk).put_nowait(job)

    async def run(self, transport: Writer) -> None:
        """As long as there is a connection; until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(EDITS_AT_ONCE):
                tasks.create_task(self._work(transport, self._edits), name=f"edits {number}")
            for number in range(BULK_AT_ONCE):
                yields = number >= BULK_BESIDE_EDITS
                tasks.create_task(self._work(transport, self._bulk, yields=yields), name=f"bulk {number}")

    async def _work(self, transport: Writer, jobs: asyncio.Queue[Job], *, yields: bool = False) -> Never:
        while True:
            if yields and (edited_s := self._calm_s - self._clock.monotonic_s()) > 0:
                await asyncio.sleep(edited_s)
                continue
            job = await jobs.get()
            try:
                await self._carry_out(transport, job.deed)
            except (Transient, Refused) as error:
                self._outcomes.failed(job.deed, failure(error))
            except asyncio.CancelledError:
                self._outcomes.failed(job.deed, Failure(reason="Unreachable", message="the connection was given up"))
                raise

    async def _look(self, transport: Writer, deed: Deed) -> None:
        makes = isinstance(deed, Apply) and not deed.resource_version
        standing = await self._standing(transport, deed) if makes else _Standing()
        if standing.strange:
            self._outcomes.found(deed, standing.strange)
        else:
            self._outcomes.done(deed, b"")

    async def _carry_out(self, transport: Writer, deed: Deed) -> None:
        if isinstance(deed, Apply) and (why := await self._objection(deed.cluster, deed.object, deed.body)):
            self._outcomes.failed(deed, Failure(reason="DeniedByBaseline", message=why, person=True))
            return
        if self._only_looks:
            await self._look(transport, deed)
            return
        match deed:
            case Apply() if deed.resource_version:
                self._outcomes.done(deed, await self._apply(transport, deed, deed.resource_version, deed.uid))
            case Apply():
                await self._create(transport, deed)
            case Delete() | Release():
                await self._end(transport, deed)

    async def _create(self, transport: Writer, deed: Apply) -> None:
        """Only where nothing stands yet: what does not carry our label is not seen by watching."""
        try:
            answer = await self._apply(transport, deed, NEVER)
        except Unavailable as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            standing = await self._standing(transport, deed)
            if standing.strange:
                self._outcomes.found(deed, standing.strange)
                return
            answer = await self._apply(transport, deed, standing.revision, standing.uid)
        self._outcomes.done(deed, answer)

    async def _standing(self, transport: Writer, deed: Deed) -> _Standing:
        try:
            body = await self._request(transport, "GET", self._path(deed.object))
        except Rejected as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            return _Standing()
        meta = msgspec.json.decode(body, type=_Head).metadata
        labels = meta.labels or {}
        is_ours = labels.get(OWNER_LABEL) == self._owner or labels.get(MADE_LABEL) == self._owner
        return _Standing(revision=meta.resource_version, uid=meta.uid) if is_ours else _Standing(strange=body)

    async def _apply(self, transport: Writer, deed: Apply, revision: str, uid: str = "") -> bytes:
        params = {"fieldManager": MANAGER, "force": "true" if deed.force else "false"}
        body = _exactly(deed.body, revision, uid)
        path = self._path(deed.object)
        try:
            return await self._request(transport, "PATCH", path, body, APPLY, params)
        except Rejected as error:
            namespace = deed.object.namespace
            if error.status != HTTPStatus.NOT_FOUND or f'namespaces "{namespace}" not found' not in str(error):
                raise
        await self._make_namespace(transport, deed.object.namespace)
        return await self._request(transport, "PATCH", path, body, APPLY, params)

    async def _make_namespace(self, transport: Writer, name: str) -> None:
        labels = {MADE_LABEL: self._owner}
        body = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}}
        try:
            await self._request(transport, "POST", "/api/v1/namespaces", orjson.dumps(body))
        except Transient as error:
            if getattr(error, "status", 0) != HTTPStatus.CONFLICT:
                raise

    async def _end(self, transport: Writer, deed: Delete | Release) -> None:
        """Both only of exactly the object that was seen."""
        path = self._path(deed.object)
        exactly = {"uid": deed.uid, "resourceVersion": deed.resource_version}
        try:
            if isinstance(deed, Delete):
                options = {"preconditions": exactly, "propagationPolicy": "Background"}
                answer = await self._request(transport, "DELETE", path, orjson.dumps(options))
            else:
                marks = {"labels": {OWNER_LABEL: None}, "annotations": {HASH_ANNOTATION: None}}
                patch = orjson.dumps({"metadata": {**exactly, **marks}})
                answer = await self._request(transport, "PATCH", path, patch, MERGE)
        except Rejected as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            self._outcomes.absent(deed)
        else:
            self._outcomes.done(deed, answer)

    async def _request(self, transport: Writer, method: str, path: str, *arguments: Any) -> bytes:
        self.requests += 1
        return await transport.request(method, path, *arguments)

    def _path(self, key: ObjectKey) -> str:
        return self._kinds[key.group, key.kind].path(key.namespace, key.name)


def _exactly(body: bytes, revision: str, uid: str) -> bytes:
    """Refused by the member where the copy is another by now than the one that was decided on, or is there no more.
    A revision alone is compared with nothing then, and the copy would be made, also by another API server that has
    come to answer at the address (kube-apiserver, patch: "uid mismatch ... no existing object was found").
    """
    if not revision:
        return body
    stated = orjson.loads(body)
    stated["metadata"] |= {"resourceVersion": revision, **({"uid": uid} if uid else {})}
    return orjson.dumps(stated)
