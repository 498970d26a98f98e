"""Law 1 at the zone: what leaves without a verdict or a watched deletion waits for the whole view and the brakes."""

import pytest

from trafficfed.reports import Braked, RefusalCleared
from trafficfed.testing.publishing import Rig
from trafficfed_providers.memory import Memory

pytestmark = pytest.mark.looptime


async def published(rig: Rig, *values: str) -> None:
    rig.want("web", *values)
    await rig.settle()


async def test_a_verdict_takes_a_target_out_at_once_even_with_half_a_view(rig: Rig) -> None:
    await published(rig, "192.0.2.1", "192.0.2.2")
    rig.want("web", "192.0.2.2", known=("192.0.2.1", "192.0.2.2"))
    await rig.publisher.publish_once()
    assert rig.at("web") == {"A": ("192.0.2.2",)}


async def test_a_watched_departure_takes_a_target_out_at_once(rig: Rig) -> None:
    await published(rig, "192.0.2.1", "192.0.2.2")
    rig.want("web", "192.0.2.2", departed=("192.0.2.1",))
    await rig.publisher.publish_once()
    assert rig.at("web") == {"A": ("192.0.2.2",)}


async def test_the_cause_of_a_departure_is_remembered_until_it_is_carried_out(rig: Rig, memory: Memory) -> None:
    await published(rig, "192.0.2.1", "192.0.2.2")
    memory.be_away("maintenance")
    rig.want("web", "192.0.2.2", departed=("192.0.2.1",))
    rig.want("web", "192.0.2.2", ttl=60)
    memory.be_away("")
    await rig.publisher.publish_once()
    assert rig.at("web") == {"A": ("192.0.2.2",)}


async def test_with_half_a_view_an_unknown_value_is_kept_beside_the_new_ones_and_named(rig: Rig) -> None:
    """A controller that lost its table and has not seen one cluster yet must not take that cluster out."""
    await published(rig, "192.0.2.1", "192.0.2.2")
    rig.restart()
    rig.want("web", "192.0.2.1", "192.0.2.3")
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1", "192.0.2.2", "192.0.2.3")}
    (refusal,) = rig.publisher.refusals
    assert refusal.reason == "IncompleteView"
    assert "keeps 192.0.2.2" in refusal.message


