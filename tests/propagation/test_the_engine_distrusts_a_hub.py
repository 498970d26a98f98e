"""Law 1 and 8 for templates: a hub that is lost, emptied, replaced or restored takes nothing away."""

import json

import pytest

from trafficfed.errors import ConfigError
from trafficfed.model import Freshness
from trafficfed.propagation.hub import Hub
from trafficfed.propagation.objects import ObjectKey, PolicyKey
from trafficfed.testing.propagating import deployment
from trafficfed.testing.propagation_bench import Bench, Json

MANY = tuple(f"web-{number}" for number in range(10))
POLICY: Json = {
    "kind": "PropagationPolicy",
    "metadata": {"namespace": "shop", "name": "all"},
    "spec": {"resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}]},
}


def key(name: str) -> ObjectKey:
    return ObjectKey("apps", "Deployment", "shop", name)


@pytest.fixture
def bench() -> Bench:
    """Ten Deployments in each member, and nothing more to do."""
    bench = Bench()
    bench.list_all()
    bench.write(POLICY, *(deployment(name) for name in MANY))
    bench.run()
    assert all(len(copies) == 10 for copies in bench.members.values())
    bench.log.clear()
    return bench


def standing(bench: Bench) -> set[int]:
    return {len(copies) for copies in bench.members.values()}


def lose_objects(bench: Bench, count: int) -> None:
    """They are gone from the hub, and no watch told."""
    for place in [place for place in bench.hub if place[2].startswith("web-")][:count]:
        del bench.hub[place]
    bench.revision += 1


def restart(bench: Bench) -> None:
    view = bench.engine.hub
    bench.start(Hub(uid=view.known.uid, revision=view.known.revision), went_back=view.went_back)
    bench.list_all()


def test_a_hub_out_of_reach_takes_nothing_away(bench: Bench) -> None:
    bench.lose_hub()
    bench.run(600)
    assert bench.log == []
    bench.resume_hub()
    bench.write(deployment("web-1", replicas=9))
    bench.run()
    assert bench.members["eu"][key("web-1")]["spec"]["replicas"] == 9


def test_a_deletion_watched_just_before_the_hub_was_lost_counts_once_it_is_back(bench: Bench) -> None:
    bench.lose_hub()
    bench.remove("Deployment", "web-1")
    bench.run()
    assert standing(bench) == {10}
    bench.resume_hub()
    bench.run()
    assert standing(bench) == {9}


@pytest.mark.parametrize("restarted", [False, True])
def test_another_hub_behind_the_address_takes_nothing_away(bench: Bench, restarted: bool) -> None:
    bench.uid, bench.revision, hub, bench.hub, bench.records = "hub-2", 5, bench.hub, {}, {}
    if restarted:
        restart(bench)
    bench.list_hub()
    bench.run(60)
    assert standing(bench) == {10}
    assert bench.log == []
    assert bench.engine.hub.known.doubted
    bench.uid, bench.revision, bench.hub = "hub-1", 5000, hub


def test_the_first_list_of_another_hub_is_enough_to_doubt_it(bench: Bench) -> None:
    hub, bench.hub, bench.uid = bench.hub, {}, "hub-2"
    kind = next(place[0] for place in hub if place[2] == "web-1")
    bench.list_hub(kind)
    bench.run(60)
    assert bench.log == []
    assert standing(bench) == {10}


def test_a_hub_that_is_the_old_one_again_goes_on_by_itself(bench: Bench) -> None:
    hub, records = bench.hub, bench.records
    bench.uid, bench.hub, bench.records = "hub-2", {}, {}
    bench.list_hub()
    bench.run(10)
    bench.uid, bench.hub, bench.records = "hub-1", hub, records
    bench.list_hub()
    bench.write(deployment("web-1", replicas=9))
    bench.run()
    assert bench.members["eu"][key("web-1")]["spec"]["replicas"] == 9
    assert standing(bench) == {10}


@pytest.mark.parametrize("restarted", [False, True])
def test_a_restored_backup_takes_nothing_away_and_stays_suspect_while_it_grows(bench: Bench, restarted: bool) -> None:
    lose_objects(bench, 3)
    bench.revision = 12
    if restarted:
        restart(bench)
    bench.list_hub()
    bench.run(10)
    bench.revision = 9000
    bench.list_hub()
    bench.run(10)
    if restarted:
        restart(bench)
    bench.run(10)
    assert standing(bench) == {10}
    assert bench.log == []


def test_a_restored_backup_is_seen_in_the_first_stream_that_lists(bench: Bench) -> None:
    lose_objects(bench, 3)
    bench.revision = 12
    kind = next(place[0] for place in bench.hub if place[2].startswith("web-"))
    bench.list_hub(kind)
    bench.run(10)
    assert standing(bench) == {10}
    assert bench.engine.hub.known.doubted


def test_few_that_are_absent_from_a_complete_list_leave(bench: Bench) -> None:
    lose_objects(bench, 5)
    bench.list_hub()
    bench.run()
    assert standing(bench) == {5}


@pytest.mark.parametrize("restarted", [False, True])
def test_many_that_are_absent_at_once_are_kept_until_confirmed(bench: Bench, restarted: bool) -> None:
    lose_objects(bench, 6)
    if restarted:
        restart(bench)
    bench.list_hub()
    bench.run(20)
    assert standing(bench) == {10}
    assert bench.problems(PolicyKey("shop", "all")) == dict.fromkeys(bench.members, "HubSuspect")
    bench.write(deployment("web-9", replicas=9))
    bench.run()
    assert bench.members["eu"][key("web-9")]["spec"]["replicas"] == 9, "the others go on"
    assert bench.engine.confirm(bench.now_s) == 6
    bench.run()
    assert standing(bench) == {4}


def test_a_confirmed_new_hub_gets_the_records_it_lacks(bench: Bench) -> None:
    policy_and_one = {place: each for place, each in bench.hub.items() if place[2] in ("all", "web-1")}
    bench.uid, bench.hub, bench.records = "hub-2", policy_and_one, {}
    bench.list_hub()
    bench.run()
    assert standing(bench) == {10}
    assert bench.engine.confirm(bench.now_s) == 9
    bench.run()
    assert standing(bench) == {1}
    assert bench.records


def test_a_hub_that_is_not_seen_completely_cannot_be_confirmed(bench: Bench) -> None:
    bench.lose_hub()
    with pytest.raises(ConfigError, match="not seen completely"):
        bench.engine.confirm(bench.now_s)


def test_a_record_that_cannot_be_read_stops_everything_and_says_so(bench: Bench) -> None:
    for record in bench.records.values():
        record["data"]["entries"] = "nonsense"
    restart(bench)
    bench.run(60)
    assert bench.log == []
    assert "cannot be read" in bench.engine.broken


def test_records_written_by_somebody_else_are_taken(bench: Bench) -> None:
    bench.engine.reload([json.dumps(each).encode() for each in bench.records.values()], bench.now_s)
    bench.run()
    assert bench.writes("apply") == bench.writes("delete") == []


def test_a_forgotten_member_is_waited_for_no_more(bench: Bench) -> None:
    bench.lose_member("eu")
    for name in MANY:
        bench.remove("Deployment", name)
    bench.run()
    assert bench.engine.records is not None
    assert len(bench.engine.records.assignments) == 10
    bench.engine.forget("eu", bench.now_s)
    bench.run()
    assert bench.engine.records.assignments == {}
    assert len(bench.members["eu"]) == 10


def test_a_forgotten_member_that_no_configuration_names_is_no_place_any_more(bench: Bench) -> None:
    view = bench.engine.hub
    copies = bench.members.pop("eu")
    bench.start(Hub(uid=view.known.uid, revision=view.known.revision))
    bench.list_all()
    bench.run(20)
    assert bench.problems(PolicyKey("shop", "all")) == {"eu": "Unreachable"}
    bench.engine.forget("eu", bench.now_s)
    bench.run(20)
    assert bench.reason(PolicyKey("shop", "all")) == "Applied"
    assert len(copies) == 10


def test_another_hub_with_higher_revisions_does_not_make_the_known_one_look_old() -> None:
    """When the known one is back, also for the next process, it is believed at once."""
    bench = Bench()
    bench.list_all()
    own, bench.uid, bench.revision = bench.revision, "hub-2", 5_000_000
    bench.list_hub()
    assert bench.engine.hub.known.doubted
    bench.start(bench.engine.hub.known)
    bench.uid, bench.revision = "hub-1", own
    bench.list_all()
    assert bench.engine.hub.known.freshness is Freshness.FRESH
