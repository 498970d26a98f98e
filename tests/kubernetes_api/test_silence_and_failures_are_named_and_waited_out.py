"""A view that is not kept up says why, once for each reason, and tries again without pressing."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.backoff import LONGEST_S, Backoff
from trafficfed.kubernetes_api.failures import Unavailable
from trafficfed.kubernetes_api.reflector import SILENCE_S
from trafficfed.testing.scripted_api import Pause, Script, Step, bookmark, event, service

WEB = service("web", 4)
LIST = (event("ADDED", WEB), bookmark(4, ends_list=True))


@pytest.mark.looptime
async def test_bookmarks_each_minute_keep_a_quiet_watch_alive(script: Script) -> None:
    minutes: list[Step] = [Pause(60), bookmark(5)] * 60
    script.api.streams.append([LIST, *minutes])
    await script.run_for(3500)
    assert script.told == ["Listed web"]
    assert len(script.api.moments()) == 1


@pytest.mark.looptime
async def test_silence_beyond_the_deadline_is_lost_and_resumed(script: Script) -> None:
    script.api.streams.append([LIST, Pause(3600)])
    await script.run_for(SILENCE_S + 1)
    assert script.told == ["Listed web", "Lost", "Resumed"]
    assert script.reasons == ["the watch said nothing for 90 s"]
    assert script.api.moments() == [0, SILENCE_S]


@pytest.mark.looptime
async def test_a_server_that_never_accepts_the_watch_again_is_lost(script: Script) -> None:
    script.api.streams.extend([[LIST, Pause(40)], Transient("no answer in 60 s")])
    await script.run_for(40.01)
    assert script.reasons == ["no answer in 60 s"]


@pytest.mark.looptime
async def test_the_same_reason_is_told_once(script: Script) -> None:
    script.api.uids.clear()
    script.api.uids.append(Transient("cannot connect to https://eu.example.org: Connection refused"))
    await script.run_for(600)
    assert script.reasons == ["cannot connect to https://eu.example.org: Connection refused"]


@pytest.mark.looptime
async def test_another_reason_is_told_too(script: Script) -> None:
    script.api.uids.clear()
    script.api.uids.extend([Transient("refused"), Transient("refused"), Refused("401 Unauthorized")])
    await script.run_for(60)
    assert script.reasons == ["refused", "401 Unauthorized"]


@pytest.mark.looptime
async def test_the_same_reason_after_a_recovery_is_told_again(script: Script) -> None:
    script.api.streams.extend([Transient("broke off"), [LIST, Pause(40), Transient("broke off")]])
    await script.run_for(60)
    assert script.told == ["Lost", "Listed web", "Lost", "Resumed"]


@pytest.mark.looptime
async def test_a_failing_server_is_asked_about_twice_a_minute_in_the_end(script: Script) -> None:
    script.api.streams.extend([Transient("down")] * 1000)
    await script.run_for(3600)
    asked = len(script.api.moments())
    assert 3600 / LONGEST_S <= asked <= 3 * 3600 / LONGEST_S


@pytest.mark.looptime
async def test_retry_after_is_waited_for(script: Script) -> None:
    script.api.streams.extend([Unavailable("429 Too Many Requests", 429, retry_after_s=17.0), [LIST]])
    await script.run_for(30)
    first, second, *_ = script.api.moments()
    assert 17.0 <= second - first <= 17.0 + Backoff().bound_s


@pytest.mark.looptime
async def test_retry_after_is_waited_for_after_a_long_watch_too(script: Script) -> None:
    script.api.streams.extend(
        [[LIST, Pause(40), Unavailable("503 Service Unavailable", 503, retry_after_s=17.0)], [Pause(60)]]
    )
    await script.run_for(70)
    assert script.api.moments() == [0, 57]


@pytest.mark.looptime
async def test_watches_that_end_at_once_are_not_reopened_without_pause(script: Script) -> None:
    script.api.streams.extend([[LIST], *[[]] * 500])
    await script.run_for(600)
    assert len(script.api.moments()) < 60
    assert "the API server ends each watch soon after it began" in script.reasons


@pytest.mark.looptime
async def test_after_a_long_watch_the_next_one_follows_at_once(script: Script) -> None:
    script.api.streams.extend([[LIST, Pause(40)], [Pause(40)], [Pause(40)]])
    await script.run_for(121)
    assert script.api.moments() == [0, 40, 80, 120]


@given(tries=st.integers(0, 200), seed=st.integers())
def test_the_backoff_stays_within_its_bounds(tries: int, seed: int) -> None:
    assert 0.0 <= Backoff(tries).delay_s(Random(seed)) <= LONGEST_S


@given(tries=st.integers(0, 50))
def test_the_bound_never_shrinks(tries: int) -> None:
    assert Backoff(tries).bound_s <= Backoff(tries).after().bound_s <= LONGEST_S
