"""One command line on the hub, and the Service runs and is named wherever its policy says; on real API servers."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from trafficfed.testing.hubs import apply, get, make_hub, play_deployment, policy
from trafficfed.testing.objects import service
from trafficfed.testing.processes import ServerFailed
from trafficfed.testing.propagating import deployment
from trafficfed.testing.real_cluster import RealCluster
from trafficfed.testing.world import NAMESPACE, ZONE, World, world

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]
WITHIN_S = 15.0


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("world"), with_hub=True) as running:
        assert running.hub is not None
        running.hub.ensure_namespace(NAMESPACE)
        yield running


@pytest.fixture
def hub(fleet: World) -> RealCluster:
    assert fleet.hub is not None
    return fleet.hub


def selected(name: str) -> tuple[Json, Json]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": name}, {
        "apiVersion": "v1",
        "kind": "Service",
        "name": name,
    }


def annotated(fleet: World, name: str) -> Json:
    port = fleet.backends["eu"].port
    keys = {"hostname": f"{name}.{ZONE}", "steering": "geo", "health-check": f"http://:{port}/"}
    made = service(NAMESPACE, name, {f"trafficfed.io/{key}": value for key, value in keys.items()}, (port,))
    return dict(made)


def path(name: str, plural: str = "deployments") -> str:
    root = "/api/v1" if plural in ("services", "configmaps") else "/apis/apps/v1"
    return f"{root}/namespaces/{NAMESPACE}/{plural}/{name}"


def holders(fleet: World, name: str, plural: str = "deployments") -> set[str]:
    return {region for region, member in fleet.clusters.items() if get(member, path(name, plural))}


def condition(hub: RealCluster, name: str, kind: str = "Applied") -> tuple[str, str, str]:
    found = get(hub, f"/apis/trafficfed.io/v1alpha1/namespaces/{NAMESPACE}/propagationpolicies/{name}") or {}
    stated = {each["type"]: each for each in found.get("status", {}).get("conditions", ())}
    each = stated.get(kind, {})
    return each.get("status", ""), each.get("reason", ""), each.get("message", "")


def own_ports(fleet: World) -> list[Json]:
    """The backends of the tests listen at a port of their own in each region."""
    return [
        {
            "targetClusters": {"clusterNames": [region]},
            "kind": "Service",
            "annotations": {"trafficfed.io/health-check": f"http://:{backend.port}/"},
        }
        for region, backend in fleet.backends.items()
    ]


def place(fleet: World, hub: RealCluster, name: str, *, replicas: int = 3, **spec: Any) -> None:
    """One command line: workload, Service, policy."""
    spec["overrides"] = [*own_ports(fleet), *spec.get("overrides", ())]
    apply(hub, deployment(name, replicas), annotated(fleet, name), policy(NAMESPACE, name, *selected(name), **spec))


def stands_in(fleet: World, name: str, *regions: str) -> float:
    return fleet.wait_until(
        lambda: holders(fleet, name) == set(regions) == holders(fleet, name, "services"),
        WITHIN_S,
        f"{name} should stand in {regions}, it stands in {holders(fleet, name)}",
    )


def serve(fleet: World, name: str, *regions: str) -> None:
    """What kubelets and clouds would do."""
    for region in regions:
        member = fleet.clusters[region]
        play_deployment(member, NAMESPACE, name)
        member.set_load_balancer(NAMESPACE, name, fleet.address(region))
        member.set_ready(NAMESPACE, name, 2)


def test_one_command_line_brings_a_service_everywhere_and_names_it(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "story")
    stands_in(fleet, "story", "eu", "us", "ap")
    serve(fleet, "story", "eu", "us", "ap")
    fleet.wait_for("story", "eu", "us", "ap")
    fleet.wait_until(lambda: condition(hub, "story")[0] == "True", WITHIN_S, "the policy says so")
    fleet.wait_until(
        lambda: (get(hub, path("story")) or {}).get("status", {}).get("readyReplicas") == 9, WITHIN_S, "status adds up"
    )
    fleet.wait_until(
        lambda: {each["verified"] for each in chain(fleet, "story")["records"]} == {"right"}, WITHIN_S, "it is verified"
    )
    told = chain(fleet, "story")
    assert [(each["cluster"], each["state"]) for each in told["copies"]] == [
        ("ap", "InPlace"),
        ("eu", "InPlace"),
        ("us", "InPlace"),
    ]
    assert {each["provider"] for each in told["records"]} == {"bind", "knot"}
    assert all(each["verified_at_s"] > 0 for each in told["records"])


def chain(fleet: World, name: str) -> Json:
    """What is known of one service, from where it was placed to what its authorities answer."""
    body = fleet.deployment.get(f"/api/chain?service=default/{NAMESPACE}/{name}")
    assert body is not None
    told: Json = json.loads(body)
    return told


def settled(hub: RealCluster, fleet: World, name: str, reason: str, kind: str = "Applied") -> str:
    """Wait until the policy's condition has this reason; its message."""
    fleet.wait_until(lambda: condition(hub, name, kind)[1] == reason, WITHIN_S + 5, f"{condition(hub, name, kind)}")
    return condition(hub, name, kind)[2]


