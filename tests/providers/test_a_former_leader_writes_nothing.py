"""Two leaders at BIND, Knot, Route 53 and Google: what the older one had on its way does not arrive as a record.

The older one's message is held up between it and the server, as where its machine is suspended or its network slow,
until the newer one leads and has written.
"""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from trafficfed.ports import Provider
from trafficfed.reports import ProviderFailed, Published
from trafficfed.testing.authorities import Bind, Knot
from trafficfed.testing.google_dns.server import GoogleDns
from trafficfed.testing.leading import Leader
from trafficfed.testing.publishing import LEASE_S, ZONE
from trafficfed.testing.route53.bench import Route53Bench
from trafficfed.testing.tcp_link import TcpLink
from trafficfed.zones.fence import fence_name, fence_set
from trafficfed_providers.google_cloud import GoogleCloudDns
from trafficfed_providers.rfc2136 import Rfc2136
from trafficfed_providers.route53 import Route53
from trafficfed_providers.route53_settings import parse_settings

FIRST, OLD, NEW = "192.0.2.7", "192.0.2.66", "192.0.2.1"
ALL = (FIRST, OLD, NEW)
NAMES = tuple(f"n{number}" for number in range(8))

Records = dict[tuple[str, str], tuple[str, ...]]


@dataclass(frozen=True)
class Place:
    """A server with a zone: ``provider`` makes a client that goes there by an address of the caller's choice."""

    host: str
    port: int
    provider: Callable[[str], Provider]
    records: Callable[[], Records]
    writes: Callable[[], int]

    @asynccontextmanager
    async def pair(self) -> AsyncIterator[tuple[Leader, TcpLink, Leader]]:
        """An older leader whose way to the server may be held up, and a newer one that goes there directly."""
        async with TcpLink(self.host, self.port) as link:
            older, newer = Leader(self.provider(link.address)), Leader(self.provider(f"{self.host}:{self.port}"))
            try:
                yield older, link, newer
            finally:
                link.let_go()
                await older.provider.close()
                await newer.provider.close()

    def values(self) -> set[str]:
        return {value for (_, rdtype), values in self.records().items() if rdtype == "A" for value in values}


def at_google(server: GoogleDns) -> Place:
    zone = server.add_zone("fed-test", ZONE)
    host, port = server.url.removeprefix("http://").split(":")

    def provider(address: str) -> Provider:
        settings = {"endpoint": f"http://{address}", "project": server.project.name, "requests-per-second": 1000}
        return GoogleCloudDns.from_settings("google", settings)

    def records() -> Records:
        return {(r["name"].rstrip("."), r["type"]): tuple(sorted(r["rrdatas"])) for r in zone.rrsets()}

    return Place(host, int(port), provider, records, lambda: len(zone.changes()))


def at_route53(bench: Route53Bench) -> Place:
    host, port = bench.server.url.removeprefix("http://").split(":")

    def provider(address: str) -> Provider:
        settings = parse_settings("aws", {**bench.settings, "endpoint-url": f"http://{address}"})
        return Route53("aws", settings, bench.clock, bench.clock.sleep)

    def records() -> Records:
        with bench.server.at_hand():
            found = bench.zone.records()
        return {
            (r["Name"].rstrip("."), r["Type"]): tuple(sorted(item["Value"] for item in r["ResourceRecords"]))
            for r in found
        }

    return Place(host, int(port), provider, records, lambda: bench.account.writes)


def at_authority(kind: type[Bind | Knot], directory: Path) -> Iterator[Place]:
    with kind(directory, ZONE) as running:
        yield Place(
            running.address,
            running.port,
            lambda address: Rfc2136.from_settings(kind.binary, {**running.settings, "server": address}),
            running.records,
            running.update_count,
        )


@pytest.fixture
def google() -> Iterator[Place]:
    with GoogleDns(now_s=lambda: 1_800_000_000.0) as server:
        yield at_google(server)


@pytest.fixture
def route53_place(aws: Route53Bench) -> Place:
    return at_route53(aws)


@pytest.fixture
def bind(tmp_path: Path) -> Iterator[Place]:
    yield from at_authority(Bind, tmp_path)


