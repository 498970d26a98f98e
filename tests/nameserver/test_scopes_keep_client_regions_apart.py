"""The scope of a Client Subnet answer: as short as is right, never 0 for an answer that another client may not get."""

import ipaddress
from pathlib import Path

import dns.edns
import dns.message
import pytest
from mmdb_writer import MMDBWriter
from netaddr import IPSet

from trafficfed.errors import ConfigError
from trafficfed.model import Client
from trafficfed.nameserver.settings import Place
from trafficfed.nameserver.whereabouts import Whereabouts, client_of
from trafficfed.testing.nameservers import ask, question, scope, values
from trafficfed.testing.sample_zone import AP, EU, US, anyone, only, responder_for, service_row

EU_ROW = service_row("web.example.org", only("continent", "EU", EU), anyone(AP))


@pytest.fixture
def mmdb(tmp_path: Path) -> Path:
    """A GeoLite2-City-shaped database: Germany with a hole, California, and an IPv6 range."""
    writer = MMDBWriter(6, "GeoLite2-City", languages=["en"], ipv4_compatible=True)
    for network, record in (
        ("198.51.96.0/20", {"country": {"iso_code": "DE"}, "continent": {"code": "EU"}}),
        ("203.0.112.0/22", {"country": {"iso_code": "US"}, "subdivisions": [{"iso_code": "CA"}]}),
        ("2001:db8:a000::/36", {"country": {"iso_code": "FR"}, "continent": {"code": "EU"}}),
    ):
        writer.insert_network(IPSet([network]), record)
    path = tmp_path / "places.mmdb"
    writer.to_db_file(str(path))
    return path


@pytest.mark.parametrize(
    ("subnet", "answer", "expected"),
    [
        ("198.51.100.0/24", ("192.0.2.1",), 24),
        ("198.51.100.77/32", ("192.0.2.1",), 24),
        ("198.51.101.0/24", ("192.0.2.3",), 24),
        ("198.51.103.0/24", ("192.0.2.3",), 23),
        ("192.0.2.0/24", ("192.0.2.3",), 6),
        ("2001:db8:a:1::/64", (), 48),
        ("203.0.113.0/24", ("192.0.2.3",), 24),
    ],
)
def test_static_places_give_their_own_blocks(subnet: str, answer: tuple[str, ...], expected: int) -> None:
    """The third and fourth: what lies beside a place shares its answer only up to that place's edge."""
    response = ask(responder_for((EU_ROW,)), "web.example.org", "A", subnet)
    if ":" in subnet:
        response = ask(responder_for((EU_ROW,)), "web.example.org", "AAAA", subnet)
        answer = ("2001:db8::1",)
    assert (values(response), scope(response)) == (answer, expected)


@pytest.mark.parametrize(
    ("subnet", "answer", "expected"),
    [
        ("198.51.100.0/24", ("192.0.2.1",), 20),
        ("198.51.100.0/8", ("192.0.2.3",), 11),
        ("203.0.113.0/24", ("192.0.2.3",), 22),
        ("192.0.2.0/24", ("192.0.2.3",), 6),
    ],
)
def test_the_databases_networks_give_the_scope(mmdb: Path, subnet: str, answer: tuple[str, ...], expected: int) -> None:
    """Addresses that the database lacks have a block too. (In the second a resolver gave too few bits.)"""
    responder = responder_for((EU_ROW,), whereabouts=Whereabouts((), str(mmdb)))
    response = ask(responder, "web.example.org", "A", subnet)
    assert (values(response), scope(response)) == (answer, expected)


def test_network_rules_and_the_database_count_together(mmdb: Path) -> None:
    """A rule's /26 inside the database's /20 cuts it; within the rule's own block places do not matter."""
    row = service_row(
        "web.example.org", only("network", "198.51.100.64/26", US), only("continent", "EU", EU), anyone(AP)
    )
    responder = responder_for((row,), whereabouts=Whereabouts((), str(mmdb)))
    found = {
        subnet: (values(response), scope(response))
        for subnet in ("198.51.100.64/32", "198.51.100.1/32", "198.51.100.200/32", "198.51.101.0/24", "198.51.104.0/24")
        for response in (ask(responder, "web.example.org", "A", subnet),)
    }
    assert found == {
        "198.51.100.64/32": (("192.0.2.2",), 26),
        "198.51.100.1/32": (("192.0.2.1",), 26),
        "198.51.100.200/32": (("192.0.2.1",), 25),
        "198.51.101.0/24": (("192.0.2.1",), 24),
        "198.51.104.0/24": (("192.0.2.1",), 21),
    }


