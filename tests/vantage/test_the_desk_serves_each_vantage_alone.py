"""The controller's side, over real connections: targets and suspicions go out, what is seen comes in, nobody harms
another.
"""

import asyncio
import math

import pytest

from trafficfed.errors import Transient
from trafficfed.feed.messages import Observations, Resume, ServiceTargets, Suspect, Targets
from trafficfed.health.hearing import BACKLOG
from trafficfed.health.vantage_desk import Reporting
from trafficfed.health.vantages import ANCHORS, Anchor, anchor_targets
from trafficfed.reports import Observed
from trafficfed.testing.vantages import Controller, connected, key, observation, target


async def test_a_vantage_first_gets_everything_and_then_what_changes() -> None:
    controller = Controller()
    anchors = anchor_targets([Anchor(region="eu", address="192.0.2.1", port=6443)])
    controller.desk.set_targets(key(1), (target(1),))
    controller.desk.set_targets(ANCHORS, anchors)
    async with controller.running(), connected(controller, "eu-1") as peer:
        first = await peer.hear()
        assert first == Targets((ServiceTargets(key(1), (target(1),)), ServiceTargets(ANCHORS, anchors)), full=True)
        controller.desk.set_targets(key(2), (target(2),))
        controller.desk.set_targets(key(1), ())
        assert await peer.hear() == Targets((ServiceTargets(key(1)), ServiceTargets(key(2), (target(2),))))


async def test_suspicions_go_to_every_vantage_and_to_one_that_comes_later() -> None:
    controller = Controller()
    controller.desk.set_targets(key(1), (target(1),))
    async with controller.running(), connected(controller, "a") as a, connected(controller, "b") as b:
        await a.hear()
        await b.hear()
        controller.desk.suspect(key(1), "eu", "127.0.0.1", True)
        assert await a.hear() == await b.hear() == Suspect(key(1), "eu", "127.0.0.1", True)
        async with connected(controller, "late") as late:
            await late.hear()
            assert await late.hear() == Suspect(key(1), "eu", "127.0.0.1", True)
        controller.desk.suspect(key(1), "eu", "127.0.0.1", False)
        assert await a.hear() == Suspect(key(1), "eu", "127.0.0.1", False)
        async with connected(controller, "later") as later:
            await later.hear()
            controller.desk.set_targets(key(2), (target(2),))
            assert isinstance(await later.hear(), Targets), "no suspicion is left over"


async def test_a_suspicion_of_what_is_no_target_or_leaves_is_not_kept() -> None:
    controller = Controller()
    controller.desk.set_targets(key(1), (target(1),))
    controller.desk.suspect(key(1), "eu", "192.0.2.99", True)
    controller.desk.suspect(key(9), "eu", "127.0.0.1", True)
    controller.desk.suspect(key(1), "eu", "127.0.0.1", True)
    controller.desk.set_targets(key(1), (target(1, port=80, address="127.0.0.2"),))
    async with controller.running(), connected(controller, "a") as peer:
        await peer.hear()
        controller.desk.set_targets(key(2), (target(2),))
        assert isinstance(await peer.hear(), Targets)


async def test_what_is_seen_comes_in_under_the_proven_name_and_is_reported() -> None:
    controller = Controller()
    controller.desk.set_targets(key(1), (target(1),))
    async with controller.running(), connected(controller, "eu-1") as peer:
        now_s = controller.clock.now_s()
        await peer.tell(
            observation(target(1), now_s - 0.5, vantage="somebody-else"), sent_s=now_s, cluster="eu", region="eu-west"
        )
        await controller.until(lambda: bool(controller.seen))
    (seen,) = controller.seen
    assert seen.vantage == "eu-1"
    assert controller.clock.now_s() - seen.at_s >= 0.4
    assert controller.reports == [Observed(seen)]
    (reporting,) = controller.desk.reporting
    assert (reporting.name, reporting.cluster, reporting.region, reporting.taken) == ("eu-1", "eu", "eu-west", 1)


async def test_a_vantage_an_hour_ahead_of_time_is_understood() -> None:
    controller = Controller()
    controller.desk.set_targets(key(1), (target(1),))
    async with controller.running(), connected(controller, "eu-1") as peer:
        theirs_s = controller.clock.now_s() + 3600
        await peer.tell(observation(target(1), theirs_s - 0.5), sent_s=theirs_s)
        await controller.until(lambda: bool(controller.seen))
        assert 0.4 <= controller.clock.now_s() - controller.seen[0].at_s <= 2.5
    assert controller.told("VantageOdd") == []


async def test_results_that_waited_while_the_controller_stood_still_are_not_taken_for_new_ones() -> None:
    controller = Controller()
    controller.desk.set_targets(key(1), (target(1),))
    async with controller.running():
        async with connected(controller, "eu-1") as peer:
            now_s = controller.clock.now_s()
            await peer.tell(observation(target(1), now_s), sent_s=now_s)
            await peer.tell(observation(target(1), now_s - 20), sent_s=now_s - 20)
            await controller.until(lambda: bool(controller.told("FollowerLost")))
            assert "late beyond belief" in controller.told("FollowerLost")[0]
        async with connected(controller, "eu-1") as peer:
            await peer.tell(observation(target(1), now_s - 20), sent_s=now_s - 20)
            await controller.until(lambda: len(controller.seen) == 2)


