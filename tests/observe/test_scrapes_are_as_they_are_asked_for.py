"""OpenMetrics for whoever asks for it, the older text for everybody else; series by service can be left out."""

from collections.abc import Callable, Iterable

import aiohttp
import pytest
from aiohttp.test_utils import TestClient, TestServer
from msgspec.structs import replace
from prometheus_client.core import Metric
from prometheus_client.openmetrics import parser
from prometheus_client.parser import text_string_to_metric_families as read_text

from trafficfed.model import GlobalService, Observation, Row, ServiceKey, Source
from trafficfed.observe import http_api
from trafficfed.observe.exposition import Dropped, Family, is_open_metrics, lines
from trafficfed.observe.metrics import Gauges, Metrics
from trafficfed.observe.outlets import OutletState
from trafficfed.observe.scraped import scraped
from trafficfed.reports import Decided, Observed, Verified
from trafficfed.testing.operations import ScriptedOperations
from trafficfed.testing.processes import free_port
from trafficfed.vantage.metrics import Collector
from trafficfed.vantage.status import Numbers

PROMETHEUS = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,*/*;q=0.1"
KEY = ServiceKey("prod", "shop", "web")


@pytest.fixture
def metrics(row: Row, seen: Callable[..., Observation]) -> Metrics:
    outlet = OutletState(provider="bind", zone="fed.test", reached=True, calls=(("apply", "Done", 4),))
    filled = Metrics(lambda: Gauges(rows=(row,), sources=(Source(cluster="eu"),), outlets=(outlet,)))
    for event in (
        Observed(seen(certificate_ends_s=2e9)),
        Decided(KEY, "verdict", "192.0.2.1"),
        Verified("bind", "fed.test", "web.fed.test", True, 0.1),
    ):
        filled(event)
    return filled


def read_open_metrics(text: str) -> list[Metric]:
    return list(parser.text_string_to_metric_families(text))  # type: ignore[no-untyped-call]


def samples(families: Iterable[Metric]) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
        if not sample.name.startswith("process_")
    }


def by_service(text: str) -> set[str]:
    return {sample.name for family in read_text(text) for sample in family.samples if "service" in sample.labels}


def test_both_formats_say_the_same(metrics: Metrics) -> None:
    old = samples(read_text(metrics.render().decode()))
    new = samples(read_open_metrics(metrics.render(open_metrics=True).decode()))
    assert len(old) > 70
    assert new == old


def test_open_metrics_ends_as_it_must(metrics: Metrics) -> None:
    text = metrics.render(open_metrics=True).decode()
    assert text.endswith("\n# EOF\n")
    assert text.count("# EOF") == 1
    assert "# EOF" not in metrics.render().decode()


def test_quotes_in_a_help_are_escaped_where_they_must_be() -> None:
    family = [Family("trafficfed_x", 'The "x".', (), [((), 1.0)])]
    assert next(lines(family, 1, Dropped())) == '# HELP trafficfed_x The "x".'
    assert next(lines(family, 1, Dropped(), open_metrics=True)) == '# HELP trafficfed_x The \\"x\\".'


@pytest.mark.parametrize(
    ("accept", "asked"),
    [
        (PROMETHEUS, True),
        ("Application/OpenMetrics-Text", True),
        ("text/plain;version=0.0.4", False),
        ("", False),
        ("*/*", False),
        ("application/openmetrics-textual", False),
    ],
)
def test_open_metrics_is_for_whoever_asks_for_it(accept: str, asked: bool) -> None:
    assert is_open_metrics(accept) is asked


async def test_the_controller_answers_in_the_format_asked_for(metrics: Metrics) -> None:
    app = http_api.application(ScriptedOperations(), metrics, "token")
    async with TestClient(TestServer(app)) as client:
        async with client.get("/metrics", headers={"Accept": PROMETHEUS}) as answer:
            assert answer.headers["Content-Type"].startswith("application/openmetrics-text; version=1.0.0")
            found = samples(read_open_metrics(await answer.text()))
        async with client.get("/metrics") as answer:
            assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
            assert samples(read_text(await answer.text())).keys() == found.keys()


async def test_name_servers_and_probers_do_so_too() -> None:
    numbers = Numbers(
        passed=5, failed=2, impossible=1, services=3, targets=4, in_flight=6, waiting=7, followed=True, dropped=8,
        controllers=(),
    )  # fmt: skip
    port = free_port()
    async with (
        scraped("x", ("127.0.0.1", port), Collector(lambda: numbers), lambda: ""),
        aiohttp.ClientSession() as client,
    ):
        async with client.get(f"http://127.0.0.1:{port}/metrics", headers={"Accept": PROMETHEUS}) as answer:
            new = samples(read_open_metrics(await answer.text()))
        async with client.get(f"http://127.0.0.1:{port}/metrics") as answer:
            assert samples(read_text(await answer.text())) == new


# ---------------------------------------------------------------------- series by service


def test_without_series_of_services_the_fleets_are_still_there(row: Row, seen: Callable[..., Observation]) -> None:
    full, bare = (Metrics(lambda: Gauges(rows=(row,)), services=wanted) for wanted in (True, False))
    for each in (full, bare):
        each(Observed(seen(certificate_ends_s=2e9)))
    assert len(by_service(full.render().decode())) == 6
    text = bare.render().decode()
    assert by_service(text) == set()
    assert 'trafficfed_cluster_out_services{cluster="us"} 1' in text
    assert 'trafficfed_cluster_certificate_expiry_timestamp_seconds{cluster="eu"} 2000000000' in text
    assert bare.rtt_of("prod/shop/web", "eu", "192.0.2.1") == 0.012, "status still shows latencies"


def test_no_metric_has_more_series_than_were_allowed(row: Row) -> None:
    rows = tuple(
        replace(row, service=GlobalService(key=replace(KEY, name=f"web-{number}"), hostnames=()))
        for number in range(150)
    )
    text = Metrics(lambda: Gauges(rows=rows), 100).render().decode()
    counted = [line for line in text.splitlines() if line.startswith("trafficfed_service_serving{")]
    assert len(counted) == 100
    assert "trafficfed_services 150.0" in text
    assert "trafficfed_dropped_series 300.0" in text, "50 of two metrics, and 200 of the one with two clusters each"
