"""From an event on the hub to the writes it causes: no more of them than needed, and in an order that loses nothing."""

import json
from typing import Any

import pytest

from trafficfed.propagation.objects import ObjectKey, PolicyKey
from trafficfed.propagation.plan import Apply
from trafficfed.propagation.troubles import Failure
from trafficfed.testing.propagating import deployment
from trafficfed.testing.propagation_bench import Bench, Json

WEB = ObjectKey("apps", "Deployment", "shop", "web")
POLICY = PolicyKey("shop", "all")
DEPLOYMENTS: Json = {"apiVersion": "apps/v1", "kind": "Deployment"}


def policy(name: str = "all", *selected: Json, **spec: Any) -> Json:
    metadata = {"namespace": "shop", "name": name, "creationTimestamp": "2026-11-25T12:00:00Z"}
    return {
        "kind": "PropagationPolicy",
        "metadata": metadata,
        "spec": {"resourceSelectors": list(selected) or [DEPLOYMENTS], **spec},
    }


def config_map(name: str, **data: str) -> Json:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"namespace": "shop", "name": name},
        "data": data,
    }


def key(name: str) -> ObjectKey:
    return ObjectKey("apps", "Deployment", "shop", name)


@pytest.fixture
def bench() -> Bench:
    bench = Bench()
    bench.list_all()
    return bench


@pytest.fixture
def placed(bench: Bench) -> Bench:
    """One Deployment in all members, and nothing more to do."""
    bench.write(policy(), deployment())
    bench.run()
    bench.log.clear()
    return bench


def test_an_object_is_recorded_then_applied_then_told(bench: Bench) -> None:
    bench.write(policy(), deployment())
    bench.run()
    assert [each.split()[0] for each in bench.log] == ["record", "apply", "apply", "apply", "status", "status"]
    assert bench.holders(WEB) == {"ap", "eu", "us"}
    assert bench.reason(POLICY) == "Applied"


def test_nothing_is_applied_while_the_hub_does_not_take_the_record(bench: Bench) -> None:
    bench.hub_takes_records = False
    bench.write(policy(), deployment())
    bench.run()
    assert set(bench.log) - {"record"} == {f"status {POLICY}"}
    assert 2 <= len(bench.writes("record")) <= 4, "tried again, though not without a pause"
    bench.hub_takes_records = True
    bench.run()
    assert bench.holders(WEB) == {"ap", "eu", "us"}


def test_an_edit_costs_one_write_in_each_member_and_no_record(placed: Bench) -> None:
    placed.write(deployment(replicas=9))
    placed.run()
    assert placed.writes("record") == []
    assert len(placed.writes("apply")) == 3
    assert {each["spec"]["replicas"] for copies in placed.members.values() for each in copies.values()} == {9}


def test_an_edit_goes_before_everything_new(placed: Bench) -> None:
    placed.write(*(deployment(f"new-{number}") for number in range(300)))
    for _ in range(2):
        placed.carry_out(placed.engine.turn(placed.now_s))
    placed.write(deployment(replicas=9))
    placed.log.clear()
    placed.carry_out(placed.engine.turn(placed.now_s))
    assert [each for each in placed.log if each.startswith("apply")][:3] == [
        f"apply {name} {WEB}" for name in ("ap", "eu", "us")
    ]
    placed.run(60)
    assert len(placed.members["eu"]) == 301


def test_a_burst_costs_few_records_two_writes_a_member_at_most_and_one_status_each(bench: Bench) -> None:
    bench.write(policy(), *(deployment(f"new-{number}") for number in range(200)))
    bench.run(30)
    assert len(bench.writes("apply")) == 600
    assert len(bench.writes("record")) <= 10
    assert len(bench.writes("status")) <= 200 + 4
    assert bench.statuses[POLICY]["applied"] == 600


def test_the_second_run_writes_nothing(placed: Bench) -> None:
    for key, status in placed.statuses.items():
        kind = "Deployment" if isinstance(key, ObjectKey) else "PropagationPolicy"
        stored = next(each for (k, *_), each in placed.hub.items() if k.kind == kind)
        stored["status"] = status
    placed.start(placed.engine.hub.known)
    placed.list_all()
    placed.run(20)
    assert placed.log == []


