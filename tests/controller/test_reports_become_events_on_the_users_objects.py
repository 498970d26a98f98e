"""`kubectl describe service` tells the hostname, whether it sends clients here, and why not; and what was refused."""

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.kubernetes_api.events import Note, Subject
from trafficfed.model import (
    Cluster,
    Endpoint,
    GlobalService,
    OperatorControl,
    Outcome,
    Refusal,
    Row,
    ServiceKey,
    State,
    Verdict,
)
from trafficfed.observe.object_events import AT_ONCE, SPACING_S, ObjectEvents
from trafficfed.observe.object_notes import notes
from trafficfed.reports import Decided, Published, RefusalCleared, ReportEvent, ServiceRefused, VerdictChanged
from trafficfed.steering.decide import decide, given_out

WEB = ServiceKey("default", "shop", "web")
UIDS = {"eu": "uid-eu", "us": "uid-us"}
CLUSTERS = {name: Cluster(name=name) for name in UIDS}
UP: dict[str, Any] = {
    "state": State.SERVING,
    "serving": True,
    "reason": "ProbesPassing",
    "detail": "passes its health check",
}
DOWN: dict[str, Any] = {
    "state": State.NOT_SERVING,
    "serving": False,
    "reason": "ProbesFailing",
    "detail": "connection refused",
}
EU, US = "192.0.2.1", "198.51.100.1"


class At:
    """A clock that stands."""

    def now_s(self) -> float:
        return 100.0

    def monotonic_s(self) -> float:
        return 100.0


class Desk:
    """Rows that are decided anew with each change, and what is told of it."""

    def __init__(self, *rows: Row) -> None:
        self.rows = {row.key: row for row in rows}
        self.controls: tuple[OperatorControl, ...] = ()
        self.told: list[tuple[str, Note]] = []
        self.events = ObjectEvents(
            lambda key: UIDS if key == WEB else {},
            lambda cluster, note: self.told.append((cluster, note)),
            self.rows,
            lambda: self.controls,
            At(),
        )

    def __call__(self, event: ReportEvent) -> list[tuple[str, Note]]:
        """What an event leads to."""
        self.told.clear()
        self.events(event)
        while self.events.turn():
            pass
        return list(self.told)

    def becomes(self, row: Row) -> dict[str, tuple[str, str, str]]:
        """Take a row in as the controller does; reason, message and type by cluster."""
        self.rows[row.key] = decided(row, self.controls)
        return {
            cluster: (note.reason, note.message, note.type) for cluster, note in self(Decided(row.key, "verdict", ""))
        }


def decided(row: Row, controls: tuple[OperatorControl, ...] = ()) -> Row:
    return replace(row, decision=decide(row, CLUSTERS, controls, 100.0))


def web(eu: dict[str, Any] = UP, us: dict[str, Any] = UP, **fields: Any) -> Row:
    row = Row(
        service=GlobalService(key=WEB, hostnames=("web.fed.test",), steering=("failover", "weighted")),
        endpoints=(
            Endpoint(cluster="eu", addresses=(EU,), uid="uid-eu"),
            Endpoint(cluster="us", addresses=(US,), uid="uid-us"),
        ),
        verdicts=(Verdict(cluster="eu", address=EU, **eu), Verdict(cluster="us", address=US, **us)),
    )
    return decided(replace(row, **fields))


def drain(cluster: str) -> OperatorControl:
    return OperatorControl(kind="drain", cluster=cluster, who="ann", why="kernel upgrade")


# ---------------------------------------------------------------- refusals


def refused(cluster: str, service: ServiceKey | None = WEB) -> Refusal:
    return Refusal(cluster=cluster, object="Service/shop/web", reason="Conflict", message="held", service=service)


def test_a_refusal_is_told_on_its_own_object() -> None:
    note = Note(Subject("shop", "web", "uid-eu"), "Conflict", "held", "Warning")
    assert Desk()(ServiceRefused(refused("eu"))) == [("eu", note)]


def test_a_refusal_of_no_cluster_is_told_in_all_that_have_the_object() -> None:
    assert [cluster for cluster, _ in Desk()(ServiceRefused(refused("")))] == ["eu", "us"]


def test_a_cleared_refusal_is_told_as_normal() -> None:
    ((_, note),) = Desk()(RefusalCleared(refused("us")))
    assert (note.reason, note.type) == ("RefusalCleared", "Normal")


def test_a_refusal_of_no_service_has_no_object_to_be_told_on() -> None:
    assert Desk()(ServiceRefused(refused("eu", None))) == []


def test_an_object_that_was_never_seen_gets_no_event() -> None:
    assert Desk()(ServiceRefused(refused("ap"))) == []


# ---------------------------------------------------------------- answers


def test_a_new_name_is_told_in_each_of_its_clusters() -> None:
    assert Desk().becomes(web()) == {
        "eu": ("GivenOut", f"web.fed.test sends clients here, to {EU}", "Normal"),
        "us": ("GivenOut", f"web.fed.test sends clients here, to {US}", "Normal"),
    }


def test_what_was_not_probed_yet_is_told_without_a_warning() -> None:
    new: dict[str, Any] = {"detail": "not probed yet"}
    reason, message, kind = Desk(web()).becomes(web(eu=new))["eu"]
    assert (reason, kind) == ("NotGivenOut", "Normal")
    assert message.endswith(f"{EU} is out, Unknown (NoEvidence): not probed yet")


def test_a_death_is_told_where_it_happened_and_nowhere_else() -> None:
    told = Desk(web()).becomes(web(eu=DOWN))
    why = f"{EU} is out, NotServing (ProbesFailing): connection refused"
    assert told == {"eu": ("NotGivenOut", f"web.fed.test sends no clients here: {why}", "Warning")}


