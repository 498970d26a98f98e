"""What only evidence has marked may wait for its turn; what is declared or ordered may not. The end is the same."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed import settling
from trafficfed.model import Observation, OperatorControl
from trafficfed.testing.folding import balanced
from trafficfed.testing.piping import PipedFleet

NAMES = ("a", "b", "c", "d", "e")
ADDRESSES = {"eu": "192.0.2.1", "us": "192.0.2.2"}


def fleet() -> PipedFleet:
    """Services in two clusters, all of which pass their probes."""
    fleet = PipedFleet(("eu", "us"))
    for cluster, address in ADDRESSES.items():
        fleet.listed(cluster, *(balanced(name, f"{name}.example.org", (address,)) for name in NAMES))
    for name in NAMES:
        fleet.probe(name, times=3)
    return fleet


def seen(fleet: PipedFleet, name: str, cluster: str, passed: bool) -> Observation:
    return Observation(
        vantage=fleet.vantage,
        service=fleet.key(name),
        cluster=cluster,
        address=ADDRESSES[cluster],
        at_s=fleet.now_s,
        passed=passed,
        rtt_s=0.001 if passed else None,
        error="" if passed else "connection refused",
    )


def all_fail(fleet: PipedFleet, cluster: str) -> None:
    """Every service's probes in one cluster, to the end; nothing is settled yet."""
    for _ in range(3):
        fleet.now_s += 1.0
        for name in NAMES:
            fleet.pipeline.observe(seen(fleet, name, cluster, passed=False), fleet.now_s)


def test_so_many_at_a_stretch_and_the_others_next_time() -> None:
    piped = fleet()
    all_fail(piped, "eu")
    failed_over: list[int] = []
    while piped.pipeline.is_marked:
        piped.pipeline.settle(piped.now_s, at_most=2)
        failed_over.append(sum(piped.answer(name) == (ADDRESSES["us"],) for name in NAMES))
    assert failed_over == [2, 4, 5]


def test_what_is_declared_is_never_put_off() -> None:
    piped = fleet()
    all_fail(piped, "eu")
    piped.pipeline.fold_again([piped.key("e")])
    piped.pipeline.forget("eu")
    piped.pipeline.settle(piped.now_s, at_most=0)
    assert {piped.answer(name) for name in NAMES} == {(ADDRESSES["us"],)}


def test_an_order_is_never_put_off_by_what_was_seen_before_it() -> None:
    piped = fleet()
    for name in NAMES:
        piped.pipeline.observe(seen(piped, name, "us", passed=True), piped.now_s)
    all_fail(piped, "us")
    drain = OperatorControl(kind="drain", cluster="eu", why="a test", since_s=piped.now_s)
    piped.pipeline.control((drain,))
    piped.pipeline.settle(piped.now_s, at_most=0)
    assert {piped.answer(name) for name in NAMES} == {(ADDRESSES["eu"],)}, "drained, and the only one that serves"
    reasons = [reason for name in NAMES for reason in piped.decision(name).reasons]
    assert sum("drained" in reason for reason in reasons) == len(NAMES)


def test_a_cluster_out_of_sight_asks_for_no_decision(monkeypatch: pytest.MonkeyPatch) -> None:
    piped = fleet()

    def refuse(*_: object) -> None:
        raise AssertionError("decided anew")

    monkeypatch.setattr(settling, "decide", refuse)
    piped.lose("eu")
    piped.resume("eu")
    monkeypatch.undo()
    all_fail(piped, "eu")
    piped.settle()
    assert {piped.answer(name) for name in NAMES} == {(ADDRESSES["us"],)}


@given(
    st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(("eu", "us")), st.booleans()), max_size=30),
    st.integers(1, 4),
)
def test_in_turns_or_at_once_the_table_is_the_same(probes: list[tuple[str, str, bool]], at_most: int) -> None:
    at_once, in_turns = fleet(), fleet()
    for piped in (at_once, in_turns):
        for name, cluster, passed in probes:
            piped.now_s += 0.5
            piped.pipeline.observe(seen(piped, name, cluster, passed), piped.now_s)
    at_once.settle()
    while in_turns.pipeline.is_marked:
        in_turns.pipeline.settle(in_turns.now_s, at_most=at_most)
    assert in_turns.table.rows == at_once.table.rows
