"""The status of a GlobalService: conditions with named reasons, names, and one line for each cluster."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.crds.globalservice import EndpointSummary, GlobalServiceStatus
from trafficfed.crds.structs import Condition
from trafficfed.discovery.declared import HUB, Written, refusal
from trafficfed.globalservices.status import status_of
from trafficfed.model import Endpoint, GlobalService, Refusal, Row, ServiceKey, State, Verdict, WhenAllDown

KEY = ServiceKey("default", "shop", "web")
WRITTEN = Written(key=KEY, uid="u", generation=3)
NOW_S = 1_767_225_600.0
NEW = GlobalServiceStatus()


def row(*serving: bool, drained: bool = False) -> Row:
    """One endpoint with one address for each, named a, b, c."""
    clusters = "abc"[: len(serving)]
    return Row(
        service=GlobalService(key=KEY, hostnames=("web.example.org",), when_all_down=WhenAllDown.LAST_GOOD),
        endpoints=tuple(
            Endpoint(cluster=name, addresses=(f"192.0.2.{number}",), drained=drained)
            for number, name in enumerate(clusters)
        ),
        verdicts=tuple(
            Verdict(
                cluster=name,
                address=f"192.0.2.{number}",
                state=State.SERVING if up else State.NOT_SERVING,
                serving=up,
                reason="ProbesPassing" if up else "ProbesFailing",
            )
            for number, (name, up) in enumerate(zip(clusters, serving, strict=True))
        ),
    )


def conditions(status: GlobalServiceStatus) -> dict[str, tuple[str, str]]:
    return {each.type: (each.status, each.reason) for each in status.conditions}


def said(found: Row | None, *refusals: Refusal, before: GlobalServiceStatus = NEW) -> GlobalServiceStatus:
    return status_of(WRITTEN, found, refusals, before, NOW_S)


def test_all_is_well_where_everything_serves() -> None:
    status = said(row(True, True))
    assert conditions(status) == {
        "Accepted": ("True", "Accepted"),
        "Ready": ("True", "Serving"),
        "Conflict": ("False", "NoConflict"),
    }
    assert (status.observed_generation, status.hostnames, status.serving) == (3, ("web.example.org",), "2/2")
    assert status.endpoints == (
        EndpointSummary(cluster="a", serving=True, targets=("192.0.2.0",), reason="ProbesPassing"),
        EndpointSummary(cluster="b", serving=True, targets=("192.0.2.1",), reason="ProbesPassing"),
    )


def test_it_is_ready_while_one_serves() -> None:
    status = said(row(True, False))
    assert (conditions(status)["Ready"], status.serving) == (("True", "Serving"), "1/2")
    assert [each.reason for each in status.endpoints] == ["ProbesPassing", "ProbesFailing"]


def test_when_nothing_serves_it_says_what_clients_get() -> None:
    status = said(row(False, False))
    assert (conditions(status)["Ready"], status.serving) == (("False", "NothingServes"), "0/2")
    ready = next(each for each in status.conditions if each.type == "Ready")
    assert ready.message == "none of 2 clusters serves: last-good"


def test_without_endpoints_it_is_accepted_and_says_so() -> None:
    status = said(None)
    assert conditions(status)["Accepted"] == ("True", "Accepted")
    assert conditions(status)["Ready"] == ("False", "NoEndpoints")
    assert (status.endpoints, status.hostnames, status.serving) == ((), (), "0/0")


def test_a_cluster_whose_object_offers_nothing_says_why() -> None:
    waits = Refusal(cluster="c", object="Service/shop/web", reason="NoAddress", message="it waits", service=KEY)
    status = said(row(True, True), waits)
    assert status.endpoints[2] == EndpointSummary(cluster="c", reason="NoAddress")
    assert (status.serving, conditions(status)["Accepted"]) == ("2/2", ("True", "Accepted"))


def test_an_annotation_that_does_not_count_is_no_matter_of_the_hubs_object() -> None:
    overruled = Refusal(cluster="a", object="Service/shop/web", reason="Overruled", message="", service=KEY)
    assert said(row(True), overruled) == said(row(True))


def test_a_drained_endpoint_serves_nobody() -> None:
    status = said(row(True, drained=True))
    assert [(each.serving, each.reason) for each in status.endpoints] == [(False, "Drained")]
    assert conditions(status)["Ready"] == ("False", "NothingServes")


@pytest.mark.parametrize(
    "reason", ["NotGranted", "OutsideZones", "InvalidSpec", "UnknownClusterset", "FormNotPossible"]
)
def test_what_is_not_taken_is_the_reason(reason: str) -> None:
    status = said(None, refusal(KEY, reason, "because"))
    assert conditions(status)["Accepted"] == ("False", reason)
    assert conditions(status)["Ready"] == ("False", "NotAccepted")
    assert conditions(status)["Conflict"] == ("False", "NoConflict")


def test_several_mistakes_are_all_told() -> None:
    status = said(row(True), refusal(KEY, "OutsideZones", "b is outside"), refusal(KEY, "NotGranted", "a is not"))
    accepted = status.conditions[0]
    assert (accepted.reason, accepted.message) == ("NotGranted", "a is not; b is outside")
    assert conditions(status)["Ready"] == ("True", "Serving"), "what may be served is"


def test_a_name_that_another_has_is_a_conflict() -> None:
    status = said(row(True), refusal(KEY, "Conflict", "www.example.org is held by default/shop/old"))
    assert conditions(status)["Accepted"] == ("False", "Conflict")
    assert conditions(status)["Conflict"] == ("True", "HeldByAnother")


def test_a_condition_keeps_its_moment_while_its_status_stays() -> None:
    first = status_of(WRITTEN, row(True, True), (), NEW, NOW_S)
    assert {each.last_transition_time for each in first.conditions} == {"2026-01-01T00:00:00Z"}
    later = status_of(WRITTEN, row(True, False), (), first, NOW_S + 3600)
    assert {each.last_transition_time for each in later.conditions} == {"2026-01-01T00:00:00Z"}
    last = status_of(WRITTEN, row(False, False), (), later, NOW_S + 7200)
    assert {each.type: each.last_transition_time for each in last.conditions} == {
        "Accepted": "2026-01-01T00:00:00Z",
        "Ready": "2026-01-01T02:00:00Z",
        "Conflict": "2026-01-01T00:00:00Z",
    }


def test_nothing_differs_at_a_second_run() -> None:
    first = said(row(True, False), refusal(KEY, "Conflict", "x"))
    assert status_of(WRITTEN, row(True, False), (refusal(KEY, "Conflict", "x"),), first, NOW_S + 99) == first


texts = st.text(alphabet="abc .", min_size=1, max_size=8)
refusals = st.builds(
    Refusal,
    cluster=st.sampled_from((HUB, "a", "z")),
    object=st.just("x"),
    reason=st.sampled_from(("Conflict", "NotGranted", "NoAddress", "Overruled")),
    message=texts,
)


@settings(max_examples=40)
@given(
    rows=st.one_of(st.none(), st.lists(st.booleans(), min_size=1, max_size=3).map(lambda up: row(*up))),
    found=st.lists(refusals, max_size=5),
    order=st.randoms(use_true_random=False),
)
def test_it_depends_on_no_order_and_survives_the_wire(rows: Row | None, found: list[Refusal], order: Any) -> None:
    status = said(rows, *found)
    shuffled = list(found)
    order.shuffle(shuffled)
    assert said(rows, *shuffled, before=status) == status
    body = msgspec.json.encode(status)
    assert msgspec.json.decode(body, type=GlobalServiceStatus) == status
    assert all(isinstance(each, Condition) and each.message for each in status.conditions)
