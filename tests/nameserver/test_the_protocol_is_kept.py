"""Headers, EDNS and odd packets: what any client may send, and what it must get back."""

import random
import struct

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import pytest

from trafficfed.model import Member, RecordSet
from trafficfed.nameserver.settings import ServedZone
from trafficfed.testing.nameservers import ask, question, values
from trafficfed.testing.sample_zone import anyone, responder_for, service_row

RESPONDER = responder_for()
CLIENT = "192.0.2.250"


def sent(packet: bytes, stream: bool = False) -> dns.message.Message:
    answer = RESPONDER.answer(packet, CLIENT, stream)
    assert answer is not None
    return dns.message.from_wire(answer)


def with_options(*options: tuple[int, bytes], name: str = "all.example.org") -> bytes:
    given: list[dns.edns.Option] = [dns.edns.GenericOption(dns.edns.OptionType(code), data) for code, data in options]
    return dns.message.make_query(name, "A", use_edns=0, options=given).to_wire()


def test_the_question_comes_back_letter_by_letter() -> None:
    """Resolvers mix upper and lower case at random and check it (draft-vixie-dnsext-dns0x20)."""
    asked = question("aLL.eXample.ORG")
    answer = RESPONDER.answer(asked.to_wire(), CLIENT)
    assert answer is not None
    assert b"\x03aLL\x07eXample\x03ORG\x00" in answer
    response = dns.message.from_wire(answer)
    assert response.answer[0].name.to_text() == "aLL.eXample.ORG."
    assert len(values(response)) == 3


def test_a_denial_keeps_the_letters_too_and_its_soa_points_into_them() -> None:
    response = sent(question("Nope.eXample.ORG").to_wire())
    assert response.authority[0].name.to_text() == "eXample.ORG."


@pytest.mark.parametrize("flags", [0, dns.flags.RD, dns.flags.RD | dns.flags.CD | dns.flags.AD])
def test_only_recursion_desired_is_copied(flags: int) -> None:
    asked = question("all.example.org")
    asked.flags = dns.flags.Flag(flags)
    response = sent(asked.to_wire())
    assert response.flags == dns.flags.QR | dns.flags.AA | (flags & dns.flags.RD)


@pytest.mark.parametrize("opcode", range(1, 16))
def test_another_opcode_is_not_implemented(opcode: int) -> None:
    packet = bytearray(question("all.example.org").to_wire())
    packet[2] |= opcode << 3
    answer = RESPONDER.answer(bytes(packet), CLIENT)
    assert answer is not None
    assert answer[:2] == packet[:2]
    assert answer[2] >> 3 == 16 | opcode
    assert answer[3] == dns.rcode.NOTIMP
    assert len(answer) == 12


@pytest.mark.parametrize("counts", [(0, 0, 0), (2, 0, 0), (1, 1, 0), (1, 0, 1), (65535, 0, 0)])
def test_anything_but_one_question_alone_is_a_format_error(counts: tuple[int, int, int]) -> None:
    packet = bytearray(question("all.example.org", edns=False).to_wire())
    packet[4:10] = struct.pack(">3H", *counts)
    assert sent(bytes(packet)).rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize(
    "name",
    [b"\x03all", b"\x03all\xc0\x0c", b"\x40" + b"a" * 64 + b"\0", (b"\x3f" + b"a" * 63) * 4 + b"\0", b""],
    ids=["cut", "compressed", "long label", "long name", "nothing"],
)
def test_a_malformed_name_is_a_format_error(name: bytes) -> None:
    assert sent(b"\0\1\1\0\0\1\0\0\0\0\0\0" + name).rcode() == dns.rcode.FORMERR
    assert sent(b"\0\1\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1").rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize("name", [b"\x01\0\x03org\0", b"\x03all\x07exam\0le\x03org\0"])
def test_a_label_may_hold_a_zero_octet(name: bytes) -> None:
    inside = name.startswith(b"\x03all")
    response = RESPONDER.answer(b"\0\1\1\0\0\1\0\0\0\0\0\0" + name + b"\0\1\0\1", CLIENT)
    assert response is not None
    assert response[3] & 15 == dns.rcode.REFUSED
    assert inside or name in response


@pytest.mark.parametrize(
    ("kind", "rcode"),
    [("AXFR", "REFUSED"), ("IXFR", "REFUSED"), ("TSIG", "NOTIMP"), ("TKEY", "NOTIMP"), ("MAILB", "NOTIMP")],
)
def test_transfers_are_refused_and_meta_types_not_implemented(kind: str, rcode: str) -> None:
    asked = question("all.example.org", kind)
    assert dns.rcode.to_text(sent(asked.to_wire()).rcode()) == rcode


