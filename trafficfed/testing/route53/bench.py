"""A fake account with one zone behind a running server, by one clock that only waits move."""

from typing import Any

from trafficfed.testing.route53.account import Account, Params
from trafficfed.testing.route53.hand_clock import HandClock
from trafficfed.testing.route53.hosted_zone import HostedZone
from trafficfed.testing.route53.server import Route53Server

ZONE = "fed.test"


class Route53Bench:
    """``renew`` is another account, with an empty zone of the same name and id: cheaper than another server."""

    def __init__(self) -> None:
        self.clock = HandClock()
        self.account = Account(self.clock)
        self.zone = self.account.add_zone(ZONE)
        self.server = Route53Server(self.account)

    @property
    def settings(self) -> dict[str, Any]:
        """What a provider needs to come here, as a user would write it."""
        keys = {"access-key-id": self.account.access_key, "secret-access-key": "made up for the fake"}
        return {"endpoint-url": self.server.url, **keys}

    def renew(self, **quotas: Any) -> HostedZone:
        with self.server.at_hand():
            self.account = self.server.account = Account(self.clock, **quotas)
            self.zone = self.account.add_zone(ZONE)
        self.server.violations.clear()
        return self.zone

    def requests(self, operation: str = "") -> list[Params]:
        """What was asked so far, of one operation or of all."""
        return [params for name, params in self.account.log if operation in (name, "")]
