"""All that decisions about propagation look at, in one place: hub, members, records, measurements."""

from collections.abc import Iterable, Mapping

from trafficfed.model import Cluster
from trafficfed.propagation.assignment import Assignment
from trafficfed.propagation.capacity import Room
from trafficfed.propagation.hub_view import HubView
from trafficfed.propagation.member_view import MemberView
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.place import Candidate, Measured
from trafficfed.propagation.policy import DivideBy, SchedulingType
from trafficfed.propagation.records import Records


class Situation:
    """``records`` is None until the hub was seen completely, and believed."""

    def __init__(self, owner: str, clusters: Mapping[str, Cluster], hub: HubView, began_s: float) -> None:
        self.owner, self.clusters, self.hub, self.began_s = owner, clusters, hub, began_s
        self.members = {name: MemberView(name, hub.kinds) for name in clusters}
        self.records: Records | None = None
        self.measured = Measured()
        self._candidates: tuple[Candidate, ...] | None = None

    @property
    def known_records(self) -> Records:
        """For what happens only once there are any."""
        assert self.records is not None, "nothing is decided before the hub was believed"
        return self.records

    def assignment(self, key: ObjectKey) -> Assignment | None:
        return self.records.assignments.get(key) if self.records is not None else None

    @property
    def all_tried(self) -> bool:
        """Whether every member is seen, or known to be out of reach."""
        return all(member.tried for member in self.members.values())

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        if self._candidates is None:
            self._candidates = tuple(
                Candidate(
                    cluster=self.clusters[name], reachable=member.reachable, holds_templates=member.holds_templates
                )
                for name, member in self.members.items()
            )
        return self._candidates

    def members_changed(self) -> None:
        self._candidates = None

    def identify(self, member: MemberView) -> bool:
        """The hub may be a member too: what it holds are the templates themselves. Whether that is news."""
        same = bool(member.uid) and member.uid == self.hub.known.uid
        changed = same != member.holds_templates
        member.holds_templates = same
        return changed

    def measure_room(self, cluster: str, room: Iterable[Room]) -> None:
        self.measured = self.measured._replace(room={**self.measured.room, cluster: tuple(room)})

    def measure_latency(self, rtt_s: Mapping[tuple[str, str], float]) -> bool:
        """Whether any of them was not known before."""
        is_news = any(pair not in self.measured.latency_s for pair in rtt_s)
        self.measured = self.measured._replace(latency_s={**self.measured.latency_s, **rtt_s})
        return is_news

    @property
    def wants_room(self) -> bool:
        """Whether any policy divides by what is free."""
        specs = (policy.spec.replica_scheduling for policy in self.hub.policies.values())
        return any(s.type is SchedulingType.DIVIDED and s.divide_by is DivideBy.FREE_CAPACITY for s in specs)
