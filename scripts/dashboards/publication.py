"""How the answer gets out: providers, and name servers of our own."""

from scripts.dashboards.grammar import BAD, GOOD, JOB, NAME_SERVERS, Dashboard, Panel, Query, Row, of, quantiles, rate

NS = "nameservers"
WRONG = 'result="wrong"'
REACHED = ((1, "reached", GOOD), (0, "not reached", BAD))
SERVES = ((1, "from its table", GOOD), (0, "SERVFAIL", BAD))

PROVIDERS = Row(
    "Providers",
    (
        Panel(
            "Reached",
            "Whether each provider did what was last asked of it.",
            (Query(f"min by (provider, zone) ({of('provider_reached')})", "{{provider}} {{zone}}"),),
            "state-timeline",
            texts=REACHED,
        ),
        Panel(
            "Age of the oldest change not made",
            "From the event that caused it. Nothing is shown while nothing waits.",
            (
                Query(
                    f"time() - min by (provider, zone) ({of('provider_oldest_change_timestamp_seconds')})",
                    "{{provider}} {{zone}}",
                ),
            ),
            unit="s",
        ),
        Panel(
            "From event to the provider's answer",
            "Target: 50 ms, where the provider allows it.",
            quantiles("event_to_publication", "provider"),
            unit="s",
        ),
        Panel(
            "From event to the authorities' right answer",
            "Asked of every name server of the zone.",
            quantiles("event_to_verified", "provider"),
            unit="s",
        ),
        Panel(
            "From an endpoint's death to the provider's answer",
            "From the first failed probe, so with the time that finding it takes.",
            quantiles("failure_to_publication", "provider"),
            unit="s",
        ),
        Panel(
            "From an endpoint's death to the authorities' right answer",
            "From the first failed probe: how long clients may have been sent to what was dead.",
            quantiles("failure_to_verified", "provider"),
            unit="s",
        ),
        Panel(
            "Changes of names",
            "By how they ended: Conflict is read anew and tried again.",
            (Query(f"sum by (provider, outcome) ({rate('changes_total')})", "{{provider}} {{outcome}}"),),
            unit="ops",
        ),
        Panel(
            "Failures and wrong answers",
            "Reads or writes that failed; authorities that answered otherwise than was written, in the end.",
            (
                Query(f"sum by (provider) ({rate('provider_failures_total')})", "{{provider}} failed"),
                Query(
                    f"sum by (provider) ({rate('verifications_total', WRONG)})",
                    "{{provider}} answered wrong",
                ),
            ),
            unit="ops",
        ),
        Panel(
            "Calls",
            "What providers are asked. Vendors bill and limit requests; a call may take several.",
            (
                Query(
                    f"sum by (provider, call, outcome) ({rate('provider_calls_total')})",
                    "{{provider}} {{call}} {{outcome}}",
                ),
            ),
            unit="ops",
        ),
        Panel(
            "Budget of requests",
            "What may be sent at once; below 0 as many wait. Of providers whose vendor limits requests.",
            (Query(f"min by (provider) ({of('provider_requests_left')})", "{{provider}}"),),
            negative=True,
        ),
        Panel(
            "Services that wait",
            "To be planned or written.",
            (Query(f"max by (provider, zone) ({of('provider_waiting_services')})", "{{provider}} {{zone}}"),),
            width=8,
        ),
        Panel(
            "Our names",
            "In each zone.",
            (Query(f"max by (provider, zone) ({of('provider_names')})", "{{provider}} {{zone}}"),),
            width=8,
        ),
        Panel(
            "Brakes",
            "Changes that began to be held.",
            (Query(f"sum by (provider) ({rate('brakes_total')})", "{{provider}}"),),
            unit="ops",
            width=8,
        ),
    ),
)
SERVERS = Row(
    "Name servers of our own",
    (
        Panel(
            "Answers",
            "By response code.",
            (Query(f"sum by (rcode) ({rate('nameserver_queries_total', job=NS)})", "{{rcode}}"),),
            unit="reqps",
            stacked=True,
        ),
        Panel(
            "Answers by server",
            "Where the queries go.",
            (Query(f"sum by (instance) ({rate('nameserver_queries_total', job=NS)})", "{{instance}}"),),
            unit="reqps",
        ),
        Panel(
            "Where clients are",
            "Of queries whose answer depends on it. Much that is unknown: places or database are missing.",
            (Query(f"sum by (continent) ({rate('nameserver_located_queries_total', job=NS)})", "{{continent}}"),),
            unit="reqps",
            width=12,
            stacked=True,
        ),
        Panel(
            "What clients are given",
            "Answers by the clusters that they come from, of all services.",
            (Query(f"sum by (answer) ({rate('nameserver_service_queries_total', job=NS)})", "{{answer}}"),),
            unit="reqps",
            width=12,
            stacked=True,
        ),
        Panel(
            "Private sources",
            "Share of clients, located by their own address, that ask from inside. Near 1 geo sees nodes.",
            (Query(f"max by (instance) ({of('nameserver_inside_sources_ratio', job=NS)})", "{{instance}}"),),
            unit="percentunit",
            top=1,
        ),
        Panel(
            "Serving",
            "From its table, or SERVFAIL.",
            (Query(f"min by (instance) ({of('nameserver_serving', job=NS)})", "{{instance}}"),),
            "state-timeline",
            texts=SERVES,
        ),
        Panel(
            "Age of the table",
            "Since a leader, or who relays it, last confirmed it.",
            (Query(f"max by (instance) ({of('nameserver_table_age_seconds', job=NS)})", "{{instance}}"),),
            unit="s",
        ),
        Panel(
            "Generation and services",
            "Servers that differ for long are not fed.",
            (
                Query(f"max by (instance) ({of('nameserver_table_generation', job=NS)})", "{{instance}} generation"),
                Query(f"max by (instance) ({of('nameserver_table_services', job=NS)})", "{{instance}} services"),
            ),
        ),
        Panel(
            "Terms",
            "The table's, and the highest that was seen: apart while a new leader's table has not arrived.",
            (
                Query(f"max by (instance) ({of('nameserver_table_term', job=NS)})", "{{instance}} table"),
                Query(f"max by (instance) ({of('nameserver_highest_term', job=NS)})", "{{instance}} seen"),
            ),
        ),
        Panel(
            "Names inside the fleet",
            "Services that are answered in clusterset.local, and whether their cluster's imports are followed.",
            (
                Query(f"max by (instance) ({of('nameserver_clusterset_imports', job=NS)})", "{{instance}} imports"),
                Query(f"min by (instance) ({of('nameserver_clusterset_live', job=NS)})", "{{instance}} followed"),
            ),
        ),
        Panel(
            "Whom they follow",
            "The controller whose table is taken, and what that is.",
            (
                Query(f"{of('nameserver_followed', job=NS)} == 1"),
                Query(f"{of('nameserver_standing', job=NS)} == 1"),
                Query(f"{of('nameserver_feed_connected', job=NS)} == 1"),
            ),
            "table",
        ),
        Panel(
            "Answered without a leader",
            "Services answered by verdicts that were made without a leader.",
            (Query(f"max by (instance) ({of('nameserver_overlaid_services', job=NS)})", "{{instance}}"),),
        ),
        Panel(
            "Packets without an answer",
            "Dropped deserved none; unsent were not taken by the kernel.",
            (
                Query(f"sum by (instance) ({rate('nameserver_dropped_total', job=NS)})", "{{instance}} dropped"),
                Query(f"sum by (instance) ({rate('nameserver_unsent_total', job=NS)})", "{{instance}} unsent"),
                Query(
                    f"sum by (instance) ({rate('nameserver_unreadable_places_total', job=NS)})",
                    "{{instance}} place unreadable",
                ),
            ),
            unit="pps",
        ),
        Panel(
            "TCP",
            "Open connections, and how many beyond the limits were refused.",
            (
                Query(f"sum by (instance) ({of('nameserver_tcp_connections', job=NS)})", "{{instance}} open"),
                Query(
                    f"sum by (instance) ({rate('nameserver_refused_connections_total', job=NS)})",
                    "{{instance}} refused a second",
                ),
            ),
        ),
    ),
)
PUBLICATION = Dashboard(
    "trafficfed-publication",
    "trafficfed / Authorities and publication",
    "Whether what was decided stands at every provider and name server, and after how long.",
    (PROVIDERS, SERVERS),
    (JOB, NAME_SERVERS),
)