def problems(hub: RealCluster, name: str) -> dict[str, tuple[str, str]]:
    found = get(hub, f"/apis/trafficfed.io/v1alpha1/namespaces/{NAMESPACE}/propagationpolicies/{name}") or {}
    listed = found.get("status", {}).get("problems", ())
    return {each["cluster"]: (each["reason"], each.get("message", "")) for each in listed}


def summary(hub: RealCluster, name: str) -> dict[str, str]:
    found = get(hub, f"/apis/trafficfed.io/v1alpha1/namespaces/{NAMESPACE}/propagationpolicies/{name}") or {}
    return {each["name"]: each["reason"] for each in found.get("status", {}).get("clusters", ())}


def image(member: RealCluster, name: str) -> str:
    found = get(member, path(name)) or {}
    return str(found.get("spec", {}).get("template", {}).get("spec", {}).get("containers", [{}])[0].get("image", ""))


def replicas(fleet: World, name: str) -> dict[str, int]:
    found = {region: get(member, path(name)) for region, member in fleet.clusters.items()}
    return {region: each["spec"]["replicas"] for region, each in found.items() if each}


@pytest.mark.parametrize(
    ("name", "placement", "regions"),
    [
        ("region", {"clusterAffinity": {"regions": ["us-east-1", "ap-northeast-1"]}}, ("us", "ap")),
        ("compliance", {"compliance": {"data": "gdpr"}}, ("eu",)),
        ("near", {"latency": {"region": "eu-central-1", "belowMilliseconds": 50}}, ("eu", "us", "ap")),
        ("unmeasured", {"latency": {"region": "us-east-1", "belowMilliseconds": 50}}, ("us",)),
        ("limited", {"maxClusters": 1}, ("ap",)),
    ],
)
def test_each_criterion_chooses_and_the_name_follows(
    fleet: World, hub: RealCluster, name: str, placement: Json, regions: tuple[str, ...]
) -> None:
    place(fleet, hub, name, placement=placement)
    stands_in(fleet, name, *regions)
    serve(fleet, name, *regions)
    fleet.wait_for(name, *regions)


def test_free_capacity_divides_the_replicas(fleet: World, hub: RealCluster) -> None:
    for region, cpu in (("eu", "8"), ("us", "2")):
        node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "big"}}
        member = fleet.clusters[region]
        member.admin.request("POST", "/api/v1/nodes", node)
        status = {"status": {"allocatable": {"cpu": cpu, "memory": "64Gi", "pods": "110"}, "conditions": []}}
        member.admin.request("PATCH", "/api/v1/nodes/big/status", status, "application/merge-patch+json")
    place(fleet, hub, "room", replicas=5, replicaScheduling={"type": "Divided", "divideBy": "FreeCapacity"})
    fleet.wait_until(
        lambda: replicas(fleet, "room") == {"eu": 4, "us": 1, "ap": 0}, WITHIN_S, f"{replicas(fleet, 'room')}"
    )


def test_an_edit_reaches_every_member_and_a_member_that_was_away_when_it_returns(
    fleet: World, hub: RealCluster
) -> None:
    place(fleet, hub, "away")
    stands_in(fleet, "away", "eu", "us", "ap")
    serve(fleet, "away", "eu", "us", "ap")
    fleet.wait_for("away", "eu", "us", "ap")
    eu = fleet.clusters["eu"]
    eu.kill()
    try:
        hub.kubectl("-n", NAMESPACE, "set", "image", "deployment/away", "web=web:2")
        others = [fleet.clusters["us"], fleet.clusters["ap"]]
        fleet.wait_until(lambda: {image(each, "away") for each in others} == {"web:2"}, WITHIN_S, "the others have it")
        fleet.wait_until(lambda: problems(hub, "away").get("eu", ("",))[0] == "Unreachable", WITHIN_S, "it is told")
        assert set(problems(hub, "away")) == {"eu"}
        assert fleet.answers("away") == fleet.settled("away", "eu", "us", "ap")
    finally:
        eu.restart()
    fleet.wait_until(lambda: image(eu, "away") == "web:2", 40, "it has it when it returns")
    settled(hub, fleet, "away", "Applied")


