"""Real Kubernetes API servers as separate clusters on loopback, with their own credentials, for tests and benchmarks.

In a conftest::

    @pytest.fixture(scope="session")
    def farm(tmp_path_factory):
        with ClusterFarm(tmp_path_factory.mktemp("clusters")) as farm:
            yield farm

    @pytest.fixture(scope="session")
    def fleet(farm):                      # about six seconds for all three, some 300 MB each
        return farm.start("eu", "us", "ap")

    @pytest.fixture
    def eu(farm):                         # one of its own for a test that breaks it; two seconds
        cluster = farm.start_one("eu")
        yield cluster
        cluster.stop()

In a test::

    eu.apply_service("shop", "web", {"trafficfed.io/hostname": "web.fed.test"}, addresses=["127.0.1.1"], ready=2)
    eu.kubectl("annotate", "-n", "shop", "service", "web", "trafficfed.io/weight=10")
    eu.set_ready("shop", "web", 0)
    eu.pause(); eu.resume()               # SIGSTOP, SIGCONT of the API server
    eu.kill(); eu.restart()               # same port, same data
    eu.empty()                            # same address and credentials, another and empty cluster
    eu.back_up(); eu.restore()            # the same cluster as it once was (own_etcd=True)
    load_kubeconfig(eu.kubeconfig, eu.context)   # the product's user, with the permissions of deploy/rbac.yaml only

Every method blocks: where the code under test runs on the same event loop, call it by ``asyncio.to_thread``.
Nothing but the API runs: no Pod starts, no load balancer gets an address, no namespace deletion ends; the methods
here play those parts. Names of clusters may repeat within a farm; data never do.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from trafficfed.testing.apiservers import Etcd, kube_assets
from trafficfed.testing.processes import ServerFailed
from trafficfed.testing.real_cluster import STARTS, RealCluster

__all__ = ["ClusterFarm", "RealCluster"]


class ClusterFarm:
    """Starts clusters and ends them all; as a context manager, nothing of it outlives the block.

    Raises ServerFailed where the binaries are missing or a server does not come up.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._assets = kube_assets()
        self._clusters: list[RealCluster] = []
        self._etcds: list[Etcd] = []
        self._shared: Etcd | None = None

    def start(self, *names: str, own_etcd: bool = False, extra: Sequence[str] = ()) -> tuple[RealCluster, ...]:
        """Start clusters side by side and wait until all of them serve; ``extra`` are further flags for them."""
        started = [self._begin(name, own_etcd, extra) for name in names]
        for cluster in started:
            cluster.wait_ready()
            cluster.write_kubeconfigs()
            cluster.grant()
        return tuple(started)

    def start_one(self, name: str, *, own_etcd: bool = False, extra: Sequence[str] = ()) -> RealCluster:
        return self.start(name, own_etcd=own_etcd, extra=extra)[0]

    def stop(self) -> None:
        _stop_all(self._clusters)
        _stop_all(self._etcds)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _begin(self, name: str, own_etcd: bool, extra: Sequence[str]) -> RealCluster:
        number = len(self._clusters)
        etcd = self._new_etcd() if own_etcd else self._shared_etcd()
        directory = self.directory / f"{name}-{number}"
        cluster = RealCluster(name, number, self._assets, etcd, directory, extra)
        self._clusters.append(cluster)
        return cluster

    def _shared_etcd(self) -> Etcd:
        if self._shared is None:
            self._shared = self._new_etcd()
        return self._shared

    def _new_etcd(self) -> Etcd:
        for _ in range(STARTS - 1):
            etcd = self._begin_etcd()
            try:
                etcd.wait_ready()
            except ServerFailed as error:  # someone took one of its ports in between
                if "address already in use" not in str(error):
                    raise
            else:
                return etcd
        etcd = self._begin_etcd()
        etcd.wait_ready()
        return etcd

    def _begin_etcd(self) -> Etcd:
        etcd = Etcd(self._assets, self.directory / f"etcd-{len(self._etcds)}")
        self._etcds.append(etcd)
        return etcd


def _stop_all(servers: Iterable[RealCluster | Etcd]) -> None:
    for server in servers:
        server.stop()
