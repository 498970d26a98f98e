"""What each object gets: a copy everywhere chosen, shares where replicas are divided; who leaves is written down."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import ConfigError
from trafficfed.propagation.assign import assign, replica_request
from trafficfed.propagation.assignment import (
    Assignment,
    Choice,
    Leaving,
    Share,
    forgotten,
    left,
    reassigned,
    withdrawn,
)
from trafficfed.propagation.capacity import Room, node_room, pod_request, quantity
from trafficfed.propagation.place import Measured
from trafficfed.propagation.select import Policy
from trafficfed.testing.propagating import (
    UNMEASURED,
    WEB,
    candidates,
    deployment,
    dividing,
    policy,
    replicas,
    template,
)

FLEET = candidates("eu", "us")
BY_ROOM = dividing(divideBy="FreeCapacity")


def choice(*clusters: str) -> Choice:
    return Choice(policy=policy().key, clusters=clusters)


def assigned(
    ruling: Policy,
    count: int | None = 4,
    clusters: tuple[str, ...] = ("eu", "us"),
    measured: Measured = UNMEASURED,
    before: Assignment | None = None,
    unreachable: tuple[str, ...] = (),
) -> Assignment:
    members = candidates("ap", "eu", "us", unreachable=unreachable)
    found = assign(template(deployment(replicas=count)), ruling, choice(*clusters), members, measured, before)
    assert found.assignment is not None, found.waiting
    return found.assignment


def free(**nodes: int) -> Measured:
    """So many half cores on one node of each cluster: as many replicas of the test's Deployment."""
    return Measured(room={name: [Room(500 * each, 2**40, 1000)] for name, each in nodes.items()})


def test_duplicated_replicas_are_what_the_object_says() -> None:
    assert replicas(assigned(policy())) == {"eu": None, "us": None}


def test_scaling_a_duplicated_object_changes_no_record() -> None:
    assert assigned(policy(), 4) == assigned(policy(), 40)


def test_divided_replicas_follow_the_weights() -> None:
    assert replicas(assigned(dividing(weights={"eu": 3, "us": 1}), 8)) == {"eu": 6, "us": 2}


def test_without_weights_all_are_alike() -> None:
    assert replicas(assigned(dividing(), 5)) == {"eu": 3, "us": 2}


def test_a_cluster_without_weight_gets_the_object_and_no_replica() -> None:
    assert replicas(assigned(dividing(weights={"eu": 1}), 5)) == {"eu": 5, "us": 0}


def test_an_object_without_replicas_is_copied_whole() -> None:
    config = template({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}})
    found = assign(config, dividing(weights={"eu": 1}), choice("eu", "us"), FLEET, UNMEASURED, None)
    assert replicas(found.assignment) == {"eu": None, "us": None}


def test_replicas_left_out_are_one_as_for_api_servers() -> None:
    assert replicas(assigned(dividing(), None)) == {"eu": 1, "us": 0}


def test_a_member_out_of_reach_keeps_its_share() -> None:
    before = assigned(dividing(), 4)
    assert replicas(assigned(dividing(), 8, before=before, unreachable=("us",))) == {"eu": 6, "us": 2}


def test_division_by_room_waits_until_all_within_reach_are_measured() -> None:
    found = assign(template(deployment()), BY_ROOM, choice("eu", "us"), FLEET, free(eu=9), None)
    assert found.assignment is None
    assert found.waiting == "free capacity of us"


def test_division_by_room_waits_for_nobody_out_of_reach() -> None:
    assert replicas(assigned(BY_ROOM, 4, measured=free(eu=9), unreachable=("us",))) == {"eu": 4, "us": 0}


def test_replicas_go_where_there_is_room_and_stay_there() -> None:
    first = assigned(BY_ROOM, 6, measured=free(eu=10, us=20))
    assert replicas(first) == {"eu": 2, "us": 4}
    assert assigned(BY_ROOM, 6, measured=free(eu=100, us=0), before=first) == first
    assert replicas(assigned(BY_ROOM, 9, measured=free(eu=100, us=0), before=first)) == {"eu": 5, "us": 4}


def test_more_replicas_than_fit_are_placed_all_the_same_and_said() -> None:
    found = assign(template(deployment(replicas=9)), BY_ROOM, choice("eu", "us"), FLEET, free(eu=2, us=1), None)
    assert replicas(found.assignment) == {"eu": 6, "us": 3}
    assert found.assignment is not None
    assert found.assignment.crowded == ("eu", "us")


def test_that_a_member_was_crowded_stands_with_its_share_and_goes_with_it() -> None:
    first = assigned(BY_ROOM, 9, measured=free(eu=2, us=1))
    assert assigned(BY_ROOM, 9, measured=free(eu=0, us=0), before=first).crowded == ("eu", "us")
    assert assigned(BY_ROOM, 9, measured=free(eu=90, us=90), before=first).crowded == ("eu", "us")
    assert assigned(BY_ROOM, 10, measured=free(eu=90, us=90), before=first).crowded == ()
    assert forgotten(first, "eu").crowded == ("us",)
    assert withdrawn(first).crowded == ()


def test_a_chosen_cluster_that_comes_later_gets_the_next_replicas() -> None:
    first = assigned(BY_ROOM, 4, ("eu",), free(eu=9))
    joined = assigned(BY_ROOM, 4, ("eu", "us"), free(eu=1, us=99), first)
    assert replicas(joined) == {"eu": 4, "us": 0}
    assert replicas(assigned(BY_ROOM, 8, ("eu", "us"), free(eu=0, us=99), joined)) == {"eu": 4, "us": 4}


