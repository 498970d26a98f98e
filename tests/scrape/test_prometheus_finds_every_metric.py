"""A real Prometheus scrapes running controllers, name servers and probers: whatever is named anywhere is there.

Two regions on real API servers, one of them the hub, with the zone at BIND as the third elector.
"""

import json
import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from trafficfed.testing import promql
from trafficfed.testing.backends import Backend
from trafficfed.testing.certificates import NOT_AFTER, CertificateAuthority
from trafficfed.testing.hubs import apply, get, policy
from trafficfed.testing.pages import ROOT, code, page, pages
from trafficfed.testing.processes import free_port
from trafficfed.testing.prometheus import Prometheus
from trafficfed.testing.regions import Regions, regions
from trafficfed.testing.world import NAMESPACE, ZONE

pytestmark = pytest.mark.real

SECURE = "127.0.1.30"
RULES = ROOT / "deploy" / "prometheus" / "trafficfed.rules.yaml"
NAME = re.compile(r"\btrafficfed_[a-z0-9_]+")
PACKAGES = {"trafficfed_healthchecks", "trafficfed_providers"}
CREATED = "_created"
"""What the client library adds to each counter and histogram: when it began to count."""
QUIET = {
    "First certificate ends in",  # the service and the cluster that are looked at have none
    "From an endpoint's death to the provider's answer",
    "From an endpoint's death to the authorities' right answer",
    "Refused objects",
    "Refusals",
    "Age of the oldest change not made",
    "Brakes",
    "Budget of requests",
    "Failures and wrong answers",
    "Services that do not serve here",
    "Imports in trouble",
    "Changes of freshness, impossible probes",
}
OF_HISTOGRAMS = re.compile(r"_(bucket|count|sum)$")


@contextmanager
def trusted(directory: Path) -> Iterator[ssl.SSLContext]:
    """What a server of the name ``secure`` shows, under an authority that every process begun meanwhile trusts."""
    authority = CertificateAuthority.create()
    pair = authority.server(f"secure.{ZONE}")
    (directory / "server.pem").write_bytes(pair.certificate + pair.key)
    (directory / "authorities.pem").write_bytes(authority.pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(directory / "server.pem")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SSL_CERT_FILE", str(directory / "authorities.pem"))
        yield context


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Regions]:
    with (
        trusted(tmp_path_factory.mktemp("secure")) as tls,
        Backend(SECURE, tls=tls) as secure,
        regions(
            tmp_path_factory.mktemp("two"), ["eu", "us"], zone_votes=True, hub=True, services=True, baselines=True
        ) as fleet,
    ):
        fleet.apply("web")
        annotations = {"hostname": f"secure.{ZONE}", "health-check": f"https://secure.{ZONE}:{secure.port}/"}
        fleet.regions["eu"].cluster.apply_service(
            NAMESPACE,
            "secure",
            {f"trafficfed.io/{key}": value for key, value in annotations.items()},
            ports=(secure.port,),
            addresses=(SECURE,),
            ready=1,
        )
        hub = fleet.regions["eu"].cluster
        shared = {"namespace": NAMESPACE, "name": "web"}
        apply(hub, {"apiVersion": "multicluster.x-k8s.io/v1beta1", "kind": "ServiceExport", "metadata": shared})
        settings = {"apiVersion": "v1", "kind": "ConfigMap", "name": "settings"}
        metadata = {"namespace": NAMESPACE, "name": "settings"}
        config_map = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {"colour": "blue"}}
        apply(
            hub,
            config_map,
            policy(NAMESPACE, "us", settings, placement={"clusterAffinity": {"clusterNames": ["us"]}}),
        )
        expression = {"objects": [{"apiVersion": "v1", "kind": "Namespace"}], "expression": "has(object.metadata)"}
        rules = [
            {"name": "named", "mustHold": expression},
            {"name": "there", "mustHave": {"template": {**config_map, "metadata": {**metadata, "name": "there"}}}},
        ]
        spec = {"mode": "enforce", "rules": rules}
        kept = {
            "apiVersion": "trafficfed.io/v1alpha1",
            "kind": "FleetBaseline",
            "metadata": {"name": "kept"},
            "spec": spec,
        }
        apply(hub, kept)
        fleet.settle("web")
        path = f"/api/v1/namespaces/{NAMESPACE}/configmaps/settings"
        fleet.wait_until(lambda: bool(get(fleet.regions["us"].cluster, path)), 20.0, "the hub's object is in us")
        apply(hub, {**config_map, "data": {"colour": "green"}})
        yield fleet


