"""Every form of name in clusterset.local, from events to the wire; what is silent changes nothing."""

from typing import Any

import dns.flags
import dns.message
import dns.rcode
import orjson
import pytest

from trafficfed.feed.notes import Note
from trafficfed.kubernetes_api.wire import Foreign, Listed, Lost, Meta, Removed, Resumed, Upserted
from trafficfed.nameserver.clusterset import ClusterSet
from trafficfed.nameserver.clusterset_names import Import, Standing, Vicinity, names_of
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.respond import Responder
from trafficfed.nameserver.settings import ClusterSetSettings
from trafficfed.nameserver.whereabouts import Whereabouts
from trafficfed.services.kinds import SLICE, imports
from trafficfed.testing.nameservers import ScriptedDraw, ask, question
from trafficfed.testing.sample_zone import ZONE
from trafficfed.testing.scripted_api import LoopClock

IMPORTS = imports("v1beta1")
WEB = "web.shop.svc.clusterset.local"
DB = "db.shop.svc.clusterset.local"


def foreign(kind: str, name: str, labels: dict[str, str] | None = None, **content: Any) -> Foreign:
    meta = {"namespace": "shop", "name": name, "labels": labels or {}}
    body = orjson.dumps({"kind": kind, "metadata": meta, **content})
    return Foreign(Meta(namespace="shop", name=name, labels=labels), body)


def web(**spec: Any) -> Foreign:
    ports = [{"name": "http", "protocol": "TCP", "port": 80}, {"port": 9}]
    stated = {"type": "ClusterSetIP", "ips": ["10.96.0.1", "fd00::1"], "ports": ports, **spec}
    return foreign("ServiceImport", "web", spec=stated)


def db() -> Foreign:
    return foreign("ServiceImport", "db", spec={"type": "Headless", "ports": [{"name": "sql", "port": 5432}]})


def slice(name: str, cluster: str, *addresses: str, service: str = "db", **more: Any) -> Foreign:
    """Endpoints; one written ``NAME=ADDRESS`` has a hostname."""
    labels = {"multicluster.kubernetes.io/service-name": service, "multicluster.kubernetes.io/source-cluster": cluster}
    ends = []
    for each in addresses:
        hostname, _, address = each.rpartition("=")
        ends.append(
            {"addresses": [address], "conditions": {"ready": True}, **({"hostname": hostname} if hostname else {})}
        )
    stated = {"addressType": "IPv4", "ports": [{"name": "sql", "protocol": "TCP", "port": 5432}], "endpoints": ends}
    return foreign("EndpointSlice", name, labels, **{**stated, **more})


class Server:
    """A name server's responder with the clusterset beside its own zones."""

    def __init__(self, **settings: Any) -> None:
        self.notes: list[Note] = []
        self.clusterset = ClusterSet(
            ClusterSetSettings(**{"cluster": "eu", **settings}), LoopClock(), self.notes.append, self._seen
        )
        self.responder = Responder(Index([ZONE]), Whereabouts(), ScriptedDraw())
        self.responder.ready = True
        self.beside = self.responder.beside = Responder(self.clusterset.index, Whereabouts(), ScriptedDraw())

    def _seen(self) -> None:
        self.beside.ready = True

    def listed(self, imported: tuple[Foreign, ...] = (), slices: tuple[Foreign, ...] = ()) -> "Server":
        self.clusterset.take(IMPORTS, Listed(Foreign, imported, 1, "uid"))
        self.clusterset.take(SLICE, Listed(Foreign, slices, 1, "uid"))
        return self

    def answer(self, name: str, kind: str = "A") -> list[str]:
        found = ask(self.responder, name, kind)
        assert found.rcode() == dns.rcode.NOERROR, name
        return [item.to_text() for rrset in found.answer for item in rrset]

    def code(self, name: str, kind: str = "A") -> str:
        return dns.rcode.to_text(ask(self.responder, name, kind).rcode())


