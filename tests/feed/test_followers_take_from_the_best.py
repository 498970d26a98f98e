"""Followers hear every controller and take the table from one, over real connections and in virtual time."""

import asyncio

import pytest

from trafficfed.feed.messages import Standing
from trafficfed.feed.serving import OVERLAYS
from trafficfed.model import Row
from trafficfed.testing.feeding import PlayedController
from trafficfed.testing.following import Watched
from trafficfed.testing.sample_zone import EU, US, anyone, service_row

pytestmark = pytest.mark.looptime
LEADS, RELAYS, ALONE = Standing.LEADS, Standing.RELAYS, Standing.ALONE


def row(name: str, ttl: int = 30) -> Row:
    return service_row(f"{name}.example.org", anyone(EU), ttl=ttl)


def moved(name: str) -> Row:
    return service_row(f"{name}.example.org", anyone(US))


def fleet() -> tuple[PlayedController, PlayedController]:
    """A leader, and one that relays its table; the relay is preferred by whoever lists it first."""
    leader, relay = PlayedController(beat_s=2.0), PlayedController(RELAYS, beat_s=2.0)
    leader.take_over(5)
    leader.commit([row("a")])
    relay.copy(leader, leader.feed.epoch)
    return leader, relay


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_the_leader_is_followed_though_a_relay_is_nearer() -> None:
    leader, relay = fleet()
    copy = Watched(relay, leader)
    async with leader.up(), relay.up(), copy.up():
        await copy.follows(leader)
        assert [each.beat.standing for each in copy.client.heard] == [RELAYS, LEADS]
        assert [each.fed for each in leader.feed.followers] == [True]
        assert [each.fed for each in relay.feed.followers] == [False]


async def test_cut_from_the_leader_alone_the_relay_is_followed_at_once() -> None:
    leader, relay = fleet()
    copy = Watched(leader, relay)
    async with relay.up(), copy.up():
        async with leader.up():
            await copy.follows(leader)
            cut_s = now()
            copy.heard.clear()
        await copy.follows(relay)
        assert now() - cut_s < 1.0, "a broken link is gone at once"
        relay.relay(leader.commit([row("b")]))
        await copy.until(lambda: copy.table.generation == 2)
    assert copy.heard == ["ask who relays", "change 2"], "of one history only what is new"


async def test_a_leader_that_falls_silent_is_left_after_the_lease_time() -> None:
    """Its host stands still or its region is cut off: the connection is not broken, nothing comes."""
    leader, relay = PlayedController(beat_s=1e6), fleet()[1]
    leader.take_over(5)
    leader.commit([row("a")])
    copy = Watched(leader, relay)
    async with leader.up(), relay.up(), copy.up():
        await copy.follows(leader)
        silent_s = now()
        await copy.follows(relay)
        assert 9.0 < now() - silent_s <= 11.0


async def test_a_lease_shorter_than_a_few_beats_ends_no_connection() -> None:
    leader, _ = fleet()
    copy = Watched(leader, lease_s=1.0)
    async with leader.up(), copy.up():
        await copy.follows(leader)
        await asyncio.sleep(60)
        assert copy.client.connected == leader.address
    assert [note.event for note in copy.notes] == ["FeedConnected"]


async def test_the_leader_is_followed_again_when_it_is_back() -> None:
    leader, relay = fleet()
    copy = Watched(relay, leader)
    async with relay.up(), copy.up():
        await copy.follows(relay)
        async with leader.up():
            await copy.follows(leader)
    assert copy.heard == ["ask who relays", "full 5/1", "ask who leads"]


async def test_a_new_leader_of_a_higher_term_is_followed_while_the_old_one_still_talks() -> None:
    old, new = fleet()
    copy = Watched(old, new)
    async with old.up(), new.up(), copy.up():
        await copy.follows(old)
        new.take_over(6)
        await copy.follows(new)
        old.commit([row("stale")])
        new.commit([row("b")])
        await copy.follows(new)
    assert row("stale").key not in copy.table.rows
    assert copy.client.highest_term == 6


async def test_a_leader_of_an_older_term_is_not_followed_when_it_is_back() -> None:
    """It slept through an election; even where nobody else is left, its table is not asked for."""
    old, new = fleet()
    copy = Watched(old, new)
    async with copy.up():
        async with new.up():
            new.take_over(6)
            await copy.follows(new)
        async with old.up():
            await copy.until(lambda: len(copy.client.heard) == 1)
            assert copy.client.heard[0].beat.term == 5
            await asyncio.sleep(30)
            assert copy.client.connected == ""
            assert old.feed.highest_term == 6, "it learns that it was not the last"
    assert copy.table.term == 6


async def test_nobody_who_is_alone_is_followed_within_the_lease_time() -> None:
    leader, other = fleet()
    copy = Watched(other, leader)
    other.stand(ALONE)
    async with other.up(), copy.up():
        async with leader.up():
            await copy.follows(leader)
            cut_s = now()
        await copy.follows(other)
        assert 8.0 <= now() - cut_s <= 10.5
    assert "overlay" in copy.heard


async def test_who_was_a_relay_and_now_is_alone_is_left_until_the_lease_time_is_over() -> None:
    leader, relay = fleet()
    copy = Watched(relay)
    async with relay.up(), copy.up():
        await copy.follows(relay)
        relay.stand(ALONE)
        since_s = now()
        await copy.until(lambda: not copy.client.connected)
        assert now() - since_s < 0.1, "it says so at once"
        await copy.follows(relay)
        assert 9.0 <= now() - since_s <= 11.0
    assert copy.heard == ["ask who relays", "full 5/1", "ask who alone", "overlay"]
    assert leader.source.table.generation == 1


