"""An explanation leads from the user's objects and every verdict to exactly what the client is answered."""

from collections.abc import Mapping

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Client, Cluster, Endpoint, Form, OperatorControl, Row, WhenAllDown, Where
from trafficfed.steering.decide import decide
from trafficfed.steering.explain import Explanation, explain
from trafficfed.steering.select import answers
from trafficfed.testing import fleets
from trafficfed.testing.fleets import CLIENTS, address, endpoint, fleet, row

NOW_S = 100.0
IRISH = Client("198.51.100.7", "EU", "IE")


def decided(given_row: Row, *names: str, controls: tuple[OperatorControl, ...] = ()) -> Row:
    return msgspec.structs.replace(given_row, decision=decide(given_row, fleet(*names), controls, NOW_S))


@settings(max_examples=40, deadline=None)
@given(fleets.rows(), fleets.clusters(), fleets.controls(), st.sampled_from(CLIENTS))
def test_every_target_is_accounted_for_once_and_the_answer_is_the_rules(
    given_row: Row, clusters: Mapping[str, Cluster], controls: tuple[OperatorControl, ...], client: Client
) -> None:
    decision = decide(given_row, clusters, controls, NOW_S)
    told = explain(given_row, client, clusters, controls, NOW_S)
    about = [line for line in told.lines if line.startswith(("tier ", "left out: "))]
    form = given_row.service.form
    for each in given_row.endpoints:
        for target in each.targets if form == "address" else each.hostnames:
            named = [line for line in about if f" {target}," in line]
            assert len(named) == 1, (target, about)
            assert f"weight {each.weight}, tier {each.tier}" in named[0]
    types = ("A", "AAAA", "CNAME")
    possible = {value for kind in types for answer in answers(decision, client, kind) for value in answer}
    assert set(told.answer) == possible
    assert told.serving == decision.serving
    assert told.lines[-1].startswith("answer: ")


def test_the_lines_lead_from_policy_and_observations_to_the_answer() -> None:
    given_row = row(endpoint("eu"), endpoint("de"), endpoint("us"), down=("eu",), steering=("geo", "weighted"))
    told = explain(decided(given_row, "eu", "de", "us"), IRISH, fleet("eu", "de", "us"), (), NOW_S)
    assert told.where == Where("continent", "EU")
    assert told.answer == (address("de"),)
    assert told.lines == (
        "prod/shop/web has web.example.org",
        "declared by eu:Service/shop/web",
        "steering geo,weighted; when none serves: all; TTL 30 s",
        "client 198.51.100.7: country IE, continent EU",
        "rule continent EU, the most specific of 8 rules that covers it: de first of 2 tiers by geo",
        "tier 1 answered: de (eu-central-1, DE, EU) 192.0.2.21, weight 100, tier 0,"
        " serves, Serving (ProbesPassing: every vantage passes), 100% of the answers",
        "tier 2 stands by: us (us-east-1, US, NA) 192.0.2.41, weight 100, tier 0,"
        " serves, Serving (ProbesPassing: every vantage passes)",
        "left out: eu (eu-west-1, IE, EU) 192.0.2.31, weight 100, tier 0,"
        " does not serve, NotServing (ProbesFailing: connection refused): out, NotServing (ProbesFailing)",
        "answer: all of 192.0.2.21",
    )


def test_shares_of_a_weighted_answer_are_told() -> None:
    given_row = row(endpoint("eu", weight=30), endpoint("us", weight=10), steering=("weighted",))
    lines = explain(decided(given_row), Client(), {}, (), NOW_S).lines
    assert [line.rsplit(", ", 1)[1] for line in lines if line.startswith("tier 1")] == [
        "75% of the answers",
        "25% of the answers",
    ]
    assert lines[-1] == f"answer: one member of {address('eu')}, {address('us')}"


def test_of_hostnames_one_is_told_to_be_answered() -> None:
    service = msgspec.structs.replace(row().service, form=Form.HOSTNAME)
    two = Endpoint(cluster="eu", hostnames=("a.example.net", "b.example.net"), resolved=(address("eu"),))
    given_row = Row(service=service, endpoints=(two,), verdicts=(fleets.passing("eu"),))
    assert explain(given_row, IRISH, {}, (), NOW_S).lines[-1] == "answer: one of a.example.net, b.example.net"


def test_who_drained_and_why_is_told() -> None:
    drain = OperatorControl(kind="drain", cluster="eu", who="ann", why="kernel upgrade")
    told = explain(decided(row(endpoint("eu"), endpoint("us")), controls=(drain,)), IRISH, {}, (drain,), NOW_S)
    assert next(line for line in told.lines if line.startswith("left out: eu")).endswith(
        "drained by ann: kernel upgrade; given out only where nothing else serves"
    )


def test_a_freeze_is_told_with_what_it_means() -> None:
    freeze = OperatorControl(kind="freeze", who="bob", why="launch day")
    lines = explain(decided(row(endpoint("eu"))), IRISH, {}, (freeze,), NOW_S).lines
    assert "frozen by bob: launch day: nothing below changes, failover included, until that ends" in lines


def test_an_empty_answer_says_why() -> None:
    given_row = row(endpoint("eu"), down=("eu",), when_all_down=WhenAllDown.EMPTY)
    told = explain(decided(given_row), IRISH, {}, (), NOW_S)
    assert (told.where, told.answer, told.serving) == (None, (), False)
    assert told.lines[-1] == "answer: nothing; no endpoint serves, and none is to be given out then"


def test_a_fallback_is_told_to_be_no_endpoint() -> None:
    given_row = row(endpoint("eu"), down=("eu",), when_all_down=WhenAllDown.FALLBACK, fallback=("192.0.2.250",))
    told = explain(decided(given_row), IRISH, {}, (), NOW_S)
    assert told.answer == ("192.0.2.250",)
    assert "tier 1 answered: fallback 192.0.2.250, no endpoint of the service now" in told.lines


def test_an_endpoint_with_nothing_to_give_is_told() -> None:
    told = explain(decided(row(endpoint("eu"), endpoint("us", targets=0))), IRISH, {}, (), NOW_S)
    assert "left out: us: out, it offers nothing of the published form" in told.lines


def test_what_the_row_holds_is_explained_even_if_it_would_be_decided_differently_now() -> None:
    before = decided(row(endpoint("eu"), endpoint("us")))
    now = msgspec.structs.replace(before, verdicts=row(endpoint("eu"), endpoint("us"), down=("eu",)).verdicts)
    assert explain(now, IRISH, {}, (), NOW_S).answer == (address("eu"), address("us"))


@pytest.mark.parametrize("client", CLIENTS)
def test_explanations_are_values_of_stable_content(client: Client) -> None:
    given_row = row(endpoint("eu"), endpoint("us"), steering=("geo",))
    one, two = (explain(given_row, client, fleet("eu", "us"), (), NOW_S) for _ in range(2))
    assert one == two
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Explanation) == one
