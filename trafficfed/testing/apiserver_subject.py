"""What the parts of the API server's contract work with: the server under test, a namespace, small manifests."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from trafficfed.testing.kubectl import Kubectl
from trafficfed.testing.kubernetes_http import Access, Api

Object = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Subject:
    """The server under test: a context of a kubeconfig, and how to make it forget the history of its objects."""

    kubeconfig: Path
    context: str
    forget_history: Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace of the test's own and the paths in it."""

    name: str

    def path(self, plural: str, name: str = "") -> str:
        root = "/apis/discovery.k8s.io/v1" if plural == "endpointslices" else "/api/v1"
        return f"{root}/namespaces/{self.name}/{plural}" + (f"/{name}" if name else "")


def service(name: str, **spec: object) -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": {"app": name}},
        "spec": {"ports": [{"name": "http", "port": 80}], **spec},
    }


def config_map(name: str, **data: str) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "labels": {"app": name}}, "data": data}


def endpoint_slice(name: str, *addresses: str) -> Object:
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {"name": name, "labels": {"kubernetes.io/service-name": "web"}},
        "addressType": "IPv4",
        "endpoints": [{"addresses": [address], "conditions": {"ready": True}} for address in addresses],
        "ports": [{"name": "http", "port": 8080}],
    }


def causes(body: Object) -> list[str]:
    return [cause["field"] for cause in body["details"]["causes"]]


class Fixtures:
    """What every part of the contract works with."""

    @pytest.fixture
    async def api(self, subject: Subject) -> AsyncIterator[Api]:
        async with Access.of(subject.kubeconfig, subject.context).open() as api:
            yield api

    @pytest.fixture
    async def namespace(self, api: Api) -> Namespace:
        name = f"contract-{uuid.uuid4().hex[:10]}"
        reply = await api.post("/api/v1/namespaces", {"metadata": {"name": name}})
        assert reply.status == 201
        return Namespace(name)

    @pytest.fixture
    def kubectl(self, subject: Subject, tmp_path: Path) -> Kubectl:
        return Kubectl(subject.kubeconfig, subject.context, tmp_path / "kubectl-cache")
