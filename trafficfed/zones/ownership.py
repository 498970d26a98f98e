"""The ownership marker: a TXT record that says which controller owns what at a name, and what it last wrote there.

It stands at ``_trafficfed-owner.<name>`` and reads::

    "trafficfed/1 owner=prod service=default/shop/web state=done A=9f86d081884c7d65 AAAA=-"

Each record type that is ours is followed by a digest of the values we last wrote. While a change is under way at a
provider without transactions the state is ``pending`` and a type carries two digests, of the values before and after;
``-`` stands for no record. Spaces and other unusual characters are percent-encoded.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from urllib.parse import quote, unquote

from trafficfed.model import RecordSet, Value

LABEL = "_trafficfed-owner"
WILDCARD = "_wildcard"
FENCE_LABEL = "_trafficfed"
"""``_trafficfed.<zone>`` is kept for the record that carries the term of a leadership."""

TTL = 300
ABSENT = "-"
_VERSION = "trafficfed/1"
_STRING_OCTETS = 255
"""Octets in one character-string of a TXT record (RFC 1035 section 3.3)."""

_STRING = re.compile(r'"([^"\\]*)"')
_DIGEST_DIGITS = 16


class Marker(Value, frozen=True, kw_only=True):
    """``types`` holds for each record type the digests that its values may have: one, or two while pending."""

    owner: str
    service: str
    types: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @property
    def pending(self) -> bool:
        return any(len(digests) > 1 for _, digests in self.types)

    def digests(self) -> dict[str, tuple[str, ...]]:
        return dict(self.types)


def marker_name(name: str) -> str:
    """Where the marker of a name stands; the wildcard label has none of its own kind below it.

    >>> marker_name("*.example.org")
    '_trafficfed-owner._wildcard.example.org'
    """
    return f"{LABEL}.{WILDCARD}{name[1:]}" if name.startswith("*.") else f"{LABEL}.{name}"


def name_of_marker(name: str) -> str | None:
    """The name whose marker stands here, None where it is no marker's name.

    >>> name_of_marker("_trafficfed-owner._wildcard.example.org")
    '*.example.org'
    """
    if not name.startswith(f"{LABEL}."):
        return None
    marked = name[len(LABEL) + 1 :]
    return f"*{marked[len(WILDCARD) :]}" if marked.startswith(f"{WILDCARD}.") else marked


def digest(record_set: RecordSet | None) -> str:
    """64 bits of SHA-256 over the values. The TTL is left out: prerequisites of RFC 2136 cannot see it."""
    if record_set is None:
        return ABSENT
    return hashlib.sha256("\n".join(record_set.values).encode()).hexdigest()[:_DIGEST_DIGITS]


def done_marker(owner: str, service: str, record_sets: Iterable[RecordSet]) -> Marker:
    """The marker that goes with these record sets once they are written."""
    types = tuple(sorted((record_set.type, (digest(record_set),)) for record_set in record_sets))
    return Marker(owner=owner, service=service, types=types)


def pending_marker(done: Marker, before: Mapping[str, RecordSet], after: Mapping[str, RecordSet]) -> Marker:
    """The marker that stands while record sets (by type) go from ``before`` to ``after`` one by one.

    ``done`` is the marker that will stand afterwards; claims in it on other types are kept.
    """
    types = done.digests() | {
        rdtype: (digest(before.get(rdtype)), digest(after.get(rdtype)))
        for rdtype in before.keys() | after.keys()
        if digest(before.get(rdtype)) != digest(after.get(rdtype))
    }
    return Marker(owner=done.owner, service=done.service, types=tuple(sorted(types.items())))


def marker_set(name: str, marker: Marker) -> RecordSet:
    """The TXT record set that carries the marker of a name.

    >>> marker_set("a.example.org", Marker(owner="prod", service="default/shop/web")).values
    ('"trafficfed/1 owner=prod service=default/shop/web state=done"',)
    """
    words = [
        _VERSION,
        f"owner={quote(marker.owner, safe='/:@')}",
        f"service={quote(marker.service, safe='/:@')}",
        f"state={'pending' if marker.pending else 'done'}",
        *(f"{rdtype}={','.join(digests)}" for rdtype, digests in marker.types),
    ]
    text = " ".join(words)
    strings = [text[at : at + _STRING_OCTETS] for at in range(0, len(text), _STRING_OCTETS)]
    value = " ".join(f'"{string}"' for string in strings)
    return RecordSet(name=marker_name(name), type="TXT", ttl=TTL, values=(value,))


def parse_marker(record_set: RecordSet) -> Marker | None:
    """The marker in a TXT record set, None where it is not one that we understand whole: then it is foreign."""
    if len(record_set.values) != 1:
        return None
    version, *words = "".join(_STRING.findall(record_set.values[0])).split(" ")
    pairs = [word.partition("=")[::2] for word in words]
    if version != _VERSION or [key for key, _ in pairs[:3]] != ["owner", "service", "state"]:
        return None
    (_, owner), (_, service), (_, state), *types = pairs
    marker = Marker(
        owner=unquote(owner),
        service=unquote(service),
        types=tuple((key, tuple(text.split(","))) for key, text in types),
    )
    return marker if state == ("pending" if marker.pending else "done") else None
