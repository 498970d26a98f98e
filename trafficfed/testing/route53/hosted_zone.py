"""One hosted zone: its record sets, and change batches that are carried out whole or not at all."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trafficfed.testing.route53.names import lies_in, sort_key, stored
from trafficfed.testing.route53.record_rules import Record, faults, label, policy_of, require_form

ELEMENTS_MAX = 1000
CHARACTERS_MAX = 32_000
"""Limits of one ChangeResourceRecordSets request; with UPSERT everything counts twice (Developer Guide, quotas)."""

PAGE = 300
WEIGHTED_MAX = 100
APEX_SETS = ("NS", "SOA")

Key = tuple[str, str, str]


class InvalidChangeBatch(ValueError):
    """The batch was refused as a whole; ``messages`` say what is wrong with which change."""

    def __init__(self, messages: Sequence[str]) -> None:
        super().__init__(f"[{', '.join(messages)}]")
        self.messages = tuple(messages)


def normal(record: Mapping[str, Any]) -> Record:
    """A record set with its names as they are stored."""
    found = {**record, "Name": stored(record["Name"])}
    if "AliasTarget" in found:
        found["AliasTarget"] = {**found["AliasTarget"], "DNSName": stored(found["AliasTarget"]["DNSName"])}
    return found


def key_of(record: Mapping[str, Any]) -> Key:
    return sort_key(record["Name"]), record["Type"], record.get("SetIdentifier", "")


class HostedZone:
    """Record sets by key; ``private`` zones are not seen by the world."""

    def __init__(self, zone_id: str, name: str, *, private: bool = False) -> None:
        self.id = zone_id
        self.name = stored(name)
        self.private = private
        self.nameservers = tuple(f"ns-{number}.awsdns-{number:02}.example" for number in range(4))
        self._records: dict[Key, Record] = {}
        values = [{"Value": f"{server}."} for server in self.nameservers]
        soa = [{"Value": f"{self.nameservers[0]}. hostmaster.example. 1 7200 900 1209600 86400"}]
        for rdtype, records in (("NS", values), ("SOA", soa)):
            self.put({"Name": self.name, "Type": rdtype, "TTL": 172800, "ResourceRecords": records})

    def records(self) -> list[Record]:
        """Everything, in the order of listings."""
        return [record for _, record in sorted(self._records.items())]

    def put(self, record: Mapping[str, Any]) -> None:
        """Write a record set as somebody with another tool would, over whatever has its name, type and identifier."""
        self._records[key_of(normal(record))] = normal(record)

    def remove(self, name: str, rdtype: str) -> None:
        """Take away all record sets of a name and type."""
        gone = [key for key in self._records if key[:2] == (sort_key(stored(name)), rdtype)]
        for key in gone:
            del self._records[key]

    def page(self, start: tuple[str, str, str], limit: int) -> tuple[list[Record], Record | None]:
        """Up to ``limit`` record sets from a key on, and the first that did not fit."""
        keys = [key for key in sorted(self._records) if key >= start][: limit + 1]
        found = [self._records[key] for key in keys]
        return found[:limit], found[limit] if len(found) > limit else None

    def apply(self, changes: Sequence[Mapping[str, Any]]) -> None:
        """Carry out a batch. Raises InvalidInput or InvalidChangeBatch, and then nothing has changed."""
        batch = [(change["Action"], normal(change["ResourceRecordSet"])) for change in changes]
        for action, record in batch:
            require_form(action, record)
        messages = [*_limits(batch), *_sequence_faults(batch)]
        work = dict(self._records)
        for action, record in batch:
            messages += self._step(work, action, record)
        if messages:
            raise InvalidChangeBatch(messages)
        self._records = work

    def _step(self, work: dict[Key, Record], action: str, record: Record) -> Iterator[str]:
        """One change on the working copy; yields what is wrong with it."""
        key = key_of(record)
        if action == "DELETE":
            if key not in work:
                yield f"Tried to delete resource record set {label(record)} but it was not found"
            elif not same(work[key], record):
                yield (
                    f"Tried to delete resource record set {label(record)} "
                    "but the values provided do not match the current values"
                )
            elif record["Name"] == self.name and record["Type"] in APEX_SETS:
                yield f"A HostedZone must contain at least one NS record for the zone itself: {label(record)}"
            else:
                del work[key]
            return
        if action == "CREATE" and key in work:
            yield f"Tried to create resource record set {label(record)} but it already exists"
            return
        wrong = faults(record, self.name) + self._neighbour_faults({**work, key: record}, key)
        yield from wrong
        if not wrong:
            work[key] = record

    def _neighbour_faults(self, work: Mapping[Key, Record], key: Key) -> list[str]:
        """What does not go together with the other sets of the zone."""
        record = work[key]
        at_name = [found for (name, *_), found in work.items() if name == key[0]]
        group = [found for found in at_name if found["Type"] == record["Type"]]
        found = _cname_faults(record, at_name, self.name)
        found += _group_faults(record, group)
        if "AliasTarget" in record:
            found += self._target_faults(record, work)
        return found

    def _target_faults(self, record: Mapping[str, Any], work: Mapping[Key, Record]) -> list[str]:
        target = record["AliasTarget"]
        if target["HostedZoneId"] != self.id:
            return []
        what = f"Tried to create an alias that targets {target['DNSName']}, type {record['Type']} in zone {self.id}"
        if not lies_in(target["DNSName"], self.name):
            return [f"{what}, but the alias target name does not lie within the target zone"]
        wanted = (sort_key(target["DNSName"]), record["Type"])
        if target["DNSName"] == record["Name"] or not any(key[:2] == wanted for key in work):
            return [f"{what}, but that target was not found"]
        return []


def same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two record sets agree in everything; values have no order."""
    return _comparable(one) == _comparable(other)


