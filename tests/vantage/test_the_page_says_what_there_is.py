"""docs/vantages.md has an example that works, and the numbers in its sentences are those of the program."""

from pathlib import Path

from trafficfed.health.evidence import silence_s
from trafficfed.health.hearing import BACKLOG
from trafficfed.health.prober import IN_FLIGHT, STARTS_PER_TICK, TICK_S
from trafficfed.model import HealthCheck
from trafficfed.testing.pages import page
from trafficfed.vantage.file import load
from trafficfed.vantage.outbox import HOLD_S

PAGE = page("docs/vantages.md")


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
