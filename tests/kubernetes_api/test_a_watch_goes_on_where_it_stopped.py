"""A watch that ends is resumed from the last revision seen, bookmarks included, without another list."""

import asyncio

import pytest

from trafficfed.errors import Transient
from trafficfed.kubernetes_api.failures import Expired
from trafficfed.kubernetes_api.wire import Listed, Removed, Upserted
from trafficfed.testing.scripted_api import Pause, Script, bookmark, error, event, running, service

pytestmark = pytest.mark.looptime

WEB = service("web", 4)
LIST = (event("ADDED", WEB), bookmark(4, ends_list=True))


async def test_events_carry_their_objects_and_revisions(script: Script) -> None:
    script.api.streams.append([LIST, event("MODIFIED", service("web", 6)), event("DELETED", service("web", 8))])
    await script.run_for(0.001)
    _, upserted, removed = script.events
    assert isinstance(upserted, Upserted)
    assert isinstance(removed, Removed)
    assert (upserted.revision, upserted.object.metadata.uid) == (6, "uid-of-web")
    assert (removed.revision, removed.object.metadata.name) == (8, "web")


async def test_a_watch_the_server_ended_goes_on_from_its_last_event(script: Script) -> None:
    script.api.streams.append([LIST, Pause(40), event("MODIFIED", service("web", 7))])
    await script.run_for(60)
    assert script.told == ["Listed web", "Upserted web", "Resumed"]
    assert script.api.revisions() == ["", "7"]


async def test_a_bookmark_moves_the_point_to_go_on_from(script: Script) -> None:
    script.api.streams.append([LIST, bookmark(70), Pause(40)])
    await script.run_for(60)
    assert script.api.revisions() == ["", "70"]


async def test_a_broken_connection_is_lost_then_resumed(script: Script) -> None:
    script.api.streams.append([LIST, Pause(40), Transient("the connection broke off")])
    await script.run_for(60)
    assert script.told == ["Listed web", "Lost", "Resumed"]
    assert script.api.moments("list") == []


async def test_failing_tries_to_go_on_never_forget_where(script: Script) -> None:
    script.api.streams.extend([[LIST, Pause(40), Transient("broke off")], *[Transient("cannot connect")] * 5])
    await script.run_for(80)
    assert script.told == ["Listed web", "Lost", "Lost", "Resumed"]
    assert script.reasons == ["broke off", "cannot connect"]
    assert script.api.revisions() == ["", *["4"] * 6]


async def test_what_happened_meanwhile_arrives_after_resuming(script: Script) -> None:
    script.api.streams.extend([[LIST, Pause(40)], [event("DELETED", service("web", 9)), Pause(60)]])
    await script.run_for(41)
    assert script.told == ["Listed web", "Resumed", "Removed web"]


async def test_an_expired_revision_leads_to_a_new_list_at_once(script: Script) -> None:
    again = (event("ADDED", service("api", 90)), bookmark(90, ends_list=True))
    script.api.streams.extend(
        [[LIST, Pause(40)], Expired("410 Gone: too old resource version: 4 (80)"), [again, Pause(60)]]
    )
    await script.run_for(40.5)
    assert script.told == ["Listed web", "Listed api"]
    assert script.api.moments() == [0, 40, 40]


async def test_a_revision_that_expires_inside_the_stream_leads_to_a_new_list_at_once(script: Script) -> None:
    again = (event("ADDED", service("api", 90)), bookmark(90, ends_list=True))
    script.api.streams.extend([[LIST, Pause(5), error(410, "too old resource version: 4 (80)")], [again, Pause(60)]])
    await script.run_for(5.5)
    assert script.told == ["Listed web", "Listed api"]
    assert script.api.moments() == [0, 5]