def test_a_clusterset_ip_has_one_record_of_each_family_and_services_for_its_named_ports() -> None:
    server = Server().listed((web(),))
    assert server.answer(WEB) == ["10.96.0.1"]
    assert server.answer(WEB, "AAAA") == ["fd00::1"]
    assert server.answer(f"_http._tcp.{WEB}", "SRV") == [f"0 100 80 {WEB}."]
    assert server.code(f"_http._udp.{WEB}", "SRV") == "NXDOMAIN"
    assert server.answer(WEB, "TXT") == []


def test_letters_may_be_large_and_answers_last_as_long_as_a_dns_of_clusters_lets_them() -> None:
    found = ask(Server().listed((web(),)).responder, WEB.upper())
    assert [rrset.ttl for rrset in found.answer] == [5]
    assert found.flags & dns.flags.AA


def test_a_clusterset_ip_has_no_names_of_single_clusters() -> None:
    server = Server().listed((web(),), (slice("a", "eu", "10.1.0.1", service="web"),))
    assert server.code(f"eu.{WEB}") == "NXDOMAIN"
    assert server.answer(WEB) == ["10.96.0.1"]


def test_headless_gives_out_every_ready_endpoint_and_each_by_its_cluster() -> None:
    server = Server().listed(
        (db(),), (slice("a", "eu", "db-0=10.1.0.1", "10.1.0.2"), slice("b", "us", "db-0=10.2.0.1"))
    )
    assert server.answer(DB) == ["10.1.0.1", "10.1.0.2", "10.2.0.1"]
    assert server.answer(f"db-0.eu.{DB}") == ["10.1.0.1"]
    assert server.answer(f"db-0.us.{DB}") == ["10.2.0.1"]
    assert server.answer(f"10-1-0-2.eu.{DB}") == ["10.1.0.2"]
    assert server.answer(f"_sql._tcp.{DB}", "SRV") == [
        f"0 100 5432 db-0.eu.{DB}.",
        f"0 100 5432 10-1-0-2.eu.{DB}.",
        f"0 100 5432 db-0.us.{DB}.",
    ]
    assert server.answer(f"eu.{DB}") == [], "a cluster has no address of its own"
    assert server.code(f"db-1.eu.{DB}") == "NXDOMAIN"


def test_headless_without_a_ready_endpoint_has_no_name() -> None:
    out = [{"addresses": ["10.1.0.1"], "conditions": {"ready": False}}]
    server = Server().listed((db(),), (slice("a", "eu", endpoints=out),))
    assert server.code(DB) == "NXDOMAIN"
    server.clusterset.take(SLICE, Upserted(slice("a", "eu", "10.1.0.1"), 2))
    assert server.answer(DB) == ["10.1.0.1"]
    server.clusterset.take(SLICE, Removed(slice("a", "eu"), 3))
    assert server.code(DB) == "NXDOMAIN"


def test_many_headless_endpoints_are_all_there_over_tcp() -> None:
    server = Server().listed((db(),), (slice("a", "eu", *(f"10.1.{at}.1" for at in range(200))),))
    packet = question(DB).to_wire()
    cut, whole = server.responder.answer(packet, "192.0.2.1"), server.responder.answer(packet, "192.0.2.1", stream=True)
    assert cut is not None
    assert whole is not None
    assert dns.message.from_wire(cut).flags & dns.flags.TC
    assert len(dns.message.from_wire(whole).answer[0]) == 200


def test_the_version_of_the_specification_is_told() -> None:
    assert Server().listed().answer("dns-version.clusterset.local", "TXT") == ['"1.0.0"']


def test_what_does_not_exist_has_the_zones_negative_answer() -> None:
    found = ask(Server().listed().responder, "nope.shop.svc.clusterset.local")
    assert found.rcode() == dns.rcode.NXDOMAIN
    (soa,) = found.authority
    assert (str(soa.name), soa[0].minimum) == ("clusterset.local.", 5)


