"""The Route 53 provider keeps the contract, with boto3 itself against the fake built from botocore's service model."""

from collections.abc import Iterator
from itertools import count

import pytest

from trafficfed.clock import SystemClock
from trafficfed.model import RecordSet
from trafficfed.ports import Provider
from trafficfed.testing.provider_contract import Bench, FenceContract, ProviderContract
from trafficfed.testing.route53.account import Account
from trafficfed.testing.route53.hosted_zone import HostedZone
from trafficfed.testing.route53.server import Route53Server
from trafficfed_providers.route53 import Route53

_: type[Provider] = Route53
PLENTY = 10_000.0


class Hand:
    def __init__(self, server: Route53Server, zone: HostedZone) -> None:
        self._server = server
        self._zone = zone

    def write(self, record_set: RecordSet) -> None:
        record = {
            "Name": record_set.name,
            "Type": record_set.type,
            "TTL": record_set.ttl,
            "ResourceRecords": [{"Value": value} for value in record_set.values],
        }
        with self._server.at_hand():
            self._zone.put(record)

    def erase(self, name: str, rdtype: str) -> None:
        with self._server.at_hand():
            self._zone.remove(name, rdtype)

    def writes(self) -> int:
        with self._server.at_hand() as account:
            return account.writes


@pytest.fixture(scope="module")
def server() -> Iterator[Route53Server]:
    running = Route53Server(Account(SystemClock(), rate_per_s=PLENTY, burst=PLENTY))
    yield running
    running.stop()
    assert running.violations == []


@pytest.fixture(scope="module")
def provider(server: Route53Server) -> Route53:
    """One for all tests: making a client takes boto3 longer than the tests take."""
    return Route53.from_settings(
        "aws",
        {
            "endpoint-url": server.url,
            "access-key-id": server.account.access_key,
            "secret-access-key": "made up for the fake",
            "requests-per-second": PLENTY,
        },
    )


@pytest.fixture(scope="module")
def numbers() -> Iterator[int]:
    return count()


@pytest.fixture
def bench(server: Route53Server, provider: Route53, numbers: Iterator[int]) -> Bench:
    name = f"zone{next(numbers)}.test"
    with server.at_hand() as account:
        zone = account.add_zone(name)
    return Bench(provider, name, Hand(server, zone))


class TestRoute53(ProviderContract, FenceContract):
    pass
