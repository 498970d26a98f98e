"""Against real API servers, with the permissions of deploy/rbac.yaml: the table's mirror in ConfigMaps."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from trafficfed.clock import SystemClock
from trafficfed.errors import Refused
from trafficfed.kubernetes_api.credentials import load_kubeconfig
from trafficfed.kubernetes_api.mirror_place import LABEL, LABEL_VALUE, ConfigMapPlace
from trafficfed.kubernetes_api.transport import NO_PARAMS, Params, Transport
from trafficfed.model import Row, Source
from trafficfed.reports import ProviderFailed, ReportEvent
from trafficfed.table.mirroring import Loaded, Mirror, newest
from trafficfed.table.place import Chunk
from trafficfed.table.table import Snapshot, Table
from trafficfed.testing import fleets
from trafficfed.testing.clusters import RealCluster
from trafficfed.testing.kubeconfigs import certificate_user
from trafficfed.testing.mirror_contract import MirrorPlaceContract, Place
from trafficfed.testing.real_cluster import PRODUCT_USER
from trafficfed.testing.scripted_api import running

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

KEY = b"k" * 32
MIRROR = "/api/v1/namespaces/trafficfed/configmaps"
SELECTOR = f"labelSelector={LABEL}%3D{LABEL_VALUE}"
DEADLINE_S = 30.0


def empty(cluster: RealCluster) -> None:
    """As before any mirror was written there."""
    cluster.admin.request("DELETE", f"{MIRROR}?{SELECTOR}")


def names(cluster: RealCluster) -> list[str]:
    return sorted(each["metadata"]["name"] for each in cluster.admin.request("GET", f"{MIRROR}?{SELECTOR}")["items"])


@asynccontextmanager
async def reaching(
    cluster: RealCluster, kubeconfig: Path | None = None, answer_s: float = 3.0
) -> AsyncIterator[Transport]:
    transport = Transport(await load_kubeconfig(kubeconfig or cluster.kubeconfig, None, SystemClock()), answer_s)
    try:
        yield transport
    finally:
        await transport.close()


@pytest.fixture
def clean(eu: RealCluster) -> RealCluster:
    empty(eu)
    return eu


class TestConfigMaps(MirrorPlaceContract):
    @pytest.fixture
    async def place(self, clean: RealCluster) -> AsyncIterator[Place]:
        async with reaching(clean) as transport:
            yield lambda: ConfigMapPlace("eu", transport)


def row(name: str, weight: int = 100) -> Row:
    return fleets.row(fleets.endpoint("eu", weight=weight), name=name, hostnames=(f"{name}.fed.test",))


class Controller:
    """A table and its mirror in real clusters."""

    def __init__(self, places: Sequence[ConfigMapPlace], term: int, rows: int = 400) -> None:
        found = tuple(sorted((row(f"w{number}") for number in range(rows)), key=lambda each: each.key))
        self.table = Table(Snapshot(generation=1, rows=found, sources=(Source(cluster="eu", uid="7f", revision=9),)))
        self.table.begin_term(term)
        self.places = places
        self.reports: list[ReportEvent] = []
        self.mirror = Mirror(places, self.table, KEY, "demo", SystemClock(), self.reports.append)

    def change(self, name: str = "w7", weight: int = 1) -> int:
        delta = self.table.commit([row(name, weight)])
        assert delta is not None
        self.mirror.append(delta)
        return delta.generation

    @property
    def told(self) -> list[str]:
        return [each.message for each in self.reports if isinstance(each, ProviderFailed)]


async def loaded(cluster: RealCluster) -> Loaded:
    async with reaching(cluster) as transport:
        return await newest([ConfigMapPlace("eu", transport)], None, DEADLINE_S, key=KEY, owner="demo")


async def test_a_table_is_kept_followed_and_loaded(clean: RealCluster) -> None:
    async with reaching(clean) as transport:
        leader = Controller([ConfigMapPlace("eu", transport)], term=3)
        async with running(leader.mirror.run):
            assert await leader.mirror.flush(1, deadline_s=DEADLINE_S) == 1
            assert (await loaded(clean)).snapshot == leader.table.snapshot()
            generation = leader.change()
            assert await leader.mirror.flush(generation, deadline_s=DEADLINE_S) == 1
    found = await loaded(clean)
    assert found.snapshot == leader.table.snapshot()
    assert (found.source, found.answered, found.missing) == ("eu", ("eu",), ())
    assert leader.told == []


async def test_a_change_makes_one_request_for_its_chunk_and_one_for_the_header(clean: RealCluster) -> None:
    async with reaching(clean) as transport:
        counted = Counting(transport)
        leader = Controller([ConfigMapPlace("eu", counted)], term=3)
        async with running(leader.mirror.run):
            await leader.mirror.flush(1, deadline_s=DEADLINE_S)
            await leader.mirror.flush(leader.change(weight=1), deadline_s=DEADLINE_S)
            counted.requests.clear()
            await leader.mirror.flush(leader.change(weight=2), deadline_s=DEADLINE_S)
    assert [method for method, _ in counted.requests] == ["PUT", "PUT"]
    assert counted.requests[-1] == ("PUT", f"{MIRROR}/trafficfed-table")


async def test_an_empty_cluster_answers_that_there_is_no_table(clean: RealCluster) -> None:
    assert (await loaded(clean)).is_new_fleet


async def test_everybody_elses_config_maps_are_left_alone(clean: RealCluster) -> None:
    manifest = {"metadata": {"name": "trafficfed-table-of-somebody"}, "data": {"mine": "yes"}}
    theirs = clean.admin.request("POST", MIRROR, manifest)
    try:
        async with reaching(clean) as transport:
            leader = Controller([ConfigMapPlace("eu", transport)], term=3)
            async with running(leader.mirror.run):
                assert await leader.mirror.flush(1, deadline_s=DEADLINE_S) == 1
        assert (await loaded(clean)).snapshot == leader.table.snapshot()
        now = clean.admin.request("GET", f"{MIRROR}/trafficfed-table-of-somebody")
        assert now["metadata"]["resourceVersion"] == theirs["metadata"]["resourceVersion"]
    finally:
        clean.admin.request("DELETE", f"{MIRROR}/trafficfed-table-of-somebody")


async def test_the_older_of_two_leaders_changes_nothing_that_is_loaded(clean: RealCluster) -> None:
    async with reaching(clean) as transport, reaching(clean) as another:
        older = Controller([ConfigMapPlace("eu", transport)], term=3)
        newer = Controller([ConfigMapPlace("eu", another)], term=4)
        async with running(older.mirror.run):
            assert await older.mirror.flush(1, deadline_s=DEADLINE_S) == 1
            async with running(newer.mirror.run):
                assert await newer.mirror.flush(1, deadline_s=DEADLINE_S) == 1
                assert await older.mirror.flush(older.change(), deadline_s=DEADLINE_S) == 0
                assert (await loaded(clean)).snapshot == newer.table.snapshot()
                assert await newer.mirror.flush(newer.change(weight=4), deadline_s=DEADLINE_S) == 1
    assert (await loaded(clean)).snapshot == newer.table.snapshot()
    assert older.told == ["a leader of term 4 has written there, this one is of term 3"]
    assert newer.told == []


async def test_a_forged_chunk_is_refused_by_name_and_written_anew_by_the_next_leader(clean: RealCluster) -> None:
    async with reaching(clean) as transport:
        leader = Controller([ConfigMapPlace("eu", transport)], term=3)
        async with running(leader.mirror.run):
            await leader.mirror.flush(1, deadline_s=DEADLINE_S)
        chunk = names(clean)[1]
        patch = {"binaryData": {"chunk": "Zm9yZ2Vk"}}
        clean.admin.request("PATCH", f"{MIRROR}/{chunk}", patch, "application/merge-patch+json")
        found = await loaded(clean)
        assert found.snapshot is None
        assert found.missing == (("eu", f"its generation 1 of term 3 cannot be read: {chunk} is no part of a table"),)
        successor = Controller([ConfigMapPlace("eu", transport)], term=4)
        async with running(successor.mirror.run):
            assert await successor.mirror.flush(1, deadline_s=DEADLINE_S) == 1
    assert (await loaded(clean)).snapshot == successor.table.snapshot()
    assert successor.told == [f"{chunk} is no part of a table; it is written anew"]


async def test_a_missing_namespace_is_named_with_what_to_do(clean: RealCluster, tmp_path: Path) -> None:
    async with reaching(clean, clean.admin_kubeconfig) as transport:
        place = ConfigMapPlace("eu", transport, "nowhere")
        assert await place.load(DEADLINE_S) == {}
        with pytest.raises(Refused, match="eu has no namespace nowhere: apply deploy/rbac"):
            await place.store([Chunk("trafficfed-table", b"x")], DEADLINE_S)


async def test_missing_permissions_are_named(clean: RealCluster, tmp_path: Path) -> None:
    pair = clean.authority.client("nobody-in-particular")
    kubeconfig = clean.write_kubeconfig(tmp_path / "kubeconfig", certificate_user(pair))
    async with reaching(clean, kubeconfig) as transport:
        leader = Controller([ConfigMapPlace("eu", transport)], term=3)
        async with running(leader.mirror.run):
            assert await leader.mirror.flush(1, deadline_s=DEADLINE_S) == 0
    (said,) = leader.told
    assert said.startswith('403 Forbidden: configmaps is forbidden: User "nobody-in-particular" cannot list')


async def test_the_product_may_touch_config_maps_and_leases_of_its_own_namespace_only(eu: RealCluster) -> None:
    for verb, resource, group in (
        ("list", "configmaps", ""),
        ("create", "configmaps", ""),
        ("update", "configmaps", ""),
        ("delete", "configmaps", ""),
        ("get", "leases", "coordination.k8s.io"),
        ("create", "leases", "coordination.k8s.io"),
        ("update", "leases", "coordination.k8s.io"),
    ):
        assert allows(eu, verb, resource, group, "trafficfed"), (verb, resource)
        assert not allows(eu, verb, resource, group, "kube-system"), (verb, resource)
    assert not allows(eu, "list", "secrets", "", "trafficfed")


def allows(cluster: RealCluster, verb: str, resource: str, group: str, namespace: str) -> bool:
    attributes = {"verb": verb, "group": group, "resource": resource, "namespace": namespace}
    review = {
        "apiVersion": "authorization.k8s.io/v1",
        "kind": "SubjectAccessReview",
        "spec": {"user": PRODUCT_USER, "resourceAttributes": attributes},
    }
    answer = cluster.admin.request("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review)
    return bool(answer["status"]["allowed"])


class TestFaults:
    async def test_a_stopped_server_hangs_nobody_else(
        self, eu: RealCluster, fragile: Callable[..., RealCluster]
    ) -> None:
        empty(eu)
        us = fragile()
        async with reaching(eu) as transport, reaching(us) as another:
            leader = Controller([ConfigMapPlace("eu", transport), ConfigMapPlace("us", another)], term=3)
            async with running(leader.mirror.run):
                assert await leader.mirror.flush(1, enough=2, deadline_s=DEADLINE_S) == 2
                us.pause()
                try:
                    generation = leader.change()
                    assert await leader.mirror.flush(generation, enough=1, deadline_s=DEADLINE_S) == 1
                    assert await leader.mirror.flush(generation, enough=2, deadline_s=DEADLINE_S) == 1
                    problem = leader.mirror.kept_in[1].problem
                    assert problem.startswith(f"{us.server} gave no answer to ")
                finally:
                    us.resume()
                assert await caught_up(leader, generation, enough=2) == 2
            assert (await loaded(us)).snapshot == leader.table.snapshot()

    async def test_a_killed_server_gets_what_it_missed(self, fragile: Callable[..., RealCluster]) -> None:
        us = fragile()
        async with reaching(us) as transport:
            leader = Controller([ConfigMapPlace("us", transport)], term=3)
            async with running(leader.mirror.run):
                assert await leader.mirror.flush(1, deadline_s=DEADLINE_S) == 1
                await asyncio.to_thread(us.kill)
                generation = leader.change()
                assert await leader.mirror.flush(generation, deadline_s=DEADLINE_S) == 0
                await asyncio.to_thread(us.restart)
                assert await caught_up(leader, generation) == 1
            assert (await loaded(us)).snapshot == leader.table.snapshot()

    async def test_a_server_restored_from_a_backup_is_written_anew(self, fragile: Callable[..., RealCluster]) -> None:
        us = fragile(own_etcd=True)
        async with reaching(us) as transport:
            leader = Controller([ConfigMapPlace("us", transport)], term=3)
            async with running(leader.mirror.run):
                assert await leader.mirror.flush(1, deadline_s=DEADLINE_S) == 1
                await asyncio.to_thread(us.back_up)
                for weight in range(1, 5):
                    assert await leader.mirror.flush(leader.change(weight=weight), deadline_s=DEADLINE_S) == 1
                await asyncio.to_thread(us.restore)
                older = (await loaded(us)).snapshot
                assert older is not None
                assert older.generation == 1
                assert await caught_up(leader, leader.change(weight=9)) == 1
            assert (await loaded(us)).snapshot == leader.table.snapshot()
            assert "an older table has come back there, as from a backup; it is written anew" in leader.told

    async def test_another_cluster_behind_the_same_address_is_written_anew(
        self, fragile: Callable[..., RealCluster]
    ) -> None:
        us = fragile()
        async with reaching(us) as transport:
            leader = Controller([ConfigMapPlace("us", transport)], term=3)
            async with running(leader.mirror.run):
                assert await leader.mirror.flush(1, deadline_s=DEADLINE_S) == 1
                await asyncio.to_thread(us.empty)
                assert (await loaded(us)).is_new_fleet
                assert await caught_up(leader, leader.change()) == 1
            assert (await loaded(us)).snapshot == leader.table.snapshot()


async def caught_up(leader: Controller, generation: int, enough: int = 1) -> int:
    """Flush until so many have it: a server that has just come back may fail a request or two."""
    async with asyncio.timeout(DEADLINE_S):
        count = 0
        while count < enough:
            count = await leader.mirror.flush(generation, enough=enough)
    return count


class Counting:
    """Notes every write that goes through it."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self.requests: list[tuple[str, str]] = []
        self.get_json = transport.get_json

    async def request(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        params: Params = NO_PARAMS,
    ) -> bytes:
        self.requests.append((method, path))
        return await self._transport.request(method, path, body, content_type, params)