def test_another_class_is_refused() -> None:
    asked = dns.message.make_query("version.bind", "TXT", "CH")
    assert sent(asked.to_wire()).rcode() == dns.rcode.REFUSED
    asked = dns.message.make_query("all.example.org", "A", "CH")
    assert sent(asked.to_wire()).rcode() == dns.rcode.REFUSED


def test_a_response_is_never_answered() -> None:
    """Else two servers could be made to talk to each other without end."""
    before = RESPONDER.dropped
    asked = question("all.example.org")
    asked.flags |= dns.flags.QR
    assert RESPONDER.answer(asked.to_wire(), CLIENT) is None
    assert RESPONDER.answer(b"\0" * 11, CLIENT) is None
    assert RESPONDER.dropped == before + 2


def test_edns_is_answered_with_our_own_size_and_do_as_asked() -> None:
    plain = sent(question("all.example.org").to_wire())
    assert (plain.edns, plain.payload, plain.ednsflags) == (0, 1232, 0)
    asked = question("all.example.org")
    asked.want_dnssec()
    assert sent(asked.to_wire()).ednsflags == dns.flags.DO
    assert sent(question("all.example.org", edns=False).to_wire()).edns == -1


def test_another_edns_version_is_badvers() -> None:
    """RFC 6891 section 6.1.3: and nothing else is answered."""
    packet = dns.message.make_query("all.example.org", "A", use_edns=1).to_wire()
    response = sent(packet)
    assert response.rcode() == dns.rcode.BADVERS
    assert response.edns == 0
    assert not response.answer


def test_unknown_options_are_passed_over() -> None:
    response = sent(with_options((10, b"cookie!!"), (65001, b""), (8, b"\0\1\x18\0\xc6\x33\x64")))
    assert len(values(response)) == 3
    assert [option.otype for option in response.options] == [dns.edns.OptionType.ECS]


@pytest.mark.parametrize(
    "option",
    [
        b"",
        b"\0\1\x18",
        b"\0\1\x21\0\xc6\x33\x64\1\0",
        b"\0\1\x18\x18\xc6\x33\x64",
        b"\0\1\x18\0\xc6\x33",
        b"\0\1\x18\0\xc6\x33\x64\1",
        b"\0\1\x17\0\xc6\x33\x65",
        b"\0\3\x18\0\xc6\x33\x64",
        b"\0\2\x81\0" + bytes(17),
        b"\0\0\x08\0\xc6",
    ],
    ids=["empty", "short", "prefix", "scope", "few", "many", "beyond", "family", "six", "none"],
)
def test_a_malformed_client_subnet_is_a_format_error(option: bytes) -> None:
    """RFC 7871 section 7.1.2 and 6: octets as the prefix needs, zero beyond it, scope 0, a known family."""
    assert sent(with_options((8, option))).rcode() == dns.rcode.FORMERR


def test_an_option_that_runs_out_of_its_record_is_a_format_error() -> None:
    packet = bytearray(with_options((65001, b"abcd")))
    packet[-6:-4] = b"\0\x05"
    assert sent(bytes(packet)).rcode() == dns.rcode.FORMERR


def test_two_opt_records_are_a_format_error_and_so_is_one_that_names_an_owner() -> None:
    packet = bytearray(question("all.example.org").to_wire())
    packet[10:12] = b"\0\2"
    assert sent(bytes(packet) + packet[-11:]).rcode() == dns.rcode.FORMERR
    packet[10:12] = b"\0\1"
    owned = bytes(packet[:-11]) + b"\x01x" + packet[-11:]
    assert sent(owned).rcode() == dns.rcode.FORMERR


@pytest.mark.parametrize("owner", [b"\0", b"\x01x\0", b"\xc0\x0c", b"\x01x\xc0\x0c"])
def test_other_additional_records_are_passed_over(owner: bytes) -> None:
    packet = bytearray(question("all.example.org").to_wire())
    packet[10:12] = b"\0\2"
    other = owner + b"\0\1\0\1\0\0\0\x1e\0\4\xc0\0\2\1"
    for order in (packet[:-11] + other + packet[-11:], packet + other):
        response = sent(bytes(order))
        assert len(values(response)) == 3
        assert response.edns == 0


def test_octets_behind_the_last_record_are_a_format_error() -> None:
    assert sent(question("all.example.org").to_wire() + b"x").rcode() == dns.rcode.FORMERR
    assert sent(question("all.example.org", edns=False).to_wire() + b"x").rcode() == dns.rcode.FORMERR


