"""One name at four providers at once: the embedded server, BIND, Route 53 and Google. Each expresses what it can."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from trafficfed.clock import SystemClock
from trafficfed.sandbox.fleet import Fleet
from trafficfed.testing.authorities import Bind
from trafficfed.testing.deployment import Deployment
from trafficfed.testing.google_dns.server import GoogleDns
from trafficfed.testing.route53.account import Account
from trafficfed.testing.route53.hosted_zone import HostedZone
from trafficfed.testing.route53.server import Route53Server
from trafficfed.testing.world import OUT_S, PLACES, ZONE

pytestmark = [pytest.mark.real, pytest.mark.slow]

NAME = f"web.{ZONE}"
EU, US, AP = "127.0.1.1", "127.0.2.1", "127.0.3.1"


class Everywhere:
    """The fleet, the product, and the four places where its name stands."""

    product: Deployment

    def __init__(self, fleet: Fleet, bind: Bind, route53: Route53Server, zone: HostedZone, google: GoogleDns) -> None:
        self.fleet, self.bind, self.route53, self.zone, self.google = fleet, bind, route53, zone, google

    def at_route53(self) -> set[str]:
        """Every address below the name, branches of its routing included."""
        with self.route53.at_hand():
            records = [
                record for record in self.zone.records() if record["Type"] == "A" and "AliasTarget" not in record
            ]
        return {value["Value"] for record in records for value in record["ResourceRecords"]}

    def at_google(self) -> set[str]:
        """Every address in the name's record set, whatever its policy."""
        found = [rrset for rrset in self.google.project.zone("fed-test").rrsets() if rrset["type"] == "A"]
        return {value for rrset in found if rrset["name"] == f"{NAME}." for value in _addresses(rrset)}

    def at_embedded(self) -> set[str]:
        clients = ("192.0.2.7", "198.51.100.7", "203.0.113.7")
        return {address for client in clients for address in self.product.answer(NAME, client=client)}

    def everywhere(self) -> list[set[str]]:
        return [self.at_embedded(), set(self.bind.query(NAME, "A")), self.at_route53(), self.at_google()]

    async def wait_for(self, *addresses: str, within_s: float) -> None:
        await self.wait_until(lambda: self.everywhere() == [set(addresses)] * 4, within_s)

    async def wait_until(self, reached: Callable[[], bool], within_s: float) -> None:
        ends = time.monotonic() + within_s  # noqa: TID251 - measures the real product from outside
        while not await asyncio.to_thread(reached):
            assert time.monotonic() < ends, f"it is {self.everywhere()}\n{self.product.log()}"  # noqa: TID251 - as above
            await asyncio.sleep(0.1)


def _addresses(rrset: dict[str, object]) -> set[str]:
    """The values of a record set, or of all items of its routing policy."""
    found: set[str] = set()
    waiting: list[object] = [rrset]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            found.update(part.get("rrdatas", ()))
            waiting += part.values()
        elif isinstance(part, list):
            waiting += part
    return found


@pytest.fixture
async def everywhere(tmp_path: Path) -> AsyncIterator[Everywhere]:
    clock = SystemClock()
    account = Account(clock, rate_per_s=1000.0, burst=1000.0)
    zone = account.add_zone(ZONE)
    route53 = Route53Server(account)
    annotations = {"steering": "geo", "ttl": "5"}
    try:
        with GoogleDns(now_s=clock.now_s, delay_s=0.2) as google, Bind(tmp_path / "bind", ZONE) as bind:
            google.add_zone("fed-test", ZONE)
            async with Fleet(tmp_path / "fleet", clock, annotations=annotations, readiness=False) as fleet:
                members = [(cluster, fleet.kubeconfig, cluster.name) for cluster in fleet.clusters]
                with Deployment(tmp_path / "product", ZONE, members, places=PLACES) as product:
                    product.publish_to("bind", {"kind": "rfc2136", **bind.settings})
                    keys = {"access-key-id": account.access_key, "secret-access-key": "made up for the fake"}
                    budget = {"requests-per-second": 1000}
                    product.publish_to("aws", {"kind": "route53", "endpoint-url": route53.url, **keys, **budget})
                    project = {"endpoint": google.url, "project": google.project.name}
                    product.publish_to("gcp", {"kind": "google", **project, **budget})
                    await asyncio.to_thread(product.start)
                    everywhere = Everywhere(fleet, bind, route53, zone, google)
                    everywhere.product = product
                    yield everywhere
    finally:
        route53.stop()
    assert route53.violations == []


async def test_all_converge_and_a_dead_region_leaves_all_of_them(everywhere: Everywhere) -> None:
    await everywhere.wait_for(EU, US, AP, within_s=30)
    await everywhere.fleet.kill_backend("eu")
    await everywhere.wait_for(US, AP, within_s=OUT_S + 1.0)
    await everywhere.fleet.start_backend("eu")
    await everywhere.wait_for(EU, US, AP, within_s=30)


async def test_a_second_run_writes_nothing_anywhere(everywhere: Everywhere) -> None:
    await everywhere.wait_for(EU, US, AP, within_s=30)
    written = _written(everywhere)
    await asyncio.to_thread(everywhere.product.restart_controller)

    def ready() -> bool:
        providers = everywhere.product.status()["providers"]
        return all(provider["state"] in ("Ready", "Feeding") and not provider["pending"] for provider in providers)

    await everywhere.wait_until(ready, 30)
    assert _written(everywhere) == written


def _written(everywhere: Everywhere) -> tuple[int, int, int]:
    with everywhere.route53.at_hand() as account:
        at_route53 = account.writes
    changes = everywhere.google.project.zone("fed-test").changes()
    return everywhere.bind.update_count(), at_route53, len(changes)


async def test_one_broken_provider_harms_only_itself(everywhere: Everywhere) -> None:
    await everywhere.wait_for(EU, US, AP, within_s=30)
    everywhere.google.fail(403, "forbidden", verb="POST", times=1000)
    with everywhere.route53.hold():
        await everywhere.fleet.kill_backend("eu")
        await everywhere.wait_until(
            lambda: [everywhere.at_embedded(), set(everywhere.bind.query(NAME, "A"))] == [{US, AP}] * 2, OUT_S
        )
    everywhere.google.faults.clear()
    await everywhere.wait_until(lambda: everywhere.at_route53() == {US, AP}, 30)
    states = {view["name"]: view["message"] for view in everywhere.product.status()["providers"]}
    assert states["bind"] == ""
