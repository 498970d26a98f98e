"""A ClusterWatch tells everything with the cluster's name, and lets nothing out: not even a mistake of our own."""

import asyncio
import logging
from random import Random

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.cluster_watch import ClusterWatch
from trafficfed.kubernetes_api.wire import EndpointSlice, Event, Listed, Lost, Node, Service
from trafficfed.reports import RefusalCleared, ReportEvent, ServiceRefused
from trafficfed.testing.scripted_api import (
    LoopClock,
    Pause,
    ScriptedApi,
    Step,
    bookmark,
    event,
    running,
    service,
)

pytestmark = pytest.mark.looptime


class Watched:
    """A ClusterWatch over one scripted server whose three kinds all say the same."""

    def __init__(self, *steps: Step) -> None:
        self.api = ScriptedApi()
        self.api.streams.extend([list(steps)] * 3)
        self.told: list[tuple[str, Event]] = []
        self.reports: list[ReportEvent] = []
        self.watch = ClusterWatch("eu", self.api, self.sink, LoopClock(), self.reports.append, Random(3))

    def sink(self, cluster: str, event: Event) -> None:
        self.told.append((cluster, event))

    async def run_for(self, seconds: float) -> None:
        async with running(self.watch.run):
            await asyncio.sleep(seconds)


async def test_each_kind_is_listed_under_the_clusters_name() -> None:
    watched = Watched(bookmark(4, ends_list=True), Pause(60))
    await watched.run_for(1)
    assert {cluster for cluster, _ in watched.told} == {"eu"}
    assert {event.kind for _, event in watched.told if isinstance(event, Listed)} == {Service, EndpointSlice, Node}


@pytest.mark.parametrize(
    "failure",
    [
        Refused("401 Unauthorized: the token of context eu was refused"),
        Transient("cannot connect to https://eu.example.org: Connection refused"),
    ],
)
async def test_failures_become_one_clear_reason_for_each_kind(failure: Exception) -> None:
    watched = Watched()
    watched.api.uids[0] = failure
    await watched.run_for(300)
    lost = [event for _, event in watched.told if isinstance(event, Lost)]
    assert {event.kind for event in lost} == {Service, EndpointSlice, Node}
    assert [event.reason for event in lost] == [str(failure)] * 3


async def test_one_forbidden_kind_leaves_the_others_fresh() -> None:
    watched = Watched(bookmark(4, ends_list=True), Pause(60))
    watched.api.streams.pop()
    watched.api.streams.append(Refused("403 Forbidden: nodes is forbidden"))
    await watched.run_for(0.01)
    assert sum(isinstance(event, Listed) for _, event in watched.told) == 2
    assert [event.reason for _, event in watched.told if isinstance(event, Lost)] == [
        "403 Forbidden: nodes is forbidden"
    ]


async def test_a_mistake_of_our_own_is_told_and_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched(bookmark(4, ends_list=True), Pause(60))
    watched.api.streams.popleft()
    watched.api.streams.appendleft(ZeroDivisionError("division by zero"))
    watched.api.streams.append([bookmark(4, ends_list=True), Pause(60)])
    with caplog.at_level(logging.CRITICAL):
        await watched.run_for(5)
    assert [event.reason for _, event in watched.told if isinstance(event, Lost)] == [
        "internal error: ZeroDivisionError: division by zero"
    ]
    assert {event.kind for _, event in watched.told if isinstance(event, Listed)} == {Service, EndpointSlice, Node}


async def test_a_consumer_that_cannot_take_an_event_is_not_called_in_a_circle(caplog: pytest.LogCaptureFixture) -> None:
    watched = Watched()
    watched.api.streams.clear()
    watched.api.streams.extend([[bookmark(4, ends_list=True)]] * 1000)
    taken: list[Event] = []

    def picky(cluster: str, event: Event) -> None:
        taken.append(event)
        if isinstance(event, Listed):
            raise KeyError("web")

    with caplog.at_level(logging.CRITICAL):
        async with running(ClusterWatch("eu", watched.api, picky, LoopClock(), random=Random(3)).run):
            await asyncio.sleep(300)
    assert len(watched.api.moments()) < 120
    assert {event.reason for event in taken if isinstance(event, Lost)} == {"internal error: KeyError: 'web'"}


async def test_an_unreadable_object_is_a_refusal_until_it_is_readable() -> None:
    odd = service("web", 3, ports=[{"port": "eighty"}])
    watched = Watched()
    watched.api.streams.clear()
    watched.api.streams.append([event("ADDED", odd), bookmark(3, ends_list=True), event("MODIFIED", service("web", 4))])
    await watched.run_for(0.001)
    refused, cleared = watched.reports
    assert isinstance(refused, ServiceRefused)
    assert isinstance(cleared, RefusalCleared)
    assert refused.refusal == cleared.refusal
    assert (refused.refusal.cluster, refused.refusal.object) == ("eu", "Service shop/web")
    assert refused.refusal.reason == "Unreadable"
    assert "its last readable state is kept" in refused.refusal.message
