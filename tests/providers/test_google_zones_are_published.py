"""A publisher over the Google provider writes policies once, replaces them, and never touches those of others."""

from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest

from trafficfed.model import (
    Cluster,
    Decision,
    Endpoint,
    GlobalService,
    Member,
    RecordSet,
    Row,
    Rule,
    ServiceKey,
    Verdict,
    Where,
    Zone,
)
from trafficfed.reports import ReportEvent
from trafficfed.steering.decide import decide
from trafficfed.testing.google_dns.managed_zone import ManagedZone
from trafficfed.testing.google_dns.server import Fault, GoogleDns
from trafficfed.testing.scripted_api import LoopClock
from trafficfed.zones.publisher import ZonePublisher
from trafficfed.zones.wish import make_wish
from trafficfed_providers.google_cloud import GoogleCloudDns

FED = Zone(name="fed.test")
KEY = ServiceKey("default", "shop", "web")
CLUSTERS = {
    name: Cluster(name=name, region=region)
    for name, region in (("eu", "europe-west3"), ("us", "us-east1"), ("ap", "ap-northeast-1"))
}
ADDRESSES = {"eu": "192.0.2.1", "us": "192.0.2.2", "ap": "192.0.2.3"}
WEIGHTS = {"eu": 70, "us": 20, "ap": 10}


def row(*steering: str, down: str = "") -> Row:
    """Three regions; the cluster that is ``down`` does not serve."""
    service = GlobalService(key=KEY, hostnames=("web.fed.test",), steering=steering)
    endpoints = [
        Endpoint(cluster=name, addresses=(address,), ports=(80,), weight=WEIGHTS[name])
        for name, address in sorted(ADDRESSES.items())
    ]
    verdicts = [
        Verdict(cluster=name, address=address, serving=name != down, passed=True)
        for name, address in sorted(ADDRESSES.items())
    ]
    found = Row(service=service, endpoints=tuple(endpoints), verdicts=tuple(verdicts))
    return Row(
        service=service,
        endpoints=found.endpoints,
        verdicts=found.verdicts,
        decision=decide(found, CLUSTERS, (), 1_800_000_000.0),
    )


class Fleet:
    """A controller that publishes one service in one zone."""

    def __init__(self, server: GoogleDns, zone: Zone = FED) -> None:
        self.server = server
        self.managed = server.project.zone("fed-test")
        settings = {"endpoint": server.url, "project": server.project.name, "requests-per-second": 1000}
        self.provider = GoogleCloudDns.from_settings("google", settings)
        self.zone = zone
        self.reports: list[ReportEvent] = []
        self.restart()

    def restart(self) -> None:
        self.publisher = ZonePublisher(self.provider, self.zone, "google", "prod", LoopClock(), self.reports.append)

    async def publish(self, wished: Row) -> None:
        wish, _ = make_wish(wished, self.zone, self.provider.capabilities)
        if self.publisher.state == "Loading":
            await self.publisher.load()
        self.publisher.want(wish)
        await self.publisher.publish_once()

    @property
    def writes(self) -> int:
        return len(self.server.requests("POST", "/changes"))

    def policy(self, rdtype: str = "A") -> dict[str, Any]:
        """What stands at the name: item by item, or plain."""
        found = self.managed.rrset("web.fed.test.", rdtype)
        policy = found.get("routingPolicy", {})
        weights = {item["rrdatas"][0]: item["weight"] for item in policy.get("wrr", {}).get("items", ())}
        places = {item["location"]: item["rrdatas"] for item in policy.get("geo", {}).get("items", ())}
        return weights or places or {"": found["rrdatas"]}

    def reasons(self) -> list[str]:
        return [refusal.reason for refusal in self.publisher.refusals]


@pytest.fixture
def server() -> Iterator[GoogleDns]:
    with GoogleDns(now_s=lambda: 1_800_000_000.0) as running:
        running.add_zone("fed-test", "fed.test")
        yield running


@pytest.fixture
async def fleet(server: GoogleDns) -> AsyncIterator[Fleet]:
    running = Fleet(server)
    yield running
    await running.provider.close()


@pytest.fixture
def managed(server: GoogleDns) -> ManagedZone:
    return server.project.zone("fed-test")


async def test_weights_are_published_and_a_failover_replaces_them_in_one_change(fleet: Fleet) -> None:
    await fleet.publish(row("weighted"))
    assert fleet.policy() == {"192.0.2.1": 7, "192.0.2.2": 2, "192.0.2.3": 1}
    await fleet.publish(row("weighted", down="eu"))
    assert fleet.policy() == {"192.0.2.2": 2, "192.0.2.3": 1}
    await fleet.publish(row("weighted"))
    assert fleet.policy() == {"192.0.2.1": 7, "192.0.2.2": 2, "192.0.2.3": 1}
    assert fleet.writes == 3


async def test_places_are_published_and_clients_go_to_the_next_when_theirs_is_down(fleet: Fleet) -> None:
    await fleet.publish(row("geo"))
    assert {tuple(values) for values in fleet.policy().values()} >= {(address,) for address in ADDRESSES.values()}
    await fleet.publish(row("geo", down="ap"))
    assert {address for values in fleet.policy().values() for address in values} == {"192.0.2.1", "192.0.2.2"}
    assert fleet.writes == 2


