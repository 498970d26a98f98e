"""One service in all its clusters."""

from scripts.dashboards.grammar import (
    BAD,
    GOOD,
    JOB,
    PLAIN,
    SERVICE,
    WANTED,
    WARN,
    Dashboard,
    Panel,
    Query,
    Row,
    of,
    stat,
)
from scripts.dashboards.states import ENDS

THIS = 'service="$service"'
UP = ((1, "serves", GOOD), (0, "does not serve", BAD))

ONE_SERVICE = Dashboard(
    "trafficfed-service",
    "trafficfed / Service",
    "One GlobalService in all its clusters. Empty where series by service are switched off.",
    (
        Row(
            "Now",
            (
                stat(
                    "Answer",
                    "Whether any endpoint serves.",
                    f"max({of('service_serving', THIS)})",
                    width=6,
                    steps=WANTED,
                    texts=UP,
                ),
                stat(
                    "Clusters that serve",
                    "Clusters in which a target counts as serving.",
                    f"count(max by (cluster) ({of('endpoint_serving_ratio', THIS)}) > 0) or vector(0)",
                    width=6,
                    steps=((None, BAD), (1, WARN), (2, GOOD)),
                ),
                stat(
                    "Answer stands since",
                    "When it last changed.",
                    f"time() - max({of('service_changed_timestamp_seconds', THIS)})",
                    width=6,
                    unit="s",
                    steps=((None, PLAIN),),
                ),
                stat(
                    "First certificate ends in",
                    "As https probes see it.",
                    f"min({of('certificate_expiry_timestamp_seconds', THIS)}) - time()",
                    width=6,
                    unit="s",
                    steps=ENDS,
                ),
            ),
        ),
        Row(
            "By cluster",
            (
                Panel(
                    "Serving",
                    "Share of the cluster's targets that steering counts as serving.",
                    (Query(f"max by (cluster) ({of('endpoint_serving_ratio', THIS)})", "{{cluster}}"),),
                    unit="percentunit",
                    top=1,
                ),
                Panel(
                    "Last probes that passed",
                    "By who probed. Where vantages differ, one of them may be cut off.",
                    (
                        Query(
                            f"max by (cluster, vantage) ({of('probe_passing_ratio', THIS)})",
                            "{{cluster}} from {{vantage}}",
                        ),
                    ),
                    unit="percentunit",
                    top=1,
                ),
                Panel(
                    "Latency",
                    "Slowest of the cluster's targets in the last probes, by the kernel.",
                    (
                        Query(
                            f"max by (cluster, vantage) ({of('probe_last_rtt_seconds', THIS)})",
                            "{{cluster}} from {{vantage}}",
                        ),
                    ),
                    unit="s",
                    width=24,
                ),
            ),
        ),
    ),
    (JOB, SERVICE),
)
