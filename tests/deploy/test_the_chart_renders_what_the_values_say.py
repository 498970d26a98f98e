"""What an installation is made of: by the values alone, hardened, and with configuration that the product reads."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from trafficfed.config.load import load
from trafficfed.testing.charts import CHART, Manifest, configuration, helm, of_kind, rendered
from trafficfed.vantage.file import load as load_prober

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]
KEY = "k" * 44
FILES = ("tsig.secret", "feed.key", "controllers.key", "prober.key")


def kinds(manifests: tuple[Manifest, ...]) -> list[str]:
    return sorted(f"{each['kind']}/{each['metadata']['name']}" for each in manifests)


def pods(manifests: tuple[Manifest, ...]) -> dict[str, Json]:
    """The Pod of each workload, by its container's name."""
    specs = [each["spec"]["template"]["spec"] for each in manifests if each["kind"] in ("Deployment", "StatefulSet")]
    return {spec["containers"][0]["name"]: spec for spec in specs}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """/etc/trafficfed as the Secrets would make it."""
    for name in FILES:
        (tmp_path / name).write_text(KEY)
        (tmp_path / name).chmod(0o440)
    (tmp_path / "us.kubeconfig").write_text("{}")
    return tmp_path


def written(folder: Path, manifests: tuple[Manifest, ...], component: str) -> Path:
    path = folder / "trafficfed.yaml"
    path.write_text(configuration(manifests, component))
    return path


def test_helm_finds_nothing_to_mend(everything: Json) -> None:
    said = helm("lint", str(CHART), "--strict", values=everything)
    assert "1 chart(s) linted, 0 chart(s) failed" in said
    assert "[WARNING]" not in said
    assert "[ERROR]" not in said


def test_one_controller_is_little(one_controller: Json) -> None:
    assert kinds(rendered(one_controller)) == [
        "ClusterRole/trafficfed-member",
        "ClusterRoleBinding/trafficfed-member",
        "ConfigMap/trafficfed-controller",
        "NetworkPolicy/trafficfed-controller",
        "Service/trafficfed-controller",
        "ServiceAccount/trafficfed",
        "StatefulSet/trafficfed-controller",
    ]


def test_a_member_without_a_controller_gets_permissions_only() -> None:
    assert kinds(rendered({"controller": {"enabled": False}, "rbac": {"elector": True, "propagation": True}})) == [
        "ClusterRole/trafficfed-member",
        "ClusterRole/trafficfed-propagation",
        "ClusterRoleBinding/trafficfed-member",
        "ClusterRoleBinding/trafficfed-propagation",
        "Role/trafficfed-elector",
        "RoleBinding/trafficfed-elector",
        "ServiceAccount/trafficfed",
    ]


def test_the_controllers_file_is_one_it_reads(everything: Json, folder: Path) -> None:
    settings = load(written(folder, rendered(everything), "controller"), {"HOSTNAME": "x"})
    assert (settings.owner, str(settings.api), str(settings.state_dir)) == (
        "prod",
        "0.0.0.0:8080",
        "/var/lib/trafficfed/table",
    )
    assert settings.leadership is not None
    assert [each.cluster or each.zone for each in settings.leadership.electorate] == ["eu", "us", "fed.example.org"]
    assert "trafficfed-controller.trafficfed.svc" in settings.api_hosts


def test_the_name_servers_file_is_one_it_reads(everything: Json, folder: Path) -> None:
    settings = load(written(folder, rendered(everything), "nameserver"), {}).nameserver
    assert settings is not None
    assert settings.feeds == ("trafficfed-feed.trafficfed.svc:9053", "198.51.100.10:9053")
    assert settings.listen == ("0.0.0.0:5353",)
    assert settings.wait_s == 5.0


def test_the_probers_file_is_one_it_reads(everything: Json, folder: Path) -> None:
    settings = load_prober(written(folder, rendered(everything), "prober"), {})
    assert (settings.name, settings.controllers) == ("probe-eu", ("trafficfed-feed.trafficfed.svc:9053",))
    assert settings.warnings == ()


def test_every_pod_is_hardened_and_known_to_its_probes(everything: Json) -> None:
    found = pods(rendered(everything))
    assert set(found) == {"controller", "nameserver", "prober"}
    for spec in found.values():
        (container,) = spec["containers"]
        assert spec["securityContext"]["runAsNonRoot"]
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert {each["name"] for each in container["ports"]} >= {container["livenessProbe"]["httpGet"]["port"]}
        assert container["resources"]["limits"]["memory"]


def test_only_who_asks_the_api_server_has_a_token_for_it(everything: Json) -> None:
    found = pods(rendered(everything))
    assert found["controller"]["serviceAccountName"] == "trafficfed"
    assert found["nameserver"]["serviceAccountName"] == "trafficfed-nameserver"
    assert tokens(found) == {"controller", "nameserver"}
    del everything["nameserver"]["config"]["clusterset"]
    assert tokens(pods(rendered(everything))) == {"controller"}