def test_the_replicas_of_a_cluster_that_leaves_go_to_the_others() -> None:
    first = assigned(BY_ROOM, 6, measured=free(eu=10, us=20))
    after = assigned(BY_ROOM, 6, ("us",), free(eu=10, us=20), first)
    assert replicas(after) == {"us": 6}
    assert after.leaving == (Leaving("eu"),)


# What is written down of those that leave


BOTH = Assignment(object=WEB, policy=policy().key, shares=(Share("eu"), Share("us")))
ONE = msgspec.structs.replace(BOTH, shares=(Share("eu"),))


def test_a_cluster_no_longer_assigned_leaves() -> None:
    assert reassigned(BOTH, ONE).leaving == (Leaving("us"),)


def test_leaving_is_remembered_until_it_is_done() -> None:
    moving = reassigned(BOTH, ONE)
    assert reassigned(moving, ONE) == moving
    assert left(moving, "us") == ONE


def test_a_cluster_that_comes_back_does_not_leave() -> None:
    assert reassigned(reassigned(BOTH, ONE), BOTH) == BOTH


def test_with_its_object_every_copy_leaves_as_the_policy_said() -> None:
    orphaning = msgspec.structs.replace(BOTH, orphan=True)
    assert withdrawn(orphaning).leaving == (Leaving("eu", True), Leaving("us", True))
    assert withdrawn(orphaning).shares == ()


def test_a_record_ends_when_all_have_left() -> None:
    ending = withdrawn(BOTH)
    assert not ending.ended
    assert not left(ending, "eu").ended
    assert left(left(ending, "eu"), "us").ended


def test_a_forgotten_cluster_holds_nothing_up() -> None:
    assert forgotten(BOTH, "us") == ONE
    assert forgotten(withdrawn(ONE), "eu").ended


def test_deletion_policy_is_recorded_with_the_assignment() -> None:
    assert assigned(policy(deletionPolicy="Orphan")).orphan
    assert not assigned(policy()).orphan


def test_a_digest_tells_assignments_apart() -> None:
    assert BOTH.digest == msgspec.structs.replace(BOTH).digest
    assert BOTH.digest != ONE.digest


@settings(max_examples=40)
@given(st.lists(st.tuples(st.integers(0, 30), st.sets(st.sampled_from(["ap", "eu", "us"])), st.booleans()), max_size=6))
def test_whoever_ever_had_a_copy_has_it_or_is_leaving(history: list[tuple[int, set[str], bool]]) -> None:
    """No copy is lost sight of: law 7 and 1 together; and shares are the total whenever anything is assigned."""
    before: Assignment | None = None
    ever: set[str] = set()
    for total, clusters, up in history:
        measured = free(ap=5, eu=5, us=5) if up else UNMEASURED._replace(final=True)
        before = assigned(BY_ROOM, total, tuple(sorted(clusters)), measured, before, () if up else ("us",))
        ever |= clusters
        assert ever == set(before.clusters) | {each.cluster for each in before.leaving}
        if clusters:
            assert sum(share.replicas or 0 for share in before.shares) == total


# Capacity


@pytest.mark.parametrize("text", ["", "1x", "1,5", "Gi", "--1", "1Gib", "0x10"])
def test_what_is_no_quantity_is_refused(text: str) -> None:
    with pytest.raises(ConfigError, match="no quantity"):
        quantity(text)


@pytest.mark.parametrize(
    ("text", "value"), [("1.5", 1.5), (".5", 0.5), ("2.", 2), ("100m", 0.1), ("1E", 1e18), ("2e-1", 0.2)]
)
def test_quantities_are_read_as_kubernetes_reads_them(text: str, value: float) -> None:
    assert float(quantity(text)) == value


def pod(*requests: dict[str, str], **fields: Any) -> dict[str, Any]:
    return {"containers": [{"resources": {"requests": each}} for each in requests], **fields}


def test_a_pod_asks_for_its_containers_together() -> None:
    assert pod_request(pod({"cpu": "1", "memory": "1Gi"}, {"cpu": "500m"})) == Room(1500, 2**30, 1)


def test_a_larger_init_container_counts_in_their_place() -> None:
    assert pod_request(pod({"cpu": "1"}, initContainers=[{"resources": {"requests": {"cpu": "3"}}}])).cpu_m == 3000


def test_a_sidecar_counts_with_them() -> None:
    sidecar = {"restartPolicy": "Always", "resources": {"requests": {"cpu": "200m"}}}
    assert pod_request(pod({"cpu": "1"}, initContainers=[sidecar])).cpu_m == 1200


def test_limits_stand_for_requests_left_out_and_overhead_is_added() -> None:
    spec = {"containers": [{"resources": {"limits": {"cpu": "2"}}}], "overhead": {"cpu": "100m"}}
    assert pod_request(spec).cpu_m == 2100


def test_a_node_has_what_is_allocatable_less_what_is_taken() -> None:
    node = node_room({"cpu": "3920m", "memory": "8Gi", "pods": "110"})
    assert node.less(Room(920, 2**30, 10)) == Room(3000, 7 * 2**30, 100)


def test_an_unreadable_request_asks_for_a_pod_and_no_more() -> None:
    manifest = deployment()
    manifest["spec"]["template"]["spec"]["containers"][0]["resources"] = {"requests": {"cpu": "many"}}
    assert replica_request(template(manifest)) == Room()
    assert replica_request(template(deployment())) == Room(500, 128 * 2**20, 1)
