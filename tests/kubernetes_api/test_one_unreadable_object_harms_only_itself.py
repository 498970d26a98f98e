"""An object that does not decode is named, counts as present, and disturbs no other object."""

from typing import Any

import pytest

from trafficfed.errors import Transient
from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.messages import Bookmark, Messages, Unreadable
from trafficfed.kubernetes_api.wire import Listed, Service
from trafficfed.testing.scripted_api import Script, bookmark, event, page, service

pytestmark = pytest.mark.looptime


def broken(name: str, revision: int) -> dict[str, Any]:
    return service(name, revision, ports=[{"port": "eighty"}])


def listed(script: Script) -> Listed[Any]:
    (found,) = [event for event in script.events if isinstance(event, Listed)]
    return found


async def test_in_a_streaming_list(script: Script) -> None:
    script.api.streams.append(
        [event("ADDED", service("web", 3)), event("ADDED", broken("odd", 4)), bookmark(4, ends_list=True)]
    )
    await script.run_for(0.1)
    assert script.told == ["Listed web"]
    assert listed(script).unreadable == ("shop/odd",)
    ((key, error),) = script.unreadable
    assert key == "shop/odd"
    assert "Expected `int`, got `str`" in error


@pytest.mark.parametrize("type", ["MODIFIED", "DELETED"])
async def test_what_happens_to_it_before_the_list_is_complete_counts(script: Script, type: str) -> None:
    script.api.streams.append(
        [(event("ADDED", broken("web", 3)), event(type, service("web", 4)), bookmark(4, ends_list=True))]
    )
    await script.run_for(0.001)
    assert script.told == ["Listed web" if type == "MODIFIED" else "Listed"]
    assert script.unreadable == []


async def test_in_a_paged_list(script: Script) -> None:
    script.api.streams.append(Rejected("sendInitialEvents is forbidden", 422))
    script.api.lists.append(page(9, broken("odd", 4), service("web", 3)))
    await script.run_for(0.1)
    assert script.told == ["Listed web"]
    assert listed(script).unreadable == ("shop/odd",)


async def test_in_a_watch_the_last_readable_state_stays_and_the_watch_goes_on(script: Script) -> None:
    script.api.streams.append(
        [
            (event("ADDED", service("web", 3)), bookmark(4, ends_list=True)),
            event("MODIFIED", broken("web", 5)),
            event("ADDED", service("api", 6)),
        ]
    )
    await script.run_for(0.001)
    assert script.told == ["Listed web", "Upserted api"]
    assert [key for key, _ in script.unreadable] == ["shop/web"]


async def test_its_deletion_is_told_all_the_same(script: Script) -> None:
    script.api.streams.append(
        [(event("ADDED", service("web", 3)), bookmark(4, ends_list=True)), event("DELETED", broken("web", 5))]
    )
    await script.run_for(0.001)
    assert script.told == ["Listed web", "Removed web"]
    assert script.unreadable == []


async def test_once_readable_again_that_is_told(script: Script) -> None:
    script.api.streams.append(
        [
            (event("ADDED", broken("web", 3)), bookmark(4, ends_list=True)),
            event("MODIFIED", service("web", 5)),
            event("MODIFIED", service("web", 6)),
        ]
    )
    await script.run_for(0.001)
    assert script.told == ["Listed", "Upserted web", "Upserted web"]
    assert script.unreadable[1:] == [("shop/web", "")]


async def test_once_gone_from_a_later_list_that_is_told(script: Script) -> None:
    script.api.streams.extend(
        [
            [(event("ADDED", broken("web", 3)), bookmark(4, ends_list=True)), bookmark(3)],
            [bookmark(9, ends_list=True)],
        ]
    )
    await script.run_for(0.1)
    assert script.unreadable[1:] == [("shop/web", "")]


async def test_a_relist_does_not_repeat_what_was_told(script: Script) -> None:
    script.api.streams.extend([[(event("ADDED", broken("web", 3)), bookmark(4, ends_list=True)), bookmark(3)]] * 2)
    await script.run_for(0.1)
    assert [key for key, _ in script.unreadable] == ["shop/web"]


async def test_null_in_optional_fields_is_readable(script: Script) -> None:
    odd = service("web", 3, ports=None, externalIPs=None, futureField={"x": 1})
    odd["metadata"] |= {"labels": None, "annotations": None, "creationTimestamp": None}
    script.api.streams.append([(event("ADDED", odd), bookmark(4, ends_list=True))])
    await script.run_for(0.001)
    assert script.told == ["Listed web"]
    assert script.unreadable == []


def test_a_line_that_is_no_event_condemns_the_stream() -> None:
    for line in (b"<html>", b"{}", b'{"type":"ADDED"}', b'{"type":"ADDED","object":[]}'):
        with pytest.raises(Transient, match="no event"):
            Messages(Service).read(line)


def test_an_event_of_an_unknown_type_is_unreadable_not_fatal() -> None:
    found = Messages(Service).read(event("RENAMED", service("web", 3)))
    assert isinstance(found, Unreadable)
    assert (found.metadata.name, found.deleted) == ("web", False)


def test_bookmarks_need_no_more_than_a_revision() -> None:
    found = Messages(Service).read(b'{"type":"BOOKMARK","object":{"metadata":{"resourceVersion":"8"}}}')
    assert isinstance(found, Bookmark)
    assert not found.ends_initial_events
