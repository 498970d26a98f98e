"""What can be told from the table on disk alone, when no controller answers."""

from collections.abc import Mapping
from pathlib import Path

from trafficfed.errors import ConfigError
from trafficfed.model import Client, Cluster
from trafficfed.observe.showing import cluster_views, control_view, explain_view, no_rtt, service_view
from trafficfed.observe.views import ControlsView, ExplainView, StatusView
from trafficfed.steering.explain import explain
from trafficfed.steering.orders import standing
from trafficfed.table.disk import SNAPSHOT, load
from trafficfed.table.table import Table


def stored_table(state_dir: Path) -> Table:
    """The table a controller left. Raises ConfigError where there is none."""
    if not (state_dir / SNAPSHOT).exists():
        raise ConfigError(f"{state_dir}: holds no table; start the controller there first")
    return load(state_dir)


def stored_status(table: Table, owner: str, clusters: tuple[Cluster, ...], now_s: float) -> StatusView:
    """Status without what only a running controller knows: latencies, refusals, held changes, providers, events."""
    return StatusView(
        owner=owner,
        at_s=now_s,
        live=False,
        ready=False,
        not_ready=("no controller answers",),
        term=table.term,
        generation=table.generation,
        clusters=cluster_views(clusters, table.sources, table.rows.values(), now_s),
        services=tuple(service_view(row, no_rtt, table.controls, now_s) for _, row in sorted(table.rows.items())),
        controls=tuple(map(control_view, standing(table.controls, now_s))),
    )


def stored_controls(table: Table, owner: str, now_s: float) -> ControlsView:
    """The operator controls that the last table has, but for those that have expired since."""
    controls = tuple(map(control_view, standing(table.controls, now_s)))
    return ControlsView(owner=owner, at_s=now_s, live=False, controls=controls)


def stored_explanation(
    table: Table, hostname: str, client: Client, clusters: Mapping[str, Cluster], now_s: float
) -> ExplainView:
    """Why a client gets its answer, by the last table. Raises ConfigError for a name that is in no row."""
    key = table.owner_of(hostname)
    if key is None:
        raise ConfigError(unknown_name(hostname, table))
    told = explain(table.rows[key], client, clusters, table.controls, now_s)
    return explain_view(hostname, told, live=False)


def unknown_name(hostname: str, table: Table) -> str:
    """What to say of a host name nobody claimed."""
    names = sorted(name for row in table.rows.values() for name in row.service.hostnames)
    known = f"known are {', '.join(names[:5])}{' ...' if len(names) > 5 else ''}" if names else "no name is claimed yet"
    return f"{hostname}: no service has this name; {known}"
