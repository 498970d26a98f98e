"""A vantage probes what the controller it follows wants probed, and suspects what any controller suspects."""

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from trafficfed.errors import Refused
from trafficfed.feed.messages import ServiceTargets, Suspect, Targets
from trafficfed.model import ServiceKey, Target
from trafficfed.testing.vantages import key, observation, target
from trafficfed.vantage.instructions import Instructions

A, B = "192.0.2.1:9053", "192.0.2.2:9053"
PLACE = ("eu", "127.0.0.1")


class Prober:
    """Keeps what it was told as the real one does: a target that is new or changed is not suspicious."""

    def __init__(self) -> None:
        self.targets: dict[ServiceKey, tuple[Target, ...]] = {}
        self.suspicious: set[tuple[ServiceKey, str, str]] = set()
        self.told = 0

    def set_targets(self, service: ServiceKey, targets: tuple[Target, ...]) -> None:
        self.told += 1
        kept = {(t.cluster, t.address) for t in targets if t in self.targets.get(service, ())}
        self.suspicious -= {place for place in self.suspicious if place[0] == service and place[1:] not in kept}
        self.targets.pop(service, None)
        if targets:
            self.targets[service] = targets

    def suspect(self, service: ServiceKey, cluster: str, address: str, on: bool) -> None:
        if any((t.cluster, t.address) == (cluster, address) for t in self.targets.get(service, ())):
            (self.suspicious.add if on else self.suspicious.discard)((service, cluster, address))


def everything(*numbers: int, port: int = 443) -> Targets:
    return Targets(tuple(ServiceTargets(key(n), (target(n, port),)) for n in numbers), full=True)


def change(**services: int) -> Targets:
    """``s1=443`` makes it a target with that port, ``s1=0`` none."""
    return Targets(
        tuple(
            ServiceTargets(key(int(name[1:])), (target(int(name[1:]), port),) if port else ())
            for name, port in services.items()
        )
    )


def suspicion(n: int, on: bool) -> Suspect:
    return Suspect(key(n), *PLACE, on)


@pytest.fixture
def prober() -> Prober:
    return Prober()


@pytest.fixture
def instructions(prober: Prober) -> Instructions:
    return Instructions(prober)


def test_the_followed_controllers_targets_are_probed_and_no_others(prober: Prober, instructions: Instructions) -> None:
    instructions.follow(A)
    instructions.take(B, everything(1, 2, 3))
    assert prober.targets == {}
    instructions.take(A, everything(1, 2))
    assert prober.targets == {key(1): (target(1),), key(2): (target(2),)}
    assert instructions.followed == A
    instructions.take(A, change(s2=0, s4=443))
    instructions.take(B, change(s9=443))
    assert set(prober.targets) == {key(1), key(4)}


def test_another_is_followed_from_when_it_has_told_everything(prober: Prober, instructions: Instructions) -> None:
    instructions.follow(A)
    instructions.take(A, everything(1, 2))
    instructions.follow(B)
    assert instructions.followed == A
    instructions.take(A, change(s2=0, s4=443))
    assert set(prober.targets) == {key(1), key(4)}, "until then its own changes count"
    instructions.take(B, everything(2, 3))
    assert instructions.followed == B
    assert set(prober.targets) == {key(2), key(3)}


def test_following_another_that_wants_the_same_tells_the_prober_nothing(
    prober: Prober, instructions: Instructions
) -> None:
    instructions.follow(A)
    instructions.take(A, everything(1, 2))
    instructions.take(B, everything(1, 2))
    told = prober.told
    instructions.follow(B)
    instructions.gone(A)
    instructions.take(A, everything(1, 2))
    instructions.follow(A)
    assert prober.told == told


def test_when_every_controller_is_gone_the_targets_stay(prober: Prober, instructions: Instructions) -> None:
    instructions.follow(A)
    instructions.take(A, everything(1, 2))
    instructions.gone(A)
    instructions.follow("")
    assert set(prober.targets) == {key(1), key(2)}
    assert instructions.check_of(observation(target(1), 0.0)) == target(1).check


