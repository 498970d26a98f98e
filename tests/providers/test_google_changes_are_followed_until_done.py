"""A change that Cloud DNS accepted is pending at first: it is asked for until it is done, once for all who wait."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from trafficfed.model import NameChange, Outcome, RecordSet
from trafficfed.testing.google_dns.server import GoogleDns
from trafficfed_providers.google_cloud import GoogleCloudDns
from trafficfed_providers.google_settings import parse_settings

ZONE = "fed.test"
DEADLINE_S = 10.0


class Waiting:
    """A clock that moves only when somebody sleeps."""

    def __init__(self) -> None:
        self.now_s = 1_800_000_000.0
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Waiting:
    return Waiting()


@pytest.fixture
def server(clock: Waiting) -> Iterator[GoogleDns]:
    with GoogleDns(now_s=lambda: clock.now_s, delay_s=5.0) as running:
        running.add_zone("fed-test", ZONE)
        yield running


@pytest.fixture
async def google(server: GoogleDns, clock: Waiting) -> AsyncIterator[GoogleCloudDns]:
    settings = {"endpoint": server.url, "project": server.project.name, "requests-per-second": 1000}
    provider = GoogleCloudDns("google", parse_settings("google", settings), clock.sleep)
    yield provider
    await provider.close()


async def create(google: GoogleCloudDns, name: str) -> None:
    record_set = RecordSet(name=f"{name}.{ZONE}", type="A", ttl=30, values=("192.0.2.1",))
    (result,) = await google.apply(ZONE, [NameChange(name=record_set.name, after=(record_set,))], DEADLINE_S)
    assert result.outcome is Outcome.DONE


def asked(server: GoogleDns) -> int:
    return sum("/changes/" in seen.path for seen in server.requests("GET"))


async def test_it_waits_until_the_change_is_done_and_never_asks_again(
    server: GoogleDns, google: GoogleCloudDns, clock: Waiting
) -> None:
    assert google.capabilities.tracks
    await create(google, "web")
    assert asked(server) == 0, "a write waits for nothing"
    assert await google.in_sync(DEADLINE_S)
    assert sum(clock.slept) >= 5.0
    before = asked(server)
    assert await google.in_sync(DEADLINE_S)
    assert asked(server) == before


async def test_many_who_wait_ask_for_each_change_once(
    server: GoogleDns, google: GoogleCloudDns, clock: Waiting
) -> None:
    await create(google, "a")
    await create(google, "b")
    clock.now_s += 60.0
    assert await asyncio.gather(*(google.in_sync(DEADLINE_S) for _ in range(6))) == [True] * 6
    assert asked(server) == 2


async def test_what_may_not_be_asked_is_not_known_and_no_error_of_the_zone(
    server: GoogleDns, google: GoogleCloudDns
) -> None:
    await create(google, "web")
    server.fail(403, "forbidden", verb="GET", times=10)
    assert not await google.in_sync(DEADLINE_S)
    server.faults.clear()
    assert await google.in_sync(DEADLINE_S)


async def test_a_server_that_hangs_is_not_waited_for_beyond_the_deadline(
    server: GoogleDns, google: GoogleCloudDns
) -> None:
    await create(google, "web")
    server.hang()
    try:
        assert not await google.in_sync(0.05)
    finally:
        server.resume()
