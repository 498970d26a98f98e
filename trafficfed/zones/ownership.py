"""The ownership marker: a TXT record that says which controller owns what at a name, and what it last wrote there.

It stands at ``_trafficfed-owner.<name>`` and reads::

    "trafficfed/1 owner=prod service=default/shop/web state=done A=9f86d081884c7d65 AAAA=-"

Each record type that is ours is followed by a digest of what we last wrote: the values, and where a provider steers by
itself the routing of every set of that type, those below ``_trafficfed-pool.<name>`` included. While a change is under
way at a provider without transactions the state is ``pending`` and a type carries two digests, of the values before
and after; ``-`` stands for no record. Spaces and other unusual characters are percent-encoded.
"""

import hashlib
from collections.abc import Iterable, Mapping

import msgspec

from trafficfed.model import RecordSet, Value
from trafficfed.zones.txt_words import txt_pairs, txt_value, word, word_value

LABEL = "_trafficfed-owner"
WILDCARD = "_wildcard"
FENCE_LABEL = "_trafficfed"
"""``_trafficfed.<zone>`` is kept for the record that carries the term of a leadership."""

POOL_LABEL = "_trafficfed-pool"
"""Below ``_trafficfed-pool.<name>`` stand the record sets that aliases at the name lead to."""

TTL = 300
ABSENT = "-"
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


def pool_name(name: str, branch: str) -> str:
    """Where the sets of one branch of a name's routing stand; ``branch`` is a single label.

    >>> pool_name("*.example.org", "continent-eu")
    'continent-eu._trafficfed-pool._wildcard.example.org'
    """
    return f"{branch}.{POOL_LABEL}.{WILDCARD if name.startswith('*.') else ''}{name.removeprefix('*')}"


def name_of_pool(name: str) -> str | None:
    """The name whose routing leads here, None where it is no such name.

    >>> name_of_pool("continent-eu._trafficfed-pool._wildcard.example.org")
    '*.example.org'
    """
    label, _, named = name.partition(".")[2].partition(".")
    if label != POOL_LABEL:
        return None
    return f"*{named[len(WILDCARD) :]}" if named.startswith(f"{WILDCARD}.") else named


def by_type(record_sets: Iterable[RecordSet]) -> dict[str, tuple[RecordSet, ...]]:
    """Record sets of one name and its branches, those of a type together: they are ours together, or not at all."""
    groups: dict[str, list[RecordSet]] = {}
    for record_set in record_sets:
        groups.setdefault(record_set.type, []).append(record_set)
    return {rdtype: tuple(group) for rdtype, group in groups.items()}


def set_id(record_set: RecordSet) -> str:
    """What tells a set from the others of its name and type, empty for a plain one."""
    return record_set.routing.set_id if record_set.routing else ""


def digest(record_set: RecordSet | None) -> str:
    """64 bits of SHA-256 over the values. The TTL is left out: prerequisites of RFC 2136 cannot see it."""
    if record_set is None:
        return ABSENT
    return _hash("\n".join(record_set.values).encode())


def digest_of(group: Iterable[RecordSet]) -> str:
    """The digest of all sets of one type together: of their names, routing and values, in whatever order they come."""
    sets = sorted(group, key=lambda found: (found.name, set_id(found)))
    if not sets:
        return ABSENT
    if len(sets) == 1 and not (sets[0].routing or sets[0].alias or name_of_pool(sets[0].name)):
        return digest(sets[0])
    return _hash(msgspec.json.encode([msgspec.structs.replace(found, ttl=0) for found in sets]))


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:_DIGEST_DIGITS]


def done_marker(owner: str, service: str, record_sets: Iterable[RecordSet]) -> Marker:
    """The marker that goes with these record sets once they are written."""
    types = tuple(sorted((rdtype, (digest_of(group),)) for rdtype, group in by_type(record_sets).items()))
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
    words = (
        word("owner", marker.owner),
        word("service", marker.service),
        f"state={'pending' if marker.pending else 'done'}",
        *(f"{rdtype}={','.join(digests)}" for rdtype, digests in marker.types),
    )
    return RecordSet(name=marker_name(name), type="TXT", ttl=TTL, values=(txt_value(words),))


def parse_marker(record_set: RecordSet) -> Marker | None:
    """The marker in a TXT record set, None where it is not one that we understand whole: then it is foreign."""
    pairs = txt_pairs(record_set)
    if pairs is None or [key for key, _ in pairs[:3]] != ["owner", "service", "state"]:
        return None
    (_, owner), (_, service), (_, state), *types = pairs
    marker = Marker(
        owner=word_value(owner),
        service=word_value(service),
        types=tuple((key, tuple(text.split(","))) for key, text in types),
    )
    return marker if state == ("pending" if marker.pending else "done") else None
