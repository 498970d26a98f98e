"""A region dies, its vantage with it: the others' verdict is there in time, and is about that region only.

At the defaults a probe begins at most 10 s after the death. Refused connections are known as a death two suspicious
seconds later, connections that hang a timeout and two seconds later; more than that only a second voter's way takes.
"""

import asyncio

import pytest

from trafficfed.testing.lookouts import Lookout

pytestmark = [pytest.mark.looptime, pytest.mark.slow]

REGIONS = ("ap", "eu", "us")
INSIDE = {"in-ap": "ap", "in-eu": "eu", "in-us": "us"}
OUTSIDE = {"at-ap": "", "at-eu": "", "at-us": ""}
PHASES = (0.0, 3.4, 6.8)
WAYS = {"refuse": 12.5, "hang": 15.5}


def die(lookout: Lookout, region: str, way: str) -> None:
    landscape = lookout.landscape
    (landscape.refusing if way == "refuse" else landscape.hanging).add(region)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("homes", [INSIDE, OUTSIDE], ids=["in the clusters", "beside them"])
@pytest.mark.parametrize("phase", PHASES)
async def test_three_vantages_one_of_them_dies_with_its_region(homes: dict[str, str], way: str, phase: float) -> None:
    lookout = Lookout(homes, REGIONS, services=3)
    async with lookout.running():
        await asyncio.sleep(30.0 + phase)
        assert lookout.serving == {"ap": 3, "eu": 3, "us": 3}
        lookout.changes.clear()
        die(lookout, "eu", way)
        lookout.kill(next(name for name in homes if name.endswith("eu")))
        took_s = await lookout.until(lambda: lookout.serving["eu"] == 0, 60.0)
        assert took_s <= WAYS[way]
        await asyncio.sleep(35.0)
    assert {(cluster, serving) for _, cluster, serving in lookout.changes} == {("eu", False)}
    assert lookout.serving == {"ap": 3, "eu": 0, "us": 3}
    assert lookout.distrusted == frozenset()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", PHASES)
async def test_two_vantages_the_one_in_another_cluster_decides_alone(way: str, phase: float) -> None:
    lookout = Lookout({"in-eu": "eu", "in-us": "us"}, ("eu", "us"), services=3)
    async with lookout.running():
        await asyncio.sleep(30.0 + phase)
        lookout.changes.clear()
        die(lookout, "eu", way)
        lookout.kill("in-eu")
        assert await lookout.until(lambda: lookout.serving["eu"] == 0, 60.0) <= WAYS[way]
        await asyncio.sleep(35.0)
    assert {(cluster, serving) for _, cluster, serving in lookout.changes} == {("eu", False)}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("phase", PHASES)
async def test_a_dead_vantage_with_a_vote_holds_the_other_up_for_no_longer_than_it_would_take_to_look_again(
    way: str, phase: float
) -> None:
    """Neither runs in a member: the dead one's last pass would make a tie for half a minute."""
    lookout = Lookout({"at-eu": "", "at-us": ""}, ("eu", "us"), services=3)
    async with lookout.running():
        await asyncio.sleep(30.0 + phase)
        lookout.changes.clear()
        die(lookout, "eu", way)
        lookout.kill("at-eu")
        assert await lookout.until(lambda: lookout.serving["eu"] == 0, 60.0) <= WAYS[way] + 4.0
        await asyncio.sleep(35.0)
    assert {(cluster, serving) for _, cluster, serving in lookout.changes} == {("eu", False)}


@pytest.mark.parametrize("way", WAYS)
async def test_a_hundred_services_are_found_dead_with_the_first_of_them(way: str) -> None:
    lookout = Lookout(INSIDE, REGIONS, services=90)
    async with lookout.running():
        await asyncio.sleep(30.0)
        die(lookout, "eu", way)
        lookout.kill("in-eu")
        took_s = await lookout.until(lambda: lookout.serving["eu"] == 0, 60.0)
    assert took_s <= {"refuse": 4.0, "hang": 8.5}[way]
    assert lookout.serving == {"ap": 90, "eu": 0, "us": 90}


