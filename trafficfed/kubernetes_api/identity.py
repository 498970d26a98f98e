"""Which API server this is: the UID of its kube-system namespace, which only another etcd changes.

The same address and credentials may one day lead to another cluster; a list from there says nothing about this one.
(The UID as a cluster's identity: Kubernetes SIG Multicluster, KEP-2149 ClusterId, "well known properties".)
"""

from trafficfed.errors import Transient
from trafficfed.kubernetes_api.transport import Reader
from trafficfed.kubernetes_api.wire import Meta, Wire

PATH = "/api/v1/namespaces/kube-system"


class Namespace(Wire, frozen=True):
    metadata: Meta


async def server_uid(reader: Reader) -> str:
    """Raises Transient or Refused; a server that is still starting has no such namespace for a moment."""
    uid = (await reader.get_json(PATH, Namespace)).metadata.uid
    if not uid:
        raise Transient("the kube-system namespace has no UID")
    return uid
