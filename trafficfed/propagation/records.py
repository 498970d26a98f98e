"""The hub's record of choices and assignments, packed into ConfigMaps: what stands in which, and what to write.

Their names are ``trafficfed-assignments-N``, in the controller's namespace. Each holds one JSON object a line. New
entries go where there are fewer than 64 KiB, so that one write carries a burst of them and an edit rewrites little;
none grows beyond 768 KiB, as a ConfigMap may hold 1 MiB (Kubernetes documentation, "ConfigMaps").
"""

from collections.abc import Iterable, Mapping

import msgspec
import orjson

from trafficfed.errors import ConfigError
from trafficfed.model import Value
from trafficfed.propagation.assignment import Assignment, Choice
from trafficfed.propagation.objects import ObjectKey, PolicyKey
from trafficfed.unreadable import UNREADABLE

PREFIX = "trafficfed-assignments-"
LABEL = "trafficfed.io/record"
LABEL_VALUE = "assignments"
DATA_KEY = "entries"
OPEN_BYTES = 64 * 1024
LARGEST_BYTES = 768 * 1024

Entry = Choice | Assignment
Key = ObjectKey | PolicyKey


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    """One entry as text, of one kind or the other; ``edition`` grows when it moves to another ConfigMap."""

    choice: Choice | None = None
    assignment: Assignment | None = None
    edition: int = 0


class Write(Value, frozen=True, kw_only=True):
    """One ConfigMap to write as a whole, by PUT with the resourceVersion it was read at, or POST where that is empty.

    ``body`` empty deletes it. A conflict means that someone else writes records: read again, decide again.
    """

    name: str
    body: bytes = b""
    resource_version: str = ""


class _Meta(msgspec.Struct, frozen=True, rename="camel"):
    name: str
    resource_version: str = ""


class _ConfigMap(msgspec.Struct, frozen=True):
    metadata: _Meta
    data: dict[str, str] | None = None


