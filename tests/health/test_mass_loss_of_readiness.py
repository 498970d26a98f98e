"""When more than half of a cluster's services lose readiness within 30 s, readiness alone takes none of them out."""

import hypothesis.strategies as st
from hypothesis import given
from msgspec.structs import replace

from trafficfed.health import reasons
from trafficfed.health.readiness import ReadinessGuard
from trafficfed.health.records import Records
from trafficfed.model import (
    Endpoint,
    Freshness,
    GlobalService,
    Observation,
    Row,
    ServiceKey,
    Source,
    State,
)
from trafficfed.testing.judging import NOON_S


def key(n: int) -> ServiceKey:
    return ServiceKey("default", "shop", f"s{n}")


def guard_of(services: int, ready: int = 3) -> ReadinessGuard:
    guard = ReadinessGuard()
    for n in range(services):
        guard.note(key(n), ready, NOON_S)
    return guard


def guarded(guard: ReadinessGuard, services: int) -> set[int]:
    return {n for n in range(services) if guard.guards(key(n))}


def test_half_is_not_more_than_half() -> None:
    guard = guard_of(10)
    for n in range(5):
        assert guard.note(key(n), 0, NOON_S + n) == frozenset()
    assert guarded(guard, 10) == set()


def test_the_one_that_makes_it_more_than_half_brings_all_of_them_under_the_guard() -> None:
    guard = guard_of(10)
    for n in range(5):
        guard.note(key(n), 0, NOON_S + n)
    assert guard.note(key(5), 0, NOON_S + 30) == {key(n) for n in range(6)}
    assert guard.note(key(6), 0, NOON_S + 31) == {key(6)}


def test_losses_further_apart_than_30_s_are_no_mass_event() -> None:
    guard = guard_of(10)
    for n in range(10):
        guard.note(key(n), 0, NOON_S + 7 * n)
    assert guarded(guard, 10) == set()


def test_a_loss_that_trails_behind_belongs_to_the_event_while_most_are_still_lost() -> None:
    guard = guard_of(10)
    for n in range(8):
        guard.note(key(n), 0, NOON_S)
    assert guard.note(key(8), 0, NOON_S + 300) == {key(8)}


def test_a_service_that_is_ready_again_leaves_the_guard() -> None:
    guard = guard_of(2)
    guard.note(key(0), 0, NOON_S)
    guard.note(key(1), 0, NOON_S)
    assert guard.note(key(0), 1, NOON_S + 5) == {key(0)}
    assert guarded(guard, 2) == {1}
    assert guard.note(key(0), 0, NOON_S + 500) == {key(0)}, "one more lost while the event lasts"


def test_one_service_alone_is_no_mass() -> None:
    guard = guard_of(1)
    assert guard.note(key(0), 0, NOON_S) == frozenset()


def test_services_that_never_were_ready_lost_nothing() -> None:
    guard = guard_of(10, ready=0)
    for n in range(10):
        assert guard.note(key(n), 0, NOON_S + 1) == frozenset()


def test_services_whose_readiness_nothing_tells_are_not_counted() -> None:
    guard = guard_of(3)
    for n in range(3, 100):
        guard.note(key(n), None, NOON_S)
    guard.note(key(0), 0, NOON_S)
    assert guard.note(key(1), 0, NOON_S) == {key(0), key(1)}


@given(st.lists(st.tuples(st.integers(0, 7), st.sampled_from([None, 0, 0, 0, 2]), st.floats(0, 20)), max_size=60))
def test_what_is_guarded_is_always_something_that_lost_readiness_and_has_it_not_back(
    events: list[tuple[int, int | None, float]],
) -> None:
    guard, now_s, ready = ReadinessGuard(), NOON_S, dict[int, int | None]()
    for n, count, pause_s in events:
        now_s += pause_s
        before = guarded(guard, 8)
        touched = guard.note(key(n), count, now_s)
        ready[n] = count
        assert {key(m) for m in before ^ guarded(guard, 8)} == touched
        assert all(ready[m] == 0 for m in guarded(guard, 8))


