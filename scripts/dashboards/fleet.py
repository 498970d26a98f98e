"""The fleet at a glance: what serves, from where, and what is wrong."""

from scripts.dashboards.grammar import (
    ALARM,
    JOB,
    NOTICE,
    PLAIN,
    Dashboard,
    Panel,
    Query,
    Row,
    of,
    quantiles,
    rate,
    stat,
)
from scripts.dashboards.states import ENDS, FRESHNESS, NOT_FRESH, freshness

PASSED = 'result="passed"'

NOW = Row(
    "Now",
    (
        stat("Services", "GlobalServices in the table.", f"max({of('services')})", steps=((None, PLAIN),)),
        stat(
            "Nothing serves",
            "Services without any healthy endpoint: clients get what when-all-down says.",
            f"max({of('unserved_services')})",
            steps=ALARM,
        ),
        stat(
            "On their last cluster",
            "Services in several clusters of which one is left.",
            f"max(sum by (instance) ({of('cluster_sole_services')}))",
            steps=NOTICE,
        ),
        stat(
            "Clusters not Fresh",
            "Clusters whose API server cannot be followed or is not believed.",
            f"count(max by (cluster) ({of('cluster_freshness', NOT_FRESH)}) == 1) or vector(0)",
            steps=NOTICE,
        ),
        stat("Held changes", "They wait for trafficfed confirm.", f"max({of('held_changes')})", steps=NOTICE),
        stat(
            "First certificate ends in",
            "As https probes see it.",
            f"min({of('cluster_certificate_expiry_timestamp_seconds')}) - time()",
            unit="s",
            steps=ENDS,
        ),
    ),
)
CLUSTERS = Row(
    "Clusters",
    (
        Panel(
            "Freshness",
            "How far the view of each cluster can be trusted.",
            (Query(freshness(), "{{cluster}}"),),
            "state-timeline",
            texts=FRESHNESS,
        ),
        Panel(
            "Services out",
            "Services none of whose targets in the cluster serves.",
            (Query(f"max by (cluster) ({of('cluster_out_services')})", "{{cluster}}"),),
        ),
        Panel(
            "Served by one cluster alone",
            "Services in several clusters that only this one serves: they are down where it goes too.",
            (Query(f"max by (cluster) ({of('cluster_sole_services')})", "{{cluster}}"),),
        ),
        Panel(
            "Probes that pass",
            "Share of the probes of each cluster's endpoints that pass, from all vantages.",
            (
                Query(
                    f"sum by (cluster) ({rate('probes_total', PASSED)}) / sum by (cluster) ({rate('probes_total')})",
                    "{{cluster}}",
                ),
            ),
            unit="percentunit",
            top=1,
        ),
        Panel(
            "Latency by cluster",
            "The kernel's round-trip time of probes.",
            quantiles("probe_rtt", "cluster"),
            unit="s",
        ),
        Panel(
            "Refused objects",
            "Things users wrote that are not taken, by reason.",
            (Query(f"max by (reason) ({of('refused_objects')})", "{{reason}}"),),
            stacked=True,
        ),
    ),
)
CHANGES = Row(
    "What changes",
    (
        Panel(
            "Verdicts that change",
            "By cluster and new state. Many at once are a failure of the cluster.",
            (Query(f"sum by (cluster, state) ({rate('verdict_changes_total')})", "{{cluster}} {{state}}"),),
            unit="ops",
        ),
        Panel(
            "Decisions",
            "Answers that changed, by what came in.",
            (Query(f"sum by (cause) ({rate('decisions_total')})", "{{cause}}"),),
            unit="ops",
            stacked=True,
        ),
    ),
)
FLEET = Dashboard(
    "trafficfed-fleet",
    "trafficfed / Fleet",
    "Everything at a glance: what serves, from where, and what is wrong.",
    (NOW, CLUSTERS, CHANGES),
    (JOB,),
)
