"""A new object is looked at twice (chosen, then applied), an edit once: an answer that was expected costs nothing."""

from typing import Any

import pytest

from trafficfed.kubernetes_api.wire import Upserted
from trafficfed.propagation.engine import Turn
from trafficfed.propagation.objects import ObjectKey, PolicyKey
from trafficfed.propagation.plan import Apply
from trafficfed.propagation.settling import Deed, Settling
from trafficfed.propagation.troubles import Failure
from trafficfed.testing.propagating import deployment
from trafficfed.testing.propagation_bench import KINDS, Bench, Json, foreign

POLICY = PolicyKey("shop", "all")
WEB = ObjectKey("apps", "Deployment", "shop", "web")
ONE = ObjectKey("", "ConfigMap", "shop", "one")


def policy() -> Json:
    spec = {"resourceSelectors": [{"apiVersion": "v1", "kind": "ConfigMap"}]}
    return {"kind": "PropagationPolicy", "metadata": {"namespace": "shop", "name": "all"}, "spec": spec}


def config_map(name: str = "one", text: str = "1") -> Json:
    metadata = {"namespace": "shop", "name": name}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"text": text}}


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.list_all()
    bench.write(policy())
    bench.run()
    return bench


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[ObjectKey]:
    """Every object in the order in which it was looked at."""
    found: list[ObjectKey] = []
    settle = Settling.settle

    def noted(self: Settling, key: ObjectKey, urgent: bool, now_s: float) -> list[Deed]:
        found.append(key)
        return settle(self, key, urgent, now_s)

    monkeypatch.setattr(Settling, "settle", noted)
    return found


def deeds(turn: Turn) -> dict[str, Deed]:
    return {job.deed.cluster: job.deed for job in turn.jobs}


def under_way(bench: Bench, manifest: Json) -> dict[str, Deed]:
    """Written on the hub and recorded; the steps in the members have no answer yet."""
    bench.write(manifest)
    while not (turn := bench.engine.turn(bench.now_s)).jobs:
        bench.carry_out(turn)
    return deeds(turn)


def turns(bench: Bench) -> list[Deed]:
    """What there is to do now, without carrying it out."""
    found: list[Deed] = []
    while True:
        turn = bench.engine.turn(bench.now_s)
        found += (job.deed for job in turn.jobs)
        if not bench.engine.busy:
            return found


def test_a_new_object_is_looked_at_twice(bench: Bench, looked_at: list[ObjectKey]) -> None:
    bench.write(config_map())
    bench.run()
    assert bench.holders(ONE) == {"ap", "eu", "us"}
    assert looked_at == [ONE, ONE]


def test_what_we_say_of_a_policy_ourselves_has_none_of_its_objects_looked_at(
    bench: Bench, looked_at: list[ObjectKey]
) -> None:
    bench.write(*(config_map(f"c{number}") for number in range(20)))
    bench.run()
    looked_at.clear()
    for _ in range(3):
        bench.tell_status(POLICY)
        bench.run()
    assert looked_at == []
    bench.write({**policy(), "spec": {**policy()["spec"], "placement": {"clusterAffinity": {"exclude": ["us"]}}}})
    bench.run()
    assert {key.name for key in looked_at} == {f"c{number}" for number in range(20)}


