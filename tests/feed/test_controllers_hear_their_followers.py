"""What goes upward: terms and reach, proposals to the leader, and what vantages are given and give."""

import asyncio
from random import Random

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.feed.channel import Channel
from trafficfed.feed.links import Link, Links
from trafficfed.feed.messages import (
    Answered,
    Beat,
    Message,
    Observations,
    Propose,
    ServiceTargets,
    Standing,
    Targets,
    encode,
)
from trafficfed.feed.notes import Note
from trafficfed.model import Observation, OperatorControl, Row, ServiceKey
from trafficfed.testing.feeding import KEY, PlayedController
from trafficfed.testing.following import Watched
from trafficfed.testing.sample_zone import EU, anyone, service_row

pytestmark = pytest.mark.looptime
LEADS, RELAYS = Standing.LEADS, Standing.RELAYS
DRAIN = OperatorControl(kind="drain", cluster="eu", who="ann", why="maintenance")
WEB = ServiceKey("default", "prod", "web")


def row(name: str) -> Row:
    return service_row(f"{name}.example.org", anyone(EU))


def fleet() -> tuple[PlayedController, PlayedController]:
    leader, relay = PlayedController(beat_s=2.0), PlayedController(RELAYS, beat_s=2.0)
    leader.take_over(5)
    leader.commit([row("a")])
    relay.copy(leader, leader.feed.epoch)
    return leader, relay


def peer(*controllers: PlayedController, can_publish: bool = False) -> Watched:
    return Watched(*controllers, identity="controller/us", takes=(LEADS,), can_publish=lambda: can_publish)


async def test_a_controller_knows_who_follows_and_what_they_tell() -> None:
    leader, relay = fleet()
    server, standby = Watched(leader, relay), peer(leader, relay, can_publish=True)
    async with leader.up(), relay.up(), server.up(), standby.up():
        await server.follows(leader)
        await standby.follows(leader)
        await server.until(lambda: len(server.beats) > 3)
        told = {(each.identity, each.fed, each.can_publish, each.highest_term) for each in leader.feed.followers}
        assert told == {("nameserver", True, False, 5), ("controller/us", True, True, 5)}
        assert {(each.identity, each.fed) for each in relay.feed.followers} == {
            ("nameserver", False),
            ("controller/us", False),
        }
    assert leader.feed.followers == ()


async def test_the_highest_term_is_remembered_after_its_teller_is_gone() -> None:
    """A term may be known to one name server alone, whose controllers of that term are all lost."""
    old, new = fleet()
    new.take_over(9)
    server = Watched(new, old)
    async with old.up():
        async with new.up(), server.up():
            await server.follows(new)
            await server.until(lambda: len(server.client.heard) == 2)
            await server.until(lambda: old.feed.highest_term == 9)
        await asyncio.sleep(15)
        assert old.feed.followers == ()
        assert old.feed.highest_term == 9


async def test_a_proposal_goes_to_the_leader_of_the_highest_term_and_its_answer_comes_back() -> None:
    leader, other = fleet()
    other.take_over(6)
    other.answers = lambda proposal: Answered(proposal.id, ok=True, message=f"{proposal.id} is kept in 3 places")
    standby = peer(leader, other)
    async with leader.up(), other.up(), standby.up():
        await standby.follows(other)
        await standby.until(lambda: len(standby.client.heard) == 2)
        answered = await asyncio.gather(
            standby.client.propose(Propose("p1", DRAIN), 5.0), standby.client.propose(Propose("p2", undo="c7"), 5.0)
        )
    assert list(answered) == [
        Answered("p1", ok=True, message="p1 is kept in 3 places"),
        Answered("p2", ok=True, message="p2 is kept in 3 places"),
    ]
    assert other.proposed == [Propose("p1", DRAIN), Propose("p2", undo="c7")]
    assert leader.proposed == []


async def test_what_the_leader_refuses_is_an_answer_too() -> None:
    leader, _ = fleet()

    def refuse(proposal: Propose) -> Answered:
        raise Transient("the table could not be kept in a majority of places")

    leader.answers = refuse
    standby = peer(leader)
    async with leader.up(), standby.up():
        await standby.follows(leader)
        answered = await standby.client.propose(Propose("p1", DRAIN), 5.0)
        assert answered == Answered("p1", ok=False, message="the table could not be kept in a majority of places")
        assert standby.client.connected == leader.address, "and the connection stands"


async def test_without_a_leader_a_proposal_is_told_so_at_once() -> None:
    _, relay = fleet()
    standby = peer(relay)
    async with relay.up(), standby.up():
        await standby.until(lambda: len(standby.client.heard) == 1)
        with pytest.raises(Transient, match="no controller leads at the moment"):
            await standby.client.propose(Propose("p1", DRAIN), 5.0)


class Mute(PlayedController):
    """A leader that takes a proposal and never answers."""

    def __init__(self) -> None:
        super().__init__(beat_s=2.0)
        self.asked = asyncio.Event()

    async def _take(self, proposal: Propose) -> Answered:
        self.proposed.append(proposal)
        self.asked.set()
        waits: asyncio.Future[Answered] = asyncio.get_running_loop().create_future()
        return await waits


