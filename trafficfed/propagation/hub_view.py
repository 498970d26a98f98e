"""All that the hub shows: templates, policies and records, taken in event by event, and how far it can be trusted."""

from collections.abc import Iterable, Mapping, Set

import msgspec
from msgspec.structs import replace

from trafficfed.errors import ConfigError
from trafficfed.kubernetes_api.wire import Event, Foreign, Listed, Lost, Meta, Removed, Resumed, Upserted, Watched
from trafficfed.propagation import hub as trust
from trafficfed.propagation.assignment import Assignment
from trafficfed.propagation.followed import CLUSTER_POLICIES, POLICIES, Stream, Streams, key_of, with_type
from trafficfed.propagation.hub import Hub, Listing, listing_of
from trafficfed.propagation.objects import ObjectKey, PolicyKey, Template, TemplateKind, read_template
from trafficfed.propagation.policy import PolicyStatus
from trafficfed.propagation.records import LABEL
from trafficfed.propagation.select import Policy, Selection, read_policy
from trafficfed.unreadable import UNREADABLE

RECORDS = TemplateKind(api_version="v1", kind="Records", plural="configmaps")
"""The ConfigMaps of the record, followed for themselves, whether ConfigMaps are propagated or not."""


class HubView:
    """``known`` is what is trusted; ``objects`` and ``policies`` tell what changed since they were last taken."""

    def __init__(
        self,
        known: Hub,
        kinds: Iterable[TemplateKind],
        *,
        went_back: bool = False,
        absent: Iterable[tuple[str, str]] = (),
    ) -> None:
        """``absent`` kinds are wanted too, and the hub does not have them. ``went_back``: the hub once showed a state
        older than was known; as its revisions grow on, ``confirm`` alone ends that."""
        self.known = known
        self.went_back = went_back
        self._judged = False
        self.kinds = tuple(kinds)
        self._absent = tuple(absent)
        self.streams = Streams({kind: Stream() for kind in (*self.kinds, POLICIES, CLUSTER_POLICIES, RECORDS)})
        self.templates: dict[ObjectKey, Template] = {}
        self.policies: dict[PolicyKey, Policy] = {}
        self.invalid: dict[PolicyKey, tuple[int, str]] = {}
        self.statuses: dict[PolicyKey, PolicyStatus] = {}
        self.uids: dict[PolicyKey, str] = {}
        self.records: dict[str, bytes] = {}
        self._selection: Selection | None = None
        self.unreadable: dict[ObjectKey, str] = {}
        self._watched: set[ObjectKey] = set()

    @property
    def complete(self) -> bool:
        """Whether everything was listed once, and of one API server."""
        return all(s.listed for s in self.streams.of.values()) and len(self.streams.uids) == 1

    @property
    def unseen(self) -> str:
        """Why not everything of it is seen; empty where it is."""
        return self.streams.unseen

    def lost_kinds(self) -> tuple[TemplateKind, ...]:
        """Of those that may be propagated, what cannot be followed now."""
        return tuple(kind for kind in self.kinds if self.streams.of[kind].lost)

    @property
    def selection(self) -> Selection:
        """The policies of this moment."""
        if self._selection is None:
            self._selection = Selection(self.policies.values(), self.kinds, self._absent)
        return self._selection

    # ------------------------------------------------------------------ events

    def take(self, kind: TemplateKind, event: Event) -> tuple[set[ObjectKey], set[PolicyKey], bool]:
        """Objects and policies that changed, and whether the hub as a whole has to be judged again (``judge``)."""
        stream = self.streams.of[kind]
        match event:
            case Lost():
                stream.lost = event.reason
                self.known = trust.lose(self.known, event.reason)
                return set(), set(), False
            case Resumed():
                stream.lost = ""
                return set(), set(), True
            case Listed():
                return (*self._list(kind, stream, event), True)
            case Upserted(object=Foreign() as found):
                self._advance(stream, event.revision)
                return (*self._put(kind, found), False)
            case Removed(object=Foreign() as found):
                self._advance(stream, event.revision)
                return (*self._remove(kind, found), False)
        return set(), set(), False

    def _advance(self, stream: Stream, revision: int) -> None:
        stream.revision = max(stream.revision, revision)
        if stream.uid == self.known.uid:
            self.known = trust.take_revision(self.known, revision)

    def _list(
        self, kind: TemplateKind, stream: Stream, event: Listed[Watched]
    ) -> tuple[set[ObjectKey], set[PolicyKey]]:
        self.went_back |= stream.uid == event.server_uid and event.revision < stream.revision
        stream.uid, stream.listed, stream.lost = event.server_uid, True, ""
        stream.revision = event.revision
        self._doubt(event)
        objects, policies = self._known_of(kind)
        self._clear(kind, event)
        for found in event.objects:
            assert isinstance(found, Foreign), "every kind is followed as it is"
            more_objects, more_policies = self._put(kind, found)
            objects |= more_objects
            policies |= more_policies
        return objects, policies

    def _doubt(self, event: Listed[Watched]) -> None:
        """Another API server, or an older state of it, shows in the very first list: nothing of it is used."""
        if self.known.uid and (self.went_back or event.server_uid != self.known.uid):
            listing = Listing(uid=event.server_uid, revision=event.revision)
            shown = replace(self.known, revision=max(self.known.revision, event.revision + 1))
            # what another server counts says nothing of how far the known one was seen
            self.known = replace(trust.take_list(shown, listing).hub, revision=self.known.revision)

    def _known_of(self, kind: TemplateKind) -> tuple[set[ObjectKey], set[PolicyKey]]:
        if kind in (POLICIES, CLUSTER_POLICIES):
            of_kind = {k for k in (*self.policies, *self.invalid) if bool(k.namespace) == (kind is POLICIES)}
            return set(), of_kind
        group, name = kind.group, kind.kind
        return {key for key in self.templates if (key.group, key.kind) == (group, name)}, set()

    def _clear(self, kind: TemplateKind, event: Listed[Watched]) -> None:
        """Forget what the list no longer has; what cannot be read is there all the same."""
        kept = set(event.unreadable)
        if kind == RECORDS:
            self.records.clear()
            return
        objects, policies = self._known_of(kind)
        for key in objects:
            if (f"{key.namespace}/{key.name}" if key.namespace else key.name) not in kept:
                del self.templates[key]
        for policy in policies:
            self._forget_policy(policy)

    # ------------------------------------------------------------------ single objects

    def _put(self, kind: TemplateKind, found: Foreign) -> tuple[set[ObjectKey], set[PolicyKey]]:
        if kind == RECORDS:
            self.records[found.metadata.name] = found.body
            return set(), set()
        if kind in (POLICIES, CLUSTER_POLICIES):
            return set(), self._put_policy(kind, found)
        key = key_of(kind, found.metadata.namespace, found.metadata.name)
        self._watched.discard(key)
        if _is_record(found.metadata):
            self.templates.pop(key, None)
            return set(), set()
        before = self.templates.get(key)
        try:
            self.templates[key] = read_template(with_type(kind, found.body))
        except ConfigError as error:
            self.unreadable[key] = str(error)
            return set(), set()
        self.unreadable.pop(key, None)
        self.known = trust.returned(self.known, {key})
        is_news = before is None or not before.same_content(self.templates[key])
        return ({key} if is_news else set()), set()

    def _remove(self, kind: TemplateKind, found: Foreign) -> tuple[set[ObjectKey], set[PolicyKey]]:
        if kind == RECORDS:
            self.records.pop(found.metadata.name, None)
            return set(), set()
        if kind in (POLICIES, CLUSTER_POLICIES):
            policy = PolicyKey(found.metadata.namespace, found.metadata.name)
            ruled = {key for key, template in self.templates.items() if self._ruled_by(template, policy)}
            self._forget_policy(policy)
            self._watched |= ruled
            return ruled, {policy}
        key = key_of(kind, found.metadata.namespace, found.metadata.name)
        self.templates.pop(key, None)
        self._watched.add(key)
        return {key}, set()

    def _ruled_by(self, template: Template, policy: PolicyKey) -> bool:
        ruling = self.selection.ruling(template)
        return ruling is not None and ruling.key == policy

    def _put_policy(self, kind: TemplateKind, found: Foreign) -> set[PolicyKey]:
        """The policy, where more of it changed than what we say of it ourselves."""
        key = PolicyKey(found.metadata.namespace, found.metadata.name)
        before = self.policies.get(key), self.invalid.get(key), self.uids.get(key)
        self.uids[key] = found.metadata.uid
        cluster_scoped = kind == CLUSTER_POLICIES
        try:
            self.policies[key] = read_policy(found.body, cluster_scoped=cluster_scoped)
            self.invalid.pop(key, None)
        except ConfigError as error:
            self.policies.pop(key, None)
            self.invalid[key] = (_generation(found.body), str(error))
        self.statuses[key] = _status(found.body)
        if before == (self.policies.get(key), self.invalid.get(key), self.uids[key]):
            return set()
        self._selection = None
        return {key}

    def _forget_policy(self, key: PolicyKey) -> None:
        self.policies.pop(key, None)
        self.invalid.pop(key, None)
        self.statuses.pop(key, None)
        self.uids.pop(key, None)
        self._selection = None

    # ------------------------------------------------------------------ judgement

    def listing(self, assignments: Mapping[ObjectKey, Assignment]) -> Listing:
        """The complete view against the records. Objects of a policy that cannot be read now are not judged by it."""
        judged = {key: each for key, each in assignments.items() if each.policy not in self.invalid}
        uid = next(iter(self.streams.uids))
        # once it was judged, every stream watches for itself whether it goes back
        before = self.known.revision if self._judged and uid == self.known.uid else 0
        revision = max(self.streams.revision, before)
        return listing_of(uid, revision, judged, self.templates, self.policies, self.selection, self._watched)

    def judge(self, assignments: Mapping[ObjectKey, Assignment]) -> Set[ObjectKey]:
        """Judge a complete and live view; the objects whose copies leave. Nothing while it is neither."""
        if not self.complete or not self.streams.live or self.went_back:
            return frozenset()
        judged = trust.take_list(self.known, self.listing(assignments))
        self.went_back = judged.hub.doubted and next(iter(self.streams.uids)) == self.known.uid
        return self._settle(judged)

    def confirm(self, assignments: Mapping[ObjectKey, Assignment]) -> Set[ObjectKey]:
        """An operator takes the hub as it is. Raises ConfigError where it is not even seen completely."""
        if not self.complete or not self.streams.live:
            raise ConfigError(
                f"the hub is not seen completely now, so there is nothing to confirm: {self.known.reason}"
            )
        self.went_back = False
        return self._settle(trust.confirm(self.known, self.listing(assignments)))

    def _settle(self, judged: trust.Judged) -> Set[ObjectKey]:
        self.known = judged.hub
        if not self.known.doubted:
            self._judged = True
            self._watched.clear()
        return judged.leaving


class _Generation(msgspec.Struct, frozen=True):
    generation: int = 0


class _Counted(msgspec.Struct, frozen=True):
    metadata: _Generation = _Generation()


def _generation(body: bytes) -> int:
    try:
        return msgspec.json.decode(body, type=_Counted).metadata.generation
    except UNREADABLE:
        return 0


class _Stated(msgspec.Struct, frozen=True):
    status: PolicyStatus = PolicyStatus()


def _status(body: bytes) -> PolicyStatus:
    """What was last said of it; a status that cannot be read is written anew."""
    try:
        return msgspec.json.decode(body, type=_Stated).status
    except UNREADABLE:
        return PolicyStatus()


def _is_record(meta: Meta) -> bool:
    """Our records are no templates, whatever a policy selects."""
    return LABEL in (meta.labels or {})