def deployments() -> Json:
    spec = {"resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}]}
    return {"kind": "PropagationPolicy", "metadata": {"namespace": "shop", "name": "all"}, "spec": spec}


def test_a_status_written_on_the_hub_has_its_object_not_looked_at(bench: Bench, looked_at: list[ObjectKey]) -> None:
    bench.write(deployments(), deployment())
    bench.run()
    looked_at.clear()
    bench.tell_report(WEB, readyReplicas=3)
    bench.run()
    assert looked_at == []


@pytest.mark.parametrize(
    "change",
    [{"labels": {"team": "shop"}}, {"annotations": {"note": "1"}}, {"labels": {"team": "shop"}, "annotations": {}}],
)
def test_labels_and_annotations_are_content(bench: Bench, change: Json) -> None:
    """They change no generation."""
    bench.write(deployments(), deployment())
    bench.run()
    bench.log.clear()
    bench.tell_metadata(WEB, **change)
    bench.run()
    assert len(bench.writes("apply")) == 3


def test_an_edit_is_looked_at_once(bench: Bench, looked_at: list[ObjectKey]) -> None:
    bench.write(config_map())
    bench.run()
    looked_at.clear()
    bench.write(config_map(text="2"))
    bench.run()
    assert len(bench.writes("apply")) == 6
    assert looked_at == [ONE]
    assert bench.reason(POLICY) == "Applied"


def test_the_members_own_event_of_our_step_costs_nothing_whichever_comes_first(
    bench: Bench, looked_at: list[ObjectKey]
) -> None:
    steps = under_way(bench, config_map())
    looked_at.clear()
    first, *others = steps.values()
    event_before_answer(bench, first)
    for deed in others:
        bench.take(deed)
        event_of(bench, deed)
    assert turns(bench) == []
    assert looked_at == []
    bench.run()
    assert bench.reason(POLICY) == "Applied"


def event_before_answer(bench: Bench, deed: Deed) -> None:
    done: list[Any] = []
    engine_done = bench.engine.done
    bench.engine.done = lambda *answer: done.append(answer)  # type: ignore[method-assign]
    bench.take(deed)
    bench.engine.done = engine_done  # type: ignore[method-assign]
    event_of(bench, deed)
    bench.engine.done(*done[0])


def event_of(bench: Bench, deed: Deed) -> None:
    """The watch tells what the step did, at the revision that its answer has too."""
    copy = bench.members[deed.cluster][deed.object]
    event = Upserted(foreign(copy), int(copy["metadata"]["resourceVersion"]))
    bench.engine.take_member(deed.cluster, KINDS[deed.object.kind], event)


def test_an_edit_amid_the_steps_is_not_forgotten(bench: Bench) -> None:
    steps = under_way(bench, config_map(text="1"))
    bench.write(config_map(text="2"))
    assert turns(bench) == [], "what is under way in every member waits for its end there"
    for deed in steps.values():
        bench.take(deed)
    bench.run()
    assert {copies[ONE]["data"]["text"] for copies in bench.members.values()} == {"2"}


def test_an_edit_amid_the_steps_waits_for_no_member_but_its_own(bench: Bench) -> None:
    steps = under_way(bench, config_map(text="1"))
    bench.write(config_map(text="2"))
    turns(bench)
    bench.take(steps["eu"])
    again = turns(bench)
    assert [(deed.cluster, isinstance(deed, Apply)) for deed in again] == [("eu", True)]


def test_somebody_who_changes_the_copy_before_our_answer_arrives_is_seen(bench: Bench) -> None:
    steps = under_way(bench, config_map())
    done: list[Any] = []
    engine_done = bench.engine.done
    bench.engine.done = lambda *answer: done.append(answer)  # type: ignore[method-assign]
    bench.take(steps["eu"])
    bench.engine.done = engine_done  # type: ignore[method-assign]
    bench.change("eu", ONE, data={"text": "theirs"})
    bench.engine.done(*done[0])
    for name in ("ap", "us"):
        bench.take(steps[name])
    assert [(deed.cluster, deed.reason) for deed in turns(bench)] == [("eu", "Drifted")]


def test_one_member_that_fails_is_told_while_the_others_are_in_place(bench: Bench) -> None:
    refusal = Failure(reason="Forbidden", message="no", person=True)
    bench.refuse = lambda deed: refusal if deed.cluster == "us" else None
    bench.write(config_map())
    bench.run()
    assert bench.problems(POLICY) == {"us": "Forbidden"}
    assert bench.statuses[POLICY]["applied"] == 2


def test_since_when_a_step_is_due_is_known_until_it_is_done(bench: Bench) -> None:
    told_s = bench.now_s
    steps = under_way(bench, config_map())
    bench.now_s += 0.5
    bench.engine.failed(steps["eu"], Failure(reason="Failing", message="500"), bench.now_s)
    assert {bench.engine.began_s(deed) for deed in steps.values()} == {told_s}
    bench.take(steps["us"])
    assert [bench.engine.began_s(steps[name]) for name in ("eu", "us")] == [told_s, None]
    bench.run()
    assert [bench.engine.began_s(deed) for deed in steps.values()].count(None) >= 2


def test_what_a_list_shows_at_the_start_has_no_delay(bench: Bench) -> None:
    bench.store(config_map())
    bench.list_hub()
    while not (turn := bench.engine.turn(bench.now_s)).jobs:
        bench.carry_out(turn)
    assert {bench.engine.began_s(job.deed) for job in turn.jobs} == {None}
