"""All sets of one type at a name, its branches included, are ours together: planned, marked and kept as one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.model import NameChange, RecordSet, Routing, Where
from trafficfed.zones.ownership import by_type, digest, digest_of, done_marker, marker_set, name_of_pool, pool_name
from trafficfed.zones.plan import NameAsk, Planned, plan_name
from trafficfed.zones.view import ZoneView

NAME = "web.fed.test"
POOL = pool_name(NAME, "continent-eu")
KNOWN = frozenset({"192.0.2.1", "192.0.2.2", "192.0.2.3"})


def routed(value: str, name: str = NAME, rdtype: str = "A", **routing: Any) -> RecordSet:
    routing.setdefault("set_id", "any")
    return RecordSet(name=name, type=rdtype, ttl=30, values=(value,), routing=Routing(**routing))


def weighted(cluster: str, value: str, weight: int = 50, name: str = NAME) -> RecordSet:
    return routed(value, name, set_id=cluster, weight=weight)


ALIAS = RecordSet(
    name=NAME,
    type="A",
    ttl=0,
    values=(f"{POOL}.",),
    routing=Routing(set_id="continent-eu", where=Where("continent", "EU")),
    alias=True,
)
TREE = (
    ALIAS,
    weighted("eu", "192.0.2.1", name=POOL),
    weighted("us", "192.0.2.2", name=POOL),
    routed("192.0.2.3", where=Where()),
)
PLAIN = RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1",))


def mark(*sets: RecordSet) -> RecordSet:
    return marker_set(NAME, done_marker("prod", "default/shop/web", sets))


def ask(*sets: RecordSet, **changes: Any) -> NameAsk:
    fields = {"name": NAME, "zone": "fed.test", "owner": "prod", "service": "default/shop/web", "known": KNOWN}
    return NameAsk(**{**fields, "sets": sets, **changes})


def plan(asked: NameAsk, *present: RecordSet, remove: bool = True) -> Planned:
    return plan_name(asked, present, remove=remove)


def data(planned: Planned) -> set[RecordSet]:
    assert planned.change is not None
    return {found for found in planned.change.after if found.type != "TXT"}


def test_a_tree_is_created_whole_with_one_marker() -> None:
    planned = plan(ask(*TREE))
    assert planned.change is not None
    assert planned.change.before == ()
    assert {*planned.change.after} == {*TREE, mark(*TREE)}


def test_a_tree_that_stands_is_left_alone() -> None:
    assert plan(ask(*TREE), *reversed(TREE), mark(*TREE)).change is None


def test_a_tree_gives_way_to_a_plain_set_and_its_branches_go() -> None:
    planned = plan(ask(PLAIN), *TREE, mark(*TREE))
    assert planned.change is not None
    assert {*planned.change.before} == {*TREE, mark(*TREE)}
    assert {*planned.change.after} == {PLAIN, mark(PLAIN)}


def test_what_is_no_longer_wished_goes_with_its_branches() -> None:
    planned = plan(ask(wished=False, released=True), *TREE, mark(*TREE))
    assert planned.change is not None
    assert planned.change.after == ()


@pytest.mark.parametrize(
    "edited",
    [
        (*TREE[:3], routed("192.0.2.9", where=Where())),
        (*TREE[:3], routed("192.0.2.3", where=Where("country", "FR"))),
        (ALIAS, weighted("eu", "192.0.2.1", 99, POOL), *TREE[2:]),
        TREE[:3],
        (*TREE, weighted("stranger", "198.51.100.1", name=POOL)),
    ],
)
def test_any_edit_of_a_routed_set_makes_its_type_foreign(edited: tuple[RecordSet, ...]) -> None:
    planned = plan(ask(PLAIN), *edited, mark(*TREE))
    assert planned.change is None
    assert [refusal.reason for refusal in planned.refusals] == ["ContentChanged"]


def test_routed_sets_of_others_are_foreign() -> None:
    planned = plan(ask(PLAIN), weighted("blue", "198.51.100.1"), weighted("green", "198.51.100.2"))
    assert [refusal.reason for refusal in planned.refusals] == ["ForeignRecord"]
    assert "198.51.100.1 198.51.100.2" in planned.refusals[0].message


def test_an_adopted_name_gives_up_all_its_routed_sets() -> None:
    foreign = (weighted("blue", "198.51.100.1"), weighted("green", "198.51.100.2"))
    planned = plan(ask(PLAIN, adopt=True), *foreign)
    assert planned.change is not None
    assert {*planned.change.before} == {*foreign}
    assert data(planned) == {PLAIN}


def test_where_an_alias_leads_is_no_value_that_leaves_clients() -> None:
    assert plan(ask(PLAIN, known=frozenset({"192.0.2.2", "192.0.2.3"})), *TREE, mark(*TREE)).kept == ()


def test_values_without_a_cause_stay_in_the_set_where_they_were() -> None:
    before = (routed("192.0.2.1", set_id="eu", where=Where("continent", "EU")), routed("192.0.2.3", where=Where()))
    after = (routed("192.0.2.2", set_id="eu", where=Where("continent", "EU")), before[1])
    planned = plan(ask(*after, known=frozenset()), *before, mark(*before), remove=False)
    assert planned.kept == ("192.0.2.1",)
    assert {found.values for found in data(planned)} == {("192.0.2.1", "192.0.2.2"), ("192.0.2.3",)}


def test_a_weighted_set_holds_one_value_so_that_a_kept_one_stands_beside_it() -> None:
    before = (weighted("eu", "192.0.2.1"), weighted("us", "192.0.2.2"))
    after = (weighted("us", "192.0.2.2"), weighted("ap", "192.0.2.3"))
    planned = plan(ask(*after, known=frozenset()), *before, mark(*before), remove=False)
    assert data(planned) == {*after, weighted("kept/192.0.2.1", "192.0.2.1")}


def test_kept_values_of_a_tree_that_nobody_wishes_become_a_plain_set() -> None:
    planned = plan(ask(wished=False), *TREE, mark(*TREE), remove=False)
    assert data(planned) == {RecordSet(name=NAME, type="A", ttl=30, values=("192.0.2.1", "192.0.2.2", "192.0.2.3"))}


values = st.sampled_from(sorted(KNOWN))
plain_groups = st.sets(values, min_size=1).map(
    lambda found: (RecordSet(name=NAME, type="A", ttl=30, values=tuple(sorted(found))),)
)
weighted_groups = st.dictionaries(st.sampled_from(["eu", "us"]), values, min_size=1).map(
    lambda found: tuple(weighted(cluster, value) for cluster, value in sorted(found.items()))
)
groups = plain_groups | weighted_groups | st.just(TREE)


def carried_out(present: tuple[RecordSet, ...], change: NameChange | None) -> tuple[RecordSet, ...]:
    return present if change is None else change.after


@given(before=groups, after=groups | st.just(()), known=st.frozensets(values), remove=st.booleans())
def test_the_second_run_writes_nothing_whatever_was_kept(
    before: tuple[RecordSet, ...], after: tuple[RecordSet, ...], known: frozenset[str], remove: bool
) -> None:
    asked = ask(*after, known=known, wished=bool(after))
    present = (*before, mark(*before))
    first = plan(asked, *present, remove=remove)
    second = plan(asked, *carried_out(present, first.change), remove=remove)
    assert second.change is None
    assert second.kept == first.kept


@given(before=groups, after=groups | st.just(()), known=st.frozensets(values))
def test_nothing_without_a_cause_leaves_the_answers(
    before: tuple[RecordSet, ...], after: tuple[RecordSet, ...], known: frozenset[str]
) -> None:
    present = (*before, mark(*before))
    planned = plan(ask(*after, known=known, wished=bool(after)), *present, remove=False)
    left = carried_out(present, planned.change)
    answered = {value for found in left if found.type == "A" and not found.alias for value in found.values}
    gone = {value for found in before if not found.alias for value in found.values} - answered
    assert gone <= (known if after else frozenset())


@given(groups)
def test_the_digest_of_a_group_has_no_order(group: tuple[RecordSet, ...]) -> None:
    assert digest_of(group) == digest_of(reversed(group))


def test_the_digest_of_one_plain_set_is_what_it_always_was() -> None:
    assert digest_of((PLAIN,)) == digest(PLAIN)
    assert digest_of(()) == digest(None)
    assert digest_of(TREE) != digest_of(TREE[:3])


def test_groups_are_by_type() -> None:
    six = routed("2001:db8::1", rdtype="AAAA", where=Where())
    assert by_type((*TREE, six)) == {"A": TREE, "AAAA": (six,)}


def test_only_names_of_branches_are_taken_for_some() -> None:
    assert name_of_pool(POOL) == NAME
    assert name_of_pool(f"a.{POOL}") is None
    assert name_of_pool("_trafficfed-pool.web.fed.test") is None


def test_hostnames_with_the_label_of_branches_are_reserved() -> None:
    planned = plan(ask(name=POOL))
    assert [refusal.reason for refusal in planned.refusals] == ["ReservedName"]


def test_the_view_has_a_name_with_its_branches() -> None:
    view = ZoneView("fed.test", "prod", (*TREE, mark(*TREE)))
    assert {*view.at(NAME)} == {*TREE, mark(*TREE)}
    assert view.owner_names(NAME) == (NAME, POOL, f"_trafficfed-owner.{NAME}")
    assert view.values_of("default/shop/web") == 3
    assert view.marked_names(ZoneView("fed.test", "prod")) == {NAME}


def test_the_view_follows_a_change_from_a_tree_to_a_plain_set_and_back() -> None:
    view = ZoneView("fed.test", "prod", (*TREE, mark(*TREE)))
    small, large = (PLAIN, mark(PLAIN)), (*TREE, mark(*TREE))
    view.carry_out(NameChange(name=NAME, before=large, after=small))
    assert view.at(NAME) == small
    assert view.owner_names(NAME) == (NAME, f"_trafficfed-owner.{NAME}")
    view.carry_out(NameChange(name=NAME, before=small, after=large))
    assert {*view.at(NAME)} == {*large}


def test_branches_of_a_change_whose_end_is_not_known_are_looked_at() -> None:
    view = ZoneView("fed.test", "prod")
    view.expect(NameChange(name=NAME, after=(*TREE, mark(*TREE))))
    assert POOL in view.owner_names(NAME)
    assert view.replace(NAME, TREE)
    assert {*view.at(NAME)} == {*TREE}
    assert view.replace(NAME, ())
    assert view.owner_names(NAME) == (NAME, f"_trafficfed-owner.{NAME}")
