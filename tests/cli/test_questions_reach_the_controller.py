"""status, explain, confirm and forget against a real API; without one, the last table on disk answers."""

import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from trafficfed.config.settings import ListenAddress
from trafficfed.model import Row
from trafficfed.observe.views import ClusterView, ExplainView, StatusView
from trafficfed.testing.operations import ScriptedOperations

Run = Callable[..., Any]
ANSWER = ExplainView(
    hostname="web.fed.test",
    client="192.0.2.7",
    service="default/shop/web",
    where="country IE",
    answer=("192.0.2.1",),
    ttl=30,
    lines=("eu serves",),
)


def test_status_is_the_controllers_own_view(trafficfed: Run, running: Path, operations: ScriptedOperations) -> None:
    operations.view = StatusView(owner="demo", at_s=5.0, clusters=(ClusterView(name="eu", freshness="Fresh"),))
    code, out, err = trafficfed("status", "-c", running, "-o", "json")
    assert (code, err) == (0, "")
    assert json.loads(out)["clusters"][0]["name"] == "eu"
    assert yaml.safe_load(trafficfed("status", "-c", running, "-o", "yaml").out) == json.loads(out)
    assert "eu" in trafficfed("status", "-c", running).out


def test_a_controller_that_is_not_ready_is_code_1(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    operations.view = StatusView(owner="demo", at_s=5.0, ready=False, not_ready=("eu: never read",))
    code, out, _ = trafficfed("status", "-c", running)
    assert code == 1
    assert "not ready" in out
    assert "eu: never read" in out


def test_a_file_that_is_not_taken_over_is_told_with_every_mistake(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    mistakes = ("tf.yaml:3: zones: is missing", "tf.yaml:9: healt: is no section")
    operations.view = StatusView(owner="demo", at_s=5.0, configuration=mistakes)
    code, out, _ = trafficfed("status", "-c", running)
    assert code == 0, "it is in working order, with what it had before"
    assert "the configuration file is not what is in force:" in out
    assert all(mistake in out for mistake in mistakes)


def test_explain_asks_for_the_client_and_the_name_in_any_spelling(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    operations.explanations["web.fed.test", "192.0.2.7"] = ANSWER
    code, out, _ = trafficfed("explain", "Web.Fed.Test.", "--client", "192.0.2.7", "-c", running, "-o", "json")
    assert (code, json.loads(out)["where"]) == (0, "country IE")


def test_a_name_where_nothing_serves_is_code_1(trafficfed: Run, running: Path, operations: ScriptedOperations) -> None:
    operations.explanations["web.fed.test", ""] = ExplainView(
        hostname="web.fed.test", client="", service="s", where="any", answer=(), ttl=30, serving=False
    )
    assert trafficfed("explain", "web.fed.test", "-c", running).code == 1


def test_a_name_nobody_has_is_code_2(trafficfed: Run, running: Path) -> None:
    assert trafficfed("explain", "none.fed.test", "-c", running) == (
        2,
        "",
        "trafficfed: none.fed.test: no service has this name\n",
    )


def test_orders_carry_the_token_and_any_name(trafficfed: Run, running: Path, operations: ScriptedOperations) -> None:
    assert trafficfed("confirm", "7f3a", "-c", running) == (0, "7f3a goes on\n", "")
    assert trafficfed("forget", "eu/west 1?", "-c", running) == (0, "eu/west 1? is forgotten\n", "")
    assert operations.orders == [("confirm", "7f3a"), ("forget", "eu/west 1?")]


def test_a_token_of_another_controller_is_refused(
    trafficfed: Run, running: Path, operations: ScriptedOperations
) -> None:
    (running.parent / "state" / "api-token").write_text("x" * 43)
    code, _, err = trafficfed("forget", "eu", "-c", running)
    assert (code, operations.orders) == (2, [])
    assert "bearer token" in err


@pytest.mark.usefixtures("table_on_disk")
def test_without_a_controller_status_shows_the_last_table_and_says_so(trafficfed: Run, stopped: Path) -> None:
    code, out, err = trafficfed("status", "-c", stopped, "-o", "json")
    view = json.loads(out)
    assert (code, view["live"], view["ready"]) == (3, False, False)
    assert view["services"][0]["hostnames"] == ["web.fed.test"]
    assert "no controller answers" in err
    assert "What follows is the last table on disk" in err


@pytest.mark.usefixtures("table_on_disk")
def test_without_a_controller_explain_uses_the_last_table_and_says_so(trafficfed: Run, stopped: Path) -> None:
    code, out, err = trafficfed("explain", "WEB.fed.test", "--client", "192.0.2.9", "-c", stopped)
    assert code == 3
    assert "192.0.2.1" in out
    assert "(last table on disk)" in out
    assert "What follows is the last table on disk" in err


def test_the_last_table_knows_where_a_client_is_from_the_name_servers_places(
    trafficfed: Run, stopped: Path, table_on_disk: Row
) -> None:
    key = stopped.parent / "feed.key"
    key.write_text("k" * 32)
    key.chmod(0o600)
    stopped.write_text(
        stopped.read_text() + "nameserver:\n  listen: 127.0.0.1:5301\n  feeds: 127.0.0.1:9053\n  key-file: feed.key\n"
        "  places: [{network: 192.0.2.0/24, country: IE}]\n"
        "  zones: [{name: fed.test, nameservers: [ns.fed.test], mailbox: hostmaster@fed.test}]\n"
    )
    out = trafficfed("explain", "web.fed.test", "--client", "192.0.2.9", "-c", stopped, "-o", "json").out
    assert any("IE" in line for line in json.loads(out)["lines"])
    assert str(table_on_disk.key) == json.loads(out)["service"]


@pytest.mark.parametrize("reply", [b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"])
def test_something_else_at_the_address_is_no_controller(
    trafficfed: Run, configure: Callable[[ListenAddress], Path], reply: bytes
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(reply)

        thread = threading.Thread(target=answer)
        thread.start()
        code, _, err = trafficfed("status", "-c", configure(ListenAddress("127.0.0.1", server.getsockname()[1])))
        thread.join()
    assert code == 3
    assert "answers, but" in err


def test_the_configuration_may_be_named_by_the_environment(
    trafficfed: Run, running: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRAFFICFED_CONFIG", str(running))
    assert trafficfed("status").code == 0


def test_version_is_the_installed_one(trafficfed: Run) -> None:
    assert json.loads(trafficfed("version", "-o", "json").out).keys() == {"version"}
    assert trafficfed("version").out.strip() == json.loads(trafficfed("version", "-o", "json").out)["version"]