async def test_a_region_that_returns_serves_again_after_its_hold_and_nothing_else_moves() -> None:
    lookout = Lookout(INSIDE, REGIONS, services=3)
    async with lookout.running():
        await asyncio.sleep(30.0)
        lookout.changes.clear()
        die(lookout, "eu", "refuse")
        await lookout.until(lambda: lookout.serving["eu"] == 0, 60.0)
        lookout.landscape.refusing.clear()
        took_s = await lookout.until(lambda: lookout.serving["eu"] == 3, 200.0)
    assert 60.0 <= took_s <= 60.0 + 4 * 10.0 + 1.0
    assert {cluster for _, cluster, serving in lookout.changes if not serving} == {"eu"}


@pytest.mark.parametrize("homes", [INSIDE, OUTSIDE], ids=["in the clusters", "beside them"])
async def test_a_vantage_behind_a_cut_network_changes_nothing(homes: dict[str, str]) -> None:
    lookout = Lookout(homes, REGIONS, services=5)
    async with lookout.running():
        await asyncio.sleep(30.0)
        lookout.changes.clear()
        lookout.landscape.cut_off.add(next(name for name in homes if name.endswith("eu")))
        await asyncio.sleep(120.0)
        assert lookout.distrusted == lookout.landscape.cut_off
    assert lookout.changes == []


async def test_the_last_vantage_that_is_heard_is_not_believed_when_it_is_cut_off_itself() -> None:
    """A controller whose region is cut off hears no vantage but its own, and that one sees everything fail."""
    lookout = Lookout(OUTSIDE, REGIONS, services=5)
    async with lookout.running():
        await asyncio.sleep(33.0)
        lookout.changes.clear()
        lookout.landscape.cut_off.add("at-us")
        lookout.kill("at-eu", "at-ap")
        await asyncio.sleep(120.0)
        assert lookout.distrusted == {"at-us"}
    assert lookout.changes == []


@pytest.mark.parametrize("way", WAYS)
async def test_a_death_is_found_while_another_vantage_is_cut_off(way: str) -> None:
    lookout = Lookout({**OUTSIDE, "at-sa": ""}, REGIONS, services=3)
    async with lookout.running():
        await asyncio.sleep(30.0)
        lookout.landscape.cut_off.add("at-us")
        await asyncio.sleep(40.0)
        lookout.changes.clear()
        die(lookout, "eu", way)
        lookout.kill("at-eu")
        assert await lookout.until(lambda: lookout.serving["eu"] == 0, 60.0) <= WAYS[way]
    assert {(cluster, serving) for _, cluster, serving in lookout.changes} == {("eu", False)}


@pytest.mark.parametrize("lie", ["connection refused", ""], ids=["all is dead", "all is well"])
@pytest.mark.parametrize("way", WAYS)
async def test_a_lying_vantage_changes_no_verdict(lie: str, way: str) -> None:
    """Three others are left when a region dies with its own: the liar is outvoted or not heard."""
    lookout = Lookout({**OUTSIDE, "at-sa": "", "liar": ""}, REGIONS, services=3)
    lookout.landscape.lies["liar"] = lie
    async with lookout.running():
        await asyncio.sleep(60.0)
        assert lookout.serving == {"ap": 3, "eu": 3, "us": 3}
        lookout.changes.clear()
        die(lookout, "eu", way)
        lookout.kill("at-eu")
        assert await lookout.until(lambda: lookout.serving["eu"] == 0, 60.0) <= WAYS[way]
        await asyncio.sleep(45.0)
    assert {(cluster, serving) for _, cluster, serving in lookout.changes} == {("eu", False)}


async def test_vantages_that_come_and_go_change_nothing() -> None:
    lookout = Lookout({**OUTSIDE, "in-eu": "eu"}, REGIONS, services=3)
    async with lookout.running():
        await asyncio.sleep(30.0)
        lookout.changes.clear()
        for name in ("at-ap", "at-eu", "at-us", "in-eu"):
            lookout.kill(name)
            await asyncio.sleep(45.0)
    assert lookout.changes == []
