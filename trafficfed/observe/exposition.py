"""Prometheus text written straight from state, for series as many as services: the client library is slow at those.

Format: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4).
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple


class Family(NamedTuple):
    """One gauge: its name, what it says, its labels, and a sample (label values, value) for each series."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Iterable[tuple[Sequence[str], float]]


def text(families: Iterable[Family], limit: int) -> tuple[str, int]:
    """The exposition of all families, at most ``limit`` series of each, and how many were left out for it.

    >>> print(text([Family("up", "Is it.", ("job",), [(('a"b',), 1.0)])], 10)[0], end="")
    # HELP up Is it.
    # TYPE up gauge
    up{job="a\\"b"} 1
    """
    lines: list[str] = []
    dropped = 0
    for family in families:
        lines += (f"# HELP {family.name} {_escaped(family.help)}", f"# TYPE {family.name} gauge")
        shown = 0
        for sample in _samples(family):
            if shown < limit:
                lines.append(sample)
                shown += 1
            else:
                dropped += 1
    return "\n".join((*lines, "")), dropped


def _samples(family: Family) -> Iterator[str]:
    for values, number in family.samples:
        pairs = ",".join(f'{name}="{_quoted(value)}"' for name, value in zip(family.labels, values, strict=True))
        yield f"{family.name}{{{pairs}}} {number:.12g}" if pairs else f"{family.name} {number:.12g}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(value: str) -> str:
    return _escaped(value).replace('"', '\\"')
