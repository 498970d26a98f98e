"""What the product exists for: a whole region dies, leader included, and everybody else answers right by themselves.

Real API servers with an etcd each, controllers, name servers, probers and backends of three regions, BIND beside them.
"""

from collections.abc import Collection, Iterator

import pytest
import yaml

from trafficfed.feed.messages import SILENCE_S
from trafficfed.leadership.zone_elector import LABEL
from trafficfed.testing.deployment import QUICK
from trafficfed.testing.exporting import export, serving
from trafficfed.testing.hubs import Json, apply, get, policy
from trafficfed.testing.regions import LEASE, Region, Regions, regions
from trafficfed.testing.world import NAMESPACE, ZONE
from trafficfed.zones.fence import fence_name

pytestmark = pytest.mark.real

DETECTION_S = QUICK["interval"] + (QUICK["fall"] - 1) * QUICK["suspicion"] + 2 * QUICK["timeout"]
"""A death is seen within the interval; two more probes follow at suspicion's spacing; each may hang for its timeout."""
BUSY_S = 4.0
"""What a machine may add that runs other tests at the same time. How fast it is on a calm one is the benchmark's to
say: here it matters that it happens at all, and that nothing is answered wrong until then."""
OUT_S = max(DETECTION_S, LEASE["lease"]) + 1.0 + BUSY_S
BACK_S = 30.0
OTHERS = ["us", "ap"]
SELECTED = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings"}


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with regions(tmp_path_factory.mktemp("three"), hub=True, services=True, baselines=True) as fleet:
        fleet.apply("web")
        fleet.apply_plain("named")
        hub = fleet.regions["eu"].cluster
        apply(
            hub,
            named(),
            config_map(),
            denied(),
            policy(NAMESPACE, "everywhere", SELECTED, placement={"clusterAffinity": {"clusterNames": OTHERS}}),
        )
        for name in ("web", "named"):
            fleet.settle(name)
        fleet.stand_by()
        fleet.wait_until(lambda: all(copies(fleet).values()), 20.0, "the hub's object is in every member")
        fleet.wait_until(lambda: all(refusing(fleet, fleet.regions)), 20.0, "every API server has the policy")
        for number, region in enumerate(fleet.regions.values(), 1):
            export(region.cluster, NAMESPACE, "web", f"10.{number}.0.1")
        imports_are_of(fleet, fleet.regions, 20.0)
        yield fleet


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    """Two clusters, and the zone at a BIND outside both as the third elector."""
    with regions(tmp_path_factory.mktemp("two"), ["eu", "us"], zone_votes=True) as fleet:
        fleet.apply("web")
        fleet.settle("web")
        fleet.stand_by()
        yield fleet


def imports_are_of(fleet: Regions, names: Collection[str], within_s: float) -> None:
    """In each of these regions clients of the import are sent to these regions, and to no other."""
    fleet.wait_until(
        lambda: all(serving(fleet.regions[each].cluster, NAMESPACE, "web") == set(names) for each in names),
        within_s,
        f"imports give out {', '.join(names)}",
    )


def named() -> Json:
    """One object on the hub that names the Services of its name in every cluster."""
    check = {"scheme": "http", "intervalSeconds": 1, "timeoutSeconds": 0.5, "rise": 2, "failbackSeconds": 2}
    return {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "GlobalService",
        "metadata": {"namespace": NAMESPACE, "name": "named"},
        "spec": {"hostnames": [f"named.{ZONE}"], "steering": ["geo"], "healthCheck": check},
    }


def config_map() -> Json:
    metadata = {"namespace": NAMESPACE, "name": "settings"}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"colour": "blue"}}


def denied() -> Json:
    """A baseline that every API server keeps by itself."""
    gone = {"apiVersion": "v1", "kind": "ConfigMap", "name": "debug"}
    spec = {"mode": "deny", "rules": [{"name": "no-debug", "mustNotHave": gone}]}
    return {"apiVersion": "trafficfed.io/v1alpha1", "kind": "FleetBaseline", "metadata": {"name": "shop"}, "spec": spec}


def refusing(fleet: Regions, names: Collection[str]) -> list[str]:
    """The revision of the baseline's policy in each of these regions, empty where it is not there."""
    path = "/apis/admissionregistration.k8s.io/v1/validatingadmissionpolicies/shop.no-debug.0.baseline.trafficfed.io"
    found = (get(fleet.regions[name].cluster, path) for name in names)
    return [str(each["metadata"]["resourceVersion"]) if each else "" for each in found]


def copies(fleet: Regions) -> dict[str, str]:
    """The revision of the hub's object in each member that it is placed in, empty where it is not there."""
    path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/settings"
    found = {name: get(fleet.regions[name].cluster, path) for name in OTHERS}
    return {name: str(copy["metadata"]["resourceVersion"]) if copy else "" for name, copy in found.items()}


def fence(fleet: Regions) -> tuple[str, ...]:
    return fleet.bind.query(fence_name(ZONE), "TXT")


