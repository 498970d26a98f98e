"""The demo's hub: what one file puts there, what plays the kubelets in the members, and how the check judges."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import pytest
import yaml

from trafficfed.cli.output import Screen
from trafficfed.clock import SystemClock
from trafficfed.crds.definitions import crds_yaml
from trafficfed.errors import AdapterError
from trafficfed.model import Cluster
from trafficfed.sandbox import demo, story
from trafficfed.sandbox.apiserver.cluster import Intent, Target
from trafficfed.sandbox.apiserver.kinds import DEPLOYMENT, NAMESPACE, SERVICE, Json, Kind
from trafficfed.sandbox.fleet import HUB, REGIONS, Fleet, Region
from trafficfed.sandbox.live import Hints, page
from trafficfed.sandbox.story import Story
from trafficfed.sandbox.trial import Trial
from trafficfed.testing.deployment import Deployment

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]
USER = Intent(manager="test")
WAIT_S = 20.0
STORY = Story(zone="fed.test", port=8080, annotations=(("ttl", "5"),))


@pytest.fixture
async def fleet(clock: SystemClock, tmp_path: Path) -> AsyncIterator[Fleet]:
    regions = [Region(region.cluster, region.address.replace("127.0.", "127.47."), region.client) for region in REGIONS]
    hub = tuple(yaml.safe_load_all(crds_yaml()))
    async with Fleet(tmp_path / "fleet", clock, regions=regions, hub=hub) as fleet:
        yield fleet


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return STORY.write(tmp_path / "story.yaml", ["eu-central-1", "us-east-1"])


def text(regions: Sequence[str] = ("eu-central-1", "us-east-1")) -> str:
    return yaml.safe_dump_all(STORY.manifests(regions))


def found(fleet: Fleet, cluster: str, kind: Kind) -> Json:
    return fleet.server.cluster(cluster).get(Target(kind=kind, namespace=story.NAME, name=story.NAME))


def copy(fleet: Fleet, *clusters: str) -> None:
    """What propagation does."""
    for name in clusters:
        cluster = fleet.server.cluster(name)
        for manifest in STORY.manifests([])[:3]:
            kind = next(kind for kind in cluster.kinds if kind.name == manifest["kind"])
            metadata = manifest["metadata"]
            target = Target(kind=kind, namespace=metadata.get("namespace", ""), name=metadata["name"])
            cluster.apply(target, manifest, USER)


async def until(fleet: Fleet, cluster: str, holds: Callable[[], bool]) -> None:
    store = fleet.server.cluster(cluster).store
    async with asyncio.timeout(WAIT_S):
        while True:
            changed = store.changed
            if holds():
                return
            await changed.wait()


def test_the_file_has_all_that_it_takes(file: Path) -> None:
    namespace, deployment, service, policy = yaml.safe_load_all(file.read_text())
    assert [each["kind"] for each in (namespace, deployment, service, policy)] == [
        "Namespace",
        "Deployment",
        "Service",
        "PropagationPolicy",
    ]
    assert service["metadata"]["annotations"] == {
        "trafficfed.io/hostname": "news.fed.test",
        "trafficfed.io/health-check": "http://:8080/healthz",
        "trafficfed.io/ttl": "5",
    }
    assert policy["spec"]["placement"] == {"clusterAffinity": {"regions": ["eu-central-1", "us-east-1"]}}
    selected = {(each["kind"], each["name"]) for each in policy["spec"]["resourceSelectors"]}
    assert selected == {(each["kind"], each["metadata"]["name"]) for each in (deployment, service)}


async def test_it_is_applied_by_kubectl_as_the_view_shows(fleet: Fleet, file: Path) -> None:
    assert await story.apply_file(fleet, file) == "kubectl"
    assert found(fleet, HUB, DEPLOYMENT)["spec"]["template"]["spec"]["containers"][0]["name"] == story.NAME
    assert found(fleet, HUB, SERVICE)["spec"]["type"] == "LoadBalancer"


async def test_an_environment_without_kubectl_is_enough(
    fleet: Fleet, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "bin" / "python"))
    assert await story.apply_file(fleet, file) == "the API"
    assert found(fleet, HUB, SERVICE)["spec"]["type"] == "LoadBalancer"


async def test_it_is_applied_without_kubectl_too_and_again_when_edited(fleet: Fleet) -> None:
    await story.apply_by_api(fleet, text())
    first = found(fleet, HUB, SERVICE)
    await story.apply_by_api(fleet, text(["ap-northeast-1"]))
    assert found(fleet, HUB, SERVICE) == first
    kind = next(kind for kind in fleet.server.cluster(HUB).kinds if kind.name == "PropagationPolicy")
    policy = found(fleet, HUB, kind)
    assert policy["spec"]["placement"]["clusterAffinity"]["regions"] == ["ap-northeast-1"]
    assert policy["metadata"]["generation"] == 2


async def test_what_the_hub_does_not_take_is_an_error(fleet: Fleet, file: Path) -> None:
    STORY.write(file, ["x" * 300])
    with pytest.raises(AdapterError, match=r"kubectl apply -f story.yaml: .*placement\.clusterAffinity\.regions"):
        await story.apply_file(fleet, file)
    with pytest.raises(AdapterError, match=r"PropagationPolicy news: .*placement\.clusterAffinity\.regions"):
        await story.apply_by_api(fleet, text(["x" * 300]))


async def test_nothing_runs_on_the_hub(fleet: Fleet) -> None:
    await story.apply_by_api(fleet, text())
    cluster = fleet.server.cluster(HUB)
    cluster.create(Target(kind=NAMESPACE), {"metadata": {"name": "gone"}}, USER)
    gone = Target(kind=NAMESPACE, name="gone")
    cluster.delete(gone, {}, USER)
    await until(fleet, HUB, lambda: cluster.store.get(gone.key) is None)  # by then it has seen all that came before
    assert found(fleet, HUB, SERVICE)["status"] == {"loadBalancer": {}}
    assert "status" not in found(fleet, HUB, DEPLOYMENT)
    assert story.members_with_it(fleet) == frozenset()


async def test_in_a_member_it_gets_an_address_and_its_replicas_run(fleet: Fleet) -> None:
    copy(fleet, "us")
    await until(fleet, "us", lambda: found(fleet, "us", DEPLOYMENT).get("status", {}).get("readyReplicas") == 2)
    status = found(fleet, "us", DEPLOYMENT)["status"]
    assert (status["observedGeneration"], status["availableReplicas"]) == (1, 2)
    address = found(fleet, "us", SERVICE)["status"]["loadBalancer"]["ingress"][0]["ip"]
    assert address == fleet.regions[1].address
    assert story.members_with_it(fleet) == {"us"}


async def test_replicas_follow_edits_and_the_backend(fleet: Fleet) -> None:
    copy(fleet, "eu")
    cluster, target = fleet.server.cluster("eu"), Target(kind=DEPLOYMENT, namespace=story.NAME, name=story.NAME)

    def state() -> tuple[int, int, int]:
        status = found(fleet, "eu", DEPLOYMENT).get("status", {})
        return status.get("observedGeneration", 0), status.get("replicas", 0), status.get("readyReplicas", 0)

    await until(fleet, "eu", lambda: state() == (1, 2, 2))
    cluster.modify(target, lambda value: value | {"spec": value["spec"] | {"replicas": 5}}, USER)
    await until(fleet, "eu", lambda: state() == (2, 5, 5))
    await fleet.kill_backend("eu")
    await until(fleet, "eu", lambda: state() == (2, 5, 0))
    cluster.modify(target, lambda value: value | {"spec": value["spec"] | {"replicas": 0}}, USER)
    await until(fleet, "eu", lambda: state() == (3, 0, 0))


async def test_a_policy_is_in_place_when_it_says_so_of_its_newest_edit(fleet: Fleet) -> None:
    await story.apply_by_api(fleet, text())
    hub = fleet.server.cluster(HUB)
    kind = next(kind for kind in hub.kinds if kind.name == "PropagationPolicy")
    target = Target(kind=kind, namespace=story.NAME, name=story.NAME, subresource="status")

    def say(word: str, generation: int) -> None:
        said = {"type": "Applied", "status": word, "observedGeneration": generation}
        said |= {"reason": "R", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z"}
        hub.modify(target, lambda value: value | {"status": {"conditions": [said]}}, USER)

    assert not story.is_in_place(fleet)
    say("False", 1)
    assert not story.is_in_place(fleet)
    say("True", 1)
    assert story.is_in_place(fleet)
    await story.apply_by_api(fleet, text(["eu-central-1"]))
    assert not story.is_in_place(fleet)


def test_the_view_shows_the_line_to_type_and_what_came_of_it(clock: SystemClock, file: Path, tmp_path: Path) -> None:
    fleet = Fleet(tmp_path, clock, hub=tuple(yaml.safe_load_all(crds_yaml())))
    fleet.backends["eu"].port = 1
    deployment = Deployment(tmp_path, "fed.test", [(Cluster(name="eu"), fleet.kubeconfig, "eu")])
    hints = Hints.of(fleet, deployment, STORY, file)
    before = page(None, {}, {}, fleet, hints, Screen())
    assert f"    kubectl --kubeconfig {fleet.kubeconfig} --context hub apply -f {file}" in before
    assert f"    http://127.0.0.1:{deployment.api_port}/" in before
    assert not any("placed by the hub" in line for line in before)
    placed = {"eu": ("127.0.1.1",), "us": ("127.0.2.1",), "ap": ("127.0.2.1",)}
    after = "\n".join(page(None, {}, placed, fleet, hints, Screen()))
    assert "placed by the hub: news.fed.test" in after
    assert "127.0.2.1 (us)" in after


class Leaping:
    """A clock on which no step stays within its time."""

    def __init__(self) -> None:
        self._s = 0.0

    def now_s(self) -> float:
        return self._s

    def monotonic_s(self) -> float:
        self._s += 20.0
        return self._s


class Answers:
    """A name server that gives each region's clients their own, and never anything else."""

    def __init__(self, fleet: Fleet) -> None:
        self._own = {region.client: region.address for region in fleet.regions}

    def answer(self, name: str, *, client: str) -> tuple[str, ...]:
        return (self._own[client],)


async def test_a_check_that_sees_no_change_fails(fleet: Fleet, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    trial = Trial(fleet, Answers(fleet), STORY, file, demo.HEALTH, Leaping())
    assert await trial.run() == 1
    late = [line.split(":")[0] for line in trial.problems]
    unplaced = ["story.yaml applied on the hub by kubectl", "  the policy says so"]
    assert late == ["eu's backend killed", *unplaced, *unplaced]
    assert "demo-check: failed" in capsys.readouterr().out


@pytest.mark.slow
def test_the_whole_check_passes(capsys: pytest.CaptureFixture[str]) -> None:
    status = demo.run(check=True)
    printed = capsys.readouterr().out
    assert status == 0, printed
    assert "news.fed.test is in eu and us" in printed
    assert "news.fed.test is in eu only" in printed
    assert ", 0 empty or wrong" in printed
