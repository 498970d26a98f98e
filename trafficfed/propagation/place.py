"""Where a policy's objects go: the choice of clusters, one for all of them.

Declared criteria (names, labels, properties, compliance) hold at all times. Measured ones (latency, capacity) judge
a cluster when it is first considered, and again only when the criteria themselves are edited: nothing that a
measurement does later moves anything. A member that cannot be reached keeps its place and its share. Where nothing
fits any more, what runs stays and that is reported: placement never removes the last copy.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

import msgspec

from trafficfed.model import Cluster, Value
from trafficfed.propagation.assignment import Choice, MeasuredOut
from trafficfed.propagation.capacity import Room
from trafficfed.propagation.clusters import Finding, objection, out, unknown
from trafficfed.propagation.policy import DivideBy, PolicySpec, ReplicaScheduling, SchedulingType, SpreadBy
from trafficfed.propagation.select import Policy


class Candidate(Value, frozen=True, kw_only=True):
    """One configured member. ``holds_templates``: it is the hub itself, where the object is its own copy."""

    cluster: Cluster
    reachable: bool = True
    holds_templates: bool = False

    @property
    def name(self) -> str:
        return self.cluster.name


class Measured(NamedTuple):
    """What was measured so far. ``latency_s`` is the round-trip time from a cluster to a cluster or region, by both
    names; ``room`` what is free on each node of a cluster. ``final``: who is not measured yet will not be soon.
    """

    latency_s: Mapping[tuple[str, str], float] = {}
    room: Mapping[str, Sequence[Room]] = {}
    final: bool = False


class Chosen(Value, frozen=True, kw_only=True):
    """The clusters of one policy, with the reason of every cluster. ``choice`` None: ``waiting`` says for what.

    ``kept``: nothing fits, what was chosen before stays.
    """

    choice: Choice | None = None
    findings: tuple[Finding, ...] = ()
    waiting: str = ""
    kept: bool = False


def criteria(spec: PolicySpec) -> str:
    """Digest of what measured inputs are asked for: an edit of it asks anew, any other edit does not."""
    placement = spec.placement
    asked = (placement.latency, placement.max_clusters, placement.spread_by, _by_capacity(spec.replica_scheduling))
    return hashlib.blake2b(msgspec.json.encode(asked), digest_size=8).hexdigest()


def _by_capacity(scheduling: ReplicaScheduling) -> bool:
    return scheduling.type is SchedulingType.DIVIDED and scheduling.divide_by is DivideBy.FREE_CAPACITY


def choose(policy: Policy, candidates: Iterable[Candidate], measured: Measured, before: Choice | None) -> Chosen:
    """The clusters for all objects of a policy; the same for equal inputs in any order."""
    return _Choosing(policy, candidates, measured, before).run()


class _Choosing:
    def __init__(
        self, policy: Policy, candidates: Iterable[Candidate], measured: Measured, before: Choice | None
    ) -> None:
        self._policy, self._spec, self._measured, self._before = policy, policy.spec, measured, before
        self._candidates = {each.name: each for each in sorted(candidates, key=lambda each: each.name)}
        self._criteria = criteria(policy.spec)
        self._same = before is not None and before.criteria == self._criteria
        self._holders = frozenset(before.clusters if before else ())
        self._measured_out = {each.cluster: each for each in before.out} if before and self._same else {}

    def run(self) -> Chosen:
        findings = {name: self._judge(candidate) for name, candidate in self._candidates.items()}
        findings |= {name: self._absent(name) for name in self._holders - self._candidates.keys()}
        waiting = sorted(name for name, finding in findings.items() if finding.reason == UNMEASURED)
        named = {each.cluster: each for each in unknown(self._spec.placement, frozenset(self._candidates))}
        if waiting and self._before is None and not self._measured.final:
            return Chosen(findings=_sorted({**named, **findings}), waiting=f"measurement of {', '.join(waiting)}")
        findings |= self._limit(findings)
        chosen = tuple(sorted(name for name, finding in findings.items() if finding.chosen))
        kept = not chosen and bool(self._holders)
        if kept:
            findings |= {name: _kept(findings[name]) for name in self._holders}
            chosen = tuple(sorted(self._holders))
        choice = Choice(policy=self._policy.key, criteria=self._criteria, clusters=chosen, out=self._now_out(findings))
        return Chosen(choice=choice, findings=_sorted({**named, **findings}), kept=kept)

    def _judge(self, candidate: Candidate) -> Finding:
        """Declared criteria first: they are whole answers. A holder is asked nothing else while criteria stand."""
        name, placement = candidate.name, self._spec.placement
        if (declared := objection(placement, candidate.cluster)) is not None:
            return declared
        if candidate.holds_templates and self._spec.replica_scheduling.type is SchedulingType.DIVIDED:
            return out(name, "HoldsTheTemplates", "is the hub: there the object itself runs, with all its replicas")
        holder = name in self._holders
        asks = placement.latency is not None and not (holder and self._same)
        if asks and (distant := self._distance(candidate, holder)) is not None:
            return distant
        if holder:
            return _in(name, "Kept" if candidate.reachable else "KeptUnreachable", _UNREACHABLE[candidate.reachable])
        if not candidate.reachable:
            return out(name, "Unreachable", "cannot be reached; it is considered when it can")
        return _in(name, "Fits")

    def _distance(self, candidate: Candidate, holder: bool) -> Finding | None:
        """Why a cluster is not near enough, or not known to be; None where it is, or keeps its place unmeasured."""
        name, bound = candidate.name, self._spec.placement.latency
        assert bound is not None
        if (settled := self._measured_out.get(name)) is not None:
            return out(name, settled.reason, settled.message)
        where = bound.region or bound.cluster
        rtt_s = self._rtt_s(candidate.cluster, bound.region, bound.cluster)
        if rtt_s is None:
            if holder:
                return None
            if not candidate.reachable:
                return out(name, "Unreachable", "cannot be reached; it is considered when it can")
            return out(name, UNMEASURED, f"its latency to {where} is not measured yet")
        if rtt_s * 1000 >= bound.below_milliseconds:
            return out(
                name, TOO_FAR, f"{rtt_s * 1000:.1f} ms to {where}, demanded are below {bound.below_milliseconds}"
            )
        return None

    def _rtt_s(self, cluster: Cluster, region: str, other: str) -> float | None:
        """To a region: as measured, or to the nearest cluster of it; to where a cluster is itself: nothing."""
        if (region and cluster.region == region) or (other and cluster.name == other):
            return 0.0
        places = [other] if other else [region, *(c.name for c in self._clusters() if c.region == region)]
        latencies = self._measured.latency_s
        found = [latencies[cluster.name, place] for place in places if (cluster.name, place) in latencies]
        return min(found, default=None)

    def _clusters(self) -> Iterable[Cluster]:
        return (candidate.cluster for candidate in self._candidates.values())

    def _absent(self, name: str) -> Finding:
        """A holder that is in no configuration any more: only an operator's word, or the policy's, ends it there."""
        affinity = self._spec.placement.cluster_affinity
        if name in affinity.exclude or (affinity.cluster_names and name not in affinity.cluster_names):
            return out(name, "NotNamed", "is not configured any more, nor among the policy's clusters")
        return _in(name, "KeptNotConfigured", "is not configured any more; forget it where it is gone for good")

    def _limit(self, findings: Mapping[str, Finding]) -> dict[str, Finding]:
        """Those that are more than maxClusters allows."""
        most = self._spec.placement.max_clusters
        fit = sorted((name for name, finding in findings.items() if finding.chosen), key=self._rank)
        if most is None or len(fit) <= most:
            return {}
        taken = _spread(fit, most, self._holders, self._property)
        message = f"at most {most} are wanted, and these go first: {', '.join(sorted(taken))}"
        return {name: out(name, "NotNeeded", message) for name in fit if name not in taken}

    def _rank(self, name: str) -> tuple[object, ...]:
        """Who can be reached before others, then by room or nearness, then by name."""
        candidate, placement = self._candidates.get(name), self._spec.placement
        reachable = candidate is not None and candidate.reachable
        room, rtt_s = 0, None
        if _by_capacity(self._spec.replica_scheduling):
            room = sum(node.cpu_m for node in self._measured.room.get(name, ()))
        if placement.latency is not None and candidate is not None:
            rtt_s = self._rtt_s(candidate.cluster, placement.latency.region, placement.latency.cluster)
        return not reachable, -room, float("inf") if rtt_s is None else rtt_s, name

    def _property(self, name: str) -> str:
        candidate, by = self._candidates.get(name), self._spec.placement.spread_by
        if candidate is None or by is None:
            return ""
        cluster = candidate.cluster
        values = {
            SpreadBy.REGION: cluster.region,
            SpreadBy.ZONE: cluster.zone,
            SpreadBy.PROVIDER: cluster.provider,
            SpreadBy.COUNTRY: cluster.country,
        }
        return values[by]

    def _now_out(self, findings: Mapping[str, Finding]) -> tuple[MeasuredOut, ...]:
        """What measurements decided, to stand: known before, also of clusters that something else keeps out today."""
        now = {name: MeasuredOut(name, f.reason, f.message) for name, f in findings.items() if f.reason == TOO_FAR}
        chosen = {name for name, finding in findings.items() if finding.chosen}
        before = {name: each for name, each in self._measured_out.items() if name not in chosen}
        return tuple(each for _, each in sorted({**before, **now}.items()))


UNMEASURED = "LatencyUnknown"
TOO_FAR = "TooFar"
_UNREACHABLE = {True: "", False: "cannot be reached: it keeps its place and its share"}


def _in(name: str, reason: str, message: str = "") -> Finding:
    return Finding(cluster=name, chosen=True, reason=reason, message=message)


def _kept(finding: Finding) -> Finding:
    message = f"{finding.message} ({finding.reason}); kept, as no other cluster fits"
    return _in(finding.cluster, "KeptNothingFits", message)


def _sorted(findings: Mapping[str, Finding]) -> tuple[Finding, ...]:
    return tuple(finding for _, finding in sorted(findings.items()))


def _spread(
    ranked: Sequence[str], most: int, holders: frozenset[str], value_of: Callable[[str], str]
) -> frozenset[str]:
    """The first of the ranking, but one of each property before a second of any; who has its place keeps it."""
    taken = [name for name in ranked if name in holders][:most]
    seen = Counter(map(value_of, taken))
    rest = [name for name in ranked if name not in holders]
    while rest and len(taken) < most:
        best = min(rest, key=lambda name: seen[value_of(name)])
        rest.remove(best)
        taken.append(best)
        seen[value_of(best)] += 1
    return frozenset(taken)