def writes_nothing(fleet: Regions, seconds: float) -> None:
    """The zone stays as it is to the letter; where it votes, all but the leader's record, which is renewed."""

    def records() -> dict[tuple[str, str], tuple[str, ...]]:
        found = fleet.bind.records()
        return {key: values for key, values in found.items() if key[1] != "SOA" and not key[0].startswith(LABEL)}

    before, serial = records(), fleet.bind.serial()
    with pytest.raises(AssertionError, match="not within"):
        fleet.wait_until(
            lambda: records() != before or (not fleet.zone_votes and fleet.bind.serial() != serial),
            seconds,
            "the zone is written",
        )


def returned(fleet: Regions, region: Region) -> None:
    """The region is back with all its parts, and its controller follows the one that leads now."""
    fleet.wait_until(lambda: region.standing() == "relays", BACK_S, f"{region.name} follows the leader")
    fleet.settle("web")
    fleet.stand_by()


def test_the_region_of_hub_and_leader_is_killed_and_what_it_declared_and_placed_stays(fleet: Regions) -> None:
    dead = fleet.leader()
    assert dead.name == "eu", "the hub's region leads first"
    before, policies = copies(fleet), refusing(fleet, OTHERS)
    fleet.die(dead, dead.kill, "named", OUT_S)
    heir = fleet.leader()
    fleet.wait_until(lambda: dead.address not in fleet.in_bind("web"), 5.0, "the annotated name has failed over too")
    assert all(set(fleet.in_bind(name)) == set(fleet.addresses()) - {dead.address} for name in ("web", "named"))
    assert copies(fleet) == before
    assert refusing(fleet, OTHERS) == policies, "without a hub baselines stay as they are"
    imports_are_of(fleet, OTHERS, 10.0)
    dead.revive()
    returned(fleet, dead)
    fleet.settle("named")
    imports_are_of(fleet, fleet.regions, 60.0)
    assert fleet.leader() is heir
    assert copies(fleet) == before, "nothing is written twice"
    assert refusing(fleet, OTHERS) == policies
    writes_nothing(fleet, 3.0)


@pytest.mark.parametrize("number", [1, 2, 3])
def test_the_leaders_region_is_killed_and_out_everywhere_within_a_lease(fleet: Regions, number: int) -> None:
    dead = fleet.leader()
    term = fence(fleet)
    fleet.die(dead, dead.kill, "web", OUT_S)
    heir = fleet.leader()
    assert heir is not dead
    assert fence(fleet) != term
    dead.revive()
    returned(fleet, dead)
    assert fleet.leader() is heir
    writes_nothing(fleet, 3.0)


def test_a_region_that_was_stopped_and_goes_on_changes_nothing_that_was_done_meanwhile(fleet: Regions) -> None:
    """It still believes to lead when it wakes; an annotation and a drain given to survivors stay in force."""
    stopped = fleet.leader()
    fleet.die(stopped, stopped.pause, "web", OUT_S)
    survivors = fleet.others(stopped)
    fleet.wait_until(lambda: any(map(Region.leads, survivors)), OUT_S, "a survivor leads")
    (heir,) = [each for each in survivors if each.leads()]
    (other,) = [each for each in survivors if each is not heir]
    fleet.apply_in(other.name, "late", ttl="77")
    said = other.run("drain", stopped.name, "--why", "it is dead")
    assert f"cluster {stopped.name} is drained" in said
    fleet.wait_until(lambda: heir.status()["controls"] != [], 5.0, "the leader has the drain")
    fleet.wait_until(lambda: fleet.in_bind("late") == (other.address,), 10.0, "the new name is published")
    standing = fence(fleet)
    stopped.resume()
    fleet.wait_until(lambda: stopped.deployment.get("/api/status") is not None, BACK_S, "it answers again")
    fleet.wait_until(lambda: stopped.status()["leadership"]["standing"] == "relays", BACK_S, "it follows")
    assert fence(fleet) == standing
    assert fleet.in_bind("late") == (other.address,)
    assert [control["cluster"] for control in stopped.status()["controls"]] == [stopped.name]
    (late,) = [view for view in stopped.status()["services"] if view["service"].endswith("/late")]
    assert late["ttl"] == 77
    for region in fleet.regions.values():
        fleet.wait_until(lambda asked=region: stopped.address not in asked.answer("web"), 5.0, "it stays drained")  # type: ignore[misc]
    other.run("undrain", stopped.name)
    fleet.settle("web")


def test_without_a_majority_name_servers_fail_over_and_zones_stand_still(fleet: Regions) -> None:
    """Two regions of three are gone. What only our own name servers do goes on; an order waits for the next leader."""
    first = fleet.leader()
    second, survivor = fleet.others(first)
    everywhere, serial = fleet.in_bind("web"), survivor.serial()
    for region in (first, second):
        region.kill()
    fleet.wait_until(
        lambda: survivor.answer_to("web", first.name) == (survivor.address,),
        SILENCE_S + OUT_S,
        "the last name server gives out what lives",
    )
    leadership = survivor.status()["leadership"]
    assert (leadership["leads"], leadership["standing"]) == (False, "alone")
    assert leadership["overlaid"] >= 1
    assert fleet.in_bind("web") == everywhere, "nobody writes without a majority"
    assert survivor.serial() == serial, "the serial is the leader's"
    assert "no leader hears of it" in survivor.run("drain", second.name, "--why", "it is dead")
    for region in (first, second):
        region.revive()
    heir = fleet.leader()
    fleet.wait_until(lambda: len(heir.status()["controls"]) == 1, BACK_S, "the leader has the order")
    heir.run("undrain", second.name)
    for region in fleet.others(heir):
        returned(fleet, region)


