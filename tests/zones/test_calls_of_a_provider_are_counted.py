"""Whatever a provider is asked is counted once, by how it ended, and comes through unchanged."""

import asyncio

import pytest

from trafficfed.errors import Fenced, Refused, Transient
from trafficfed.model import Capabilities, NameChange, RecordSet
from trafficfed.ports import Provider
from trafficfed.zones.counted import CountedProvider
from trafficfed_providers.google_cloud import GoogleCloudDns
from trafficfed_providers.memory import Memory
from trafficfed_providers.route53 import Route53

ZONE = "fed.test"
WEB = RecordSet(name="web.fed.test", type="A", ttl=30, values=("192.0.2.1",))
CHANGE = NameChange(name="web.fed.test", after=(WEB,))


class Failing(Memory):
    """Fails each call with the same error."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self._error = error

    async def read(self, zone: str, deadline_s: float) -> tuple[RecordSet, ...]:
        raise self._error


async def test_answers_come_through_and_are_counted() -> None:
    plain = Memory()
    counted = CountedProvider(plain)
    (result,) = await counted.apply(ZONE, [CHANGE], 1.0)
    assert await counted.read(ZONE, 1.0) == await plain.read(ZONE, 1.0)
    assert await counted.read_names(ZONE, ["web.fed.test"], 1.0) == (WEB,)
    await counted.read(ZONE, 1.0)
    assert result.outcome == "Done"
    assert dict(counted.calls) == {("apply", "Done"): 1, ("read", "Done"): 2, ("read_names", "Done"): 1}
    assert counted.capabilities == plain.capabilities


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (Transient("throttled"), "Transient"),
        (Refused("bad key"), "Refused"),
        (Fenced("term 9", 9), "Refused"),
        (asyncio.CancelledError(), "Broken"),
        (KeyError("a fault"), "Broken"),
    ],
)
async def test_failures_come_through_and_are_counted(error: BaseException, outcome: str) -> None:
    counted = CountedProvider(Failing(error))
    with pytest.raises(type(error)) as met:
        await counted.read(ZONE, 1.0)
    assert met.value is error
    assert dict(counted.calls) == {("read", outcome): 1}


async def test_what_is_left_of_a_vendors_budget_is_told_where_there_is_one() -> None:
    assert CountedProvider(Memory()).requests_left is None
    aws = Route53.from_settings("aws", {"requests-per-second": 3, "region": "us-east-1"})
    google = GoogleCloudDns.from_settings("google", {"project": "shop-prod-1"})
    try:
        assert CountedProvider(aws).requests_left == 3.0
        assert (CountedProvider(google).requests_left or 0.0) > 0
    finally:
        await aws.close()
        await google.close()


def test_it_is_a_provider() -> None:
    provider: Provider = CountedProvider(Memory())
    assert isinstance(provider.capabilities, Capabilities)
