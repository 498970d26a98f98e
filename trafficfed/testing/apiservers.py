"""etcd and kube-apiserver as plain processes on loopback: the parts that testing.clusters puts together."""

import json
import os
import shutil
import ssl
import subprocess
import urllib.request
from dataclasses import dataclass
from http.client import HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any

from trafficfed.testing.processes import ServerFailed, ServerProcess, free_port

BUILD_SCRIPT = Path(__file__).parents[2] / "scripts" / "build-cluster-binaries"
ETCD_QUOTA_BYTES = 4 * 1024**3
LIMIT_S = 30.0


def kube_assets() -> Path:
    """The folder with kube-apiserver and etcd: built or found by scripts/build-cluster-binaries.

    Raises ServerFailed with what to do where there is none; a test that needs real servers then fails.
    """
    given = os.environ.get("TRAFFICFED_KUBE_ASSETS")
    if not BUILD_SCRIPT.exists():
        if given:
            return Path(given)
        raise ServerFailed(
            f"no kube-apiserver and etcd: {BUILD_SCRIPT} is not here (not a checkout); "
            "set TRAFFICFED_KUBE_ASSETS to a folder that holds both"
        )
    built = subprocess.run([BUILD_SCRIPT], capture_output=True, text=True, check=False)
    if built.returncode:
        raise ServerFailed(f"no kube-apiserver and etcd: {BUILD_SCRIPT.name} failed:\n{built.stderr[-3000:]}")
    return Path(built.stdout.strip())


class Etcd:
    """One etcd; several API servers share it, each under a prefix of its own."""

    def __init__(self, assets: Path, directory: Path) -> None:
        directory.mkdir(parents=True)
        self._data, self._backup, self._log = directory / "data", directory / "backup", directory / "etcd.log"
        self.url = f"http://127.0.0.1:{free_port()}"
        peer = f"http://127.0.0.1:{free_port()}"
        self._arguments = [
            str(assets / "etcd"),
            f"--data-dir={self._data}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={peer}",
            f"--initial-advertise-peer-urls={peer}",
            f"--initial-cluster=default={peer}",
            "--unsafe-no-fsync",
            f"--quota-backend-bytes={ETCD_QUOTA_BYTES}",
            "--log-level=warn",
        ]
        self.process = ServerProcess(self._arguments, self._log)

    def wait_ready(self) -> None:
        self.process.wait_until(self._healthy)

    def compact(self) -> int:
        """Forget all history, as an API server does with what is older than five minutes; the revision kept."""
        revision = int(self._call("kv/range", {"key": "AA=="})["header"]["revision"])
        self._call("kv/compaction", {"revision": str(revision), "physical": True})
        return revision

    def grow(self, revisions: int) -> None:
        """So many writes that are nobody's objects, as Leases are written all the time in any cluster."""
        for _ in range(revisions):
            self._call("kv/put", {"key": "Z3Jvdw==", "value": "AA=="})

    def back_up(self) -> None:
        """Keep a copy of all data as they are at this moment; a later one replaces it."""
        shutil.rmtree(self._backup, ignore_errors=True)
        self.process.pause()
        try:
            shutil.copytree(self._data, self._backup)
        finally:
            self.process.resume()

    def restore(self) -> None:
        """Begin again with the data of the last ``back_up``: what was written since never was, revisions included."""
        self.process.kill()
        shutil.rmtree(self._data)
        shutil.copytree(self._backup, self._data)
        self.process = ServerProcess(self._arguments, self._log)
        self.wait_ready()

    def restart(self) -> None:
        """Begin again with the data that are there."""
        self.process.kill()
        self.process = ServerProcess(self._arguments, self._log)
        self.wait_ready()

    def stop(self) -> None:
        self.process.kill()

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/health", timeout=LIMIT_S) as answer:
                return bool(json.load(answer)["health"] == "true")
        except OSError:
            return False

    def _call(self, method: str, body: dict[str, object]) -> Any:
        request = urllib.request.Request(f"{self.url}/v3/{method}", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=LIMIT_S) as answer:
            return json.load(answer)


def apiserver_arguments(assets: Path, directory: Path, etcd: str, prefix: str, port: int, number: int) -> list[str]:
    """The flags of one kube-apiserver whose credentials lie in its directory; ``number`` keeps ClusterIPs apart."""
    return [
        str(assets / "kube-apiserver"),
        f"--etcd-servers={etcd}",
        f"--etcd-prefix={prefix}",
        "--bind-address=127.0.0.1",
        f"--secure-port={port}",
        f"--cert-dir={directory}",
        f"--client-ca-file={directory / 'ca.crt'}",
        f"--tls-cert-file={directory / 'server.crt'}",
        f"--tls-private-key-file={directory / 'server.key'}",
        f"--service-account-key-file={directory / 'signing.key'}",
        f"--service-account-signing-key-file={directory / 'signing.key'}",
        "--service-account-issuer=https://kubernetes.default.svc",
        "--authorization-mode=RBAC",
        f"--service-cluster-ip-range=10.{100 + number}.0.0/16",
        "--disable-admission-plugins=ServiceAccount",
        "--endpoint-reconciler-type=none",
        # Without it the server dies where there is no default route.
        "--advertise-address=127.0.0.1",
    ]


class ApiError(Exception):
    """The API server answered an error to the harness; ``status`` is the HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(f"{status}: {message}")
        self.status = status


@dataclass(frozen=True, slots=True)
class AdminClient:
    """A plain, blocking client for the tests' administrator. One connection per request: it survives restarts."""

    port: int
    tls: ssl.SSLContext

    def request(self, method: str, path: str, body: object = None, content_type: str = "application/json") -> Any:
        """The decoded answer. Raises ApiError for an error status, OSError where nothing answers."""
        status, answer = self._send(method, path, None if body is None else json.dumps(body), content_type)
        if status >= 400:
            raise ApiError(status, answer)
        return json.loads(answer)

    def ready(self) -> bool:
        """Whether the server is up and the namespace that tells its identity exists."""
        try:
            return (
                self._send("GET", "/readyz")[0] == 200 and self._send("GET", "/api/v1/namespaces/kube-system")[0] == 200
            )
        except (OSError, HTTPException):
            return False

    def _send(
        self, method: str, path: str, body: str | None = None, content_type: str = "application/json"
    ) -> tuple[int, str]:
        connection = HTTPSConnection("127.0.0.1", self.port, timeout=LIMIT_S, context=self.tls)
        try:
            connection.request(method, path, body, {"Content-Type": content_type} if body is not None else {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()