BIG = ServedZone(
    name="example.net",
    nameservers=("ns.example.net",),
    mailbox="a@example.net",
    records=(
        RecordSet(name="big.example.net", type="TXT", ttl=30, values=tuple(f'"{"x" * 200}{at}"' for at in range(4))),
        RecordSet(name="huge.example.net", type="TXT", ttl=30, values=tuple(f'"{"x" * 200}{at}"' for at in range(9))),
    ),
)


@pytest.mark.parametrize(
    ("name", "payload", "edns", "fits"),
    [
        ("big", 1232, False, False),
        ("big", 512, True, False),
        ("big", 100, True, False),
        ("big", 1232, True, True),
        ("huge", 4096, True, False),
    ],
)
def test_what_does_not_fit_is_cut_and_complete_over_tcp(name: str, payload: int, edns: bool, fits: bool) -> None:
    """1232 octets at most over UDP, whatever the client says; 512 without EDNS."""
    responder = responder_for((), (BIG,))
    packet = question(f"{name}.example.net", "TXT", payload=payload, edns=edns).to_wire()
    answer = responder.answer(packet, CLIENT)
    assert answer is not None
    response = dns.message.from_wire(answer)
    assert bool(response.flags & dns.flags.TC) is not fits
    assert bool(response.answer) is fits
    assert (response.edns == 0) is edns
    whole = responder.answer(packet, CLIENT, stream=True)
    assert whole is not None
    assert len(dns.message.from_wire(whole).answer[0]) == (4 if name == "big" else 9)


def test_the_largest_service_answer_fits_without_edns() -> None:
    """Eight IPv6 addresses under the longest name: no client needs TCP for a service."""
    label = "a" * 63
    name = f"{label}.{label}.{label}.{'b' * 49}.example.org"
    pool = tuple(Member(cluster=str(at), weight=1, addresses=(f"2001:db8::{at + 1}",)) for at in range(12))
    responder = responder_for((service_row(name, anyone(*pool), name="long"),))
    answer = responder.answer(question(name, "AAAA", edns=False).to_wire(), CLIENT)
    assert answer is not None
    assert len(answer) <= 512
    assert len(dns.message.from_wire(answer).answer[0]) == 8


def test_without_a_table_our_names_are_servfail_and_others_still_refused() -> None:
    """SERVFAIL sends a resolver to the next server; a denial would be kept."""
    responder = responder_for()
    responder.ready = False
    for name in ("all.example.org", "nope.example.org", "example.org", "x.apps.example.org"):
        response = ask(responder, name)
        assert response.rcode() == dns.rcode.SERVFAIL
        assert not response.authority
    assert ask(responder, "example.com").rcode() == dns.rcode.REFUSED


def test_responses_are_counted_by_rcode() -> None:
    responder = responder_for()
    for name in ("all.example.org", "all.example.org", "nope.example.org", "example.com"):
        ask(responder, name)
    responder.answer(dns.message.make_query("all.example.org", "A", use_edns=1).to_wire(), CLIENT)
    assert [responder.rcodes[code] for code in (0, 3, 5, 16)] == [2, 1, 1, 1]


@pytest.mark.slow
def test_no_mutated_packet_ends_the_server_or_gets_an_answer_that_does_not_parse() -> None:
    """20,000 queries with a few octets changed, cut, doubled or inserted; the seed is fixed."""
    chance = random.Random(20_26)
    originals = [
        question("geo.example.org", subnet="198.51.100.7/24").to_wire(),
        question("web.example.org", "AAAA").to_wire(),
        question("nope.x.example.org", edns=False).to_wire(),
        with_options((10, b"cookie!!"), (8, b"\0\2\x30\0\x20\1\x0d\xb8\0\x0a")),
    ]
    unparsed = 0
    for number in range(20_000):
        packet = bytearray(originals[number % len(originals)])
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(packet)) if packet else 0
            choice = chance.randrange(4)
            if choice == 0 and packet:
                packet[at] = chance.randrange(256)
            elif choice == 1:
                del packet[at:]
            elif choice == 2:
                packet[at:at] = chance.randbytes(chance.randint(1, 8))
            else:
                packet += packet[at:]
        answer = RESPONDER.answer(bytes(packet[:4096]), CLIENT, stream=bool(number % 2))
        if answer is not None:
            assert answer[:2] == packet[:2]
            try:
                dns.message.from_wire(answer, ignore_trailing=False)
            except dns.exception.DNSException:
                unparsed += 1
    assert unparsed == 0