@pytest.mark.parametrize(
    ("settings", "order"),
    [
        ({}, ["10.1.0.1", "10.1.0.2", "10.3.0.1", "10.2.0.1"]),
        ({"zone": "b"}, ["10.1.0.2", "10.1.0.1", "10.3.0.1", "10.2.0.1"]),
        ({"near": ("us",)}, ["10.1.0.1", "10.1.0.2", "10.2.0.1", "10.3.0.1"]),
        ({"cluster": "us"}, ["10.2.0.1", "10.3.0.1", "10.1.0.1", "10.1.0.2"]),
    ],
)
def test_who_is_near_stands_first(settings: dict[str, Any], order: list[str]) -> None:
    zoned = [
        {"addresses": [f"10.1.0.{number}"], "conditions": {"ready": True}, "zone": zone}
        for number, zone in ((1, "a"), (2, "b"))
    ]
    slices = slice("a", "eu", endpoints=zoned), slice("b", "us", "10.2.0.1"), slice("c", "ap", "10.3.0.1")
    assert Server(**settings).listed((db(),), slices).answer(DB) == order


def test_nothing_is_said_of_names_until_both_kinds_were_seen() -> None:
    server = Server()
    assert server.code(WEB) == "SERVFAIL"
    server.clusterset.take(IMPORTS, Listed(Foreign, (web(),), 1, "uid"))
    assert server.code(WEB) == "SERVFAIL"
    server.clusterset.take(SLICE, Listed(Foreign, (), 1, "uid"))
    assert server.answer(WEB) == ["10.96.0.1"]


def test_a_silent_api_server_changes_no_answer_and_a_list_takes_away_what_is_gone() -> None:
    server = Server().listed((web(), db()), (slice("a", "eu", "10.1.0.1"),))
    server.clusterset.take(IMPORTS, Lost(Foreign, "connection refused"))
    assert not server.clusterset.live
    assert (server.answer(WEB), server.answer(DB)) == (["10.96.0.1"], ["10.1.0.1"])
    assert "connection refused; what was seen last is answered" in server.notes[-1].message
    server.clusterset.take(IMPORTS, Resumed(Foreign))
    assert server.clusterset.live
    server.clusterset.take(IMPORTS, Listed(Foreign, (db(),), 9, "uid", ("shop/kept",)))
    assert server.code(WEB) == "NXDOMAIN"
    assert server.clusterset.services == 1


def test_what_cannot_be_read_keeps_what_was_there() -> None:
    server = Server().listed((web(),))
    broken = Foreign(Meta(namespace="shop", name="web"), b'{"spec": {"ips": 5}}')
    server.clusterset.take(IMPORTS, Upserted(broken, 2))
    server.clusterset.take(IMPORTS, Upserted(web(ips=["no address"]), 3))
    assert server.answer(WEB) == ["10.96.0.1"]


def test_a_slice_that_goes_to_another_service_leaves_the_one_before() -> None:
    other = foreign("ServiceImport", "other", spec={"type": "Headless"})
    server = Server().listed((db(), other), (slice("a", "eu", "10.1.0.1"),))
    server.clusterset.take(SLICE, Upserted(slice("a", "eu", "10.1.0.1", service="other"), 2))
    assert server.code(DB) == "NXDOMAIN"
    assert server.answer("other.shop.svc.clusterset.local") == ["10.1.0.1"]


def test_without_it_the_zone_is_somebody_elses() -> None:
    server = Server().listed((web(),))
    server.responder.beside = None
    assert server.code(WEB) == "REFUSED"


def test_the_servers_own_zones_are_answered_as_ever() -> None:
    server = Server().listed()
    assert server.code("nope.example.org") == "NXDOMAIN"
    assert server.code("example.com") == "REFUSED"


def test_an_import_without_an_address_has_no_name_yet() -> None:
    assert (
        names_of(Import(namespace="shop", name="web"), [Standing(cluster="eu", address="10.1.0.1")], Vicinity()) == {}
    )
