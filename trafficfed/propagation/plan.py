"""From what is assigned and what members have to the steps in each member, as values: a dry run prints them.

A copy is deleted only where the record says that it leaves, where it is ours, and as the very object that was seen.
One that leaves because its place changes stays until what replaces it is there: a move never takes the last one.
"""

from collections.abc import Mapping
from typing import NamedTuple

from trafficfed.model import Refusal, Value
from trafficfed.propagation.assignment import Assignment, Leaving
from trafficfed.propagation.hub import Hub
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.render import Rendered


class Copy(Value, frozen=True, kw_only=True):
    """An object as a member has it. ``owner`` is the value of our label, ``hash`` of our annotation, both empty where
    they are not there. ``intact``: the fields we applied are still ours, so as we left them. ``contested`` says who
    takes them again and again, empty where nobody does. ``running``: it does what it is for; of what has nothing
    to start, that it is there.
    """

    uid: str
    resource_version: str = ""
    owner: str = ""
    hash: str = ""
    intact: bool = True
    running: bool = True
    terminating: bool = False
    contested: str = ""


class Site(Value, frozen=True, kw_only=True):
    """One member's side of one object. ``seen``: its view is fresh and complete, so that no copy means there is none.

    ``unseen_because`` says why not. ``holds_templates``: it is the hub itself.
    """

    copy: Copy | None = None
    seen: bool = True
    unseen_because: str = ""
    holds_templates: bool = False


class Apply(Value, frozen=True, kw_only=True):
    """Server-side apply of ``body``. ``uid`` and ``resource_version`` are those of the copy the decision saw, empty
    where there was none; ``force`` takes fields over. Where the member has no such namespace it is created first, bare:
    ours to make, never ours to delete.
    """

    cluster: str
    object: ObjectKey
    body: bytes
    hash: str
    force: bool = False
    uid: str = ""
    resource_version: str = ""
    reason: str = ""


class Delete(Value, frozen=True, kw_only=True):
    """Delete exactly this object, by preconditions on both."""

    cluster: str
    object: ObjectKey
    uid: str
    resource_version: str
    reason: str = ""


class Release(Value, frozen=True, kw_only=True):
    """Take our label and annotation off and leave the object where it is."""

    cluster: str
    object: ObjectKey
    uid: str
    resource_version: str
    reason: str = ""


class Done(Value, frozen=True, kw_only=True):
    """A leaving copy is not there any more: the record can forget it."""

    cluster: str
    object: ObjectKey


class Keep(Value, frozen=True, kw_only=True):
    """Nothing is done, for a reason: ``InPlace`` where all is as it should be, else what stands in the way."""

    cluster: str
    object: ObjectKey
    reason: str = "InPlace"
    message: str = ""


Step = Apply | Delete | Release | Done | Keep


def plan_object(
    assignment: Assignment,
    rendered: Mapping[str, Rendered | Refusal],
    sites: Mapping[str, Site],
    hub: Hub,
    owner: str,
    *,
    overwrite: bool = False,
    moved: bool = True,
) -> tuple[Step, ...]:
    """One step for each cluster that has, or is to have, a copy; sorted by cluster.

    The assignment must be the recorded one. ``moved``: whether ``in_place`` holds for every object of the policy, so
    that a Service does not leave before the Deployment behind it runs elsewhere. ``overwrite`` takes over what is not
    ours.
    """
    steps: list[Step] = []
    for name in assignment.clusters:
        site = sites.get(name, UNCONFIGURED)
        want = _Want(name, assignment.object, owner, overwrite)
        steps.append(want.step(rendered.get(name), site, hub))
    for leaving in assignment.leaving:
        site = sites.get(leaving.cluster, UNCONFIGURED)
        waits = bool(assignment.shares) and not moved
        steps.append(_leave(assignment.object, leaving, site, hub, owner, waits))
    return tuple(sorted(steps, key=lambda step: step.cluster))


UNCONFIGURED = Site(seen=False, unseen_because="is not configured any more; forget it where it is gone for good")


def in_place(
    assignment: Assignment, rendered: Mapping[str, Rendered | Refusal], sites: Mapping[str, Site], owner: str
) -> bool:
    """Whether an object is where it should be, and runs there: in every assigned cluster that can be seen, and in one
    at least."""
    seen = {name: sites[name] for name in assignment.clusters if name in sites and sites[name].seen}
    return bool(seen) and all(_stands(site, rendered.get(name), owner) for name, site in seen.items())


