"""The harness for real servers: what is missing or dies is said, never skipped, and nothing outlives its test run."""

import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from cryptography import x509

from trafficfed.testing.apiservers import ApiError, kube_assets
from trafficfed.testing.certificates import CertificateAuthority
from trafficfed.testing.clusters import ClusterFarm, RealCluster
from trafficfed.testing.processes import PORTS, ServerFailed, ServerProcess, free_port


def gone(pid: int) -> bool:
    """Whether a process has ended; waits a little, as the kernel tells it after the fact."""
    try:
        psutil.Process(pid).wait(timeout=10)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


def test_missing_binaries_are_an_error_that_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRAFFICFED_KUBE_ASSETS", str(tmp_path))
    with pytest.raises(ServerFailed, match=r"no executable kube-apiserver in .*; unset TRAFFICFED_KUBE_ASSETS"):
        ClusterFarm(tmp_path / "farm")


def test_given_binaries_are_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("kube-apiserver", "etcd"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("TRAFFICFED_KUBE_ASSETS", str(tmp_path))
    assert kube_assets() == tmp_path


def test_a_server_that_dies_at_its_start_shows_the_end_of_its_log(tmp_path: Path) -> None:
    server = ServerProcess(["/bin/sh", "-c", "echo the port is taken; exit 3"], tmp_path / "log")
    with pytest.raises(ServerFailed, match=r"(?s)sh exited with 3; .*the port is taken"):
        server.wait_until(lambda: False)
    server.kill()


def test_a_server_that_never_gets_ready_is_given_up(tmp_path: Path) -> None:
    server = ServerProcess(["/bin/sleep", "1000"], tmp_path / "log")
    with pytest.raises(ServerFailed, match="sleep was not ready after"):
        server.wait_until(lambda: False, wait_s=0.1)
    server.kill()
    assert not server.running
    server.kill()


def test_a_server_that_ignores_the_polite_request_is_killed(tmp_path: Path) -> None:
    server = ServerProcess(["/bin/sh", "-c", "trap '' TERM; echo up; while :; do sleep 0.05; done"], tmp_path / "log")
    server.wait_until(lambda: "up" in server.tail())
    server.terminate(wait_s=0.1)
    assert not server.running


def test_a_killed_test_run_leaves_no_server_behind(tmp_path: Path) -> None:
    program = (
        "import os, signal, sys; from pathlib import Path; from trafficfed.testing.processes import ServerProcess\n"
        f"server = ServerProcess(['/bin/sleep', '1000'], Path({str(tmp_path / 'log')!r}))\n"
        "print(server.pid, flush=True); signal.pause()"
    )
    run = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    server = int(run.stdout.readline())
    assert psutil.pid_exists(server)
    run.kill()
    run.wait()
    run.stdout.close()
    assert gone(server)


def test_a_free_port_is_free_for_both_protocols_and_outside_the_ephemeral_range() -> None:
    port = free_port()
    assert port in PORTS
    with socket.socket(type=socket.SOCK_STREAM) as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", port))
        udp.bind(("127.0.0.1", port))


def test_certificates_name_their_subject_and_their_authority() -> None:
    authority = CertificateAuthority.create("authority")
    client = x509.load_pem_x509_certificate(authority.client("someone", "team", "others").certificate)
    server = x509.load_pem_x509_certificate(authority.server("127.0.0.1", "api.example.org").certificate)
    client.verify_directly_issued_by(authority.certificate)
    server.verify_directly_issued_by(authority.certificate)
    assert client.subject.rfc4514_string() == "CN=someone,O=others,O=team"
    names = server.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.DNSName) == ["api.example.org"]
    assert [str(found) for found in names.get_values_for_type(x509.IPAddress)] == ["127.0.0.1"]


@pytest.mark.real
def test_clusters_of_one_farm_are_separate_and_end_with_it(tmp_path: Path) -> None:
    before = set(psutil.Process().children())
    with ClusterFarm(tmp_path / "farm") as farm:
        one, two = farm.start("one", "two")
        one.apply_service("shop", "web", {"trafficfed.io/weight": "5"}, addresses=["127.0.1.1"], ready=3)
        assert one.uid() != two.uid()
        assert "127.0.1.1" in one.kubectl("get", "services", "-A", admin=False)
        with pytest.raises(ApiError, match="404"):
            two.delete_service("shop", "web")
        with pytest.raises(ServerFailed, match="Forbidden"):
            one.kubectl("delete", "service", "-n", "shop", "web", admin=False)
        started = set(psutil.Process().children()) - before
    assert len(started) == 6, "two API servers, one etcd, and a guard for each"
    assert all(gone(child.pid) for child in started)


@pytest.mark.real
def test_an_emptied_cluster_can_be_refilled(farm: ClusterFarm) -> None:
    cluster: RealCluster = farm.start_one("hollow")
    cluster.apply_service("shop", "web", {})
    full = cluster.uid()
    cluster.empty()
    assert cluster.uid() != full
    assert "web" not in cluster.kubectl("get", "services", "-A", admin=False)
    cluster.refill()
    assert cluster.uid() == full
    assert "web" in cluster.kubectl("get", "services", "-A", admin=False)
    cluster.stop()
