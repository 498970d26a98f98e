"""The controller works under exactly the permissions that the chart gives, on real API servers that write down each
request: none is forbidden, and none of the permissions is left unused."""

import functools
import secrets
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from trafficfed.model import Cluster
from trafficfed.testing.audit import Asked, Permission, asked, audited, idle
from trafficfed.testing.charts import CHART, Manifest, rendered
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.deployment import Deployment
from trafficfed.testing.hubs import apply, define_istio, define_services, policy, serves
from trafficfed.testing.processes import ServerFailed
from trafficfed.testing.real_cluster import MERGE
from trafficfed.testing.templates import end_namespaces, of_every_kind, play_status, selects

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]
KINDS = yaml.safe_load((CHART / "values.yaml").read_text())["rbac"]["kinds"]
ZONE = "fed.test"
SHOP = "shop"
GROUP, API = "trafficfed.io", "trafficfed.io/v1alpha1"
EU = Cluster(name="eu", region="eu-central-1", country="DE", continent="EU")
BY_ROOM = {"type": "Divided", "divideBy": "FreeCapacity"}
PLURALS = [(each["group"], plural) for each in KINDS for plural in each["resources"]]
MET = [(group, plurals[-1]) for group, plurals in ((each["group"], each["resources"]) for each in KINDS)]
"""Where something stands in the way that is not ours: the last kind of each group."""
WITH_STATUS = [(each["group"], plural) for each in KINDS for plural in each["status"]]
SHARED = "multicluster.x-k8s.io"
EXCHANGED = ("serviceexports", "serviceimports")
MESH = "networking.istio.io"
IMPORTED = (
    (SHARED, "serviceimports"),
    ("", "services"),
    ("discovery.k8s.io", "endpointslices"),
    (MESH, "serviceentries"),
    (MESH, "destinationrules"),
)
PLAIN_LISTS = "--feature-gates=WatchList=false"
"""Older API servers stream no lists; there a list and a watch are two requests, and two permissions."""
WITHIN_S = 60.0
PERMISSIONS_ONLY: Json = {"controller": {"enabled": False}}
OF_MEMBER = {
    **PERMISSIONS_ONLY,
    "rbac": {
        **dict.fromkeys(("elector", "propagation", "services", "istio", "baselines", "access"), True),
    },
}
OF_HUB = {**PERMISSIONS_ONLY, "rbac": {"member": False, "hub": True, "baselinesHub": True}}


RBAC_GROUP, RBAC = "rbac.authorization.k8s.io", "rbac.authorization.k8s.io/v1"
BINDINGS = ("rolebindings", "clusterrolebindings")
ADMISSION = "admissionregistration.k8s.io"
POLICIES = ("validatingadmissionpolicies", "validatingadmissionpolicybindings")
MARK = {"federated": "yes"}
LOOKED_AT = (
    *(("v1", kind) for kind in ("Namespace", "Pod")),
    *(("apps/v1", kind) for kind in ("Deployment", "StatefulSet", "DaemonSet")),
    *(("batch/v1", kind) for kind in ("Job", "CronJob")),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    *((RBAC, kind) for kind in ("Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding")),
)
MADE: tuple[Json, ...] = (
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "made"}},
    {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "made", "namespace": SHOP},
        "spec": {"podSelector": {}},
    },
)
WRITTEN = (("", "namespaces"), ("networking.k8s.io", "networkpolicies"))


def baseline(name: str, *rules: Json, mode: str = "inform") -> Json:
    spec = {"mode": mode, "rules": list(rules)}
    return {"apiVersion": API, "kind": "FleetBaseline", "metadata": {"name": name}, "spec": spec}


def there(made: Json) -> Json:
    return {"name": made["kind"].lower(), "mustHave": {"template": made}}


def not_there(made: Json) -> Json:
    """Deleted as soon as it is made: two rules that are at odds, so that each permission is used."""
    gone = {"apiVersion": made["apiVersion"], "kind": made["kind"], "name": made["metadata"]["name"]}
    return {"name": made["kind"].lower(), "mustNotHave": gone}