async def test_with_half_a_view_the_known_ones_still_fail_over(rig: Rig) -> None:
    await published(rig, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    rig.restart()
    rig.want("web", "192.0.2.1", known=("192.0.2.1", "192.0.2.3"))
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1", "192.0.2.2")}


async def test_when_the_view_is_whole_a_single_unknown_value_goes(rig: Rig) -> None:
    await published(rig, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    rig.restart()
    rig.want("web", "192.0.2.1", "192.0.2.3")
    await rig.settle()
    rig.publisher.view_complete(True)
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1", "192.0.2.3")}
    assert rig.publisher.refusals == ()
    assert [event.refusal.reason for event in rig.said(RefusalCleared) if isinstance(event, RefusalCleared)] == [
        "IncompleteView"
    ]


async def test_half_of_a_service_is_held_until_confirmed(rig: Rig) -> None:
    await published(rig, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    rig.publisher.view_complete(True)
    rig.want("web", "192.0.2.1")
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1", "192.0.2.2", "192.0.2.3")}
    (held,) = rig.publisher.held
    (braked,) = rig.said(Braked)
    assert isinstance(braked, Braked)
    assert (braked.confirm_id, braked.zone, braked.provider) == (held.confirm_id, "fed.test", "memory")
    assert not rig.publisher.confirm("00000000")
    assert rig.publisher.confirm(held.confirm_id)
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert rig.publisher.held == ()


async def test_a_held_change_does_not_stop_failover_of_the_same_name(rig: Rig) -> None:
    await published(rig, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
    rig.publisher.view_complete(True)
    rig.want("web", "192.0.2.1", "192.0.2.2")
    await rig.settle()
    (before,) = rig.publisher.held
    rig.want("web", "192.0.2.1", known=("192.0.2.1", "192.0.2.2"))
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1", "192.0.2.3", "192.0.2.4")}
    (after,) = rig.publisher.held
    assert after.confirm_id == before.confirm_id
    assert len(rig.said(Braked)) == 1


async def test_a_held_change_that_is_wished_again_is_forgotten(rig: Rig) -> None:
    await published(rig, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    rig.publisher.view_complete(True)
    rig.want("web", "192.0.2.1")
    await rig.settle()
    assert rig.publisher.held
    rig.want("web", "192.0.2.1", "192.0.2.2", "192.0.2.3")
    await rig.settle()
    assert rig.publisher.held == ()
    assert rig.at("web") == {"A": ("192.0.2.1", "192.0.2.2", "192.0.2.3")}


async def test_orphans_stay_while_the_view_is_not_whole(rig: Rig) -> None:
    await published(rig, "192.0.2.1")
    rig.restart()
    await rig.settle()
    assert rig.at("web") == {"A": ("192.0.2.1",)}
    assert rig.publisher.refusals == ()
    rig.publisher.view_complete(True)
    await rig.settle()
    assert rig.at("web") == {}
    assert rig.marker("web") == ""


async def test_many_orphans_at_once_are_held_with_one_id(rig: Rig) -> None:
    for number in range(12):
        rig.want(f"n{number}", "192.0.2.1")
    await rig.settle()
    rig.restart()
    rig.publisher.view_complete(True)
    await rig.settle()
    assert rig.publisher.names == 12
    (held,) = rig.publisher.held
    assert len(held.names) == 12
    rig.publisher.confirm(held.confirm_id)
    await rig.settle()
    assert rig.publisher.names == 0
    assert rig.memory.zone("fed.test") == ()


async def test_few_orphans_among_many_names_go(rig: Rig) -> None:
    for number in range(40):
        rig.want(f"n{number}", "192.0.2.1")
    await rig.settle()
    rig.restart()
    for number in range(5, 40):
        rig.want(f"n{number}", "192.0.2.1")
    rig.publisher.view_complete(True)
    await rig.settle()
    assert rig.publisher.held == ()
    assert rig.publisher.names == 35


async def test_a_deleted_service_goes_at_once_with_all_its_names(rig: Rig) -> None:
    names = ("a.fed.test", "b.fed.test")
    rig.want("web", "192.0.2.1", "192.0.2.2", names=names)
    await rig.settle()
    rig.want("web", names=(), known=(), departed=("192.0.2.1", "192.0.2.2"), released=names)
    await rig.publisher.publish_once()
    assert rig.memory.zone("fed.test") == ()


async def test_a_hostname_taken_off_a_service_goes_at_once_and_the_others_stay(rig: Rig) -> None:
    rig.want("web", "192.0.2.1", "192.0.2.2", names=("a.fed.test", "b.fed.test"))
    await rig.settle()
    rig.want("web", "192.0.2.1", "192.0.2.2", names=("a.fed.test",), released=("b.fed.test",))
    await rig.publisher.publish_once()
    assert rig.at("b") == {}
    assert rig.at("a") == {"A": ("192.0.2.1", "192.0.2.2")}


async def test_a_view_that_becomes_incomplete_again_stops_removals(rig: Rig) -> None:
    await published(rig, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    rig.publisher.view_complete(True)
    rig.want("web", "192.0.2.1")
    await rig.settle()
    (held,) = rig.publisher.held
    rig.publisher.view_complete(False)
    await rig.settle()
    assert rig.publisher.held == ()
    assert not rig.publisher.confirm(held.confirm_id)
    assert rig.reasons() == ["IncompleteView"]
    assert rig.at("web") == {"A": ("192.0.2.1", "192.0.2.2", "192.0.2.3")}