def test_one_that_comes_back_with_less_takes_away_what_is_no_more(prober: Prober, instructions: Instructions) -> None:
    instructions.follow(A)
    instructions.take(A, everything(1, 2))
    instructions.gone(A)
    instructions.follow(A)
    assert instructions.followed == ""
    instructions.take(A, everything(2))
    assert set(prober.targets) == {key(2)}


def test_what_any_of_them_suspects_is_suspected_until_none_does(prober: Prober, instructions: Instructions) -> None:
    instructions.follow(A)
    instructions.take(A, everything(1))
    instructions.take(B, everything(1))
    instructions.suspect(A, suspicion(1, True))
    instructions.suspect(B, suspicion(1, True))
    instructions.suspect(A, suspicion(1, False))
    assert prober.suspicious == {(key(1), *PLACE)}
    instructions.suspect(B, suspicion(1, False))
    assert prober.suspicious == set()


def test_a_controller_that_is_gone_takes_its_suspicions_with_it(prober: Prober, instructions: Instructions) -> None:
    instructions.follow(A)
    instructions.take(A, everything(1, 2))
    for controller, n in ((A, 1), (B, 1), (B, 2)):
        instructions.suspect(controller, suspicion(n, True))
    instructions.gone(B)
    assert prober.suspicious == {(key(1), *PLACE)}


def test_a_suspicion_that_came_before_its_target_holds_from_the_targets_beginning(
    prober: Prober, instructions: Instructions
) -> None:
    instructions.follow(A)
    instructions.suspect(B, suspicion(1, True))
    instructions.take(A, everything(1))
    assert prober.suspicious == {(key(1), *PLACE)}
    instructions.take(A, change(s1=80))
    assert prober.suspicious == {(key(1), *PLACE)}, "also when its check changed"


def test_changes_before_everything_are_refused(instructions: Instructions) -> None:
    with pytest.raises(Refused, match="before all of them"):
        instructions.take(A, change(s1=443))


STEPS = st.one_of(
    st.tuples(st.just("full"), st.sampled_from([A, B]), st.sets(st.integers(1, 4)), st.sampled_from([443, 80])),
    st.tuples(st.just("change"), st.sampled_from([A, B]), st.integers(1, 4), st.sampled_from([0, 443, 80])),
    st.tuples(st.just("suspect"), st.sampled_from([A, B]), st.integers(1, 4), st.booleans()),
    st.tuples(st.just("follow"), st.sampled_from([A, B, ""])),
    st.tuples(st.just("gone"), st.sampled_from([A, B])),
)


@settings(max_examples=100, deadline=None)
@given(steps=st.lists(STEPS, max_size=40))
def test_whatever_comes_in_whatever_order_the_prober_does_what_a_plain_reading_says(steps: list[tuple]) -> None:  # type: ignore[type-arg]
    """Against a model that keeps everything and works out all of it anew at each step."""
    prober = Prober()
    instructions = Instructions(prober)
    wanted: dict[str, dict[ServiceKey, tuple[Target, ...]]] = {}
    suspected: dict[str, set[ServiceKey]] = {A: set(), B: set()}
    chosen, probed = "", dict[ServiceKey, tuple[Target, ...]]()
    for kind, who, *more in steps:
        if kind == "full":
            wanted[who] = {key(n): (target(n, more[1]),) for n in more[0]}
            instructions.take(who, everything(*more[0], port=more[1]))
        elif kind == "change" and who in wanted:
            wanted[who] = {k: t for k, t in wanted[who].items() if k != key(more[0])}
            if more[1]:
                wanted[who][key(more[0])] = (target(more[0], more[1]),)
            instructions.take(who, change(**{f"s{more[0]}": more[1]}))
        elif kind == "suspect":
            (suspected[who].add if more[1] else suspected[who].discard)(key(more[0]))
            instructions.suspect(who, suspicion(more[0], more[1]))
        elif kind == "follow":
            chosen = who
            instructions.follow(who)
        elif kind == "gone":
            wanted.pop(who, None)
            suspected[who].clear()
            instructions.gone(who)
        if chosen in wanted:
            probed = dict(wanted[chosen])
        elif instructions.followed in wanted:
            probed = dict(wanted[instructions.followed])
        assert prober.targets == probed
        assert prober.suspicious == {(k, *PLACE) for k in suspected[A] | suspected[B] if k in probed}
