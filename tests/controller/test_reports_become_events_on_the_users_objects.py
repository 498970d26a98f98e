"""`kubectl describe service` tells what was refused and when a target stopped serving."""

from trafficfed.kubernetes_api.events import Note, Subject
from trafficfed.model import Outcome, Refusal, ServiceKey, State, Verdict
from trafficfed.observe.object_events import ObjectEvents
from trafficfed.reports import Published, RefusalCleared, ReportEvent, ServiceRefused, VerdictChanged

WEB = ServiceKey("default", "shop", "web")
UIDS = {"eu": "uid-eu", "us": "uid-us"}


def told(event: ReportEvent) -> list[tuple[str, Note]]:
    notes: list[tuple[str, Note]] = []
    ObjectEvents(lambda key: UIDS if key == WEB else {}, lambda cluster, note: notes.append((cluster, note)))(event)
    return notes


def refused(cluster: str, service: ServiceKey | None = WEB) -> Refusal:
    return Refusal(cluster=cluster, object="Service/shop/web", reason="Conflict", message="held", service=service)


def test_a_refusal_is_told_on_its_own_object() -> None:
    note = Note(Subject("shop", "web", "uid-eu"), "Conflict", "held", "Warning")
    assert told(ServiceRefused(refused("eu"))) == [("eu", note)]


def test_a_refusal_of_no_cluster_is_told_in_all_that_have_the_object() -> None:
    assert [cluster for cluster, _ in told(ServiceRefused(refused("")))] == ["eu", "us"]


def test_a_cleared_refusal_is_told_as_normal() -> None:
    ((_, note),) = told(RefusalCleared(refused("us")))
    assert (note.reason, note.type) == ("RefusalCleared", "Normal")


def test_a_refusal_of_no_service_has_no_object_to_be_told_on() -> None:
    assert told(ServiceRefused(refused("eu", None))) == []


def test_an_object_that_was_never_seen_gets_no_event() -> None:
    assert told(ServiceRefused(refused("ap"))) == []


def verdict(serving: bool, reason: str) -> Verdict:
    state = State.SERVING if serving else State.NOT_SERVING
    return Verdict(cluster="eu", address="192.0.2.1", state=state, serving=serving, reason=reason)


def test_only_a_change_of_serving_is_told() -> None:
    up, down = verdict(True, "ProbesPassing"), verdict(False, "ProbesFailing")
    ((cluster, note),) = told(VerdictChanged(WEB, up, down))
    assert cluster == "eu"
    assert (note.reason, note.type) == ("NotServing", "Warning")
    assert "192.0.2.1 does not serve" in note.message
    ((_, note),) = told(VerdictChanged(WEB, down, up))
    assert (note.reason, note.type) == ("Serving", "Normal")
    assert told(VerdictChanged(WEB, up, verdict(True, "MassReadinessLoss"))) == []


def test_what_concerns_no_object_is_told_to_none() -> None:
    assert told(Published("bind", "example.org", "web.example.org", Outcome.DONE, 0.01)) == []
