"""A follower takes the very next change of its term, or a snapshot; anything else is refused and changes nothing."""

from collections.abc import Callable

import pytest

from trafficfed.errors import Refused
from trafficfed.model import Row
from trafficfed.table.table import Delta, Snapshot, Table

MakeRow = Callable[..., Row]


@pytest.fixture
def follower(table: Table) -> Table:
    return Table(table.snapshot())


def test_the_next_delta_makes_the_follower_equal(table: Table, follower: Table, new_row: MakeRow) -> None:
    for name in "abc":
        delta = table.commit([new_row(name)])
        assert delta is not None
        follower.apply(delta)
    assert follower.snapshot() == table.snapshot()


def test_a_gap_is_refused_and_asks_for_a_snapshot(table: Table, follower: Table, new_row: MakeRow) -> None:
    table.commit([new_row("a")])
    delta = table.commit([new_row("b")])
    assert delta is not None
    before = follower.snapshot()
    with pytest.raises(Refused, match="delta 5 refused: the table is at generation 3; ask for a snapshot"):
        follower.apply(delta)
    assert follower.snapshot() == before
    follower.adopt(table.snapshot())
    assert follower.snapshot() == table.snapshot()


def test_a_delta_is_not_applied_twice(table: Table, follower: Table, new_row: MakeRow) -> None:
    delta = table.commit([new_row("a")])
    assert delta is not None
    follower.apply(delta)
    with pytest.raises(Refused):
        follower.apply(delta)


def test_a_delta_that_claims_a_held_name_is_refused_whole(follower: Table, new_row: MakeRow) -> None:
    before = follower.snapshot()
    with pytest.raises(Refused, match="is held by"):
        follower.apply(Delta(term=0, generation=4, rows=(new_row("new"), new_row("thief", "web.example.org"))))
    assert follower.snapshot() == before


class TestTerms:
    """A term counts one leadership; what comes of an older one is refused."""

    def test_a_new_term_begins_with_its_snapshot(self, table: Table, follower: Table, new_row: MakeRow) -> None:
        snapshot = table.begin_term(2)
        assert (snapshot.term, snapshot.generation) == (2, 3)
        follower.adopt(snapshot)
        delta = table.commit([new_row("a")])
        assert delta is not None
        assert delta.term == 2
        follower.apply(delta)
        assert follower.snapshot() == table.snapshot()

    def test_a_delta_of_an_older_term_is_refused(self, table: Table, follower: Table, new_row: MakeRow) -> None:
        late = table.commit([new_row("a")])
        assert late is not None
        follower.begin_term(1)
        with pytest.raises(Refused, match="term 1 has begun"):
            follower.apply(late)

    def test_a_delta_of_a_newer_term_waits_for_its_snapshot(self, follower: Table, new_row: MakeRow) -> None:
        """Its leader may never have seen our last change, though the numbers fit."""
        with pytest.raises(Refused, match="ask for a snapshot"):
            follower.apply(Delta(term=1, generation=4, rows=(new_row("a"),)))

    def test_a_snapshot_of_an_older_term_is_refused(self, table: Table, follower: Table) -> None:
        follower.begin_term(1)
        with pytest.raises(Refused, match="snapshot of term 0 refused"):
            follower.adopt(table.snapshot())

    def test_a_snapshot_of_the_same_term_is_taken_even_if_it_is_behind(self, follower: Table) -> None:
        follower.adopt(Snapshot(generation=1))
        assert follower.snapshot() == Snapshot(generation=1)

    @pytest.mark.parametrize("term", [0, -1])
    def test_a_term_only_grows(self, table: Table, term: int) -> None:
        with pytest.raises(Refused, match="must exceed 0"):
            table.begin_term(term)
