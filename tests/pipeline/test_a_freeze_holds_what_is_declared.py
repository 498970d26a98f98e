"""Under a freeze neither verdicts nor declarations change an answer; when it ends all is caught up with, once."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from trafficfed.model import OperatorControl
from trafficfed.reports import Controlled
from trafficfed.testing.folding import balanced
from trafficfed.testing.piping import PipedFleet

EU = balanced("web", "web.example.org", ["192.0.2.1"])
US = balanced("web", "web.example.org", ["198.51.100.1"])
BOTH = ("192.0.2.1", "198.51.100.1")
EVERYTHING = OperatorControl(kind="freeze", who="ann", why="moving")
OF_EU = OperatorControl(kind="freeze", cluster="eu")
OF_WEB = OperatorControl(kind="freeze", service="default/shop/web")


def serving() -> PipedFleet:
    """web in eu and us, both passing."""
    fleet = PipedFleet(["eu", "us"])
    fleet.listed("eu", EU)
    fleet.listed("us", US)
    fleet.probe("web", times=3)
    assert fleet.answer("web") == BOTH
    return fleet


def ordered(fleet: PipedFleet, *controls: OperatorControl) -> None:
    fleet.pipeline.control(controls)
    fleet.settle()


every_freeze = pytest.mark.parametrize("freeze", [EVERYTHING, OF_EU, OF_WEB], ids=["everything", "cluster", "service"])


@every_freeze
def test_a_death_changes_no_frozen_answer_and_is_caught_up_with(freeze: OperatorControl) -> None:
    fleet = serving()
    ordered(fleet, freeze)
    fleet.probe("web", failing=["eu"], times=5)
    assert not fleet.verdict("web", "eu").serving, "the judge goes on; only answers stand still"
    assert fleet.answer("web") == BOTH
    ordered(fleet)
    assert fleet.answer("web") == ("198.51.100.1",)


@every_freeze
def test_a_deletion_waits_for_the_end_of_the_freeze(freeze: OperatorControl) -> None:
    fleet = serving()
    ordered(fleet, freeze)
    fleet.remove("eu", EU)
    assert fleet.answer("web") == BOTH
    ordered(fleet)
    assert fleet.answer("web") == ("198.51.100.1",)
    assert fleet.last.leaving[fleet.key("web")].targets == ("192.0.2.1",), "the cause of what left is still known"


@every_freeze
def test_the_end_of_a_service_waits_too(freeze: OperatorControl) -> None:
    fleet = serving()
    ordered(fleet, freeze)
    fleet.remove("eu", EU)
    fleet.remove("us", US)
    assert fleet.answer("web") == BOTH
    ordered(fleet)
    assert fleet.key("web") not in fleet.table.rows


@every_freeze
def test_names_stay_and_can_be_claimed_by_nobody_else(freeze: OperatorControl) -> None:
    fleet = serving()
    ordered(fleet, freeze)
    fleet.upsert("eu", balanced("web", "renamed.example.org", ["192.0.2.1"]))
    fleet.upsert("us", balanced("web", "renamed.example.org", ["198.51.100.1"]))
    fleet.upsert("us", balanced("thief", "web.example.org", ["198.51.100.9"]))
    assert fleet.decision("web").hostnames == ("web.example.org",)
    assert fleet.table.owner_of("web.example.org") == fleet.key("web")
    ordered(fleet)
    assert fleet.decision("web").hostnames == ("renamed.example.org",)


def test_who_wants_a_name_of_one_that_waits_for_a_name_waits_too() -> None:
    """web is frozen and would give its name up; api wants that one and gives up its own; cart wants api's."""
    fleet = serving()
    fleet.upsert("us", balanced("api", "api.example.org", ["198.51.100.2"]))
    ordered(fleet, OF_WEB)
    for cluster, address in (("eu", "192.0.2.1"), ("us", "198.51.100.1")):
        fleet.upsert(cluster, balanced("web", "renamed.example.org", [address]))
    fleet.upsert("us", balanced("api", "web.example.org", ["198.51.100.2"]))
    fleet.upsert("us", balanced("cart", "api.example.org", ["198.51.100.3"]))
    names = {key.name: row.service.hostnames for key, row in fleet.table.rows.items()}
    assert names == {"web": ("web.example.org",), "api": ("api.example.org",)}
    ordered(fleet)
    while fleet.pipeline.waiting:
        fleet.settle()
    names = {key.name: row.service.hostnames for key, row in fleet.table.rows.items()}
    assert names == {"web": ("renamed.example.org",), "api": ("web.example.org",), "cart": ("api.example.org",)}