def binding(kind: str, **where: str) -> Json:
    ref = {"apiGroup": RBAC_GROUP, "kind": "ClusterRole", "name": "view"}
    subjects = [{"apiGroup": RBAC_GROUP, "kind": "Group", "name": "devs"}]
    metadata = {"name": "devs", "labels": MARK, **where}
    return {"apiVersion": RBAC, "kind": kind, "metadata": metadata, "roleRef": ref, "subjects": subjects}


def rules(manifests: tuple[Manifest, ...], kind: str) -> list[Json]:
    return [rule for each in manifests if each["kind"] == kind for rule in each["rules"]]


def install(cluster: RealCluster, values: Json) -> None:
    """The chart's permissions in place of those that every cluster of the tests begins with."""
    for kind, name in (("clusterrole", "trafficfed-member"), ("clusterrolebinding", "trafficfed-member")):
        cluster.kubectl("delete", kind, name)
    cluster.kubectl("delete", "role,rolebinding", "trafficfed-elector", "--namespace=trafficfed")
    cluster.kubectl("apply", "--server-side", "-f", str(CHART / "crds"))
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    for plural in (
        "fleetbaselines",
        "globalservices",
        "operatorcontrols",
        "propagationpolicies",
        "clusterpropagationpolicies",
    ):
        cluster.processes[0].wait_until(functools.partial(serves, cluster, f"/apis/{API}/{plural}"))
    apply(cluster, *rendered(values))


def log_of(cluster: RealCluster) -> Path:
    """Beside the folder of all clusters."""
    return cluster.directory.parents[1] / f"audit-{cluster.name}"


