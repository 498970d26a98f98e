"""The demo's one file for the hub: a Namespace, a Deployment, an annotated Service, and the policy that places them."""

import asyncio
from collections.abc import Sequence
from pathlib import Path

import yaml

from trafficfed.errors import AdapterError
from trafficfed.model import Value
from trafficfed.sandbox.apiserver.cluster import Target
from trafficfed.sandbox.apiserver.kinds import DEPLOYMENT, SERVICE, Json
from trafficfed.sandbox.fleet import HUB, PREFIX, Fleet
from trafficfed.testing.kubectl import Kubectl
from trafficfed.testing.kubernetes_http import Access

NAME = "news"
KINDS = ("v1/Namespace", "v1/ConfigMap", "v1/Secret", "v1/Service", "apps/v1/Deployment")
"""What the demo propagates: of the product's own list, what the emulated clusters serve."""


class Story(Value, frozen=True, kw_only=True):
    """What is applied. All regions' backends listen at ``port``; ``annotations`` come on top."""

    zone: str
    port: int
    annotations: tuple[tuple[str, str], ...] = ()

    @property
    def hostname(self) -> str:
        return f"{NAME}.{self.zone}"

    def manifests(self, regions: Sequence[str]) -> tuple[Json, ...]:
        """All four, placed in the members of these regions."""
        return _namespace(), _deployment(), self._service(), _policy(regions)

    def write(self, path: Path, regions: Sequence[str]) -> Path:
        """The file that ``kubectl apply -f`` takes."""
        path.write_text(yaml.safe_dump_all(self.manifests(regions), sort_keys=False))
        return path

    def _service(self) -> Json:
        stated = {"hostname": self.hostname, "health-check": f"http://:{self.port}/healthz", **dict(self.annotations)}
        port = {"name": "http", "port": self.port, "targetPort": 8080}
        return {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": _place() | {"annotations": {PREFIX + key: value for key, value in stated.items()}},
            "spec": {"type": "LoadBalancer", "selector": {"app": NAME}, "ports": [port]},
        }


def _place() -> Json:
    return {"namespace": NAME, "name": NAME}


def _namespace() -> Json:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAME}}


def _deployment() -> Json:
    container = {"name": NAME, "image": "registry.example.org/news:1.0", "ports": [{"containerPort": 8080}]}
    template = {"metadata": {"labels": {"app": NAME}}, "spec": {"containers": [container]}}
    spec = {"replicas": 2, "selector": {"matchLabels": {"app": NAME}}, "template": template}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": _place(), "spec": spec}


def _policy(regions: Sequence[str]) -> Json:
    selectors = [
        {"apiVersion": "apps/v1", "kind": "Deployment", "name": NAME},
        {"apiVersion": "v1", "kind": "Service", "name": NAME},
    ]
    placement = {"clusterAffinity": {"regions": list(regions)}}
    return {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "PropagationPolicy",
        "metadata": _place(),
        "spec": {"resourceSelectors": selectors, "placement": placement},
    }


def members_with_it(fleet: Fleet) -> frozenset[str]:
    """The members in which both the Deployment and the Service stand."""
    wanted = [Target(kind=kind, namespace=NAME, name=NAME).key for kind in (DEPLOYMENT, SERVICE)]
    clusters = {name: fleet.server.cluster(name) for name in fleet.backends}
    return frozenset(
        name for name, cluster in clusters.items() if all(cluster.store.get(key) is not None for key in wanted)
    )


def is_in_place(fleet: Fleet) -> bool:
    """Whether the policy on the hub says that all is where it belongs, as it was last edited."""
    hub = fleet.server.cluster(HUB)
    kind = next(kind for kind in hub.kinds if kind.name == "PropagationPolicy")
    policy = hub.store.get(Target(kind=kind, namespace=NAME, name=NAME).key) or {}
    conditions = {one["type"]: one for one in policy.get("status", {}).get("conditions") or ()}
    applied = conditions.get("Applied", {})
    newest = applied.get("observedGeneration") == policy.get("metadata", {}).get("generation")
    return bool(applied.get("status") == "True" and newest)


async def apply_file(fleet: Fleet, path: Path) -> str:
    """Apply a file on the hub as a user would, and tell by what. Raises AdapterError where the hub does not take it."""
    kubectl = Kubectl(fleet.kubeconfig, HUB, fleet.directory / "kubectl-cache")
    try:
        outcome = await kubectl("apply", "-f", str(path))
    except FileNotFoundError:
        await apply_by_api(fleet, await asyncio.to_thread(path.read_text))
        return "the API"
    if outcome.code:
        raise AdapterError(f"kubectl apply -f {path.name}: {outcome.errors}")
    return "kubectl"


async def apply_by_api(fleet: Fleet, text: str) -> None:
    """Server-side apply of every object of a file; where there is no kubectl."""
    kinds = {(kind.api_version, kind.name): kind for kind in fleet.server.cluster(HUB).kinds}
    async with Access.of(fleet.kubeconfig, HUB).open() as api:
        for manifest in yaml.safe_load_all(text):
            kind, metadata = kinds[manifest["apiVersion"], manifest["kind"]], manifest["metadata"]
            middle = f"/namespaces/{metadata['namespace']}" if kind.namespaced else ""
            reply = await api.apply(f"{kind.root}{middle}/{kind.plural}/{metadata['name']}", manifest, "sandbox")
            if reply.status >= 300:
                raise AdapterError(f"{manifest['kind']} {metadata['name']}: {reply.body.get('message')}")
