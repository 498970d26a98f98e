"""A commit takes in what differs, says exactly that in its delta, and touches nothing else."""

import gc
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import Refused
from trafficfed.model import OperatorControl, Row, ServiceKey, Source
from trafficfed.table.table import Delta, Snapshot, Table
from trafficfed.testing import fleets

MakeRow = Callable[..., Row]


def test_an_empty_table_is_at_its_beginning() -> None:
    assert Table().snapshot() == Snapshot()


def test_a_commit_is_the_next_generation_and_carries_only_what_differs(table: Table, new_row: MakeRow) -> None:
    delta = table.commit([new_row("web"), new_row("api", weight=5)])
    assert delta == Delta(term=0, generation=4, rows=(new_row("api", weight=5),))
    assert table.generation == 4


def test_what_changes_nothing_is_no_delta(table: Table, new_row: MakeRow) -> None:
    again = table.commit(
        [new_row("web")],
        [ServiceKey("prod", "shop", "never-seen")],
        sources=table.sources.values(),
        forgotten=["never-seen"],
        controls=table.controls,
    )
    assert again is None
    assert table.generation == 3


def test_deltas_are_in_canonical_order(new_row: MakeRow) -> None:
    rows = [new_row(name) for name in "bca"]
    sources = [Source(cluster=name) for name in "ba"]
    one, two = Table(), Table()
    assert one.commit(rows, sources=sources) == two.commit(reversed(rows), sources=reversed(sources))
    removed = one.commit(removed=[row.key for row in rows], forgotten=["b", "a"])
    assert removed is not None
    assert [key.name for key in removed.removed] == ["a", "b", "c"]
    assert removed.forgotten == ("a", "b")


def test_rows_sources_and_controls_can_leave(table: Table, new_row: MakeRow) -> None:
    table.commit(removed=[new_row("web").key], forgotten=["eu"], controls=())
    assert [row.key.name for row in table.snapshot().rows] == ["api"]
    assert not table.sources
    assert table.controls == ()


def test_a_row_both_given_and_removed_stays_and_the_last_one_given_counts(table: Table, new_row: MakeRow) -> None:
    key = new_row("web").key
    delta = table.commit([new_row("web", weight=1), new_row("web", weight=2)], [key])
    assert delta is not None
    assert delta.rows == (new_row("web", weight=2),)
    assert delta.removed == ()


def test_views_follow_every_change_and_cannot_be_written(table: Table, new_row: MakeRow) -> None:
    rows, sources = table.rows, table.sources
    table.commit([new_row("new")], sources=[Source(cluster="us")])
    assert new_row("new").key in rows
    assert "us" in sources
    table.adopt(Snapshot())
    assert not rows
    assert not sources
    writable: Any = rows
    with pytest.raises(TypeError):
        writable[new_row("new").key] = new_row("new")


def test_two_tables_share_nothing_that_changes(table: Table, new_row: MakeRow) -> None:
    other = Table(table.snapshot())
    before = table.snapshot()
    other.commit([new_row("web", weight=1)], [new_row("api").key], sources=[Source(cluster="us")], controls=())
    assert table.snapshot() == before
    assert table.owner_of("api.example.org") == new_row("api").key


def lines_run(action: Callable[[], object]) -> int:
    """How many lines of Python an action runs: a measure of work that no other process disturbs."""
    count = 0

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal count
        count += event == "line"
        return trace

    before = sys.gettrace()
    gc.collect()
    gc.disable()  # what other tests left behind may have lines to run when it is collected
    sys.settrace(trace)
    try:
        action()
    finally:
        sys.settrace(before)
        gc.enable()
    return count


def test_a_commit_costs_the_same_in_a_large_table(new_row: MakeRow) -> None:
    def work(size: int) -> int:
        made = Table(Snapshot(rows=tuple(new_row(f"n{number}") for number in range(size))))
        return lines_run(lambda: made.commit([new_row("n1", "moved.example.org", weight=7)], [new_row("n2").key]))

    assert work(10) == work(400)


