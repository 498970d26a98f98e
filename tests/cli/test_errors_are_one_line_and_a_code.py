"""No traceback ever: one line ``trafficfed: ...`` for each thing wrong, and the documented exit code."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trafficfed.errors import ConfigError, Refused, TrafficfedError, Transient, Unsafe
from trafficfed.testing.operations import ScriptedOperations

Run = Callable[..., Any]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["bogus"], "trafficfed: No such command 'bogus'.\n"),
        (["explain"], "trafficfed: Missing argument 'HOSTNAME'.\n"),
        (["status", "--output", "xml"], "trafficfed: Invalid value for '--output' / '-o': 'xml' is not one of"),
        (["status", "--colour"], "trafficfed: No such option '--colour'"),
        (
            ["explain", "web.fed.test", "--client", "dublin"],
            "trafficfed: --client dublin: is no IP address; write it like",
        ),
        (["plan", "--config", "/nonexistent/tf.yaml"], "trafficfed: /nonexistent/tf.yaml: no such file; write one"),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(trafficfed: Run, arguments: list[str], said: str) -> None:
    code, out, err = trafficfed(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith(said)
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["run", "plan", "status", "nameserver"])
def test_every_mistake_in_the_configuration_is_a_line_of_its_own(trafficfed: Run, tmp_path: Path, command: str) -> None:
    file = tmp_path / "tf.yaml"
    file.write_text("ownr: demo\nhealth: {fall: many}\n")
    code, out, err = trafficfed(command, "--config", file)
    assert (code, out) == (2, "")
    lines = err.splitlines()
    assert len(lines) > 3
    assert all(line.startswith(f"trafficfed: {file}:") for line in lines)


def test_a_name_server_without_its_section_is_told(trafficfed: Run, stopped: Path) -> None:
    code, _, err = trafficfed("nameserver", "--config", stopped)
    assert (code, err) == (
        2,
        f"trafficfed: {stopped}: nameserver: is missing; add the section, or name the file that has it\n",
    )


@pytest.mark.parametrize("command", ["run", "plan"])
def test_a_controller_cannot_run_from_a_name_servers_file(trafficfed: Run, tmp_path: Path, command: str) -> None:
    key = tmp_path / "feed.key"
    key.write_text("k" * 32)
    key.chmod(0o600)
    file = tmp_path / "ns.yaml"
    file.write_text(
        "nameserver:\n  listen: 127.0.0.1:5301\n  feeds: 127.0.0.1:9053\n  key-file: feed.key\n"
        "  zones: [{name: fed.test, nameservers: [ns.fed.test], mailbox: hostmaster@fed.test}]\n"
    )
    code, _, err = trafficfed(command, "--config", file)
    assert (code, err.count("\n")) == (2, 1)
    assert "zones: is missing; this file is a name server's" in err


@pytest.mark.parametrize("arguments", [("status",), ("explain", "web.fed.test")])
def test_without_controller_and_table_it_is_code_3(trafficfed: Run, stopped: Path, arguments: tuple[str, ...]) -> None:
    code, out, err = trafficfed(*arguments, "--config", stopped)
    assert (code, out) == (3, "")
    assert err.startswith("trafficfed: no controller answers at 127.0.0.1:")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("no such id"), 2),
        (Unsafe("held"), 1),
        (Refused("no"), 1),
        (Transient("later"), 1),
        (TrafficfedError("x"), 1),
    ],
)
def test_what_the_controller_refuses_is_told_in_its_words(
    trafficfed: Run, running: Path, operations: ScriptedOperations, error: TrafficfedError, code: int
) -> None:
    operations.failure = error
    assert trafficfed("confirm", "7f3a", "--config", running) == (code, "", f"trafficfed: {error}\n")


def test_an_order_without_a_token_to_be_found_says_where_to_run(trafficfed: Run, stopped: Path) -> None:
    code, _, err = trafficfed("forget", "eu", "--config", stopped)
    assert code == 2
    assert "api-token: no such file; run this where the controller runs" in err


def test_warnings_of_the_configuration_go_beside_the_output_of_plan(trafficfed: Run, stopped: Path) -> None:
    stopped.write_text(stopped.read_text().replace(", open: true", ", publish: [192.0.2.0/24]"))
    _, out, err = trafficfed("plan", "--config", stopped, "--output", "json")
    assert out.startswith("{")
    assert f"trafficfed: warning: {stopped}:5: zones[0]: has neither grants nor open: true" in err


def test_questions_do_not_repeat_the_warnings(trafficfed: Run, running: Path) -> None:
    running.write_text(running.read_text().replace(", open: true", ""))
    assert trafficfed("status", "--config", running).err == ""


def test_no_arguments_show_the_help_and_are_wrong_usage(trafficfed: Run) -> None:
    code, out, err = trafficfed()
    assert (code, out) == (2, "")
    assert err.startswith("Usage: trafficfed")


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(
        [sys.executable, "-m", "trafficfed", "version"],
        stdout=write,
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
        check=False,
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
