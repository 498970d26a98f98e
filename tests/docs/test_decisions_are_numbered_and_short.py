"""docs/decisions: one page each, numbered without a gap, in one shape, and all in the index."""

import re

import pytest

from trafficfed.testing.pages import Page, page, pages

FOLDER = "docs/decisions/"
ONE_PAGE = 60
"""Lines."""

INDEX = page(f"{FOLDER}README.md")
DECISIONS = tuple(each for each in pages() if re.match(rf"{FOLDER}\d", each.name))


def test_numbers_begin_at_one_and_have_no_gap() -> None:
    numbers = [int(each.name.removeprefix(FOLDER)[:3]) for each in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    assert len(numbers) > 8


@pytest.mark.parametrize("each", DECISIONS, ids=lambda each: each.name.removeprefix(FOLDER))
def test_each_has_its_number_as_title_and_says_context_decision_and_consequences(each: Page) -> None:
    number = each.name.removeprefix(FOLDER)[:3]
    assert each.text.startswith(f"# {number}: ")
    assert re.findall(r"^## (.*)$", each.text, re.MULTILINE) == ["Context", "Decision", "Consequences"]
    assert len(each.text.splitlines()) <= ONE_PAGE


def test_the_index_has_each_with_its_title() -> None:
    titles = {each.name.removeprefix(FOLDER): each.text.splitlines()[0].partition(": ")[2] for each in DECISIONS}
    rows = {row[0]: row[1] for row in INDEX.tables("number", "decision")}
    assert rows == {f"[{name[:3]}]({name})": title for name, title in titles.items()}