def test_a_name_with_network_rules_only_does_not_look_at_places(mmdb: Path) -> None:
    row = service_row("web.example.org", only("network", "198.0.0.0/8", US), anyone(AP))
    responder = responder_for((row,), whereabouts=Whereabouts((), str(mmdb)))
    assert scope(ask(responder, "web.example.org", "A", "198.51.100.0/24")) == 8
    assert scope(ask(responder, "web.example.org", "A", "199.51.100.0/24")) == 8
    assert scope(ask(responder, "web.example.org", "A", "9.0.0.0/24")) == 1


def test_source_zero_gets_the_default_answer_with_scope_zero() -> None:
    """Even from a resolver whose own place is known: its client asked not to be located (RFC 7871 section 7.1.2)."""
    response = ask(responder_for((EU_ROW,)), "web.example.org", "A", "0.0.0.0/0", client="198.51.100.1")
    assert (values(response), scope(response)) == (("192.0.2.3",), 0)
    packet = dns.message.make_query(
        "web.example.org", "A", use_edns=0, options=[dns.edns.GenericOption(dns.edns.OptionType.ECS, bytes(4))]
    ).to_wire()
    answer = responder_for((EU_ROW,)).answer(packet, "198.51.100.1")
    assert answer is not None
    assert answer.endswith(b"\0\x08\0\x04\0\0\0\0"), "family 0, as dig sends for +subnet=0, comes back as it was"


def test_without_a_subnet_the_resolvers_address_locates_and_none_is_answered() -> None:
    responder = responder_for((EU_ROW,))
    response = ask(responder, "web.example.org", "A", client="198.51.100.1")
    assert (values(response), scope(response)) == (("192.0.2.1",), None)
    assert values(ask(responder, "web.example.org", "A", client="192.0.2.1")) == ("192.0.2.3",)


def test_a_client_dependent_answer_has_no_scope_zero_even_where_no_place_is_known() -> None:
    """Place data may come later; what a resolver kept for everybody would then be wrong for many."""
    responder = responder_for((EU_ROW,), whereabouts=Whereabouts())
    assert scope(ask(responder, "web.example.org", "A", "198.51.100.0/24")) == 1
    assert scope(ask(responder, "web.example.org", "AAAA", "2001:db8::/56")) == 1


@pytest.mark.parametrize("name", ["all", "web", "nope", "ns1", "cdn"])
def test_what_is_the_same_for_everybody_has_scope_zero(name: str) -> None:
    assert scope(ask(responder_for(), f"{name}.example.org", "A", "198.51.100.0/24")) == 0


def test_rules_that_give_the_same_are_no_difference() -> None:
    row = service_row("web.example.org", only("continent", "EU", US), anyone(US))
    assert scope(ask(responder_for((row,)), "web.example.org", "A", "198.51.100.0/24")) == 0


def test_the_subnet_comes_back_as_it_was_asked() -> None:
    packet = question("geo.example.org", subnet="198.51.100.128/25").to_wire()
    answer = responder_for().answer(packet, "192.0.2.250")
    assert answer is not None
    assert answer.endswith(b"\0\x08\0\x08\0\1\x19\x18\xc6\x33\x64\x80")


def test_places_go_before_the_database_and_the_rest_of_it_shrinks(mmdb: Path) -> None:
    whereabouts = Whereabouts((Place(network="198.51.100.0/24", continent="NA"),), str(mmdb))
    assert whereabouts.locate("198.51.100.9").client.continent == "NA"
    beside = whereabouts.locate("198.51.101.9")
    assert (beside.client.country, beside.prefix) == ("DE", 24)