def test_a_new_service_waits_where_it_would_be_frozen_at_its_first_answer() -> None:
    fleet = serving()
    ordered(fleet, OF_EU)
    fleet.upsert("eu", balanced("new", "new.example.org", ["192.0.2.2"]))
    fleet.upsert("us", balanced("other", "other.example.org", ["198.51.100.2"]))
    assert fleet.key("new") not in fleet.table.rows
    assert fleet.answer("other") == ("198.51.100.2",), "nothing of it is in eu"
    ordered(fleet)
    assert fleet.answer("new") == ("192.0.2.2",)


def test_an_endpoint_that_a_frozen_cluster_adds_elsewhere_waits() -> None:
    fleet = PipedFleet(["eu", "us"])
    fleet.listed("eu")
    fleet.listed("us", US)
    fleet.probe("web", times=3)
    ordered(fleet, OF_EU)
    fleet.upsert("eu", EU)
    fleet.probe("web", times=3)
    assert fleet.answer("web") == ("198.51.100.1",)
    fleet.probe("web", failing=["us"], times=5)
    assert fleet.decision("web").serving is False, "web has no part in eu yet: it is not frozen, us is judged as ever"


def test_a_freeze_ends_by_itself_and_what_waited_is_taken_in() -> None:
    fleet = serving()
    ordered(fleet, OperatorControl(kind="freeze", until_s=fleet.now_s + 60.0))
    fleet.remove("eu", EU)
    fleet.upsert("us", balanced("new", "new.example.org", ["198.51.100.2"]))
    fleet.wait(59.0)
    assert fleet.answer("web") == BOTH
    assert fleet.key("new") not in fleet.table.rows
    fleet.wait(2.0)
    assert fleet.answer("web") == ("198.51.100.1",)
    assert fleet.answer("new") == ("198.51.100.2",)


def test_the_sooner_of_two_freezes_ends_for_what_it_alone_held() -> None:
    fleet = serving()
    fleet.upsert("us", balanced("api", "api.example.org", ["198.51.100.2"]))
    soon = OperatorControl(kind="freeze", service="default/shop/api", until_s=fleet.now_s + 10.0)
    ordered(fleet, soon, OF_WEB)
    fleet.upsert("us", balanced("api", "api.example.org", ["198.51.100.3"]))
    fleet.remove("eu", EU)
    fleet.wait(11.0)
    assert fleet.answer("api") == ("198.51.100.3",)
    assert fleet.answer("web") == BOTH


def test_what_waits_costs_nothing_until_then() -> None:
    fleet = serving()
    ordered(fleet, EVERYTHING)
    fleet.remove("eu", EU)
    assert fleet.pipeline.waiting == 0
    assert fleet.settle().delta is None
    wake_s = fleet.pipeline.next_wake_s()
    assert wake_s is None or wake_s > fleet.now_s


def test_a_restart_under_a_freeze_changes_no_answer_and_forgets_nothing_that_waits() -> None:
    fleet = serving()
    ordered(fleet, EVERYTHING)
    fleet.remove("eu", EU)
    fleet.restart()
    fleet.listed("eu")
    fleet.listed("us", US)
    fleet.probe("web", failing=["us"], times=5)
    assert fleet.answer("web") == BOTH
    fleet.probe("web", times=5)
    ordered(fleet)
    fleet.wait(120.0)
    assert fleet.answer("web") == ("198.51.100.1",)


def test_a_controller_that_stops_leading_hands_on_what_waits() -> None:
    fleet = serving()
    ordered(fleet, EVERYTHING)
    fleet.remove("eu", EU)
    fleet.pipeline.follow()
    fleet.settle()
    fleet.pipeline.lead(fleet.table.term + 1, fleet.now_s)
    assert fleet.answer("web") == BOTH
    ordered(fleet)
    assert fleet.answer("web") == ("198.51.100.1",)


