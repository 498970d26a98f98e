"""Each failure of a step has one name, its own pause, and ends when what stood in the way is gone."""

import pytest

from trafficfed.errors import Refused, Transient
from trafficfed.kubernetes_api.failures import failure_of
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.troubles import LONGEST_S, REFUSED_S, Failure, Troubles, failure
from trafficfed.propagation.work import WorkQueue

WEB = ("eu", ObjectKey("apps", "Deployment", "shop", "web"))
LATER = Failure(reason="Unreachable", message="connection refused")
PERSON = Failure(reason="Forbidden", message="no", person=True)


@pytest.mark.parametrize(
    ("status", "said", "reason", "person"),
    [
        (401, "", "Unauthorized", True),
        (403, "deployments is forbidden", "Forbidden", True),
        (404, "the server could not find the requested resource", "KindNotFound", True),
        (409, "Apply failed with 1 conflict: conflict with kubectl: .spec.replicas", "FieldConflict", True),
        (409, "the object has been modified", "Outdated", False),
        (422, "spec.selector: field is immutable", "Invalid", True),
        (413, "too large", "Invalid", True),
        (429, "slow down", "Throttled", False),
        (500, "etcd", "Failing", False),
    ],
)
def test_every_answer_has_a_name_and_who_must_act(status: int, said: str, reason: str, person: bool) -> None:
    found = failure(failure_of(status, {}, b'{"message":"' + said.encode() + b'"}', "the token of context eu"))
    assert (found.reason, found.person) == (reason, person)
    assert said in found.message


def test_no_answer_at_all_is_unreachable_and_a_bad_certificate_is_refused() -> None:
    assert failure(Transient("connection refused")).reason == "Unreachable"
    assert failure(Refused("the certificate is not trusted")).reason == "Refused"


def test_pauses_grow_to_a_limit_and_start_anew_with_another_reason() -> None:
    troubles, waits = Troubles(), []
    for _ in range(12):
        troubles.failed(WEB, LATER, "a", 100.0)
        found = troubles.get(WEB)
        assert found is not None
        waits.append(found.at_s - 100.0)
    assert waits[:3] == [0.5, 1.0, 2.0]
    assert waits[-1] == LONGEST_S
    troubles.failed(WEB, Failure(reason="Throttled", message="x"), "a", 100.0)
    found = troubles.get(WEB)
    assert found is not None
    assert found.at_s == 100.5


def test_what_the_member_asked_for_is_waited() -> None:
    troubles = Troubles()
    troubles.failed(WEB, Failure(reason="Throttled", message="x", retry_after_s=20.0), "a", 0.0)
    assert troubles.holds(WEB, "a", 19.0)
    assert troubles.holds(WEB, "a", 20.0) is None


def test_other_content_is_tried_at_once_where_a_person_had_to_act() -> None:
    troubles = Troubles()
    troubles.failed(WEB, PERSON, "a", 0.0)
    assert troubles.holds(WEB, "a", REFUSED_S - 1)
    assert troubles.holds(WEB, "b", 1.0) is None


def test_other_content_does_not_hurry_a_member_that_is_out_of_reach() -> None:
    troubles = Troubles()
    troubles.failed(WEB, LATER, "a", 0.0)
    assert troubles.holds(WEB, "b", 0.1)


@pytest.mark.parametrize("reason", ["Outdated", "FieldConflict"])
def test_a_change_of_the_copy_ends_the_wait(reason: str) -> None:
    troubles = Troubles()
    troubles.failed(WEB, Failure(reason=reason, message="x", person=reason == "FieldConflict"), "a", 0.0)
    troubles.moved(WEB)
    assert troubles.holds(WEB, "a", 0.1) is None


def test_what_is_due_is_told_once() -> None:
    troubles = Troubles()
    troubles.failed(WEB, LATER, "a", 0.0)
    troubles.failed(WEB, LATER, "a", 0.0)
    assert troubles.next_s == 0.5
    assert troubles.due(0.5) == []
    assert troubles.due(1.0) == [WEB]
    assert troubles.due(9.0) == []
    troubles.over(WEB)
    assert len(troubles) == 0


def test_urgent_work_is_taken_whole_and_first() -> None:
    queue, keys = WorkQueue(), [ObjectKey("", "ConfigMap", "shop", str(number)) for number in range(6)]
    for key in keys:
        queue.add(key, urgent=False)
    queue.add(keys[4], urgent=True)
    queue.add(keys[4], urgent=False)
    assert queue.take(2) == [(keys[4], True), (keys[0], False), (keys[1], False)]
    assert queue.take(-1) == []
    assert len(queue) == 3
