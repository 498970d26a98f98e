"""A folder with a configuration and the key files it names."""

from pathlib import Path

import pytest

from trafficfed.config.load import load
from trafficfed.config.settings import Settings
from trafficfed.errors import ConfigError

KINDS = ("embedded", "memory", "rfc2136")
EXAMPLE = """\
owner: demo
state: ./state
api: 127.0.0.1:8080
feed: {listen: 127.0.0.1:9053, key-file: ./feed.key}
clusters:
  - name: eu
    kubeconfig: ./kubeconfig
    context: eu
    region: eu-west-1
    clusterset: prod
    labels: {tier: gold}
  - {name: hub, in-cluster: true}
providers:
  bind:
    kind: rfc2136
    server: 127.0.0.1:5300
    tsig: {name: tf., algorithm: hmac-sha256, secret-file: ./tsig.key}
  own: {kind: embedded, authorities: [127.0.0.1:5301]}
zones:
  - {name: Fed.Test., providers: [bind, own], open: true, publish: [127.0.0.0/8], approximate: [geo, weighted]}
health: {interval: 10, timeout: 500ms, failback: 1m}
"""


class Folder:
    """Writes a file, loads it, and tells its mistakes without the folder's own path."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.file = path / "trafficfed.yaml"
        for name in ("feed.key", "tsig.key", "kubeconfig"):
            self.secret(name, "0123456789abcdef0123456789abcdef")

    def secret(self, name: str, content: str, mode: int = 0o600) -> Path:
        file = self.path / name
        file.write_text(content)
        file.chmod(mode)
        return file

    def load(self, text: str, **environ: str) -> Settings:
        self.file.write_text(text)
        return load(self.file, environ, KINDS)

    def mistakes(self, text: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.load(text)
        return [line.removeprefix(f"{self.path}/") for line in str(caught.value).splitlines()]

    def warnings(self, text: str) -> list[str]:
        return [line.removeprefix(f"{self.path}/") for line in self.load(text).warnings]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


@pytest.fixture
def example() -> str:
    return EXAMPLE