def test_a_hub_that_stops_changes_nothing_and_goes_on_when_it_returns(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "stopped")
    stands_in(fleet, "stopped", "eu", "us", "ap")
    serve(fleet, "stopped", "eu", "us", "ap")
    fleet.wait_for("stopped", "eu", "us", "ap")
    hub.kill()
    try:
        fleet.stays("stopped", 3.0)
        assert holders(fleet, "stopped") == {"eu", "us", "ap"}
    finally:
        hub.restart()
    hub.kubectl("-n", NAMESPACE, "scale", "deployment/stopped", "--replicas=7")
    fleet.wait_until(lambda: set(replicas(fleet, "stopped").values()) == {7}, 40, "edits go on")


def test_an_emptied_hub_deletes_nothing_until_it_is_the_old_one_again(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "emptied")
    stands_in(fleet, "emptied", "eu", "us", "ap")
    hub.empty()
    try:
        make_hub(hub)
        fleet.wait_until(
            lambda: "hub" in {view["confirm_id"] for view in fleet.deployment.status()["held"]}, 60, "it is held"
        )
        fleet.deployment.restart_controller()
        fleet.wait_until(
            lambda: "hub" in {view["confirm_id"] for view in fleet.deployment.status()["held"]},
            60,
            "a restart knows it",
        )
        assert holders(fleet, "emptied") == {"eu", "us", "ap"}
    finally:
        hub.refill()
    fleet.wait_until(lambda: not fleet.deployment.status()["held"], 60, "it is the old one")
    hub.kubectl("-n", NAMESPACE, "scale", "deployment/emptied", "--replicas=6")
    fleet.wait_until(lambda: set(replicas(fleet, "emptied").values()) == {6}, 40, "edits go on")


def test_an_edited_policy_moves_what_runs_without_a_gap(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "moving", placement={"clusterAffinity": {"clusterNames": ["eu"]}})
    stands_in(fleet, "moving", "eu")
    serve(fleet, "moving", "eu")
    fleet.wait_for("moving", "eu")
    place(fleet, hub, "moving", placement={"clusterAffinity": {"clusterNames": ["us"]}})
    stands_in(fleet, "moving", "eu", "us")
    assert settled(hub, fleet, "moving", "WaitsForReplacement")
    assert fleet.answers("moving") == fleet.settled("moving", "eu")
    serve(fleet, "moving", "us")
    stands_in(fleet, "moving", "us")
    fleet.wait_for("moving", "us")


def test_a_deleted_policy_takes_its_copies_along(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "ended")
    stands_in(fleet, "ended", "eu", "us", "ap")
    hub.kubectl("-n", NAMESPACE, "delete", "propagationpolicy", "ended")
    stands_in(fleet, "ended")
    assert get(hub, path("ended")), "the object itself is its author's"


def test_orphaned_copies_stay_and_are_nobodys(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "orphan", deletionPolicy="Orphan")
    stands_in(fleet, "orphan", "eu", "us", "ap")
    hub.kubectl("-n", NAMESPACE, "delete", "deployment,service,propagationpolicy", "orphan")

    def marks() -> list[Json]:
        found = [get(member, path("orphan")) for member in fleet.clusters.values()]
        return [each["metadata"].get("labels", {}) if each else {"gone": True} for each in found]

    fleet.wait_until(lambda: marks() == [{}, {}, {}], WITHIN_S, f"{marks()}")


def test_overrides_differ_by_cluster(fleet: World, hub: RealCluster) -> None:
    override = {
        "targetClusters": {"clusterNames": ["us"]},
        "kind": "Deployment",
        "images": [{"registry": "us.example.org"}],
        "replicas": 9,
        "patch": [{"op": "add", "path": "/spec/paused", "value": True}],
    }
    place(fleet, hub, "override", overrides=[override])
    stands_in(fleet, "override", "eu", "us", "ap")
    assert replicas(fleet, "override") == {"eu": 3, "us": 9, "ap": 3}
    assert image(fleet.clusters["us"], "override") == "us.example.org/shop/web:1.0"
    assert (get(fleet.clusters["us"], path("override")) or {})["spec"]["paused"]