@pytest.fixture(scope="module")
def prometheus(fleet: Regions, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prometheus]:
    probers = []
    for region in fleet.regions.values():
        probers.append(f"127.0.0.1:{free_port()}")
        file = region.directory / "prober.yaml"
        said = yaml.safe_load(file.read_text())
        said["prober"]["metrics"] = probers[-1]
        file.write_text(yaml.safe_dump(said))
        region.start_prober()
    deployments = [region.deployment for region in fleet.regions.values()]
    jobs = {
        "controllers": [f"127.0.0.1:{each.api_port}" for each in deployments],
        "nameservers": [f"127.0.0.1:{each.metrics_port}" for each in deployments],
        "probers": probers,
    }
    with Prometheus(tmp_path_factory.mktemp("prometheus"), jobs, rules=[RULES]) as running:
        running.wait_until(
            lambda: (
                running.value("count(up == 1)") == 6
                and running.value("count(trafficfed_prober_targets_followed == 1)") == 2
                and running.value("count(trafficfed_vantage_connected == 1)") == 6
                and running.value("count(trafficfed_cluster_certificate_expiry_timestamp_seconds)") == 2
            ),
            "all six are scraped, and the probers are heard",
        )
        enough = "min(count_over_time(up[1m])) >= 4 and min(count_over_time(trafficfed_prober_targets[1m])) >= 4"
        running.wait_until(lambda: bool(running.query(enough)), "all have been scraped often enough for rates")
        yield running


def named(text: str) -> set[str]:
    return {OF_HISTOGRAMS.sub("", name) for name in NAME.findall(text)} - PACKAGES


def test_each_metric_is_there_as_it_is_described(prometheus: Prometheus) -> None:
    rows = [*page("docs/operations.md").tables("metric", "type", "labels", "meaning")]
    rows += [*page("docs/vantages.md").tables("metric", "type", "labels", "meaning")]
    described = {code(row[0]): row[1] for row in rows}
    families = prometheus.families().items()
    found = {name: kind for name, kind in families if name.startswith("trafficfed_") and not name.endswith(CREATED)}
    assert found == described


@pytest.mark.parametrize(
    "where",
    [
        str(path.relative_to(ROOT))
        for path in sorted((ROOT / "deploy").glob("**/*"))
        if path.suffix in {".yaml", ".json"}
    ]
    + [each.name for each in pages()],
)
def test_every_metric_named_anywhere_is_there(prometheus: Prometheus, where: str) -> None:
    assert named((ROOT / where).read_text()) <= prometheus.families().keys()


def test_the_rules_and_runbooks_name_many(prometheus: Prometheus) -> None:
    texts = [RULES.read_text(), *(each.text for each in pages() if each.name.startswith("docs/runbooks/"))]
    assert len(named("\n".join(texts))) > 20
    assert not {"trafficfed_no_such_thing"} & prometheus.families().keys()


@pytest.mark.parametrize("name", [each.name for each in pages() if each.name.startswith("docs/runbooks/")])
def test_what_a_runbook_asks_can_be_asked(prometheus: Prometheus, name: str) -> None:
    for fence in page(name).fences:
        if fence.language == "promql":
            prometheus.query(fence.text)


@pytest.mark.parametrize("path", sorted((ROOT / "deploy" / "grafana").glob("*.json")), ids=lambda path: path.stem)
def test_panels_show_something_of_a_fleet_that_is_well(prometheus: Prometheus, path: Path) -> None:
    """Save those of what is not there: objects refused, changes held, certificates, a takeover, a failure."""
    chosen = {"cluster": "us", "service": f"default/{NAMESPACE}/web"}
    board = json.loads(path.read_text())
    empty = {
        panel["title"]
        for panel, target in promql.targets(board)
        if not prometheus.query(promql.filled(target["expr"], **chosen))
    }
    assert empty <= QUIET


def test_the_end_of_a_certificate_is_seen_by_every_controller(prometheus: Prometheus) -> None:
    found = prometheus.query("trafficfed_certificate_expiry_timestamp_seconds")
    assert {labels["service"] for labels, _ in found} == {f"default/{NAMESPACE}/secure"}
    assert {ends_s for _, ends_s in found} == {NOT_AFTER.timestamp()}
    assert len(found) == 2


def test_a_fleet_that_is_well_alerts_nobody_and_one_that_fails_over_does(
    prometheus: Prometheus, fleet: Regions
) -> None:
    assert prometheus.firing() == []
    region = fleet.regions["eu"]
    assert region.backend is not None
    region.backend.kill()
    prometheus.wait_until(lambda: bool(prometheus.firing()), "an alert fires")
    (alert,) = prometheus.firing()
    assert (alert["alertname"], alert["cluster"]) == ("TrafficfedFailoverHappened", "eu")
    assert prometheus.value('max(trafficfed_cluster_sole_services{cluster="us"})') == 1
    assert prometheus.value("max(trafficfed_unserved_services)") == 0
    verified = 'sum(trafficfed_failure_to_verified_seconds_count{provider="bind"})'
    prometheus.wait_until(lambda: prometheus.value(verified) == 1, "BIND's answer was right once after one death")
    region.start_backend()
    prometheus.wait_until(lambda: prometheus.firing() == [], "it ends when eu serves again")