async def test_a_leader_that_does_not_answer_in_time_may_still_take_it() -> None:
    leader = Mute()
    leader.take_over(5)
    standby = peer(leader)
    async with leader.up(), standby.up():
        await standby.follows(leader)
        with pytest.raises(Transient, match="did not answer within 3 s; it may still take it"):
            await standby.client.propose(Propose("p1", DRAIN), 3.0)
    assert leader.proposed == [Propose("p1", DRAIN)]


async def test_a_leader_that_goes_away_amid_a_proposal_ends_the_wait() -> None:
    leader = Mute()
    leader.take_over(5)
    standby = peer(leader)
    async with standby.up(), asyncio.TaskGroup() as group:
        async with leader.up():
            await standby.follows(leader)
            asking = group.create_task(_refusal(standby, Propose("p1", DRAIN)))
            await leader.asked.wait()
        assert await asking == "the leader is gone; it may have taken the control"


async def _refusal(standby: Watched, proposal: Propose) -> str:
    with pytest.raises(Transient) as caught:
        await standby.client.propose(proposal, 3600.0)
    return str(caught.value)


async def test_a_name_server_may_propose_nothing() -> None:
    leader, _ = fleet()
    server = Watched(leader)
    async with leader.up(), server.up():
        await server.follows(leader)
        with pytest.raises(Transient, match="the leader is gone"):
            await server.client.propose(Propose("p1", DRAIN), 5.0)
    assert leader.proposed == []
    assert [note.message.split(": ", 1)[1] for note in leader.notes] == ["nameserver may propose nothing here"]


class Desk:
    """Gives every vantage one service's targets and keeps what it sees."""

    def __init__(self) -> None:
        self.served: list[str] = []
        self.seen: list[tuple[str, Message]] = []

    async def serve(self, channel: Channel, name: str) -> None:
        self.served.append(name)
        await channel.send(encode(Targets((ServiceTargets(WEB),), full=True)))
        while True:
            message = await channel.receive(10.0)
            if not isinstance(message, Observations):
                raise Refused("it is no vantage's to say")
            self.seen.append((name, message))


class Vantage:
    """What hears a controller as a vantage does."""

    def __init__(self, controller: PlayedController, send: Message) -> None:
        self.heard: list[Message] = []
        self.notes: list[Note] = []
        self._send = send
        self.links = Links([controller.address], "vantage/eu-1", KEY, self, self.notes.append, Random(1))

    async def joined(self, link: Link) -> None:
        await link.send(self._send)

    async def received(self, link: Link, message: Message) -> None:
        self.heard.append(message)

    def gone(self, link: Link) -> None:
        self.heard.append(Answered("gone", ok=True))


OBSERVED = Observations(
    (Observation(vantage="a lie", service=WEB, cluster="eu", address="192.0.2.1", at_s=1.0, passed=True),)
)


async def test_a_vantage_is_served_by_the_desk_under_its_proven_name_and_hears_beats_besides() -> None:
    desk = Desk()
    controller = PlayedController(vantages=desk, beat_s=2.0)
    vantage = Vantage(controller, OBSERVED)
    async with controller.up(), asyncio.TaskGroup() as group:
        running = group.create_task(vantage.links.run())
        await asyncio.sleep(9)
        controller.stand(Standing.ALONE)
        await asyncio.sleep(0.5)
        running.cancel()
    assert desk.served == ["eu-1"]
    assert desk.seen == [("eu-1", OBSERVED)]
    assert [each for each in vantage.heard if isinstance(each, Targets)] == [Targets((ServiceTargets(WEB),), full=True)]
    standings = [each.standing for each in vantage.heard if isinstance(each, Beat)]
    assert standings == [LEADS] * 5 + [Standing.ALONE], "every two seconds, and at once when it changes"
    assert controller.feed.followers == (), "no name server and no peer"


async def test_a_vantage_that_says_what_it_may_not_is_left_and_tries_again() -> None:
    desk = Desk()
    controller = PlayedController(vantages=desk, beat_s=2.0)
    vantage = Vantage(controller, Propose("p1", DRAIN))
    async with controller.up(), asyncio.TaskGroup() as group:
        running = group.create_task(vantage.links.run())
        await asyncio.sleep(5)
        running.cancel()
    assert len(desk.served) > 2
    assert desk.seen == []
    assert {note.message.split(": ", 1)[1] for note in controller.notes} == {"it is no vantage's to say"}
    assert len(vantage.notes) == 1, "the same failure is told once"


async def test_a_controller_that_takes_no_vantages_says_so() -> None:
    controller = PlayedController()
    vantage = Vantage(controller, OBSERVED)
    async with controller.up(), asyncio.TaskGroup() as group:
        running = group.create_task(vantage.links.run())
        await asyncio.sleep(2)
        running.cancel()
    assert "this controller takes no vantages" in controller.notes[0].message
