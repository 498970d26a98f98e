"""The long-running commands as real processes: they start from a configuration and end by a signal, quietly."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.exception
import dns.message
import dns.query
import dns.rcode
import pytest

from trafficfed.testing.processes import free_port

pytestmark = pytest.mark.real
PATIENCE_S = 20


@contextmanager
def running(*arguments: object) -> Iterator["subprocess.Popen[str]"]:
    """One command; ended with the test, whatever happens."""
    command = [sys.executable, "-m", "trafficfed", *map(str, arguments)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def ended(process: "subprocess.Popen[str]", number: signal.Signals) -> tuple[int, str]:
    """The exit code and what was said on standard error, after a signal."""
    process.send_signal(number)
    _, err = process.communicate(timeout=PATIENCE_S)
    return process.returncode, err


@pytest.fixture
def name_server(tmp_path: Path) -> tuple[Path, int]:
    """The configuration of a name server that no controller feeds, and its port."""
    key = tmp_path / "feed.key"
    key.write_text("k" * 32)
    key.chmod(0o600)
    port = free_port()
    file = tmp_path / "nameserver.yaml"
    file.write_text(
        f"nameserver:\n  listen: 127.0.0.1:{port}\n  feeds: 127.0.0.1:{free_port()}\n  key-file: feed.key\n  wait: 0\n"
        "  zones: [{name: fed.test, nameservers: [ns.fed.test], mailbox: hostmaster@fed.test}]\n"
    )
    return file, port


def hung_up(process: "subprocess.Popen[str]") -> str:
    """What a process says of SIGHUP; it lives on."""
    process.send_signal(signal.SIGHUP)
    assert process.stderr is not None
    return next(line for line in process.stderr if "FileNotRead" in line)


def asked(port: int, process: "subprocess.Popen[str]") -> dns.message.Message:
    """The answer to the zone's SOA, as soon as there is one."""
    question = dns.message.make_query("fed.test", "SOA")
    for _ in range(PATIENCE_S * 5):
        try:
            return dns.query.udp(question, "127.0.0.1", port=port, timeout=0.2, ignore_errors=True)
        except dns.exception.Timeout:
            assert process.poll() is None, process.communicate()
    raise AssertionError("the name server did not answer")


def test_a_name_server_answers_and_ends_with_0(name_server: tuple[Path, int]) -> None:
    file, port = name_server
    with running("nameserver", "--config", file) as process:
        assert asked(port, process).rcode() in (dns.rcode.NOERROR, dns.rcode.SERVFAIL)
        assert "restart to have it read again" in hung_up(process), "it serves on"
        assert asked(port, process).rcode() in (dns.rcode.NOERROR, dns.rcode.SERVFAIL)
        code, err = ended(process, signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in err


def test_a_name_servers_taken_port_is_one_line(name_server: tuple[Path, int]) -> None:
    file, port = name_server
    with socket.socket(type=socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", port))
        with running("nameserver", "--config", file) as process:
            _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode in (1, 2)
    assert "Traceback" not in err
    assert f"127.0.0.1:{port}" in err
    assert [line for line in err.splitlines() if line.startswith("trafficfed: ")] == [err.splitlines()[-1]]


CONTROLLER = """\
owner: demo
api: 127.0.0.1:{port}
clusters: [{{name: eu, kubeconfig: ./absent, context: eu}}]
providers: {{own: {{kind: memory}}}}
zones: [{{name: fed.test, providers: [own], open: true}}]
"""


@pytest.fixture
def controller(tmp_path: Path) -> tuple[Path, int]:
    """The configuration of a controller whose only cluster cannot be reached, and the port of its API."""
    port = free_port()
    file = tmp_path / "trafficfed.yaml"
    file.write_text(CONTROLLER.format(port=port))
    return file, port


def test_a_controller_without_any_cluster_to_reach_runs_is_asked_and_ends_with_0(controller: tuple[Path, int]) -> None:
    file, _ = controller
    with running("run", "--config", file) as process:
        assert process.stderr
        while '"event":"started"' not in (line := process.stderr.readline()):
            assert line, "the controller ended before it started"
        asked = subprocess.run(
            [sys.executable, "-m", "trafficfed", "status", "--config", str(file), "--output", "json"],
            capture_output=True,
            text=True,
            timeout=PATIENCE_S,
            check=False,
        )
        assert json.loads(asked.stdout)["live"]
        assert json.loads(asked.stdout)["clusters"][0]["freshness"] == "Stale"
        code, err = ended(process, signal.SIGTERM)
    assert code == 0
    assert "Traceback" not in err


def test_a_controllers_taken_port_is_one_line_with_address_and_key(controller: tuple[Path, int]) -> None:
    file, port = controller
    with socket.create_server(("127.0.0.1", port)), running("run", "--config", file) as process:
        _, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 2
    told = [line for line in err.splitlines() if line.startswith("trafficfed: ")]
    assert told == [f"trafficfed: api: 127.0.0.1:{port} is taken by another process; stop that, or set another address"]
    assert "Traceback" not in err


def test_watching_goes_on_until_interrupted(tmp_path: Path, table_on_disk: object) -> None:
    assert table_on_disk
    file = tmp_path / "tf.yaml"
    file.write_text(
        f"owner: demo\napi: 127.0.0.1:{free_port()}\nclusters: [{{name: eu}}]\nproviders: {{own: {{kind: memory}}}}\n"
        "zones: [{name: fed.test, providers: [own], open: true}]\n"
    )
    with running("status", "--watch", "--config", file) as process:
        assert process.stdout
        assert "last table on disk" in process.stdout.readline()
        assert process.poll() is None
        code, err = ended(process, signal.SIGINT)
    assert code == 130
    assert "Traceback" not in err