def _stands(site: Site, wanted: Rendered | Refusal | None, owner: str) -> bool:
    if site.holds_templates:
        return True
    copy = site.copy
    if copy is None or copy.terminating or not isinstance(wanted, Rendered):
        return False
    return copy.owner == owner and copy.hash == wanted.hash and copy.running


class _Want(NamedTuple):
    """A cluster that is to have a copy."""

    cluster: str
    object: ObjectKey
    owner: str
    overwrite: bool

    def step(self, wanted: Rendered | Refusal | None, site: Site, hub: Hub) -> Step:
        if site.holds_templates:
            return self._keep("InPlace", "the object itself runs here")
        if hub.doubted:
            return self._keep("HubSuspect", hub.reason)
        if not site.seen:
            return self._keep("Unreachable", site.unseen_because)
        if wanted is None:
            return self._keep("MissingOnHub", "the object or its policy is not on the hub now; the copy stays as it is")
        if isinstance(wanted, Refusal):
            return self._keep(wanted.reason, wanted.message)
        return self._compare(wanted, site.copy)

    def _compare(self, wanted: Rendered, copy: Copy | None) -> Step:
        if copy is None:
            return self._apply(wanted, None, "Missing")
        if copy.terminating:
            return self._keep("Terminating", "it is being deleted there; it comes back when that is done")
        if copy.owner != self.owner:
            return self._take_over(wanted, copy)
        if copy.contested:
            return self._keep("Contested", copy.contested)
        if copy.hash != wanted.hash:
            return self._apply(wanted, copy, "Changed")
        return self._keep() if copy.intact else self._apply(wanted, copy, "Drifted")

    def _take_over(self, wanted: Rendered, copy: Copy) -> Step:
        if self.overwrite and not copy.owner:
            return self._apply(wanted, copy, "TakenOver")
        whose = f"belongs to the controller {copy.owner}" if copy.owner else "is not ours"
        fix = "rename one of them" if copy.owner else "delete it, or set conflictResolution: Overwrite to take it over"
        return self._keep("AlreadyExists", f"an object of this name {whose}; {fix}")

    def _apply(self, wanted: Rendered, copy: Copy | None, reason: str) -> Apply:
        """What was ours and was taken is taken back; what never was is left to its owner unless told otherwise."""
        return Apply(
            cluster=self.cluster,
            object=self.object,
            body=wanted.body,
            hash=wanted.hash,
            force=self.overwrite or (copy is not None and not copy.intact),
            uid=copy.uid if copy else "",
            resource_version=copy.resource_version if copy else "",
            reason=reason,
        )

    def _keep(self, reason: str = "InPlace", message: str = "") -> Keep:
        return Keep(cluster=self.cluster, object=self.object, reason=reason, message=message)


def _leave(key: ObjectKey, leaving: Leaving, site: Site, hub: Hub, owner: str, waits: bool) -> Step:
    """What becomes of a copy that leaves. Not ours any more, or the object itself: then there is nothing to do."""
    cluster, copy = leaving.cluster, site.copy
    if not hub.current:
        return Keep(cluster=cluster, object=key, reason="HubNotFresh", message=f"nothing leaves: {hub.reason}")
    if site.holds_templates:
        return Done(cluster=cluster, object=key)
    if not site.seen:
        message = f"leaves when the cluster can be reached: {site.unseen_because}"
        return Keep(cluster=cluster, object=key, reason="LeavingUnreachable", message=message)
    if copy is None or copy.owner != owner:
        return Done(cluster=cluster, object=key)
    if copy.terminating:
        return Keep(cluster=cluster, object=key, reason="Terminating", message="it is being deleted")
    if leaving.orphan:
        return _end(Release, key, cluster, copy)
    if waits and copy.running:
        message = "leaves when everything of its policy runs where it goes"
        return Keep(cluster=cluster, object=key, reason="WaitsForReplacement", message=message)
    return _end(Delete, key, cluster, copy)


def _end(step: type[Delete] | type[Release], key: ObjectKey, cluster: str, copy: Copy) -> Delete | Release:
    return step(
        cluster=cluster, object=key, uid=copy.uid, resource_version=copy.resource_version, reason="NoLongerAssigned"
    )
