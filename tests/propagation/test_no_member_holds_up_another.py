"""How many steps are told at once is measured by member: the slowest is bounded, the fastest is never kept waiting."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.under_way import AHEAD, UnderWay

MOST = 3
MEMBERS = ("ap", "eu", "us")


def key(number: int) -> ObjectKey:
    return ObjectKey("", "ConfigMap", "shop", f"c{number}")


def filled(**bulk: int) -> UnderWay:
    """So many bulk steps under way by member."""
    under_way = UnderWay(MOST)
    for name, count in bulk.items():
        for number in range(count):
            under_way.begin((name, key(number)), urgent=False)
    return under_way


def test_more_objects_are_looked_at_while_any_member_has_room() -> None:
    assert filled(ap=0, eu=9, us=9).free(MEMBERS) == MOST
    assert filled(ap=3, eu=9, us=9).free(MEMBERS) == 0


def test_a_member_that_cannot_be_reached_is_not_counted_on() -> None:
    assert filled(ap=0, eu=3, us=3).free(("eu", "us")) == 0
    assert filled().free(()) == MOST


def test_a_member_far_behind_gets_no_more_until_a_step_of_its_own_ends() -> None:
    under_way = filled(us=AHEAD * MOST)
    assert not under_way.takes(("us", key(99)), urgent=False)
    assert under_way.takes(("eu", key(99)), urgent=False)
    assert under_way.end(("eu", key(0))) is None
    assert under_way.end(("us", key(0))) == key(99)
    assert under_way.end(("us", key(1))) is None


def test_an_edit_is_told_however_far_behind_a_member_is() -> None:
    assert filled(us=1000).takes(("us", key(9999)), urgent=True)


def test_edits_take_no_room_from_bulk_work() -> None:
    under_way = UnderWay(MOST)
    for number in range(100):
        under_way.begin(("eu", key(number)), urgent=True)
    assert under_way.free(("eu",)) == MOST


def test_an_object_is_under_way_until_its_last_step_ended() -> None:
    under_way = UnderWay(MOST)
    for name in MEMBERS:
        under_way.begin((name, key(0)), urgent=False)
    under_way.end(("ap", key(0)))
    under_way.end(("eu", key(0)))
    assert set(under_way.objects) == {key(0)}
    under_way.end(("us", key(0)))
    assert set(under_way.objects) == set()


steps = st.lists(st.tuples(st.sampled_from(MEMBERS), st.integers(0, 30), st.booleans()), max_size=80)


@given(steps, st.randoms(use_true_random=False))
def test_over_any_history_counts_come_back_to_nothing_and_whoever_was_put_aside_is_looked_at(
    told: list[tuple[str, int, bool]], chance: Random
) -> None:
    under_way = UnderWay(MOST)
    running: list[tuple[str, ObjectKey]] = []
    aside: set[tuple[str, ObjectKey]] = set()
    for name, number, urgent in told:
        place = (name, key(number))
        if place in under_way:
            continue
        if under_way.takes(place, urgent=urgent):
            under_way.begin(place, urgent=urgent)
            running.append(place)
        else:
            aside.add(place)
        assert under_way.free(MEMBERS) <= MOST
    chance.shuffle(running)
    for place in running:
        if (found := under_way.end(place)) is not None:
            aside.remove((place[0], found))
    ended = {name for name, _ in running}
    most = {name: sum(each == name for each, _ in running) for name in ended}
    assert all(most[name] >= AHEAD * MOST for name, _ in aside), "each end lets one go on, and there were more aside"
    assert (set(under_way.objects), under_way.free(MEMBERS)) == (set(), MOST)
