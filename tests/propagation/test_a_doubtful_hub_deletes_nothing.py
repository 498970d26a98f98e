"""Law 1 for templates: lost, stale, emptied, replaced or restored, a hub deletes nothing by being so."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Freshness
from trafficfed.propagation.assignment import Assignment, Share
from trafficfed.propagation.hub import Hub, Listing, confirm, listing_of, lose, returned, take_list, take_revision
from trafficfed.propagation.objects import DEFAULT_KINDS, ObjectKey, TemplateKind
from trafficfed.propagation.select import Selection
from trafficfed.testing.propagating import deployment, policy, template

KNOWN = Hub(uid="hub-1", revision=100, freshness=Freshness.FRESH, reason="")


def keys(*numbers: int) -> frozenset[ObjectKey]:
    return frozenset(ObjectKey("", "ConfigMap", "shop", f"object-{number}") for number in numbers)


ALL = keys(*range(20))


def listed(ruled: frozenset[ObjectKey], **fields: Any) -> Listing:
    return Listing(**{"uid": "hub-1", "revision": 110, "assigned": ALL, "ruled": ruled, **fields})


def test_what_a_complete_list_lacks_leaves() -> None:
    judged = take_list(KNOWN, listed(ALL - keys(1, 2)))
    assert judged.leaving == keys(1, 2)
    assert judged.hub == Hub(uid="hub-1", revision=110, freshness=Freshness.FRESH, reason="")


@pytest.mark.parametrize(
    ("total", "gone", "braked"), [(20, 5, False), (20, 6, True), (100, 20, False), (100, 21, True)]
)
def test_more_than_five_and_a_fifth_at_once_is_suspect(total: int, gone: int, braked: bool) -> None:
    assigned = keys(*range(total))
    judged = take_list(KNOWN, listed(keys(*range(gone, total)), assigned=assigned))
    assert (judged.hub.freshness is Freshness.SUSPECT) is braked
    assert judged.leaving == (frozenset() if braked else keys(*range(gone)))
    assert judged.hub.missing == (keys(*range(gone)) if braked else frozenset())


def test_an_emptied_hub_deletes_nothing_until_confirmed() -> None:
    empty = listed(frozenset())
    judged = take_list(KNOWN, empty)
    assert judged.leaving == frozenset()
    assert judged.hub.missing == ALL
    assert "20 objects are missing at once" in judged.hub.reason
    assert take_list(judged.hub, empty).leaving == frozenset()
    confirmed = confirm(judged.hub, empty)
    assert confirmed.leaving == ALL
    assert confirmed.hub.freshness is Freshness.FRESH


def test_part_of_what_is_missing_is_no_way_around_the_brake() -> None:
    judged = take_list(KNOWN, listed(frozenset()))
    later = take_list(judged.hub, listed(ALL - keys(1), revision=120))
    assert later.leaving == frozenset()
    assert later.hub.missing == keys(1)


def test_missing_objects_that_return_end_the_suspicion() -> None:
    judged = take_list(KNOWN, listed(frozenset()))
    assert returned(judged.hub, keys(1)).missing == ALL - keys(1)
    back = returned(judged.hub, ALL)
    assert (back.freshness, back.missing, back.reason) == (Freshness.FRESH, frozenset(), "")
    assert take_list(judged.hub, listed(ALL)).hub.freshness is Freshness.FRESH


@pytest.mark.parametrize(
    ("listing", "reason"),
    [
        (listed(frozenset(), uid="hub-2", revision=9), "another API server answers for the hub"),
        (listed(ALL, uid="hub-2"), "another API server answers for the hub"),
        (listed(frozenset(), revision=99), "the hub's state is older than before"),
        (listed(ALL - keys(1), revision=99), "the hub's state is older than before"),
    ],
)
def test_another_or_an_older_hub_is_believed_nothing(listing: Listing, reason: str) -> None:
    judged = take_list(KNOWN, listing)
    assert judged.leaving == frozenset()
    assert judged.hub.doubted
    assert not judged.hub.current
    assert reason in judged.hub.reason
    assert (judged.hub.uid, judged.hub.revision) == ("hub-1", 100)
    assert take_revision(judged.hub, 500).revision == 100


def test_the_known_hub_is_believed_again_when_it_returns() -> None:
    doubted = take_list(KNOWN, listed(frozenset(), uid="hub-2")).hub
    assert take_list(doubted, listed(ALL)).hub.freshness is Freshness.FRESH


def test_confirming_another_hub_makes_it_the_known_one() -> None:
    other = listed(keys(1), uid="hub-2", revision=9)
    confirmed = confirm(take_list(KNOWN, other).hub, other)
    assert confirmed.hub == Hub(uid="hub-2", revision=9, freshness=Freshness.FRESH, reason="")
    assert confirmed.leaving == ALL - keys(1)


def test_a_lost_hub_is_stale_and_a_doubted_one_stays_doubted() -> None:
    assert lose(KNOWN, "connection refused").freshness is Freshness.STALE
    doubted = take_list(KNOWN, listed(ALL, uid="hub-2")).hub
    assert lose(doubted, "connection refused") == doubted


def test_what_is_missing_stays_kept_while_the_hub_is_lost() -> None:
    judged = take_list(KNOWN, listed(frozenset()))
    lost = lose(judged.hub, "connection refused")
    assert not lost.current
    assert lost.missing == ALL
    assert take_list(lost, listed(frozenset())).leaving == frozenset()
    assert returned(lost, keys(1)).freshness is Freshness.STALE


def test_watched_changes_raise_the_revision_that_must_not_fall() -> None:
    seen = take_revision(KNOWN, 150)
    assert take_list(seen, listed(ALL, revision=149)).hub.doubted
    assert take_revision(seen, 120).revision == 150


def test_a_watched_deletion_and_an_edit_are_no_absence() -> None:
    many = keys(*range(10))
    assert take_list(KNOWN, listed(ALL - many, watched=many)).leaving == many
    assert take_list(KNOWN, listed(ALL - many, unselected=many)).leaving == many


def test_a_watched_deletion_leaves_even_while_others_are_missing() -> None:
    judged = take_list(KNOWN, listed(frozenset(), watched=keys(1)))
    assert judged.leaving == keys(1)
    assert judged.hub.missing == ALL - keys(1)


def test_a_first_list_of_a_new_fleet_deletes_nothing() -> None:
    judged = take_list(Hub(), Listing(uid="hub-1", revision=7))
    assert judged.hub.freshness is Freshness.FRESH
    assert judged.leaving == frozenset()


# What is compared

RULING = policy()
WEB = template(deployment())


def assignment(shares: tuple[Share, ...] = (Share("eu"),)) -> dict[ObjectKey, Assignment]:
    return {WEB.key: Assignment(object=WEB.key, policy=RULING.key, shares=shares)}


def compared(
    templates: tuple[Any, ...], policies: tuple[Any, ...], kinds: tuple[TemplateKind, ...] = DEFAULT_KINDS
) -> Listing:
    present = {each.key: each for each in templates}
    known = {each.key for each in policies}
    return listing_of("hub-1", 7, assignment(), present, known, Selection(policies, kinds))


def test_an_object_with_its_policy_is_ruled() -> None:
    found = compared((WEB,), (RULING,))
    assert found.assigned == found.ruled == {WEB.key}


def test_an_object_its_policy_no_longer_selects_is_unselected() -> None:
    edited = policy(resourceSelectors=[{"apiVersion": "v1", "kind": "Service"}])
    found = compared((WEB,), (edited,))
    assert found.ruled == frozenset()
    assert found.unselected == {WEB.key}


def test_an_object_whose_policy_is_missing_is_absent() -> None:
    found = compared((WEB,), ())
    assert found.assigned == {WEB.key}
    assert found.ruled == found.unselected == frozenset()


def test_an_object_of_a_kind_no_longer_configured_is_not_looked_for() -> None:
    found = compared((), (RULING,), tuple(kind for kind in DEFAULT_KINDS if kind.kind != "Deployment"))
    assert found.assigned == frozenset()


def test_an_object_that_is_leaving_already_is_not_counted() -> None:
    found = listing_of("hub-1", 7, assignment(()), {}, (), Selection((), DEFAULT_KINDS))
    assert found.assigned == frozenset()


lists = st.tuples(st.sampled_from(["hub-1", "hub-2"]), st.integers(0, 300), st.sets(st.integers(0, 19)))


@settings(max_examples=60)
@given(st.lists(lists, max_size=8))
def test_over_any_history_nothing_large_or_foreign_ever_leaves_unconfirmed(
    history: list[tuple[str, int, set[int]]],
) -> None:
    hub, assigned = KNOWN, ALL
    for uid, revision, present in history:
        newest = hub.revision
        judged = take_list(hub, Listing(uid=uid, revision=revision, assigned=assigned, ruled=keys(*present) & assigned))
        assert len(judged.leaving) <= max(5, len(assigned) / 5)
        assert not judged.leaving or (uid == "hub-1" and revision >= newest)
        assert judged.leaving.isdisjoint(hub.missing)
        hub, assigned = judged.hub, assigned - judged.leaving
