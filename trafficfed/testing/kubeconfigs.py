"""Kubeconfig files as tests want them: inline credentials, any field of a cluster overridden."""

import base64
from collections.abc import Mapping
from pathlib import Path

import yaml

from trafficfed.testing.certificates import KeyPair


def write_kubeconfig(path: Path, name: str, cluster: Mapping[str, object], user: Mapping[str, object]) -> Path:
    """A kubeconfig with one cluster, user and context of this name; empty fields of the cluster are left out."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": name, "cluster": {key: value for key, value in cluster.items() if value}}],
        "users": [{"name": name, "user": dict(user)}],
        "contexts": [{"name": name, "context": {"cluster": name, "user": name}}],
        "current-context": name,
    }
    path.write_text(yaml.safe_dump(content))
    return path


def encoded(pem: bytes) -> str:
    """As the ``-data`` fields of a kubeconfig want it."""
    return base64.b64encode(pem).decode()


def certificate_user(pair: KeyPair) -> dict[str, object]:
    """A kubeconfig's user with an inline client certificate."""
    return {"client-certificate-data": encoded(pair.certificate), "client-key-data": encoded(pair.key)}