def test_a_removed_object_takes_its_copies_along(placed: Bench) -> None:
    placed.remove("Deployment", "web")
    placed.run()
    assert placed.holders(WEB) == set()
    assert placed.engine.records is not None
    assert WEB not in placed.engine.records.assignments
    assert len(placed.writes("delete")) == 3


def test_a_removed_policy_takes_its_copies_along(placed: Bench) -> None:
    placed.remove("PropagationPolicy", "all")
    placed.run()
    assert placed.holders(WEB) == set()
    assert placed.engine.records is not None
    assert placed.engine.records.choices == {}


def test_orphans_are_left_without_our_mark(placed: Bench) -> None:
    placed.write(policy(deletionPolicy="Orphan"))
    placed.run()
    placed.remove("PropagationPolicy", "all")
    placed.run()
    assert placed.holders(WEB) == {"ap", "eu", "us"}
    assert len(placed.writes("release")) == 3


def test_a_move_waits_until_the_new_copy_runs(placed: Bench) -> None:
    placed.write(policy(placement={"clusterAffinity": {"clusterNames": ["eu"]}}))
    placed.report("ap", WEB, observedGeneration=1, updatedReplicas=3, availableReplicas=3)
    placed.run()
    assert placed.holders(WEB) == {"ap", "eu"}, "us ran nothing, ap did"
    placed.report("eu", WEB, observedGeneration=1, updatedReplicas=3, availableReplicas=3)
    placed.run()
    assert placed.holders(WEB) == {"eu"}


def test_a_copy_changed_by_hand_is_put_back(placed: Bench) -> None:
    placed.change("eu", WEB, spec={"replicas": 1})
    placed.run()
    assert placed.log[:1] == [f"apply eu {WEB}"]
    assert placed.members["eu"][WEB]["spec"]["replicas"] == 3


def test_who_takes_our_fields_again_and_again_is_left_alone_and_named(placed: Bench) -> None:
    for _ in range(8):
        placed.change("eu", WEB, spec={"replicas": 1})
        placed.run(0.1)
    placed.run()
    assert len([each for each in placed.writes("apply") if " eu " in each]) == 5
    assert placed.problems(POLICY) == {"eu": "Contested"}


def test_what_stands_there_already_is_reported_untouched_and_taken_once_it_is_gone(bench: Bench) -> None:
    theirs = {**deployment(replicas=1)}
    theirs["metadata"] |= {"uid": "theirs", "resourceVersion": "1"}
    bench.members["eu"][WEB] = json.loads(json.dumps(theirs))
    bench.write(policy(), deployment())
    bench.run()
    assert bench.problems(POLICY) == {"eu": "AlreadyExists"}
    assert bench.members["eu"][WEB] == theirs
    del bench.members["eu"][WEB]
    bench.run(40)
    assert bench.reason(POLICY) == "Applied"


def test_overwrite_takes_over_what_is_nobodys(bench: Bench) -> None:
    bench.members["eu"][WEB] = {**deployment(), "metadata": {**deployment()["metadata"], "uid": "x"}}
    bench.write(policy(conflictResolution="Overwrite"), deployment())
    bench.members["eu"][WEB]["metadata"]["resourceVersion"] = "5"
    bench.run()
    assert bench.reason(POLICY) == "Applied"


@pytest.mark.parametrize("reason", ["FieldConflict", "Forbidden"])
def test_what_a_person_must_mend_is_named_and_tried_at_once_with_other_content(bench: Bench, reason: str) -> None:
    bench.refuse = lambda deed: Failure(reason=reason, message="no", person=True) if deed.cluster == "eu" else None
    bench.write(policy(), deployment())
    bench.run(20)
    assert bench.problems(POLICY) == {"eu": reason}
    assert len([each for each in bench.writes("apply") if " eu " in each]) == 1
    bench.refuse = lambda deed: None
    bench.write(deployment(replicas=5))
    bench.run()
    assert bench.reason(POLICY) == "Applied"


