"""What a cloud and its controllers do in a cluster, played for an emulated one.

Each Service of type LoadBalancer gets the region's address; each Service with a selector gets an EndpointSlice with
made-up Pod addresses that nobody contacts, ready while the region's backend is; so are a Deployment's replicas.
Deleted namespaces are emptied.
"""

import orjson

from trafficfed.sandbox.apiserver.cluster import Cluster, Intent, Target
from trafficfed.sandbox.apiserver.kinds import DEPLOYMENT, ENDPOINT_SLICE, NAMESPACE, NODE, SERVICE, Json
from trafficfed.sandbox.apiserver.store import Change, Key

CLOUD = Intent(manager="cloud-controller-manager")
CONTROLLER = Intent(manager="kube-controller-manager")
KUBELET = Intent(manager="kubelet")
SERVICE_NAME = "kubernetes.io/service-name"
MANAGED_BY = "endpointslice.kubernetes.io/managed-by"


class Cloud:
    """Looks after one cluster; ``address`` is what its load balancers get, ``pods`` how many Pods each Service has.

    Without an address nothing runs there, as on a hub: only namespaces are looked after.
    """

    def __init__(self, cluster: Cluster, address: str, *, pods: int = 2) -> None:
        self._cluster = cluster
        self._address = address
        self._pods = pods
        self._ready = True
        self._seen = cluster.store.revision

    async def run(self) -> None:
        """Follow the cluster's changes for ever."""
        while True:
            changed = self._cluster.store.changed
            self.catch_up()
            await changed.wait()

    def catch_up(self) -> None:
        """Do what the changes since the last time ask for; its own changes ask for nothing more."""
        while self._seen < self._cluster.store.revision:
            changes, self._seen = self._cluster.store.since(self._seen), self._cluster.store.revision
            for change in changes:
                self._react(change)

    def set_ready(self, ready: bool) -> None:
        """All Pods of the cluster become ready, or none is."""
        if ready == self._ready:
            return
        self._ready = ready
        for raw in self._cluster.store.objects(ENDPOINT_SLICE).values():
            endpoint_slice = orjson.loads(raw)
            if (endpoint_slice["metadata"].get("labels") or {}).get(MANAGED_BY) == CONTROLLER.manager:
                self._write_slice(endpoint_slice)
        for raw in self._cluster.store.objects(DEPLOYMENT).values():
            self._roll_out(orjson.loads(raw))

    def add_node(self, name: str, labels: dict[str, str]) -> None:
        """A Node that is ready and has the region's address."""
        conditions = [{"type": "Ready", "status": "True", "reason": "KubeletReady"}]
        addresses = [{"type": "ExternalIP", "address": self._address}, {"type": "Hostname", "address": name}]
        node = {"metadata": {"name": name, "labels": labels}}
        status = {"conditions": conditions, "addresses": addresses}
        self._cluster.create(Target(kind=NODE), node | {"status": status}, KUBELET)

    def _react(self, change: Change) -> None:
        if change.key.kind == NAMESPACE.qualified:
            if change.after is not None:
                self._finalize(orjson.loads(change.after))
        elif not self._address:
            return
        elif change.key.kind == SERVICE.qualified:
            if change.after is None:
                self._drop_slice(change.key)
            elif self._cluster.store.get(change.key) is not None:
                self._provision(orjson.loads(change.after))
        elif change.key.kind == DEPLOYMENT.qualified:
            newest = self._cluster.store.get(change.key)
            if newest is not None:
                self._roll_out(newest)

    def _provision(self, service: Json) -> None:
        place = {"namespace": service["metadata"]["namespace"], "name": service["metadata"]["name"]}
        if service["spec"]["type"] == "LoadBalancer" and not service["status"]["loadBalancer"].get("ingress"):
            status = {"loadBalancer": {"ingress": [{"ip": self._address}]}}
            target = Target(kind=SERVICE, subresource="status", **place)
            self._cluster.modify(target, lambda value: value | {"status": status}, CLOUD)
        if service["spec"].get("selector") and self._cluster.store.get(self._slice_of(place).key) is None:
            self._write_slice(self._new_slice(service))

    def _roll_out(self, deployment: Json) -> None:
        """Say what a Deployment's controller and the kubelets would: its newest spec runs, ready as all Pods are."""
        metadata, wanted = deployment["metadata"], deployment["spec"]["replicas"]
        ready = wanted if self._ready else 0
        status: Json = {"observedGeneration": metadata["generation"]}
        status |= {"replicas": wanted, "updatedReplicas": wanted} if wanted else {}
        status |= {"readyReplicas": ready, "availableReplicas": ready} if ready else {}
        status |= {"unavailableReplicas": wanted - ready} if wanted > ready else {}
        reason, word = ("MinimumReplicasAvailable", "True") if self._ready else ("MinimumReplicasUnavailable", "False")
        status["conditions"] = [{"type": "Available", "status": word, "reason": reason}]
        if deployment.get("status") != status:
            place = {"namespace": metadata["namespace"], "name": metadata["name"]}
            target = Target(kind=DEPLOYMENT, subresource="status", **place)
            self._cluster.modify(target, lambda value: value | {"status": status}, CONTROLLER)

    def _new_slice(self, service: Json) -> Json:
        metadata = service["metadata"]
        place = {"namespace": metadata["namespace"], "name": metadata["name"]}
        owner = {"apiVersion": "v1", "kind": "Service", "name": metadata["name"], "uid": metadata["uid"]}
        ports = service["spec"].get("ports") or ()
        return {
            "metadata": {
                "name": self._slice_of(place).name,
                "namespace": metadata["namespace"],
                "labels": {SERVICE_NAME: metadata["name"], MANAGED_BY: CONTROLLER.manager},
                "ownerReferences": [owner | {"controller": True, "blockOwnerDeletion": True}],
            },
            "addressType": "IPv4",
            "ports": [{"name": port.get("name", ""), "port": _pod_port(port), "protocol": "TCP"} for port in ports],
        }

    def _write_slice(self, endpoint_slice: Json) -> None:
        conditions = {"ready": self._ready, "serving": self._ready, "terminating": False}
        addresses = [f"10.244.0.{number + 1}" for number in range(self._pods)]
        endpoints = [{"addresses": [address], "conditions": conditions} for address in addresses]
        metadata = endpoint_slice["metadata"]
        target = Target(kind=ENDPOINT_SLICE, namespace=metadata["namespace"], name=metadata["name"])
        if "uid" in metadata:
            self._cluster.modify(target, lambda value: value | {"endpoints": endpoints}, CONTROLLER)
        else:
            collection = Target(kind=ENDPOINT_SLICE, namespace=metadata["namespace"])
            self._cluster.create(collection, endpoint_slice | {"endpoints": endpoints}, CONTROLLER)

    def _drop_slice(self, service: Key) -> None:
        target = self._slice_of({"namespace": service.namespace, "name": service.name})
        if self._cluster.store.get(target.key) is not None and self._cluster.store.get(service) is None:
            self._cluster.delete(target, {}, CONTROLLER)

    def _finalize(self, namespace: Json) -> None:
        """Empty a namespace that is being deleted, then let it go."""
        name = namespace["metadata"]["name"]
        target = Target(kind=NAMESPACE, name=name, subresource="finalize")
        if "deletionTimestamp" not in namespace["metadata"] or self._cluster.store.get(target.key) is None:
            return
        for kind in (kind for kind in self._cluster.kinds if kind.namespaced):
            for key in self._cluster.store.objects(kind, name):
                self._cluster.delete(Target(kind=kind, namespace=name, name=key.name), {}, CONTROLLER)
        self._cluster.modify(target, lambda value: value | {"spec": {}}, CONTROLLER)

    @staticmethod
    def _slice_of(service: dict[str, str]) -> Target:
        return Target(kind=ENDPOINT_SLICE, namespace=service["namespace"], name=f"{service['name']}-pods")


def _pod_port(port: Json) -> int:
    wanted = port.get("targetPort", port["port"])
    return wanted if isinstance(wanted, int) else int(port["port"])
