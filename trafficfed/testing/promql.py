"""PromQL as far as tests look into it: which metrics and labels an expression names."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

_SELECTOR = re.compile(r"\b(?P<metric>(?:trafficfed|process)_[a-z0-9_]+)(?:\{(?P<matchers>[^}]*)\})?")
_MATCHER = re.compile(r"(?P<label>\w+)\s*(?:=~|!~|!=|=)")
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\((?P<labels>[^)]*)\)")
_SHOWN = re.compile(r"\{\{\s*(\w+)\s*\}\}")
_OF_HISTOGRAM = re.compile(r"_(bucket|count|sum)$")


def metrics(expression: str) -> dict[str, set[str]]:
    """The metrics that an expression names, by family, with the labels that it matches of each.

    >>> metrics('rate(trafficfed_x_seconds_bucket{job="a"}[5m])')
    {'trafficfed_x_seconds': {'job'}}
    """
    found: dict[str, set[str]] = {}
    for selector in _SELECTOR.finditer(expression):
        family = _OF_HISTOGRAM.sub("", selector["metric"])
        labels = _MATCHER.findall(selector["matchers"] or "")
        found.setdefault(family, set()).update(labels)
    return found


def grouped(expression: str) -> set[str]:
    """The labels that an expression groups by.

    >>> sorted(grouped("sum by (le, cluster) (x)"))
    ['cluster', 'le']
    """
    lists = (found["labels"] for found in _GROUPING.finditer(expression))
    return {label.strip() for labels in lists for label in labels.split(",") if label.strip()}


def shown(legend: str) -> set[str]:
    """The labels that a legend shows.

    >>> sorted(shown("{{cluster}} from {{ vantage }}"))
    ['cluster', 'vantage']
    """
    return set(_SHOWN.findall(legend))


def filled(expression: str, **values: str) -> str:
    """An expression with a dashboard's variables filled in; those not given match anything.

    >>> filled('rate(x{job=~"$job",cluster="$cluster"}[$__rate_interval])', cluster="eu")
    'rate(x{job=~".+",cluster="eu"}[10s])'
    """
    known = {"__rate_interval": "10s", **values}
    return re.sub(r"\$(\w+)", lambda found: known.get(found[1], ".+"), expression)


def targets(dashboard: Mapping[str, Any]) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Each panel of a dashboard's JSON with each of its queries."""
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            yield panel, target
