"""Pages are as wide as the terminal at most, cut nothing in a pipe, and let no text from outside steer the terminal."""

import re

from hypothesis import given
from hypothesis import strategies as st

from trafficfed.cli.tables import Cell, Paint, clean, columns, cut, fitted, table

PLAIN, COLOURS = Paint(on=False), Paint(on=True)
ANSI = re.compile(r"\x1b\[\d+m")
grids = st.integers(1, 5).flatmap(
    lambda columns: st.lists(st.lists(st.text(max_size=30), min_size=columns, max_size=columns), min_size=1, max_size=5)
)


@given(grids, st.integers(60, 120))
def test_no_line_is_longer_than_the_width(grid: list[list[str]], width: int) -> None:
    titles = [f"T{at}" for at in range(len(grid[0]))]
    assert all(columns(line) <= width for line in table(titles, grid, width, PLAIN))


@given(grids)
def test_without_a_width_every_word_is_there(grid: list[list[str]]) -> None:
    lines = table(["T"] * len(grid[0]), grid, 0, PLAIN)
    assert len(lines) == len(grid) + 1
    for row, line in zip(grid, lines[1:], strict=True):
        assert all(clean(cell) in line for cell in row if cell.strip())


@given(grids, st.integers(30, 120))
def test_colours_change_no_position(grid: list[list[str]], width: int) -> None:
    titles = ["T"] * len(grid[0])
    styled = [[Cell(cell, "good") for cell in row] for row in grid]
    assert [ANSI.sub("", line) for line in table(titles, styled, width, COLOURS)] == table(titles, grid, width, PLAIN)


@given(st.text(max_size=60))
def test_nothing_from_outside_steers_the_terminal(text: str) -> None:
    assert clean(text).isprintable()
    assert len(clean(text)) == len(text)
    assert "\x1b" not in "".join(table(["T"], [[text]], 0, PLAIN))


@given(st.lists(st.integers(1, 60), min_size=1, max_size=6), st.integers(1, 200))
def test_columns_give_way_only_as_far_as_needed(natural: list[int], width: int) -> None:
    widths = fitted(natural, width)
    total = sum(widths) + 2 * (len(widths) - 1)
    if sum(natural) + 2 * (len(natural) - 1) <= width:
        assert widths == natural
    else:
        assert all(fit <= was for fit, was in zip(widths, natural, strict=True))
        assert total <= width or max(widths) <= 5


@given(st.text(st.characters(categories=["L"]), max_size=30), st.integers(1, 30))
def test_what_is_cut_shows_that_it_was(text: str, width: int) -> None:
    shown = cut(text, width)
    assert columns(shown) <= width
    assert shown == text if columns(text) <= width else shown.endswith("…")


def test_the_widest_column_gives_way_first() -> None:
    lines = table(["NAME", "REASON"], [["eu", "the token of this context was refused"]], 24, PLAIN)
    assert lines[1] == "eu    the token of this…"


def test_a_column_nobody_fills_is_left_out() -> None:
    assert table(["NAME", "ZONE", "AGE"], [["eu", "", "3s"]], 0, PLAIN) == ["NAME  AGE", "eu    3s"]


def test_no_line_ends_in_blanks() -> None:
    lines = table(["NAME", "NOTE"], [["eu", ""], ["us", "late"]], 0, PLAIN, indent="  ")
    assert lines == ["  NAME  NOTE", "  eu", "  us    late"]


def test_colours_are_for_those_who_want_them() -> None:
    assert COLOURS("Serving", "good") == "\x1b[32mServing\x1b[0m"
    assert PLAIN("Serving", "good") == "Serving"
    assert COLOURS("plain", "") == "plain"


def test_columns_stand_beneath_each_other_whatever_the_script() -> None:
    lines = table(["NAME", "WHY"], [["\u6771\u4eac", "x"], ["eu", "x"], ["e\u0301u", "x"]], 0, PLAIN)
    assert {columns(line[: line.rindex("x")]) for line in lines[1:]} == {6}
