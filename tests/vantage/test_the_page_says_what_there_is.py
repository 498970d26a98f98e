"""docs/vantages.md has every key of the file, every metric with its type and labels, and an example that works."""

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from trafficfed.health.evidence import silence_s
from trafficfed.health.hearing import BACKLOG
from trafficfed.health.prober import IN_FLIGHT, STARTS_PER_TICK, TICK_S
from trafficfed.model import HealthCheck
from trafficfed.testing.pages import code, page
from trafficfed.vantage.file import ProberFile, ProberSection, load
from trafficfed.vantage.metrics import Collector
from trafficfed.vantage.outbox import HOLD_S
from trafficfed.vantage.status import Numbers

PAGE = page("docs/vantages.md")
NUMBERS = Numbers(
    passed=0,
    failed=0,
    impossible=0,
    services=0,
    targets=0,
    in_flight=0,
    waiting=0,
    followed=False,
    dropped=0,
    controllers=(("a:1", True, 0),),
)


def test_every_key_is_described_and_no_other() -> None:
    described = {code(row[0]).removesuffix("[]"): row[1] for row in PAGE.tables("key", "default", "meaning")}
    fields = {f"prober.{field.alias or name}": field for name, field in ProberSection.model_fields.items()}
    assert set(described) == {*fields, "log.level", "log.format"}
    assert {key for key, default in described.items() if default == "required"} == {
        key for key, field in fields.items() if field.is_required()
    }
    assert set(ProberFile.model_fields) == {"prober", "log"}


def test_every_metric_is_described_with_type_and_labels_and_no_other() -> None:
    registry = CollectorRegistry()
    registry.register(Collector(lambda: NUMBERS))
    known = {
        (
            f"{family.name}_total" if family.type == "counter" else family.name,
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels),
        )
        for family in registry.collect()
    }
    rows = PAGE.tables("metric", "type", "labels", "meaning")
    assert {(code(row[0]), row[1], frozenset(re.findall(r"`(\w+)`", row[2]))) for row in rows} == known


def test_the_example_is_a_file_that_works(tmp_path: Path) -> None:
    example = next(fence.text for fence in PAGE.fences if fence.language == "yaml" and "prober:" in fence.text)
    (tmp_path / "eu-1.key").touch(mode=0o600)
    (tmp_path / "eu-1.key").write_text("k" * 32)
    (tmp_path / "prober.yaml").write_text(example)
    settings = load(tmp_path / "prober.yaml", {})
    assert (settings.name, settings.cluster, settings.warnings) == ("eu-1", "eu", ())


def test_the_numbers_in_its_sentences_are_the_programs() -> None:
    check = HealthCheck()
    text = " ".join(PAGE.text.split())
    assert f"{BACKLOG:,} are waiting" in text
    assert f"a timeout and three of them ({silence_s(check):g} s)" in text
    assert f"passes within {HOLD_S * 1000:g} ms" in text
    assert f"at most {IN_FLIGHT:,} connections at once and {STARTS_PER_TICK / TICK_S:,.0f} new ones a second" in text
    assert f"within {check.interval_s:g} s;" in text
    assert f"hangs {check.timeout_s + (check.fall - 1) * check.suspicion_s:g} s after it" in text
