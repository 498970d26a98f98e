"""An update message holds as prerequisites all that must be so, and deletes before it adds."""

import dns.rdataclass
import dns.rdatatype
import dns.update
import pytest

from trafficfed.model import NameChange, RecordSet
from trafficfed_providers.dns_records import same_values
from trafficfed_providers.dns_update import check, compare_and_set, unused

ZONE, NAME = "fed.test", "web.fed.test"


def one(rdtype: str, *values: str, ttl: int = 30) -> RecordSet:
    return RecordSet(name=NAME, type=rdtype, ttl=ttl, values=values)


A, AA, SIX = one("A", "192.0.2.1"), one("A", "192.0.2.1", "192.0.2.2"), one("AAAA", "2001:db8::1")
ALIAS = one("CNAME", "lb.example.net.")


def prerequisites(message: dns.update.UpdateMessage) -> set[tuple[str, str]]:
    """(class, type) of each: IN is exact content, NONE is absence, ANY with type ANY is the name's use."""
    return {
        (dns.rdataclass.to_text(rrset.deleting or rrset.rdclass), dns.rdatatype.to_text(rrset.rdtype))
        for rrset in message.prerequisite
    }


def updates(message: dns.update.UpdateMessage) -> list[tuple[str, str]]:
    return [("delete" if rrset.deleting else "add", dns.rdatatype.to_text(rrset.rdtype)) for rrset in message.update]


def test_creation_requires_absence_of_the_types_and_of_a_cname() -> None:
    message = compare_and_set(ZONE, (NameChange(name=NAME, after=(A, SIX)),))
    assert prerequisites(message) == {("NONE", "A"), ("NONE", "AAAA"), ("NONE", "CNAME")}


def test_a_cname_requires_that_the_name_is_not_in_use() -> None:
    message = compare_and_set(ZONE, (NameChange(name=NAME, after=(ALIAS,)),))
    assert prerequisites(message) == {("NONE", "ANY")}


def test_a_cname_in_place_of_addresses_requires_that_nothing_else_is_there() -> None:
    message = compare_and_set(ZONE, (NameChange(name=NAME, before=(A,), after=(ALIAS,)),))
    found = prerequisites(message)
    assert ("IN", "A") in found
    assert {("NONE", rdtype) for rdtype in ("AAAA", "MX", "TXT", "CAA", "NS", "CNAME")} <= found
    assert ("NONE", "A") not in found
    assert updates(message) == [("delete", "A"), ("delete", "CNAME"), ("add", "CNAME")]


def test_a_change_requires_the_whole_content_that_was_read() -> None:
    message = compare_and_set(ZONE, (NameChange(name=NAME, before=(AA, SIX), after=(A, SIX)),))
    exact = [rrset for rrset in message.prerequisite if rrset.rdtype == dns.rdatatype.A]
    assert sorted(rdata.to_text() for rrset in exact for rdata in rrset) == ["192.0.2.1", "192.0.2.2"]
    assert {rrset.ttl for rrset in exact} == {0}
    assert updates(message) == [("delete", "A"), ("add", "A")]


def test_what_stays_the_same_is_required_and_not_written() -> None:
    message = compare_and_set(ZONE, (NameChange(name=NAME, before=(A, SIX), after=(A,)),))
    assert prerequisites(message) == {("IN", "A"), ("IN", "AAAA")}
    assert updates(message) == [("delete", "AAAA")]


def test_the_check_changes_nothing_and_requires_the_outcome() -> None:
    message = check(ZONE, (NameChange(name=NAME, before=(A, SIX), after=(AA,)),))
    assert message.update == []
    assert prerequisites(message) == {("IN", "A"), ("NONE", "AAAA")}


def test_whether_a_name_is_used_is_asked_without_changing_anything() -> None:
    message = unused(ZONE, NAME)
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
