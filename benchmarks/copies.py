"""The objects of the propagation benchmark: how they are written, and when each copy shows in each member."""

import asyncio
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import orjson

from benchmarks.measures import clock_s
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.propagation.portable import HASH_ANNOTATION, OWNER_LABEL
from trafficfed.propagation.writer import BULK_AT_ONCE

PAYLOAD = "x" * 200
MERGE = "application/merge-patch+json"
APPLY = "application/apply-patch+yaml"
WRITERS = 8
"""Creations under way at the hub at once."""

HUB = "hub"

Version = tuple[str, str]
"""An object's name, and which of its contents."""


@dataclass(frozen=True)
class Seen:
    """When a version showed in the hub's own watch, and in the last member's."""

    hub_at: float
    last_at: float


@dataclass
class _Awaited:
    seen: asyncio.Future[Seen]
    at: dict[str, float] = field(default_factory=dict)


@dataclass
class Arrivals:
    """When each awaited version was seen, by a watch of each place: the hub and the members."""

    places: Mapping[str, Transport]
    _awaited: dict[Version, _Awaited] = field(default_factory=dict)

    def expect(self, name: str, turn: str) -> asyncio.Future[Seen]:
        """Done when it was seen everywhere; call it before the write."""
        seen: asyncio.Future[Seen] = asyncio.get_running_loop().create_future()
        self._awaited[name, turn] = _Awaited(seen)
        return seen

    def saw(self, place: str, version: Version) -> None:
        awaited = self._awaited.get(version)
        if awaited is None:
            return
        awaited.at.setdefault(place, clock_s())
        if len(awaited.at) == len(self.places):
            del self._awaited[version]
            hub_at = awaited.at.pop(HUB)
            awaited.seen.set_result(Seen(hub_at, max(awaited.at.values())))

    async def watch(self, place: str, namespace: str, begun: asyncio.Event) -> None:
        """Until cancelled; ``begun`` is set when the place is followed. Raises Transient where the watch ends."""
        async for lines in self.places[place].stream(collection(namespace), {"watch": "1", "timeoutSeconds": "3600"}):
            begun.set()
            for line in lines:
                found = orjson.loads(line)["object"]
                self.saw(place, (found["metadata"]["name"], found.get("data", {}).get("turn", "")))
        raise AssertionError(f"the benchmark's watch of {place} ended")


def collection(namespace: str) -> str:
    return f"/api/v1/namespaces/{namespace}/configmaps"


async def create(hub: Transport, namespace: str, name: str) -> None:
    """As a user would create it, its turn 0."""
    body = {"metadata": {"name": name}, "data": {"turn": "0", "payload": PAYLOAD}}
    await hub.request("POST", collection(namespace), orjson.dumps(body))


async def change(hub: Transport, namespace: str, name: str, turn: str) -> None:
    """One field."""
    await hub.request("PATCH", f"{collection(namespace)}/{name}", orjson.dumps({"data": {"turn": turn}}), MERGE)


async def create_many(hub: Transport, namespace: str, names: Iterable[str]) -> None:
    """All at once, so many under way."""
    waiting = iter(names)

    async def work() -> None:
        for name in waiting:
            await create(hub, namespace, name)

    await asyncio.gather(*(work() for _ in range(WRITERS)))


class PlainClient:
    """The same copies written by nobody's decision: what hub and members take by themselves."""

    def __init__(self, members: Mapping[str, Transport], namespace: str) -> None:
        self._members, self._namespace = members, namespace

    async def make_namespace(self) -> None:
        body = orjson.dumps({"metadata": {"name": self._namespace}})
        await asyncio.gather(*(each.request("POST", "/api/v1/namespaces", body) for each in self._members.values()))

    async def apply(self, member: Transport, name: str, turn: str) -> None:
        """One copy, with the label and the annotation that the product's carry."""
        metadata = {
            "name": name,
            "namespace": self._namespace,
            "labels": {OWNER_LABEL: "nobody"},
            "annotations": {HASH_ANNOTATION: "0123456789abcdef" + turn},
        }
        data = {"turn": turn, "payload": PAYLOAD}
        body = orjson.dumps({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data})
        params = {"fieldManager": "plain", "force": "false"}
        await member.request("PATCH", f"{collection(self._namespace)}/{name}", body, APPLY, params)

    async def apply_everywhere(self, name: str, turn: str) -> None:
        await asyncio.gather(*(self.apply(member, name, turn) for member in self._members.values()))

    async def apply_many(self, names: Iterable[str]) -> None:
        """Into all members, each with as many under way as the product has."""
        wanted = tuple(names)

        async def work(member: Transport, waiting: Iterator[str]) -> None:
            for name in waiting:
                await self.apply(member, name, "0")

        queues = [(member, iter(wanted)) for member in self._members.values()]
        await asyncio.gather(*(work(member, queue) for member, queue in queues for _ in range(BULK_AT_ONCE)))
