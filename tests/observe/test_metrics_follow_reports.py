"""Each report moves exactly its own series; state is read from the table when Prometheus asks."""

from collections.abc import Callable

import pytest
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families

from trafficfed.model import (
    Freshness,
    HealthCheck,
    Observation,
    Outcome,
    Refusal,
    Row,
    ServiceKey,
    Source,
    State,
    Target,
    Verdict,
)
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.reports import (
    Braked,
    ClusterChanged,
    Decided,
    Observed,
    ProbeImpossible,
    ProviderFailed,
    Published,
    RefusalCleared,
    ReportEvent,
    ServerCertified,
    ServiceRefused,
    VerdictChanged,
    Verified,
)

KEY = ServiceKey("prod", "shop", "web")
REFUSAL = Refusal(cluster="eu", object="Service/shop/web", reason="Conflict", message="held by us", service=KEY)
Sample = tuple[str, tuple[tuple[str, str], ...]]


def samples(metrics: Metrics) -> dict[Sample, float]:
    """Everything exposed, without what the process collector adds and without creation times."""
    families = text_string_to_metric_families(metrics.render().decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.startswith("process_") and not sample.name.endswith("_created")
    }


def key(name: str, **labels: str) -> Sample:
    return f"trafficfed_{name}", tuple(sorted(labels.items()))


@pytest.mark.parametrize(
    ("event", "expected"),
    [
        (ClusterChanged("eu", Freshness.STALE), key("cluster_changes_total", cluster="eu", freshness="Stale")),
        (
            VerdictChanged(KEY, None, Verdict(cluster="eu", address="192.0.2.1", state=State.NOT_SERVING)),
            key("verdict_changes_total", cluster="eu", state="NotServing"),
        ),
        (Decided(KEY, "verdict", "192.0.2.1"), key("decisions_total", cause="verdict")),
        (
            Published("bind", "fed.test", "web.fed.test", Outcome.CONFLICT, 0.1),
            key("changes_total", provider="bind", outcome="Conflict"),
        ),
        (
            Published("bind", "fed.test", "web.fed.test", Outcome.DONE, 0.1),
            key("event_to_publication_seconds_count", provider="bind"),
        ),
        (
            Verified("bind", "fed.test", "web.fed.test", True, 0.1),
            key("event_to_verified_seconds_count", provider="bind"),
        ),
        (
            Verified("bind", "fed.test", "web.fed.test", False, 0.1),
            key("verifications_total", provider="bind", result="wrong"),
        ),
        (Braked("bind", "fed.test", "7f3a", "too many"), key("brakes_total", provider="bind")),
        (ProviderFailed("bind", "fed.test", "timed out", 2.0), key("provider_failures_total", provider="bind")),
        (ServiceRefused(REFUSAL), key("refusals_total", reason="Conflict")),
        (
            ProbeImpossible(Target(service=KEY, cluster="eu", address="a", port=1, check=HealthCheck()), "no route"),
            key("probes_impossible_total", cluster="eu"),
        ),
    ],
)
def test_a_report_counts_once_in_its_own_series(event: ReportEvent, expected: Sample) -> None:
    metrics = Metrics(Gauges)
    before = samples(metrics)
    metrics(event)
    after = samples(metrics)
    assert before.get(expected, 0.0) == 0.0
    assert after[expected] == 1.0


def test_times_carry_the_name_that_they_were_measured_on_where_it_fits() -> None:
    metrics = Metrics(Gauges)
    metrics(Published("bind", "fed.test", "web.fed.test", Outcome.DONE, 3.0))
    metrics(Published("bind", "fed.test", f"{'x' * 125}.fed.test", Outcome.DONE, 30.0))
    told = metrics.render(open_metrics=True).decode()
    (line,) = [line for line in told.splitlines() if " # " in line and "publication" in line]
    assert line.partition(" # ")[2].startswith('{name="web.fed.test"} 3.0')
    assert " # {" not in metrics.render().decode(), "the older format knows none"


def test_a_change_that_failed_is_no_publication_time() -> None:
    metrics = Metrics(Gauges)
    metrics(Published("bind", "fed.test", "web.fed.test", Outcome.FAILED, 30.0))
    metrics(Verified("bind", "fed.test", "web.fed.test", False, 30.0))
    assert not any(name.startswith("trafficfed_event_to") for name, _ in samples(metrics))