def test_one_members_trouble_delays_no_other_and_is_tried_with_growing_pauses(bench: Bench) -> None:
    bench.refuse = lambda deed: Failure(reason="Throttled", message="slow down") if deed.cluster == "eu" else None
    bench.write(policy(), *(deployment(f"new-{number}") for number in range(40)))
    bench.run(30)
    assert len(bench.members["us"]) == len(bench.members["ap"]) == 40
    tries = [each for each in bench.writes("apply") if each == f"apply eu {key('new-1')}"]
    assert 4 <= len(tries) <= 8
    bench.refuse = lambda deed: None
    bench.run(70)
    assert bench.reason(POLICY) == "Applied"


def test_a_member_out_of_reach_keeps_what_it_has_and_is_compared_when_it_returns(placed: Bench) -> None:
    placed.lose_member("eu")
    placed.write(deployment(replicas=9))
    placed.run()
    assert placed.problems(POLICY) == {"eu": "Unreachable"}
    assert placed.members["eu"][WEB]["spec"]["replicas"] == 3
    placed.list_member("eu")
    placed.run()
    assert placed.members["eu"][WEB]["spec"]["replicas"] == 9
    assert placed.reason(POLICY) == "Applied"


def test_what_leaves_a_member_out_of_reach_leaves_when_it_returns(placed: Bench) -> None:
    placed.lose_member("eu")
    placed.remove("Deployment", "web")
    placed.run()
    assert placed.holders(WEB) == {"eu"}
    placed.list_member("eu")
    placed.run()
    assert placed.holders(WEB) == set()


def test_another_api_server_behind_a_members_address_gets_nothing(placed: Bench) -> None:
    placed.engine.doubt({"eu": "another API server answers"})
    placed.write(deployment(replicas=9))
    placed.run()
    assert placed.members["eu"][WEB]["spec"]["replicas"] == 3
    assert placed.problems(POLICY) == {"eu": "Unreachable"}
    placed.engine.doubt({})
    placed.run()
    assert placed.members["eu"][WEB]["spec"]["replicas"] == 9


def test_where_the_hub_is_a_member_the_object_itself_is_its_copy(bench: Bench) -> None:
    bench.uids["eu"] = bench.uid
    bench.list_member("eu")
    bench.write(policy(), deployment())
    bench.run()
    assert bench.holders(WEB) == {"ap", "us"}
    assert bench.reason(POLICY) == "Applied"


def test_a_policy_that_cannot_be_read_touches_nothing_of_what_it_had(placed: Bench) -> None:
    placed.write(policy(reschedule="onBreach"))
    placed.run(20)
    assert placed.holders(WEB) == {"ap", "eu", "us"}
    assert placed.reason(POLICY, "Scheduled") == "InvalidPolicy"
    placed.write(policy(placement={"clusterAffinity": {"exclude": ["ap"]}}))
    placed.run(20)
    assert placed.holders(WEB) == {"eu", "us"}


def test_statuses_of_all_copies_add_up_on_the_hub(placed: Bench) -> None:
    for name in placed.members:
        placed.report(name, WEB, observedGeneration=1, replicas=3, readyReplicas=3)
    placed.run()
    assert placed.statuses[WEB] == {"observedGeneration": 1, "readyReplicas": 9, "replicas": 9}
    assert placed.writes("status") == [f"status {WEB}"]


def test_records_are_nobodys_templates(bench: Bench) -> None:
    record = config_map("trafficfed-assignments-1")
    record["metadata"]["labels"] = {"trafficfed.io/record": "assignments"}
    bench.write(policy("all", {"apiVersion": "v1", "kind": "ConfigMap"}), record, config_map("settings", a="b"))
    bench.run()
    assert {each.name for each in bench.members["eu"]} == {"settings"}


def test_a_first_choice_waits_for_members_that_were_not_seen_yet_but_not_for_ever() -> None:
    bench = Bench()
    bench.list_hub()
    bench.list_member("us")
    bench.write(policy(placement={"maxClusters": 1}), deployment())
    bench.run(5)
    assert bench.writes("apply") == []
    bench.run(10)
    assert bench.holders(WEB) == {"us"}


def test_only_the_apply_of_what_was_seen_carries_its_revision(placed: Bench) -> None:
    before = placed.members["eu"][WEB]["metadata"]["resourceVersion"]
    placed.write(deployment(replicas=9))
    deeds = [job.deed for job in placed.engine.turn(placed.now_s).jobs]
    assert [each.resource_version for each in deeds if isinstance(each, Apply) and each.cluster == "eu"] == [before]
