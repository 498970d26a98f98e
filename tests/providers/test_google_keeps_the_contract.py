"""The Google provider keeps the contract, its real SDK against a server of Cloud DNS's own description."""

from collections.abc import AsyncIterator, Iterator

import pytest

from trafficfed.model import RecordSet
from trafficfed.ports import Provider
from trafficfed.testing.google_dns.managed_zone import ManagedZone
from trafficfed.testing.google_dns.server import GoogleDns
from trafficfed.testing.provider_contract import Bench, FenceContract, ProviderContract
from trafficfed_providers.google_cloud import GoogleCloudDns

_: type[Provider] = GoogleCloudDns


class Hand:
    def __init__(self, zone: ManagedZone) -> None:
        self._zone = zone
        self._writes = 0

    def write(self, record_set: RecordSet) -> None:
        self._writes += 1
        rrset = {"name": f"{record_set.name}.", "type": record_set.type, "ttl": record_set.ttl}
        self._zone.put({**rrset, "rrdatas": list(record_set.values)})

    def erase(self, name: str, rdtype: str) -> None:
        self._writes += 1
        self._zone.erase(f"{name}.", rdtype)

    def writes(self) -> int:
        return self._writes + len(self._zone.changes())


@pytest.fixture
def server() -> Iterator[GoogleDns]:
    with GoogleDns(now_s=lambda: 1_800_000_000.0, page_size=7) as running:
        yield running


@pytest.fixture
async def bench(server: GoogleDns) -> AsyncIterator[Bench]:
    zone = server.add_zone("fed-test", "fed.test")
    settings = {"endpoint": server.url, "project": server.project.name, "requests-per-second": 1000}
    provider = GoogleCloudDns.from_settings("google", settings)
    yield Bench(provider, "fed.test", Hand(zone))
    await provider.close()


class TestGoogle(ProviderContract, FenceContract):
    pass
