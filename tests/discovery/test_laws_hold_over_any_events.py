"""Laws 1, 5, 6 and 11 over random sequences of lists, watches, losses, strange servers and restarts."""

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.kubernetes_api import wire
from trafficfed.model import Cluster, Freshness, Grant, Row, ServiceKey, Source, Zone
from trafficfed.testing.folding import FoldingFleet, balanced, sliced

CLUSTERS = ("ap", "eu", "us")
NAMES = tuple(f"s{number}" for number in range(9))
ADDRESSES = ("192.0.2.1", "192.0.2.2", "198.51.100.1", "127.0.0.1")
STATES = ("good", "good", "good", "unreadable", "pending", "forbidden", "bad settings", "withdrawn")
UNDECODABLE = "undecodable"

Step = tuple[Any, ...]
Wishes = dict[str, list[dict[str, Any]]]


def service(name: str, state: str) -> wire.Service:
    """A Service of its own name in one of the states a user may bring it to."""
    hostname: str | None = f"{name}.example.org"
    match state:
        case "unreadable":
            return balanced(name, "no..name", ["192.0.2.9"])
        case "pending":
            return balanced(name, hostname, [])
        case "forbidden":
            return balanced(name, hostname, ["127.0.0.1"])
        case "bad settings":
            return balanced(name, hostname, weight="x", tier="x", drain="x", ttl="x", steering="x", health_check="x")
        case "withdrawn":
            return balanced(name, None)
        case _:
            return balanced(name, hostname, ["192.0.2.1"])


CLUSTER = st.sampled_from(CLUSTERS)
NAME = st.sampled_from(NAMES)
STATE = st.sampled_from(STATES)
SHOWN = st.dictionaries(NAME, STATE | st.just(UNDECODABLE))
FULL = st.just(dict.fromkeys(NAMES, "good"))
STEP = st.one_of(
    st.tuples(st.just("list"), CLUSTER, FULL | SHOWN, st.sampled_from(["known", "known", "known", "other", "older"])),
    st.tuples(st.just("upsert"), CLUSTER, NAME, STATE),
    st.tuples(st.just("remove"), CLUSTER, NAME),
    st.tuples(st.just("lose"), CLUSTER),
    st.tuples(st.just("resume"), CLUSTER),
    st.tuples(st.just("slices"), CLUSTER, NAME, st.integers(0, 3)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("confirm"), CLUSTER),
    st.tuples(st.just("forget"), CLUSTER),
)
STEPS = st.lists(STEP, max_size=14)


def play(fleet: FoldingFleet, step: Step) -> None:
    match step:
        case ("list", cluster, shown, server):
            uid = "other" if server == "other" else f"uid-{cluster}"
            objects = [service(name, state) for name, state in shown.items() if state != UNDECODABLE]
            unreadable = [name for name, state in shown.items() if state == UNDECODABLE]
            fleet.list_kind(cluster, wire.EndpointSlice, uid=uid)
            fleet.relist(cluster, *objects, uid=uid, revision=1 if server == "older" else 0, unreadable=unreadable)
        case ("upsert", cluster, name, state):
            fleet.upsert(cluster, service(name, state))
        case ("remove", cluster, name):
            fleet.remove(cluster, service(name, "good"))
        case ("slices", cluster, name, ready):
            fleet.upsert(cluster, sliced(name, ready))
        case (action, *arguments):
            method: Callable[..., object] = getattr(fleet, action)
            method(*arguments)


def endpoints(rows: Mapping[ServiceKey, Row]) -> set[tuple[str, str]]:
    return {(endpoint.cluster, key.name) for key, row in rows.items() for endpoint in row.endpoints}


def may_leave(step: Step, cluster: str, name: str, before: set[tuple[str, str]], source: Source | None) -> bool:
    """Law 1, said again in the plainest way, from the step and the table before it alone."""
    match step:
        case ("remove", where, what):
            return (where, what) == (cluster, name)
        case ("upsert", where, what, state):
            return (where, what, state) == (cluster, name, "withdrawn")
        case ("forget" | "confirm", where):
            return bool(where == cluster)
        case ("list", where, shown, server):
            had = {what for place, what in before if place == cluster}
            gone = {what for what in had if shown.get(what, "withdrawn") == "withdrawn"}
            known = source is None or not source.uid or source.uid == ("other" if server == "other" else f"uid-{where}")
            not_older = source is None or (not source.went_back and (server != "older" or source.revision <= 1))
            few = len(gone) <= max(5, 0.2 * len(had))
            return bool(where == cluster and name in gone and few and known and not_older)
    return False


