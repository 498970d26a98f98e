"""Route 53 and Google compare before they write too: their SDKs against fakes of the vendors' own descriptions."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
from msgspec.structs import replace

from trafficfed.clock import SystemClock
from trafficfed.leadership.elector import Conflict, Seen
from trafficfed.leadership.record import Record
from trafficfed.leadership.zone_elector import ZoneElector
from trafficfed.testing.google_dns.server import GoogleDns
from trafficfed.testing.route53.account import Account
from trafficfed.testing.route53.server import Route53Server
from trafficfed_providers.google_cloud import GoogleCloudDns
from trafficfed_providers.route53 import Route53

ZONE = "fed.test"
DEADLINE_S = 10.0
PLENTY = 10_000.0
EU = Record(owner="team a/prod", holder="eu_1", term=7, renewal=3, lease_s=10.0, electorate=("eu", "us", "zone"))


@pytest.fixture(scope="module")
def aws() -> Iterator[Route53Server]:
    running = Route53Server(Account(SystemClock(), rate_per_s=PLENTY, burst=PLENTY))
    yield running
    running.stop()
    assert running.violations == []


@asynccontextmanager
async def at_route53(aws: Route53Server) -> AsyncIterator[ZoneElector]:
    with aws.at_hand() as account:
        account.add_zone(ZONE)
    settings = {
        "endpoint-url": aws.url,
        "access-key-id": aws.account.access_key,
        "secret-access-key": "made up for the fake",
        "requests-per-second": PLENTY,
    }
    provider = Route53.from_settings("aws", settings)
    yield ZoneElector("zone", provider, ZONE)
    await provider.close()


@asynccontextmanager
async def at_google(_: Route53Server) -> AsyncIterator[ZoneElector]:
    with GoogleDns(now_s=lambda: 1_800_000_000.0) as server:
        server.add_zone("fed-test", ZONE)
        settings = {"endpoint": server.url, "project": server.project.name, "requests-per-second": 1000}
        provider = GoogleCloudDns.from_settings("google", settings)
        yield ZoneElector("zone", provider, ZONE)
        await provider.close()


@pytest.fixture(params=[at_route53, at_google])
async def votes(request: pytest.FixtureRequest, aws: Route53Server) -> AsyncIterator[ZoneElector]:
    async with request.param(aws) as elector:
        yield elector


async def test_a_vote_is_taken_renewed_and_given_back_and_never_twice(votes: ZoneElector) -> None:
    nothing = await votes.read(DEADLINE_S)
    assert nothing == Seen()
    first = await votes.write(EU, nothing, DEADLINE_S)
    assert await votes.read(DEADLINE_S) == first
    with pytest.raises(Conflict):
        await votes.write(replace(EU, holder="us_1"), nothing, DEADLINE_S)
    renewed = await votes.write(replace(EU, renewal=4), first, DEADLINE_S)
    rivals = [replace(EU, holder=holder, term=8, renewal=5) for holder in ("us_1", "ap_1")]
    ended = await asyncio.gather(*(votes.write(rival, renewed, DEADLINE_S) for rival in rivals), return_exceptions=True)
    assert sorted(type(each).__name__ for each in ended) == ["Conflict", "Seen"]
    (won,) = (each for each in ended if isinstance(each, Seen))
    assert await votes.read(DEADLINE_S) == won
    assert won.record is not None
    released = await votes.write(replace(won.record, holder="", renewal=6), won, DEADLINE_S)
    assert (await votes.read(DEADLINE_S)).record == released.record
