"""Copies of operator controls on the hub: what has to be written so that they show what is in force. Pure."""

from collections.abc import Iterable, Sequence

import msgspec
import orjson

from trafficfed.crds.operatorcontrol import (
    Action,
    OperatorControlObject,
    OperatorControlSpec,
    OperatorControlStatus,
    moment,
    spec_of,
)
from trafficfed.crds.structs import API_VERSION, Condition
from trafficfed.model import OperatorControl, Value

PATH = f"/apis/{API_VERSION}/operatorcontrols"
COPY_OF = "trafficfed.io/copied-by"
"""Label of copies, with the owner that makes them; objects without it are somebody's own and never touched."""

MERGE = "application/merge-patch+json"


class Write(Value, frozen=True):
    """One request to the hub."""

    method: str
    path: str
    body: bytes
    content_type: str = "application/json"


def writes(
    found: Iterable[OperatorControlObject], controls: Sequence[OperatorControl], owner: str
) -> tuple[Write, ...]:
    """From the copies that were found to those of the controls in force; nothing where they are right.

    What ended is deleted, as the very object that was seen. A copy that somebody edited is made anew.
    """
    wanted = {name_of(each): each for each in controls if each.kind in tuple(Action)}
    there = {each.metadata.name: each for each in found}
    right = {name for name, each in there.items() if name in wanted and each.spec == spec_of(wanted[name])}
    steps = [_deletion(there[name]) for name in sorted(there.keys() - right)]
    steps += [_creation(name, wanted[name], owner) for name in sorted(wanted.keys() - right)]
    for name, control in sorted(wanted.items()):
        status = _status(control)
        if name not in right or there[name].status != status:
            steps.append(_telling(name, status))
    return tuple(steps)


def name_of(control: OperatorControl) -> str:
    """What a copy is called; the id is part of it, so that another control is another object."""
    return f"{control.kind}-{control.id}"


def _deletion(copy: OperatorControlObject) -> Write:
    options = {"preconditions": {"uid": copy.metadata.uid}}
    return Write("DELETE", f"{PATH}/{copy.metadata.name}", orjson.dumps(options))


def _creation(name: str, control: OperatorControl, owner: str) -> Write:
    body = {
        "apiVersion": API_VERSION,
        "kind": "OperatorControl",
        "metadata": {"name": name, "labels": {COPY_OF: owner}},
        "spec": _plain(spec_of(control)),
    }
    return Write("POST", PATH, orjson.dumps(body))


def _telling(name: str, status: OperatorControlStatus) -> Write:
    return Write("PATCH", f"{PATH}/{name}/status", orjson.dumps({"status": _plain(status)}), MERGE)


def _status(control: OperatorControl) -> OperatorControlStatus:
    since = moment(control.since_s)
    conditions = tuple(
        Condition(type=kind, status="True", reason="InForce", message=message, last_transition_time=since)
        for kind, message in (("Accepted", "it stands in the table"), ("InForce", "it has not ended"))
    )
    return OperatorControlStatus(id=control.id, conditions=conditions)


def _plain(part: OperatorControlSpec | OperatorControlStatus) -> object:
    return msgspec.to_builtins(part)
