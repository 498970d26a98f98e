"""A cluster as an elector: a Lease (coordination.k8s.io/v1), written over exactly the resourceVersion that was seen.

The Lease carries the record where tools expect it (holder, duration, renewal time, transitions) and, in annotations,
what a Lease has no field for: ``trafficfed.io/owner``, ``term``, ``renewal`` and ``electorate``.
"""

import asyncio
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import TypeVar

import msgspec

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.kubernetes_api.identity import PATH, Namespace
from trafficfed.kubernetes_api.transport import Api
from trafficfed.kubernetes_api.wire import Meta, Wire
from trafficfed.leadership.elector import Conflict, Seen
from trafficfed.leadership.record import Record, joined, parted
from trafficfed.ports import Clock
from trafficfed.unreadable import UNREADABLE

T = TypeVar("T")

NAMESPACE = "trafficfed"
LEASE = "trafficfed-leader"
_PREFIX = "trafficfed.io/"
_MOST_TRANSITIONS = 2**31 - 1
"""The field has 32 bits (Lease v1); the annotation has the whole term."""

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/{}/leases"


class LeaseSpec(Wire, frozen=True):
    holder_identity: str | None = None
    lease_duration_seconds: int | None = None


class Lease(Wire, frozen=True):
    metadata: Meta
    spec: LeaseSpec = LeaseSpec()


class LeaseElector:
    """``name`` is the same at every controller. A transport of its own keeps long lists of others out of its way."""

    def __init__(self, name: str, api: Api, namespace: str = NAMESPACE, *, clock: Clock, lease: str = LEASE) -> None:
        self._name, self._api, self._clock = name, api, clock
        self._namespace, self._lease = namespace, lease
        self._known: tuple[str, str] | None = None

    @property
    def name(self) -> str:
        return self._name

    async def read(self, deadline_s: float) -> Seen:
        """Raises Refused where a Lease of that name is none of ours."""
        async with self._deadline(deadline_s):
            try:
                lease = await self._api.get_json(self._path(), Lease)
            except Rejected as error:
                if error.status != HTTPStatus.NOT_FOUND:
                    raise
                return Seen(uid=await self._place_uid(""))
            return await self._seen(lease)

    async def write(self, record: Record, over: Seen, deadline_s: float) -> Seen:
        async with self._deadline(deadline_s):
            return await self._seen(await self._put(record, over))

    async def _put(self, record: Record, over: Seen) -> Lease:
        body = msgspec.json.encode(self._body(record, over))
        try:
            if over.record is None:
                return _lease(await self._api.request("POST", _LEASES.format(self._namespace), body))
            return _lease(await self._api.request("PUT", self._path(), body))
        except Unavailable as error:
            if error.status != HTTPStatus.CONFLICT:
                raise
            raise Conflict(f"Lease {self._where()} is not as it was read: {error}") from error
        except Rejected as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            if over.record is not None:
                raise Conflict(f"Lease {self._where()} is no more: {error}") from error
            raise Refused(
                f"there is no namespace {self._namespace} for Lease {self._where()}: apply deploy/rbac.yaml there, or "
                f"`kubectl create namespace {self._namespace}`"
            ) from error

    def _body(self, record: Record, over: Seen) -> Mapping[str, object]:
        """A released Lease has no holder: API servers refuse an empty one."""
        metadata: dict[str, object] = {
            "name": self._lease,
            "namespace": self._namespace,
            "annotations": {
                f"{_PREFIX}owner": record.owner,
                f"{_PREFIX}term": str(record.term),
                f"{_PREFIX}renewal": str(record.renewal),
                f"{_PREFIX}electorate": joined(record.electorate),
            },
        }
        if over.version:
            metadata |= {"resourceVersion": over.version, "uid": over.uid.partition("/")[2]}
        spec: dict[str, object] = {
            # Whole seconds is all a Lease takes; others wait rather longer than shorter.
            "leaseDurationSeconds": math.ceil(record.lease_s),
            "renewTime": datetime.fromtimestamp(self._clock.now_s(), UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
            "leaseTransitions": min(record.term, _MOST_TRANSITIONS),
        }
        if record.holder:
            spec["holderIdentity"] = record.holder
        return {"apiVersion": "coordination.k8s.io/v1", "kind": "Lease", "metadata": metadata, "spec": spec}

    async def _seen(self, lease: Lease) -> Seen:
        record = record_of(lease)
        if record is None:
            raise Refused(
                f"Lease {self._where()} is no record of a leadership: delete it if nobody needs it "
                f"(`kubectl -n {self._namespace} delete lease {self._lease}`)"
            )
        return Seen(record, lease.metadata.resource_version, await self._place_uid(lease.metadata.uid))

    async def _place_uid(self, lease_uid: str) -> str:
        """The cluster's UID and the Lease's. A known Lease is still in the cluster where it was found before."""
        if self._known is None or not lease_uid or self._known[1] != lease_uid:
            cluster_uid = (await self._api.get_json(PATH, Namespace)).metadata.uid
            if not cluster_uid:
                raise Transient(f"{self._name}: the kube-system namespace has no UID yet")
            self._known = (cluster_uid, lease_uid)
        return "/".join(self._known)

    def _path(self) -> str:
        return f"{_LEASES.format(self._namespace)}/{self._lease}"

    def _where(self) -> str:
        return f"{self._namespace}/{self._lease} of {self._name}"

    @asynccontextmanager
    async def _deadline(self, deadline_s: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(deadline_s):
                yield
        except TimeoutError as error:
            raise Transient(f"{self._name} gave no answer about its Lease within {deadline_s:g} s") from error


def record_of(lease: Lease) -> Record | None:
    """The record that a Lease carries, None where it is not one that we understand whole: then it is foreign."""
    notes = lease.metadata.annotations or {}
    keys = [f"{_PREFIX}{key}" for key in ("owner", "term", "renewal", "electorate")]
    if any(key not in notes for key in keys):
        return None
    owner, term, renewal, electorate = (notes[key] for key in keys)
    duration_s = lease.spec.lease_duration_seconds or 0
    if not (term.isdecimal() and renewal.isdecimal()) or duration_s <= 0:
        return None
    return Record(
        owner=owner,
        holder=lease.spec.holder_identity or "",
        term=int(term),
        renewal=int(renewal),
        lease_s=float(duration_s),
        electorate=parted(electorate),
    )


def _lease(body: bytes) -> Lease:
    try:
        return msgspec.json.decode(body, type=Lease)
    except UNREADABLE as error:
        raise Transient(f"the answer to a write is no Lease: {error}") from error