class Cluster:
    """Ten services of one cluster, all probed well."""

    def __init__(self) -> None:
        self.now_s = NOON_S
        self.sources = {"eu": Source(cluster="eu", freshness=Freshness.FRESH)}
        self.records = Records({}, 0.0)
        self.rows = {key(n): self._row(n) for n in range(10)}
        for row in tuple(self.rows.values()):
            self.records.follow(row, self.now_s)
        self.probe(passed=True)

    def probe(self, *, passed: bool, only: int | None = None) -> None:
        for row_key in tuple(self.rows) if only is None else (key(only),):
            for endpoint in self.rows[row_key].endpoints:
                seen = Observation(
                    vantage="v",
                    service=row_key,
                    cluster=endpoint.cluster,
                    address=endpoint.addresses[0],
                    at_s=self.now_s,
                    passed=passed,
                )
                self.judge(self.records.observe(seen, self.now_s))

    def lose(self, *services: int, ready: int = 0) -> None:
        for n in services:
            row = self.rows[key(n)]
            eu, us = row.endpoints
            self.rows[key(n)] = replace(row, endpoints=(replace(eu, ready=ready), us))
            self.judge((key(n), *self.records.follow(self.rows[key(n)], self.now_s)))

    def judge(self, keys: object) -> None:
        assert isinstance(keys, tuple)
        for row_key in keys:
            row = self.rows[row_key]
            judged = self.records.judge(row, self.sources, (), self.now_s)
            self.rows[row_key] = replace(row, verdicts=judged.verdicts)

    def reasons(self) -> list[str]:
        return [self.rows[key(n)].verdicts[0].reason for n in range(10)]

    def out(self) -> set[int]:
        return {n for n in range(10) if not self.rows[key(n)].verdicts[0].serving}

    def _row(self, n: int) -> Row:
        endpoints = (
            Endpoint(cluster="eu", addresses=(f"192.0.2.{n}",), ports=(443,), ready=3),
            Endpoint(cluster="us", addresses=(f"198.51.100.{n}",), ports=(443,), ready=3),
        )
        return Row(service=GlobalService(key=key(n), hostnames=(f"s{n}.fed.test",)), endpoints=endpoints)


def test_a_few_services_that_lose_readiness_are_taken_out_by_it() -> None:
    cluster = Cluster()
    cluster.lose(0, 1, 2)
    assert cluster.out() == {0, 1, 2}


def test_a_mass_loss_takes_none_out_and_brings_back_at_once_what_the_first_losses_took() -> None:
    cluster = Cluster()
    cluster.lose(0, 1, 2, 3, 4)
    assert cluster.out() == {0, 1, 2, 3, 4}
    cluster.lose(5, 6, 7, 8, 9)
    assert cluster.out() == set()
    assert cluster.reasons() == [reasons.MASS_READINESS_LOSS] * 10


def test_in_a_mass_loss_probes_decide() -> None:
    cluster = Cluster()
    cluster.lose(*range(10))
    for _ in range(3):
        cluster.probe(passed=False, only=4)
    assert cluster.out() == {4}
    assert cluster.rows[key(4)].verdicts[0].state is State.NOT_SERVING


def test_a_restart_in_the_middle_of_a_mass_loss_changes_nothing() -> None:
    cluster = Cluster()
    cluster.lose(*range(10))
    cluster.records = Records({}, cluster.now_s)
    for row in tuple(cluster.rows.values()):
        cluster.records.follow(row, cluster.now_s)
    cluster.probe(passed=True)
    cluster.judge(tuple(cluster.rows))
    assert cluster.out() == set()


def test_when_readiness_is_back_the_next_small_loss_counts_again() -> None:
    cluster = Cluster()
    cluster.lose(*range(10))
    cluster.now_s += 20
    cluster.lose(*range(10), ready=2)
    assert cluster.reasons() == [reasons.PROBES_PASSING] * 10
    cluster.now_s += 100
    cluster.probe(passed=True)
    cluster.lose(3)
    assert cluster.out() == {3}