class Story:
    """One controller, one member that votes, one hub, and everything that needs a permission."""

    def __init__(self, hub: RealCluster, member: RealCluster, product: Deployment) -> None:
        self.hub, self.member, self.product = hub, member, product

    def until(self, reached: Callable[[], bool], what: str) -> None:
        """Wait; the error says what for."""
        controller = self.product.controller
        assert controller is not None, "it runs"
        try:
            controller.wait_until(reached, WITHIN_S)
        except ServerFailed as error:
            raise AssertionError(f"{what}: {error}") from None

    def run(self, *arguments: str) -> None:
        """A command, as an operator gives it."""
        command = [sys.executable, "-m", "trafficfed", *arguments, "--config", str(self.product.config)]
        subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)

    def uses(self, cluster: RealCluster, *wanted: Permission) -> None:
        self.until(lambda: set(wanted) <= asked(log_of(cluster)).used, f"{cluster.name}: {', '.join(map(str, wanted))}")

    def tell(self) -> None:
        self.declare()
        self.share()
        self.keep()
        self.propagate()
        self.order()
        self.change()
        self.remember()
        self.end()

    def declare(self) -> None:
        """Names by annotation and by GlobalService, good ones and refused ones."""
        for name, hostname in (("web", f"web.{ZONE}"), ("lost", "web.elsewhere.test")):
            keys = {"trafficfed.io/hostname": hostname}
            self.member.apply_service(SHOP, name, keys, addresses=["127.0.1.10"], ready=1)
        for name, hostname in (("shown", f"shown.{ZONE}"), ("refused", "shown.elsewhere.test")):
            self.member.apply_service(SHOP, name, {}, addresses=["127.0.1.10"], ready=1)
            meta = {"namespace": SHOP, "name": name}
            spec = {"hostnames": [hostname]}
            apply(self.hub, {"apiVersion": API, "kind": "GlobalService", "metadata": meta, "spec": spec})
        self.uses(self.hub, Permission("patch", GROUP, "globalservices/status"))
        self.uses(self.member, Permission("create", "", "events"))

    def share(self) -> None:
        """A Service is exported, told of, and exported no more."""
        port = {"name": "http", "port": 80, "protocol": "TCP"}
        meta = {"namespace": SHOP, "name": "shared"}
        ends = {"addressType": "IPv4", "ports": [port], "endpoints": [{"addresses": ["10.1.0.1"]}]}
        labelled = {**meta, "labels": {"kubernetes.io/service-name": "shared"}}
        apply(
            self.member,
            {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [port]}},
            {
                "apiVersion": "discovery.k8s.io/v1",
                "kind": "EndpointSlice",
                "metadata": {**labelled, "name": "shared-x"},
                **ends,
            },
            {"apiVersion": f"{SHARED}/v1beta1", "kind": "ServiceExport", "metadata": meta},
        )
        self.uses(self.member, *(Permission("patch", SHARED, f"{each}/status") for each in EXCHANGED))
        self.uses(self.member, *(Permission("create", *each) for each in IMPORTED))
        self.member.kubectl("delete", "serviceexport", "--namespace", SHOP, "shared")
        self.uses(self.member, *(Permission("delete", *each) for each in IMPORTED))

    def keep(self) -> None:
        """Baselines over every kind that they may look at; what they may write is made, mended and deleted."""
        listed = [{"apiVersion": version, "kind": kind} for version, kind in LOOKED_AT]
        nobody = {"apiVersion": RBAC, "kind": "Role", "name": "x"}
        self.hub.ensure_namespace(SHOP)
        apply(
            self.hub,
            baseline("told", {"name": "named", "mustHold": {"objects": listed, "expression": "has(object.metadata)"}}),
            baseline("denied", {"name": "gone", "mustNotHave": nobody}, mode="deny"),
            baseline("made", *map(there, MADE), mode="enforce"),
            baseline("unmade", *map(not_there, MADE), mode="enforce"),
            baseline("access", {"name": "all", "federatedAccess": {"bindings": {"matchLabels": MARK}}}, mode="enforce"),
            binding("RoleBinding", namespace=SHOP),
            binding("ClusterRoleBinding"),
        )
        self.uses(self.hub, Permission("patch", GROUP, "fleetbaselines/status"))
        self.uses(self.member, *(Permission("create", RBAC_GROUP, each) for each in BINDINGS))
        self.uses(self.member, *(Permission("create", *each) for each in WRITTEN))
        self.uses(self.member, *(Permission("delete", *each) for each in WRITTEN))
        for cluster in (self.hub, self.member):
            self.uses(cluster, *(Permission("create", ADMISSION, each) for each in POLICIES))
        self.hub.kubectl("delete", "rolebinding,clusterrolebinding", "--all-namespaces", "--selector=federated=yes")
        self.uses(self.member, *(Permission("delete", RBAC_GROUP, each) for each in BINDINGS))
        self.hub.kubectl("delete", "fleetbaselines", "--all")
        for cluster in (self.hub, self.member):
            self.uses(cluster, *(Permission("delete", ADMISSION, each) for each in POLICIES))

    def propagate(self) -> None:
        """Every kind, into namespaces that are there and that are not, in the way of one that is not ours."""
        space, *made = of_every_kind(SHOP, "all")
        theirs = [*{each["apiVersion"]: each for each in of_every_kind(SHOP, "theirs")[1:]}.values()]
        apply(self.member, *theirs)
        apply(
            self.hub, space, *made, *theirs, policy(SHOP, "all", *selects([*made, *theirs]), replicaScheduling=BY_ROOM)
        )
        everywhere = policy("", "space", *selects([space]))
        del everywhere["metadata"]["namespace"]
        apply(self.hub, {**everywhere, "kind": "ClusterPropagationPolicy"})
        self.hub.ensure_namespace("new")
        other = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"namespace": "new", "name": "other"}}
        apply(self.hub, other, policy("new", "other", *selects([other])))
        copies = [Permission(verb, group, plural) for verb in ("create", "patch") for group, plural in PLURALS]
        met = [Permission("get", group, plural) for group, plural in MET]
        self.uses(self.member, *copies, *met, Permission("list", "", "nodes"))
        for each in made:
            play_status(self.member, each)
        self.uses(self.hub, *(Permission("patch", group, f"{plural}/status") for group, plural in WITH_STATUS))

    def order(self) -> None:
        """A drain, which the hub shows while it lasts."""
        self.run("drain", "eu", "--why", "a test")
        self.uses(self.hub, Permission("create", GROUP, "operatorcontrols"))
        self.run("undrain", "eu")
        self.uses(self.hub, Permission("delete", GROUP, "operatorcontrols"))

    def remember(self) -> None:
        """A controller that begins from nothing says everything again, and counts on in the Events that stand there."""
        self.product.stop_controller()
        shutil.rmtree(self.product.directory / "state")
        self.member.kubectl("delete", "configmaps", "--all", "--namespace=trafficfed")
        said = f"/apis/{API}/namespaces/{SHOP}/propagationpolicies/all/status"
        self.hub.admin.request("PATCH", said, {"status": {"problems": [], "conditions": []}}, MERGE)
        self.product.start_controller()
        for cluster in (self.member, self.hub):
            self.uses(cluster, Permission("patch", "", "events"))

    def change(self) -> None:
        """A controller that goes on where another one was leaves nothing of that one's copy of the table."""
        self.product.restart_controller()
        keys = {"trafficfed.io/hostname": f"web.{ZONE}", "trafficfed.io/weight": "7"}
        self.member.apply_service(SHOP, "web", keys, addresses=["127.0.1.10"], ready=1)
        gone = Permission("delete", "", "configmaps")
        self.until(lambda: gone in asked(log_of(self.member)).within, "the copy before goes")

    def end(self) -> None:
        """Policies go, and their copies with them."""
        self.hub.kubectl("delete", "propagationpolicies,clusterpropagationpolicies", "--all", "--all-namespaces")
        self.uses(self.member, *(Permission("delete", group, plural) for group, plural in PLURALS))
        end_namespaces(self.member)
        self.uses(self.hub, Permission("delete", "", "configmaps"))


