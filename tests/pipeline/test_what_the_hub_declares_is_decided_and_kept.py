"""From a GlobalService on the hub to the answer: through restarts, other leaders, and events in any order."""

from collections.abc import Callable
from itertools import chain
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.discovery.declared import HUB
from trafficfed.kubernetes_api import wire
from trafficfed.model import Freshness, Row, ServiceKey
from trafficfed.reports import ClusterChanged, RefusalCleared, ServiceRefused
from trafficfed.step import Step
from trafficfed.testing.declaring import ToldHub, written
from trafficfed.testing.folding import NAMESPACE, balanced
from trafficfed.testing.piping import PipedFleet

ADDRESSES = {"eu": "192.0.2.1", "us": "198.51.100.1", "ap": "203.0.113.1"}


def plain(name: str, address: str) -> wire.Service:
    """A load balancer without any annotation of ours."""
    found = balanced(name, None, [address])
    return wire.Service(wire.Meta(name=name, namespace=NAMESPACE, uid=f"u-{name}"), found.spec, found.status)


def piped(*, leads: bool = True) -> tuple[PipedFleet, ToldHub[Step]]:
    fleet = PipedFleet(has_hub=True, leads=leads)
    return fleet, ToldHub(fleet.take)


def begun(**spec: Any) -> tuple[PipedFleet, ToldHub[Step]]:
    """web is offered by all clusters, without annotations, and declared; all of it serves."""
    fleet, hub = piped()
    for cluster, address in ADDRESSES.items():
        fleet.listed(cluster, plain("web", address))
    hub.listed(written("web", "web.example.org", **spec))
    fleet.probe("web", times=3)
    return fleet, hub


def test_what_is_declared_is_answered() -> None:
    fleet, _ = begun(ttl=17)
    assert fleet.answer("web") == tuple(sorted(ADDRESSES.values()))
    assert (fleet.decision("web").hostnames, fleet.decision("web").ttl) == (("web.example.org",), 17)


def test_failover_follows_the_declared_check() -> None:
    fleet, _ = begun(healthCheck={"fall": 2, "intervalSeconds": 5, "timeoutSeconds": 1})
    fleet.probe("web", failing=["us"], times=1)
    assert ADDRESSES["us"] in fleet.answer("web")
    fleet.probe("web", failing=["us"], times=1)
    assert ADDRESSES["us"] not in fleet.answer("web")
    ((_, targets),) = [each for step in fleet.steps for each in step.targets][-1:]
    assert {(target.check.interval_s, target.check.fall) for target in targets} == {(5, 2)}


@pytest.mark.parametrize(
    ("spec", "answer"),
    [
        ({}, tuple(sorted(ADDRESSES.values()))),
        ({"whenAllDown": "empty"}, ()),
        ({"whenAllDown": "fallback", "fallback": ["192.0.2.99"]}, ("192.0.2.99",)),
    ],
)
def test_when_all_is_down_the_declared_mode_decides(spec: dict[str, Any], answer: tuple[str, ...]) -> None:
    fleet, _ = begun(**spec)
    fleet.probe("web", failing=ADDRESSES, times=4)
    assert not fleet.decision("web").serving
    assert fleet.answer("web") == answer


def test_a_deletion_leaves_with_a_cause() -> None:
    fleet, hub = begun()
    step = hub.remove(written("web", "web.example.org"))
    key = fleet.key("web")
    assert step.decided == (key,)
    assert step.leaving[key].hostnames == ("web.example.org",)
    assert set(step.leaving[key].targets) == set(ADDRESSES.values())
    assert key not in fleet.table.rows


def test_a_name_that_is_edited_away_leaves_with_a_cause() -> None:
    fleet, hub = begun()
    step = hub.put(written("web", "shop.example.org", generation=2))
    assert step.leaving[fleet.key("web")].hostnames == ("web.example.org",)


def test_a_name_that_a_list_no_longer_has_is_for_the_brakes_to_ask_about() -> None:
    fleet, hub = begun()
    step = hub.listed()
    assert fleet.key("web") not in fleet.table.rows
    assert step.leaving == {}


