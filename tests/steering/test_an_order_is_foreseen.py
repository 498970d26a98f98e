"""What an order would change is told before it is given, by the same decisions that follow when it is."""

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.model import OperatorControl, Row, Where
from trafficfed.steering.decide import decide
from trafficfed.steering.foresight import Foresight, foresee
from trafficfed.steering.foresight import given as given_out
from trafficfed.steering.orders import Undo, after, named
from trafficfed.testing.fleets import address, endpoint, fleet, key, row

NOW_S = 100.0
CLUSTERS = fleet("eu", "us", "ap")
DRAIN = named(OperatorControl(kind="drain", cluster="eu", who="ann", why="w"))
FREEZE = named(OperatorControl(kind="freeze", who="ann", why="w"))


def decided(given_row: Row, controls: Sequence[OperatorControl] = ()) -> Row:
    return replace(given_row, decision=decide(given_row, CLUSTERS, controls, NOW_S))


def foreseen(rows: Sequence[Row], control: OperatorControl, most: int = 100) -> Foresight:
    return foresee(rows, CLUSTERS, control, after((), control, NOW_S), NOW_S, most)


def test_a_drain_is_foreseen_for_each_kind_of_client_that_it_moves() -> None:
    web = decided(row(endpoint("eu"), endpoint("us"), steering=("geo",)))
    seen = foreseen([web], DRAIN)
    moved = {change.where: (change.before, change.after, change.clusters) for change in seen.changes}
    assert moved[Where("continent", "EU")] == ((address("eu"),), (address("us"),), ("us",))
    assert Where("continent", "NA") not in moved


def test_what_a_country_gets_by_the_rule_of_its_continent_is_no_change() -> None:
    """A rule that comes or goes is none by itself: what counts is what such a client is given."""
    web = decided(row(endpoint("de"), endpoint("eu"), endpoint("us"), steering=("geo",)))
    seen = foreseen([web], named(OperatorControl(kind="drain", cluster="us", who="ann", why="w")))
    assert all(change.before != change.after for change in seen.changes)
    assert Where("country", "DE") not in {change.where for change in seen.changes}


def test_a_drain_of_all_that_serves_changes_nothing() -> None:
    assert foreseen([decided(row(endpoint("eu"), endpoint("us"), down=("us",)))], DRAIN).changes == ()


def test_a_freeze_changes_nothing_now() -> None:
    assert foreseen([decided(row(endpoint("eu"), endpoint("us")))], FREEZE) == Foresight(concerned=1, looked=1)


def test_the_end_of_a_drain_is_foreseen_too() -> None:
    web = decided(row(endpoint("eu"), endpoint("us")), [DRAIN])
    seen = foresee([web], CLUSTERS, DRAIN, after([DRAIN], Undo(DRAIN.id), NOW_S), NOW_S, 10)
    (change,) = seen.changes
    assert (change.before, change.after) == ((address("us"),), tuple(sorted((address("eu"), address("us")))))


def test_only_services_that_it_may_touch_are_looked_at() -> None:
    there, elsewhere = decided(row(endpoint("eu"), endpoint("us"))), decided(row(endpoint("us"), endpoint("ap")))
    assert foreseen([there, elsewhere], DRAIN).concerned == 1


def test_no_more_services_are_looked_at_than_told_and_it_says_so() -> None:
    def called(number: int) -> Row:
        web = row(endpoint("eu"), endpoint("us"))
        return decided(replace(web, service=replace(web.service, key=key(f"web-{number}"))))

    seen = foreseen([called(number) for number in range(9, -1, -1)], DRAIN, most=3)
    assert (seen.concerned, seen.looked) == (10, 3)
    assert [change.service.name for change in seen.changes] == ["web-0", "web-1", "web-2"]


def test_a_row_that_was_never_decided_gets_all_of_it_anew() -> None:
    (change,) = foreseen([row(endpoint("eu"), endpoint("us"))], DRAIN).changes
    assert (change.before, change.after) == ((), (address("us"),))


@given(st.sets(st.sampled_from(["eu", "us", "ap"]), min_size=1), st.sets(st.sampled_from(["eu", "us", "ap"])))
def test_what_is_foreseen_is_what_then_happens(there: set[str], down: set[str]) -> None:
    web = decided(row(*(endpoint(name) for name in sorted(there)), down=tuple(sorted(down & there)), steering=("geo",)))
    later = decide(web, CLUSTERS, [DRAIN], NOW_S)
    told = {change.where: change.after for change in foreseen([web], DRAIN).changes}
    for rule in later.rules:
        before = next((one for one in web.decision.rules if one.where == rule.where), None) if web.decision else None
        if rule.where in told:
            assert told[rule.where] == given_out(rule)
        elif before is not None:
            assert given_out(before) == given_out(rule)
