"""What the prober has been told and when services wake: the small memories that keep a settling cheap."""

from hypothesis import given
from hypothesis import strategies as st

from trafficfed.aims import Aims
from trafficfed.model import HealthCheck, ServiceKey, Target
from trafficfed.wakes import Wakes

KEYS = [ServiceKey("default", "shop", name) for name in "abc"]
moments = st.one_of(st.none(), st.integers(0, 50).map(float))


def target(key: ServiceKey, address: str) -> Target:
    return Target(service=key, cluster="eu", address=address, port=80, check=HealthCheck())


@given(st.lists(st.tuples(st.sampled_from(KEYS), moments), max_size=40), st.integers(0, 60))
def test_each_service_wakes_once_at_the_moment_that_was_set_last(
    settings: list[tuple[ServiceKey, float | None]], now: int
) -> None:
    wakes, wanted = Wakes(), dict[ServiceKey, float]()
    for key, at_s in settings:
        wakes.set(key, at_s)
        wanted.pop(key, None)
        if at_s is not None:
            wanted[key] = at_s
    assert wakes.next_s() == min(wanted.values(), default=None)
    woken = []
    while (key := wakes.due(float(now))) is not None:  # type: ignore[assignment]
        woken.append(key)
    assert sorted(woken) == sorted(key for key, at_s in wanted.items() if at_s <= now)
    assert wakes.next_s() == min((at_s for at_s in wanted.values() if at_s > now), default=None)


def test_targets_are_told_when_they_change_and_when_they_end() -> None:
    aims, (key, *_) = Aims(), KEYS
    one = (target(key, "192.0.2.1"),)
    assert aims.aim(key, one) == ((key, one),)
    assert aims.aim(key, one) == ()
    assert aims.aim(key, ()) == ((key, ()),)
    assert aims.aim(key, ()) == ()


def test_suspicions_are_told_as_what_begins_and_what_ends() -> None:
    aims, (key, *_) = Aims(), KEYS
    assert aims.suspect(key, frozenset({("eu", "192.0.2.1")})) == [((key, "eu", "192.0.2.1"), True)]
    changed = aims.suspect(key, frozenset({("us", "192.0.2.2")}))
    assert changed == [((key, "us", "192.0.2.2"), True), ((key, "eu", "192.0.2.1"), False)]
    assert aims.suspect(key, frozenset({("us", "192.0.2.2")})) == []
    assert aims.suspect(key, frozenset()) == [((key, "us", "192.0.2.2"), False)]
