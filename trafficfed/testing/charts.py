"""The Helm chart as its users render it, by the Helm that tests/binaries/helm pins."""

import functools
import json
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from trafficfed.testing.processes import ServerFailed

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "trafficfed"
BUILD_SCRIPT = ROOT / "scripts" / "build-helm"
NAMESPACE = "trafficfed"
RELEASE = "trafficfed"
LIMIT_S = 60

Manifest = dict[str, Any]


class ChartRefused(Exception):
    """Helm refused the values; the text is what it said."""


@functools.cache
def helm_command() -> Path:
    """Helm, built or found by scripts/build-helm. Raises ServerFailed with what to do where there is none."""
    built = subprocess.run([BUILD_SCRIPT], capture_output=True, text=True, check=False)
    if built.returncode:
        raise ServerFailed(f"no helm: {BUILD_SCRIPT.name} failed:\n{built.stderr[-3000:]}")
    return Path(built.stdout.strip())


def helm(*arguments: str, values: Mapping[str, Any] | None = None) -> str:
    """Run Helm with values on its standard input; its output. Raises ChartRefused."""
    command = [str(helm_command()), *arguments, *(("--values", "-") if values is not None else ())]
    stdin = None if values is None else json.dumps(values)
    done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=LIMIT_S)
    if done.returncode:
        raise ChartRefused(f"{done.stdout}{done.stderr}".strip())
    return done.stdout


def rendered(
    values: Mapping[str, Any], *options: str, namespace: str = NAMESPACE, release: str = RELEASE
) -> tuple[Manifest, ...]:
    """Every object that an installation with these values makes. Raises ChartRefused."""
    text = helm("template", release, str(CHART), "--namespace", namespace, *options, values=values)
    return tuple(each for each in yaml.safe_load_all(text) if each)


def of_kind(manifests: tuple[Manifest, ...], kind: str, name: str = "") -> Manifest:
    """The one object of a kind, of that name where it is given."""
    (found,) = [each for each in manifests if each["kind"] == kind and name in ("", each["metadata"]["name"])]
    return found


def configuration(manifests: tuple[Manifest, ...], component: str, release: str = RELEASE) -> str:
    """The file that a component is given."""
    text = of_kind(manifests, "ConfigMap", f"{release}-{component}")["data"]["trafficfed.yaml"]
    assert isinstance(text, str), "a ConfigMap holds texts"
    return text
