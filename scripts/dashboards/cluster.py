"""One member: how it is seen, how its endpoints do, and what was put into it."""

from scripts.dashboards.grammar import (
    ALARM,
    CLUSTER,
    JOB,
    NOTICE,
    PLAIN,
    WANTED,
    Dashboard,
    Panel,
    Query,
    Row,
    of,
    quantiles,
    rate,
    stat,
)
from scripts.dashboards.states import ENDS, FRESHNESS, freshness

HERE = 'cluster="$cluster"'

ONE_CLUSTER = Dashboard(
    "trafficfed-cluster",
    "trafficfed / Cluster",
    "One member: how it is seen, how its endpoints do, and what was put into it.",
    (
        Row(
            "Now",
            (
                stat("View", "How far it can be trusted.", f"max({freshness(HERE)})", texts=FRESHNESS, steps=ALARM),
                stat(
                    "Has been so for",
                    "Since the freshness last changed.",
                    f"time() - max({of('cluster_freshness_since_timestamp_seconds', HERE)})",
                    unit="s",
                    steps=((None, PLAIN),),
                ),
                stat(
                    "Services out",
                    "Services none of whose targets here serves.",
                    f"max({of('cluster_out_services', HERE)})",
                    steps=ALARM,
                ),
                stat(
                    "Served here alone",
                    "Services in several clusters that only this one serves.",
                    f"max({of('cluster_sole_services', HERE)})",
                    steps=NOTICE,
                ),
                stat(
                    "Missing services",
                    "Held although its list no longer has them, until confirmed.",
                    f"max({of('cluster_missing_services', HERE)})",
                    steps=NOTICE,
                ),
                stat(
                    "First certificate ends in",
                    "As https probes see it.",
                    f"min({of('cluster_certificate_expiry_timestamp_seconds', HERE)}"
                    f" or {of('api_server_certificate_expiry_timestamp_seconds', HERE)}) - time()",
                    unit="s",
                    steps=ENDS,
                ),
            ),
        ),
        Row(
            "Endpoints",
            (
                Panel(
                    "Probes",
                    "By vantage and result.",
                    (Query(f"sum by (vantage, result) ({rate('probes_total', HERE)})", "{{vantage}} {{result}}"),),
                    unit="ops",
                ),
                Panel(
                    "Latency by vantage",
                    "The kernel's round-trip time of probes.",
                    quantiles("probe_rtt", "vantage", HERE),
                    unit="s",
                ),
                Panel(
                    "Verdicts that change",
                    "By new state.",
                    (Query(f"sum by (state) ({rate('verdict_changes_total', HERE)})", "{{state}}"),),
                    unit="ops",
                ),
                Panel(
                    "Changes of freshness, impossible probes",
                    "Probes are impossible for reasons on the prober's side: no route, no socket.",
                    (
                        Query(f"sum by (freshness) ({rate('cluster_changes_total', HERE)})", "{{freshness}}"),
                        Query(f"sum({rate('probes_impossible_total', HERE)})", "impossible"),
                    ),
                    unit="ops",
                ),
                Panel(
                    "Services that do not serve here",
                    "The first fifty.",
                    (Query(f"topk(50, max by (service) ({of('endpoint_serving_ratio', HERE)}) < 1)"),),
                    "table",
                    unit="percentunit",
                    width=24,
                ),
            ),
        ),
        Row(
            "Propagation",
            (
                Panel(
                    "Copies",
                    "By how they stand: InPlace, or what is in the way.",
                    (Query(f"sum by (reason) ({of('propagation_copies', HERE)})", "{{reason}}"),),
                    stacked=True,
                    width=8,
                ),
                Panel(
                    "Steps",
                    "What was done in the cluster, and how it ended.",
                    (
                        Query(
                            f"sum by (step, outcome) ({rate('propagation_steps_total', HERE)})", "{{step}} {{outcome}}"
                        ),
                    ),
                    unit="ops",
                    width=8,
                ),
                Panel(
                    "From the hub's event to applied",
                    "Repetitions included.",
                    quantiles("propagation_event_to_applied", "", HERE),
                    unit="s",
                    width=8,
                ),
                stat(
                    "All kinds followed",
                    "1 while every kind of copies here is watched.",
                    f"min({of('propagation_member_seen', HERE)})",
                    steps=WANTED,
                    width=24,
                ),
            ),
        ),
        Row(
            "Baselines",
            (
                Panel(
                    "Violations",
                    "Objects in the cluster that break a rule, by baseline.",
                    (Query(f"max by (baseline) ({of('baseline_violations', HERE)})", "{{baseline}}"),),
                    stacked=True,
                    width=8,
                ),
                Panel(
                    "Steps of baselines",
                    "What was written in the cluster, and how it ended.",
                    (Query(f"sum by (step, outcome) ({rate('baseline_steps_total', HERE)})", "{{step}} {{outcome}}"),),
                    unit="ops",
                    width=8,
                ),
                stat(
                    "Baselines followed",
                    "1 while everything is watched that rules ask about.",
                    f"min({of('baseline_member_seen', HERE)})",
                    steps=WANTED,
                    width=8,
                ),
            ),
        ),
        Row(
            "Multi-Cluster Services",
            (
                Panel(
                    "Exports",
                    "Services that the cluster exports, and imports that stand there.",
                    (
                        Query(f"max({of('services_exports', HERE)})", "exports"),
                        Query(f"max({of('services_imports', HERE)})", "imports"),
                    ),
                    width=6,
                ),
                Panel(
                    "Imports in trouble",
                    "Objects of imports in the cluster, by what is in the way.",
                    (Query(f"sum by (reason) ({of('services_troubles', HERE)})", "{{reason}}"),),
                    stacked=True,
                    width=6,
                ),
                Panel(
                    "Steps of imports",
                    "What was written in the cluster, and how it ended.",
                    (Query(f"sum by (step, outcome) ({rate('services_steps_total', HERE)})", "{{step}} {{outcome}}"),),
                    unit="ops",
                    width=6,
                ),
                Panel(
                    "From another cluster's event to written here",
                    "Repetitions included.",
                    quantiles("services_event_to_applied", "", HERE),
                    unit="s",
                    width=6,
                ),
                stat(
                    "Exports followed",
                    "1 while the cluster's exports are watched, and what was imported here.",
                    f"min({of('services_member_seen', HERE)})",
                    steps=WANTED,
                    width=24,
                ),
            ),
        ),
    ),
    (JOB, CLUSTER),
)
