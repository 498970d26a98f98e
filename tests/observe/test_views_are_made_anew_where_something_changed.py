"""Whoever looks again and again sees what a single look would show, at the cost of what has changed."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.model import OperatorControl, Row, ServiceKey
from trafficfed.observe import service_views
from trafficfed.observe.service_views import ServiceViews
from trafficfed.observe.showing import service_view
from trafficfed.testing.fleets import endpoint, key, row

DRAIN = OperatorControl(kind="drain", cluster="eu", who="ann", why="w", until_s=50.0, id="1")
Latencies = dict[tuple[str, str], float]


def called(name: str, ttl: int = 30) -> Row:
    made = row(endpoint("eu"), endpoint("us"))
    return replace(made, service=replace(made.service, key=key(name), ttl=ttl))


def rows(*made: Row) -> dict[ServiceKey, Row]:
    return {one.key: one for one in made}


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The services whose views were made anew."""
    names: list[str] = []

    def counted(one: Row, *rest: object) -> object:
        names.append(one.key.name)
        make: Callable[..., object] = service_view
        return make(one, *rest)

    monkeypatch.setattr(service_views, "service_view", counted)
    return names


def test_only_a_row_that_was_replaced_is_shown_anew(made: list[str]) -> None:
    views = ServiceViews(lambda service, cluster, address: 0.01)
    a, b = called("a"), called("b")
    views.of(rows(a, b), (), 1.0)
    made.clear()
    later = views.of(rows(a, called("b", ttl=60)), (), 2.0)
    assert made == ["b"]
    assert [view.ttl for view in later] == [30, 60]


def test_a_latency_is_that_of_now_without_making_the_view_anew(made: list[str]) -> None:
    latency: Latencies = {("eu", "a"): 0.01}
    views = ServiceViews(lambda service, cluster, address: latency.get((cluster, service.rpartition("/")[2])))
    web = called("a")
    (first,) = views.of(rows(web), (), 1.0)
    (second,) = views.of(rows(web), (), 2.0)
    latency["eu", "a"] = 0.02
    (third,) = views.of(rows(web), (), 3.0)
    assert second is first
    assert [target.rtt_s for target in third.targets] == [0.02, None]
    assert made == ["a"]


def test_a_control_that_expires_is_seen_to() -> None:
    views = ServiceViews(lambda service, cluster, address: None)
    web = called("a")
    assert [views.of(rows(web), (DRAIN,), now_s)[0].targets[0].drained for now_s in (1.0, 49.0, 51.0)] == [
        True,
        True,
        False,
    ]


def test_nothing_is_kept_of_what_is_gone_or_when_nobody_looks(made: list[str]) -> None:
    views = ServiceViews(lambda service, cluster, address: None)
    a, b = called("a"), called("b")
    views.of(rows(a, b), (), 1.0)
    assert [view.service for view in views.of(rows(b), (), 2.0)] == [str(b.key)]
    views.of(rows(a, b), (), 3.0)
    assert made == ["a", "b", "a"]
    views.clear()
    views.of(rows(b), (), 4.0)
    assert made == ["a", "b", "a", "b"]


KNOWN = [called(name, ttl) for name in "cab" for ttl in (30, 60)]
LOOKS = st.tuples(
    st.lists(st.sampled_from(KNOWN), unique_by=lambda one: one.key),
    st.sampled_from([(), (DRAIN,)]),
    st.floats(0.0, 100.0),
    st.sampled_from([None, 0.01, 0.02]),
)


@given(st.lists(LOOKS, min_size=1, max_size=6))
def test_what_is_seen_is_what_a_single_look_would_show(
    looks: list[tuple[list[Row], tuple[OperatorControl, ...], float, float | None]],
) -> None:
    latency: list[float | None] = [None]
    views = ServiceViews(lambda service, cluster, address: latency[0])
    for there, controls, now_s, rtt_s in looks:
        latency[0] = rtt_s
        by_key = sorted(there, key=lambda one: one.key)
        wanted = tuple(service_view(one, lambda *_: latency[0], controls, now_s) for one in by_key)
        assert views.of(rows(*there), controls, now_s) == wanted
