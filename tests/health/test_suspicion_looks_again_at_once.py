"""On suspicion a target is probed again at once and often, even while it hangs; where several fail, a whole cluster."""

import asyncio

import pytest

from trafficfed.health.prober import Prober
from trafficfed.health.vantages import ANCHORS, Anchor, anchor_targets
from trafficfed.model import HealthCheck, Observation, Target
from trafficfed.testing.probes import ScriptedProbe
from trafficfed.testing.probing import CHECK, LATEST_S, Watched, gaps, key, target
from trafficfed.testing.scripted_api import EPOCH_S, LoopClock

pytestmark = pytest.mark.looptime


async def test_suspicion_probes_at_once_and_then_every_second_until_it_is_lifted() -> None:
    watched = Watched(ScriptedProbe(takes_s=0.1))
    watched.want(target(1))
    async with watched.running():
        await asyncio.sleep(14)
        calm, suspected_s = len(watched.times(1)), asyncio.get_running_loop().time()
        watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
        await asyncio.sleep(4.5)
        eager = watched.times(1)[calm:]
        watched.prober.suspect(key(1), "eu", "192.0.2.1", False)
        await asyncio.sleep(60)
    assert eager[0] - suspected_s <= LATEST_S or eager[0] - watched.times(1)[calm - 1] <= 1.0 + LATEST_S
    assert all(abs(gap - 1.0) <= LATEST_S for gap in gaps(eager))
    assert len(eager) in (4, 5)
    assert all(abs(gap - 10.0) <= LATEST_S for gap in gaps(watched.times(1)[calm + len(eager) :]))


async def test_while_anything_is_suspicious_the_anchors_are_probed_every_second_too() -> None:
    """A vantage that is cut off must know it before two suspicious seconds are over and its failures count."""
    watched = Watched(ScriptedProbe())
    anchors = anchor_targets(Anchor(region=str(n), address=f"198.51.100.{n}", port=6443) for n in (1, 2))
    watched.want(target(1), target(2))
    watched.prober.set_targets(ANCHORS, anchors)
    asked = watched.probe.asked["198.51.100.1"]
    async with watched.running():
        await asyncio.sleep(25)
        before, suspected_s = len(asked), asyncio.get_running_loop().time()
        for n in (1, 2):
            watched.prober.suspect(key(n), "eu", f"192.0.2.{n}", True)
        await asyncio.sleep(2)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", False)
        await asyncio.sleep(2)
        eager = asked[before:]
        watched.prober.set_targets(key(2), ())
        await asyncio.sleep(40)
    assert eager[0] - suspected_s <= 1.0 + LATEST_S
    assert len(eager) in (4, 5)
    assert all(abs(gap - 1.0) <= LATEST_S for gap in gaps(eager))
    assert len(asked) - before - len(eager) in (3, 4)


async def test_an_anchor_that_becomes_known_in_a_time_of_suspicion_is_probed_eagerly() -> None:
    watched = Watched(ScriptedProbe())
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    watched.prober.set_targets(ANCHORS, anchor_targets([Anchor(region="eu", address="198.51.100.1", port=6443)]))
    async with watched.running():
        await asyncio.sleep(10)
    assert len(watched.probe.asked["198.51.100.1"]) in (9, 10, 11)


async def test_a_death_is_known_within_five_seconds_of_its_first_sign() -> None:
    """A refused connection is seen at once: fall is reached two suspicious seconds later."""
    probe = ScriptedProbe(takes_s=0.01)
    watched = Watched(probe)
    watched.want(target(1))
    async with watched.running():
        await asyncio.sleep(20)
        probe.errors["192.0.2.1"] = "connection refused"
        while not any(not seen.passed for seen in watched.seen):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
        await asyncio.sleep(5)
    failures = [seen.at_s for seen in watched.seen if not seen.passed]
    assert failures[2] - failures[0] <= 2.0 + 2 * LATEST_S


async def test_suspecting_from_within_the_sink_keeps_the_spacing() -> None:
    probe = ScriptedProbe(takes_s=0.25)
    probe.errors["192.0.2.1"] = "refused"
    prober: Prober

    def sink(seen: Observation) -> None:
        prober.suspect(seen.service, seen.cluster, seen.address, True)

    prober = Prober({"tcp": probe}, LoopClock(), "v", sink)
    prober.set_targets(key(1), (target(1),))
    async with asyncio.TaskGroup() as group:
        task = group.create_task(prober.run(), name="prober")
        await asyncio.sleep(10)
        task.cancel()
    assert all(abs(gap - 1.0) <= LATEST_S for gap in gaps(probe.asked["192.0.2.1"]))