@pytest.mark.parametrize("steering", ["weighted", "geo", "failover", "multivalue"])
async def test_the_second_run_writes_nothing(fleet: Fleet, steering: str) -> None:
    await fleet.publish(row(steering))
    writes = fleet.writes
    await fleet.publish(row(steering))
    fleet.restart()
    await fleet.publish(row(steering))
    await fleet.publisher.drift_scan()
    await fleet.publisher.publish_once()
    assert writes == 1
    assert fleet.writes == writes
    assert fleet.reasons() == []


async def test_a_policy_edited_by_hand_is_reported_and_left_alone(fleet: Fleet, managed: ManagedZone) -> None:
    await fleet.publish(row("weighted"))
    edited = managed.rrset("web.fed.test.", "A")
    edited["routingPolicy"]["wrr"]["items"][0]["weight"] = 1.0
    managed.put(edited)
    await fleet.publish(row("weighted", down="us"))
    assert fleet.reasons() == ["ContentChanged"]
    assert managed.rrset("web.fed.test.", "A") == edited


async def test_a_field_that_we_have_no_word_for_makes_a_policy_anothers(fleet: Fleet, managed: ManagedZone) -> None:
    await fleet.publish(row("geo"))
    edited = managed.rrset("web.fed.test.", "A")
    edited["routingPolicy"]["geo"]["enableFencing"] = True
    managed.put(edited)
    await fleet.publisher.drift_scan()
    await fleet.publisher.publish_once()
    await fleet.publish(row("geo", down="us"))
    assert fleet.reasons() == ["ContentChanged"]


async def test_an_adopted_name_is_taken_over_with_its_policy(server: GoogleDns, managed: ManagedZone) -> None:
    items = [{"weight": 0.5, "rrdatas": ["192.0.2.200"]}, {"weight": 0.5, "rrdatas": ["192.0.2.201"]}]
    managed.put({"name": "web.fed.test.", "type": "A", "ttl": 60, "routingPolicy": {"wrr": {"items": items}}})
    fleet = Fleet(server)
    await fleet.publish(row("weighted"))
    assert fleet.reasons() == ["ForeignRecord"]
    await fleet.provider.close()
    adopting = Fleet(server, Zone(name="fed.test", adopt=("web.fed.test",)))
    await adopting.publish(row("weighted"))
    assert adopting.policy() == {"192.0.2.1": 7, "192.0.2.2": 2, "192.0.2.3": 1}
    await adopting.provider.close()


async def test_a_lost_answer_is_found_out_by_reading(fleet: Fleet, server: GoogleDns) -> None:
    await fleet.publish(row("weighted"))
    server.faults.append(Fault(verb="POST", lose=True))
    await fleet.publish(row("weighted", down="us"))
    assert fleet.policy() == {"192.0.2.1": 7, "192.0.2.3": 1}
    assert fleet.writes == 2
    assert fleet.reasons() == []


async def test_a_value_that_leaves_without_a_cause_stays_beside_the_others_until_the_view_is_whole(
    fleet: Fleet, managed: ManagedZone
) -> None:
    """What is kept is read back as it was written, or the next run would take it for somebody else's."""
    await fleet.publish(row("weighted"))
    fleet.restart()
    two = row("weighted", down="eu")
    gone = Row(
        service=two.service,
        endpoints=two.endpoints[:1] + two.endpoints[2:],
        verdicts=two.verdicts,
        decision=two.decision,
    )
    await fleet.publish(gone)
    assert fleet.policy() == {"192.0.2.1": 1, "192.0.2.2": 2, "192.0.2.3": 1}
    fleet.restart()
    await fleet.publish(gone)
    assert fleet.writes == 2
    assert fleet.reasons() == ["IncompleteView"]


async def test_what_a_policy_cannot_say_is_refused_and_what_stands_stays(fleet: Fleet, managed: ManagedZone) -> None:
    await fleet.publish(row("weighted"))
    both = row("weighted")
    heavy = Member(cluster="eu", weight=70, addresses=("192.0.2.1",))
    light = Member(cluster="us", weight=20, addresses=("192.0.2.2",))
    rules = (Rule(where=Where("continent", "EU"), pool=(heavy, light)), Rule(where=Where(), pool=(light,)))
    decision = Decision(service=KEY, hostnames=("web.fed.test",), pick=1, rules=rules)
    wished = Row(service=both.service, endpoints=both.endpoints, verdicts=both.verdicts, decision=decision)
    before = managed.rrset("web.fed.test.", "A")
    await fleet.publish(wished)
    assert managed.rrset("web.fed.test.", "A") == before
    wish, lowered = make_wish(wished, FED, fleet.provider.capabilities)
    assert "weights and places cannot be combined" in wish.refusal
    assert lowered.losses


async def test_many_services_are_one_request(fleet: Fleet, server: GoogleDns) -> None:
    await fleet.publisher.load()
    base = row("geo")
    assert base.decision is not None
    for number in range(30):
        key = ServiceKey("default", "shop", f"web{number}")
        names = (f"web{number}.fed.test",)
        decision = Decision(service=key, hostnames=names, rules=base.decision.rules)
        service = GlobalService(key=key, hostnames=names)
        wish, _ = make_wish(
            Row(service=service, endpoints=base.endpoints, decision=decision), FED, fleet.provider.capabilities
        )
        fleet.publisher.want(wish)
    await fleet.publisher.publish_once()
    assert fleet.publisher.names == 30
    assert fleet.writes == 1
    found: tuple[RecordSet, ...] = await fleet.provider.read("fed.test", 10.0)
    assert len({each.name for each in found if each.type == "A"}) == 30
