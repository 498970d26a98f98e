"""Everything that the chart and the bases make is taken by a real API server, under strict validation."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from trafficfed.testing.apiservers import ApiError
from trafficfed.testing.charts import CHART, ROOT, helm, of_kind, rendered
from trafficfed.testing.clusters import ClusterFarm, RealCluster

pytestmark = [pytest.mark.real, pytest.mark.slow]

Json = dict[str, Any]
BASES = sorted(path.parent.name for path in (ROOT / "deploy" / "kustomize").glob("*/kustomization.yaml"))


def definition(plural: str, kind: str) -> Json:
    """Stands for one of the Prometheus operator's own, which an administrator has installed."""
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.monitoring.coreos.com"},
        "spec": {
            "group": "monitoring.coreos.com",
            "names": {"plural": plural, "kind": kind},
            "scope": "Namespaced",
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": schema}],
        },
    }


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    with ClusterFarm(tmp_path_factory.mktemp("cluster")) as farm:
        cluster = farm.start_one("eu")
        made = [definition("servicemonitors", "ServiceMonitor"), definition("prometheusrules", "PrometheusRule")]
        cluster.kubectl("apply", "-f", "-", stdin=yaml.safe_dump_all(made))
        cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
        yield cluster


def test_the_chart_is_installed_changed_and_removed(cluster: RealCluster, everything: Json) -> None:
    where = (f"--kubeconfig={cluster.admin_kubeconfig}", "--namespace=installed")
    for section in ("leadership", "propagation"):
        everything["controller"]["config"].setdefault(section, {})["namespace"] = "installed"
    everything["serviceAccount"] = {"name": "installed"}
    helm("install", "installed", str(CHART), *where, "--create-namespace", values=everything)
    listed = json.loads(helm("list", *where, "--output=json"))
    assert [(each["name"], each["status"]) for each in listed] == [("installed", "deployed")]
    everything["nameserver"]["replicas"] = 3
    helm("upgrade", "installed", str(CHART), *where, values=everything)
    scale = cluster.kubectl("get", "deployment/installed-nameserver", "--namespace=installed", "--output=json")
    assert json.loads(scale)["spec"]["replicas"] == 3
    helm("uninstall", "installed", *where)
    with pytest.raises(ApiError) as gone:
        cluster.admin.request("GET", "/apis/apps/v1/namespaces/installed/deployments/installed-nameserver")
    assert gone.value.status == 404
    assert "globalservices.trafficfed.io" in cluster.kubectl("get", "crd", "--output=name")


def test_strict_validation_finds_no_field_that_there_is_not(cluster: RealCluster, everything: Json) -> None:
    made = rendered(everything, "--include-crds")
    applied = cluster.kubectl(
        "apply",
        "--server-side",
        "--force-conflicts",
        "--dry-run=server",
        "--validate=strict",
        "--output=name",
        "-f",
        "-",
        stdin=yaml.safe_dump_all(made),
    )
    assert len(applied.splitlines()) == len(made)


@pytest.mark.parametrize("base", BASES)
def test_each_base_is_applied_as_it_stands(cluster: RealCluster, base: str) -> None:
    cluster.kubectl(
        "apply", "--server-side", "--force-conflicts", "--validate=strict", "-k", str(ROOT / "deploy/kustomize" / base)
    )


def test_the_rules_are_those_that_prometheus_is_tested_with(everything: Json) -> None:
    (file,) = (ROOT / "deploy" / "prometheus").glob("*.rules.yaml")
    assert of_kind(rendered(everything), "PrometheusRule")["spec"] == yaml.safe_load(file.read_text())


def test_the_dashboards_are_those_that_are_tested(everything: Json) -> None:
    made = [each for each in rendered(everything) if "-dashboard-" in each["metadata"]["name"]]
    files = {path.name: json.loads(path.read_text()) for path in (ROOT / "deploy" / "grafana").glob("*.json")}
    assert files
    assert {name: json.loads(text) for each in made for name, text in each["data"].items()} == files
    assert all(each["metadata"]["labels"]["grafana_dashboard"] == "1" for each in made)


def test_all_processes_are_scraped_by_one_monitor(everything: Json) -> None:
    made = rendered(everything)
    spec = of_kind(made, "ServiceMonitor")["spec"]
    service = of_kind(made, "Service", "trafficfed-metrics")
    assert spec["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    assert [each["port"] for each in spec["endpoints"]] == [each["name"] for each in service["spec"]["ports"]]
    labels = [
        each["spec"]["template"]["metadata"]["labels"] for each in made if each["kind"] in ("Deployment", "StatefulSet")
    ]
    assert len([each for each in labels if service["spec"]["selector"].items() <= each.items()]) == 3


def test_what_selects_by_labels_finds_them(everything: Json) -> None:
    for name in ("serviceMonitor", "prometheusRule", "dashboards"):
        everything["monitoring"][name]["labels"] = {"release": "monitoring"}
    made = [
        each
        for each in rendered(everything)
        if each["kind"] in ("ServiceMonitor", "PrometheusRule") or "-dashboard-" in each["metadata"]["name"]
    ]
    assert len(made) > 2
    assert all(each["metadata"]["labels"]["release"] == "monitoring" for each in made)


def test_the_example_is_in_one_namespace(cluster: RealCluster) -> None:
    text = cluster.kubectl("kustomize", str(ROOT / "deploy" / "kustomize" / "example"))
    made = [each for each in yaml.safe_load_all(text) if not each["kind"].startswith("ClusterRole")]
    assert {each["metadata"].get("namespace") for each in made} == {"trafficfed"}
