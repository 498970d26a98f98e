"""Dashboards as values, and the JSON that Grafana imports.

Schema version 39 is that of Grafana 10.4; later ones bring it up to their own when they read it.
"""

from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]
SCHEMA = 39
COLUMNS = 24
SOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}
GOOD, WARN, BAD, PLAIN = "green", "orange", "red", "blue"


@dataclass(frozen=True)
class Query:
    """One PromQL expression; ``legend`` names its labels as ``{{label}}``."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Panel:
    """One panel; ``steps`` are colours from a value on, the first from anything on.

    ``kind`` is Grafana's: stat, timeseries, table or state-timeline. ``texts`` say what a value means.
    """

    title: str
    description: str
    queries: tuple[Query, ...]
    kind: str = "timeseries"
    unit: str = "short"
    width: int = 12
    height: int = 8
    steps: tuple[tuple[float | None, str], ...] = ((None, PLAIN),)
    texts: tuple[tuple[float, str, str], ...] = ()
    stacked: bool = False
    top: float | None = None
    negative: bool = False


@dataclass(frozen=True)
class Row:
    title: str
    panels: tuple[Panel, ...]


@dataclass(frozen=True)
class Variable:
    """A choice at the top of the page: the values of a label of a metric."""

    name: str
    label: str
    values: str
    several: bool = True


@dataclass(frozen=True)
class Dashboard:
    """``uid`` is the last part of its address in Grafana, and its file's name."""

    uid: str
    title: str
    description: str
    rows: tuple[Row, ...]
    variables: tuple[Variable, ...] = field(default=())


JOB = Variable("job", "Controllers", "label_values(trafficfed_services, job)")
CLUSTER = Variable("cluster", "Cluster", 'label_values(trafficfed_cluster_freshness{job=~"$job"}, cluster)', False)
SERVICE = Variable("service", "Service", 'label_values(trafficfed_service_serving{job=~"$job"}, service)', False)
NAME_SERVERS = Variable("nameservers", "Name servers", "label_values(trafficfed_nameserver_serving, job)")
PROBERS = Variable("probers", "Probers", "label_values(trafficfed_prober_targets, job)")


def of(metric: str, *matchers: str, job: str = "job") -> str:
    """A metric of the chosen job.

    >>> of("services"), of("cluster_freshness", 'cluster="$cluster"')
    ('trafficfed_services{job=~"$job"}', 'trafficfed_cluster_freshness{job=~"$job",cluster="$cluster"}')
    """
    chosen = ",".join((f'job=~"${job}"', *matchers))
    return f"trafficfed_{metric}{{{chosen}}}"


def rate(metric: str, *matchers: str, job: str = "job") -> str:
    return f"rate({of(metric, *matchers, job=job)}[$__rate_interval])"


def quantile(share: float, metric: str, by: str, *matchers: str) -> str:
    """A quantile of a histogram in seconds, by these labels."""
    labels = ", ".join(("le", *filter(None, [by])))
    return f"histogram_quantile({share:g}, sum by ({labels}) ({rate(f'{metric}_seconds_bucket', *matchers)}))"


def quantiles(metric: str, by: str, *matchers: str) -> tuple[Query, ...]:
    """The middle and the worst of a hundred."""
    name = f"{{{{{by}}}}} " if by else ""
    return tuple(
        Query(quantile(share, metric, by, *matchers), f"{name}{text}")
        for share, text in ((0.5, "median"), (0.99, "99 %"))
    )


def stat(title: str, description: str, expr: str, **more: Any) -> Panel:
    """One number; red from 1 on unless told otherwise."""
    return Panel(title, description, (Query(expr),), **{"kind": "stat", "width": 4, "height": 4, **more})


ALARM: tuple[tuple[float | None, str], ...] = ((None, GOOD), (1, BAD))
NOTICE: tuple[tuple[float | None, str], ...] = ((None, GOOD), (1, WARN))
WANTED: tuple[tuple[float | None, str], ...] = ((None, BAD), (1, GOOD))


def as_json(dashboard: Dashboard) -> Json:
    """What Grafana imports, with every field that it would fill in otherwise written out."""
    return {
        "uid": dashboard.uid,
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["trafficfed"],
        "schemaVersion": SCHEMA,
        "version": 1,
        "editable": True,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "annotations": {"list": []},
        "links": [_link()],
        "templating": {"list": [_source(), *map(_variable, dashboard.variables)]},
        "panels": _panels(dashboard.rows),
    }


