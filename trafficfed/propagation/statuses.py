"""One status for an object on the hub out of those of its copies, for the kinds whose status adds up.

Counts are sums; the generation that was observed is the hub's own, once every copy has settled on it, so that
``kubectl rollout status`` on the hub waits for all clusters. A cluster out of reach counts with what it said last.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from trafficfed.model import Value
from trafficfed.propagation.objects import ObjectKey

Json = dict[str, Any]


NOT_REPORTED: Json = {"status": "Unknown", "reason": "NotReported", "message": "has not reported it"}
"""Stands for a condition that a cluster's copy does not have."""


class CopyStatus(Value, frozen=True, kw_only=True):
    """What one copy reports: ``current`` where it is what the hub has now and its controllers have seen it."""

    cluster: str
    status: bytes = b""
    current: bool = False


class Aim(Value, frozen=True, kw_only=True):
    """The template's side: its generation, and that which its status was last said to be about. ``type`` is a
    Service's type."""

    generation: int = 0
    observed: int = 0
    type: str = ""


def aggregate(key: ObjectKey, aim: Aim, copies: Iterable[CopyStatus]) -> Json | None:
    """The status to write on the hub, None where the kind has none that adds up. Empty counts are left out, as API
    servers leave them out: an equal status is an equal value."""
    combine = _COMBINE.get((key.group, key.kind))
    if combine is None:
        return None
    ordered = sorted(copies, key=lambda copy: copy.cluster)
    read = {copy.cluster: json.loads(copy.status) if copy.status else {} for copy in ordered}
    status = combine(aim, read)
    if (key.group, key.kind) in _OBSERVING:
        settled = bool(ordered) and all(copy.current for copy in ordered)
        status["observedGeneration"] = aim.generation if settled else aim.observed
    return {name: value for name, value in sorted(status.items()) if value not in (0, [], None, {})}


def _sums(statuses: Mapping[str, Json], fields: Sequence[str]) -> Json:
    return {field: sum(int(status.get(field) or 0) for status in statuses.values()) for field in fields}


def _worst(statuses: Mapping[str, Json], types: Iterable[str]) -> list[Json]:
    """A condition holds where it holds in every cluster; else it says where it does not."""
    found = []
    for kind in types:
        stated = {name: _condition(status, kind) for name, status in statuses.items()}
        if any("type" in each for each in stated.values()):
            found.append(_together(kind, stated))
    return found


def _condition(status: Json, kind: str) -> Json:
    return next((each for each in _conditions(status) if each["type"] == kind), NOT_REPORTED)


def _conditions(status: Json) -> Iterable[Json]:
    return [each for each in status.get("conditions") or () if isinstance(each, dict) and "type" in each]


def _together(kind: str, stated: Mapping[str, Json]) -> Json:
    shown = {name: each for name, each in stated.items() if each.get("status") != "True"} or stated
    states = {str(each.get("status")) for each in shown.values()}
    first = next((each for _, each in sorted(shown.items()) if each.get("status") == "False"), shown[min(shown)])
    moments = [str(each["lastTransitionTime"]) for each in shown.values() if each.get("lastTransitionTime")]
    return {
        "type": kind,
        "status": "False" if "False" in states else "True" if states == {"True"} else "Unknown",
        "reason": str(first.get("reason", "")),
        "message": "; ".join(f"{name}: {_told(each)}" for name, each in sorted(shown.items())),
        **({"lastTransitionTime": max(moments)} if moments else {}),
    }


def _told(condition: Json) -> str:
    return str(condition.get("message") or condition.get("reason") or condition.get("status"))


def _deployment(aim: Aim, statuses: Mapping[str, Json]) -> Json:
    fields = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas", "unavailableReplicas")
    return {**_sums(statuses, fields), "conditions": _worst(statuses, ("Available", "Progressing"))}


def _stateful_set(aim: Aim, statuses: Mapping[str, Json]) -> Json:
    fields = ("replicas", "readyReplicas", "currentReplicas", "updatedReplicas", "availableReplicas")
    # the API demands this one even at 0
    return _sums(statuses, fields)


def _replica_set(aim: Aim, statuses: Mapping[str, Json]) -> Json:
    return _sums(statuses, ("replicas", "fullyLabeledReplicas", "readyReplicas", "availableReplicas"))


def _daemon_set(aim: Aim, statuses: Mapping[str, Json]) -> Json:
    return _sums(
        statuses,
        (
            "currentNumberScheduled",
            "numberMisscheduled",
            "desiredNumberScheduled",
            "numberReady",
            "updatedNumberScheduled",
            "numberAvailable",
            "numberUnavailable",
        ),
    )


def _job(aim: Aim, statuses: Mapping[str, Json]) -> Json:
    """Complete once it is complete everywhere, failed as soon as it failed anywhere and nothing runs any more."""
    status = _sums(statuses, ("active", "ready", "succeeded", "failed"))
    starts = sorted(str(each["startTime"]) for each in statuses.values() if each.get("startTime"))
    ends = sorted(str(each["completionTime"]) for each in statuses.values() if each.get("completionTime"))
    complete = _worst(statuses, ("SuccessCriteriaMet", "Complete"))
    if len(complete) == 2 and all(each["status"] == "True" for each in complete):
        status["conditions"], status["completionTime"] = complete, ends[-1] if ends else None
    elif failed := _failed(statuses):
        status["conditions"] = failed
    return {**status, "startTime": starts[0] if starts else None}


def _failed(statuses: Mapping[str, Json]) -> list[Json]:
    """The failure of one cluster, while no other still runs."""
    stated = {name: {each["type"]: each for each in _conditions(status)} for name, status in statuses.items()}
    lost = {name: each for name, each in stated.items() if each.get("Failed", {}).get("status") == "True"}
    over = all({"Failed", "Complete"} & each.keys() for each in stated.values())
    if not lost or not over:
        return []
    return [
        _together(kind, {name: each[kind] for name, each in lost.items()})
        for kind in ("FailureTarget", "Failed")
        if all(kind in each for each in lost.values())
    ]


def _load_balancer(aim: Aim, statuses: Mapping[str, Json]) -> Json:
    """Every address of every cluster, once."""
    entries = [each for status in statuses.values() for each in (status.get("loadBalancer") or {}).get("ingress") or ()]
    return {"loadBalancer": {"ingress": [json.loads(text) for text in sorted({_text(each) for each in entries})]}}


def _text(entry: Json) -> str:
    return json.dumps(entry, sort_keys=True)


def _service(aim: Aim, statuses: Mapping[str, Json]) -> Json:
    """API servers refuse addresses on a Service of any other type."""
    found = _load_balancer(aim, statuses) if aim.type == "LoadBalancer" else {}
    return found if found and found["loadBalancer"]["ingress"] else {}


def _ingress(aim: Aim, statuses: Mapping[str, Json]) -> Json:
    found = _load_balancer(aim, statuses)
    return found if found["loadBalancer"]["ingress"] else {}


_COMBINE: dict[tuple[str, str], Callable[[Aim, Mapping[str, Json]], Json]] = {
    ("apps", "Deployment"): _deployment,
    ("apps", "StatefulSet"): _stateful_set,
    ("apps", "ReplicaSet"): _replica_set,
    ("apps", "DaemonSet"): _daemon_set,
    ("batch", "Job"): _job,
    ("", "Service"): _service,
    ("networking.k8s.io", "Ingress"): _ingress,
}
_OBSERVING = {("apps", "Deployment"), ("apps", "StatefulSet"), ("apps", "ReplicaSet"), ("apps", "DaemonSet")}
