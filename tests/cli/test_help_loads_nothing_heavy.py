"""``--help`` must be instant, so modules that cost time are loaded by the command that needs them."""

import subprocess
import sys

import pytest

HEAVY = (
    "kubernetes",
    "aiohttp",
    "asyncio",
    "pydantic",
    "yaml",
    "prometheus_client",
    "structlog",
    "dns",
    "msgspec",
    "maxminddb",
)
PROBE = """
import sys
from trafficfed.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    code = ended.code
print("LOADED", *sorted({name.partition(".")[0] for name in sys.modules}))
raise SystemExit(code)
"""


def loaded(*arguments: str) -> tuple[int, set[str], str]:
    done = subprocess.run(
        [sys.executable, "-c", PROBE, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    text, _, modules = done.stdout.partition("LOADED")
    return done.returncode, set(modules.split()), text


@pytest.mark.parametrize("arguments", [("--help",), ("status", "--help"), ("run", "-h")])
def test_help_imports_no_heavy_module(arguments: tuple[str, ...]) -> None:
    code, modules, text = loaded(*arguments)
    assert code == 0
    assert text.startswith("Usage: trafficfed")
    assert "click" in modules
    assert modules.isdisjoint(HEAVY), modules & set(HEAVY)


def test_a_question_to_the_controller_needs_no_client_library() -> None:
    """It fails for want of a file, after everything it needs was imported."""
    code, modules, _ = loaded("status", "--config", "/nonexistent/trafficfed.yaml")
    assert code == 2
    assert modules.isdisjoint({"kubernetes", "aiohttp", "structlog", "prometheus_client"})
