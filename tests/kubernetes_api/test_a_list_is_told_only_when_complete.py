"""Listed says: this is everything there is. It comes from a streaming list, or page by page where none is to be had."""

import pytest

from trafficfed.errors import Transient
from trafficfed.kubernetes_api.failures import Expired, Rejected
from trafficfed.kubernetes_api.listing import PAGE, list_all
from trafficfed.kubernetes_api.reflector import FIRST_WORD_S
from trafficfed.kubernetes_api.resource import SERVICES
from trafficfed.kubernetes_api.wire import Listed, Service
from trafficfed.testing.scripted_api import Pause, Script, ScriptedApi, bookmark, error, event, page, service

pytestmark = pytest.mark.looptime

WEB, API = service("web", 4), service("api", 5)


async def test_a_streaming_list_is_told_at_its_end_bookmark(script: Script) -> None:
    script.api.streams.append([event("ADDED", WEB), event("ADDED", API), bookmark(9, ends_list=True)])
    await script.run_for(0.1)
    assert script.told == ["Listed web api"]
    listed = script.events[0]
    assert isinstance(listed, Listed)
    assert (listed.revision, listed.server_uid, listed.unreadable) == (9, "uid-1", ())
    assert script.api.asked[0][2]["sendInitialEvents"] == "true"
    assert script.api.asked[0][2]["resourceVersionMatch"] == "NotOlderThan"


async def test_changes_before_the_end_bookmark_belong_to_the_list(script: Script) -> None:
    script.api.streams.append(
        [
            event("ADDED", WEB),
            event("ADDED", API),
            bookmark(5),
            event("DELETED", service("api", 6)),
            event("MODIFIED", service("web", 7, type="NodePort")),
            bookmark(7, ends_list=True),
        ]
    )
    await script.run_for(0.1)
    (listed,) = script.events
    assert isinstance(listed, Listed)
    (found,) = listed.objects
    assert isinstance(found, Service)
    assert (found.metadata.name, found.spec.type) == ("web", "NodePort")


async def test_what_follows_the_list_in_the_same_batch_is_not_lost(script: Script) -> None:
    script.api.streams.append([(event("ADDED", WEB), bookmark(4, ends_list=True), event("ADDED", API))])
    await script.run_for(0.1)
    assert script.told == ["Listed web", "Upserted api"]


async def test_an_unfinished_streaming_list_tells_nothing(script: Script) -> None:
    script.api.streams.append([event("ADDED", WEB), Transient("the connection broke off")])
    await script.run_for(0.1)
    assert script.told == ["Lost"]
    assert script.reasons == ["the connection broke off"]


async def test_a_streaming_list_that_just_ends_tells_nothing(script: Script) -> None:
    script.api.streams.append([event("ADDED", WEB)])
    await script.run_for(0.1)
    assert script.reasons == ["the list broke off"]


async def test_a_failure_inside_the_streaming_list_tells_nothing(script: Script) -> None:
    script.api.streams.append([event("ADDED", WEB), error(500, "etcd went away")])
    await script.run_for(0.1)
    assert script.reasons == ["500 Internal Server Error: etcd went away"]


@pytest.mark.parametrize("status", [400, 403, 422])
async def test_where_streaming_lists_are_refused_it_lists_by_pages(script: Script, status: int) -> None:
    script.api.streams.append(Rejected("sendInitialEvents is forbidden for watch", status))
    script.api.lists.append(page(9, WEB))
    await script.run_for(0.1)
    assert script.told == ["Listed web"]
    assert script.api.revisions() == ["", "9"]


async def test_a_server_that_never_ends_its_streaming_list_is_listed_by_pages(script: Script) -> None:
    """Servers older than 1.27 may ignore the parameter, some others forget the end bookmark."""
    script.api.streams.append([event("ADDED", WEB), Pause(FIRST_WORD_S + 100)])
    script.api.lists.append(page(9, WEB))
    await script.run_for(FIRST_WORD_S + 1)
    assert script.told == ["Lost", "Listed web"]


async def test_refused_credentials_are_no_reason_to_list_by_pages(script: Script) -> None:
    script.api.streams.append(Rejected("401 Unauthorized: the token of context eu was refused", 401))
    await script.run_for(0.05)
    assert script.reasons == ["401 Unauthorized: the token of context eu was refused"]
    assert script.api.moments("list") == []


async def test_pages_are_joined_and_the_first_ones_revision_counts() -> None:
    api = ScriptedApi()
    api.lists.extend([page(9, WEB, token="next"), page(9, API)])
    gathered, revision = await list_all(api, SERVICES)
    assert (sorted(gathered.objects), revision) == (["shop/api", "shop/web"], "9")
    assert [params for _, _, params in api.asked] == [
        {"limit": str(PAGE)},
        {"limit": str(PAGE), "continue": "next"},
    ]


async def test_an_expired_continue_token_leads_to_one_unpaged_list() -> None:
    api = ScriptedApi()
    api.lists.extend([page(9, WEB, token="next"), Expired("410 Gone: the continue token is too old"), page(12, API)])
    gathered, revision = await list_all(api, SERVICES)
    assert (sorted(gathered.objects), revision) == (["shop/api"], "12")
    assert api.asked[-1][2] == {}


async def test_a_list_of_nothing_is_a_list() -> None:
    api = ScriptedApi()
    api.lists.append({"metadata": {"resourceVersion": "3"}, "items": None})
    gathered, revision = await list_all(api, SERVICES)
    assert (gathered.objects, revision) == ({}, "3")