def test_a_verdict_and_the_answer_that_it_leads_to_are_one_event() -> None:
    desk = Desk(web())
    desk.rows[WEB] = web(eu=DOWN)
    before, after = web().verdicts[0], web(eu=DOWN).verdicts[0]
    desk.events(VerdictChanged(WEB, before, after))
    assert len(desk(Decided(WEB, "verdict", US))) == 1
    assert desk(Decided(WEB, "verdict", US)) == []


def test_what_stood_at_the_start_is_not_told_again() -> None:
    assert Desk(web()).becomes(web()) == {}


def test_a_drain_says_whose_and_why_and_is_no_warning() -> None:
    desk = Desk(web())
    desk.controls = (drain("eu"),)
    ((cluster, (reason, message, kind)),) = desk.becomes(web()).items()
    assert (cluster, reason, kind) == ("eu", "NotGivenOut", "Normal")
    assert "drained by ann: kernel upgrade" in message


def test_who_stands_by_is_told_when_it_takes_over_and_when_that_is_over() -> None:
    tiers = (
        Endpoint(cluster="eu", addresses=(EU,), uid="uid-eu"),
        Endpoint(cluster="us", addresses=(US,), uid="uid-us", tier=1),
    )
    desk = Desk()
    assert desk.becomes(web(endpoints=tiers))["us"][0] == "StandsBy"
    assert {cluster: each[0] for cluster, each in desk.becomes(web(eu=DOWN, endpoints=tiers)).items()} == {
        "eu": "NotGivenOut",
        "us": "GivenOut",
    }
    assert desk.becomes(web(endpoints=tiers))["us"][0] == "StandsBy"


def test_where_nothing_serves_it_is_said_that_clients_come_all_the_same() -> None:
    told = Desk(web()).becomes(web(eu=DOWN, us=DOWN))
    assert set(told) == {"eu", "us"}
    reason, message, kind = told["eu"]
    assert (reason, kind) == ("GivenOut", "Warning")
    assert message.startswith(f"web.fed.test sends clients here, to {EU}, as nothing serves: {EU} is out, NotServing")


def test_a_frozen_answer_is_told_as_such_with_what_it_hides() -> None:
    freeze = OperatorControl(kind="freeze", who="bob", why="moving")
    row = replace(web(), verdicts=web(eu=DOWN).verdicts)
    told = notes(row, (freeze,), 100.0)["eu"]
    assert told.reason == "GivenOut"
    assert told.message.endswith("connection refused; answers are frozen by bob: moving")
    assert "nothing serves" not in told.message


def test_of_several_addresses_those_left_out_are_named_with_the_reason() -> None:
    both = (Endpoint(cluster="eu", addresses=(EU, "192.0.2.2"), uid="uid-eu"),)
    verdicts = (Verdict(cluster="eu", address=EU, **UP), Verdict(cluster="eu", address="192.0.2.2", **DOWN))
    _, message, kind = Desk().becomes(web(endpoints=both, verdicts=verdicts))["eu"]
    assert kind == "Warning"
    assert f"to {EU}; not to others: 192.0.2.2 is out, NotServing (ProbesFailing): connection refused" in message


def test_a_service_of_many_names_has_a_short_message() -> None:
    names = tuple(f"web{number}.fed.test" for number in range(9))
    row = web(service=GlobalService(key=WEB, hostnames=names))
    assert Desk().becomes(row)["eu"][1].startswith("web0.fed.test, web1.fed.test, web2.fed.test, and 6 more sends")


def test_a_service_that_is_gone_and_back_is_told_anew() -> None:
    desk = Desk(web())
    row = desk.rows.pop(WEB)
    assert desk(Decided(WEB, "object", "gone")) == []
    assert set(desk.becomes(row)) == {"eu", "us"}


@given(st.lists(st.sampled_from([UP, DOWN]), min_size=2, max_size=2), st.sets(st.sampled_from(["eu", "us"])))
def test_given_out_is_told_just_where_somebody_gets_it(states: list[dict[str, Any]], drained: set[str]) -> None:
    controls = tuple(drain(cluster) for cluster in sorted(drained))
    row = decided(web(*states), controls)
    assert row.decision is not None
    answer = given_out(row.decision)
    told = notes(row, controls, 100.0)
    assert {cluster: each.reason == "GivenOut" for cluster, each in told.items()} == {
        "eu": EU in answer,
        "us": US in answer,
    }
    assert all("web.fed.test" in each.message for each in told.values())


def test_what_concerns_no_object_is_told_to_none() -> None:
    assert Desk()(Published("bind", "example.org", "web.example.org", Outcome.DONE, 0.01)) == []


@pytest.mark.looptime
async def test_a_regions_death_is_told_in_slices() -> None:
    """However many services it takes with it, the loop is free for failover in between."""
    rows = {key: replace(web(eu=DOWN), service=replace(web().service, key=key)) for key in map(numbered, range(100))}
    told: list[str] = []
    events = ObjectEvents(
        lambda key: UIDS, lambda cluster, note: told.append(note.subject.name), rows, lambda: (), At()
    )
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(events.run(), name="events")
        for key in rows:
            events(Decided(key, "verdict", US))
        assert told == []
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert told == []  # what stood at the start is told already
        for key in rows:
            rows[key] = replace(rows[key], verdicts=web().verdicts)
            events(Decided(key, "verdict", US))
        await asyncio.sleep(SPACING_S / 2)
        assert len(set(told)) <= AT_ONCE
        await asyncio.sleep(2 * len(rows) / AT_ONCE * SPACING_S)
        assert len(set(told)) == len(rows)
        running.cancel()


def numbered(number: int) -> ServiceKey:
    return ServiceKey("default", "shop", f"web{number}")
