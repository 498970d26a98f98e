"""A zone as an elector: with it, two clusters and the zone they write make three. The record stands beside the fence,
at ``_trafficfed-leader.<zone>``, as one TXT record::

    "trafficfed/1 owner=prod holder=eu_5f3c9a01 term=7 renewal=42 lease=10 electorate=eu,us,zone"

and is rewritten with every renewal, which raises the zone's serial every few seconds while the zone has a vote. Every
controller looks twice a second, so it suits a server of one's own: hosted zones count requests (Route 53 takes five a
second of a whole account; Amazon Route 53 developer guide, "Quotas").
"""

import math

import msgspec

from trafficfed.errors import ConfigError, Refused, Transient
from trafficfed.leadership.elector import Conflict, Seen
from trafficfed.leadership.record import Record, joined, parted
from trafficfed.model import NameChange, Outcome, RecordSet
from trafficfed.ports import Provider
from trafficfed.zones.txt_words import txt_pairs, txt_value, word, word_value

LABEL = "_trafficfed-leader"
"""No wish and no marker ever stands below it."""

TTL_S = 1
"""Nobody asks for it through a resolver; whoever does shall not be told old news."""

_KEYS = ["owner", "holder", "term", "renewal", "lease", "electorate"]


class ZoneElector:
    """``name`` is the same at every controller. Give it a provider of its own: a long batch would hold up its calls.

    Raises ConfigError where the provider has no atomic compare-and-set.
    """

    def __init__(self, name: str, provider: Provider, zone: str) -> None:
        if provider.capabilities.fence != "atomic":
            raise ConfigError(
                f"electorate: {name}: a zone elector needs a provider with atomic compare-and-set, and its "
                f"provider has none (fence: {provider.capabilities.fence}): use one of kind rfc2136, route53 or "
                "google, or a cluster as elector"
            )
        self._name, self._provider, self._zone = name, provider, zone
        self._floor_s = provider.capabilities.ttl_floor

    @property
    def name(self) -> str:
        return self._name

    async def read(self, deadline_s: float) -> Seen:
        """Raises Refused where a TXT record that is none of ours stands at the name."""
        at = leader_name(self._zone)
        found = await self._provider.read_names(self._zone, (at,), deadline_s)
        return self._seen(next((there for there in found if (there.name, there.type) == (at, "TXT")), None))

    async def write(self, record: Record, over: Seen, deadline_s: float) -> Seen:
        standing = (msgspec.json.decode(over.version, type=RecordSet),) if over.version else ()
        wanted = leader_set(self._zone, record, max(TTL_S, self._floor_s))
        change = NameChange(name=wanted.name, before=standing, after=(wanted,), reason="who leads")
        (result,) = await self._provider.apply(self._zone, (change,), deadline_s)
        where = f"{wanted.name} at {self._name}"
        match result.outcome:
            case Outcome.CONFLICT:
                raise Conflict(f"{where}: {result.message}")
            case Outcome.REFUSED:
                raise Refused(f"{where}: {result.message}")
            case Outcome.FAILED:
                raise Transient(f"{where}: {result.message}")
        return self._seen(wanted)

    def _seen(self, standing: RecordSet | None) -> Seen:
        if standing is None:
            return Seen()
        record = parse_record(standing)
        if record is None:
            raise Refused(
                f"{standing.name} at {self._name} holds {', '.join(standing.values)}, which is no record of a "
                "leadership: delete it if nobody needs it"
            )
        return Seen(record, msgspec.json.encode(standing).decode())


def leader_name(zone: str) -> str:
    """
    >>> leader_name("fed.example.org")
    '_trafficfed-leader.fed.example.org'
    """
    return f"{LABEL}.{zone}"


def leader_set(zone: str, record: Record, ttl: int = TTL_S) -> RecordSet:
    """The record set that carries a record.

    >>> eu = Record(owner="prod", holder="eu_1", term=7, renewal=2, lease_s=10.0, electorate=("eu", "zone"))
    >>> leader_set("fed.example.org", eu).values
    ('"trafficfed/1 owner=prod holder=eu_1 term=7 renewal=2 lease=10 electorate=eu,zone"',)
    """
    value = txt_value(
        (
            word("owner", record.owner),
            word("holder", record.holder),
            f"term={record.term}",
            f"renewal={record.renewal}",
            f"lease={record.lease_s:g}",
            f"electorate={joined(record.electorate)}",
        )
    )
    return RecordSet(name=leader_name(zone), type="TXT", ttl=ttl, values=(value,))


def parse_record(record_set: RecordSet) -> Record | None:
    """The record in a TXT record set, None where it is not one that we understand whole: then it is foreign."""
    pairs = txt_pairs(record_set)
    if pairs is None or [key for key, _ in pairs] != _KEYS:
        return None
    owner, holder, term, renewal, lease, electorate = (value for _, value in pairs)
    try:
        lease_s = float(lease)
        numbers = int(term), int(renewal)
    except ValueError:
        return None
    if not math.isfinite(lease_s) or lease_s <= 0 or min(numbers) < 0:
        return None
    return Record(
        owner=word_value(owner),
        holder=word_value(holder),
        term=numbers[0],
        renewal=numbers[1],
        lease_s=lease_s,
        electorate=parted(electorate),
    )
