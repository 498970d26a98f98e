"""Writes to the hub: the record, and statuses. Nothing else of it is ever written."""

from collections.abc import Callable
from http import HTTPStatus

import msgspec
import orjson

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected, Unavailable
from trafficfed.kubernetes_api.listing import Page
from trafficfed.kubernetes_api.transport import Writer
from trafficfed.kubernetes_api.wire import Meta, Wire
from trafficfed.propagation.followed import RECORD_SELECTOR
from trafficfed.propagation.records import Write
from trafficfed.propagation.standing import STATUS_MANAGER, StatusWrite

APPLY = "application/apply-patch+yaml"


class Overtaken(Exception):
    """Somebody else wrote a record meanwhile."""


class NoStatus(Exception):
    """The hub has the kind, and no statuses of it."""


class _Head(Wire, frozen=True):
    metadata: Meta = Meta()


class HubWriter:
    """``namespace`` is the record's; it is made where it is missing."""

    def __init__(self, transport: Writer, namespace: str, count: Callable[[], None] = lambda: None) -> None:
        self._transport, self._namespace, self._count = transport, namespace, count

    async def record(self, write: Write) -> str:
        """The resourceVersion it has then, empty where it was deleted. Raises Overtaken, Transient or Refused."""
        try:
            return await self._record(write)
        except Unavailable as error:
            if error.status == HTTPStatus.CONFLICT:
                raise Overtaken(str(error)) from None
            raise
        except Rejected as error:
            if error.status != HTTPStatus.NOT_FOUND:
                raise
            if write.resource_version:
                raise Overtaken(str(error)) from None
            await self._make_namespace()
            return await self._record(write)

    async def _record(self, write: Write) -> str:
        path = f"/api/v1/namespaces/{self._namespace}/configmaps"
        if not write.body:
            options = orjson.dumps({"preconditions": {"resourceVersion": write.resource_version}})
            await self._request("DELETE", f"{path}/{write.name}", options)
            return ""
        if write.resource_version:
            answer = await self._request("PUT", f"{path}/{write.name}", write.body)
        else:
            answer = await self._request("POST", path, write.body)
        return msgspec.json.decode(answer, type=_Head).metadata.resource_version

    async def _make_namespace(self) -> None:
        body = orjson.dumps({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self._namespace}})
        try:
            await self._request("POST", "/api/v1/namespaces", body)
        except Unavailable as error:
            if error.status != HTTPStatus.CONFLICT:
                raise

    async def records(self) -> tuple[bytes, ...]:
        """All records as the hub has them now. Raises Transient or Refused."""
        path = f"/api/v1/namespaces/{self._namespace}/configmaps"
        answer = await self._transport.request("GET", path, params={"labelSelector": RECORD_SELECTOR})
        return tuple(bytes(each) for each in msgspec.json.decode(answer, type=Page).items or ())

    async def status(self, write: StatusWrite) -> str:
        """Why it was not taken; empty where it was, or where its object is gone. Raises NoStatus."""
        params = {"fieldManager": STATUS_MANAGER, "force": "true"}
        try:
            self._count()
            await self._transport.request("PATCH", write.path, write.body, APPLY, params)
        except Rejected as error:
            if error.status != HTTPStatus.NOT_FOUND:
                return str(error)
            # an object that is gone is named in the answer; a resource that is not served is not
            if f'"{_name(write)}" not found' not in str(error):
                raise NoStatus(str(error)) from None
            return ""
        except (Transient, Refused) as error:
            return str(error)
        return ""

    async def _request(self, method: str, path: str, body: bytes) -> bytes:
        self._count()
        return await self._transport.request(method, path, body)


def _name(write: StatusWrite) -> str:
    return write.path.split("/")[-2]
