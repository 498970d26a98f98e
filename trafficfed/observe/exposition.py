"""Prometheus text written straight from state, for series as many as services: the client library is slow at those.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4), and OpenMetrics 1.0.0
(https://prometheus.io/docs/specs/om/open_metrics_spec/), which for gauges differs in the help's quotes only.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

OPEN_METRICS = "application/openmetrics-text"


class Family(NamedTuple):
    """One gauge: its name, what it says, its labels, and a sample (label values, value) for each series."""

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Iterable[tuple[Sequence[str], float]]


def is_open_metrics(accept: str) -> bool:
    """Whether an Accept header asks for OpenMetrics, as Prometheus does, which then prefers it.

    >>> is_open_metrics("application/openmetrics-text;version=1.0.0,*/*;q=0.1"), is_open_metrics("*/*")
    (True, False)
    """
    return any(part.partition(";")[0].strip().lower() == OPEN_METRICS for part in accept.split(","))


class Dropped:
    """Counts the series that were left out."""

    def __init__(self) -> None:
        self.count = 0


def lines(families: Iterable[Family], limit: int, dropped: Dropped, *, open_metrics: bool = False) -> Iterator[str]:
    """The exposition line by line, at most ``limit`` series of each family; the others are counted.

    >>> print(*lines([Family("up", "Is it.", ("job",), [(('a"b',), 1.0)])], 10, Dropped()), sep="\\n")
    # HELP up Is it.
    # TYPE up gauge
    up{job="a\\"b"} 1
    """
    for family in families:
        yield f"# HELP {family.name} {(_quoted if open_metrics else _escaped)(family.help)}"
        yield f"# TYPE {family.name} gauge"
        shown = 0
        for sample in family.samples:
            if shown < limit:
                yield _sample(family, sample)
                shown += 1
            else:
                dropped.count += 1


def chunks(lines: Iterable[str], size: int) -> Iterator[bytes]:
    """Lines in pieces of at least ``size`` characters, so that other work fits in between."""
    piece: list[str] = []
    length = 0
    for line in lines:
        piece += (line, "\n")
        length += len(line) + 1
        if length >= size:
            yield "".join(piece).encode()
            piece, length = [], 0
    if piece:
        yield "".join(piece).encode()


def _sample(family: Family, sample: tuple[Sequence[str], float]) -> str:
    values, number = sample
    pairs = ",".join([f'{name}="{_quoted(value)}"' for name, value in zip(family.labels, values, strict=True)])
    return f"{family.name}{{{pairs}}} {number:.12g}" if pairs else f"{family.name} {number:.12g}"


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
