"""The publisher at real authorities: counted at the servers, read back by DNS, through restarts and hangs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from trafficfed.clock import SystemClock
from trafficfed.model import RecordSet, ServiceKey, Zone
from trafficfed.reports import ProviderFailed, Published, ReportEvent, ServiceRefused, Verified
from trafficfed.testing.authorities import Authority, Bind, Knot
from trafficfed.zones.publisher import ZonePublisher
from trafficfed.zones.wish import Wish
from trafficfed_providers.rfc2136 import Rfc2136

pytestmark = pytest.mark.real

ZONE = "fed.test"


@pytest.fixture(params=[Bind, Knot])
def authority(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Authority]:
    kind: type[Authority] = request.param
    with kind(tmp_path, ZONE, records='web CAA 0 issue "ca.example.net"\nhand 60 A 198.51.100.7\n') as running:
        yield running


class Controller:
    """A publisher at a real server, running; reports wake whoever waits for one."""

    def __init__(self, settings: dict[str, object]) -> None:
        self.provider = Rfc2136.from_settings("real", settings)
        self.reports: list[ReportEvent] = []
        self._news = asyncio.Event()
        self.publisher = ZonePublisher(self.provider, Zone(name=ZONE), "real", "prod", SystemClock(), self._report)

    def _report(self, event: ReportEvent) -> None:
        self.reports.append(event)
        self._news.set()

    def want(self, label: str, *values: str, known: tuple[str, ...] = ()) -> None:
        name = f"{label}.{ZONE}"
        sets = (RecordSet(name=name, type="A", ttl=30, values=tuple(sorted(values))),) if values else ()
        self.publisher.want(
            Wish(
                service=ServiceKey("default", "shop", label),
                names=(name,) if values else (),
                sets=sets,
                known=frozenset((*values, *known)),
                departed=frozenset(known) if not values else frozenset(),
                released=frozenset() if values else frozenset({name}),
                event_at_s=SystemClock().now_s(),
            )
        )

    async def until(self, kind: type[ReportEvent], count: int) -> list[ReportEvent]:
        """Wait until so many reports of a kind have come."""
        async with asyncio.timeout(30):
            while len(found := [event for event in self.reports if isinstance(event, kind)]) < count:
                self._news.clear()
                await self._news.wait()
        return found


@asynccontextmanager
async def controller(settings: dict[str, object]) -> AsyncIterator[Controller]:
    running = Controller(settings)
    try:
        async with asyncio.TaskGroup() as group:
            task = group.create_task(running.publisher.run())
            yield running
            task.cancel()
    finally:
        await running.provider.close()


async def test_wishes_arrive_are_verified_and_the_second_run_writes_nothing(authority: Authority) -> None:
    async with controller(authority.settings) as first:
        first.want("web", "192.0.2.1", "192.0.2.2")
        for number in range(70):
            first.want(f"n{number}", "192.0.2.1")
        verified = await first.until(Verified, 71)
        assert all(isinstance(event, Verified) and event.right for event in verified)
    assert authority.query("web.fed.test", "A") == ("192.0.2.1", "192.0.2.2")
    written, zone = authority.update_count(), authority.records()
    assert written <= 4
    async with controller(authority.settings) as second:
        second.publisher.view_complete(True)
        second.want("web", "192.0.2.1", "192.0.2.2")
        for number in range(70):
            second.want(f"n{number}", "192.0.2.1")
        await second.publisher.load()
        await second.publisher.publish_once()
        await second.publisher.drift_scan()
        await second.publisher.publish_once()
        assert second.publisher.refusals == ()
    assert authority.update_count() == written
    assert authority.records() == zone


async def test_one_change_is_one_update_and_touches_its_own_records(authority: Authority) -> None:
    async with controller(authority.settings) as running:
        for number in range(20):
            running.want(f"n{number}", "192.0.2.1", "192.0.2.2")
        await running.until(Verified, 20)
        written, before = authority.update_count(), authority.records()
        running.want("n3", "192.0.2.2", known=("192.0.2.1",))
        await running.until(Verified, 21)
    assert authority.update_count() == written + 1
    after = authority.records()
    changed = {key for key in before | after if before.get(key) != after.get(key)}
    assert changed == {("n3.fed.test", "A"), ("_trafficfed-owner.n3.fed.test", "TXT")}


async def test_foreign_records_stay_and_ours_leave_without_them(authority: Authority) -> None:
    foreign = {key: values for key, values in authority.records().items() if "owner" not in key[0]}
    async with controller(authority.settings) as running:
        for label in ("web", "hand", "shop"):
            running.want(label, "192.0.2.1")
        await running.until(Verified, 2)
        (refusal,) = running.publisher.refusals
        assert (refusal.object, refusal.reason) == ("hand.fed.test", "ForeignRecord")
        assert authority.query("web.fed.test", "CAA") == ('0 issue "ca.example.net"',)
        running.want("web", known=("192.0.2.1",))
        running.want("shop", known=("192.0.2.1",))
        await running.until(Verified, 4)
    assert authority.records() == foreign


async def test_a_record_written_by_hand_meanwhile_harms_only_its_own_name(authority: Authority) -> None:
    async with controller(authority.settings) as running:
        running.want("shop", "192.0.2.1")
        await running.until(Verified, 1)
        authority.write("late.fed.test", 60, "A", "198.51.100.8")
        for label in ("one", "late", "two"):
            running.want(label, "192.0.2.1")
        await running.until(Verified, 3)
        await running.until(ServiceRefused, 1)
        assert [refusal.object for refusal in running.publisher.refusals] == ["late.fed.test"]
    assert authority.query("late.fed.test", "A") == ("198.51.100.8",)
    assert authority.query("two.fed.test", "A") == ("192.0.2.1",)


async def test_a_restarted_server_gets_what_was_wished_meanwhile(authority: Authority) -> None:
    async with controller(authority.settings) as running:
        running.want("web", "192.0.2.1")
        await running.until(Verified, 1)
        authority.stop()
        running.want("web", "192.0.2.2", known=("192.0.2.1",))
        await running.until(ProviderFailed, 1)
        authority.restart()
        await running.until(Verified, 2)
    assert authority.query("web.fed.test", "A") == ("192.0.2.2",)


async def test_a_refused_key_is_one_clear_message(authority: Authority) -> None:
    wrong = {**authority.settings, "tsig": {**authority.tsig, "name": "unknown."}}
    async with controller(wrong) as running:
        running.want("web", "192.0.2.1")
        (failure,) = await running.until(ProviderFailed, 1)
        assert isinstance(failure, ProviderFailed)
        assert "refused TSIG key unknown.: it does not know this key" in failure.message
        assert failure.retry_s == 60.0
        assert not [event for event in running.reports if isinstance(event, Published)]