def test_two_clusters_and_a_zone_outside_both_lose_the_leaders_region(pair: Regions) -> None:
    dead = pair.leader()
    (other,) = pair.others(dead)
    pair.die(dead, dead.kill, "web", OUT_S)
    assert pair.leader() is other
    assert pair.in_bind("web") == (other.address,)
    dead.revive()
    returned(pair, dead)
    writes_nothing(pair, 3.0)


def test_two_clusters_and_a_zone_outside_both_outlast_a_region_that_stops(pair: Regions) -> None:
    stopped = pair.leader()
    (other,) = pair.others(stopped)
    pair.die(stopped, stopped.pause, "web", OUT_S)
    pair.wait_until(other.leads, OUT_S, "the survivor leads")
    standing = fence(pair)
    stopped.resume()
    returned(pair, stopped)
    assert fence(pair) == standing


def test_a_controller_that_lost_all_it_knew_begins_with_what_the_electors_keep(fleet: Regions) -> None:
    """A new controller whose caches are not filled never leads with an empty table: it is there before it leads."""
    leader = fleet.leader()
    rows = len(leader.status()["services"])
    fleet.wait_until(lambda: len(leader.status()["leadership"]["kept"]) == 3, 15.0, "every elector has the table")
    for region in fleet.regions.values():
        region.lose_controller()
    for region in fleet.regions.values():
        region.start_controller()
    heir = fleet.leader()
    assert len(heir.status()["services"]) == rows
    fleet.settle("web")


def test_a_leader_that_takes_a_changed_file_over_hands_the_lead_on_and_no_answer_changes(fleet: Regions) -> None:
    leader = fleet.leader()
    process, before = leader.deployment.controller, fleet.answers("web")
    assert process is not None
    pid = process.pid
    file = yaml.safe_load(leader.deployment.config.read_text()) | {"metrics": {"series": 12_345}}
    leader.deployment.config.write_text(yaml.safe_dump(file, sort_keys=False))

    def handed_on() -> bool:
        assert fleet.answers("web") == before, fleet.logs()
        return fleet.leader() is not leader and leader.standing() == "relays"

    fleet.wait_until(handed_on, BACK_S, "another one leads, and the one that began anew follows it")
    assert process.pid == pid, "it is the same process"
    leader.deployment.write()
    returned(fleet, leader)


def test_a_controller_with_another_electorate_does_not_lead_and_says_so(fleet: Regions) -> None:
    leader = fleet.leader()
    odd = fleet.others(leader)[0]
    section = odd.deployment.sections["leadership"]
    odd.deployment.set(leadership={**section, "electorate": [{"cluster": odd.name}]})
    odd.start_controller()
    fleet.wait_until(lambda: odd.deployment.get("/api/status") is not None, BACK_S, "it is up")
    fleet.wait_until(lambda: "electorate" in odd.status()["leadership"]["reason"], 10.0, "it says why it does not lead")
    assert fleet.leader() is leader
    odd.deployment.set(leadership=section)
    odd.start_controller()
    returned(fleet, odd)


def test_a_prober_with_a_wrong_key_is_turned_away_and_changes_no_answer(fleet: Regions) -> None:
    region = fleet.others(fleet.leader())[0]
    key = region.directory / f"probe-{region.name}.key"
    right = key.read_text()
    key.write_text("f" * 64)
    region.start_prober()

    def connected() -> bool:
        vantages = {view["name"]: view for view in fleet.leader().status()["vantages"]}
        return bool(vantages[f"probe-{region.name}"].get("connected", True))

    fleet.wait_until(lambda: not connected(), 10.0, "it is not connected")
    before = fleet.answers("web")
    with pytest.raises(AssertionError, match="not within"):
        fleet.wait_until(lambda: connected() or fleet.answers("web") != before, 2.0, "it is let in, or changes answers")
    key.write_text(right)
    region.start_prober()
    fleet.wait_until(connected, 10.0, "with the right key it is back")


def test_an_elector_restored_from_a_backup_costs_no_leadership_and_no_answer(fleet: Regions) -> None:
    leader = fleet.leader()
    restored = fleet.others(leader)[0]
    restored.cluster.back_up()
    fleet.wait_until(lambda: bool(fence(fleet)), 5.0, "time passes")
    standing, before = fence(fleet), fleet.answers("web")
    restored.cluster.restore()

    def has_changed() -> bool:
        assert (fence(fleet), fleet.answers("web")) == (standing, before), fleet.logs()
        return False

    with pytest.raises(AssertionError, match="not within"):
        fleet.wait_until(has_changed, 2 * LEASE["lease"], "something changes")
    assert fleet.leader() is leader
