"""README, "Two clusters and a BIND": typed as it stands, on two real API servers, a real BIND and real backends.

Only what names this machine's places is another: addresses and ports, the path of the installation (which the wheel's
own check installs), and that loopback may be published.
"""

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trafficfed.testing.authorities import KEY_NAME, Bind
from trafficfed.testing.backends import Backend
from trafficfed.testing.clusters import ClusterFarm
from trafficfed.testing.pages import ROOT, page
from trafficfed.testing.processes import free_port

pytestmark = [pytest.mark.real, pytest.mark.slow]

SECTION = page("README.md").text.partition("## Two clusters and a BIND\n")[2].partition("\n## ")[0]
ZONE = "fed.example.org"
WITHIN_S = 30.0
SERVES = ("trafficfed run ", "trafficfed nameserver ")
ELSEWHERE = ("python3 -m venv", "/opt/trafficfed/bin/pip", "export PATH")
"""The installation itself."""


class Reader:
    """Types commands in one folder with one environment; what serves goes on in the background."""

    def __init__(self, folder: Path, places: dict[str, str], kubeconfig: str) -> None:
        self._folder, self.places = folder, places
        bin_folder = Path(sys.executable).parent
        self._environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}", "KUBECONFIG": kubeconfig}
        self.serving: list[subprocess.Popen[bytes]] = []
        self.typed: list[str] = []

    def here(self, text: str) -> str:
        """A text of the page with this machine's places."""
        for written, meant in self.places.items():
            text = text.replace(written, meant)
        return text

    def type(self, command: str, *, early: bool = False) -> str:
        """What a command says; it must end with 0, and `plan` with 1, as something would change. ``early``: it may
        fail, as what it asks is still starting."""
        self.typed.append(command)
        command = self.here(command)
        if command.startswith(SERVES):
            with (self._folder / f"{command.split()[1]}.log").open("wb") as log:
                self.serving.append(
                    subprocess.Popen(command.split(), cwd=self._folder, env=self._environment, stdout=log, stderr=log)
                )
            return ""
        done = subprocess.run(
            ["bash", "-c", command], cwd=self._folder, env=self._environment, capture_output=True, text=True, timeout=90
        )
        wanted = 1 if command.startswith("trafficfed plan") else 0
        assert early or done.returncode == wanted, f"{command}\n{done.stdout}{done.stderr}{self.logs()}"
        return done.stdout

    def logs(self) -> str:
        return "\n".join(path.read_text()[-3000:] for path in self._folder.glob("*.log"))

    def until(self, reached: Callable[[], bool], what: str) -> None:
        ends = time.monotonic() + WITHIN_S  # noqa: TID251 - measures the real product from outside
        while not reached():
            assert time.monotonic() < ends, f"{what}\n{self.logs()}"  # noqa: TID251 - as above
            time.sleep(0.2)


def commands(text: str) -> list[str]:
    """Every command of a text's consoles, its further lines with it."""
    consoles = re.findall(r"^```console\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    found: list[str] = []
    for line in "".join(consoles).splitlines():
        if line.startswith("$ "):
            found.append(line[2:])
        elif line.startswith("> "):
            found[-1] += "\n" + line[2:]
    return [each for each in found if not each.startswith(ELSEWHERE)]


def files(text: str) -> list[str]:
    return re.findall(r"^```yaml\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Reader]:
    dns, feed, metrics, api = (free_port() for _ in range(4))
    with ClusterFarm(tmp_path / "clusters") as farm, Bind(tmp_path / "bind", ZONE) as bind:
        port = free_port("0.0.0.0")
        places = {
            "192.0.2.53:53": f"127.0.0.1:{bind.port}",
            "@192.0.2.53": f"@127.0.0.1 -p {bind.port}",
            "192.0.2.54:53": f"127.0.0.1:{dns}",
            "@192.0.2.54": f"@127.0.0.1 -p {dns}",
            "192.0.2.10:9053": f"127.0.0.1:{feed}",
            "127.0.0.1:9153": f"127.0.0.1:{metrics}",
            "name: trafficfed.,": f"name: {KEY_NAME},",
            "state: ./state": f"state: ./state\napi: 127.0.0.1:{api}",
            "    open: true": "    publish: [127.0.0.0/8]\n    open: true",
            "http://:80/": f"http://:{port}/",
        }
        clusters = farm.start("eu", "us")
        home = tmp_path / "home"
        home.mkdir()
        (home / "deploy").symlink_to(ROOT / "deploy")
        (home / "fed").mkdir()
        (home / "fed" / "tsig.secret").write_text(bind.secret)
        backends = [Backend(f"127.0.{number}.40", port) for number in (1, 2)]
        reader = Reader(home, places, ":".join(str(cluster.admin_kubeconfig) for cluster in clusters))
        try:
            for cluster, backend in zip(clusters, backends, strict=True):
                backend.start()
                cluster.apply_service("shop", "web", {}, ports=(port,), addresses=(backend.address,), ready=2)
            yield reader
        finally:
            for process in reader.serving:
                process.terminate()
                process.wait(20)
            for backend in backends:
                backend.stop()


def test_two_clusters_and_a_bind_are_one_name_by_what_the_readme_says(reader: Reader, tmp_path: Path) -> None:
    assert [written for written in reader.places if written not in SECTION] == [], "the page names other places"
    home = tmp_path / "home"
    before, _, name_server = SECTION.partition("### The name server")
    controller_file, name_servers_file = files(before)[0], files(name_server)[0]
    for name, text in (("trafficfed.yaml", controller_file), ("nameserver.yaml", name_servers_file)):
        (home / "fed" / name).write_text(reader.here(text))
        (home / "fed" / name).chmod(0o600)
    typed = [each for each in commands(before) if not each.startswith("mkdir")]
    asked = [each for each in typed if each.startswith("dig")]
    for command in typed:
        if command in asked or command.startswith("trafficfed status"):
            continue
        reader.type(command)
    (status,) = [each for each in typed if each.startswith("trafficfed status")]
    reader.until(lambda: reader.type(status, early=True).count("Fresh") >= 2, "both clusters are seen")
    reader.until(
        lambda: sorted(reader.type(asked[0], early=True).split()) == ["127.0.1.40", "127.0.2.40"],
        "BIND answers with both",
    )
    serve, american, german = commands(name_server)
    reader.type(serve)
    reader.until(lambda: reader.type(american, early=True).split() == ["127.0.2.40"], "a client in the US gets us")
    reader.until(lambda: reader.type(german, early=True).split() == ["127.0.1.40"], "a client in Germany gets eu")
    assert set(commands(SECTION)) - set(reader.typed) == {"mkdir fed"}, "nothing of it is left out"