@pytest.mark.slow
@given(STEPS)
@settings(max_examples=80, deadline=None)
def test_an_endpoint_leaves_only_in_the_ways_the_law_knows(steps: list[Step]) -> None:
    fleet = FoldingFleet(CLUSTERS)
    for step in [("list", cluster, dict.fromkeys(NAMES, "good"), "known") for cluster in CLUSTERS] + steps:
        before, sources = endpoints(fleet.table.rows), dict(fleet.table.sources)
        play(fleet, step)
        for cluster, name in before - endpoints(fleet.table.rows):
            assert may_leave(step, cluster, name, before, sources.get(cluster)), (step, cluster, name)


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_a_restart_between_any_two_events_loses_nothing(steps: list[Step]) -> None:
    """Law 8: without a list there is nothing to take away, and folding everything anew writes nothing."""
    fleet = FoldingFleet(CLUSTERS)
    for step in steps:
        play(fleet, step)
        rows = dict(fleet.table.rows)
        fleet.restart()
        fleet.refold(list(rows))
        assert fleet.table.rows == rows
        if step[0] == "list":
            play(fleet, step)  # the view again, so that what follows meets something


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_folding_again_writes_nothing(steps: list[Step]) -> None:
    """Law 5."""
    fleet = FoldingFleet(CLUSTERS)
    for step in steps:
        play(fleet, step)
    rows = dict(fleet.table.rows)
    fleet.refold(fleet.key(name) for name in NAMES)
    assert fleet.table.rows == rows


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_no_forbidden_address_ever_reaches_the_table(steps: list[Step]) -> None:
    """Law 11."""
    fleet = FoldingFleet(CLUSTERS)
    for step in steps:
        play(fleet, step)
        for row in fleet.table.rows.values():
            assert all("127.0.0.1" not in endpoint.targets for endpoint in row.endpoints)


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_one_clusters_events_never_change_anothers_endpoints(steps: list[Step]) -> None:
    """Law 7."""
    fleet = FoldingFleet(CLUSTERS)
    for step in steps:
        others = [each for each in CLUSTERS if len(step) < 2 or each != step[1]]
        before = {
            each: [e for row in fleet.table.rows.values() for e in row.endpoints if e.cluster == each]
            for each in others
        }
        play(fleet, step)
        for each in others:
            assert before[each] == [e for row in fleet.table.rows.values() for e in row.endpoints if e.cluster == each]


@given(STEPS)
@settings(max_examples=25, deadline=None)
def test_what_is_missing_is_suspect_and_in_the_table(steps: list[Step]) -> None:
    fleet = FoldingFleet(CLUSTERS)
    for step in steps:
        play(fleet, step)
        for source in fleet.table.sources.values():
            if source.missing:
                assert source.freshness is Freshness.SUSPECT
                assert {(source.cluster, key.name) for key in source.missing} <= endpoints(fleet.table.rows)


# ---------------------------------------------------------------------- names that several services want

SHARED = ("a.example.org", "b.example.org", "*.example.org", "c.eu.example.org")
ZONES = (
    Zone(
        name="example.org",
        grants=(
            Grant(clusters=("eu", "us")),
            Grant(names=("a*",)),
            Grant(names=("*",), clusters=("ap",), namespaces=("bank",)),
        ),
    ),
    Zone(name="eu.example.org", open=True, publish=("192.0.2.0/24",)),
)
WISH = st.fixed_dictionaries(
    {
        "name": st.sampled_from(("x", "y", "z")),
        "hostnames": st.lists(st.sampled_from(SHARED), min_size=1, max_size=3, unique=True),
        "targets": st.lists(st.sampled_from(ADDRESSES), max_size=2, unique=True),
        "year": st.integers(2020, 2024),
        "ttl": st.sampled_from((None, "30", "60", "90", "bad")),
        "steering": st.sampled_from((None, "geo", "weighted", "bad")),
    }
)
WISHES = st.fixed_dictionaries(
    {cluster: st.lists(WISH, max_size=3, unique_by=lambda w: w["name"]) for cluster in CLUSTERS}
)


def wished(wish: Mapping[str, Any]) -> wire.Service:
    others = {key: wish[key] for key in ("ttl", "steering") if wish[key] is not None}
    created = f"{wish['year']}-01-01T00:00:00Z"
    return balanced(wish["name"], ",".join(wish["hostnames"]), wish["targets"], created=created, ports=(443,), **others)