def test_a_probe_counts_by_cluster_vantage_and_result(seen: Callable[..., Observation]) -> None:
    metrics = Metrics(Gauges)
    metrics(Observed(seen(), 0.001))
    metrics(Observed(seen(passed=False, rtt_s=None, error="refused"), 0.6))
    found = samples(metrics)
    assert found[key("probes_total", cluster="eu", vantage="dublin", result="passed")] == 1
    assert found[key("probes_total", cluster="eu", vantage="dublin", result="failed")] == 1
    assert found[key("probe_rtt_seconds_count", cluster="eu", vantage="dublin")] == 1
    assert found[key("probe_lateness_seconds_bucket", le="0.5")] == 1
    assert found[key("probe_lateness_seconds_count")] == 2


def test_health_and_latency_stand_by_service_cluster_and_vantage(seen: Callable[..., Observation], row: Row) -> None:
    both = replace(row, verdicts=(*row.verdicts, Verdict(cluster="eu", address="192.0.2.2")))
    metrics = Metrics(lambda: Gauges(rows=(both,)))
    metrics(Observed(seen()))
    metrics(Observed(seen(address="192.0.2.2", passed=False, rtt_s=0.2)))
    labels = {"service": "prod/shop/web", "cluster": "eu", "vantage": "dublin"}
    found = samples(metrics)
    assert found[key("probe_passing_ratio", **labels)] == 0.5
    assert found[key("probe_last_rtt_seconds", **labels)] == 0.2
    assert metrics.rtt_of("prod/shop/web", "eu", "192.0.2.1") == 0.012


def test_what_is_no_target_any_more_counts_no_longer(seen: Callable[..., Observation], row: Row) -> None:
    rows = [replace(row, verdicts=(*row.verdicts, Verdict(cluster="eu", address="192.0.2.2")))]
    metrics = Metrics(lambda: Gauges(rows=tuple(rows)))
    metrics(Observed(seen()))
    metrics(Observed(seen(address="192.0.2.2", passed=False, rtt_s=0.2)))
    labels = {"service": "prod/shop/web", "cluster": "eu", "vantage": "dublin"}
    assert samples(metrics)[key("probe_passing_ratio", **labels)] == 0.5
    rows[:] = [row]
    found = samples(metrics)
    assert found[key("probe_passing_ratio", **labels)] == 1.0
    assert found[key("probe_last_rtt_seconds", **labels)] == 0.012
    rows[:] = [replace(row, verdicts=())]
    assert key("probe_passing_ratio", **labels) not in samples(metrics), "no series without a target"


def test_the_latency_of_a_target_is_the_nearest_vantages(seen: Callable[..., Observation]) -> None:
    metrics = Metrics(Gauges)
    metrics(Observed(seen(rtt_s=0.2, vantage="ashburn")))
    metrics(Observed(seen(rtt_s=0.01)))
    metrics(Observed(seen(rtt_s=None, passed=False, vantage="tokyo")))
    assert metrics.rtt_of("prod/shop/web", "eu", "192.0.2.1") == 0.01
    assert metrics.rtt_of("prod/shop/web", "eu", "192.0.2.99") is None


def test_series_of_a_service_that_is_gone_end(seen: Callable[..., Observation], row: Row) -> None:
    rows = [row]
    metrics = Metrics(lambda: Gauges(rows=tuple(rows)))
    metrics(Observed(seen()))
    assert any(("service", "prod/shop/web") in labels for _, labels in samples(metrics))
    rows.clear()
    assert not any(("service", "prod/shop/web") in labels for _, labels in samples(metrics))


def test_verdicts_decisions_and_freshness_are_read_from_the_table(row: Row) -> None:
    source = Source(cluster="eu", freshness=Freshness.SUSPECT, since_s=77.0, missing=(KEY,))
    found = samples(
        Metrics(lambda: Gauges(rows=(row,), sources=(source,), generation=12, term=3, queue_depth=4, held=1))
    )
    assert found[key("endpoint_serving_ratio", service="prod/shop/web", cluster="eu")] == 1
    assert found[key("endpoint_serving_ratio", service="prod/shop/web", cluster="us")] == 0
    assert found[key("service_serving", service="prod/shop/web")] == 1
    assert found[key("service_changed_timestamp_seconds", service="prod/shop/web")] == 950
    assert found[key("cluster_freshness", cluster="eu", freshness="Suspect")] == 1
    assert found[key("cluster_freshness", cluster="eu", freshness="Fresh")] == 0
    assert found[key("cluster_freshness_since_timestamp_seconds", cluster="eu")] == 77
    assert found[key("cluster_missing_services", cluster="eu")] == 1
    numbers = [
        found[key(name)] for name in ("table_generation", "table_term", "queue_depth", "held_changes", "services")
    ]
    assert numbers == [12, 3, 4, 1, 1]


