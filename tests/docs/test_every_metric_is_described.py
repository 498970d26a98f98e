"""docs/operations.md and docs/vantages.md have every metric, every verdict's reason and every kind of log line."""

import re
from typing import get_args

import pytest

from scripts.reference import metrics
from trafficfed import reports
from trafficfed.health import reasons
from trafficfed.testing.pages import ROOT, code, page

PAGE = page("docs/operations.md")
ALL = (
    *metrics.of_a_controller(),
    *metrics.of_several_controllers(),
    *metrics.of_propagation(),
    *metrics.of_services(),
    *metrics.of_baselines(),
    *metrics.of_a_name_server(),
    *metrics.of_a_prober(),
)


def test_every_metric_stands_in_one_row_of_one_table() -> None:
    rows = [
        code(row[0])
        for name in ("docs/operations.md", "docs/vantages.md")
        for row in page(name).tables(*metrics.TITLES)
    ]
    assert sorted(rows) == sorted(each.name for each in ALL)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_its_help_is_a_sentence_of_its_own(metric: metrics.Described) -> None:
    assert re.fullmatch(r"[A-Z0-9].+\.", metric.meaning), "a capital or a figure first, a dot last"
    assert [each.name for each in ALL if each.meaning == metric.meaning] == [metric.name]


def test_every_metric_that_any_page_names_exists() -> None:
    known = {each.name for each in ALL}
    named = {
        found[1]
        for name in (
            "README.md",
            "docs/annotations.md",
            "docs/operations.md",
            "docs/vantages.md",
            "docs/how-it-works.md",
        )
        for found in re.finditer(r"`(trafficfed_[a-z_]+)`", page(name).text)
    }
    assert named == known


def test_every_reason_of_a_verdict_is_described_and_no_other() -> None:
    rows = {named for row in PAGE.tables("reason", "meaning") for named in re.findall(r"`(\w+)`", row[0])}
    assert rows == {value for name, value in vars(reasons).items() if name.isupper()}


def test_every_kind_of_log_line_is_named_and_no_other() -> None:
    text = (ROOT / "trafficfed" / "observe" / "lines.py").read_text()
    kinds = set(re.findall(r'Line\([^,]+, "([a-z-]+)"', text))
    assert len(kinds) == len(get_args(reports.ReportEvent))
    sentence = re.search(r"Its kinds: (.*?)\. Single", PAGE.text, re.DOTALL)
    assert sentence is not None
    assert set(re.findall(r"`([a-z-]+)`", sentence[1])) == kinds - {"probe"}