def settled(fleet: FoldingFleet, events: list[tuple[str, wire.Event]]) -> None:
    """All events first, then everything folded once and committed together."""
    dirty: set[ServiceKey] = set()
    for cluster, event in events:
        dirty |= fleet.inventory.take(cluster, event, 5.0).dirty
    fleet.refold(dirty)


def lists(wishes: Wishes, revision: int) -> list[tuple[str, wire.Event]]:
    return [
        (cluster, wire.Listed(wire.Service, tuple(map(wished, wanted)), revision, f"uid-{cluster}"))
        for cluster, wanted in wishes.items()
    ]


@pytest.mark.slow
@given(WISHES, WISHES, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_clusters_and_events_does_not_matter(first: Wishes, second: Wishes, random: Any) -> None:
    """Law 5: from the same table, the same views give the same rows, whatever came first."""
    outcomes = []
    for shuffled in (False, True):
        fleet = FoldingFleet(CLUSTERS, ZONES)
        settled(fleet, lists(first, 1))
        fleet.restart()
        events = lists(second, 2)
        events += [(cluster, wire.Upserted(wished(wish), 3)) for cluster, wanted in second.items() for wish in wanted]
        if shuffled:
            later = events[len(CLUSTERS) :]
            opening = events[: len(CLUSTERS)]
            random.shuffle(opening)
            random.shuffle(later)
            events = opening + later
        settled(fleet, events)
        outcomes.append((dict(fleet.table.rows), {key: folded.refusals for key, folded in fleet.folded.items()}))
    assert outcomes[0] == outcomes[1]


@pytest.mark.slow
@given(WISHES, st.lists(st.tuples(CLUSTER, WISH, st.booleans()), max_size=10))
@settings(max_examples=60, deadline=None)
def test_an_incumbent_keeps_its_names_whatever_others_do(
    start: Wishes, changes: list[tuple[str, dict[str, Any], bool]]
) -> None:
    """A name leaves a service only by a change of that service's own objects, and never belongs to two."""
    fleet = FoldingFleet(CLUSTERS, ZONES)
    settled(fleet, lists(start, 1))
    for cluster, wish, removed in changes:
        before = {key: row.service.hostnames for key, row in fleet.table.rows.items()}
        change = fleet.remove if removed else fleet.upsert
        change(cluster, wished(wish))
        for key, hostnames in before.items():
            if key.name != wish["name"]:
                assert set(hostnames) <= set(fleet.names(key.name))
        claimed = [hostname for row in fleet.table.rows.values() for hostname in row.service.hostnames]
        assert len(claimed) == len(set(claimed))


@pytest.mark.slow
@given(WISHES, st.lists(st.tuples(CLUSTER, WISH, st.booleans()), max_size=10))
@settings(max_examples=60, deadline=None)
def test_grants_and_ranges_hold_for_every_endpoint_under_every_name(
    start: Wishes, changes: list[tuple[str, dict[str, Any], bool]]
) -> None:
    """Law 11, and nothing is left behind that a second fold would change (law 5)."""
    fleet = FoldingFleet(CLUSTERS, ZONES)
    settled(fleet, lists(start, 1))
    guard = fleet.inventory.guard
    for cluster, wish, removed in changes:
        (fleet.remove if removed else fleet.upsert)(cluster, wished(wish))
        rows = dict(fleet.table.rows)
        for row in rows.values():
            assert row.endpoints
            for hostname in row.service.hostnames:
                for endpoint in row.endpoints:
                    assert guard.permits(endpoint.cluster, "shop", hostname)
                    assert not [a for a in endpoint.targets if guard.objection(a, endpoint.cluster, hostname)]
        fleet.refold(fleet.key(name) for name in ("x", "y", "z"))
        assert fleet.table.rows == rows


def test_a_cluster_may_be_configured_beside_the_others() -> None:
    """A guard against the universe above being empty: it does hold and lose names."""
    fleet = FoldingFleet([Cluster(name="eu")], ZONES)
    settled(
        fleet,
        lists(
            {
                "eu": [
                    {
                        "name": "x",
                        "hostnames": ["a.example.org"],
                        "targets": ["192.0.2.1"],
                        "year": 2020,
                        "ttl": None,
                        "steering": None,
                    }
                ]
            },
            1,
        ),
    )
    assert fleet.names("x") == ("a.example.org",)
