"""What the tests of one provider share."""

from collections.abc import AsyncIterator, Iterator

import pytest

from trafficfed.testing.route53.bench import Route53Bench
from trafficfed_providers.route53 import Route53
from trafficfed_providers.route53_settings import parse_settings


@pytest.fixture(scope="session")
def route53_bench() -> Iterator[Route53Bench]:
    """One server for all: reading the service model takes longer than a test."""
    found = Route53Bench()
    yield found
    found.server.stop()


@pytest.fixture(scope="session")
def route53_client(route53_bench: Route53Bench) -> Route53:
    """One client for all, for the same reason."""
    clock = route53_bench.clock
    return Route53("aws", parse_settings("aws", route53_bench.settings), clock, clock.sleep)


@pytest.fixture
def aws(route53_bench: Route53Bench) -> Iterator[Route53Bench]:
    """A new account; a test that breaks the service model, on either side, has found a mistake."""
    route53_bench.renew()
    yield route53_bench
    assert route53_bench.server.violations == []


@pytest.fixture
def route53(aws: Route53Bench, route53_client: Route53) -> Route53:
    return route53_client


@pytest.fixture
async def fresh_route53(aws: Route53Bench) -> AsyncIterator[Route53]:
    """One that nobody has used before and that remembers nothing."""
    found = Route53("aws", parse_settings("aws", aws.settings), aws.clock, aws.clock.sleep)
    yield found
    await found.close()
