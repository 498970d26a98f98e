"""Hub, record and members in memory, and the parts in their order: whatever happens, nothing is lost and it settles."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import Freshness
from trafficfed.propagation.assign import assign
from trafficfed.propagation.assignment import left, withdrawn
from trafficfed.propagation.hub import Hub, confirm, listing_of, take_list
from trafficfed.propagation.objects import DEFAULT_KINDS, ObjectKey, Template
from trafficfed.propagation.place import Candidate, choose
from trafficfed.propagation.plan import Apply, Copy, Delete, Done, Keep, Release, Site, Step, in_place, plan_object
from trafficfed.propagation.records import Records
from trafficfed.propagation.render import render
from trafficfed.propagation.select import Policy, Selection
from trafficfed.testing.propagating import UNMEASURED, cluster, deployment, dividing, policy, template

NAMES = ("ap", "eu", "us")
CLUSTERS = {name: cluster(name) for name in NAMES}


class World:
    """One hub, three members, and a controller that may be restarted at any moment."""

    def __init__(self) -> None:
        self.templates: dict[ObjectKey, Template] = {}
        self.policies: tuple[Policy, ...] = ()
        self.config_maps: dict[str, Any] = {}
        self.uid, self.revision = "hub-1", 1
        self.members: dict[str, dict[ObjectKey, Copy]] = {name: {} for name in NAMES}
        self.up = set(NAMES)
        self.deleted: list[tuple[str, ObjectKey]] = []
        self.known = Hub()
        self.records = Records("trafficfed")

    # What users and fate do

    def write(self, *objects: Template) -> None:
        self.revision += 1
        self.templates.update((each.key, each) for each in objects)

    def remove(self, key: ObjectKey) -> None:
        """A deletion that the controller watches."""
        self.revision += 1
        self.templates.pop(key, None)
        if (known := self.records.assignments.get(key)) is not None and not self.known.doubted:
            self.records.stage(withdrawn(known))

    def restart(self) -> None:
        """Memory is gone; identity and revision of the hub are on disk."""
        self.records = Records("trafficfed", [json.dumps(each).encode() for each in self.config_maps.values()])
        self.known = Hub(uid=self.known.uid, revision=self.known.revision)

    def empty(self) -> None:
        """Another hub, with nothing in it, answers."""
        self.uid, self.revision, self.templates, self.policies = "hub-2", 1, {}, ()

    # The controller

    def turn(self) -> list[Step]:
        """List, judge, choose, record, then step: once."""
        selection = Selection(self.policies, DEFAULT_KINDS)
        listing = listing_of(
            self.uid,
            self.revision,
            self.records.assignments,
            self.templates,
            {each.key for each in self.policies},
            selection,
        )
        judged = take_list(self.known, listing)
        self.known = judged.hub
        if not self.known.doubted:
            for key in judged.leaving:
                self.records.stage(withdrawn(self.records.assignments[key]))
            self.decide(selection)
            self.record()
        return self.step()

    def decide(self, selection: Selection) -> None:
        members = [Candidate(cluster=CLUSTERS[name], reachable=name in self.up) for name in NAMES]
        for ruling in self.policies:
            chosen = choose(ruling, members, UNMEASURED, self.records.choices.get(ruling.key))
            assert chosen.choice is not None
            self.records.stage(chosen.choice)
        for each in self.templates.values():
            ruling_now = selection.ruling(each)
            if ruling_now is not None:
                before = self.records.assignments.get(each.key)
                choice = self.records.choices[ruling_now.key]
                found = assign(each, ruling_now, choice, members, UNMEASURED, before)
                assert found.assignment is not None
                self.records.stage(found.assignment)

    def record(self) -> None:
        for write in self.records.writes():
            self.revision += 1
            if write.body:
                body = json.loads(write.body)
                body["metadata"]["resourceVersion"] = str(self.revision)
                self.config_maps[write.name] = body
            else:
                del self.config_maps[write.name]
            self.records.written(write.name, str(self.revision) if write.body else "")

    def step(self) -> list[Step]:
        planned: list[Step] = []
        for key, assignment in list(self.records.assignments.items()):
            ruling = next((each for each in self.policies if each.key == assignment.policy), None)
            seen = self.templates.get(key)
            wanted = render(seen, ruling, assignment, CLUSTERS, "demo") if seen and ruling else {}
            sites = {name: self.site(name, key) for name in NAMES}
            moved = in_place(assignment, wanted, sites, "demo")
            planned += plan_object(assignment, wanted, sites, self.known, "demo", moved=moved)
        for each in planned:
            self.carry_out(each)
        if not self.known.doubted:
            self.record()
        return [each for each in planned if not isinstance(each, Keep)]

    def site(self, name: str, key: ObjectKey) -> Site:
        if name not in self.up:
            return Site(seen=False, unseen_because="connection refused")
        return Site(copy=self.members[name].get(key))

    def carry_out(self, step: Step) -> None:
        copies = self.members[step.cluster]
        if isinstance(step, Apply):
            copies[step.object] = Copy(uid="1", resource_version="1", owner="demo", hash=step.hash)
        elif isinstance(step, Delete):
            del copies[step.object]
            self.deleted.append((step.cluster, step.object))
        elif isinstance(step, Release):
            copies[step.object] = Copy(uid="1", resource_version="2")
        if isinstance(step, (Delete, Release, Done)):
            self.records.stage(left(self.records.assignments[step.object], step.cluster))

    def settle(self) -> None:
        for _ in range(4):
            if not self.turn():
                return
        raise AssertionError(f"does not settle: {self.turn()}")

    def holders(self, key: ObjectKey) -> set[str]:
        return {name for name in NAMES if key in self.members[name]}


def web(number: int = 0, replicas: int = 3) -> Template:
    return template(deployment(f"web-{number}", replicas))


def running(count: int = 1, ruling: Policy | None = None) -> World:
    world = World()
    world.policies = (ruling or policy(),)
    world.write(*(web(number) for number in range(count)))
    world.settle()
    return world


def test_one_object_and_one_policy_put_it_into_every_member() -> None:
    assert running().holders(web().key) == set(NAMES)


def test_the_second_turn_does_nothing() -> None:
    world = running(20)
    before = dict(world.config_maps)
    assert world.turn() == []
    assert world.config_maps == before


def test_an_edit_reaches_every_member_and_writes_no_record() -> None:
    world = running(20)
    before = dict(world.config_maps)
    world.write(web(7, replicas=9))
    assert {(each.cluster, each.object) for each in world.turn()} == {(name, web(7).key) for name in NAMES}
    assert world.config_maps == before


def test_a_deleted_object_leaves_every_member_also_one_that_was_away() -> None:
    world = running()
    world.up.discard("us")
    world.remove(web().key)
    world.settle()
    assert world.holders(web().key) == {"us"}
    world.restart()
    world.up.add("us")
    world.settle()
    assert world.holders(web().key) == set()
    assert world.records.assignments == {}
    world.policies = ()
    world.settle()


def test_an_emptied_hub_deletes_nothing_before_or_after_a_restart() -> None:
    world = running(20)
    world.empty()
    for _ in range(3):
        assert world.turn() == []
        world.restart()
    assert world.known.doubted or world.turn() == []
    assert world.deleted == []
    assert all(len(copies) == 20 for copies in world.members.values())


def test_a_hub_that_lost_its_records_takes_up_what_stands_in_the_members() -> None:
    world = running(20)
    world.config_maps.clear()
    world.restart()
    assert world.turn() == []
    assert world.records.assignments.keys() == {web(number).key for number in range(20)}


def test_a_fifth_missing_at_once_is_kept_until_confirmed() -> None:
    world = running(20)
    for number in range(10):
        del world.templates[web(number).key]
    world.restart()
    assert world.turn() == []
    assert world.known.freshness is Freshness.SUSPECT
    assert world.deleted == []
    selection = Selection(world.policies, DEFAULT_KINDS)
    known = {each.key for each in world.policies}
    listing = listing_of(world.uid, world.revision, world.records.assignments, world.templates, known, selection)
    judged = confirm(world.known, listing)
    world.known = judged.hub
    for key in judged.leaving:
        world.records.stage(withdrawn(world.records.assignments[key]))
    world.settle()
    assert all(len(copies) == 10 for copies in world.members.values())


def test_a_policy_that_is_edited_moves_the_copies_and_the_new_ones_stand_first() -> None:
    world = running(1, policy(placement={"clusterAffinity": {"clusterNames": ["eu"]}}))
    world.policies = (policy(placement={"clusterAffinity": {"clusterNames": ["us"]}}),)
    assert [(type(each), each.cluster) for each in world.turn()] == [(Apply, "us")]
    world.settle()
    assert world.holders(web().key) == {"us"}


def test_a_policy_that_fits_nowhere_takes_nothing_away() -> None:
    world = running()
    world.policies = (policy(placement={"clusterAffinity": {"regions": ["nowhere"]}}),)
    world.settle()
    assert world.holders(web().key) == set(NAMES)
    assert world.deleted == []


def test_orphans_stay_and_are_nobodys() -> None:
    world = running(1, policy(deletionPolicy="Orphan"))
    world.remove(web().key)
    world.settle()
    assert world.holders(web().key) == set(NAMES)
    assert all(world.members[name][web().key].owner == "" for name in NAMES)
    assert world.deleted == []


affinities = st.sampled_from([["ap"], ["eu", "us"], ["ap", "eu", "us"]])
events = st.one_of(
    st.tuples(st.just("write"), st.integers(0, 3), st.integers(0, 9)),
    st.tuples(st.just("remove"), st.integers(0, 3), st.just(0)),
    st.tuples(st.just("toggle"), st.integers(0, 2), st.just(0)),
    st.tuples(st.just("policy"), affinities, st.booleans()),
    st.tuples(st.just("restart"), st.just(0), st.just(0)),
    st.tuples(st.just("turn"), st.just(0), st.just(0)),
)


def happen(world: World, event: tuple[Any, ...], removed: set[ObjectKey]) -> None:
    what, which, more = event
    if what == "write":
        world.write(web(which, more))
        removed.discard(web(which).key)
    elif what == "remove":
        world.remove(web(which).key)
        removed.add(web(which).key)
    elif what == "toggle":
        world.up ^= {NAMES[which]}
    elif what == "policy":
        affinity = {"clusterAffinity": {"clusterNames": which}}
        scheduling = dividing().spec.replica_scheduling if more else policy().spec.replica_scheduling
        kind = str(scheduling.type)
        world.policies = (policy(placement=affinity, replicaScheduling={"type": kind}),)
    elif what == "restart":
        world.restart()
    else:
        world.turn()


@settings(max_examples=60, deadline=None)
@given(st.lists(events, max_size=14))
def test_over_any_history_copies_end_where_they_should_and_none_is_lost_on_the_way(
    history: list[tuple[Any, ...]],
) -> None:
    """Laws 1, 5 and 9: while an object is on the hub its last copy never goes; in the end all is as declared."""
    world = running(2)
    removed: set[ObjectKey] = set()
    for event in history:
        alive = {key for key in world.templates if world.holders(key)}
        happen(world, event, removed)
        assert all(world.holders(key) for key in alive & world.templates.keys())
    world.up = set(NAMES)
    world.settle()
    names = set(world.policies[0].spec.placement.cluster_affinity.cluster_names or NAMES)
    assert all(world.holders(key) == names for key in world.templates)
    assert all(not world.holders(key) for key in removed)
    assert world.turn() == []
