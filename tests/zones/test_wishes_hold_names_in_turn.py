"""Who wishes a name first holds it; whoever's turn it is comes once, changes before first publications."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import (
    Capabilities,
    Decision,
    Endpoint,
    GlobalService,
    Member,
    Row,
    Rule,
    ServiceKey,
    Where,
    Zone,
)
from trafficfed.zones.wish import Wish, known_targets, make_wish
from trafficfed.zones.wishes import Turns, Wishes


def key(name: str) -> ServiceKey:
    return ServiceKey("default", "shop", name)


def wish(service: str, *names: str) -> Wish:
    return Wish(service=key(service), names=names)


def test_the_first_holds_and_the_next_inherits() -> None:
    wishes = Wishes()
    assert wishes.put(wish("one", "a", "b")) == set()
    assert wishes.put(wish("two", "a")) == set()
    assert wishes.holder("a") == "default/shop/one"
    assert wishes.put(wish("one", "b")) == {"default/shop/two"}
    assert wishes.holder("a") == "default/shop/two"
    assert wishes.put(wish("two")) == set()
    assert wishes.holder("a") is None


def test_a_contested_name_goes_to_the_claimant_that_is_preferred() -> None:
    wishes = Wishes()
    for service in ("one", "two", "three"):
        wishes.put(wish(service, "a"))
    assert wishes.contested() == ("a",)
    assert wishes.prefer("a", "default/shop/three") == "default/shop/one"
    assert wishes.holder("a") == "default/shop/three"
    assert wishes.prefer("a", "default/shop/none") is None
    assert wishes.put(wish("three")) == {"default/shop/one"}
    assert wishes.put(wish("one")) == {"default/shop/two"}


def test_whoever_stops_waiting_does_not_inherit() -> None:
    wishes = Wishes()
    wishes.put(wish("one", "a"))
    wishes.put(wish("two", "a"))
    wishes.put(wish("two"))
    assert wishes.put(wish("one")) == set()
    assert wishes.holder("a") is None


histories = st.lists(st.tuples(st.sampled_from("xyz"), st.sets(st.sampled_from("abc"))), max_size=20)


@settings(max_examples=50)
@given(histories)
def test_a_name_is_held_exactly_while_somebody_wishes_it(history: list[tuple[str, set[str]]]) -> None:
    wishes = Wishes()
    wished: dict[str, set[str]] = {}
    for service, names in history:
        wishes.put(wish(service, *sorted(names)))
        wished[f"default/shop/{service}"] = names
        for name in "abc":
            holder = wishes.holder(name)
            claimants = {service for service, names in wished.items() if name in names}
            assert (holder in claimants) if claimants else holder is None


def test_turns_come_once_and_urgent_ones_first() -> None:
    turns = Turns()
    for service, urgent in (("new", False), ("live", True), ("new", False), ("late", False), ("late", True)):
        turns.add(service, urgent=urgent)
    assert len(turns) == 3
    assert turns.all() == ("live", "late", "new")
    assert list(turns) == ["live", "late", "new"]
    assert len(turns) == 0


def test_causes_of_an_earlier_wish_stay_for_what_is_still_published() -> None:
    earlier = Wish(service=key("web"), departed=frozenset({"1", "2"}), released=frozenset({"a", "b"}))
    later = Wish(service=key("web"), names=("b",), departed=frozenset({"3"}))
    merged = later.after(earlier, frozenset({"1"}))
    assert merged.departed == {"1", "3"}
    assert merged.released == {"a"}


def row(*endpoints: Endpoint, fallback: tuple[str, ...] = (), last_good: tuple[str, ...] = ()) -> Row:
    service = GlobalService(key=key("web"), hostnames=("web.fed.test",), fallback=fallback)
    pool = tuple(
        Member(cluster=endpoint.cluster, weight=1, addresses=endpoint.targets)
        for endpoint in endpoints
        if endpoint.targets
    )
    decision = Decision(service=key("web"), hostnames=("web.fed.test",), rules=(Rule(where=Where(), pool=pool),))
    return Row(service=service, endpoints=endpoints, decision=decision, last_good=last_good)


def test_a_row_knows_every_target_it_may_ever_answer() -> None:
    eu = Endpoint(cluster="eu", addresses=("192.0.2.1",), hostnames=("LB.example.net",), resolved=("192.0.2.2",))
    known = known_targets(row(eu, fallback=("192.0.2.8",), last_good=("192.0.2.9",)))
    assert known == {"192.0.2.1", "192.0.2.2", "192.0.2.8", "192.0.2.9", "lb.example.net"}


def test_a_row_becomes_a_wish_with_its_causes() -> None:
    eu = Endpoint(cluster="eu", addresses=("192.0.2.1",))
    made, lowered = make_wish(
        row(eu),
        Zone(name="fed.test"),
        Capabilities(),
        departed=("192.0.2.5",),
        released=("old.fed.test",),
        event_at_s=7.0,
    )
    assert made.names == ("web.fed.test",)
    assert [(found.type, found.values) for found in made.sets] == [("A", ("192.0.2.1",))]
    assert made.departed == {"192.0.2.5"}
    assert made.released == {"old.fed.test"}
    assert made.event_at_s == 7.0
    assert lowered.losses == ()
