"""A few series by cluster tell how many services are down, out of a cluster, or on their last one."""

from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.model import Decision, GlobalService, Observation, Row, ServiceKey, State, Verdict
from trafficfed.observe.certificates import Certificates
from trafficfed.observe.exposition import Family
from trafficfed.observe.outlets import OutletState, of_outlets
from trafficfed.observe.totals import Totals

CALLS = (("read", "Transient", 1), ("apply", "Done", 4))
YEAR_S = 365 * 86_400.0


def service(number: int, **up: bool) -> Row:
    """One target in each cluster, up or not."""
    key = ServiceKey("prod", "shop", f"web-{number}")
    return Row(
        service=GlobalService(key=key, hostnames=(f"web-{number}.fed.test",)),
        verdicts=tuple(
            Verdict(
                cluster=cluster,
                address="192.0.2.1",
                state=State.SERVING if serves else State.NOT_SERVING,
                serving=serves,
            )
            for cluster, serves in up.items()
        ),
        decision=Decision(service=key, hostnames=(), rules=(), serving=any(up.values())),
    )


def values(families: Iterable[Family]) -> dict[str, dict[tuple[str, ...], float]]:
    return {family.name: {tuple(labels): value for labels, value in family.samples} for family in families}


def totals(*rows: Row, clusters: tuple[str, ...] = ()) -> dict[str, dict[tuple[str, ...], float]]:
    counted = Totals()
    counted.take(rows)
    return values(counted.families(clusters))


def test_a_service_that_serves_everywhere_counts_nowhere() -> None:
    found = totals(service(1, eu=True, us=True), clusters=("eu", "us"))
    assert found == {
        "trafficfed_unserved_services": {(): 0.0},
        "trafficfed_cluster_out_services": {("eu",): 0.0, ("us",): 0.0},
        "trafficfed_cluster_sole_services": {("eu",): 0.0, ("us",): 0.0},
    }


def test_the_last_cluster_of_a_service_is_counted_where_it_stands() -> None:
    found = totals(service(1, eu=False, us=True), service(2, eu=False, us=True, ap=True), clusters=("eu", "us"))
    assert found["trafficfed_cluster_out_services"] == {("eu",): 2.0, ("us",): 0.0}
    assert found["trafficfed_cluster_sole_services"] == {("eu",): 0.0, ("us",): 1.0}


def test_a_service_that_was_only_ever_in_one_cluster_has_lost_none() -> None:
    assert totals(service(1, eu=True))["trafficfed_cluster_sole_services"] == {}


def test_one_target_that_serves_keeps_its_cluster_up() -> None:
    row = service(1, eu=True, us=False)
    second = replace(row.verdicts[0], address="192.0.2.2", serving=False)
    row = replace(row, verdicts=(*row.verdicts, second))
    assert totals(row)["trafficfed_cluster_out_services"] == {("us",): 1.0}


def test_a_service_without_a_decision_serves_nobody() -> None:
    found = totals(replace(service(1, eu=True), decision=None), service(2, eu=False))
    assert found["trafficfed_unserved_services"] == {(): 2.0}


fleets = st.lists(st.dictionaries(st.sampled_from("abc"), st.booleans(), min_size=1), max_size=12)


@given(fleets, st.integers(1, 5))
def test_counting_in_pieces_is_counting_at_once(fleet: list[dict[str, bool]], size: int) -> None:
    rows = [service(number, **up) for number, up in enumerate(fleet)]
    pieces = Totals()
    for at in range(0, len(rows), size):
        pieces.take(rows[at : at + size])
    assert values(pieces.families("abc")) == totals(*rows, clusters=("a", "b", "c"))


@given(fleets)
def test_each_number_is_what_its_sentence_says(fleet: list[dict[str, bool]]) -> None:
    found = totals(*(service(number, **up) for number, up in enumerate(fleet)), clusters=("a", "b", "c"))
    assert found["trafficfed_unserved_services"][()] == sum(not any(up.values()) for up in fleet)
    for cluster in "abc":
        out = sum(up.get(cluster) is False for up in fleet)
        sole = sum(len(up) > 1 and up.get(cluster, False) and sum(up.values()) == 1 for up in fleet)
        assert found["trafficfed_cluster_out_services"][(cluster,)] == out
        assert found["trafficfed_cluster_sole_services"][(cluster,)] == sole


