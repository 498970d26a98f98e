"""What the README says to type leads from a clean checkout to a failover seen in the browser."""

from pathlib import Path

import pytest

from benchmarks.newcomer import measure, report

pytestmark = [pytest.mark.real, pytest.mark.slow]


def test_the_demo_is_drained_and_fails_over_by_what_it_says_itself(tmp_path: Path) -> None:
    """In this checkout, which is set up already; the benchmark walks the same path in a clone."""
    steps = measure(tmp_path, clone=False)
    assert [step.what.partition(":")[0] for step in steps] == [
        "make demo",
        "the live page shows the failover's service",
        "drain eu on the page",
        "end the drain",
        "kill eu's backend",
        "the page has it",
        "Ctrl-C",
    ]
    assert report(steps).count("\n") == len(steps) + 2