class TestHostnames:
    """Each hostname belongs to one row, whose key the table tells."""

    def test_the_owner_is_told_until_it_gives_the_name_up(self, table: Table, new_row: MakeRow) -> None:
        web = new_row("web").key
        assert table.owner_of("web.example.org") == web
        table.commit([new_row("web", "www.example.org", "web.example.net")])
        assert table.owner_of("web.example.org") is None
        assert table.owner_of("www.example.org") == table.owner_of("web.example.net") == web
        table.commit(removed=[web])
        assert table.owner_of("www.example.org") is None

    def test_a_name_that_is_held_cannot_be_claimed(self, table: Table, new_row: MakeRow) -> None:
        before = table.snapshot()
        with pytest.raises(Refused, match=r"web\.example\.org is held by prod/shop/web: prod/shop/thief cannot claim"):
            table.commit([new_row("api", weight=9), new_row("thief", "thief.example.org", "web.example.org")])
        assert table.snapshot() == before
        assert table.owner_of("thief.example.org") is None

    def test_two_rows_of_one_commit_cannot_claim_one_name(self, new_row: MakeRow) -> None:
        with pytest.raises(Refused, match="is held by prod/shop/a"):
            Table().commit([new_row("a", "x.example.org"), new_row("b", "x.example.org")])

    def test_a_snapshot_in_which_two_rows_hold_one_name_is_refused(self, table: Table, new_row: MakeRow) -> None:
        before = table.snapshot()
        with pytest.raises(Refused):
            table.adopt(Snapshot(rows=(new_row("a", "x.example.org"), new_row("b", "x.example.org"))))
        assert table.snapshot() == before

    @pytest.mark.parametrize("leaves", [True, False])
    def test_a_name_can_move_within_one_commit(self, table: Table, new_row: MakeRow, leaves: bool) -> None:
        rows = [new_row("heir", "web.example.org")]
        if leaves:
            table.commit(rows, [new_row("web").key])
        else:
            table.commit([*rows, new_row("web", "old.example.org")])
        assert table.owner_of("web.example.org") == new_row("heir").key

    def test_two_rows_can_swap_their_names(self, table: Table, new_row: MakeRow) -> None:
        table.commit([new_row("web", "api.example.org"), new_row("api", "web.example.org")])
        assert table.owner_of("api.example.org") == new_row("web").key
        assert table.owner_of("web.example.org") == new_row("api").key


NAMES = st.sampled_from(["a", "b", "c", "d"])
COMMITS = st.lists(
    st.tuples(st.dictionaries(NAMES, st.tuples(NAMES, st.integers(0, 2))), st.sets(NAMES)),
    max_size=12,
)


@settings(max_examples=40, deadline=None)
@given(COMMITS)
def test_whatever_is_committed_a_follower_equals_and_every_name_has_the_owner_its_row_says(
    commits: list[tuple[dict[str, tuple[str, int]], set[str]]],
) -> None:
    table, follower = Table(), Table()
    for rows, removed in commits:
        given_rows = [
            fleets.row(fleets.endpoint("eu", weight=weight), name=name, hostnames=(f"{hostname}.example.org",))
            for name, (hostname, weight) in rows.items()
        ]
        before = table.snapshot()
        try:
            delta = table.commit(given_rows, [fleets.key(name) for name in removed])
        except Refused:
            assert table.snapshot() == before
            continue
        if delta is not None:
            follower.apply(delta)
        assert follower.snapshot() == table.snapshot()
        owners = {name: row.key for row in table.rows.values() for name in row.service.hostnames}
        for name in "abcd":
            assert table.owner_of(f"{name}.example.org") == owners.get(f"{name}.example.org")


def test_controls_are_replaced_as_a_whole(table: Table) -> None:
    freeze = OperatorControl(kind="freeze")
    delta = table.commit(controls=(freeze,))
    assert delta == Delta(term=0, generation=4, controls=(freeze,))
    assert table.controls == (freeze,)