class Records:
    """All entries, where they stand, and which ConfigMaps differ from what the hub has.

    ``stage`` what was decided, send what ``writes`` tells, note by ``written`` what the hub took: only then
    ``is_recorded`` says so, and only what is recorded may be applied.
    """

    def __init__(self, namespace: str, config_maps: Iterable[bytes] = ()) -> None:
        """Begins from all that the hub has. Raises ConfigError naming the ConfigMap that cannot be understood."""
        self._namespace = namespace
        self._lines: dict[str, dict[Key, bytes]] = {}
        self._sizes: dict[str, int] = {}
        self._versions: dict[str, str] = {}
        self._place: dict[Key, str] = {}
        self._editions: dict[Key, int] = {}
        self._staged: dict[str, bool] = {}
        self._sent: dict[str, dict[Key, bytes]] = {}
        self._unrecorded: set[Key] = set()
        self.choices: dict[PolicyKey, Choice] = {}
        self.assignments: dict[ObjectKey, Assignment] = {}
        for body in config_maps:
            self._load(body)

    def stage(self, *entries: Entry) -> None:
        """Take in what was decided; an ended assignment goes. What stands there already costs nothing."""
        for entry in entries:
            if isinstance(entry, Assignment) and entry.ended:
                self._forget(entry.object)
            else:
                self._put(_key(entry), entry)

    def drop(self, policy: PolicyKey) -> None:
        """The choice of a policy that is gone."""
        self._forget(policy)

    def is_recorded(self, key: Key) -> bool:
        """Whether the hub has what was decided last about an object or a policy."""
        return key in self._place and key not in self._unrecorded

    def writes(self) -> tuple[Write, ...]:
        """What to send now; a ConfigMap that is under way waits for its answer. Those that gain entries come first."""
        for name in [name for name in self._staged if not (self._lines.get(name) or self._versions.get(name))]:
            # all that was staged there has ended before the hub ever had it
            del self._staged[name]
        names = sorted((loses, name) for name, loses in self._staged.items() if name not in self._sent)
        return tuple(self._send(name) for _, name in names)

    def written(self, name: str, resource_version: str) -> None:
        """The hub took it (an empty version: it is deleted there)."""
        for key, text in self._sent.pop(name).items():
            if self._lines.get(name, {}).get(key) == text:
                self._unrecorded.discard(key)
        if resource_version:
            self._versions[name] = resource_version
        else:
            self._versions.pop(name, None)

    def failed(self, name: str) -> None:
        """It was not written: it stays to be."""
        self._sent.pop(name)
        self._staged.setdefault(name, False)

    def _load(self, body: bytes) -> None:
        try:
            read = msgspec.json.decode(body, type=_ConfigMap)
        except UNREADABLE as error:
            raise ConfigError(f"a record of assignments cannot be read: {error}") from None
        name = read.metadata.name
        self._lines[name], self._sizes[name] = {}, 0
        self._versions[name] = read.metadata.resource_version
        for number, text in enumerate((read.data or {}).get(DATA_KEY, "").splitlines(), 1):
            self._load_line(name, number, text.encode())

    def _load_line(self, name: str, number: int, text: bytes) -> None:
        line, entry = _parsed(name, number, text)
        key = _key(entry)
        known = self._place.get(key)
        if known is not None and self._editions[key] >= line.edition:
            self._staged[name] = True
            return
        if known is not None:
            # a move was interrupted: what it had moved away is still in the old place
            self._take_out(key)
        self._take_in(name, key, entry, text)
        self._editions[key] = line.edition

    def _put(self, key: Key, entry: Entry) -> None:
        name, edition = self._place.get(key), self._editions.get(key, 0)
        text = _text(entry, edition)
        if name is not None:
            if self._lines[name][key] == text:
                return
            if self._sizes[name] + len(text) - len(self._lines[name][key]) > LARGEST_BYTES:
                name, edition = None, edition + 1
                text = _text(entry, edition)
            self._take_out(key)
        name = name or self._open()
        self._take_in(name, key, entry, text)
        self._editions[key] = edition
        self._staged.setdefault(name, False)
        self._unrecorded.add(key)

    def _open(self) -> str:
        """The ConfigMap that takes new entries: the first with little in it, else another one."""
        for name in sorted(self._sizes, key=_number):
            if self._sizes[name] < OPEN_BYTES:
                return name
        return f"{PREFIX}{1 + max(map(_number, self._sizes), default=0)}"

    def _take_in(self, name: str, key: Key, entry: Entry, text: bytes) -> None:
        self._lines.setdefault(name, {})[key] = text
        self._sizes[name] = self._sizes.get(name, 0) + len(text) + 1
        self._place[key] = name
        if isinstance(entry, Choice):
            self.choices[entry.policy] = entry
        else:
            self.assignments[entry.object] = entry

    def _take_out(self, key: Key) -> None:
        name = self._place.pop(key)
        self._sizes[name] -= len(self._lines[name].pop(key)) + 1
        self._staged[name] = True

    def _forget(self, key: Key) -> None:
        if key not in self._place:
            return
        self._take_out(key)
        self._unrecorded.discard(key)
        self._editions.pop(key, None)
        if isinstance(key, PolicyKey):
            self.choices.pop(key, None)
        else:
            self.assignments.pop(key, None)

    def _send(self, name: str) -> Write:
        del self._staged[name]
        lines = self._lines.get(name, {})
        self._sent[name] = dict(lines)
        version = self._versions.get(name, "")
        if not lines:
            return Write(name=name, resource_version=version)
        return Write(name=name, body=self._body(name, lines, version), resource_version=version)

    def _body(self, name: str, lines: Mapping[Key, bytes], version: str) -> bytes:
        entries = b"\n".join(sorted(lines.values())).decode()
        metadata = {"name": name, "namespace": self._namespace, "labels": {LABEL: LABEL_VALUE}}
        if version:
            metadata["resourceVersion"] = version
        body = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": {DATA_KEY: entries}}
        return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _number(name: str) -> int:
    digits = name.removeprefix(PREFIX)
    return int(digits) if digits.isdecimal() else 0


def _key(entry: Entry) -> Key:
    return entry.policy if isinstance(entry, Choice) else entry.object


def _text(entry: Entry, edition: int) -> bytes:
    if isinstance(entry, Choice):
        return msgspec.json.encode(_Line(choice=entry, edition=edition))
    return msgspec.json.encode(_Line(assignment=entry, edition=edition))


def _parsed(name: str, number: int, text: bytes) -> tuple[_Line, Entry]:
    try:
        line = msgspec.json.decode(text, type=_Line)
    except UNREADABLE as error:
        raise ConfigError(f"ConfigMap {name}, line {number} of {DATA_KEY} cannot be read: {error}") from None
    entry = line.choice or line.assignment
    if entry is None:
        raise ConfigError(f"ConfigMap {name}, line {number} of {DATA_KEY} has neither choice nor assignment")
    return line, entry