def tokens(found: Json) -> set[str]:
    """The workloads that have one."""
    return {name for name, spec in found.items() if spec.get("automountServiceAccountToken", True)}


def test_the_name_server_is_reached_by_udp_and_tcp_with_the_clients_own_address(everything: Json) -> None:
    spec = of_kind(rendered(everything), "Service", "trafficfed-nameserver")["spec"]
    assert {(each["port"], each["protocol"]) for each in spec["ports"]} == {(53, "UDP"), (53, "TCP")}
    assert spec["externalTrafficPolicy"] == "Local"


def test_who_hides_the_client_is_warned(everything: Json) -> None:
    everything["nameserver"]["service"] = {"externalTrafficPolicy": "Cluster"}
    said = helm("install", "trafficfed", str(CHART), "--dry-run=client", "--namespace=trafficfed", values=everything)
    assert "WARNING: nameserver.service.externalTrafficPolicy is Cluster" in said


def test_a_disruption_budget_is_for_several_name_servers_only(everything: Json) -> None:
    assert of_kind(rendered(everything), "PodDisruptionBudget")["spec"]["maxUnavailable"] == 1
    everything["nameserver"]["replicas"] = 1
    assert "PodDisruptionBudget/trafficfed-nameserver" not in kinds(rendered(everything))


def test_every_selector_finds_its_pods_and_no_others(everything: Json) -> None:
    manifests = rendered(everything)
    labels = {
        each["metadata"]["name"]: each["spec"]["template"]["metadata"]["labels"]
        for each in manifests
        if each["kind"] in ("Deployment", "StatefulSet")
    }
    for each in manifests:
        if each["kind"] == "Service" and each["metadata"]["name"] != "trafficfed-metrics":
            selected = {name for name, have in labels.items() if each["spec"]["selector"].items() <= have.items()}
            wanted = each["metadata"]["name"].replace("-feed", "-controller")
            assert selected == {wanted}, each["metadata"]["name"]


def test_status_and_metrics_are_for_the_namespace_and_who_is_named(everything: Json) -> None:
    prometheus = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "monitoring"}}}
    everything["networkPolicy"] = {"apiFrom": [prometheus]}
    manifests = rendered(everything)
    for component in ("controller", "nameserver", "prober"):
        api, *rest = of_kind(manifests, "NetworkPolicy", f"trafficfed-{component}")["spec"]["ingress"]
        assert api == {"from": [{"podSelector": {}}, prometheus], "ports": [{"port": "http", "protocol": "TCP"}]}
        opened = {port["port"] for rule in rest for port in rule["ports"]}
        assert opened == {"controller": {"feed"}, "nameserver": {"dns-udp", "dns-tcp"}, "prober": set()}[component]


def test_a_change_of_configuration_starts_those_pods_anew_that_read_it_at_start_only(everything: Json) -> None:
    """A controller takes a changed file over by itself: its Pod stays."""

    def mark(component: str) -> Json:
        (made,) = [
            each
            for kind in ("StatefulSet", "Deployment")
            for each in rendered(everything)
            if each["kind"] == kind and each["metadata"]["labels"]["app.kubernetes.io/component"] == component
        ]
        template: Json = made["spec"]["template"]
        return template

    before = {component: mark(component) for component in ("controller", "nameserver", "prober")}
    everything["controller"]["config"]["log"] = {"level": "debug"}
    everything["nameserver"]["config"]["wait"] = 7
    everything["prober"]["config"]["name"] = "other"
    after = {component: mark(component) for component in before}
    assert after["controller"] == before["controller"]
    for component in ("nameserver", "prober"):
        marks = [each[component]["metadata"]["annotations"]["checksum/config"] for each in (before, after)]
        assert marks[0] != marks[1]


def test_the_table_outlives_the_pod_unless_told_otherwise(one_controller: Json) -> None:
    (claim,) = of_kind(rendered(one_controller), "StatefulSet")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["resources"]["requests"]["storage"] == "1Gi"
    one_controller["controller"]["persistence"] = {"enabled": False}
    spec = of_kind(rendered(one_controller), "StatefulSet")["spec"]
    assert "volumeClaimTemplates" not in spec
    assert {"name": "state", "emptyDir": {}} in spec["template"]["spec"]["volumes"]


def test_an_image_is_named_by_tag_or_by_digest(one_controller: Json) -> None:
    def image() -> str:
        return str(pods(rendered(one_controller))["controller"]["containers"][0]["image"])

    version = yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"]
    assert image() == f"trafficfed:{version}"
    one_controller["image"] = {"repository": "example.org/trafficfed", "digest": "sha256:" + "0" * 64}
    assert image() == "example.org/trafficfed@sha256:" + "0" * 64


def test_two_releases_share_no_name(one_controller: Json) -> None:
    first = rendered(one_controller)
    one_controller["serviceAccount"] = {"name": "second"}
    second = rendered(one_controller, release="second")
    assert not set(kinds(first)) & set(kinds(second))
