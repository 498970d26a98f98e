"""Every list carries the UID of the server it came from, checked on both sides of it: a mixed one is never told."""

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import Rejected
from trafficfed.kubernetes_api.identity import server_uid
from trafficfed.kubernetes_api.wire import Listed
from trafficfed.testing.scripted_api import Pause, Script, ScriptedApi, bookmark, event, page, service

pytestmark = pytest.mark.looptime

WEB = service("web", 4)
LIST = (event("ADDED", WEB), bookmark(4, ends_list=True))
HALF_WAY = "another API server answered half-way: what was read may be of either"


def uids(script: Script, *values: str | Exception) -> None:
    script.api.uids.clear()
    script.api.uids.extend(values)


def told_uids(script: Script) -> list[str]:
    return [event.server_uid for event in script.events if isinstance(event, Listed)]


async def test_a_streaming_list_that_began_elsewhere_is_not_told(script: Script) -> None:
    uids(script, "old", "new")
    script.api.streams.extend([[LIST], [LIST, Pause(60)]])
    await script.run_for(5)
    assert script.told == ["Lost", "Listed web"]
    assert script.reasons == [HALF_WAY]
    assert told_uids(script) == ["new"]


async def test_a_paged_list_that_began_elsewhere_is_not_told(script: Script) -> None:
    uids(script, "old", "new")
    script.api.streams.append(Rejected("sendInitialEvents is forbidden", 422))
    script.api.lists.extend([page(9, WEB), page(12, service("api", 12))])
    await script.run_for(5)
    assert script.told == ["Lost", "Listed api"]
    assert told_uids(script) == ["new"]


async def test_a_watch_is_not_resumed_at_another_server(script: Script) -> None:
    """Its revisions mean nothing there: events could be missed without any error."""
    uids(script, "old", "old", "new")
    script.api.streams.extend([[LIST, Pause(40)], [bookmark(2, ends_list=True), Pause(60)]])
    await script.run_for(41)
    assert script.told == ["Listed web", "Listed"]
    assert told_uids(script) == ["old", "new"]
    assert script.api.revisions()[1] == ""


async def test_a_watch_resumed_while_the_server_changes_is_listed_anew(script: Script) -> None:
    uids(script, "old", "old", "old", "new")
    script.api.streams.extend([[LIST, Pause(40)], [Pause(60)], [LIST, Pause(60)]])
    await script.run_for(50)
    assert script.told == ["Listed web", "Lost", "Listed web"]
    assert told_uids(script) == ["old", "new"]


async def test_no_identity_no_list(script: Script) -> None:
    uids(script, Refused('403 Forbidden: namespaces "kube-system" is forbidden'))
    script.api.streams.append([LIST])
    await script.run_for(5)
    assert script.told == ["Lost"]
    assert script.api.asked == []


async def test_a_namespace_without_uid_is_no_identity() -> None:
    api = ScriptedApi()
    api.uids[0] = ""
    with pytest.raises(Transient, match="no UID"):
        await server_uid(api)
