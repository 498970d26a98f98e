"""Values that reports and rows are made of."""

from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from trafficfed.model import (
    Client,
    Cluster,
    Decision,
    Endpoint,
    GlobalService,
    Member,
    Observation,
    Row,
    Rule,
    ServiceKey,
    State,
    Verdict,
    Where,
)

KEY = ServiceKey("prod", "shop", "web")


class HandClock:
    """A clock that stands until it is set."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def now_s(self) -> float:
        return self.now

    def monotonic_s(self) -> float:
        return self.now


@pytest.fixture
def hand_clock() -> HandClock:
    return HandClock()


@pytest.fixture
def seen() -> Callable[..., Observation]:
    """Makes one observation, by default a pass from the vantage ``dublin`` of eu's address."""
    base = Observation(
        vantage="dublin", service=KEY, cluster="eu", address="192.0.2.1", at_s=1.0, passed=True, rtt_s=0.012
    )

    def make(**fields: Any) -> Observation:
        return replace(base, **fields)

    return make


@pytest.fixture
def row() -> Row:
    """A service in eu and us: eu serves, us does not; clients in Ireland get eu, all others eu with us standing by."""
    eu = Member(cluster="eu", weight=100, addresses=("192.0.2.1",))
    us = Member(cluster="us", weight=100, addresses=("198.51.100.1",))
    return Row(
        service=GlobalService(
            key=KEY, hostnames=("web.fed.test",), steering=("geo", "failover"), origin=("eu:Service/shop/web",)
        ),
        endpoints=(
            Endpoint(cluster="eu", addresses=("192.0.2.1",), ports=(80,), ready=3),
            Endpoint(cluster="us", addresses=("198.51.100.1",), ports=(80,), drained=True),
        ),
        verdicts=(
            Verdict(
                cluster="eu", address="192.0.2.1", state=State.SERVING, serving=True, since_s=900.0, reason="Passing"
            ),
            Verdict(cluster="us", address="198.51.100.1", state=State.NOT_SERVING, since_s=990.0, reason="ProbesFail"),
        ),
        decision=Decision(
            service=KEY,
            hostnames=("web.fed.test",),
            rules=(
                Rule(where=Where("country", "IE"), pool=(eu,), standby=((us,),), reason="nearest"),
                Rule(where=Where(), pool=(eu,), standby=((us,),)),
            ),
        ),
        changed_s=950.0,
    )


@pytest.fixture
def clusters() -> dict[str, Cluster]:
    return {
        "eu": Cluster(name="eu", clusterset="prod", region="eu-west-1", country="IE", continent="EU"),
        "us": Cluster(name="us", clusterset="prod", region="us-east-1", country="US", continent="NA"),
    }


@pytest.fixture
def irish() -> Client:
    return Client("127.0.1.9", "EU", "IE")
