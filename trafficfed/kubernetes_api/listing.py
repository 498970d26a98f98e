"""A complete list of one kind, page by page; and what a list and the first part of a watch both amount to."""

from dataclasses import dataclass, field
from typing import Generic, TypeVar

import msgspec

from trafficfed.kubernetes_api.failures import Expired
from trafficfed.kubernetes_api.messages import (
    Added,
    Change,
    Modified,
    Objects,
    Progress,
    Unreadable,
    key_of,
    objects_of,
)
from trafficfed.kubernetes_api.resource import Resource
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.wire import Watched, Wire
from trafficfed.unreadable import UNREADABLE

T = TypeVar("T", bound=Watched)

# client-go's page size; 500 Services are under a megabyte.
PAGE = 500


class PageMeta(Wire, frozen=True):
    resource_version: str = ""
    continue_: str = msgspec.field(default="", name="continue")


class Page(Wire, frozen=True):
    """One page with its objects still raw, so that each can fail alone."""

    metadata: PageMeta
    items: list[msgspec.Raw] | None = None


@dataclass(slots=True)
class Gathered(Generic[T]):
    """All objects of one kind, while they come in."""

    objects: dict[str, T] = field(default_factory=dict)
    unreadable: dict[str, str] = field(default_factory=dict)

    def take(self, change: Change[T]) -> None:
        """One change before the list is complete: an object is readable, unreadable or gone, never two of them."""
        key = key_of(change.metadata if isinstance(change, Unreadable) else change.object.metadata)
        self.objects.pop(key, None)
        self.unreadable.pop(key, None)
        match change:
            case Added(found) | Modified(found):
                self.objects[key] = found
            case Unreadable(_, deleted=False, error=error):
                self.unreadable[key] = error


async def list_all(reader: Reader, resource: Resource[T]) -> tuple[Gathered[T], str]:
    """The whole list and its revision. Raises Transient or Refused.

    A continue token that expires on the way (a list longer than etcd's compaction interval) leads to one unpaged list.
    """
    try:
        return await _pages(reader, resource, {"limit": str(PAGE)})
    except Expired:
        return await _pages(reader, resource, {})


async def present_revision(reader: Reader, resource: Resource[T]) -> str:
    """The newest revision of the API server that answers, read from its storage with one object at most.

    (Kubernetes API concepts, "Semantics for get and list": without a resourceVersion the answer is the most recent.)
    Raises Transient or Refused.
    """
    return (await reader.get_json(resource.path, Page, {"limit": "1"})).metadata.resource_version


async def _pages(reader: Reader, resource: Resource[T], params: dict[str, str]) -> tuple[Gathered[T], str]:
    gathered: Gathered[T] = Gathered()
    decoder = objects_of(resource.kind)
    while True:
        page = await reader.get_json(resource.path, Page, params)
        for raw in page.items or ():
            gathered.take(_read(raw, decoder))
        if not page.metadata.continue_:
            return gathered, page.metadata.resource_version
        params = {**params, "continue": page.metadata.continue_}


def _read(raw: msgspec.Raw, decoder: Objects[T]) -> Added[T] | Unreadable:
    try:
        return Added(decoder.decode(raw))
    except UNREADABLE as error:
        return Unreadable(msgspec.json.decode(raw, type=Progress).metadata, deleted=False, error=str(error))
