"""Files that are made of others say what those say now; each test names the command that makes them anew."""

import json
import subprocess
import sys
from typing import Any

import jsonschema
import pytest
import yaml

from trafficfed.testing.charts import CHART, ROOT, rendered

Json = dict[str, Any]


def stale(module: str) -> str:
    """What the generator would change. It ends with 1 where that is something."""
    command = [sys.executable, "-m", module, "--check"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout


@pytest.mark.slow
def test_values_schema_page_and_definitions_follow_their_sources() -> None:
    assert stale("scripts.chart.generate") == "", "run: .venv/bin/python -m scripts.chart.generate"


@pytest.mark.real
@pytest.mark.slow
def test_the_bases_follow_the_chart() -> None:
    assert stale("scripts.chart.kustomize") == "", "run: .venv/bin/python -m scripts.chart.kustomize"


def test_the_schema_is_one_and_takes_the_default_values() -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(yaml.safe_load((CHART / "values.yaml").read_text()), schema)


@pytest.mark.parametrize("interval", [10, 0.5, "500ms", "1m", "1.5h"])
def test_the_schema_takes_durations_as_the_product_does(one_controller: Json, interval: object) -> None:
    schema = json.loads((CHART / "values.schema.json").read_text())
    one_controller["controller"]["config"]["health"] = {"interval": interval}
    jsonschema.validate(one_controller, schema)


PARTS = ("member", "elector", "hub", "propagation", "services", "istio", "baselines", "baselinesHub", "access")
ACCESS = {
    "member": ("rbac.yaml", "elector"),
    "hub": ("rbac-hub.yaml",),
    "propagation": ("rbac-member-propagation.yaml",),
    "services": ("rbac-member-services.yaml",),
    "istio": ("rbac-member-istio.yaml",),
    "baselines": ("rbac-member-baselines.yaml",),
    "baselinesHub": ("rbac-hub-baselines.yaml",),
    "access": ("rbac-member-access.yaml",),
}


def permitted(manifests: tuple[Json, ...]) -> set[tuple[str, ...]]:
    """Each verb on each resource, cluster-wide or in the own namespace."""
    return {
        (each["kind"], group, resource, verb, *rule.get("resourceNames", ()))
        for each in manifests
        if each["kind"] in ("ClusterRole", "Role")
        for rule in each["rules"]
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


@pytest.mark.real
@pytest.mark.slow
@pytest.mark.parametrize("part", sorted(ACCESS))
def test_the_plain_files_give_the_same_permissions(part: str) -> None:
    file, *more = ACCESS[part]
    switches = {each: each in (part, *more) for each in PARTS}
    plain = tuple(yaml.safe_load_all((ROOT / "deploy" / file).read_text()))
    assert permitted(rendered({"controller": {"enabled": False}, "rbac": switches})) == permitted(plain)


@pytest.mark.real
@pytest.mark.slow
def test_no_permission_has_a_wildcard() -> None:
    switches = dict.fromkeys(PARTS, True)
    given = permitted(rendered({"controller": {"enabled": False}, "rbac": switches}))
    assert given
    assert not [each for each in given if "*" in each or "escalate" in each or "impersonate" in each]
    granting = [each[4:] for each in given if "bind" in each]
    assert granting == [("view", "edit", "admin")], "only roles that are named"
