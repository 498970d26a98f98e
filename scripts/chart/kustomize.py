"""Writes deploy/kustomize from the chart: python -m scripts.chart.kustomize [--check]

A base for each part that a cluster may play and for each workload, and the example of docs/install.md put together of
them. With --check nothing is written, and the names of files that differ are printed.
"""

import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from trafficfed.testing.charts import NAMESPACE, ROOT, Manifest, configuration, rendered
from trafficfed.testing.pages import page

KUSTOMIZE = ROOT / "deploy" / "kustomize"
MADE = "# Made by scripts/chart/kustomize.py from deploy/helm/trafficfed; do not edit.\n"
ACCESS = ("ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding")
PARTS = (
    "member",
    "elector",
    "hub",
    "propagation",
    "services",
    "istio",
    "baselines",
    "baselinesHub",
    "access",
)
WORKLOADS = ("controller", "nameserver", "prober")
SECRETS = {"secrets": ["trafficfed-keys"]}
EXAMPLE = ("member", "controller", "nameserver")

Json = dict[str, Any]


def example() -> Json:
    """The values that docs/install.md shows."""
    shown: Json = yaml.safe_load(next(each.text for each in page("docs/install.md").fences if each.language == "yaml"))
    return shown


def permissions(part: str) -> list[Manifest]:
    """Of one part that a cluster may play; the ServiceAccount is every member's."""
    switches = {each: each == part for each in PARTS}
    made = rendered({"controller": {"enabled": False}, "rbac": switches})
    kinds = (*ACCESS, "ServiceAccount") if part == "member" else ACCESS
    return [_bare(each) for each in made if each["kind"] in kinds]


def workload(component: str) -> list[Manifest]:
    """What runs of it and leads to it; its configuration is the user's."""
    values = example()
    values["controller"] |= SECRETS
    values["prober"] = {"enabled": True, "config": {"name": "prober"}, **SECRETS}
    values["rbac"] = {"create": False}
    values["serviceAccount"] = {"create": False}
    made = [each for each in rendered(values) if each["kind"] != "ConfigMap"]
    return [_bare(each) for each in made if each["metadata"]["labels"]["app.kubernetes.io/component"] == component]


def _bare(manifest: Manifest) -> Manifest:
    """Without what only Helm needs to know."""
    manifest["metadata"]["labels"].pop("app.kubernetes.io/managed-by")
    template = manifest.get("spec", {}).get("template", {}).get("metadata", {})
    template.get("annotations", {}).pop("checksum/config", None)
    template.get("labels", {}).pop("app.kubernetes.io/managed-by", None)
    if template.get("annotations") == {}:
        del template["annotations"]
    return manifest


def files() -> dict[Path, str]:
    """Every file and what it should say."""
    found: dict[Path, str] = {}
    for name in (*PARTS, *WORKLOADS):
        objects = permissions(name) if name in PARTS else workload(name)
        found[KUSTOMIZE / name / "objects.yaml"] = MADE + yaml.safe_dump_all(objects, sort_keys=False, width=120)
        found[KUSTOMIZE / name / "kustomization.yaml"] = MADE + _kustomization({"resources": ["objects.yaml"]})
    made = rendered(example())
    for component in EXAMPLE[1:]:
        found[KUSTOMIZE / "example" / component / "trafficfed.yaml"] = configuration(made, component)
    found[KUSTOMIZE / "example" / "kustomization.yaml"] = MADE + _kustomization(_put_together())
    return found


def _put_together() -> Mapping[str, Any]:
    generated = [
        {"name": f"trafficfed-{component}", "files": [f"{component}/trafficfed.yaml"]} for component in EXAMPLE[1:]
    ]
    return {
        "namespace": NAMESPACE,
        "resources": [f"../{each}" for each in EXAMPLE],
        "images": [{"name": "example.org/trafficfed", "newName": "example.org/trafficfed", "newTag": "0.1.0"}],
        "configMapGenerator": generated,
    }


def _kustomization(content: Mapping[str, Any]) -> str:
    head = {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"}
    return yaml.safe_dump({**head, **content}, sort_keys=False)


def main(arguments: Iterable[str]) -> int:
    wanted = files()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        print(path.relative_to(ROOT))
        if "--check" not in arguments:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(wanted[path])
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