def _comparable(record: Mapping[str, Any]) -> dict[str, Any]:
    values = sorted(item["Value"] for item in record.get("ResourceRecords", ()))
    return {**record, "ResourceRecords": values}


def _limits(batch: Sequence[tuple[str, Record]]) -> Iterator[str]:
    times = {"CREATE": 1, "DELETE": 1, "UPSERT": 2}
    values = [[item["Value"] for item in record.get("ResourceRecords", ())] for _, record in batch]
    counts = [times[action] for action, _ in batch]
    if sum(count * max(1, len(found)) for count, found in zip(counts, values, strict=True)) > ELEMENTS_MAX:
        yield f"Number of records limit of {ELEMENTS_MAX} exceeded."
    characters = sum(count * len(value) for count, found in zip(counts, values, strict=True) for value in found)
    if characters > CHARACTERS_MAX:
        yield f"Number of characters limit of {CHARACTERS_MAX} exceeded."


def _sequence_faults(batch: Sequence[tuple[str, Record]]) -> Iterator[str]:
    """One set may be deleted and then created in a batch, and nothing else may happen to it twice."""
    actions: dict[Key, list[str]] = {}
    names: dict[Key, str] = {}
    for action, record in batch:
        actions.setdefault(key_of(record), []).append(action)
        names[key_of(record)] = label(record)
    for key, found in actions.items():
        if len(found) > 1 and found != ["DELETE", "CREATE"]:
            yield f"The request contains an invalid set of changes for a resource record set {names[key]}"


def _cname_faults(record: Mapping[str, Any], at_name: Sequence[Mapping[str, Any]], zone: str) -> list[str]:
    others = {found["Type"] for found in at_name} - {record["Type"]}
    if record["Type"] == "CNAME" and others:
        return [
            f"RRSet of type CNAME with DNS name {record['Name']} is not permitted as it conflicts with other records "
            f"with the same DNS name in zone {zone}"
        ]
    if "CNAME" in others:
        return [
            f"RRSet of type {record['Type']} with DNS name {record['Name']} is not permitted because a conflicting "
            f"RRSet of type CNAME with the same DNS name already exists in zone {zone}"
        ]
    return []


def _group_faults(record: Mapping[str, Any], group: Sequence[Mapping[str, Any]]) -> list[str]:
    """What does not go together among the sets of one name and type."""
    start = (
        f"RRSet with DNS name {record['Name']}, type {record['Type']}, "
        f"SetIdentifier {record.get('SetIdentifier', 'null')} cannot be created"
    )
    others = [found for found in group if found is not record]
    policy = policy_of(record)
    if any(policy_of(found) != policy for found in others):
        return [f"{start} because an RRSet with another routing policy exists with the same name and type"]
    if policy in ("Failover", "GeoLocation", "Region") and any(found[policy] == record[policy] for found in others):
        return [f"{start} because another RRSet has the same {policy}"]
    if policy == "Weight":
        ttls = {found["TTL"] for found in group if "TTL" in found}
        if len(ttls) > 1:
            return [f"{start} as weighted sets must contain the same TTL"]
        if len(group) > WEIGHTED_MAX:
            return [f"{start} because there are {WEIGHTED_MAX} weighted RRSets already"]
    return []