def _link() -> Json:
    names = {"type": "dashboards", "tags": ["trafficfed"], "title": "trafficfed"}
    return {**names, "asDropdown": True, "includeVars": True, "keepTime": True, "targetBlank": False}


def _source() -> Json:
    names = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {**names, "current": {}, "hide": 0, "includeAll": False, "multi": False, "options": [], "refresh": 1}


def _variable(variable: Variable) -> Json:
    return {
        "name": variable.name,
        "label": variable.label,
        "type": "query",
        "datasource": SOURCE,
        "definition": variable.values,
        "query": {"query": variable.values, "refId": variable.name},
        "refresh": 2,
        "sort": 1,
        "hide": 0,
        "multi": variable.several,
        "includeAll": variable.several,
        "allValue": ".+" if variable.several else None,
        "current": {"selected": True, "text": "All", "value": "$__all"} if variable.several else {},
        "options": [],
    }


def _panels(rows: tuple[Row, ...]) -> list[Json]:
    """Rows from top to bottom, their panels from left to right, a new line where one does not fit."""
    made: list[Json] = []
    y = 0
    for row in rows:
        place = {"h": 1, "w": COLUMNS, "x": 0, "y": y}
        made.append(
            {"id": len(made) + 1, "type": "row", "title": row.title, "gridPos": place, "collapsed": False, "panels": []}
        )
        y, x, height = y + 1, 0, 0
        for panel in row.panels:
            if x + panel.width > COLUMNS:
                x, y, height = 0, y + height, 0
            place = {"h": panel.height, "w": panel.width, "x": x, "y": y}
            made.append({"id": len(made) + 1, "gridPos": place, **_panel(panel)})
            x, height = x + panel.width, max(height, panel.height)
        y += height
    return made


def _panel(panel: Panel) -> Json:
    drawn: Json = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "targets": [_target(panel, number, query) for number, query in enumerate(panel.queries)],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _options(panel.kind),
    }
    if panel.kind == "table":
        hidden = {"Time": True, "__name__": True, "job": True, "instance": True}
        drawn["transformations"] = [{"id": "organize", "options": {"excludeByName": hidden}}]
    return drawn


def _target(panel: Panel, number: int, query: Query) -> Json:
    instant = panel.kind == "table"
    return {
        "refId": chr(ord("A") + number),
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": query.expr,
        "legendFormat": query.legend or "__auto",
        "instant": instant,
        "range": not instant,
        "format": "table" if instant else "time_series",
    }


def _defaults(panel: Panel) -> Json:
    steps = [{"color": colour, "value": value} for value, colour in panel.steps]
    defaults: Json = {"unit": panel.unit, "thresholds": {"mode": "absolute", "steps": steps}, "mappings": []}
    if panel.texts:
        said = {f"{value:g}": {"text": text, "color": colour} for value, text, colour in panel.texts}
        defaults["mappings"] = [{"type": "value", "options": said}]
    if panel.kind == "timeseries":
        stacking = {"group": "A", "mode": "normal" if panel.stacked else "none"}
        defaults["custom"] = {"fillOpacity": 30 if panel.stacked else 5, "stacking": stacking, "showPoints": "never"}
        defaults["color"] = {"mode": "palette-classic"}
        if not panel.negative:
            defaults["min"] = 0
        if panel.top is not None:
            defaults["max"] = panel.top
    else:
        defaults["color"] = {"mode": "thresholds"}
    return defaults


def _options(kind: str) -> Json:
    legend = {"displayMode": "list", "placement": "bottom", "showLegend": True}
    tooltip = {"mode": "multi", "sort": "desc"}
    match kind:
        case "stat":
            reduced = {"calcs": ["lastNotNull"], "fields": "", "values": False}
            return {"reduceOptions": reduced, "colorMode": "background", "graphMode": "none", "textMode": "auto"}
        case "table":
            return {"showHeader": True, "cellHeight": "sm"}
        case "state-timeline":
            return {"showValue": "never", "mergeValues": True, "rowHeight": 0.9, "legend": legend, "tooltip": tooltip}
        case _:
            return {"legend": legend, "tooltip": tooltip}