def test_a_control_is_decided_only_for_what_it_concerns() -> None:
    fleet = serving()
    fleet.upsert("us", balanced("api", "api.example.org", ["198.51.100.2"]))
    fleet.probe("api", times=3)
    ordered(fleet, OperatorControl(kind="drain", cluster="eu"))
    assert fleet.last.decided == (fleet.key("web"),)
    assert fleet.answer("web") == ("198.51.100.1",)


def test_who_ordered_what_is_told_when_it_begins_and_when_it_is_ended() -> None:
    fleet = serving()
    drain = OperatorControl(kind="drain", cluster="eu", until_s=fleet.now_s + 10.0)
    told = len(fleet.reports)
    ordered(fleet, drain)
    ordered(fleet, drain, EVERYTHING)
    ordered(fleet, drain)
    fleet.wait(11.0)
    ordered(fleet)
    controlled = [each for each in fleet.reports[told:] if isinstance(each, Controlled)]
    assert controlled == [
        Controlled(drain, begins=True),
        Controlled(EVERYTHING, begins=True),
        Controlled(EVERYTHING, begins=False),
    ], "what ends by itself was told with its end"


EVENTS = st.lists(
    st.one_of(
        st.tuples(st.just("remove"), st.sampled_from(["eu", "us"])),
        st.tuples(st.just("change"), st.sampled_from(["eu", "us"])),
        st.tuples(st.just("rename"), st.sampled_from(["eu", "us"])),
        st.tuples(st.just("fail"), st.sampled_from(["eu", "us"])),
        st.tuples(st.just("empty"), st.sampled_from(["eu", "us"])),
        st.tuples(st.just("drain"), st.sampled_from(["eu", "us"])),
        st.tuples(st.just("wait"), st.just("")),
        st.tuples(st.just("restart"), st.just("")),
    ),
    max_size=12,
)
OBJECTS = {"eu": EU, "us": US}


def happen(fleet: PipedFleet, number: int, event: str, cluster: str, freeze: OperatorControl) -> None:
    if event == "remove":
        fleet.remove(cluster, OBJECTS[cluster])
    elif event == "change":
        fleet.upsert(cluster, balanced("web", "web.example.org", [f"203.0.113.{number}"]))
    elif event == "rename":
        fleet.upsert(cluster, balanced("web", "other.example.org", ["192.0.2.77"]))
    elif event == "fail":
        fleet.probe("web", failing=[cluster], times=3)
    elif event == "empty":
        fleet.listed(cluster)
    elif event == "drain":
        ordered(fleet, freeze, OperatorControl(kind="drain", cluster=cluster))
    elif event == "wait":
        fleet.wait(90.0)
    else:
        fleet.restart()


@settings(max_examples=60, deadline=None)
@given(st.sampled_from([EVERYTHING, OF_EU, OF_WEB]), EVENTS)
def test_whatever_happens_a_frozen_decision_is_the_very_same(
    freeze: OperatorControl, events: list[tuple[str, str]]
) -> None:
    fleet = serving()
    ordered(fleet, freeze)
    before = fleet.decision("web")
    for number, (event, cluster) in enumerate(events):
        happen(fleet, number, event, cluster, freeze)
        assert fleet.decision("web") == before
        assert fleet.pipeline.waiting == 0


@settings(max_examples=40, deadline=None)
@given(EVENTS.map(lambda events: [each for each in events if each[0] not in ("drain", "restart", "wait")]))
def test_once_it_ends_all_is_as_if_it_had_never_been(events: list[tuple[str, str]]) -> None:
    frozen, free = serving(), serving()
    ordered(frozen, EVERYTHING)
    for fleet in (frozen, free):
        for number, (event, cluster) in enumerate(events):
            happen(fleet, number, event, cluster, EVERYTHING)
    ordered(frozen)
    for fleet in (frozen, free):
        fleet.probe("web", times=4)
        fleet.wait(120.0)
    assert {key: (row.service, row.endpoints) for key, row in frozen.table.rows.items()} == {
        key: (row.service, row.endpoints) for key, row in free.table.rows.items()
    }