def test_status_events_commit_nothing() -> None:
    fleet, hub = begun()
    generation = fleet.table.generation
    step = hub.put(written("web", "web.example.org", status={"serving": "3/3"}))
    assert step == Step()
    assert fleet.table.generation == generation


def test_refusals_are_told_once_and_cleared() -> None:
    fleet, hub = begun()
    hub.put(written("web", "web.example.org", "web.example.net", generation=2))
    hub.put(written("web", "web.example.org", generation=3))
    told = [event for event in fleet.reports if isinstance(event, ServiceRefused | RefusalCleared)]
    assert [(type(event).__name__, event.refusal.cluster, event.refusal.reason) for event in told] == [
        ("ServiceRefused", HUB, "OutsideZones"),
        ("RefusalCleared", HUB, "OutsideZones"),
    ]


def test_the_hub_has_a_source_in_the_table_as_clusters_have() -> None:
    fleet, hub = begun()
    assert fleet.source(HUB).freshness is Freshness.FRESH
    hub.lose("no route")
    assert (fleet.source(HUB).freshness, fleet.source(HUB).reason) == (Freshness.STALE, "no route")
    changes = [event for event in fleet.reports if isinstance(event, ClusterChanged) and event.cluster == HUB]
    assert [event.freshness for event in changes] == [Freshness.STALE, Freshness.FRESH, Freshness.STALE]


def test_a_restart_without_the_hub_changes_no_answer_and_stops_no_failover() -> None:
    fleet, hub = begun(ttl=17, whenAllDown="empty")
    before = fleet.row("web")
    fleet.restart()
    hub.lose()
    for cluster, address in ADDRESSES.items():
        fleet.listed(cluster, plain("web", address))
    assert fleet.row("web").service == before.service
    assert fleet.answer("web") == tuple(sorted(ADDRESSES.values()))
    fleet.probe("web", failing=["eu"], times=3)
    assert ADDRESSES["eu"] not in fleet.answer("web")


def test_who_takes_over_goes_on_by_what_was_declared() -> None:
    leader, hub = begun(ttl=17)
    leader.lead(1)
    other, others_hub = piped(leads=False)
    for cluster, address in ADDRESSES.items():
        other.listed(cluster, plain("web", address))
    other.mirror(leader)
    others_hub.lose()
    other.lead(2)
    assert other.row("web").service == leader.row("web").service
    others_hub.revision = hub.revision
    others_hub.listed(written("web", "web.example.org", ttl=17))
    assert other.row("web").service == leader.row("web").service
    others_hub.put(written("web", "web.example.org", ttl=18, generation=2))
    assert other.row("web").service.ttl == 18


def test_a_follower_learns_of_a_hub_that_the_leader_was_told_to_take() -> None:
    leader, hub = begun()
    leader.lead(1)
    other, others_hub = piped(leads=False)
    for cluster, address in ADDRESSES.items():
        other.listed(cluster, plain("web", address))
    other.mirror(leader)
    for each in (hub, others_hub):
        each.listed(written("web", "shop.example.org"), uid="uid-other")
    assert leader.row("web").service.hostnames == ("web.example.org",)
    leader.confirm(HUB)
    other.mirror(leader)
    other.lead(2)
    assert other.row("web").service.hostnames == ("shop.example.org",)
    assert other.source(HUB).freshness is Freshness.FRESH


@pytest.mark.parametrize("uid", ["uid-hub", "uid-other"])
def test_what_a_leader_was_told_to_let_go_comes_back_with_no_other_leader(uid: str) -> None:
    """Eight at once are more than the brake lets go, on the same server as well as on another one."""
    names = [f"s{number}" for number in range(8)]
    leader, hub = piped()
    other, others_hub = piped(leads=False)
    leader.lead(1)
    for fleet, its_hub in ((leader, hub), (other, others_hub)):
        fleet.listed("eu", *(plain(name, f"192.0.2.{number + 1}") for number, name in enumerate(names)))
        its_hub.listed(*(written(name, f"{name}.example.org") for name in names))
    other.mirror(leader)
    for each in (hub, others_hub):
        each.listed(uid=uid)
    assert len(leader.table.rows) == 8
    leader.confirm(HUB)
    assert leader.table.rows == {}
    other.mirror(leader)
    other.lead(2)
    assert other.table.rows == {}
    assert other.source(HUB).freshness is Freshness.FRESH


