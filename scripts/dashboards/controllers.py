"""How the controllers and probers do: leadership, queues, processes, vantages."""

from scripts.dashboards.grammar import (
    ALARM,
    BAD,
    GOOD,
    JOB,
    NOTICE,
    PLAIN,
    PROBERS,
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

PR = "probers"
REACHED = ((1, "reached", GOOD), (0, "not reached", BAD))

LEADERSHIP = Row(
    "Who leads",
    (
        stat(
            "Leaders",
            "Should be 1. Empty where a controller has no peers.",
            f"sum({of('leading')})",
            steps=((None, BAD), (1, GOOD), (2, BAD)),
        ),
        stat("Know the leader", "Controllers that know who leads.", f"sum({of('leader_known')})", steps=WANTED),
        stat("Term", "Leaderships so far.", f"max({of('table_term')})", steps=((None, PLAIN),)),
        stat("Generation", "Changes of the table.", f"max({of('table_generation')})", steps=((None, PLAIN),)),
        stat(
            "Electors that lag",
            "Places that do not keep the leader's table.",
            f"count({of('mirror_current')} == 0) or vector(0)",
            steps=NOTICE,
        ),
        stat(
            "Files refused",
            "Controllers whose configuration file is not what is in force.",
            f"count({of('config_last_reload_successful')} == 0) or vector(0)",
            steps=NOTICE,
        ),
        stat(
            "Newest configuration",
            "Since the last controller took its file over.",
            f"time() - max({of('config_last_reload_success_timestamp_seconds')})",
            unit="s",
            steps=((None, PLAIN),),
        ),
        stat("Dropped series", "Left out of a scrape, being too many.", f"max({of('dropped_series')})", steps=ALARM),
        Panel(
            "Leader",
            "Which controller leads.",
            (Query(f"max by (instance) ({of('leading')})", "{{instance}}"),),
            "state-timeline",
            texts=((1, "leads", GOOD), (0, "stands by", PLAIN)),
        ),
        Panel(
            "Takeovers, and where views differ",
            "Services that a controller judges otherwise than the leader whose table it holds.",
            (
                Query(f"increase({of('takeovers_total')}[1h])", "{{instance}} takeovers in an hour"),
                Query(f"max by (instance) ({of('overlaid_services')})", "{{instance}} judged otherwise"),
            ),
        ),
    ),
)
WORK = Row(
    "Work",
    (
        Panel(
            "Probes that start late",
            "A late probe makes a failover late.",
            quantiles("probe_lateness", ""),
            unit="s",
        ),
        Panel(
            "Queues",
            "Services to be decided, objects to be looked at.",
            (
                Query(f"max by (instance) ({of('queue_depth')})", "{{instance}} services"),
                Query(f"max by (instance) ({of('propagation_queue_depth')})", "{{instance}} objects"),
                Query(f"max by (instance) ({of('services_queue_depth')})", "{{instance}} imports"),
                Query(f"max by (instance) ({of('baseline_queue_depth')})", "{{instance}} baselines"),
            ),
        ),
        Panel(
            "Age of the queue",
            "How long there has been a service to be decided.",
            (Query(f"max by (instance) ({of('queue_age_seconds')})", "{{instance}}"),),
            unit="s",
        ),
        Panel(
            "CPU",
            "Cores in use.",
            (Query('rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval])', "{{instance}}"),),
            width=8,
        ),
        Panel(
            "Memory",
            "Resident.",
            (Query('process_resident_memory_bytes{job=~"$job"}', "{{instance}}"),),
            unit="bytes",
            width=8,
        ),
        Panel("Open files", "Sockets included.", (Query('process_open_fds{job=~"$job"}', "{{instance}}"),), width=8),
        Panel(
            "Refusals",
            "That began, by reason.",
            (Query(f"sum by (reason) ({rate('refusals_total')})", "{{reason}}"),),
            unit="ops",
            width=8,
        ),
        Panel(
            "Rules of baselines",
            "Evaluations of expressions, and rules that cannot be used.",
            (
                Query(f"sum by (instance) ({rate('baseline_evaluations_total')})", "{{instance}} evaluations a second"),
                Query(f"max by (baseline) ({of('baseline_refused_rules')})", "{{baseline}} refused"),
            ),
            width=8,
        ),
        Panel(
            "The hub",
            "Its view at the leader, and what is written to it.",
            (
                Query(f"max by (freshness) ({of('hub_freshness')})", "{{freshness}}"),
                Query(f"sum({rate('propagation_hub_writes_total')})", "writes a second"),
            ),
            width=8,
        ),
    ),
)
VANTAGES = Row(
    "Vantages",
    (
        Panel(
            "Connected and believed",
            "Connected probers that are not distrusted.",
            (
                Query(
                    f"min by (vantage) ({of('vantage_connected')})"
                    f" unless max by (vantage) ({of('vantage_distrusted')}) == 1",
                    "{{vantage}}",
                ),
            ),
            "state-timeline",
            texts=((1, "counts", GOOD), (0, "not connected", BAD)),
        ),
        Panel(
            "Probes at each prober",
            "By result.",
            (Query(f"sum by (instance, result) ({rate('prober_probes_total', job=PR)})", "{{instance}} {{result}}"),),
            unit="ops",
        ),
        Panel(
            "Targets and services",
            "What each prober probes; its list is followed while a controller is connected.",
            (
                Query(f"max by (instance) ({of('prober_targets', job=PR)})", "{{instance}} targets"),
                Query(f"max by (instance) ({of('prober_services', job=PR)})", "{{instance}} services"),
                Query(f"max by (instance) ({of('prober_targets_followed', job=PR)})", "{{instance}} followed"),
            ),
        ),
        Panel(
            "Under way and waiting",
            "Probes that wait for the bounds are late.",
            (
                Query(f"max by (instance) ({of('prober_in_flight', job=PR)})", "{{instance}} under way"),
                Query(f"max by (instance) ({of('prober_waiting', job=PR)})", "{{instance}} waiting"),
            ),
        ),
        Panel(
            "Results not told",
            "To a controller that cannot be reached; dropped ones were too old or too many.",
            (
                Query(
                    f"max by (instance, controller) ({of('prober_unsent_results', job=PR)})", "{{controller}} unsent"
                ),
                Query(
                    f"sum by (instance) ({rate('prober_dropped_results_total', job=PR)})",
                    "{{instance}} dropped a second",
                ),
            ),
        ),
        Panel(
            "Controllers they reach",
            "1 while connected.",
            (
                Query(
                    f"min by (instance, controller) ({of('prober_controller_connected', job=PR)})",
                    "{{instance}} to {{controller}}",
                ),
            ),
            "state-timeline",
            texts=REACHED,
        ),
    ),
)
INTERNALS = Dashboard(
    "trafficfed-internals",
    "trafficfed / Controllers and probers",
    "Leadership, queues, processes and vantages.",
    (LEADERSHIP, WORK, VANTAGES),
    (JOB, PROBERS),
)