def settings(product: Deployment, hub: RealCluster) -> None:
    (product.directory / "controllers.key").write_text(secrets.token_hex(32))
    (product.directory / "controllers.key").chmod(0o600)
    product.set(
        hub={"kubeconfig": str(hub.kubeconfig), "context": hub.context},
        services={"imports": "write", "meshes": ["istio"]},
        baselines={"members": "write"},
        leadership={"name": "eu", "key-file": "./controllers.key", "electorate": [{"cluster": "eu"}]},
    )


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The whole story, told once: what was asked for stands in the logs."""
    directory = tmp_path_factory.mktemp("permissions")
    with ClusterFarm(directory / "clusters") as farm:
        member, hub = (
            farm.start_one(name, extra=(*audited(directory / f"audit-{name}"), PLAIN_LISTS)) for name in ("eu", "hub")
        )
        define_services(member)
        define_istio(member)
        install(member, OF_MEMBER)
        install(hub, OF_HUB)
        hub.ensure_namespace(SHOP)
        product = Deployment(directory / "product", ZONE, [(EU, member.kubeconfig, member.context)])
        settings(product, hub)
        story = Story(hub, member, product)
        with product:
            product.start_controller()
            story.tell()
        yield story


def everything_asked(cluster: RealCluster) -> Asked:
    return asked(log_of(cluster))


@pytest.mark.parametrize("name", ["member", "hub"])
def test_nothing_that_it_asks_for_is_forbidden(told: Story, name: str) -> None:
    assert everything_asked(getattr(told, name)).missing == frozenset()


@pytest.mark.parametrize(("name", "values"), [("member", OF_MEMBER), ("hub", OF_HUB)])
def test_nothing_is_permitted_that_it_does_not_ask_for(told: Story, name: str, values: Json) -> None:
    made, log = rendered(values), everything_asked(getattr(told, name))
    assert idle(rules(made, "ClusterRole"), log.outside) == []
    assert idle(rules(made, "Role"), log.within) == []
