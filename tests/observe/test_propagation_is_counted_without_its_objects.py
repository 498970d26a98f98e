"""What Prometheus sees of propagation: as many series as members, kinds and reasons, however many objects there are."""

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from trafficfed.model import Freshness
from trafficfed.observe.propagation_metrics import PropagationMetrics
from trafficfed.propagation.outcome import Ended
from trafficfed.testing.idle_propagation import Idle

Series = dict[tuple[str, tuple[str, ...]], float]


def scraped(registry: CollectorRegistry) -> Series:
    """Every sample by its name and label values, in the order of their labels, as Prometheus would read them."""
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {
        (sample.name, tuple(sample.labels.values())): sample.value for family in families for sample in family.samples
    }


def counted(*ended: Ended) -> Series:
    registry, shown = CollectorRegistry(), Idle()
    PropagationMetrics(registry, shown)
    for each in ended:
        shown.listener(each)
    return scraped(registry)


def test_copies_are_shown_by_member_kind_and_reason() -> None:
    found = counted()
    assert found["trafficfed_propagation_copies", ("eu", "Deployment.apps", "InPlace")] == 3
    assert found["trafficfed_propagation_copies", ("us", "Secret", "Forbidden")] == 1


def test_the_hub_has_exactly_one_freshness() -> None:
    found = counted()
    stated = {labels[0]: value for (name, labels), value in found.items() if name == "trafficfed_hub_freshness"}
    assert stated == {str(each): float(each is Freshness.FRESH) for each in Freshness}


def test_a_controller_that_does_not_lead_says_nothing_of_the_hub() -> None:
    registry, shown = CollectorRegistry(), Idle()
    shown.freshness = None
    PropagationMetrics(registry, shown)
    assert {value for (name, _), value in scraped(registry).items() if name == "trafficfed_hub_freshness"} == {0.0}


def test_a_member_that_is_not_followed_shows_as_such() -> None:
    found = counted()
    assert found["trafficfed_propagation_member_seen", ("eu",)] == 1
    assert found["trafficfed_propagation_member_seen", ("us",)] == 0


def test_what_waits_and_what_was_written_to_the_hub_are_numbers_alone() -> None:
    found = counted()
    assert found["trafficfed_propagation_queue_depth", ()] == 2
    assert found["trafficfed_propagation_hub_writes_total", ()] == 5


def test_steps_are_counted_by_how_they_ended() -> None:
    found = counted(
        Ended(cluster="eu", step="apply", outcome="Done"),
        Ended(cluster="eu", step="apply", outcome="Done"),
        Ended(cluster="us", step="delete", outcome="Forbidden"),
    )
    assert found["trafficfed_propagation_steps_total", ("eu", "Done", "apply")] == 2
    assert found["trafficfed_propagation_steps_total", ("us", "Forbidden", "delete")] == 1


def test_only_what_was_done_for_an_event_of_the_hub_has_a_delay() -> None:
    found = counted(
        Ended(cluster="eu", step="apply", outcome="Done", since_event_s=0.012),
        Ended(cluster="eu", step="apply", outcome="Done"),
        Ended(cluster="eu", step="apply", outcome="Failing", since_event_s=3.0),
    )
    assert found["trafficfed_propagation_event_to_applied_seconds_count", ("eu",)] == 1
    assert found["trafficfed_propagation_event_to_applied_seconds_sum", ("eu",)] == 0.012
    assert found["trafficfed_propagation_event_to_applied_seconds_bucket", ("eu", "0.01")] == 0
    assert found["trafficfed_propagation_event_to_applied_seconds_bucket", ("eu", "0.015")] == 1


def test_no_series_is_named_by_an_object() -> None:
    many = (Ended(cluster="eu", step="apply", outcome="Done", since_event_s=0.01) for _ in range(1000))
    assert (
        counted(*many).keys() == counted(Ended(cluster="eu", step="apply", outcome="Done", since_event_s=0.01)).keys()
    )
