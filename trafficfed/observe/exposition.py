"""Prometheus text written straight from state, for series as many as services: the client library is slow at those.

Formats: https://prometheus.io/docs/instrumenting/exposition_formats/ (text format 0.0.4), and OpenMetrics 1.0.0
(https://prometheus.io/docs/specs/om/open_metrics_spec/), which differs here in the help's quotes, and in that counters
are described without ``_total``.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

PAUSE = 1000
"""Series left out at a stretch, within a millisecond or two."""

BLOCK = 250
"""Lines put together at once: a fraction of a millisecond."""

_WHOLE = {0.0: "0", 1.0: "1"}

OPEN_METRICS = "application/openmetrics-text"


class Family(NamedTuple):
    """One metric: its name, what it says, its labels, and a sample (label values, value) for each series.

    A ``counter`` has the name of its series, which ends in ``_total``.
    """

    name: str
    help: str
    labels: tuple[str, ...]
    samples: Iterable[tuple[Sequence[str], float]]
    kind: str = "gauge"


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


def lines(
    families: Iterable[Family], limit: int, dropped: Dropped, *, open_metrics: bool = False
) -> Iterator[str | None]:
    """The exposition in order, one or many lines at a time, at most ``limit`` series of each family; the others are
    counted. None stands where many were left out, so that other work fits in there as well.

    >>> print(*lines([Family("up", "Is it.", ("job",), [(('a"b',), 1.0)])], 10, Dropped()), sep="\\n")
    # HELP up Is it.
    # TYPE up gauge
    up{job="a\\"b"} 1
    """
    quoted = _Quoted()
    for family in families:
        name = family.name.removesuffix("_total") if open_metrics else family.name
        yield f"# HELP {name} {(_quoted if open_metrics else _escaped)(family.help)}"
        yield f"# TYPE {name} {family.kind}"
        samples = iter(family.samples)
        shown = itertools.islice(samples, limit)
        while written := _written(family, itertools.islice(shown, BLOCK), quoted):
            yield written
        while left_out := sum(1 for _ in itertools.islice(samples, PAUSE)):
            dropped.count += left_out
            if left_out == PAUSE:
                yield None


def _written(family: Family, samples: Iterable[tuple[Sequence[str], float]], quoted: "_Quoted") -> str:
    """The lines of some samples. Most numbers are 0 or 1, which are not worth formatting."""
    template = _template(family)
    return "\n".join(
        [
            template % (*[quoted[value] for value in values], _WHOLE.get(number) or f"{number:.12g}")
            for values, number in samples
        ]
    )


def chunks(lines: Iterable[str | None], size: int) -> Iterator[bytes]:
    """Lines in pieces of at least ``size`` characters, so that other work fits in between; an empty one for None."""
    piece: list[str] = []
    length = 0
    for line in lines:
        if line is None:
            yield b""
            continue
        piece += (line, "\n")
        length += len(line) + 1
        if length >= size:
            yield "".join(piece).encode()
            piece, length = [], 0
    if piece:
        yield "".join(piece).encode()


def _template(family: Family) -> str:
    """A sample's line with places for its label values and its number."""
    pairs = ",".join([f'{name}="%s"' for name in family.labels])
    return f"{family.name}{{{pairs}}} %s" if pairs else f"{family.name} %s"


class _Quoted(dict[str, str]):
    """Label values as they are written: each is asked for many times in one scrape."""

    def __missing__(self, value: str) -> str:
        self[value] = written = _quoted(value)
        return written


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _quoted(text: str) -> str:
    return _escaped(text).replace('"', '\\"')