def test_the_queue_is_told_with_its_age() -> None:
    assert samples(Metrics(lambda: Gauges(queue_depth=4, queue_age_s=1.5)))[key("queue_age_seconds")] == 1.5


def test_the_newest_certificate_of_each_api_server_stands_by_cluster() -> None:
    metrics = Metrics(Gauges)
    for cluster, ends_s in (("eu", 2000.0), ("us", 1000.0), ("eu", 3000.0)):
        metrics(ServerCertified(cluster, ends_s))
    found = samples(metrics)
    assert found[key("api_server_certificate_expiry_timestamp_seconds", cluster="eu")] == 3000
    assert found[key("api_server_certificate_expiry_timestamp_seconds", cluster="us")] == 1000


def test_a_refusal_stands_until_it_is_cleared_and_counts_once_however_often_told() -> None:
    metrics = Metrics(Gauges)
    other = replace(REFUSAL, object="Service/shop/api")
    for event in (ServiceRefused(REFUSAL), ServiceRefused(REFUSAL), ServiceRefused(other)):
        metrics(event)
    assert samples(metrics)[key("refused_objects", reason="Conflict")] == 2
    assert samples(metrics)[key("refusals_total", reason="Conflict")] == 2
    metrics(RefusalCleared(REFUSAL))
    metrics(RefusalCleared(REFUSAL))
    assert samples(metrics)[key("refused_objects", reason="Conflict")] == 1


def test_too_many_services_are_cut_and_the_cut_is_told(row: Row) -> None:
    rows = tuple(
        replace(row, service=replace(row.service, key=ServiceKey("prod", "shop", f"s{at}"))) for at in range(30)
    )
    found = samples(Metrics(lambda: Gauges(rows=rows), limit=10))
    assert sum(name == "trafficfed_service_serving" for name, _ in found) == 10
    # 60 pairs of service and cluster, 30 services in two families, 10 of each shown
    assert found[key("dropped_series")] == 50 + 20 + 20


def test_one_registry_knows_nothing_of_another() -> None:
    one, other = Metrics(Gauges), Metrics(Gauges)
    one(Decided(KEY, "timer", ""))
    assert key("decisions_total", cause="timer") in samples(one)
    assert key("decisions_total", cause="timer") not in samples(other)


def test_publication_buckets_tell_apart_what_the_target_of_50_ms_asks() -> None:
    metrics = Metrics(Gauges)
    for since_s in (0.004, 0.049, 0.051, 400.0):
        metrics(Published("bind", "fed.test", "web.fed.test", Outcome.DONE, since_s))
    found = samples(metrics)
    assert found[key("event_to_publication_seconds_bucket", provider="bind", le="0.005")] == 1
    assert found[key("event_to_publication_seconds_bucket", provider="bind", le="0.05")] == 2
    assert found[key("event_to_publication_seconds_bucket", provider="bind", le="120.0")] == 3
    assert found[key("event_to_publication_seconds_bucket", provider="bind", le="+Inf")] == 4


def test_all_pieces_show_one_moment_while_the_world_goes_on(seen: Callable[..., Observation], row: Row) -> None:
    """The API lets other work in between two pieces: nothing may break or mix when that changes state."""
    rows = {
        number: replace(row, service=replace(row.service, key=ServiceKey("prod", "shop", f"s{number}")))
        for number in range(2_000)
    }
    metrics = Metrics(lambda: Gauges(rows=rows.values()))
    metrics(Observed(seen(service=rows[0].key)))
    pieces = []
    for number, piece in enumerate(metrics.chunks()):
        pieces.append(piece)
        rows.pop(number)
        metrics(Observed(seen(service=rows[1_000].key, vantage=f"v{number}")))
    names = [
        sample.name for family in text_string_to_metric_families(b"".join(pieces).decode()) for sample in family.samples
    ]
    assert len(pieces) > 5
    assert names.count("trafficfed_service_serving") == 2_000
