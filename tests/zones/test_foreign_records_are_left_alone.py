"""Law 4 through the publisher: conflicts are reported, harm only their own name, and heal by themselves."""

import pytest

from trafficfed.model import Outcome, Refusal, Zone
from trafficfed.reports import Published, RefusalCleared, ServiceRefused
from trafficfed.testing.publishing import ZONE, Rig, service_key
from trafficfed.zones.wish import Wish
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime


async def test_a_foreign_record_is_reported_once_and_never_touched(rig: Rig) -> None:
    rig.by_hand("web", "A", "198.51.100.7")
    rig.want("web", "192.0.2.1")
    rig.want("shop", "192.0.2.1")
    await rig.settle()
    rig.want("web", "192.0.2.2")
    await rig.settle()
    assert rig.at("web") == {"A": ("198.51.100.7",)}
    assert rig.at("shop") == {"A": ("192.0.2.1",)}
    (said,) = rig.said(ServiceRefused)
    assert isinstance(said, ServiceRefused)
    assert said.refusal.reason == "ForeignRecord"
    assert said.refusal.service == service_key("web")
    assert rig.marker("web") == ""


async def test_a_record_that_appeared_since_the_zone_was_read_is_found_out_and_respected(rig: Rig) -> None:
    await rig.publisher.load()
    rig.by_hand("web", "A", "198.51.100.7")
    rig.want("web", "192.0.2.1")
    rig.want("shop", "192.0.2.1")
    await rig.settle()
    assert rig.at("web") == {"A": ("198.51.100.7",)}
    assert rig.at("shop") == {"A": ("192.0.2.1",)}
    assert rig.reasons() == ["ForeignRecord"]
    outcomes = [event.outcome for event in rig.said(Published) if isinstance(event, Published)]
    assert sorted(outcomes) == [Outcome.CONFLICT, Outcome.DONE]


async def test_when_the_foreign_record_is_gone_the_next_scan_publishes(rig: Rig) -> None:
    rig.by_hand("web", "A", "198.51.100.7")
    rig.want("web", "192.0.2.1")
    await rig.settle()
    rig.memory.erase_by_hand(ZONE, "web.fed.test", "A")
    await rig.publisher.drift_scan()
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert rig.reasons() == []
    (cleared,) = rig.said(RefusalCleared)
    assert isinstance(cleared, RefusalCleared)
    assert cleared.refusal.reason == "ForeignRecord"


async def test_a_certificate_record_and_mail_beside_ours_stay_through_its_whole_life(rig: Rig) -> None:
    rig.by_hand("web", "CAA", '0 issue "ca.example.net"')
    rig.by_hand("web", "MX", "10 mail.example.net.")
    others = rig.at("web")
    rig.want("web", "192.0.2.1", "192.0.2.2")
    await rig.settle()
    rig.want("web", "192.0.2.2", known=("192.0.2.1", "192.0.2.2"))
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.2",), **others}
    rig.want("web", names=(), departed=("192.0.2.1", "192.0.2.2"), released=("web.fed.test",))
    await rig.settle()
    assert rig.at("web") == others
    assert rig.marker("web") == ""
    assert rig.reasons() == []


async def test_a_record_of_ours_edited_by_hand_is_not_overwritten(rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    await rig.settle()
    rig.by_hand("web", "A", "198.51.100.7")
    rig.want("web", "192.0.2.2", known=("192.0.2.1", "192.0.2.2"))
    await rig.settle()
    assert rig.at("web") == {"A": ("198.51.100.7",)}
    assert rig.reasons() == ["ContentChanged"]


async def test_a_record_of_ours_deleted_by_hand_is_repaired_by_the_scan(rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    await rig.settle()
    rig.memory.erase_by_hand(ZONE, "web.fed.test", "A")
    await rig.publisher.drift_scan()
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1",)}


async def test_a_scan_of_a_zone_without_drift_writes_nothing(rig: Rig) -> None:
    for number in range(30):
        rig.want(f"n{number}", "192.0.2.1")
    await rig.settle()
    writes = rig.memory.writes
    await rig.publisher.drift_scan()
    assert rig.publisher.waiting == 0
    await rig.settle()
    assert rig.memory.writes == writes


async def test_two_controllers_of_different_owners_keep_to_their_own_names(memory: Memory) -> None:
    prod, staging = Rig(memory, owner="prod"), Rig(memory, owner="staging")
    prod.want("web", "192.0.2.1")
    await prod.settle()
    staging.want("web", "192.0.2.2")
    staging.want("dev", "192.0.2.2")
    staging.publisher.view_complete(True)
    await staging.settle()
    assert prod.at("web") == {"A": ("192.0.2.1",)}
    assert prod.at("dev") == {"A": ("192.0.2.2",)}
    (refusal,) = staging.publisher.refusals
    assert refusal.reason == "OwnedByOther"
    assert "controller prod for default/shop/web" in refusal.message


async def test_an_adopted_name_is_taken_over(memory: Memory) -> None:
    rig = Rig(memory, Zone(name=ZONE, adopt=("web.fed.test",)))
    rig.by_hand("web", "A", "198.51.100.7")
    rig.by_hand("shop", "A", "198.51.100.7")
    rig.want("web", "192.0.2.1")
    rig.want("shop", "192.0.2.1")
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert rig.at("shop") == {"A": ("198.51.100.7",)}


async def test_a_second_service_with_the_same_name_waits_for_the_first(rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    rig.want("copy", "192.0.2.2", names=("web.fed.test",))
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    (refusal,) = rig.publisher.refusals
    assert (refusal.reason, refusal.service) == ("Conflict", service_key("copy"))


async def test_a_name_goes_over_when_its_holder_lets_it_go(rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    rig.want("copy", "192.0.2.2", names=("web.fed.test",))
    await rig.settle()
    rig.want("web", names=(), released=("web.fed.test",))
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.2",)}
    assert "service=default/shop/copy" in rig.marker("web")
    assert rig.publisher.refusals == ()


@pytest.mark.parametrize("loaded_first", [True, False])
async def test_the_holder_is_the_same_after_a_restart_in_any_order(rig: Rig, loaded_first: bool) -> None:
    rig.want("web", "192.0.2.1")
    await rig.settle()
    rig.restart()
    if loaded_first:
        await rig.publisher.load()
    rig.want("copy", "192.0.2.2", names=("web.fed.test",))
    rig.want("web", "192.0.2.1")
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert "service=default/shop/web" in rig.marker("web")
    assert [refusal.service for refusal in rig.publisher.refusals] == [service_key("copy")]


async def test_a_conflict_is_over_when_the_other_hostname_is_given_up(rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    rig.want("copy", "192.0.2.2", names=("web.fed.test",))
    await rig.settle()
    rig.want("copy", "192.0.2.2", names=("copy.fed.test",))
    await rig.settle()
    assert rig.publisher.refusals == ()
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert rig.at("copy") == {"A": ("192.0.2.2",)}


async def test_what_a_provider_cannot_express_stays_as_it_is(rig: Rig) -> None:
    rig.want("web", "192.0.2.1")
    await rig.settle()
    refused = Wish(service=service_key("web"), names=("web.fed.test",), refusal="geo: cannot be said")
    rig.publisher.want(refused)
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    (refusal,) = rig.publisher.refusals
    assert isinstance(refusal, Refusal)
    assert refusal.reason == "NotExpressible"
    assert "geo: cannot be said" in refusal.message
