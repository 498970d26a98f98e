"""The status in pieces: whoever puts them together has the status, and what is no news is not told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.observe.deltas import StreamView, Told
from trafficfed.observe.views import ClusterView, ServiceView, StatusView, TargetView, VantageView


def service(name: str, rtt_s: float | None = None, **fields: object) -> ServiceView:
    target = TargetView(cluster="eu", address="192.0.2.1", state="Serving", serving=True, rtt_s=rtt_s)
    view = ServiceView(service=name, hostnames=(f"{name}.fed.test",), targets=(target,))
    return replace(view, **fields)


def status(*services: ServiceView, **fields: object) -> StatusView:
    return replace(StatusView(owner="demo", at_s=1000.0, services=services), **fields)


def test_the_first_message_is_the_whole() -> None:
    now = status(service("a"), service("b"))
    assert Told().next(now) == StreamView(whole=True, status=now)


def test_nothing_is_told_where_nothing_changed() -> None:
    told = Told()
    told.next(status(service("a")))
    assert told.next(status(service("a"), at_s=1007.0)) is None


def test_only_the_service_that_changed_is_told() -> None:
    told = Told()
    told.next(status(service("a"), service("b")))
    news = told.next(status(service("a", serving=True), service("b")))
    assert news is not None
    assert (news.whole, news.status.services, news.gone) == (False, (service("a", serving=True),), ())


def test_services_that_are_no_more_are_named() -> None:
    told = Told()
    told.next(status(service("a"), service("b"), service("c")))
    news = told.next(status(service("b")))
    assert news is not None
    assert (news.status.services, news.gone) == ((), ("a", "c"))


def test_what_only_grows_older_is_no_news() -> None:
    told = Told()
    cluster, vantage = ClusterView(name="eu", freshness="Fresh", age_s=3.0), VantageView(name="dublin", heard_s=1.0)
    told.next(status(clusters=(cluster,), vantages=(vantage,)))
    older = status(clusters=(replace(cluster, age_s=8.0),), vantages=(replace(vantage, heard_s=9.0),))
    assert told.next(older) is None
    stale = status(clusters=(replace(cluster, freshness="Stale"),), vantages=(vantage,))
    news = told.next(stale)
    assert news is not None
    assert news.status == stale


@pytest.mark.parametrize(
    ("before_s", "now_s", "is_news"),
    [
        (0.100, 0.119, False),
        (0.100, 0.081, False),
        (0.100, 0.121, True),
        (0.100, 0.079, True),
        (None, 0.1, True),
        (0.1, None, True),
        (0.0, 0.1, True),
        (0.00001, 0.0009, False),
        (0.002, 0.0029, False),
        (0.002, 0.0031, True),
    ],
)
def test_a_latency_is_news_when_it_has_moved_noticeably(
    before_s: float | None, now_s: float | None, is_news: bool
) -> None:
    told = Told()
    told.next(status(service("a", before_s)))
    assert (told.next(status(service("a", now_s))) is not None) is is_news


def test_a_latency_that_creeps_is_told_once_it_has_crept_far_enough() -> None:
    """It is compared with what was told, not with what was seen last."""
    told = Told()
    told.next(status(service("a", 0.100)))
    assert told.next(status(service("a", 0.110))) is None
    assert told.next(status(service("a", 0.119))) is None
    assert told.next(status(service("a", 0.125))) is not None


def test_who_comes_later_is_told_what_the_others_know() -> None:
    told = Told()
    assert told.whole() is None
    told.next(status(service("a", 0.100)))
    told.next(status(service("a", 0.110), service("b"), at_s=1003.0))
    assert told.whole() == StreamView(whole=True, status=status(service("a", 0.100), service("b"), at_s=1003.0))


SERVICES = st.dictionaries(st.sampled_from("abcd"), st.tuples(st.booleans(), st.sampled_from([None, 0.01, 0.011, 0.1])))


@given(st.lists(SERVICES, min_size=1, max_size=6), st.data())
def test_the_pieces_put_together_are_the_status(
    history: list[dict[str, tuple[bool, float | None]]], data: st.DataObject
) -> None:
    """For who was there from the beginning, and for who came in between."""
    told = Told()
    joins = data.draw(st.integers(0, len(history) - 1))
    early: dict[str, ServiceView] = {}
    late: dict[str, ServiceView] = {}
    for turn, wanted in enumerate(history):
        now = status(*(service(name, rtt_s, serving=serving) for name, (serving, rtt_s) in sorted(wanted.items())))
        news = told.next(now)
        _apply(early, news)
        _apply(late, told.whole() if turn == joins else news)
        assert {name: view.serving for name, view in early.items()} == {name: one for name, (one, _) in wanted.items()}
        assert turn < joins or late == early


def _apply(known: dict[str, ServiceView], news: StreamView | None) -> None:
    if news is None:
        return
    if news.whole:
        known.clear()
    known.update({view.service: view for view in news.status.services})
    for name in news.gone:
        del known[name]
