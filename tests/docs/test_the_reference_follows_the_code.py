"""The tables of the reference pages are made from the code, and are what they would be if made now."""

import subprocess
import sys

import pytest

from scripts.reference.pages import DOCS, tables, wanted
from scripts.reference.tables import MARK, rewritten
from trafficfed.testing.pages import ROOT


def test_every_page_is_up_to_date() -> None:
    command = [sys.executable, "-m", "scripts.reference", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=ROOT)
    assert (checked.returncode, checked.stdout) == (0, ""), f"run: python -m scripts.reference {checked.stderr}"


@pytest.mark.parametrize("name", tables())
def test_every_table_that_is_made_stands_once_in_its_page(name: str) -> None:
    marks = [found["name"] for found in MARK.finditer((DOCS / name).read_text(encoding="utf-8"))]
    assert sorted(marks) == sorted(tables()[name])


def test_a_row_that_somebody_changed_by_hand_is_made_anew_and_the_rest_of_the_page_stays() -> None:
    path = DOCS / "configuration.md"
    text = wanted()[path]
    spoilt = text.replace("| `log.format` |", "| `log.colour` |")
    assert spoilt != text
    assert rewritten(spoilt, lambda title: tables()[path.name][title]()) == text


def test_a_mark_that_nobody_fills_is_an_error() -> None:
    with pytest.raises(KeyError):
        rewritten("<!-- table: of nothing -->\n\n| a |\n", lambda title: tables()["operations.md"][title]())