def test_packed_addresses_locate_like_their_text(mmdb: Path) -> None:
    whereabouts = Whereabouts((), str(mmdb))
    for text in ("198.51.100.9", "203.0.113.9", "2001:db8:a000::1", "192.0.2.1"):
        assert whereabouts.locate(ipaddress.ip_address(text).packed) == whereabouts.locate(text)


def test_the_databases_places_are_read_with_what_they_imply(mmdb: Path) -> None:
    whereabouts = Whereabouts((), str(mmdb))
    assert whereabouts.locate("203.0.113.1").client == Client("203.0.113.1", "NA", "US", "US-CA")
    assert whereabouts.locate("192.0.2.1").client == Client("192.0.2.1")


@pytest.mark.parametrize(
    ("record", "place"),
    [
        ({"country_code": "JP"}, ("AS", "JP", "")),
        ({"country": {"iso_code": "de"}, "continent": {"code": "eu"}}, ("EU", "DE", "")),
        ({"continent": {"code": "AF"}}, ("AF", "", "")),
        ({"country": "DE", "subdivisions": "BE"}, ("", "", "")),
        ({"country": {"iso_code": "US"}, "subdivisions": []}, ("NA", "US", "")),
        (None, ("", "", "")),
        ("DE", ("", "", "")),
    ],
)
def test_records_of_every_shape_are_taken_for_what_they_say(record: object, place: tuple[str, str, str]) -> None:
    assert client_of("192.0.2.1", record) == Client("192.0.2.1", *place)


def test_a_database_for_ipv4_only_knows_no_ipv6_client(tmp_path: Path) -> None:
    writer = MMDBWriter(4, "GeoLite2-Country")
    writer.insert_network(IPSet(["198.51.100.0/24"]), {"country": {"iso_code": "DE"}})
    writer.to_db_file(str(tmp_path / "four.mmdb"))
    whereabouts = Whereabouts((), str(tmp_path / "four.mmdb"))
    assert whereabouts.locate("198.51.100.1").client.country == "DE"
    assert whereabouts.locate("2001:db8::1").client == Client("2001:db8::1")


def test_a_replaced_database_is_read_again_and_a_broken_one_is_not(tmp_path: Path, mmdb: Path) -> None:
    whereabouts = Whereabouts((), str(mmdb))
    assert whereabouts.locate("198.51.100.1").client.country == "DE"
    assert whereabouts.refresh() is False
    writer = MMDBWriter(6, "GeoLite2-Country", ipv4_compatible=True)
    writer.insert_network(IPSet(["198.51.96.0/20"]), {"country": {"iso_code": "CH"}})
    writer.to_db_file(str(tmp_path / "new"))
    (tmp_path / "new").rename(mmdb)
    assert whereabouts.refresh() is True
    assert whereabouts.locate("198.51.100.1").client.country == "CH"
    (tmp_path / "broken").write_bytes(b"no database")
    (tmp_path / "broken").rename(mmdb)
    with pytest.raises(ConfigError, match=r"nameserver.mmdb .*places.mmdb: "):
        whereabouts.refresh()
    assert whereabouts.locate("198.51.100.1").client.country == "CH"


def test_an_ipv6_zone_is_no_part_of_the_address() -> None:
    whereabouts = Whereabouts((Place(network="fe80::/10", continent="EU"),))
    assert whereabouts.locate("fe80::1%eth0").client == Client("fe80::1", "EU")


def test_a_damaged_record_is_a_client_of_unknown_place_and_is_counted(mmdb: Path) -> None:
    data = bytearray(mmdb.read_bytes())
    at = data.index(b"iso_code") - 1
    data[at] = 0xFF  # a type that does not exist
    damaged = mmdb.with_name("damaged.mmdb")
    damaged.write_bytes(data)
    whereabouts = Whereabouts((), str(damaged))
    found = [whereabouts.locate(text) for text in ("198.51.100.1", "203.0.113.1", "2001:db8:a000::1")]
    assert any(each.client == Client(each.client.address) and each.prefix == each.bits for each in found)
    assert whereabouts.unreadable > 0


def test_a_missing_database_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nameserver.mmdb .*none.mmdb: No such file or directory"):
        Whereabouts((), str(tmp_path / "none.mmdb"))
