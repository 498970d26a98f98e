"""A follower is who it can prove to be: by the key of that identity, bound to this one connection."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.feed.channel import GREETING, Channel, Keys, NotAuthentic, greet, join
from trafficfed.feed.messages import Beat, Resume, Suspect, encode
from trafficfed.model import ServiceKey
from trafficfed.testing.feeding import KEY, PlayedController

PROBER_KEY = b"a prober's own key of 32 octets."
_Ends = tuple[asyncio.StreamReader, asyncio.StreamWriter]
KEYS = {"nameserver": KEY, "controller/us": KEY, "vantage/eu-1": PROBER_KEY}


class Meddled(asyncio.StreamWriter):
    """A writer that changes what is written."""

    def __init__(self, writer: asyncio.StreamWriter, meddle: Callable[[bytes], bytes]) -> None:
        super().__init__(writer.transport, writer.transport.get_protocol(), None, asyncio.get_running_loop())
        self._meddle = meddle

    def write(self, data: bytes | bytearray | memoryview) -> None:
        super().write(self._meddle(bytes(data)))


@asynccontextmanager
async def stream(meddle: Callable[[bytes], bytes] = lambda octets: octets) -> AsyncIterator[tuple[_Ends, _Ends]]:
    """Both ends of one connection; what the follower sends passes through ``meddle``."""
    accepted: asyncio.Queue[_Ends] = asyncio.Queue()
    server = await asyncio.start_server(lambda *ends: accepted.put_nowait(ends), "127.0.0.1", 0)
    follower = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
    controller = await accepted.get()
    try:
        yield controller, (follower[0], Meddled(follower[1], meddle))
    finally:
        follower[1].close()
        controller[1].close()
        server.close()


async def meet(
    controller: _Ends, follower: _Ends, identity: str, key: bytes, keys: Keys = KEYS.get
) -> tuple[Channel | Exception, Channel | Exception]:
    """What either side makes of the other; whoever refuses closes the connection."""

    async def side(ends: _Ends, making: Coroutine[None, None, Channel]) -> Channel | Exception:
        try:
            return await making
        except (Transient, Refused) as error:
            ends[1].close()
            return error

    async with asyncio.TaskGroup() as group:
        down = group.create_task(side(controller, greet(*controller, keys)))
        up = group.create_task(side(follower, join(*follower, identity, key)))
    return down.result(), up.result()


@pytest.mark.parametrize("identity", KEYS)
async def test_both_sides_know_who_follows(identity: str) -> None:
    async with stream() as (controller, follower):
        down, up = await meet(controller, follower, identity, KEYS[identity])
        assert isinstance(down, Channel)
        assert isinstance(up, Channel)
        assert (down.identity, up.identity) == (identity, identity)
        await down.send(encode(Beat(1, 2)))
        await up.send(encode(Beat(3, 4)))
        assert await up.receive(5) == Beat(1, 2)
        assert await down.receive(5) == Beat(3, 4)


@pytest.mark.parametrize(
    ("identity", "key", "why"),
    [
        ("vantage/ap-1", PROBER_KEY, "nobody called vantage/ap-1 is known here; add it to the configuration"),
        ("vantage/eu-1", KEY, "vantage/eu-1 does not know the feed key; give both the same"),
        ("controller/us", PROBER_KEY, "controller/us does not know the feed key; give both the same"),
        ("operator", KEY, "it does not say who it is: nameserver, controller/NAME or vantage/NAME"),
        ("vantage/", KEY, "it does not say who it is: nameserver, controller/NAME or vantage/NAME"),
        ("vantage/a b\n", KEY, "it does not say who it is: nameserver, controller/NAME or vantage/NAME"),
        ("", KEY, "it does not say who it is: nameserver, controller/NAME or vantage/NAME"),
    ],
)
async def test_who_cannot_prove_it_is_turned_away_with_one_reason(identity: str, key: bytes, why: str) -> None:
    async with stream() as (controller, follower):
        down, up = await meet(controller, follower, identity, key)
    assert isinstance(down, NotAuthentic)
    assert str(down) == why
    assert isinstance(up, NotAuthentic)
    assert "it does not take our feed key as" in str(up)


async def test_one_who_knows_its_own_key_cannot_pass_as_another() -> None:
    """The identity is part of what is proven: to change it on the way spoils the proof."""

    def rename(octets: bytes) -> bytes:
        return octets.replace(b"vantage/eu-1", b"vantage/eu-2")

    keys = {**KEYS, "vantage/eu-2": PROBER_KEY}
    async with stream(rename) as (controller, follower):
        down, _ = await meet(controller, follower, "vantage/eu-1", PROBER_KEY, keys.get)
    assert isinstance(down, NotAuthentic)
    assert str(down).startswith("vantage/eu-2 does not know the feed key")


async def test_a_recorded_greeting_is_worth_nothing_on_another_connection() -> None:
    recorded: list[bytes] = []

    def record(octets: bytes) -> bytes:
        recorded.append(octets)
        return octets

    async with stream(record) as (controller, follower):
        await meet(controller, follower, "nameserver", KEY)
    async with stream() as (controller, follower), asyncio.TaskGroup() as group:
        greeting = group.create_task(_refused(controller))
        follower[1].write(recorded[0])
    assert "nameserver does not know the feed key" in greeting.result()


async def _refused(controller: _Ends) -> str:
    with pytest.raises(NotAuthentic) as caught:
        await greet(*controller, KEYS.get)
    return str(caught.value)


@pytest.mark.parametrize("greeting", [b"trafficfed-feed/1\n", b"GET / HTTP/1.1\r\n\r\n", bytes(range(200, 218))])
async def test_another_version_or_protocol_is_named_before_any_key_is_looked_up(greeting: bytes) -> None:
    looked: list[str] = []

    def keys(identity: str) -> bytes | None:
        looked.append(identity)
        return KEY

    async with stream() as (controller, follower):
        follower[1].write(greeting + bytes(200))
        with pytest.raises(NotAuthentic, match="it speaks no feed of this version"):
            await greet(*controller, keys)
    assert len(greeting) == len(GREETING)
    assert looked == []


@pytest.mark.looptime
async def test_a_stranger_that_says_nothing_is_left_after_seconds() -> None:
    async with stream() as (controller, _):
        with pytest.raises(Transient, match="no greeting within 5 s"):
            await greet(*controller, KEYS.get)


@pytest.mark.looptime
async def test_a_large_frame_may_take_longer_than_a_silence_as_long_as_it_comes() -> None:
    """A complete table over a slow line: each piece is a sign of life, the whole need not be there in time."""
    beat = Beat(5, 6, leader="x" * 300_000)
    async with stream() as (controller, follower):
        down, up = await meet(controller, follower, "nameserver", KEY)
        assert isinstance(down, Channel)
        assert isinstance(up, Channel)
        reader = up._reader
        whole = asyncio.StreamReader()
        up._reader = whole

        async def trickle() -> None:
            while not whole.at_eof():
                whole.feed_data(await reader.readexactly(min(50_000, left.pop())))
                await asyncio.sleep(0.9)

        payload = encode(beat)
        octets = 4 + 32 + len(payload)
        left = [50_000] * (octets // 50_000) + [octets % 50_000]
        left.reverse()
        async with asyncio.TaskGroup() as group:
            trickling = group.create_task(trickle())
            await down.send(payload)
            assert await up.receive(2.0) == beat
            trickling.cancel()


async def test_one_bad_follower_disturbs_no_other() -> None:
    """And what is told of it is who it said it was, and why."""
    controller = PlayedController(keys=KEYS.get)
    async with controller.up(), connected(controller) as ends:
        good = await join(*ends, "nameserver", KEY)
        for identity, key in (("vantage/eu-1", KEY), ("vantage/unknown", PROBER_KEY)):
            async with connected(controller) as bad:
                with pytest.raises(NotAuthentic):
                    await join(*bad, identity, key)
        await good.send(encode(Resume()))
        assert isinstance(await good.receive(5), Beat)
        await good.send(encode(Suspect(ServiceKey("default", "prod", "web"), "eu", "192.0.2.1", on=True)))
        await ends[0].read()  # until the controller closes it
    assert [note.event for note in controller.notes] == ["FollowerRefused"] * 3
    reasons = [note.message.split(": ", 1)[1] for note in controller.notes]
    assert reasons == [
        "vantage/eu-1 does not know the feed key; give both the same",
        "nobody called vantage/unknown is known here; add it to the configuration",
        "a follower does not send Suspect",
    ]
    assert controller.notes[2].message.startswith("nameserver at 127.0.0.1:")


@asynccontextmanager
async def connected(controller: PlayedController) -> AsyncIterator[_Ends]:
    host, _, port = controller.address.partition(":")
    ends = await asyncio.open_connection(host, int(port))
    try:
        yield ends
    finally:
        ends[1].close()
