"""clusterset.local of a real API server's imports, asked by dig and through unbound as a member's resolver would be."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dns.rcode
import pytest

from trafficfed.nameserver.settings import ClusterSetSettings, NameServerSettings
from trafficfed.testing.audit import asked, audited
from trafficfed.testing.charts import rendered
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.hubs import allow_services, apply
from trafficfed.testing.nameservers import NameServerProcess, values
from trafficfed.testing.processes import free_port
from trafficfed.testing.resolvers import Unbound
from trafficfed.testing.sample_zone import ZONE

pytestmark = [pytest.mark.real, pytest.mark.slow]
Json = dict[str, Any]
WEB, DB = "web.shop.svc.clusterset.local", "db.shop.svc.clusterset.local"


PLAIN_LISTS = "--feature-gates=WatchList=false"
"""Older API servers stream no lists; there a list and a watch are two requests, and two permissions."""


def log_in(directory: Path) -> Path:
    return directory / "audit"


def made(kind: str, name: str, api: str = "multicluster.x-k8s.io/v1beta1", **fields: Any) -> Json:
    return {"apiVersion": api, "kind": kind, "metadata": {"namespace": "shop", "name": name}, **fields}


def slice(name: str, cluster: str, *ends: Json) -> Json:
    found = made("EndpointSlice", name, "discovery.k8s.io/v1", addressType="IPv4", endpoints=list(ends))
    found["ports"] = [{"name": "sql", "protocol": "TCP", "port": 5432}]
    found["metadata"]["labels"] = {
        "multicluster.kubernetes.io/service-name": "db",
        "multicluster.kubernetes.io/source-cluster": cluster,
    }
    return found


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealCluster]:
    farm_directory = tmp_path_factory.mktemp("clusters")
    with ClusterFarm(farm_directory / "farm") as farm:
        started = allow_services(farm.start_one("eu", extra=(*audited(log_in(farm_directory)), PLAIN_LISTS)))
        started.ensure_namespace("shop")
        ports = [{"name": "http", "protocol": "TCP", "port": 80}]
        apply(
            started,
            made("ServiceImport", "web", spec={"type": "ClusterSetIP", "ips": ["10.96.0.1"], "ports": ports}),
            made("ServiceImport", "db", spec={"type": "Headless", "ports": [{"name": "sql", "port": 5432}]}),
            slice("a", "eu", {"addresses": ["10.1.0.1"], "hostname": "db-0", "conditions": {"ready": True}}),
            slice("b", "us", {"addresses": ["10.2.0.1"], "conditions": {"ready": True}}),
        )
        yield started


def test_it_needs_the_charts_permissions_and_no_others(server: NameServerProcess, cluster: RealCluster) -> None:
    config = {"cluster": "eu", "in-cluster": True}
    zone = {"name": "fed.test", "nameservers": ["ns1.fed.test"], "mailbox": "a@fed.test"}
    part: Json = {"enabled": True, "config": {"zones": [zone], "clusterset": config}, "feeds": ["192.0.2.1:9053"]}
    part["secrets"] = ["trafficfed-keys"]
    given = {
        (verb, group, resource)
        for each in rendered({"controller": {"enabled": False}, "rbac": {"member": False}, "nameserver": part})
        if each["kind"] == "ClusterRole"
        for rule in each["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }
    used = asked(log_in(cluster.directory.parents[1])).used
    assert {(each.verb, each.group, each.resource) for each in used} == given


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, cluster: RealCluster) -> Iterator[NameServerProcess]:
    directory = tmp_path_factory.mktemp("server")
    settings = NameServerSettings(
        listen=(f"127.0.0.1:{free_port()}",),
        zones=(ZONE,),
        key=b"0123456789abcdef",
        state=str(directory / "state"),
        wait_s=0.5,
        clusterset=ClusterSetSettings(cluster="eu", kubeconfig=str(cluster.kubeconfig), context=cluster.context),
    )
    with NameServerProcess(directory, settings).start(name=WEB) as started:
        assert started.process is not None
        started.process.wait_until(lambda: bool(dig(started, "+short", WEB).split()))
        yield started


def dig(server: NameServerProcess, *arguments: str) -> str:
    command = ["dig", f"@{server.address}", "-p", str(server.port), "+tries=1", "+time=2", "+nostats", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=10).stdout


def test_dig_reads_every_form_of_name(server: NameServerProcess) -> None:
    assert dig(server, "+short", WEB).split() == ["10.96.0.1"]
    assert dig(server, "+short", f"_http._tcp.{WEB}", "SRV").strip() == f"0 100 80 {WEB}."
    assert dig(server, "+short", DB).split() == ["10.1.0.1", "10.2.0.1"]
    assert dig(server, "+short", f"db-0.eu.{DB}").split() == ["10.1.0.1"]
    assert dig(server, "+short", f"10-2-0-1.us.{DB}").split() == ["10.2.0.1"]
    assert dig(server, "+short", f"_sql._tcp.{DB}", "SRV").splitlines() == [
        f"0 100 5432 db-0.eu.{DB}.",
        f"0 100 5432 10-2-0-1.us.{DB}.",
    ]
    assert dig(server, "+short", "dns-version.clusterset.local", "TXT").strip() == '"1.0.0"'
    assert "status: NXDOMAIN" in dig(server, f"eu.{WEB}")
    assert "status: NOERROR" in dig(server, WEB, "AAAA")
    assert dig(server, "+short", "clusterset.local", "SOA").startswith("ns.dns.clusterset.local.")


def test_a_resolver_of_a_member_finds_them_and_what_is_not_there(server: NameServerProcess, tmp_path: Path) -> None:
    resolver = Unbound(tmp_path, "clusterset.local", server.port)
    try:
        assert values(resolver.ask(WEB)) == ("10.96.0.1",)
        assert sorted(values(resolver.ask(DB))) == ["10.1.0.1", "10.2.0.1"]
        assert resolver.ask(f"eu.{WEB}").rcode() == dns.rcode.NXDOMAIN
    finally:
        resolver.process.terminate()


def test_an_endpoint_that_goes_out_leaves_within_a_moment_and_a_dead_api_server_changes_nothing(
    server: NameServerProcess, cluster: RealCluster
) -> None:
    assert server.process is not None
    apply(cluster, slice("b", "us", {"addresses": ["10.2.0.1"], "conditions": {"ready": False}}))
    server.process.wait_until(lambda: dig(server, "+short", DB).split() == ["10.1.0.1"])
    cluster.kill()
    assert dig(server, "+short", DB).split() == ["10.1.0.1"]
    assert dig(server, "+short", WEB).split() == ["10.96.0.1"]
    cluster.restart()
    apply(cluster, slice("b", "us", {"addresses": ["10.2.0.1"], "conditions": {"ready": True}}))
    server.process.wait_until(lambda: len(dig(server, "+short", DB).split()) == 2)
