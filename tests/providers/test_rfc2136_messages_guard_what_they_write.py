"""An update message holds as prerequisites all that must be so, and deletes before it adds."""

from collections.abc import Callable, Sequence

import dns.exception
import dns.message
import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype
import dns.update
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.model import NameChange, RecordSet
from trafficfed_providers.dns_rdata import name_wire, rdata_wire
from trafficfed_providers.dns_records import same_values
from trafficfed_providers.dns_update import check, compare_and_set, unused

ZONE, NAME = "fed.test", "web.fed.test"


def one(rdtype: str, *values: str, ttl: int = 30) -> RecordSet:
    return RecordSet(name=NAME, type=rdtype, ttl=ttl, values=values)


A, AA, SIX = one("A", "192.0.2.1"), one("A", "192.0.2.1", "192.0.2.2"), one("AAAA", "2001:db8::1")
ALIAS = one("CNAME", "lb.example.net.")


Build = Callable[[str, Sequence[NameChange]], dns.update.UpdateMessage]


def parsed(message: dns.update.UpdateMessage) -> dns.update.UpdateMessage:
    """What a server reads, by a parser that is not ours."""
    read = dns.message.from_wire(message.to_wire())
    assert isinstance(read, dns.update.UpdateMessage)
    return read


def sent(build: Build, changes: Sequence[NameChange]) -> dns.update.UpdateMessage:
    return parsed(build(ZONE, changes))


def prerequisites(message: dns.update.UpdateMessage) -> set[tuple[str, str]]:
    """(class, type) of each: IN is exact content, NONE is absence, ANY with type ANY is the name's use."""
    return {
        (dns.rdataclass.to_text(rrset.deleting or rrset.rdclass), dns.rdatatype.to_text(rrset.rdtype))
        for rrset in message.prerequisite
    }


def updates(message: dns.update.UpdateMessage) -> list[tuple[str, str]]:
    return [("delete" if rrset.deleting else "add", dns.rdatatype.to_text(rrset.rdtype)) for rrset in message.update]


def test_creation_requires_absence_of_the_types_and_of_a_cname() -> None:
    message = sent(compare_and_set, (NameChange(name=NAME, after=(A, SIX)),))
    assert prerequisites(message) == {("NONE", "A"), ("NONE", "AAAA"), ("NONE", "CNAME")}


def test_a_cname_requires_that_the_name_is_not_in_use() -> None:
    message = sent(compare_and_set, (NameChange(name=NAME, after=(ALIAS,)),))
    assert prerequisites(message) == {("NONE", "ANY")}


def test_a_cname_in_place_of_addresses_requires_that_nothing_else_is_there() -> None:
    message = sent(compare_and_set, (NameChange(name=NAME, before=(A,), after=(ALIAS,)),))
    found = prerequisites(message)
    assert ("IN", "A") in found
    assert {("NONE", rdtype) for rdtype in ("AAAA", "MX", "TXT", "CAA", "NS", "CNAME")} <= found
    assert ("NONE", "A") not in found
    assert updates(message) == [("delete", "A"), ("delete", "CNAME"), ("add", "CNAME")]


def test_a_change_requires_the_whole_content_that_was_read() -> None:
    message = sent(compare_and_set, (NameChange(name=NAME, before=(AA, SIX), after=(A, SIX)),))
    exact = [rrset for rrset in message.prerequisite if rrset.rdtype == dns.rdatatype.A]
    assert sorted(rdata.to_text() for rrset in exact for rdata in rrset) == ["192.0.2.1", "192.0.2.2"]
    assert {rrset.ttl for rrset in exact} == {0}
    assert updates(message) == [("delete", "A"), ("add", "A")]


def test_what_stays_the_same_is_required_and_not_written() -> None:
    message = sent(compare_and_set, (NameChange(name=NAME, before=(A, SIX), after=(A,)),))
    assert prerequisites(message) == {("IN", "A"), ("IN", "AAAA")}
    assert updates(message) == [("delete", "AAAA")]


def test_the_check_changes_nothing_and_requires_the_outcome() -> None:
    message = sent(check, (NameChange(name=NAME, before=(A, SIX), after=(AA,)),))
    assert message.update == []
    assert prerequisites(message) == {("IN", "A"), ("NONE", "AAAA")}


def test_whether_a_name_is_used_is_asked_without_changing_anything() -> None:
    message = parsed(unused(ZONE, NAME))
    assert message.update == []
    assert prerequisites(message) == {("NONE", "ANY")}


@pytest.mark.parametrize(
    ("one_set", "other", "same"),
    [
        (A, A, True),
        (A, AA, False),
        (A, None, False),
        (None, None, True),
        (ALIAS, one("CNAME", "LB.example.net."), True),
        (SIX, one("AAAA", "2001:DB8:0::1"), True),
    ],
)
def test_record_sets_are_the_same_where_their_data_is(
    one_set: RecordSet | None, other: RecordSet | None, same: bool
) -> None:
    assert same_values(one_set, other) is same


@pytest.mark.parametrize(
    "name",
    ["a.fed.test", "*.fed.test", "_trafficfed-owner._wildcard.fed.test", "UPPER.Fed.test.", r"a\.b.fed.test", "x" * 63],
)
def test_names_are_written_as_the_library_writes_them(name: str) -> None:
    assert name_wire(name) == dns.name.from_text(name).canonicalize().to_wire()


@pytest.mark.parametrize("name", ["", "a..b", "x" * 64, ".".join(["x" * 60] * 5)])
def test_names_that_are_none_are_told(name: str) -> None:
    if name == "":
        assert name_wire(name) == b"\0"
    else:
        with pytest.raises(dns.exception.DNSException):
            name_wire(name)


@pytest.mark.parametrize(
    ("rdtype", "value"),
    [
        ("A", "192.0.2.1"),
        ("AAAA", "2001:db8::1"),
        ("AAAA", "::ffff:192.0.2.1"),
        ("CNAME", "lb.example.net."),
        ("TXT", '"trafficfed/1 owner=prod service=a/b/c state=done"'),
        ("TXT", '"one" "two"'),
        ("TXT", r'"with \"quotes\" and \200"'),
        ("TXT", "bare"),
        ("MX", "10 mail.example.net."),
        ("CAA", '0 issue "ca.example.net"'),
    ],
)
def test_values_are_written_as_the_library_writes_them(rdtype: str, value: str) -> None:
    assert rdata_wire(rdtype, value) == dns.rdata.from_text("IN", rdtype, value).to_wire()


@pytest.mark.parametrize(("rdtype", "value"), [("A", "192.0.2"), ("AAAA", "x"), ("CNAME", "a..b."), ("MX", "mail")])
def test_values_that_are_none_are_told(rdtype: str, value: str) -> None:
    with pytest.raises((dns.exception.DNSException, OSError)):
        rdata_wire(rdtype, value)


@given(
    st.text(st.characters(codec="ascii", exclude_characters='"\\', exclude_categories=["Cc"]), min_size=1, max_size=255)
)
def test_any_plain_text_is_written_as_the_library_writes_it(text: str) -> None:
    value = f'"{text}"'
    assert rdata_wire("TXT", value) == dns.rdata.from_text("IN", "TXT", value).to_wire()
