"""RFC 2136 update messages for compare-and-set of whole names."""

import itertools
from collections.abc import Iterable, Sequence

import dns.message
import dns.name
import dns.rcode
import dns.update

from trafficfed.model import NameChange, RecordSet

OTHER_TYPES = (
    "A", "AAAA", "CAA", "CNAME", "DNAME", "HINFO", "HTTPS", "LOC", "MX", "NAPTR", "NS", "OPENPGPKEY", "PTR",
    "SMIMEA", "SPF", "SRV", "SSHFP", "SVCB", "TLSA", "TXT", "URI",
)  # fmt: skip
"""Types that are looked for beside a CNAME: no prerequisite says "nothing but this type" (RFC 2136 section 2.4)."""

_Key = tuple[str, str]


def compare_and_set(zone: str, changes: Sequence[NameChange]) -> dns.update.UpdateMessage:
    """One message: all of ``before`` exactly present, all that only ``after`` has absent; then the difference.

    A server skips in silence a CNAME beside other data and other data beside a CNAME (RFC 2136 section 3.4.2.2), so
    both cases are prerequisites too. Deletions come first: the section is carried out in order.
    """
    message = dns.update.UpdateMessage(absolute(zone))
    for change in changes:
        before, after = _by_key(change.before), _by_key(change.after)
        for name, rdtype in _must_be_absent(before, after):
            message.absent(absolute(name), rdtype or None)
        for record_set in change.before:
            _require(message, record_set)
        for key in before.keys() - after.keys():
            message.delete(absolute(key[0]), key[1])
        for key, record_set in after.items():
            if before.get(key) != record_set:
                message.replace(absolute(key[0]), record_set.ttl, key[1], *record_set.values)
    return message


def check(zone: str, changes: Sequence[NameChange]) -> dns.update.UpdateMessage:
    """A message that changes nothing and succeeds only where every ``after`` is in the zone exactly so.

    Prerequisites see the data itself: neither wildcards nor caches can feign an answer. They do not see TTLs.
    """
    message = dns.update.UpdateMessage(absolute(zone))
    for change in changes:
        before, after = _by_key(change.before), _by_key(change.after)
        for record_set in change.after:
            _require(message, record_set)
        for name, rdtype in sorted(before.keys() - after.keys()):
            message.absent(absolute(name), rdtype)
    return message


def unused(zone: str, name: str) -> dns.update.UpdateMessage:
    """A message that changes nothing and succeeds only where the name owns no record (RFC 2136 section 2.4.5)."""
    message = dns.update.UpdateMessage(absolute(zone))
    message.absent(absolute(name))
    return message


def absolute(name: str) -> dns.name.Name:
    return dns.name.from_text(name)


def _by_key(sets: Iterable[RecordSet]) -> dict[_Key, RecordSet]:
    return {(record_set.name, record_set.type): record_set for record_set in sets}


def _require(message: dns.update.UpdateMessage, record_set: RecordSet) -> None:
    for value in record_set.values:
        message.present(absolute(record_set.name), record_set.type, value)


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
