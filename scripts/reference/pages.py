"""Which pages have generated tables, and what each of those is made of."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from scripts.reference import annotations, metrics, settings
from scripts.reference.tables import rewritten

DOCS = Path(__file__).parents[2] / "docs"


def tables() -> dict[str, dict[str, Callable[[], str]]]:
    """By page and by the name in the table's mark."""
    sections = settings.by_section(settings.of_the_controller())
    return {
        "operations.md": {
            "metrics of a controller": partial(metrics.table, metrics.of_a_controller),
            "metrics of several controllers": partial(metrics.table, metrics.of_several_controllers),
            "metrics of propagation": partial(metrics.table, metrics.of_propagation),
            "metrics of baselines": partial(metrics.table, metrics.of_baselines),
            "metrics of services": partial(metrics.table, metrics.of_services),
            "metrics of a name server": partial(metrics.table, metrics.of_a_name_server),
        },
        "vantages.md": {
            "metrics of a prober": partial(metrics.table, metrics.of_a_prober),
            "settings of a prober": partial(settings.table, settings.of_the_prober()),
        },
        "configuration.md": {
            f"settings {section}".strip(): partial(settings.table, keys) for section, keys in sections.items()
        },
        "annotations.md": {
            "annotations": annotations.table,
            "annotations in error": annotations.table_of_fallbacks,
        },
    }


def wanted() -> dict[Path, str]:
    """Every page with the text it is to have. Raises KeyError where a page marks a table that nobody makes."""
    found: dict[Path, str] = {}
    for name, made in tables().items():
        path = DOCS / name
        found[path] = rewritten(path.read_text(encoding="utf-8"), partial(_made, made))
    return found


def _made(tables: dict[str, Callable[[], str]], title: str) -> str:
    return tables[title]()


def differing(texts: dict[Path, str]) -> list[Path]:
    return sorted(path for path, text in texts.items() if path.read_text(encoding="utf-8") != text)
