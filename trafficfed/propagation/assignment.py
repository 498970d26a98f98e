"""The recorded choice: which clusters a policy chose, and what each of its objects has there.

It is recorded on the hub before it is applied, so that a restart, another leader or a measurement that has changed
meanwhile never places anything twice or elsewhere, and so that **a copy is deleted only where a record says so**:
a lost, emptied or restored hub has no such record.

The record is kept in ConfigMaps of the controller's own namespace, many entries in each (``records``), rather than in a
custom resource per object: a burst of new objects then costs one write and not one each, no schema has to be installed
or converted before workloads are safe, and nothing of it appears beside users' own objects. They are read by
people through the policy's status. No owner reference points at the object, the policy or anything else: the
record has to outlive what it is about until the last copy is gone.
"""

import hashlib

import msgspec

from trafficfed.model import Value
from trafficfed.propagation.objects import ObjectKey, PolicyKey


class MeasuredOut(Value, frozen=True):
    """A cluster that a measurement kept out when it was first considered; that stands until the criteria change."""

    cluster: str
    reason: str
    message: str = ""


class Choice(Value, frozen=True, kw_only=True):
    """The clusters one policy chose, for all its objects alike: a Service and its Deployment never part.

    ``criteria`` is the digest of the measured criteria it was chosen by.
    """

    policy: PolicyKey
    criteria: str = ""
    clusters: tuple[str, ...] = ()
    out: tuple[MeasuredOut, ...] = ()


class Share(Value, frozen=True, order=True):
    """What one cluster has of an object: ``replicas`` None is what the object itself says."""

    cluster: str
    replicas: int | None = None


class Leaving(Value, frozen=True, order=True):
    """A copy that is to be deleted, or let go of where ``orphan``; kept until that is done in its cluster."""

    cluster: str
    orphan: bool = False


class Assignment(Value, frozen=True, kw_only=True):
    """What one object has where. ``orphan`` is what its policy says about the end, as both may be gone by then.
    ``crowded`` are clusters that were given more replicas than fitted there at that moment."""

    object: ObjectKey
    policy: PolicyKey
    shares: tuple[Share, ...] = ()
    leaving: tuple[Leaving, ...] = ()
    orphan: bool = False
    crowded: tuple[str, ...] = ()

    @property
    def clusters(self) -> tuple[str, ...]:
        return tuple(share.cluster for share in self.shares)

    @property
    def ended(self) -> bool:
        """Nothing is anywhere: the record itself can go."""
        return not (self.shares or self.leaving)

    def replicas(self, cluster: str) -> int | None:
        """The cluster's share, None where it has none or the object's own number holds."""
        return next((share.replicas for share in self.shares if share.cluster == cluster), None)

    @property
    def digest(self) -> str:
        """Tells two assignments apart; the same in every process."""
        return hashlib.blake2b(msgspec.json.encode(self), digest_size=8).hexdigest()


def reassigned(before: Assignment | None, after: Assignment) -> Assignment:
    """The assignment that follows another: clusters that are no longer in it leave as it says, those back stay."""
    if before is None:
        return after
    clusters = set(after.clusters)
    leaving = {each.cluster: each for each in before.leaving if each.cluster not in clusters}
    leaving |= {name: Leaving(name, after.orphan) for name in before.clusters if name not in clusters}
    return msgspec.structs.replace(after, leaving=tuple(sorted(leaving.values())))


def withdrawn(before: Assignment) -> Assignment:
    """Object or policy are gone: every copy leaves."""
    return reassigned(before, msgspec.structs.replace(before, shares=(), leaving=(), crowded=()))


def left(before: Assignment, cluster: str) -> Assignment:
    """A copy is deleted, or let go of: what the record had to remember of it is done."""
    return msgspec.structs.replace(before, leaving=tuple(each for each in before.leaving if each.cluster != cluster))


def forgotten(before: Assignment, cluster: str) -> Assignment:
    """An operator says that a cluster is no more: nothing is waited for there."""
    shares = tuple(share for share in before.shares if share.cluster != cluster)
    crowded = tuple(name for name in before.crowded if name != cluster)
    return left(msgspec.structs.replace(before, shares=shares, crowded=crowded), cluster)