def test_a_copy_changed_by_hand_is_put_back(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "drift")
    stands_in(fleet, "drift", "eu", "us", "ap")
    settled(hub, fleet, "drift", "Applied")
    eu = fleet.clusters["eu"]
    eu.kubectl("-n", NAMESPACE, "set", "image", "deployment/drift", "web=other:9")
    eu.kubectl("-n", NAMESPACE, "label", "deployment/drift", "team=a")
    fleet.wait_until(lambda: image(eu, "drift") != "other:9", WITHIN_S, "our field is as we left it")
    eu.kubectl("-n", NAMESPACE, "delete", "deployment/drift")
    fleet.wait_until(lambda: bool(get(eu, path("drift"))), WITHIN_S, "it is back")


def test_what_stands_there_already_is_reported_and_untouched(fleet: World, hub: RealCluster) -> None:
    eu = fleet.clusters["eu"]
    eu.ensure_namespace(NAMESPACE)
    theirs = deployment("theirs", 1)
    eu.admin.request("POST", path("")[:-1], theirs)
    place(fleet, hub, "theirs")
    fleet.wait_until(lambda: holders(fleet, "theirs", "services") == {"eu", "us", "ap"}, WITHIN_S, "the rest goes on")
    assert "is not ours" in problem(hub, fleet, "theirs", "eu", "AlreadyExists")
    assert replicas(fleet, "theirs")["eu"] == 1
    eu.kubectl("-n", NAMESPACE, "delete", "deployment/theirs")
    fleet.wait_until(lambda: replicas(fleet, "theirs").get("eu") == 3, 45, "it is taken once the way is free")


def problem(hub: RealCluster, fleet: World, name: str, cluster: str, reason: str) -> str:
    fleet.wait_until(lambda: problems(hub, name).get(cluster, ("",))[0] == reason, WITHIN_S, f"{problems(hub, name)}")
    return problems(hub, name)[cluster][1]


def test_a_patch_of_what_is_not_there_is_named_and_the_rest_goes_on(fleet: World, hub: RealCluster) -> None:
    wrong = {
        "targetClusters": {"clusterNames": ["us"]},
        "kind": "Deployment",
        "patch": [{"op": "replace", "path": "/spec/nowhere", "value": 1}],
    }
    place(fleet, hub, "missing", overrides=[wrong])
    fleet.wait_until(lambda: holders(fleet, "missing") == {"eu", "ap"}, WITHIN_S, "the rest goes on")
    assert "/spec/nowhere" in problem(hub, fleet, "missing", "us", "OverrideFailed")


def test_a_patch_of_a_name_is_refused_where_it_is_written(fleet: World, hub: RealCluster) -> None:
    patch = [{"op": "replace", "path": "/metadata/name", "value": "other"}]
    with pytest.raises(ServerFailed, match="a patch must not touch apiVersion, kind"):
        apply(hub, policy(NAMESPACE, "renaming", *selected("renaming"), overrides=[{"patch": patch}]))


def test_a_kind_that_is_not_listed_is_named(fleet: World, hub: RealCluster) -> None:
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role"}
    apply(hub, policy(NAMESPACE, "unlisted", role))
    assert "Role" in settled(hub, fleet, "unlisted", "KindNotListed", "Scheduled")


def test_a_policy_that_selects_nothing_says_so(fleet: World, hub: RealCluster) -> None:
    apply(hub, policy(NAMESPACE, "nothing", *selected("nothing")))
    assert settled(hub, fleet, "nothing", "NothingSelected")


def test_a_cluster_that_is_not_configured_is_named(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "unknown", placement={"clusterAffinity": {"clusterNames": ["eu", "mars"]}})
    stands_in(fleet, "unknown", "eu")
    fleet.wait_until(lambda: summary(hub, "unknown").get("mars") == "UnknownCluster", WITHIN_S, "it is named")