async def test_whoever_is_alone_sends_all_its_verdicts_first_and_then_what_changes() -> None:
    _, other = fleet()
    other.stand(ALONE)
    other.judge(moved("a"))
    copy = Watched(other)
    async with other.up(), copy.up():
        await copy.until(lambda: len(copy.overlays) == 1)
        other.judge(dropped=[row("a").key])
        await copy.until(lambda: len(copy.overlays) == 2)
        other.judge(moved("a"))
        await copy.until(lambda: len(copy.overlays) == 3)
    first, second, third = copy.overlays
    assert (first.whole, first.term, first.rows) == (True, 5, (moved("a"),))
    assert (second.whole, second.rows, second.dropped) == (False, (), (row("a").key,))
    assert (third.whole, third.rows, third.dropped) == (False, (moved("a"),), ())


async def test_who_cannot_keep_up_with_changing_verdicts_gets_all_of_them_anew() -> None:
    """What waits for one follower is bounded: behind more than that the whole is less."""
    _, other = fleet()
    other.stand(ALONE)
    copy = Watched(other)
    async with other.up(), copy.up():
        await copy.until(lambda: len(copy.overlays) == 1)
        for number in range(OVERLAYS + 1):
            other.judge(moved("a") if number % 2 else row("a", ttl=number))
        await copy.until(lambda: len(copy.overlays) == 2)
        other.judge(moved("a"))
        await copy.until(lambda: len(copy.overlays) == 3)
    assert [overlay.whole for overlay in copy.overlays] == [True, True, False]


async def test_who_leads_or_relays_sends_no_verdicts_of_its_own() -> None:
    leader, relay = fleet()
    leader.judge(moved("a"))
    relay.judge(moved("a"))
    copy, other = Watched(leader), Watched(relay)
    async with leader.up(), relay.up(), copy.up(), other.up():
        await copy.follows(leader)
        await other.follows(relay)
        leader.judge(moved("a"))
        relay.judge(moved("a"))
        await copy.until(lambda: len(copy.beats) > 3)
        await other.until(lambda: len(other.beats) > 3)
    assert copy.overlays == other.overlays == []


async def test_a_relay_that_is_behind_takes_nothing_back() -> None:
    """The leader's last changes reached the follower first: the relay waits with it until they come."""
    leader, relay = fleet()
    copy = Watched(leader, relay)
    async with relay.up(), copy.up():
        async with leader.up():
            await copy.follows(leader)
            copy.heard.clear()
            late = leader.commit([row("b")])
            await copy.until(lambda: copy.table.generation == 2)
        await copy.until(lambda: copy.client.connected == relay.address)
        await copy.until(lambda: len(copy.beats) > 3)
        assert copy.table.generation == 2
        relay.relay(late)
        relay.relay(leader.commit([row("c")]))
        await copy.until(lambda: copy.table.generation == 3)
    assert copy.heard == ["change 2", "ask who relays", "change 3"]


async def test_who_objects_is_heard_but_not_followed_until_nothing_stands_against_it() -> None:
    leader, relay = fleet()
    copy = Watched(leader, relay)
    async with relay.up(), copy.up():
        await copy.follows(relay)
        leader.objection = "this controller lost its table"
        async with leader.up():
            await copy.until(lambda: len(copy.client.heard) == 2)
            assert copy.client.connected == relay.address
            assert [note.message for note in copy.notes if note.event == "FeedWaits"] == [
                f"controller at {leader.address} gives no table yet: this controller lost its table"
            ]
            leader.objection = ""
            await copy.follows(leader)


async def test_equally_good_controllers_are_not_followed_in_turns() -> None:
    _, first = fleet()
    _, second = fleet()
    copy = Watched(first, second)
    async with second.up(), copy.up():
        await copy.follows(second)
        async with first.up():
            await copy.until(lambda: len(copy.client.heard) == 2)
            await asyncio.sleep(60)
            assert copy.client.connected == second.address
            second.stand(ALONE)
            await copy.follows(first)


async def test_a_peer_follows_leaders_only() -> None:
    leader, relay = fleet()
    copy = Watched(relay, leader, identity="controller/us", takes=(LEADS,))
    async with relay.up(), copy.up():
        await copy.until(lambda: len(copy.client.heard) == 1)
        await asyncio.sleep(30)
        assert copy.client.connected == ""
        async with leader.up():
            await copy.follows(leader)


async def test_after_a_pause_everything_is_asked_anew() -> None:
    leader, relay = fleet()
    relay.stand(ALONE)
    copy = Watched(leader, relay)
    async with leader.up(), relay.up(), copy.up():
        await copy.follows(leader)
        copy.client.restart()
        assert copy.client.heard == ()
        await copy.until(lambda: len(copy.client.heard) == 2)
        await copy.follows(leader)
    assert copy.heard == ["ask who leads", "full 5/1", "ask who leads"]


async def test_a_table_that_is_refused_is_not_asked_for_at_a_gallop() -> None:
    """The connection is made anew, after a pause, and the complaint is told once."""
    leader, _ = fleet()
    refused: list[float] = []

    class Refusing(Watched):
        async def take_full(self, epoch: str, data: bytes) -> None:
            refused.append(now())
            await super().take_full(epoch, b"damaged")

    copy = Refusing(leader)
    async with leader.up(), copy.up():
        await copy.until(lambda: len(refused) == 20)
    assert refused[-1] - refused[0] > 1.0
    assert {note.event for note in copy.notes} == {"FeedConnected", "FeedLost"}
