"""RFC 2136 update messages for compare-and-set of whole names."""

import itertools
from collections.abc import Iterable, Sequence

import dns.name
import dns.rdataclass
import dns.rdatatype
import dns.update

from trafficfed.model import NameChange, RecordSet
from trafficfed_providers.dns_rdata import Records, name_wire, rdata_wire, type_number

OTHER_TYPES = (
    "A", "AAAA", "CAA", "CNAME", "DNAME", "HINFO", "HTTPS", "LOC", "MX", "NAPTR", "NS", "OPENPGPKEY", "PTR",
    "SMIMEA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT", "URI",
)  # fmt: skip
"""Types that are looked for beside a CNAME: no prerequisite says "nothing but this type" (RFC 2136 section 2.4)."""

_IN, _NONE, _ANY = int(dns.rdataclass.IN), int(dns.rdataclass.NONE), int(dns.rdataclass.ANY)
_ANY_TYPE = int(dns.rdatatype.ANY)

_Key = tuple[str, str]


def compare_and_set(
    zone: str, changes: Sequence[NameChange], fence: RecordSet | None = None
) -> dns.update.UpdateMessage:
    """One message: all of ``before`` exactly present, all that only ``after`` has absent; then the difference.

    ``fence`` has to be exactly present too (RFC 2136 section 2.4.2): the server compares it as it carries out the rest.

    A server skips in silence a CNAME beside other data and other data beside a CNAME (RFC 2136 section 3.4.2.2), so
    both cases are prerequisites too. Deletions come first: the section is carried out in order. Raises
    dns.exception.DNSException or OSError where a record is not valid.
    """
    required, written = Records(), Records()
    if fence is not None:
        _present(required, fence)
    for change in changes:
        before, after = _by_key(change.before), _by_key(change.after)
        for name, rdtype in _must_be_absent(before, after):
            _absent(required, name, rdtype)
        for record_set in change.before:
            _present(required, record_set)
        for name, rdtype in sorted(before.keys() - after.keys()):
            _delete(written, name, rdtype)
        for key, record_set in after.items():
            if before.get(key) != record_set:
                _delete(written, *key)
                _add(written, record_set)
    return _message(zone, required, written)


def check(zone: str, changes: Sequence[NameChange]) -> dns.update.UpdateMessage:
    """A message that changes nothing and succeeds only where every ``after`` is in the zone exactly so.

    Prerequisites see the data itself: neither wildcards nor caches can feign an answer. They do not see TTLs.
    """
    required = Records()
    for change in changes:
        before, after = _by_key(change.before), _by_key(change.after)
        for record_set in change.after:
            _present(required, record_set)
        for name, rdtype in sorted(before.keys() - after.keys()):
            _absent(required, name, rdtype)
    return _message(zone, required)


def unused(zone: str, name: str) -> dns.update.UpdateMessage:
    """A message that changes nothing and succeeds only where the name owns no record (RFC 2136 section 2.4.5)."""
    required = Records()
    _absent(required, name, "")
    return _message(zone, required)


def absolute(name: str) -> dns.name.Name:
    return dns.name.from_text(name)


def _message(zone: str, required: Records, written: Records | None = None) -> dns.update.UpdateMessage:
    message = dns.update.UpdateMessage(absolute(zone))
    message.sections[1:3] = [[required], [written] if written else []]  # type: ignore[list-item]
    return message


def _present(required: Records, record_set: RecordSet) -> None:
    """Exact content, value by value (RFC 2136 section 2.4.2)."""
    name, rdtype = name_wire(record_set.name), type_number(record_set.type)
    for value in record_set.values:
        required.add(name, rdtype, _IN, 0, rdata_wire(record_set.type, value))


def _absent(required: Records, name: str, rdtype: str) -> None:
    """No such RRset, or with an empty type no record at all at the name (RFC 2136 sections 2.4.3 and 2.4.5)."""
    required.add(name_wire(name), type_number(rdtype) if rdtype else _ANY_TYPE, _NONE)


def _delete(written: Records, name: str, rdtype: str) -> None:
    written.add(name_wire(name), type_number(rdtype), _ANY)


def _add(written: Records, record_set: RecordSet) -> None:
    name, rdtype = name_wire(record_set.name), type_number(record_set.type)
    for value in record_set.values:
        written.add(name, rdtype, _IN, record_set.ttl, rdata_wire(record_set.type, value))


def _by_key(sets: Iterable[RecordSet]) -> dict[_Key, RecordSet]:
    return {(record_set.name, record_set.type): record_set for record_set in sets}


def _must_be_absent(before: dict[_Key, RecordSet], after: dict[_Key, RecordSet]) -> list[_Key]:
    """Names (with empty type) and RRsets that must not be there: new ones, and what cannot live beside the new ones."""
    absent = set(after.keys() - before.keys())
    for name, keys in itertools.groupby(sorted(after.keys() - before.keys()), key=lambda key: key[0]):
        old_types = {rdtype for owner, rdtype in before if owner == name}
        if any(rdtype == "CNAME" for _, rdtype in keys):
            absent = {key for key in absent if key[0] != name}
            absent |= (
                {(name, rdtype) for rdtype in OTHER_TYPES if rdtype not in old_types} if old_types else {(name, "")}
            )
        elif "CNAME" not in old_types:
            absent.add((name, "CNAME"))
    return sorted(absent)
