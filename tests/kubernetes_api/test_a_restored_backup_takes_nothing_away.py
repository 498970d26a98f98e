"""From etcd to the table: a cluster that went back in time is Suspect, and nothing of it counts until confirmed."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import pytest

from trafficfed.clock import SystemClock
from trafficfed.kubernetes_api.cluster_watch import ClusterWatch
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.transport import Transport
from trafficfed.kubernetes_api.wire import Event, Listed, Upserted
from trafficfed.model import Cluster, Freshness
from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.deployment import Deployment
from trafficfed.testing.folding import FoldingFleet
from trafficfed.testing.followed import Heard, names
from trafficfed.testing.scripted_api import running

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

Addresses = Mapping[str, tuple[str, ...]]

BEFORE: Addresses = {"gone": ("192.0.2.3",), "web": ("192.0.2.1",)}
TABLE: Addresses = {"new": ("192.0.2.2",), "web": ("192.0.2.9",)}


class Followed:
    """The table that a real API server's events lead to."""

    def __init__(self, fleet: FoldingFleet) -> None:
        self.fleet = fleet
        self.heard = Heard()

    def sink(self, cluster: str, event: Event) -> None:
        self.fleet.take(cluster, event)
        self.heard(event)

    @property
    def addresses(self) -> dict[str, tuple[str, ...]]:
        """What the table has of eu, by service."""
        return {key.name: row.endpoints[0].addresses for key, row in self.fleet.table.rows.items()}

    async def until(self, true: Callable[[], bool]) -> None:
        """An event makes it true, or has made it so."""
        if not true():
            await self.heard.until(lambda event: true(), len(self.heard.events))

    async def until_in_table(self, expected: Addresses) -> None:
        await self.until(lambda: self.addresses == expected)

    async def until_it_is(self, freshness: Freshness) -> None:
        """As said, and every kind followed."""
        ends = "" if freshness is Freshness.FRESH else "all is kept until confirmed"
        source = partial(self.fleet.source, "eu")
        await self.until(lambda: source().freshness is freshness and source().reason.endswith(ends))

    async def until_heard_of(self, name: str) -> None:
        """The service was watched, or was in a list."""
        await self.heard.until(
            lambda event: (
                (isinstance(event, Upserted) and event.object.metadata.name == name)
                or (isinstance(event, Listed) and name in names(event))
            )
        )


@asynccontextmanager
async def following(cluster: RealCluster, fleet: FoldingFleet | None = None) -> AsyncIterator[Followed]:
    transport = Transport(await load_kubeconfig(cluster.kubeconfig, cluster.context, SystemClock()))
    followed = Followed(fleet or FoldingFleet(["eu"]))
    try:
        async with running(ClusterWatch("eu", transport, followed.sink, SystemClock()).run):
            yield followed
    finally:
        await transport.close()


async def put(cluster: RealCluster, services: Addresses) -> None:
    for name, addresses in services.items():
        annotations = {"trafficfed.io/hostname": f"{name}.example.org"}
        await asyncio.to_thread(
            cluster.apply_service, "shop", name, annotations, addresses=addresses, ready=len(addresses)
        )


async def live_on_after_a_backup(cluster: RealCluster, followed: Followed) -> None:
    """From ``BEFORE``, of which a backup is made, to ``TABLE``, which it does not know."""
    await put(cluster, BEFORE)
    await followed.until_in_table(BEFORE)
    await asyncio.to_thread(cluster.back_up)
    await asyncio.to_thread(cluster.delete_service, "shop", "gone")
    # What a cluster of some size writes in a minute; a server that starts writes some dozens itself.
    await asyncio.to_thread(cluster.etcd.grow, 1000)
    await put(cluster, TABLE)
    await followed.until_in_table(TABLE)


