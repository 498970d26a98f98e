"""What is copied elsewhere loses no field, known or not: followed as bytes, with nothing but metadata looked into."""

import json
from typing import Any

import msgspec
import pytest

from trafficfed.errors import Transient
from trafficfed.kubernetes_api.messages import (
    Added,
    Bookmark,
    Deleted,
    Failure,
    Messages,
    Modified,
    Unreadable,
    objects_of,
)
from trafficfed.kubernetes_api.wire import Foreign, Service

ODD: dict[str, Any] = {
    "kind": "Widget",
    "metadata": {"name": "web", "namespace": "shop", "resourceVersion": "7", "labels": {"a": "b"}},
    "future": {"field": [1, None, {"deep": True}]},
}
MESSAGES = Messages(Foreign)


def line(type: str, found: object) -> bytes:
    return json.dumps({"type": type, "object": found}).encode()


@pytest.mark.parametrize(("type", "shape"), [("ADDED", Added), ("MODIFIED", Modified), ("DELETED", Deleted)])
def test_every_field_is_kept(type: str, shape: Any) -> None:
    message = MESSAGES.read(line(type, ODD))
    assert isinstance(message, shape)
    found = message.object
    assert isinstance(found, Foreign)
    assert json.loads(found.body) == ODD
    assert (found.metadata.name, found.metadata.resource_version, found.metadata.labels) == ("web", "7", {"a": "b"})


def test_bookmarks_and_errors_are_read_as_ever() -> None:
    bookmark = MESSAGES.read(line("BOOKMARK", {"metadata": {"resourceVersion": "9"}}))
    assert isinstance(bookmark, Bookmark)
    assert isinstance(MESSAGES.read(line("ERROR", {"code": 410, "message": "too old"})), Failure)


def test_metadata_that_cannot_be_read_is_no_event_at_all() -> None:
    with pytest.raises(Transient, match="no event"):
        MESSAGES.read(line("ADDED", {"metadata": {"name": 7}}))
    with pytest.raises(Transient, match="no event"):
        MESSAGES.read(b"<html>")


def test_a_typed_kind_is_unreadable_where_an_untyped_one_is_not() -> None:
    odd = {**ODD, "spec": {"ports": "none"}}
    assert isinstance(Messages(Service).read(line("ADDED", odd)), Unreadable)
    assert isinstance(MESSAGES.read(line("ADDED", odd)), Added)


def test_items_of_lists_are_kept_the_same_way() -> None:
    found = objects_of(Foreign).decode(msgspec.Raw(json.dumps(ODD).encode()))
    assert json.loads(found.body) == ODD
