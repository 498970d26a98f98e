"""The event behind the oldest change that is not made yet; what waits for people is no part of it."""

import pytest

from trafficfed.errors import Transient
from trafficfed.reports import Published, Verified
from trafficfed.testing.publishing import Rig
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime


async def test_nothing_waits_where_all_is_published(rig: Rig) -> None:
    assert rig.publisher.waiting_since_s is None
    rig.want("web", "192.0.2.1", event_at_s=5.0)
    await rig.settle()
    assert rig.publisher.waiting_since_s is None
    assert rig.publisher.calls["apply", "Done"] == 1


async def test_the_oldest_event_counts_until_its_change_is_made(rig: Rig) -> None:
    rig.want("web", "192.0.2.1", event_at_s=7.0)
    rig.want("api", "192.0.2.2", event_at_s=5.0)
    rig.want("api", "192.0.2.3", event_at_s=9.0)
    assert rig.publisher.waiting_since_s == 5.0
    await rig.settle()
    assert rig.publisher.waiting_since_s is None


async def test_a_provider_that_is_away_keeps_its_changes_waiting() -> None:
    memory = Memory()
    rig = Rig(memory)
    await rig.settle()
    memory.be_away("timed out")
    rig.want("web", "192.0.2.1", event_at_s=5.0)
    with pytest.raises(Transient):
        await rig.publisher.publish_once()
    rig.want("web", "192.0.2.2", event_at_s=8.0)
    assert rig.publisher.waiting_since_s == 5.0, "from the first event that is not answered yet"
    assert rig.publisher.calls["apply", "Transient"] == 1
    memory.be_away("")
    await rig.settle()
    assert rig.publisher.waiting_since_s is None


async def test_a_foreign_record_is_refused_and_does_not_wait_for_ever(rig: Rig) -> None:
    rig.by_hand("web", "A", "203.0.113.9")
    rig.want("web", "192.0.2.1", event_at_s=5.0)
    await rig.settle()
    assert rig.reasons() == ["ForeignRecord"]
    assert rig.publisher.waiting_since_s is None


async def test_whose_name_was_published_is_told(rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    await rig.settle()
    told = [event.service for event in rig.said(Published) if isinstance(event, Published | Verified)]
    assert told == ["default/shop/web"]