async def test_a_list_after_an_expiry_shows_what_vanished_meanwhile(script: Script) -> None:
    """The consumer finds deletions by comparing: the new list is complete and of the same server."""
    script.api.streams.extend([[LIST, error(410, "too old")], [bookmark(90, ends_list=True), Pause(60)]])
    await script.run_for(1)
    first, second = script.events
    assert isinstance(first, Listed)
    assert isinstance(second, Listed)
    assert (len(first.objects), len(second.objects)) == (1, 0)
    assert first.server_uid == second.server_uid
    assert second.revision > first.revision


async def test_a_server_that_always_answers_expired_is_not_asked_without_pause(script: Script) -> None:
    script.api.streams.extend([[LIST, error(410, "too old")]] * 50)
    await script.run_for(20)
    assert len(script.api.moments()) < 20
    assert "410 Gone: too old" in script.reasons


async def test_revisions_that_run_backwards_lead_to_a_new_list(script: Script) -> None:
    """As after etcd was restored from a backup: from the old revision on, the watch would keep silent about changes."""
    again = (event("ADDED", WEB), bookmark(20, ends_list=True))
    script.api.streams.extend([[LIST, bookmark(70), bookmark(20)], [again, Pause(60)]])
    await script.run_for(0.5)
    assert script.told == ["Listed web", "Listed web"]
    assert script.api.revisions() == ["", ""]


async def test_a_server_that_went_back_meanwhile_is_listed_again_at_once(script: Script) -> None:
    """It accepts a watch from a revision that is yet to come, and says nothing: only its present one tells."""
    again = (event("ADDED", service("old", 15)), bookmark(20, ends_list=True))
    script.api.streams.extend([[LIST, bookmark(70), Pause(40)], [Pause(60)], [again, Pause(60)]])
    script.api.newest = 20
    await script.run_for(40.5)
    assert script.told == ["Listed web", "Listed old"]
    assert script.api.revisions() == ["", "70", ""]
    assert script.api.moments() == [0, 40, 40]
    assert script.api.open_streams == 0
    relisted = script.events[-1]
    assert isinstance(relisted, Listed)
    assert (relisted.revision, relisted.server_uid) == (20, "uid-1")


async def test_a_server_at_the_very_revision_goes_on(script: Script) -> None:
    script.api.streams.extend([[LIST, bookmark(70), Pause(40)], [Pause(60)]])
    script.api.newest = 70
    await script.run_for(60)
    assert script.told == ["Listed web", "Resumed"]


async def test_the_present_revision_costs_one_look_at_one_object_each_time(script: Script) -> None:
    script.api.streams.extend([[LIST, Pause(40)], [Pause(40)], [Pause(40)], [Pause(600)]])
    await script.run_for(150)
    looks = [(at_s, params) for at_s, kind, params in script.api.asked if kind == "look"]
    assert looks == [(at_s, {"limit": "1"}) for at_s in (40, 80, 120)]
    assert script.api.moments("list") == []


async def test_a_look_that_fails_is_lost_and_goes_on_from_the_same_point_later(script: Script) -> None:
    script.api.streams.extend([[LIST, Pause(40)], [Pause(60)], [Pause(60)]])
    script.api.newest = Transient("no answer to GET /api/v1/services in 60 s")
    async with running(script.reflector.run):
        await asyncio.sleep(40.001)
        assert script.told == ["Listed web", "Lost"]
        assert script.api.open_streams == 0
        script.api.newest = 4
        await asyncio.sleep(10)
    assert script.told == ["Listed web", "Lost", "Resumed"]
    assert script.api.revisions() == ["", "4", "4"]


async def test_a_revision_that_is_no_number_is_a_named_failure(script: Script) -> None:
    script.api.streams.append([LIST, event("MODIFIED", {**WEB, "metadata": {"name": "web", "resourceVersion": "x1"}})])
    await script.run_for(0.05)
    assert script.reasons == ["the API server sent the resourceVersion 'x1', which is no number"]


async def test_every_stream_is_closed_when_it_is_left(script: Script) -> None:
    script.api.streams.extend([[LIST, Pause(40), error(410, "too old")], [LIST, Pause(40)], [Transient("broke off")]])
    await script.run_for(300)
    assert script.api.open_streams == 0
