"""The name server's metrics: their names are an interface, their values come from plain numbers."""

from prometheus_client import CollectorRegistry, generate_latest

from trafficfed.nameserver.metrics import RCODES, Collector
from trafficfed.nameserver.respond import Responder
from trafficfed.nameserver.status import Numbers
from trafficfed.nameserver.tallies import Asked, Tallies
from trafficfed.testing.nameservers import ask
from trafficfed.testing.sample_zone import AP, EU, ROWS, anyone, only, responder_for, service_row

RESPONDER: Responder = responder_for()
SAMPLE = Numbers(
    rcodes=tuple(range(17)),
    dropped=21,
    unsent=22,
    connections=23,
    refused_connections=24,
    feeds=("192.0.2.1:7400", "192.0.2.2:7400"),
    followed="192.0.2.2:7400",
    standing="relays",
    highest_term=30,
    overlaid=31,
    serving=False,
    term=25,
    generation=26,
    services=27,
    table_age_s=28.5,
    unreadable_places=29,
    asked=(
        Asked("default/shop/web", "eu", "EU", 30),
        Asked("default/shop/api", "eu", "EU", 2),
        Asked("default/shop/web", "us", "NA", 33),
        Asked("default/shop/web", "eu+us", "unknown", 34),
        Asked("default/shop/all", "eu+us", "any", 35),
    ),
    inside_ratio=0.25,
)


def exposed(numbers: Numbers) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(Collector(lambda: numbers))
    lines = generate_latest(registry).decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if not line.startswith("#"))}


def test_every_number_is_exposed_under_its_name() -> None:
    prefix = "trafficfed_nameserver_"
    others = {name.removeprefix(prefix): value for name, value in exposed(SAMPLE).items() if "{" not in name}
    assert others == {
        "dropped_total": 21,
        "unsent_total": 22,
        "tcp_connections": 23,
        "refused_connections_total": 24,
        "feed_connected": 1,
        "highest_term": 30,
        "overlaid_services": 31,
        "serving": 0,
        "table_term": 25,
        "table_generation": 26,
        "table_services": 27,
        "table_age_seconds": 28.5,
        "unreadable_places_total": 29,
        "inside_sources_ratio": 0.25,
    }


def test_queries_are_counted_by_the_name_of_their_rcode() -> None:
    found = exposed(SAMPLE)
    for code, name in RCODES.items():
        assert found[f'trafficfed_nameserver_queries_total{{rcode="{name}"}}'] == code


def test_queries_that_were_located_are_counted_by_continent() -> None:
    found = {name: value for name, value in exposed(SAMPLE).items() if "located" in name}
    assert found == {
        'trafficfed_nameserver_located_queries_total{continent="EU"}': 32,
        'trafficfed_nameserver_located_queries_total{continent="NA"}': 33,
        'trafficfed_nameserver_located_queries_total{continent="unknown"}': 34,
    }


def test_only_whose_place_mattered_is_counted_by_it() -> None:
    """Not those of a name that answers all alike, of a client that asks not to be located, or of no such name."""
    responder = responder_for((service_row("web.example.org", only("continent", "EU", EU), anyone(AP)), *ROWS[1:]))
    for subnet in ("198.51.100.0/24", "198.51.100.0/24", "192.0.2.0/24"):
        ask(responder, "web.example.org", subnet=subnet)
    ask(responder, "web.example.org", subnet="0.0.0.0/0")
    ask(responder, "none.example.org", subnet="198.51.100.0/24")
    ask(responder, "nope.example.org", subnet="198.51.100.0/24")
    asked = {each for each in responder.tallies.asked() if each.service.endswith("/web.example.org")}
    assert asked == {
        Asked("default/prod/web.example.org", "eu", "EU", 2),
        Asked("default/prod/web.example.org", "ap", "unknown", 1),
        Asked("default/prod/web.example.org", "ap", "any", 1),
    }


def test_queries_are_counted_by_service_answer_and_continent() -> None:
    found = {name: value for name, value in exposed(SAMPLE).items() if "service_queries" in name}
    name = "trafficfed_nameserver_service_queries_total"
    assert found == {
        f'{name}{{answer="eu",continent="EU",service="default/shop/web"}}': 30,
        f'{name}{{answer="eu",continent="EU",service="default/shop/api"}}': 2,
        f'{name}{{answer="us",continent="NA",service="default/shop/web"}}': 33,
        f'{name}{{answer="eu+us",continent="unknown",service="default/shop/web"}}': 34,
        f'{name}{{answer="eu+us",continent="any",service="default/shop/all"}}': 35,
    }


def test_an_answer_that_comes_back_is_counted_on() -> None:
    both, one = anyone(EU, AP), anyone(AP)
    responder = responder_for((service_row("web.example.org", both), *ROWS[1:]))
    for rule in (both, one, both):
        responder.index.apply([service_row("web.example.org", rule)])
        ask(responder, "web.example.org")
    counts = {each.answer: each.queries for each in responder.tallies.asked()}
    assert counts == {"ap+eu": 2, "ap": 1}


def test_only_so_many_answers_are_told_apart() -> None:
    tallies = Tallies(limit=2)
    for number in range(4):
        tallies.of(f"s{number}", "eu")["EU"] += 1
    tallies.of("s0", "eu")["EU"] += 1
    assert set(tallies.asked()) == {
        Asked("s0", "eu", "EU", 2),
        Asked("s1", "eu", "EU", 1),
        Asked("other", "other", "EU", 2),
    }


def test_every_rcode_that_the_server_can_give_has_a_name() -> None:
    for name in ("all.example.org", "nope.example.org", "example.com"):
        ask(RESPONDER, name)
    given = {code for code, count in enumerate(RESPONDER.rcodes) if count}
    assert given <= RCODES.keys()
    assert len(RESPONDER.rcodes) == max(RCODES) + 1


def test_a_collector_reads_at_each_scrape() -> None:
    numbers = [SAMPLE, SAMPLE._replace(generation=99)]
    registry = CollectorRegistry()
    registry.register(Collector(lambda: numbers[0]))
    first = generate_latest(registry)
    numbers.pop(0)
    second = generate_latest(registry)
    assert b"trafficfed_nameserver_table_generation 26.0" in first
    assert b"trafficfed_nameserver_table_generation 99.0" in second