async def test_a_target_that_is_known_to_be_down_and_hangs_is_not_probed_twice_at_once() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    probe.errors["192.0.2.1"] = "timeout"
    watched = Watched(probe)
    watched.want(target(1, HealthCheck(scheme="tcp", interval_s=1.0)))
    async with watched.running():
        await asyncio.sleep(60)
    assert probe.most_open == 1
    assert all(gap >= 3.0 for gap in gaps(watched.times(1)))


async def test_a_target_that_passed_and_now_hangs_is_looked_at_again_before_its_probe_gives_up() -> None:
    """From the beginning of the first probe that hangs: a timeout and two seconds until fall is reached."""
    probe = ScriptedProbe(takes_s=0.1)
    watched = Watched(probe)
    watched.want(target(1))
    async with watched.running():
        while not watched.seen:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        probe.takes_s = 3.0
        probe.errors["192.0.2.1"] = "timeout"
        passed = len(watched.times(1))
        while len(watched.seen) < 2:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
        await asyncio.sleep(10)
    began_s = watched.times(1)[passed]
    third = [seen.at_s - EPOCH_S for seen in watched.seen if not seen.passed][2]
    assert third - began_s <= 5.0 + 3 * LATEST_S
    assert probe.most_open == 3


async def test_a_suspicious_target_is_probed_a_second_after_the_last_start_even_while_that_one_hangs() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(60)
    assert probe.most_open == 3
    assert all(1.0 - LATEST_S <= gap <= 1.0 + LATEST_S for gap in gaps(watched.times(1)))
    assert len(watched.times(1)) - len(watched.seen) <= 3, "all but those under way have told"


async def test_no_more_than_three_probes_of_a_suspicious_target_are_ever_under_way() -> None:
    probe = ScriptedProbe(takes_s=9.0)
    watched = Watched(probe)
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(90)
    assert probe.most_open == 3
    assert len(watched.times(1)) in (29, 30, 31)


async def test_suspicion_does_not_wait_for_a_probe_that_already_hangs() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    watched.want(target(1))
    async with watched.running():
        while not probe.open:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        began_s = watched.times(1)[-1]
        await asyncio.sleep(2.0)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
        await asyncio.sleep(0.5)
    assert watched.times(1)[-1] - began_s == pytest.approx(2.0, abs=2 * LATEST_S)


async def test_when_suspicion_ends_a_target_that_hangs_is_probed_once_at_a_time_again() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(10)
        probe.errors["192.0.2.1"] = "timeout"
        await asyncio.sleep(5)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", False)
        eager = len(watched.times(1))
        await asyncio.sleep(3.1)
        assert probe.open == 0
        probe.most_open = 0
        await asyncio.sleep(60)
    assert probe.most_open == 1
    later = watched.times(1)[eager:]
    assert len(later) in (5, 6, 7)
    assert all(abs(gap - 10.0) <= LATEST_S for gap in gaps(later))


async def test_a_hanging_death_is_known_a_timeout_and_a_second_after_its_first_sign() -> None:
    watched = Watched(ScriptedProbe(takes_s=3.0))
    watched.probe.errors["192.0.2.1"] = "timeout"
    watched.want(target(1))
    async with watched.running():
        while not watched.seen:  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
        await asyncio.sleep(10)
    failures = [seen.at_s for seen in watched.seen]
    assert failures[2] - failures[0] <= 4.0 + 3 * LATEST_S


async def test_what_began_before_a_probe_that_has_already_told_is_out_of_date_and_not_told() -> None:
    """The target comes back: a probe that began meanwhile says so before those that hang have given up."""
    probe = ScriptedProbe(takes_s=3.0)
    probe.errors["192.0.2.1"] = "timeout"
    watched = Watched(probe)
    watched.want(target(1))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(10.5)
        failed = len(watched.seen)
        probe.takes_s = 0.1
        probe.errors.clear()
        await asyncio.sleep(10)
    assert failed >= 6
    assert not any(seen.passed for seen in watched.seen[:failed])
    told = [seen.passed for seen in watched.seen[failed:]]
    assert True in told
    assert all(told[told.index(True) :]), "no failure from before it came back is told after the first pass"


async def test_a_suspicious_target_that_leaves_takes_all_its_probes_with_it() -> None:
    probe = ScriptedProbe(takes_s=3.0)
    watched = Watched(probe)
    watched.want(target(1), target(2))
    watched.prober.suspect(key(1), "eu", "192.0.2.1", True)
    async with watched.running():
        await asyncio.sleep(8.5)
        assert probe.open >= 3
        watched.prober.set_targets(key(1), ())
        asked = len(watched.times(1))
        await asyncio.sleep(0.01)
        assert probe.open == watched.prober.in_flight <= 3
        await asyncio.sleep(20)
    assert len(watched.times(1)) == asked


