"""A hub of the tests: a real API server with our definitions, and members that let copies be written."""

import functools
import json
import subprocess
import sys
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path
from typing import Any

import yaml

from trafficfed.testing.apiservers import ApiError
from trafficfed.testing.real_cluster import MERGE, RealCluster

DEPLOY = Path(__file__).parents[2] / "deploy"
ISTIO_SCRIPT = Path(__file__).parents[2] / "scripts" / "istio-definitions"
Json = dict[str, Any]


def make_hub(cluster: RealCluster) -> RealCluster:
    """Install what an administrator installs, as the documentation says."""
    cluster.kubectl("apply", "--server-side", "-f", str(DEPLOY / "rbac-hub.yaml"))
    command = [sys.executable, "-m", "trafficfed", "crds"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    cluster.kubectl("apply", "--server-side", "-f", "-", stdin=printed)
    cluster.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    return cluster


def allow_propagation(member: RealCluster) -> RealCluster:
    """Let the product write copies there."""
    member.kubectl("apply", "--server-side", "-f", str(DEPLOY / "rbac-member-propagation.yaml"))
    return member


def allow_baselines(hub: RealCluster, *members: RealCluster) -> None:
    """Let the product keep the hub's baselines in the members."""
    hub.kubectl("apply", "--server-side", "-f", str(DEPLOY / "rbac-hub-baselines.yaml"))
    for member in members:
        for name in ("rbac-member-baselines.yaml", "rbac-member-access.yaml"):
            member.kubectl("apply", "--server-side", "-f", str(DEPLOY / name))


def allow_services(member: RealCluster) -> RealCluster:
    """Install what an administrator installs for exports and imports, as the documentation says."""
    member.kubectl("apply", "--server-side", "-f", str(DEPLOY / "rbac-member-services.yaml"))
    return define_services(member)


def define_services(member: RealCluster) -> RealCluster:
    """ServiceExport and ServiceImport, once they are served."""
    command = [sys.executable, "-m", "trafficfed", "crds", "--services"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    member.kubectl("apply", "--server-side", "-f", "-", stdin=printed)
    member.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    for plural in ("serviceexports", "serviceimports"):
        path = f"/apis/multicluster.x-k8s.io/v1beta1/{plural}"
        member.processes[0].wait_until(functools.partial(serves, member, path))
    return member


def define_istio(member: RealCluster) -> RealCluster:
    """Istio's own definitions of what is written for it, once they are served."""
    printed = subprocess.run([ISTIO_SCRIPT], capture_output=True, text=True, check=True, timeout=300).stdout.strip()
    documents = yaml.safe_load_all(Path(printed).read_text())
    wanted = [
        each for each in documents if each and each["spec"]["names"]["kind"] in ("ServiceEntry", "DestinationRule")
    ]
    member.kubectl("apply", "--server-side", "-f", "-", stdin=yaml.safe_dump_all(wanted))
    member.kubectl("wait", "--for=condition=Established", "crd", "--all", "--timeout=30s")
    for plural in ("serviceentries", "destinationrules"):
        path = f"/apis/networking.istio.io/v1/{plural}"
        member.processes[0].wait_until(functools.partial(serves, member, path))
    return member


def serves(cluster: RealCluster, path: str) -> bool:
    """A definition is established a moment before its objects are served."""
    try:
        return get(cluster, path) is not None
    except ApiError as error:
        if error.status != HTTPStatus.TOO_MANY_REQUESTS:
            raise
        return False


def apply(hub: RealCluster, *manifests: Json) -> None:
    """``kubectl apply``, all in one command line."""
    listed = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
    hub.kubectl("apply", "-f", "-", stdin=json.dumps(listed))


def policy(namespace: str, name: str, *selected: Mapping[str, object], **spec: Any) -> Json:
    """A PropagationPolicy as users write it."""
    return {
        "apiVersion": "trafficfed.io/v1alpha1",
        "kind": "PropagationPolicy",
        "metadata": {"namespace": namespace, "name": name},
        "spec": {"resourceSelectors": list(selected), **spec},
    }


def get(cluster: RealCluster, path: str) -> Json | None:
    """An object, None where there is none."""
    try:
        found: Json = cluster.admin.request("GET", path)
    except ApiError as error:
        if error.status != 404:
            raise
        return None
    return found


def play_deployment(member: RealCluster, namespace: str, name: str) -> None:
    """What the controllers of a cluster would say: all replicas run."""
    path = f"/apis/apps/v1/namespaces/{namespace}/deployments/{name}"
    found = member.admin.request("GET", path)
    count = found["spec"]["replicas"]
    names = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    status = {**dict.fromkeys(names, count), "observedGeneration": found["metadata"]["generation"]}
    member.admin.request("PATCH", f"{path}/status", {"status": status}, MERGE)