# ---------------------------------------------------------------------- certificates


def test_the_first_certificate_to_end_is_told_by_service_and_by_cluster(
    seen: Callable[..., Observation], row: Row
) -> None:
    certificates = Certificates()
    for address, ends_s in (("192.0.2.1", 2 * YEAR_S), ("192.0.2.2", YEAR_S)):
        certificates.take(seen(address=address, certificate_ends_s=ends_s))
    certificates.take(seen(cluster="us", certificate_ends_s=3 * YEAR_S))
    found = values((certificates.of_services(), certificates.of_clusters()))
    assert found == {
        "trafficfed_certificate_expiry_timestamp_seconds": {
            ("prod/shop/web", "eu"): YEAR_S,
            ("prod/shop/web", "us"): 3 * YEAR_S,
        },
        "trafficfed_cluster_certificate_expiry_timestamp_seconds": {("eu",): YEAR_S, ("us",): 3 * YEAR_S},
    }


def test_a_certificate_that_was_refused_is_remembered_with_its_end(seen: Callable[..., Observation], row: Row) -> None:
    certificates = Certificates()
    certificates.take(seen(certificate_ends_s=YEAR_S))
    certificates.take(seen(passed=False, error="TLS certificate refused: certificate has expired"))
    certificates.keep([row])
    assert list(certificates.of_clusters().samples) == [(("eu",), YEAR_S)]


def test_a_renewed_certificate_takes_its_place_at_once(seen: Callable[..., Observation]) -> None:
    certificates = Certificates()
    for ends_s in (YEAR_S, 2 * YEAR_S):
        certificates.take(seen(certificate_ends_s=ends_s))
    assert list(certificates.of_clusters().samples) == [(("eu",), 2 * YEAR_S)]


def test_an_address_that_is_no_target_any_more_warns_nobody(seen: Callable[..., Observation], row: Row) -> None:
    certificates = Certificates()
    certificates.take(seen(certificate_ends_s=2 * YEAR_S))
    certificates.take(seen(address="192.0.2.99", certificate_ends_s=YEAR_S))
    certificates.keep([row])
    assert list(certificates.of_services().samples) == [(("prod/shop/web", "eu"), 2 * YEAR_S)]
    certificates.keep([])
    assert list(certificates.of_services().samples) == []


def test_plain_probes_have_none(seen: Callable[..., Observation], row: Row) -> None:
    certificates = Certificates()
    certificates.take(seen())
    certificates.keep([row])
    assert list(certificates.of_clusters().samples) == []


# ---------------------------------------------------------------------- providers


@pytest.mark.parametrize("reached", [True, False])
def test_each_zone_at_each_provider_has_its_numbers(reached: bool) -> None:
    state = OutletState(
        provider="bind",
        zone="fed.test",
        reached=reached,
        names=7,
        waiting=2,
        since_s=12.5,
        calls=CALLS,
        requests_left=-1.5,
    )
    at = ("bind", "fed.test")
    assert values(of_outlets([state])) == {
        "trafficfed_provider_reached": {at: float(reached)},
        "trafficfed_provider_names": {at: 7.0},
        "trafficfed_provider_waiting_services": {at: 2.0},
        "trafficfed_provider_oldest_change_timestamp_seconds": {at: 12.5},
        "trafficfed_provider_requests_left": {at: -1.5},
        "trafficfed_provider_calls_total": {(*at, "apply", "Done"): 4.0, (*at, "read", "Transient"): 1.0},
    }


def test_who_does_not_lead_tells_of_its_calls_alone() -> None:
    found = values(of_outlets([OutletState(provider="bind", zone="fed.test", leads=False, calls=CALLS)]))
    assert {name for name, samples in found.items() if samples} == {"trafficfed_provider_calls_total"}


def test_where_nothing_waits_nothing_is_the_oldest() -> None:
    found = values(of_outlets([OutletState(provider="bind", zone="fed.test", reached=True)]))
    assert found["trafficfed_provider_oldest_change_timestamp_seconds"] == {}
