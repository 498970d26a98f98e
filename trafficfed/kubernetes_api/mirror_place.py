"""A copy of the table in the ConfigMaps of one cluster, written by compare-and-set.

All of them carry one label and stand in the controllers' own namespace; nobody else's ConfigMaps are read or written.
"""

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import TypeVar

import msgspec
import orjson

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Expired, Rejected, Unavailable
from trafficfed.kubernetes_api.listing import PageMeta
from trafficfed.kubernetes_api.transport import Api, Params
from trafficfed.kubernetes_api.wire import Meta, Wire
from trafficfed.table.place import Chunk, Overtaken

T = TypeVar("T")

LABEL = "trafficfed.io/mirror"
LABEL_VALUE = "table"
DATA_KEY = "chunk"
AT_ONCE = 8
"""Requests under way at once, so that a first copy of many chunks does not wait for a round trip each."""
PAGE = 100
"""ConfigMaps per page of a list: one to two megabytes where chunks have their usual size."""


class _ConfigMap(Wire, frozen=True):
    metadata: Meta
    binary_data: dict[str, bytes] | None = None


class _Page(Wire, frozen=True):
    metadata: PageMeta
    items: list[_ConfigMap] | None = None


class _Head(Wire, frozen=True):
    metadata: Meta


class ConfigMapPlace:
    """A MirrorPlace. The namespace must be there, with the permissions of deploy/rbac.yaml."""

    def __init__(self, name: str, api: Api, namespace: str = "trafficfed") -> None:
        """``name`` is what operators call the cluster."""
        self.name = name
        self._api, self._namespace = api, namespace
        self._path = f"/api/v1/namespaces/{namespace}/configmaps"
        self._versions: dict[str, str] = {}

    async def look(self, deadline_s: float) -> Mapping[str, bytes]:
        """See MirrorPlace."""
        return {each.metadata.name: _data(each) for each in await self._list(deadline_s)}

    async def load(self, deadline_s: float) -> Mapping[str, bytes]:
        """See MirrorPlace."""
        found = await self._list(deadline_s)
        self._versions = {each.metadata.name: each.metadata.resource_version for each in found}
        return {each.metadata.name: _data(each) for each in found}

    async def _list(self, deadline_s: float) -> list[_ConfigMap]:
        """All pages of a list show the state at its first."""
        async with self._deadline("loading", deadline_s):
            try:
                return await self._pages({"labelSelector": f"{LABEL}={LABEL_VALUE}", "limit": str(PAGE)})
            except Expired:
                return await self._pages({"labelSelector": f"{LABEL}={LABEL_VALUE}"})

    async def store(self, chunks: Sequence[Chunk], deadline_s: float) -> None:
        """See MirrorPlace."""
        *others, last = chunks
        async with self._deadline("storing", deadline_s):
            await self._side_by_side(self._store, others)
            await self._store(last)

    async def _pages(self, params: Params) -> list[_ConfigMap]:
        found: list[_ConfigMap] = []
        while True:
            page = await self._api.get_json(self._path, _Page, params)
            found += page.items or ()
            if not page.metadata.continue_:
                return found
            params = {**params, "continue": page.metadata.continue_}

    async def drop(self, names: Sequence[str], deadline_s: float) -> None:
        """See MirrorPlace. Only what was last loaded or stored is deleted, not what somebody has made of it since."""
        async with self._deadline("tidying", deadline_s):
            await self._side_by_side(self._drop, names)

    async def _side_by_side(self, act: Callable[[T], Awaitable[None]], things: Sequence[T]) -> None:
        """What fails first is raised, once those under way have ended."""
        waiting = iter(things)
        failures: list[Transient | Refused] = []

        async def work() -> None:
            for thing in waiting:
                if failures:
                    return
                try:
                    await act(thing)
                except (Transient, Refused) as error:
                    failures.append(error)

        async with asyncio.TaskGroup() as tasks:
            for number in range(min(AT_ONCE, len(things))):
                tasks.create_task(work(), name=f"mirror {self.name} {number}")
        if failures:
            raise failures[0]

    async def _drop(self, name: str) -> None:
        version = self._versions.pop(name, "")
        options = orjson.dumps({"preconditions": {"resourceVersion": version}} if version else {})
        try:
            await self._api.request("DELETE", f"{self._path}/{name}", options)
        except (Rejected, Unavailable) as error:
            if error.status not in {HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT}:
                raise

    async def _store(self, chunk: Chunk) -> None:
        version = self._versions.get(chunk.name, "")
        try:
            if version:
                answer = await self._api.request("PUT", f"{self._path}/{chunk.name}", self._body(chunk, version))
            else:
                answer = await self._api.request("POST", self._path, self._body(chunk))
        except Unavailable as error:
            if error.status == HTTPStatus.CONFLICT:
                raise Overtaken(f"somebody else wrote {chunk.name} in {self.name}") from error
            raise
        except Rejected as error:
            raise self._missing(chunk, version, error) from error
        self._versions[chunk.name] = msgspec.json.decode(answer, type=_Head).metadata.resource_version

    def _missing(self, chunk: Chunk, version: str, error: Rejected) -> Refused | Transient:
        if error.status != HTTPStatus.NOT_FOUND:
            return error
        if version:
            return Overtaken(f"somebody else deleted {chunk.name} in {self.name}")
        return Refused(f"{self.name} has no namespace {self._namespace}: apply deploy/rbac.yaml there ({error})")

    def _body(self, chunk: Chunk, version: str = "") -> bytes:
        metadata = {"name": chunk.name, "namespace": self._namespace, "labels": {LABEL: LABEL_VALUE}}
        if version:
            metadata["resourceVersion"] = version
        data = {DATA_KEY: base64.b64encode(chunk.data).decode()}
        return orjson.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": data})

    @asynccontextmanager
    async def _deadline(self, doing: str, deadline_s: float) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(deadline_s):
                yield
        except TimeoutError as error:
            raise Transient(f"{doing} the table in {self.name} took more than {deadline_s:.0f} s") from error


def _data(found: _ConfigMap) -> bytes:
    return (found.binary_data or {}).get(DATA_KEY, b"")
