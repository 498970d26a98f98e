"""Tab completes commands, options and the names that there are; kubectl finds the command as its plugin."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trafficfed.cli.completing import SHELLS
from trafficfed.cli.group import complete_for_kubectl, program
from trafficfed.observe.views import HeldView, ServiceView, StatusView
from trafficfed.testing.operations import ScriptedOperations

Run = Callable[..., Any]
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "PATH": f"{BIN}:/usr/bin:/bin"}
VIEW = StatusView(
    owner="demo",
    at_s=1.0,
    services=(
        ServiceView(service="prod/shop/web", hostnames=("web.fed.test", "www.fed.test")),
        ServiceView(service="prod/shop/api", hostnames=("api.fed.test",)),
    ),
    held=(HeldView(confirm_id="7f3a", message="m"),),
)


@pytest.fixture
def offered(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[str]]:
    """What is offered for the last word, as kubectl asks for it."""

    def run(*words: object) -> list[str]:
        monkeypatch.setattr(sys, "argv", ["kubectl_complete-trafficfed", *map(str, words)])
        complete_for_kubectl()
        *found, directive = capsys.readouterr().out.splitlines()
        assert directive == ":4"
        return found

    return run


Offered = Callable[..., list[str]]


@pytest.mark.parametrize("shell", SHELLS)
def test_each_shells_script_asks_the_command(trafficfed: Run, shell: str) -> None:
    code, out, err = trafficfed("completion", shell)
    assert (code, err) == (0, "")
    assert f"_TRAFFICFED_COMPLETE={shell}_complete" in out


def test_bash_itself_completes_with_the_script(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash, "bash is not installed; this test runs the real shell: apt-get install bash"
    words = "COMP_WORDS=(trafficfed und); COMP_CWORD=1; _trafficfed_completion trafficfed; echo ${COMPREPLY[@]}"
    script = f'eval "$(trafficfed completion bash)"; {words}'
    done = subprocess.run(
        [bash, "--norc", "-c", script], capture_output=True, text=True, timeout=60, env=ENVIRONMENT, cwd=tmp_path
    )
    assert (done.stdout, done.stderr) == ("undrain\n", "")


def test_commands_and_options_are_offered(offered: Offered) -> None:
    assert offered("un") == ["undrain", "unfreeze", "unshift"]
    assert set(offered("status", "--o")) == {"--output"}
    assert offered("status", "--output", "") == ["table", "wide", "json", "yaml"]
    assert "status" in offered("")


def test_clusters_and_zones_are_those_of_the_configuration(offered: Offered, stopped: Path) -> None:
    for command in ("drain", "undrain", "shift", "unshift", "freeze", "forget"):
        assert offered(command, "--config", stopped, "") == ["eu"]
    assert offered("check", "--config", stopped, "fed") == ["fed.test"]
    assert offered("check", "--config", stopped, "other") == []


def test_services_names_and_held_changes_are_the_controllers(
    offered: Offered, running: Path, operations: ScriptedOperations
) -> None:
    operations.view = VIEW
    assert offered("explain", "--config", running, "w") == ["web.fed.test", "www.fed.test"]
    assert offered("drain", "--config", running, "eu", "--service", "") == ["shop/api", "shop/web"]
    assert offered("confirm", "--config", running, "") == ["7f3a"]


def test_nothing_is_offered_where_nothing_can_be_known(offered: Offered, stopped: Path, tmp_path: Path) -> None:
    assert offered("explain", "--config", stopped, "") == []
    assert offered("drain", "--config", tmp_path / "none.yaml", "") == []


def test_kubectl_finds_it_by_name_alone_and_completes_it(tmp_path: Path) -> None:
    def kubectl(*arguments: str) -> str:
        command = [str(BIN / "kubectl"), *arguments]
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=60, env=ENVIRONMENT, cwd=tmp_path, check=True
        )
        return done.stdout

    assert kubectl("trafficfed", "version", "--output", "json").startswith('{\n  "version"')
    assert kubectl("trafficfed", "drain", "--help").startswith("Usage: kubectl trafficfed drain ")
    assert kubectl("__complete", "trafficfed", "und") == "undrain\n:4\n"


def test_it_is_called_as_it_was_started() -> None:
    assert [program(each) for each in ("/usr/bin/trafficfed", "kubectl-trafficfed", "")] == [
        "trafficfed",
        "kubectl trafficfed",
        "trafficfed",
    ]