# ---------------------------------------------------------------------- any order

NAMES = ("api", "cart", "web")
Begin = Callable[[PipedFleet, ToldHub[Step]], object]
HUB_OBJECTS = (written("web", "web.example.org", "www.example.org"), written("cart", "cart.example.org", ttl=60))
SHOWN = {
    "eu": (plain("web", "192.0.2.1"), balanced("api", "api.example.org", ["192.0.2.2"])),
    "us": (balanced("web", "old.example.org", ["198.51.100.1"], weight="7"), plain("cart", "198.51.100.3")),
    "ap": (balanced("api", "api.example.org", ["203.0.113.2"]), plain("nobody", "203.0.113.9")),
}


def beginnings() -> list[Begin]:
    lists: list[Begin] = [lambda _, hub: hub.listed(*HUB_OBJECTS)]
    return [*lists, *(lambda fleet, _, name=name: fleet.listed(name, *SHOWN[name]) for name in SHOWN)]


def rows_after(order: list[int]) -> dict[ServiceKey, Row]:
    fleet, hub = piped()
    steps = beginnings()
    for index in order:
        steps[index](fleet, hub)
    return {key: Row(service=row.service, endpoints=row.endpoints) for key, row in fleet.table.rows.items()}


@settings(max_examples=24, deadline=None)
@given(st.permutations(range(4)))
def test_the_order_in_which_hub_and_clusters_come_does_not_matter(order: list[int]) -> None:
    found = rows_after(order)
    assert found == rows_after([0, 1, 2, 3])
    assert {str(key): row.service.hostnames for key, row in found.items()} == {
        "default/shop/api": ("api.example.org",),
        "default/shop/cart": ("cart.example.org",),
        "default/shop/web": ("web.example.org", "www.example.org"),
    }


names, hosts = st.sampled_from(NAMES), st.sampled_from(("a.example.org", "b.example.org"))
events = st.one_of(
    st.tuples(st.just("declare"), names, hosts),
    st.tuples(st.just("undeclare"), names, hosts),
    st.tuples(st.just("annotate"), names, hosts),
    st.tuples(st.just("strip"), names, hosts),
    st.tuples(st.just("remove"), names, hosts),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=25))
def test_a_hostname_is_never_two_services_and_never_nobodys_who_may_have_it(
    history: list[tuple[str, str, str]],
) -> None:
    fleet, hub = piped()
    fleet.listed("eu")
    hub.listed()
    for number, (what, name, host) in enumerate(history):
        address = f"192.0.2.{NAMES.index(name) + 1}"
        match what:
            case "declare":
                hub.put(written(name, host, generation=number))
            case "undeclare":
                hub.remove(written(name, host))
            case "annotate":
                fleet.upsert("eu", balanced(name, host, [address]))
            case "strip":
                fleet.upsert("eu", plain(name, address))
            case _:
                fleet.remove("eu", plain(name, address))
        while fleet.pipeline.waiting:
            fleet.settle()
        had = list(chain.from_iterable(row.service.hostnames for row in fleet.table.rows.values()))
        assert len(had) == len(set(had))
        conflicts = [each for each in fleet.pipeline.refusals if each.reason == "Conflict"]
        lost = {(each.message.partition(" ")[0], str(each.service)) for each in conflicts}
        won = {
            (host, holder) for host, _, _, _, holder in (each.message.partition(";")[0].split() for each in conflicts)
        }
        assert lost.isdisjoint(won), "whom a conflict names as the holder has not lost the name itself"
