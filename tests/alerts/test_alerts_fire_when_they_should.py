"""Alert rules are what promtool takes, fire for what they say and for nothing else, and each has a page to read."""

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from trafficfed.testing.pages import ROOT, page

RULES = ROOT / "deploy" / "prometheus" / "trafficfed.rules.yaml"
CASES = Path(__file__).with_name("promtool.yaml")
RUNBOOKS = ROOT / "docs" / "runbooks"
SECTIONS = ["What it means", "How to look", "What to do", "When it is not meant to fire"]
WANTED = (
    "FailoverHappened",
    "ServiceWithoutHealthyEndpoint",
    "SingleClusterLeft",
    "ClusterStale",
    "BrakeEngaged",
    "PublicationNotConverging",
    "VantageDiscarded",
    "BaselineNotKept",
    "CertificateNearExpiry",
    "NotLeading",
    "NameServerBehind",
    "ControllerAbsent",
    "ConfigReloadFailed",
    "ApiServerCertificateNearExpiry",
)
Rule = dict[str, Any]


def alerts() -> list[Rule]:
    groups = yaml.safe_load(RULES.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def by_name() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("alert", alerts(), ids=lambda alert: alert["alert"])


def promtool(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["promtool", *map(str, arguments)], capture_output=True, text=True, timeout=60, check=False)


def complained_of(rules: list[Rule], directory: Path) -> set[str]:
    """The alerts that the cases of this folder find wrong in other rules."""
    groups = [{"name": "trafficfed", "rules": rules}]
    (directory / "rules.yaml").write_text(yaml.safe_dump({"groups": groups}))
    cases = yaml.safe_load(CASES.read_text())
    (directory / "cases.yaml").write_text(yaml.safe_dump({**cases, "rule_files": ["rules.yaml"]}))
    tested = promtool("test", "rules", directory / "cases.yaml")
    assert tested.returncode != 0
    return set(re.findall(r"alertname: (\w+)", tested.stdout + tested.stderr))


def expected(name: str) -> list[bool]:
    """For each case about an alert, whether it is to fire."""
    tests = yaml.safe_load(CASES.read_text())["tests"]
    cases = (case for test in tests for case in test["alert_rule_test"])
    return [bool(case["exp_alerts"]) for case in cases if case["alertname"] == name]


def test_every_alert_that_operators_need_is_there() -> None:
    assert {alert["alert"] for alert in alerts()} == {f"Trafficfed{name}" for name in WANTED}


@pytest.mark.real
def test_promtool_finds_nothing_wrong_with_the_rules() -> None:
    checked = promtool("check", "rules", "--lint=all", "--lint-fatal", RULES)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(WANTED)} rules found" in checked.stdout


@pytest.mark.real
def test_alerts_fire_for_what_they_say_and_for_nothing_else() -> None:
    tested = promtool("test", "rules", CASES)
    assert tested.returncode == 0, tested.stdout + tested.stderr


@by_name()
def test_each_has_a_case_where_it_fires_and_one_where_it_is_silent(alert: Rule) -> None:
    assert set(expected(alert["alert"])) == {True, False}


@pytest.mark.real
def test_a_rule_that_never_fires_is_found(tmp_path: Path) -> None:
    dead = [{**alert, "expr": "vector(1) > 1"} for alert in alerts()]
    assert complained_of(dead, tmp_path) == {alert["alert"] for alert in dead}


@pytest.mark.real
def test_a_rule_that_does_not_wait_is_found(tmp_path: Path) -> None:
    hasty = [{key: value for key, value in alert.items() if key != "for"} for alert in alerts()]
    assert complained_of(hasty, tmp_path) == {alert["alert"] for alert in alerts() if "for" in alert}


# ---------------------------------------------------------------------- runbooks


@by_name()
def test_each_says_what_happened_and_leads_to_its_runbook(alert: Rule) -> None:
    told = alert["annotations"]
    assert alert["labels"]["severity"] in ("critical", "warning")
    assert set(told) == {"summary", "description", "runbook"}
    assert told["runbook"] == f"docs/runbooks/{alert['alert']}.md"
    assert told["description"].endswith(".")


@by_name()
def test_each_runbook_has_the_same_sections_and_the_rules_severity(alert: Rule) -> None:
    written = page(alert["annotations"]["runbook"])
    assert re.findall(r"^# (.+)$", written.prose, re.MULTILINE) == [alert["alert"]]
    assert re.findall(r"^## (.+)$", written.prose, re.MULTILINE) == SECTIONS
    assert f"Severity {alert['labels']['severity']}." in written.text
    assert any(fence.language in ("console", "promql") for fence in written.fences)


def test_no_runbook_is_left_of_an_alert_that_is_gone() -> None:
    assert {path.stem for path in RUNBOOKS.glob("*.md")} == {alert["alert"] for alert in alerts()}


def test_operators_find_every_alert_in_one_table() -> None:
    rows = page("docs/operations.md").tables("alert", "severity", "fires when")
    listed = {(re.sub(r"\[(\w+)\].*", r"\1", name), severity) for name, severity, _ in rows}
    assert listed == {(alert["alert"], alert["labels"]["severity"]) for alert in alerts()}
