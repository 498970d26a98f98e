"""Law 1 for the GlobalServices of the hub: what it declares, never forgetting more than a list may mean.

A stale, lost, emptied or restored hub takes nothing away: what was declared goes on to rule. What is no longer
there leaves by a watched deletion, by an operator's word, or by absence from a complete list of the same API server, as
long as not more than max(5, 20 %) of all that is declared is absent at once.
"""

from collections.abc import Collection, Mapping, Set

from msgspec.structs import replace

from trafficfed.discovery.absence import judge_absence
from trafficfed.discovery.declared import HUB, UNDEFINED, Declaration, Written, is_declared, read_written
from trafficfed.kubernetes_api import wire
from trafficfed.model import Freshness, Row, ServiceKey, Source

Name = tuple[str, str]
NOTHING: frozenset[ServiceKey] = frozenset()


class Declarations:
    """What rules, by service. ``rows`` is the live view of the table, which rules where the hub was never trusted yet.

    ``source`` is what the table keeps of the hub; ``watched`` are the services whose last change was watched. Methods
    return the services whose declaration, or what is said against it, may have changed.
    """

    def __init__(
        self, rows: Mapping[ServiceKey, Row], source: Source | None, clustersets: Collection[str], *, followed: bool
    ) -> None:
        """``followed``: a hub is configured."""
        self._rows, self._clustersets, self.followed = rows, clustersets, followed
        self.source = source or Source(cluster=HUB)
        self.missing = {key for key in self.source.missing if is_declared(rows.get(key))}
        self.watched: set[ServiceKey] = set()
        self._in_force: dict[ServiceKey, Declaration] | None = None
        self._seen: dict[Name, Written] = {}
        self._unreadable: set[Name] = set()
        self._uid, self._revision = "", 0
        self._listed = self._live = False
        self._reason = "not listed yet"

    # ------------------------------------------------------------------ what stands

    def of(self, key: ServiceKey) -> Declaration | None:
        """What rules a service."""
        return _of_row(self._rows.get(key)) if self._in_force is None else self._in_force.get(key)

    def keys(self) -> Set[ServiceKey]:
        """Every service that something rules."""
        return self._ruling().keys()

    def written(self, key: ServiceKey) -> Written | None:
        """The object of a service as it was last seen on the hub that is known."""
        found = self.written_at((key.namespace, key.name))
        return found if found is not None and found.key == key else None

    def written_at(self, name: Name) -> Written | None:
        """The object of this namespace and name, whichever service it is about."""
        return self._seen.get(name) if self._is_trusted else None

    def all_written(self) -> tuple[Written, ...]:
        """Every object of the hub that is known."""
        return tuple(self._seen.values()) if self._is_trusted else ()

    @property
    def is_unseen(self) -> bool:
        """Whether nobody has ever listed it, so that what it declares is in no table. One that does not know such
        objects declares nothing."""
        return self.followed and not self.source.uid and self._reason != UNDEFINED

    @property
    def is_fresh(self) -> bool:
        """Whether what it shows is what stands there now."""
        return self._is_trusted and self._live

    def assessed(self, now_s: float) -> Source | None:
        """The hub as the table keeps it, None where there is none."""
        if not self.followed and not any(map(is_declared, self._rows.values())):
            return None
        known, (freshness, reason) = self.source, self._freshness()
        revision = max(known.revision, self._revision) if self._is_trusted else known.revision
        since_s = known.since_s if known.freshness is freshness and known.since_s else now_s
        missing = tuple(sorted(self.missing))
        self.source = replace(
            known, freshness=freshness, reason=reason, since_s=since_s, revision=revision, missing=missing
        )
        return self.source

    def _freshness(self) -> tuple[Freshness, str]:
        if not self.followed:
            return Freshness.STALE, f"not configured; what it declared rules until `trafficfed forget {HUB}`"
        lost = "" if self._live else self._reason
        if self._is_other:
            doubt = f"another API server answers: kube-system UID {self._uid}, known is {self.source.uid}"
        elif self.source.went_back:
            revision = self.source.revision
            doubt = f"its state is older than revision {revision} that was known; was it restored from a backup?"
        elif self.missing:
            doubt = f"{len(self.missing)} GlobalServices are gone from a complete list at once"
        else:
            return (Freshness.STALE, lost) if lost else (Freshness.FRESH, "")
        held = f"{doubt}; all that was declared holds until confirmed"
        return Freshness.SUSPECT, f"{held}; {lost}" if lost else held

    @property
    def _is_other(self) -> bool:
        return self._listed and self._uid != self.source.uid

    @property
    def _is_trusted(self) -> bool:
        return self._listed and not self._is_other and not self.source.went_back

    # ------------------------------------------------------------------ events

    def take(self, event: wire.Event) -> Set[ServiceKey]:
        """One event of the hub."""
        match event:
            case wire.Listed():
                return self._take_list(event)
            case wire.Upserted(object=wire.Foreign() as found, revision=revision) if self._listed:
                self._revision = max(self._revision, revision)
                return self._put(found)
            case wire.Removed(object=wire.Foreign() as found, revision=revision) if self._listed:
                self._revision = max(self._revision, revision)
                return self._remove(found)
            case wire.Lost(reason=reason):
                self._live, self._reason = False, reason
            case wire.Resumed():
                self._live = self._listed
        return NOTHING

    def _take_list(self, event: wire.Listed[wire.Watched]) -> Set[ServiceKey]:
        known = max(self.source.revision, self._revision if self._uid == self.source.uid else 0)
        went_back = event.server_uid == self.source.uid and event.revision < known
        uid = self.source.uid or event.server_uid
        self.source = replace(self.source, uid=uid, went_back=self.source.went_back or went_back)
        self._listed = self._live = True
        self._uid, self._revision = event.server_uid, event.revision
        self._unreadable = {_name_of(key) for key in event.unreadable}
        kept = {name: each for name, each in self._seen.items() if name in self._unreadable}
        found = [each for each in event.objects if isinstance(each, wire.Foreign)]
        self._seen = {**kept, **{_name(each): read_written(each, self._clustersets) for each in found}}
        self.watched.clear()
        return self._adopt_list() if self._is_trusted else NOTHING

    def _adopt_list(self) -> Set[ServiceKey]:
        """Judge what is absent, and let what is there rule."""
        before, now = self._ruling(), self._shown()
        absence = judge_absence(before.keys(), now.keys(), self.missing)
        self.missing = set(absence.held)
        self._in_force = {**now, **{key: before[key] for key in absence.held}}
        return before.keys() | self._in_force.keys() | {written.key for written in self._seen.values()}

    def _ruling(self) -> Mapping[ServiceKey, Declaration]:
        if self._in_force is not None:
            return self._in_force
        found = ((key, _of_row(row)) for key, row in self._rows.items())
        return {key: declaration for key, declaration in found if declaration is not None}

    def _shown(self) -> dict[ServiceKey, Declaration]:
        """What the objects say; one that cannot be read says what it said before."""
        before, shown = self._ruling(), {}
        for written in self._seen.values():
            if (declaration := written.declaration or before.get(written.key)) is not None:
                shown[written.key] = declaration
        unread = {key: each for key, each in before.items() if (key.namespace, key.name) in self._unreadable}
        return {**unread, **shown}

    def _put(self, found: wire.Foreign) -> Set[ServiceKey]:
        name, written = _name(found), read_written(found, self._clustersets)
        before = self._seen.get(name)
        self._seen[name] = written
        self._unreadable.discard(name)
        if self._in_force is None or not self._is_trusted:
            return NOTHING
        if before is not None and before.says_the_same(written):
            return NOTHING
        keys = {written.key, before.key} if before is not None else {written.key}
        if before is not None and before.key != written.key:
            self._in_force.pop(before.key, None)
        if written.declaration is not None:
            self._in_force[written.key] = written.declaration
        return self._watch(keys)

    def _remove(self, found: wire.Foreign) -> Set[ServiceKey]:
        name = _name(found)
        before = self._seen.pop(name, None)
        self._unreadable.discard(name)
        if self._in_force is None or not self._is_trusted:
            return NOTHING
        gone = {key for key in self._in_force if (key.namespace, key.name) == name}
        for key in gone:
            del self._in_force[key]
        return self._watch(gone | ({before.key} if before is not None else set()))

    def _watch(self, keys: set[ServiceKey]) -> Set[ServiceKey]:
        self.missing -= keys
        self.watched |= keys
        return keys

    # ------------------------------------------------------------------ operators and leaders

    def confirm(self) -> Set[ServiceKey]:
        """Take the hub as it shows itself: its identity, its state, and that what is missing is gone."""
        before = dict(self._ruling())
        if self._listed:
            self.source = replace(self.source, uid=self._uid, revision=self._revision, went_back=False)
            self._in_force = self._shown()
        else:
            self._in_force = {key: each for key, each in before.items() if key not in self.missing}
        self._watch(before.keys() - self._in_force.keys())
        self.missing.clear()
        return before.keys() | self._in_force.keys() | {written.key for written in self._seen.values()}

    def forget(self) -> Set[ServiceKey]:
        """The hub is no more: nothing that it declared rules. One that is still configured begins anew."""
        gone = set(self._ruling())
        self.source = Source(cluster=HUB)
        self._in_force, self._seen = {}, {}
        self._listed = self._live = False
        self._uid, self._revision, self._reason = "", 0, "to be listed again"
        return self._watch(gone)

    def know(self, known: Source | None) -> Set[ServiceKey]:
        """Take over what a leader has learnt of the hub, and what an operator told it of it."""
        if known is None or not known.uid:
            return NOTHING
        trusted = self._is_trusted
        if known.uid != self.source.uid:
            self.source = replace(self.source, uid=known.uid, revision=known.revision, went_back=known.went_back)
        elif known.freshness is Freshness.FRESH:
            self.source = replace(self.source, went_back=False)
        confirmed = {key for key in self.missing if not is_declared(self._rows.get(key))}
        for key in confirmed:
            self.missing.discard(key)
            if self._in_force is not None:
                self._in_force.pop(key, None)
        if not self._is_trusted or trusted:
            return confirmed
        before = self._ruling()
        self._in_force = {key: each for key, each in before.items() if is_declared(self._rows.get(key))}
        return before.keys() | self._adopt_list()

    def configure(self, clustersets: Collection[str]) -> None:
        """The clustersets of the clusters that are configured now; objects are read anew with the next list."""
        self._clustersets = clustersets


def _of_row(row: Row | None) -> Declaration | None:
    """What the table has of a declaration: the names that it got, and all that it says."""
    return Declaration(service=row.service) if row is not None and is_declared(row) else None


def _name(found: wire.Foreign) -> Name:
    return found.metadata.namespace, found.metadata.name


def _name_of(key: str) -> Name:
    namespace, _, name = key.partition("/")
    return namespace, name
