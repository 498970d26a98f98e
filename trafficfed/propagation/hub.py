"""Law 1 for templates: a stale, lost, emptied or restored hub deletes nothing.

What a record assigns and a complete view of the hub no longer has leaves, unless more than max(5, 20 %) of all that
is assigned is gone at once: then all of it is kept until an operator's ``confirm``. A hub of another identity, or one
whose state is older than what was seen before, says nothing at all until then.
"""

from collections.abc import Container, Mapping, Set

from msgspec.structs import replace

from trafficfed.discovery.absence import too_many
from trafficfed.model import Freshness, Value
from trafficfed.propagation.assignment import Assignment
from trafficfed.propagation.objects import ObjectKey, PolicyKey, Template
from trafficfed.propagation.select import Selection


class Hub(Value, frozen=True, kw_only=True):
    """How far the view of the hub can be trusted. ``uid`` and ``revision`` outlive the process; ``missing`` are the
    objects that are kept although the hub no longer has them.
    """

    uid: str = ""
    revision: int = 0
    freshness: Freshness = Freshness.STALE
    reason: str = "not listed yet"
    missing: frozenset[ObjectKey] = frozenset()

    @property
    def doubted(self) -> bool:
        """Whether nothing it shows may be used: it is not the hub that is known, or not its newest state."""
        return self.freshness is Freshness.SUSPECT and not self.missing

    @property
    def current(self) -> bool:
        """Whether copies may leave by what is recorded. Missing objects are no reason to doubt the others."""
        return self.freshness is Freshness.FRESH or (self.freshness is Freshness.SUSPECT and bool(self.missing))


class Listing(Value, frozen=True, kw_only=True):
    """A complete view of the hub: every configured kind, every policy and every record listed from one API server.

    ``assigned`` is what the records give shares to, of kinds that are configured: one that no longer is is not looked
    for, so not absent. ``ruled`` is what stands on the hub and is ruled by a policy; ``unselected`` stands there, as
    its policy does, which no longer selects it: an edit, no absence. ``watched`` is what left by a watched
    deletion, of the object or of its policy.
    """

    uid: str
    revision: int
    assigned: frozenset[ObjectKey] = frozenset()
    ruled: frozenset[ObjectKey] = frozenset()
    unselected: frozenset[ObjectKey] = frozenset()
    watched: frozenset[ObjectKey] = frozenset()


def listing_of(
    uid: str,
    revision: int,
    assignments: Mapping[ObjectKey, Assignment],
    templates: Mapping[ObjectKey, Template],
    policies: Container[PolicyKey],
    selection: Selection,
    watched: Set[ObjectKey] = frozenset(),
) -> Listing:
    """Compare the records with what was listed."""
    assigned = {key: each for key, each in assignments.items() if each.shares and selection.lists(key)}
    present = {key: templates[key] for key in assigned if key in templates}
    ruled = {key for key, template in present.items() if selection.ruling(template) is not None}
    unselected = {key for key in present.keys() - ruled if assigned[key].policy in policies}
    return Listing(
        uid=uid,
        revision=revision,
        assigned=frozenset(assigned),
        ruled=frozenset(ruled),
        unselected=frozenset(unselected),
        watched=frozenset(watched),
    )


class Judged(Value, frozen=True, kw_only=True):
    """The hub as it is known now, and the objects whose copies leave."""

    hub: Hub
    leaving: frozenset[ObjectKey] = frozenset()


def take_list(hub: Hub, listing: Listing) -> Judged:
    """Judge a complete view, at start and after every relist."""
    if (doubt := _doubt(hub, listing)) is not None:
        return Judged(hub=replace(hub, freshness=Freshness.SUSPECT, reason=doubt, missing=frozenset()))
    told = listing.watched | listing.unselected
    gone = listing.assigned - listing.ruled - told
    left = (told & listing.assigned) - listing.ruled
    if too_many(len(gone), len(listing.assigned)) or not gone.isdisjoint(hub.missing):
        return Judged(hub=_missing(listing, gone), leaving=left)
    return Judged(hub=_fresh(listing), leaving=left | gone)


def take_revision(hub: Hub, revision: int) -> Hub:
    """A watched change: the state that must not be older next time."""
    return replace(hub, revision=max(hub.revision, revision)) if hub.current else hub


def lose(hub: Hub, reason: str) -> Hub:
    """The view is no longer kept up to date. What is known stays, and what is doubted stays doubted."""
    return hub if hub.doubted else replace(hub, freshness=Freshness.STALE, reason=reason)


def confirm(hub: Hub, listing: Listing) -> Judged:
    """An operator takes the hub as it is: its identity, its state, and that what is missing is gone."""
    return Judged(hub=_fresh(listing), leaving=listing.assigned - listing.ruled)


def returned(hub: Hub, present: Set[ObjectKey]) -> Hub:
    """Missing objects that were seen again."""
    missing = hub.missing - present
    if missing == hub.missing:
        return hub
    if hub.freshness is not Freshness.SUSPECT:
        return replace(hub, missing=missing)
    if missing:
        return replace(hub, missing=missing, reason=_wording(len(missing)))
    return replace(hub, missing=missing, freshness=Freshness.FRESH, reason="")


def _doubt(hub: Hub, listing: Listing) -> str | None:
    if hub.uid and listing.uid != hub.uid:
        return f"another API server answers for the hub: kube-system has UID {listing.uid}, known is {hub.uid}"
    if listing.revision < hub.revision:
        return f"the hub's state is older than before: revision {listing.revision}, seen was {hub.revision}"
    return None


def _fresh(listing: Listing) -> Hub:
    return Hub(uid=listing.uid, revision=listing.revision, freshness=Freshness.FRESH, reason="")


def _missing(listing: Listing, gone: frozenset[ObjectKey]) -> Hub:
    return replace(_fresh(listing), freshness=Freshness.SUSPECT, reason=_wording(len(gone)), missing=gone)


def _wording(missing: int) -> str:
    return f"{missing} objects are missing at once; their copies are kept until they are back, or confirmed as gone"