def test_the_second_run_writes_nothing(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "again")
    stands_in(fleet, "again", "eu", "us", "ap")
    settled(hub, fleet, "again", "Applied")

    def versions() -> list[str]:
        everything = (
            "get",
            "deployments,services",
            "-n",
            NAMESPACE,
            "-o",
            "jsonpath={.items[*].metadata.resourceVersion}",
        )
        ours = ("get", "propagationpolicies", "-n", NAMESPACE, "-o", "jsonpath={.items[*].metadata.resourceVersion}")
        records = ("get", "configmaps", "-n", "trafficfed", "-o", "jsonpath={.items[*].metadata.resourceVersion}")
        return [
            *(each.kubectl(*everything) for each in (hub, *fleet.clusters.values())),
            hub.kubectl(*ours),
            hub.kubectl(*records),
        ]

    fleet.deployment.restart_controller()
    fleet.wait_until(lambda: condition(hub, "again")[1] == "Applied", WITHIN_S, "it settles")
    before = versions()
    fleet.deployment.restart_controller()
    hub.kubectl("-n", NAMESPACE, "annotate", "deployment/again", "trafficfed.test/late=1")

    def edited(member: RealCluster) -> bool:
        return "trafficfed.test/late" in str(get(member, path("again")))

    fleet.wait_until(lambda: all(map(edited, fleet.clusters.values())), WITHIN_S, "it is at work")
    after = versions()
    assert [len(set(b.split()) - set(a.split())) for b, a in zip(before, after, strict=True)] == [1, 1, 1, 1, 0, 0]


def planned(fleet: World, name: str) -> dict[str, tuple[str, str]]:
    """What ``trafficfed plan`` says of a Deployment: action and reason by member."""
    command = [sys.executable, "-m", "trafficfed", "plan", "--config", str(fleet.deployment.config), "--output", "json"]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode in (0, 1), ran.stderr
    object_ = f"Deployment.apps {NAMESPACE}/{name}"
    copies = json.loads(ran.stdout)["copies"]
    return {each["cluster"]: (each["action"], each["reason"]) for each in copies if each["object"] == object_}


def test_a_plan_says_what_members_would_be_told_and_writes_nothing(fleet: World, hub: RealCluster) -> None:
    place(fleet, hub, "plan")
    stands_in(fleet, "plan", "eu", "us", "ap")
    settled(hub, fleet, "plan", "Applied")
    assert planned(fleet, "plan") == {}
    fleet.deployment.stop_controller()
    try:
        hub.kubectl("-n", NAMESPACE, "set", "image", "deployment/plan", "web=web:2")
        place(fleet, hub, "plan2")
        assert planned(fleet, "plan") == dict.fromkeys(("ap", "eu", "us"), ("apply", "Changed"))
        assert planned(fleet, "plan2") == dict.fromkeys(("ap", "eu", "us"), ("apply", "Missing"))
        assert {image(member, "plan") for member in fleet.clusters.values()} != {"web:2"}
        assert holders(fleet, "plan2") == set()
    finally:
        fleet.deployment.start_controller()
    stands_in(fleet, "plan2", "eu", "us", "ap")
    fleet.wait_until(
        lambda: {image(member, "plan") for member in fleet.clusters.values()} == {"web:2"}, WITHIN_S, "it was done"
    )


def told(hub: RealCluster, name: str) -> set[str]:
    """Reasons of the Events beside a Deployment of the hub."""
    selector = f"involvedObject.name={name},involvedObject.kind=Deployment"
    names = hub.kubectl(
        "-n", NAMESPACE, "get", "events", "--field-selector", selector, "-o", "jsonpath={.items[*].reason}"
    )
    return set(names.split())


def test_a_conflict_is_told_beside_the_object_and_counted(fleet: World, hub: RealCluster) -> None:
    eu = fleet.clusters["eu"]
    apply(eu, deployment("foreign", namespace=NAMESPACE))
    place(fleet, hub, "foreign")
    fleet.wait_until(lambda: told(hub, "foreign") == {"AlreadyExists"}, WITHIN_S + 5, "an Event says so")
    metrics = fleet.deployment.get("/metrics") or ""
    counted = 'trafficfed_propagation_copies{cluster="eu",kind="Deployment.apps",reason="AlreadyExists"} 1.0'
    assert counted in metrics
    assert not [line for line in metrics.splitlines() if "propagation" in line and "foreign" in line]
    refusals = {(each["cluster"], each["object"], each["reason"]) for each in fleet.deployment.status()["refusals"]}
    assert ("eu", f"Deployment.apps {NAMESPACE}/foreign", "AlreadyExists") in refusals