@pytest.fixture
def knot(tmp_path: Path) -> Iterator[Place]:
    yield from at_authority(Knot, tmp_path)


@pytest.fixture(
    params=[
        pytest.param("bind", marks=pytest.mark.real),
        pytest.param("knot", marks=pytest.mark.real),
        "route53_place",
        "google",
    ]
)
def place(request: pytest.FixtureRequest) -> Place:
    found: Place = request.getfixturevalue(request.param)
    return found


async def test_what_was_on_its_way_when_the_newer_one_took_over_does_not_arrive(place: Place) -> None:
    async with place.pair() as (older, link, newer), older.leading(3):
        for label in NAMES:
            older.want(label, FIRST)
        await older.until(Published, len(NAMES))
        link.hold()
        for label in (*NAMES, "late"):
            older.want(label, OLD, known=ALL)
        await link.until_held()
        for label in NAMES:
            newer.want(label, NEW, known=ALL)
        async with newer.leading(4):
            await newer.until(Published, len(NAMES))
            records, writes = place.records(), place.writes()
            link.let_go()
            await older.until_fenced()
        assert (place.records(), place.writes()) == (records, writes)
        assert place.values() & {*ALL} == {NEW}
        assert (older.fenced, newer.fenced) == ([4], [])
        (failure,) = await older.until(ProviderFailed, 1)
        assert isinstance(failure, ProviderFailed)
        assert failure.message.startswith(f"another controller leads: the fence {fence_name(ZONE)} no longer says")


async def test_not_even_names_arrive_that_nobody_else_has(place: Place) -> None:
    """Nothing but the fence stands in their way: no record of theirs was read, and none is there."""
    async with place.pair() as (older, link, newer), older.leading(3):
        older.want("web", FIRST)
        await older.until(Published, 1)
        link.hold()
        for label in NAMES:
            older.want(label, OLD)
        await link.until_held()
        newer.want("web", FIRST)
        newer.want("shop", NEW)
        async with newer.leading(4):
            await newer.until(Published, 1)
            records, writes = place.records(), place.writes()
            link.let_go()
            await older.until_fenced()
        assert (place.records(), place.writes()) == (records, writes)
        assert older.fenced == [4]


async def test_one_that_is_fenced_writes_nothing_more_until_it_leads_again(place: Place) -> None:
    async with place.pair() as (first, _, second):
        async with first.leading(3), second.leading(4):
            second.want("web", NEW)
            await second.until(Published, 1)
            records, writes = place.records(), place.writes()
            first.want("shop", OLD)
            await first.until_fenced()
            first.want("more", OLD)
            assert (place.records(), place.writes()) == (records, writes)
        async with first.leading(5):
            first.want("web", NEW)
            first.want("shop", NEW)
            await first.until(Published, 2)
        assert place.values() & {*ALL} == {NEW, OLD}
        assert place.records()[fence_name(ZONE), "TXT"] == fence_set(ZONE, "prod", 5).values


async def test_a_takeover_that_was_held_up_does_not_lower_the_fence(place: Place) -> None:
    """Both stood for leader; the one of the lower term had read the old fence, and comes to raise its own too late."""
    async with place.pair() as (late, link, newer):
        async with newer.leading(2):
            newer.want("web", FIRST)
            await newer.until(Published, 1)
        link.hold()
        async with late.leading(3):
            late.want("web", OLD, known=ALL)
            await link.until_held()
            async with newer.leading(4):
                newer.want("web", NEW, known=ALL)
                await newer.until(Published, 2)
                records, writes = place.records(), place.writes()
                link.let_go()
                await late.until_fenced()
            assert (place.records(), place.writes()) == (records, writes)
        assert late.fenced == [4]


async def test_a_leadership_that_finds_all_in_order_writes_one_record_and_its_second_run_none(place: Place) -> None:
    async with place.pair() as (first, _, second):
        for leader in (first, second):
            for label in NAMES:
                leader.want(label, FIRST)
        async with first.leading(3):
            await first.until(Published, len(NAMES))
        writes = place.writes()
        for _ in range(2):
            second.publisher.lead(4, lambda: LEASE_S)
            await second.publisher.load()
            await second.publisher.publish_once()
            assert second.publisher.waiting == 0
            assert place.writes() == writes + 1