def fleet(services: int, clusters: tuple[str, ...]) -> list[Target]:
    return [
        Target(service=key(n), cluster=cluster, address=f"198.51.{at}.{n}", port=443, check=CHECK)
        for n in range(services)
        for at, cluster in enumerate(clusters)
    ]


async def aroused(watched: Watched, *numbers: int) -> dict[str, int]:
    """How many targets of each cluster are probed in the second after these services were suspected in eu."""
    for n in range(20):
        watched.prober.set_targets(key(n), tuple(each for each in fleet(20, ("eu", "us")) if each.service == key(n)))
    async with watched.running():
        await asyncio.sleep(30)
        before = {address: len(times) for address, times in watched.probe.asked.items()}
        for n in numbers:
            watched.prober.suspect(key(n), "eu", f"198.51.0.{n}", True)
        await asyncio.sleep(1.2)
        again = [address for address, times in watched.probe.asked.items() if len(times) > before[address]]
    return {cluster: sum(each.startswith(f"198.51.{at}.") for each in again) for at, cluster in enumerate(("eu", "us"))}


async def test_when_two_services_of_a_cluster_are_suspicious_all_of_that_cluster_is_looked_at_once() -> None:
    """A region that dies with a hundred services is found as a whole with the first of them."""
    looked = await aroused(Watched(ScriptedProbe(takes_s=0.05)), 3, 7)
    assert looked["eu"] == 20
    assert looked["us"] <= 5


async def test_one_service_that_fails_alone_has_no_other_looked_at() -> None:
    looked = await aroused(Watched(ScriptedProbe(takes_s=0.05)), 3)
    assert looked["eu"] <= 5


async def test_a_whole_cluster_is_looked_at_once_in_a_while_and_keeps_its_schedule() -> None:
    watched = Watched(ScriptedProbe(takes_s=0.05))
    watched.want(*fleet(20, ("eu",)))
    async with watched.running():
        await asyncio.sleep(30)
        before = sum(len(times) for times in watched.probe.asked.values())
        for _ in range(4):
            for n in (3, 7):
                watched.prober.suspect(key(n), "eu", f"198.51.0.{n}", True)
            await asyncio.sleep(0.5)
            for n in (3, 7):
                watched.prober.suspect(key(n), "eu", f"198.51.0.{n}", False)
            await asyncio.sleep(0.5)
        flapping = sum(len(times) for times in watched.probe.asked.values()) - before
        await asyncio.sleep(60)
    assert flapping <= 20 + 20 * 4 / 10 + 2 * 4 + 4
    calm = [gap for n in range(20) for gap in gaps(watched.probe.asked[f"198.51.0.{n}"])[-4:]]
    assert all(abs(gap - 10.0) <= LATEST_S for gap in calm)


async def test_in_a_large_cluster_a_few_that_fail_are_no_alarm() -> None:
    watched = Watched(ScriptedProbe(takes_s=0.05))
    watched.want(*(target(n) for n in range(500)))
    async with watched.running():
        await asyncio.sleep(12)
        before = sum(len(times) for times in watched.probe.asked.values())
        for n in range(4):
            watched.prober.suspect(key(n), "eu", f"192.0.2.{n}", True)
        await asyncio.sleep(1)
        few = sum(len(times) for times in watched.probe.asked.values()) - before
        watched.prober.suspect(key(4), "eu", "192.0.2.4", True)
        await asyncio.sleep(1.5)
        many = sum(len(times) for times in watched.probe.asked.values()) - before - few
    assert few <= 100
    assert many >= 450


async def test_when_two_services_of_a_cluster_hang_all_of_it_is_looked_at_before_any_failure_is_known() -> None:
    watched = Watched(ScriptedProbe(takes_s=0.05))
    targets = fleet(20, ("eu",))
    watched.want(*targets)
    async with watched.running():
        await asyncio.sleep(30)
        watched.probe.takes_s = 3.0
        for each in targets:
            watched.probe.errors[each.address] = "timeout"
        before, seen = {address: len(times) for address, times in watched.probe.asked.items()}, len(watched.seen)
        while not any(not each.passed for each in watched.seen[seen:]):  # noqa: ASYNC110 - virtual time
            await asyncio.sleep(0.01)
        looked = [address for address, times in watched.probe.asked.items() if len(times) > before[address]]
    assert len(looked) == 20


async def test_targets_that_are_always_slow_are_neither_asked_twice_nor_an_alarm() -> None:
    watched = Watched(ScriptedProbe(takes_s=1.5))
    watched.want(*fleet(20, ("eu",)))
    async with watched.running():
        await asyncio.sleep(15)
        before = sum(len(times) for times in watched.probe.asked.values())
        await asyncio.sleep(30)
    assert sum(len(times) for times in watched.probe.asked.values()) - before == 60