async def test_what_does_not_count_is_dropped_with_one_reason_and_the_rest_is_taken() -> None:
    controller = Controller()
    controller.desk.set_targets(key(1), (target(1),))
    async with controller.running(), connected(controller, "eu-1") as peer:
        now_s = controller.clock.now_s()
        old = [observation(target(1), now_s - 100 + n) for n in range(5)]
        await peer.tell(*old, observation(target(7), now_s), observation(target(1), now_s), sent_s=now_s)
        await controller.until(lambda: bool(controller.seen))
    assert len(controller.seen) == 1
    assert controller.told("VantageOdd") == ["vantage eu-1 tells results much older than three intervals"]
    assert controller.desk.reporting[0].dropped == 6


async def test_homes_that_the_configuration_leaves_open_are_said_by_the_vantage_itself() -> None:
    homes = {"stated": "us"}
    controller = Controller(homes=homes, clusters=frozenset({"eu", "us"}))
    controller.desk.set_targets(key(1), (target(1),))
    async with controller.running(), connected(controller, "stated") as stated, connected(controller, "open") as peer:
        now_s = controller.clock.now_s()
        await stated.tell(observation(target(1), now_s), sent_s=now_s, cluster="eu")
        await peer.tell(observation(target(1), now_s), sent_s=now_s, cluster="eu")
        await controller.until(lambda: len(controller.seen) == 2)
        assert homes == {"stated": "us", "open": "eu"}
        await peer.tell(observation(target(1), now_s), sent_s=now_s)
        await controller.until(lambda: len(controller.seen) == 3)
        assert homes == {"stated": "us"}
        await peer.tell(observation(target(1), now_s), sent_s=now_s, cluster="mars")
        await controller.until(lambda: len(controller.seen) == 4)
    assert controller.told("VantageOdd") == [
        "vantage open tells that it runs in mars, which is no member here; it votes as one outside all of them"
    ]


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (Resume(), "does not send Resume"),
        (Observations(sent_s=math.nan), "a time that is no number"),
        (Observations(tuple(observation(target(1), 0.0) for _ in range(2 * BACKLOG + 1)), 0.0), "far more results"),
    ],
    ids=["not a vantage's message", "no number", "a flood"],
)
async def test_a_broken_vantage_is_turned_away_with_a_reason_and_the_others_go_on(
    message: Resume | Observations, reason: str
) -> None:
    controller = Controller()
    controller.desk.set_targets(key(1), (target(1),))
    async with controller.running(), connected(controller, "good") as good, connected(controller, "bad") as bad:
        await bad.hear()
        await bad.send(message)
        await controller.until(lambda: bool(controller.told("FollowerRefused")))
        (told,) = controller.told("FollowerRefused")
        assert reason in told
        assert "vantage/bad" in told
        with pytest.raises(Transient):
            await bad.hear()
        now_s = controller.clock.now_s()
        await good.tell(observation(target(1), now_s), sent_s=now_s)
        await controller.until(lambda: bool(controller.seen))
    assert {seen.vantage for seen in controller.seen} == {"good"}


async def test_of_two_with_one_name_the_newer_stays_and_the_other_learns_why() -> None:
    controller = Controller()
    async with controller.running(), connected(controller, "eu-1") as first:
        await first.hear()
        async with connected(controller, "eu-1") as second:
            await second.hear()
            await controller.until(lambda: bool(controller.told("FollowerRefused")))
            assert "another prober has connected under this name" in controller.told("FollowerRefused")[0]
            assert controller.desk.reporting[0].connected
            controller.desk.set_targets(key(1), (target(1),))
            assert isinstance(await second.hear(), Targets)


async def test_one_that_reads_nothing_holds_nobody_up() -> None:
    controller = Controller()
    async with controller.running(), connected(controller, "stuck"), connected(controller, "eu-1") as peer:
        await peer.hear()
        for n in range(2000):
            controller.desk.set_targets(key(n), (target(n),))
            if n % 100 == 0:
                await asyncio.sleep(0)
        known: set[str] = set()
        while len(known) < 2000:
            message = await peer.hear()
            assert isinstance(message, Targets)
            known |= {each.service.name for each in message.services}


async def test_who_reports_is_shown_also_after_it_left() -> None:
    controller = Controller()
    controller.desk.set_targets(key(1), (target(1),))
    async with controller.running():
        assert not controller.desk.reporting
        async with connected(controller, "eu-1") as peer:
            now_s = controller.clock.now_s()
            await peer.tell(observation(target(1), now_s), sent_s=now_s)
            await controller.until(lambda: bool(controller.seen))
            assert controller.desk.reporting[0].connected
        await controller.until(lambda: bool(controller.told("FollowerLost")))
    (reporting,) = controller.desk.reporting
    assert reporting == Reporting(name="eu-1", heard_s=reporting.heard_s, taken=1)
    assert reporting.heard_s >= now_s
