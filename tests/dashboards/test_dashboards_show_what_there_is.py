"""Dashboards are what the generator makes, can be imported, and ask only for metrics and labels that are described."""

import itertools
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from trafficfed.testing import promql
from trafficfed.testing.pages import ROOT, code, page

FOLDER = ROOT / "deploy" / "grafana"
FILES = sorted(FOLDER.glob("*.json"))
WANTED = {"fleet", "service", "cluster", "publication", "internals"}
KINDS = {"row", "stat", "timeseries", "table", "state-timeline"}
UNITS = {"short", "s", "ops", "reqps", "pps", "percentunit", "bytes"}
ALWAYS = {"job", "instance", "le"}
Json = dict[str, Any]


def load(path: Path) -> Json:
    found: Json = json.loads(path.read_text())
    return found


def all_of_them() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("board", [load(path) for path in FILES], ids=[path.stem for path in FILES])


def described() -> dict[str, set[str]]:
    """Every metric with its labels, as the pages tell."""
    rows = [
        *page("docs/operations.md").tables("metric", "type", "labels", "meaning"),
        *page("docs/vantages.md").tables("metric", "type", "labels", "meaning"),
    ]
    return {code(row[0]): set(re.findall(r"`(\w+)`", row[2])) for row in rows}


def test_the_files_are_what_the_generator_makes() -> None:
    command = [sys.executable, "-m", "scripts.dashboards.generate", "--check"]
    checked = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, timeout=60, check=False)
    assert (checked.returncode, checked.stdout) == (0, ""), (
        "run: .venv/bin/python -m scripts.dashboards.generate\n" + checked.stderr
    )


def test_there_is_one_for_each_question() -> None:
    assert {path.stem for path in FILES} == {f"trafficfed-{name}" for name in WANTED}
    assert [load(path)["uid"] for path in FILES] == [path.stem for path in FILES]


def test_operators_find_each_in_one_table() -> None:
    rows = page("docs/operations.md").tables("dashboard", "shows")
    assert {code(row[0]) for row in rows} == {path.name for path in FILES}


@all_of_them()
def test_each_panel_says_what_it_shows_and_in_which_unit(board: Json) -> None:
    assert board["title"].startswith("trafficfed / ")
    assert board["description"].endswith(".")
    for panel in board["panels"]:
        assert panel["type"] in KINDS
        if panel["type"] != "row":
            assert re.fullmatch(r"[A-Z0-9].*\.", panel["description"]), panel["title"]
            assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
            assert panel["targets"]


@all_of_them()
def test_panels_lie_beside_each_other_and_not_over(board: Json) -> None:
    places = [panel["gridPos"] for panel in board["panels"]]
    assert all(place["x"] >= 0 and place["x"] + place["w"] <= 24 and place["h"] > 0 for place in places)
    for one, other in itertools.combinations(places, 2):
        apart_x = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        apart_y = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert apart_x or apart_y, (one, other)


@all_of_them()
def test_numbers_and_letters_are_given_once(board: Json) -> None:
    numbers = [panel["id"] for panel in board["panels"]]
    assert len(set(numbers)) == len(numbers)
    titles = [panel["title"] for panel in board["panels"]]
    assert len(set(titles)) == len(titles)
    for panel in board["panels"]:
        letters = [target["refId"] for target in panel.get("targets", ())]
        assert len(set(letters)) == len(letters)


@all_of_them()
def test_each_asks_the_data_source_and_the_variables_that_can_be_chosen(board: Json) -> None:
    chosen = {variable["name"] for variable in board["templating"]["list"]}
    used: set[str] = set()
    for panel, target in promql.targets(board):
        assert panel["datasource"] == target["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        used |= set(re.findall(r"\$(\w+)", target["expr"])) - {"__rate_interval"}
    for variable in board["templating"]["list"]:
        used |= set(re.findall(r"\$(\w+)", str(variable["query"])))
    assert used | {"datasource"} == chosen


@all_of_them()
def test_metrics_and_labels_are_those_that_are_described(board: Json) -> None:
    known = described()
    for panel, target in promql.targets(board):
        labels = set(ALWAYS)
        for metric, matched in promql.metrics(target["expr"]).items():
            if metric.startswith("process_"):
                continue
            assert metric in known, f"{panel['title']}: {metric}"
            assert matched <= known[metric] | ALWAYS, f"{panel['title']}: {metric}"
            labels |= known[metric]
        assert promql.grouped(target["expr"]) <= labels, panel["title"]


@all_of_them()
def test_a_legend_shows_labels_that_are_left(board: Json) -> None:
    for panel, target in promql.targets(board):
        expression, legend = target["expr"], target["legendFormat"]
        if re.match(r"(sum|max|min|count|avg)\b", expression) or "histogram_quantile" in expression:
            assert promql.shown(legend) <= promql.grouped(expression), panel["title"]


def test_every_metric_stands_on_some_dashboard() -> None:
    shown = {
        metric
        for path in FILES
        for _, target in promql.targets(load(path))
        for metric in promql.metrics(target["expr"])
    }
    assert described().keys() - shown == set()


def test_rules_match_and_group_by_labels_that_are_described() -> None:
    known = described()
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "trafficfed.rules.yaml").read_text())["groups"]
    for rule in (rule for group in groups for rule in group["rules"]):
        labels = {"namespace", *ALWAYS}
        for metric, matched in promql.metrics(rule["expr"]).items():
            assert matched <= known[metric], rule["alert"]
            labels |= known[metric]
        assert promql.grouped(rule["expr"]) <= labels, rule["alert"]


@pytest.mark.real
def test_promtool_reads_every_query(tmp_path: Path) -> None:
    """As recording rules, which it parses; a query with a mistake in it is found."""
    queries = [promql.filled(target["expr"]) for path in FILES for _, target in promql.targets(load(path))]
    for wrong in ([], ["sum by (cluster (trafficfed_services)"]):
        rules = [{"record": f"query:{number}", "expr": text} for number, text in enumerate([*queries, *wrong])]
        file = tmp_path / "queries.yaml"
        file.write_text(yaml.safe_dump({"groups": [{"name": "queries", "rules": rules}]}))
        read = subprocess.run(
            ["promtool", "check", "rules", file], capture_output=True, text=True, timeout=60, check=False
        )
        assert (read.returncode == 0) is not bool(wrong), read.stderr
