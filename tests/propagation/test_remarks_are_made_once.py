"""Whatever a policy and its copies go through, each change of meaning is told once, and nothing else is."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from trafficfed.crds.structs import Condition
from trafficfed.propagation.aggregate import CopyState
from trafficfed.propagation.objects import ObjectKey, PolicyKey
from trafficfed.propagation.policy import PolicyStatus, Problem
from trafficfed.propagation.remarks import OF_OBJECTS, OVER, PASSING, Remark, Remarks

POLICY = PolicyKey("shop", "all")
ONE = ObjectKey("", "ConfigMap", "shop", "one")
NOTHING = PolicyStatus()
REASONS = ("Applied", "AlreadyExists", "Unreachable", "Applying", "SeveralReasons", "HubSuspect")


def status(reason: str) -> PolicyStatus:
    condition = Condition(type="Applied", status=str(reason == "Applied"), reason=reason, message="why")
    return PolicyStatus(conditions=(condition,))


def said(*history: str, before: PolicyStatus = NOTHING) -> list[str]:
    remarks = Remarks()
    found: list[str] = []
    for reason in history:
        after = status(reason)
        found += (each.reason for each in remarks.of_policy(POLICY, "1", before, after))
        before = after
    return found


def state(reason: str, cluster: str = "eu") -> CopyState:
    return CopyState(cluster=cluster, object=ONE, reason=reason, message="why")


def of_object(*history: tuple[CopyState, ...], before: PolicyStatus = NOTHING) -> list[Remark]:
    remarks = Remarks()
    return [each for states in history for each in remarks.of_object(ONE, "1", POLICY, states, before)]


def test_what_is_well_from_the_start_is_not_worth_a_word() -> None:
    assert said("Applying", "Applied") == []


def test_a_trouble_is_told_when_it_begins_and_when_it_is_over() -> None:
    assert said("Applied", "AlreadyExists", "AlreadyExists", "Applying", "Applied", "Applied") == [
        "AlreadyExists",
        OVER,
    ]


def test_another_reason_is_another_remark_and_a_passing_one_is_none() -> None:
    assert said("AlreadyExists", "Applying", "AlreadyExists", "Unreachable") == ["AlreadyExists", "Unreachable"]


def test_what_stood_in_the_status_before_the_start_was_told_before_it() -> None:
    assert said("AlreadyExists", "AlreadyExists", before=status("AlreadyExists")) == []
    assert said("Applied", before=status("AlreadyExists")) == [OVER]


def test_an_object_is_told_where_and_why() -> None:
    found = of_object((state("AlreadyExists", "us"), state("InPlace", "eu")))
    assert [(each.subject, each.reason, each.message, each.good) for each in found] == [
        (ONE, "AlreadyExists", "us: why", False)
    ]


def test_what_concerns_a_member_as_a_whole_is_not_told_at_each_object() -> None:
    assert of_object(*((state(reason),) for reason in ("Unreachable", "Forbidden", "Throttled", "HubSuspect"))) == []


def test_each_member_is_told_for_itself_and_so_is_its_end() -> None:
    found = of_object(
        (state("Invalid", "eu"), state("Invalid", "us")),
        (state("Invalid", "eu"), state("InPlace", "us")),
        (state("InPlace", "eu"), state("InPlace", "us")),
    )
    assert [(each.message, each.good) for each in found] == [
        ("eu: why", False),
        ("us: why", False),
        ("us: no longer Invalid", True),
        ("eu: no longer Invalid", True),
    ]


def test_a_problem_that_a_policy_listed_before_the_start_was_told_before_it() -> None:
    problem = Problem(cluster="eu", object=str(ONE), reason="Invalid")
    before = PolicyStatus(problems=(problem,))
    assert of_object((state("Invalid"),), before=before) == []
    assert [each.reason for each in of_object((state("FieldConflict"),), before=before)] == ["FieldConflict"]
    assert [each.reason for each in of_object((state("InPlace"),), before=before)] == [OVER]


def test_an_object_that_comes_again_is_told_again() -> None:
    remarks = Remarks()
    first = list(remarks.of_object(ONE, "1", POLICY, (state("Invalid"),), NOTHING))
    remarks.forget(ONE)
    assert [each.reason for each in first] == ["Invalid"]
    assert [each.reason for each in remarks.of_object(ONE, "2", POLICY, (state("Invalid"),), NOTHING)] == ["Invalid"]


@given(st.lists(st.sampled_from(REASONS), max_size=20))
def test_over_any_history_of_a_policy_only_changes_of_meaning_are_told(history: list[str]) -> None:
    found = said(*history)
    assert not set(found) & PASSING
    assert all(one != next for one, next in pairwise(found))
    lasting = [reason for reason in history if reason not in PASSING]
    assert (found[-1:] not in ([], [OVER])) == (lasting[-1:] not in ([], ["Applied"]))


@given(st.lists(st.sampled_from(sorted(OF_OBJECTS | {"InPlace", "Unreachable"})), max_size=20))
def test_over_any_history_of_a_copy_what_was_told_last_is_what_is(history: list[str]) -> None:
    found = of_object(*((state(reason),) for reason in history))
    told = [OVER if each.good else each.reason for each in found]
    assert all(one != next for one, next in pairwise(told))
    troubled = history[-1:] != [] and history[-1] in OF_OBJECTS
    assert (told[-1:] == history[-1:]) if troubled else told[-1:] in ([], [OVER])