async def test_a_restored_cluster_is_suspect_and_taken_when_confirmed(fragile: Callable[..., RealCluster]) -> None:
    cluster = await asyncio.to_thread(partial(fragile, own_etcd=True))
    async with following(cluster) as followed:
        await live_on_after_a_backup(cluster, followed)
        fleet, uid, newest = followed.fleet, await asyncio.to_thread(cluster.uid), followed.fleet.source("eu").revision
        await asyncio.to_thread(cluster.restore)
        await followed.until_it_is(Freshness.SUSPECT)
        assert await asyncio.to_thread(cluster.uid) == fleet.source("eu").uid == uid
        assert fleet.source("eu").reason.startswith(f"its state is older than revision {newest} that was known")
        await put(cluster, {"later": ("192.0.2.7",)})
        await followed.until_heard_of("later")
        assert followed.addresses == TABLE

        fleet.confirm("eu")
        await followed.until_it_is(Freshness.FRESH)
        assert followed.addresses == {**BEFORE, "later": ("192.0.2.7",)}
        assert fleet.source("eu").revision < newest
        await put(cluster, {"last": ("192.0.2.8",)})
        await followed.until_in_table({**BEFORE, "later": ("192.0.2.7",), "last": ("192.0.2.8",)})


async def test_a_restored_cluster_whose_revisions_have_caught_up_is_suspect_still(
    fragile: Callable[..., RealCluster],
) -> None:
    """Neither another loss, nor the next process, takes for new what was once seen to be old."""
    cluster = await asyncio.to_thread(partial(fragile, own_etcd=True))
    async with following(cluster) as followed:
        await live_on_after_a_backup(cluster, followed)
        await asyncio.to_thread(cluster.restore)
        await followed.until_it_is(Freshness.SUSPECT)
        await asyncio.to_thread(cluster.etcd.grow, 2000)
        await asyncio.to_thread(cluster.restart)
        await put(cluster, {"later": ("192.0.2.7",)})
        await followed.until_heard_of("later")
        await followed.until_it_is(Freshness.SUSPECT)
        assert followed.addresses == TABLE
    followed.fleet.restart()
    async with following(cluster, followed.fleet) as again:
        await again.until_it_is(Freshness.SUSPECT)
        assert again.addresses == TABLE
        again.fleet.confirm("eu")
        assert again.addresses == {**BEFORE, "later": ("192.0.2.7",)}


def test_the_products_answers_stay_until_an_operator_confirms(
    fragile: Callable[..., RealCluster], tmp_path: Path
) -> None:
    cluster = fragile(own_etcd=True)

    def balance(name: str, address: str) -> None:
        annotations = {"trafficfed.io/hostname": f"{name}.fed.test"}
        cluster.apply_service("shop", name, annotations, addresses=[address])

    with Deployment(
        tmp_path, "fed.test", [(Cluster(name="eu"), cluster.kubeconfig, cluster.context)]
    ).start() as product:
        assert product.controller is not None
        until = product.controller.wait_until
        balance("web", "127.0.9.1")
        until(lambda: product.answer("web.fed.test") == ("127.0.9.1",))
        cluster.back_up()
        cluster.etcd.grow(1000)
        balance("web", "127.0.9.2")
        balance("new", "127.0.9.3")
        until(lambda: product.answer("new.fed.test") == ("127.0.9.3",))
        cluster.restore()
        until(lambda: [each["freshness"] for each in product.status()["clusters"]] == ["Suspect"])
        (held,) = product.status()["held"]
        assert "was it restored from a backup?" in held["message"]
        assert product.answer("web.fed.test") == ("127.0.9.2",)
        assert product.answer("new.fed.test") == ("127.0.9.3",)

        confirm = [sys.executable, "-m", "trafficfed", "confirm", held["confirm_id"], "--config", str(product.config)]
        subprocess.run(confirm, check=True, capture_output=True, timeout=60)
        until(lambda: product.answer("web.fed.test") == ("127.0.9.1",))
        until(lambda: product.answer("new.fed.test") == ())
        until(lambda: [each["freshness"] for each in product.status()["clusters"]] == ["Fresh"])
