"""The image's definition fits the checkout and the chart: what it copies is there, what the chart starts is in it."""

import json
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from typing import Any

import pytest

from trafficfed.cli.commands import ALL
from trafficfed.testing.charts import ROOT, rendered

Json = dict[str, Any]
FOLDER = ROOT / "deploy" / "container"
TEXT = (FOLDER / "Containerfile").read_text()
STEPS = [
    tuple(line.split(None, 1))
    for line in re.sub(r"\\\n", " ", TEXT).splitlines()
    if line.strip() and not line.startswith("#")
]
LAST = STEPS[max(number for number, (word, _) in enumerate(STEPS) if word == "FROM") :]


def copied() -> list[str]:
    """What it takes from the checkout."""
    lines = [rest.split() for word, rest in STEPS if word == "COPY" and not rest.startswith("--from")]
    return [source for *sources, _ in lines for source in sources]


def containers(values: Json) -> list[Json]:
    found = [
        each["spec"]["template"]["spec"] for each in rendered(values) if each["kind"] in ("Deployment", "StatefulSet")
    ]
    return [container for spec in found for container in spec["containers"]]


def test_everything_that_it_copies_is_there_and_reaches_the_build() -> None:
    assert [each for each in copied() if not (ROOT / each).exists()] == []
    let_in = {line[1:] for line in (FOLDER / "Containerfile.dockerignore").read_text().splitlines() if line[0] == "!"}
    assert set(copied()) == let_in


def test_everything_that_the_wheel_is_made_of_is_copied() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wanted = {project["project"]["readme"], *project["project"]["license-files"], "pyproject.toml"}
    wanted |= {path.split("/")[0] for path in project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]}
    assert wanted <= set(copied())


def test_it_runs_as_nobody_in_particular_and_never_as_root() -> None:
    (user,) = [rest for word, rest in LAST if word == "USER"]
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)


def test_it_starts_the_program_without_a_shell() -> None:
    assert ("ENTRYPOINT", '["trafficfed"]') in LAST
    assert "trafficfed" in tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def test_its_tools_have_the_versions_that_the_tests_run_with() -> None:
    (wanted,) = re.findall(r"^UV_VERSION := (\S+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert f"uv=={wanted}" in TEXT
    assert "--constraint requirements.lock" in TEXT


def test_the_bill_of_materials_names_every_dependency_at_its_version() -> None:
    made = subprocess.run(
        [sys.executable, str(FOLDER / "sbom.py")], capture_output=True, text=True, check=True, timeout=60
    ).stdout
    bill = json.loads(made)
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    assert bill["metadata"]["component"]["name"] == "trafficfed"
    listed = {each["name"]: each["version"] for each in bill["components"]}
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {re.split(r"[<>=;! ]", each)[0] for each in project["dependencies"]}
    assert wanted <= set(listed)
    assert {name: version(name) for name in wanted} == {name: listed[name] for name in wanted}
    assert bill["dependencies"][0]["dependsOn"] == [each["purl"] for each in bill["components"]]


def test_the_bill_is_in_the_image() -> None:
    assert any(word == "RUN" and rest.endswith("sbom.py > /opt/trafficfed/sbom.cdx.json") for word, rest in STEPS)


@pytest.mark.real
@pytest.mark.slow
def test_the_chart_starts_commands_that_there_are_with_folders_that_there_are(everything: Json) -> None:
    known = {command.name for command in ALL}
    (folders,) = [rest for word, rest in LAST if word == "RUN"]
    found = containers(everything)
    assert {each["args"][0] for each in found} == {"run", "nameserver", "prober"} <= known
    assert all(mount["mountPath"] in folders for each in found for mount in each["volumeMounts"])


@pytest.mark.real
@pytest.mark.slow
def test_the_chart_runs_it_as_the_user_that_owns_its_folders(everything: Json) -> None:
    (user,) = [rest for word, rest in LAST if word == "USER"]
    specs = [each["spec"]["template"]["spec"] for each in rendered(everything) if each["kind"] == "StatefulSet"]
    assert {f"{each['securityContext']['runAsUser']}:{each['securityContext']['runAsGroup']}" for each in specs} == {
        user
    }
