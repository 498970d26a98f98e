"""GlobalServices as the hub's API server sends them, and a hub that tells them to whoever takes events."""

import json
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from trafficfed.crds.structs import API_VERSION
from trafficfed.discovery.declared import HUB
from trafficfed.kubernetes_api import wire
from trafficfed.testing.folding import NAMESPACE

T = TypeVar("T")
Take = Callable[[str, wire.Event], T]
MADE = "2026-01-01T00:00:00Z"


def written(
    name: str,
    *hostnames: str,
    generation: int = 1,
    created: str = MADE,
    status: dict[str, Any] | None = None,
    **spec: Any,
) -> wire.Foreign:
    """One GlobalService in the namespace that all objects of the tests share; ``spec`` in the words of the wire."""
    metadata = {"name": name, "namespace": NAMESPACE, "uid": f"uid-hub-{name}", "creationTimestamp": created}
    body = {
        "apiVersion": API_VERSION,
        "kind": "GlobalService",
        "metadata": {**metadata, "generation": generation},
        "spec": {"hostnames": list(hostnames), **spec},
        **({"status": status} if status is not None else {}),
    }
    meta = wire.Meta(name=name, namespace=NAMESPACE, uid=f"uid-hub-{name}", creation_timestamp=created)
    return wire.Foreign(meta, json.dumps(body).encode())


class ToldHub(Generic[T]):
    """A hub of which only what it tells is there; it counts its revisions from 1."""

    def __init__(self, take: Take[T]) -> None:
        self._take = take
        self.uid = "uid-hub"
        self.revision = 0

    def listed(self, *objects: wire.Foreign, uid: str = "", revision: int = 0, unreadable: tuple[str, ...] = ()) -> T:
        """A complete list; ``unreadable`` are names."""
        keys = tuple(f"{NAMESPACE}/{name}" for name in unreadable)
        return self._take(HUB, wire.Listed(wire.Foreign, objects, revision or self._next(), uid or self.uid, keys))

    def put(self, found: wire.Foreign) -> T:
        """An object as watched."""
        return self._take(HUB, wire.Upserted(found, self._next()))

    def remove(self, found: wire.Foreign) -> T:
        """A watched deletion."""
        return self._take(HUB, wire.Removed(found, self._next()))

    def lose(self, reason: str = "connection refused") -> T:
        return self._take(HUB, wire.Lost(wire.Foreign, reason))

    def resume(self) -> T:
        return self._take(HUB, wire.Resumed(wire.Foreign))

    def _next(self) -> int:
        self.revision += 1
        return self.revision
