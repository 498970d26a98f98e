"""A vantage is discarded when it fails more than 70 % of what the majority of the others see pass; where nobody can
contradict it, when it also fails its anchors in at least two regions.
"""

import pytest

from trafficfed.health import reasons
from trafficfed.health.records import Records
from trafficfed.health.vantages import ANCHORS, Anchor, Anchors, Comparison, Standing, anchor_targets, distrusted
from trafficfed.model import Endpoint, GlobalService, Observation, Row, ServiceKey, State
from trafficfed.testing.judging import NOON_S, Scene


class Fleet:
    """So many services in one cluster, with some vantages that see them."""

    def __init__(self, services: int, homes: dict[str, str] | None = None) -> None:
        self.records = Records(homes or {}, 0.0)
        self.now_s = NOON_S
        self.rows = [_row(n) for n in range(services)]
        for row in self.rows:
            self.records.follow(row, self.now_s)

    def see(self, vantage: str, failing: int, times: int = 3) -> int:
        """The vantage sees the first so many services fail, the others pass; returns how many judgements it costs."""
        judgements = 0
        for _ in range(times):
            self.now_s += 1
            for n, row in enumerate(self.rows):
                seen = Observation(
                    vantage=vantage,
                    service=row.key,
                    cluster="eu",
                    address="192.0.2.1",
                    at_s=self.now_s,
                    passed=n >= failing,
                )
                judgements += len(self.records.observe(seen, self.now_s))
        return judgements


def _row(n: int) -> Row:
    key = ServiceKey("default", "shop", f"s{n}")
    endpoint = Endpoint(cluster="eu", addresses=("192.0.2.1",), ports=(443,))
    return Row(service=GlobalService(key=key, hostnames=(f"s{n}.fed.test",)), endpoints=(endpoint,))


@pytest.mark.parametrize(("failing", "discarded"), [(0, False), (6, False), (7, False), (8, True), (10, True)])
def test_more_than_seventy_percent_contradicted_discards(failing: int, discarded: bool) -> None:
    fleet = Fleet(10)
    fleet.see("a", 0)
    fleet.see("b", 0)
    fleet.see("c", failing)
    assert fleet.records.distrusted == frozenset(), "the others have not looked since"
    fleet.see("a", 0, times=1)
    assert fleet.records.distrusted == ({"c"} if discarded else frozenset())


def test_what_the_others_see_fail_too_does_not_speak_against_it() -> None:
    fleet = Fleet(10)
    for vantage in ("a", "b", "c"):
        fleet.see(vantage, 9)
    assert fleet.records.distrusted == frozenset()


def test_what_others_inside_the_targets_cluster_see_contradicts_nobody() -> None:
    fleet = Fleet(10, homes={"inside": "eu"})
    fleet.see("inside", 0)
    fleet.see("a", 10)
    assert fleet.records.distrusted == frozenset()


def test_of_two_that_disagree_the_one_that_fails_what_passes_is_discarded_and_changes_nothing() -> None:
    scene = Scene("eu", "us", "ap")
    for cluster in ("eu", "us", "ap"):
        scene.see(cluster, True, "a", "b")
    for _ in range(5):
        for cluster in ("eu", "us", "ap"):
            scene.see(cluster, True, "a")
            scene.see(cluster, False, "b")
        scene.wait(5)
    assert scene.records.distrusted == {"b"}
    assert scene.serving == {"eu", "us", "ap"}


def test_a_discarded_vantage_alone_leaves_unknown_and_not_not_serving() -> None:
    """The others fall silent: what the broken one says still counts for nothing."""
    scene = Scene("eu", "us", "ap")
    for cluster in ("eu", "us", "ap"):
        scene.see(cluster, True, "a", "b")
    for _ in range(3):
        for cluster in ("eu", "us", "ap"):
            scene.see(cluster, True, "a")
            scene.see(cluster, False, "b")
        scene.wait(1)
    scene.anchors("b", eu=False, us=False)
    for _ in range(10):
        scene.wait(9)
        scene.anchors("b", eu=False, us=False)
        for cluster in ("eu", "us", "ap"):
            scene.see(cluster, False, "b")
    assert scene.serving == {"eu", "us", "ap"}
    assert {scene.state(cluster) for cluster in ("eu", "us", "ap")} == {State.UNKNOWN}
    assert scene.verdict("eu").reason == reasons.VANTAGE_DISTRUSTED


def test_the_first_to_see_a_death_is_not_the_one_distrusted() -> None:
    scene = Scene("eu", "us")
    scene.see("eu", True, "a", "b", "c")
    scene.see("eu", False, "a", times=2)
    scene.see("eu", False, "a", "b", "c")
    assert scene.records.distrusted == frozenset()
    scene.see("eu", False, "a", "b", "c", times=2)
    assert scene.state("eu") is State.NOT_SERVING


def test_a_lone_vantage_with_failing_anchors_changes_nothing() -> None:
    scene = Scene("eu", "us", "ap")
    for cluster in ("eu", "us", "ap"):
        scene.see(cluster, True)
    scene.anchors("local", eu=False, us=False, ap=False)
    for _ in range(20):
        for cluster in ("eu", "us", "ap"):
            scene.see(cluster, False)
        scene.wait(3)
        scene.anchors("local", eu=False, us=False, ap=False)
    assert scene.serving == {"eu", "us", "ap"}
    assert scene.suspected == set()


def test_when_the_anchors_are_back_the_failures_of_meanwhile_do_not_count() -> None:
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    scene.anchors("local", eu=False, us=False)
    for cluster in ("eu", "us"):
        scene.see(cluster, False, times=9)
    scene.anchors("local", eu=True, us=True)
    assert scene.records.distrusted == frozenset()
    assert scene.serving == {"eu", "us"}
    scene.see("eu", False, times=2)
    assert scene.serving == {"eu", "us"}
    scene.see("eu", False)
    assert scene.serving == {"us"}


def test_a_lone_vantage_whose_anchors_answer_in_one_region_is_believed() -> None:
    scene = Scene("eu", "us", "ap")
    for cluster in ("eu", "us", "ap"):
        scene.see(cluster, True)
    scene.anchors("local", eu=False, us=False, ap=True)
    scene.see("eu", False, times=3)
    scene.see("us", False, times=3)
    assert scene.serving == {"ap"}


def test_anchors_in_one_region_only_prove_nothing() -> None:
    """That region may be dead with all it holds."""
    scene = Scene("eu", "us")
    for cluster in ("eu", "us"):
        scene.see(cluster, True)
    scene.anchors("local", eu=False)
    scene.see("eu", False, times=3)
    assert scene.serving == {"us"}


def test_anchors_that_were_not_asked_lately_prove_nothing() -> None:
    anchors = Anchors()
    for region in ("eu", "us"):
        anchors.observe(
            Observation(vantage="v", service=ANCHORS, cluster=region, address="198.51.100.1", at_s=NOON_S, passed=False)
        )
    assert anchors.cut_off("v", NOON_S + 29)
    assert not anchors.cut_off("v", NOON_S + 30)
    assert not anchors.cut_off("another", NOON_S)


def test_where_others_can_contradict_and_do_not_anchors_say_nothing() -> None:
    fleet = Fleet(10)
    fleet.see("a", 0)
    fleet.see("b", 0)
    for region in ("eu", "us"):
        seen = Observation(
            vantage="b", service=ANCHORS, cluster=region, address="198.51.100.1", at_s=fleet.now_s, passed=False
        )
        fleet.records.observe(seen, fleet.now_s)
    assert fleet.records.distrusted == frozenset()


def test_one_that_is_cut_off_stays_distrusted_whatever_others_say_until_it_reaches_an_anchor() -> None:
    """Else it would be believed and disbelieved by turns, with every row judged each time."""
    fleet = Fleet(10)

    def anchors_of_b(passed: bool) -> None:
        for region in ("eu", "us"):
            seen = Observation(
                vantage="b", service=ANCHORS, cluster=region, address="198.51.100.1", at_s=fleet.now_s, passed=passed
            )
            fleet.records.observe(seen, fleet.now_s)

    fleet.see("a", 0)
    fleet.see("b", 0)
    anchors_of_b(passed=False)
    fleet.see("b", 3)
    assert fleet.records.distrusted == {"b"}, "alone with three failures"
    fleet.see("a", 3)
    anchors_of_b(passed=False)
    assert fleet.records.distrusted == {"b"}, "also where another agrees"
    anchors_of_b(passed=True)
    assert fleet.records.distrusted == frozenset()


def test_distrust_that_begins_or_ends_has_every_row_judged_and_nothing_else_does() -> None:
    fleet = Fleet(10)
    assert fleet.see("a", 0, times=1) == 10
    fleet.see("a", 0, times=2)
    assert fleet.see("a", 0, times=5) == 0
    fleet.see("b", 0)
    fleet.see("c", 0)
    assert fleet.see("c", 10, times=3) == 30, "three failures each"
    assert fleet.see("a", 0, times=1) == 7 + 10 + 2, "each is heard anew, the eighth with all rows"
    assert fleet.records.distrusted == {"c"}
    assert fleet.see("b", 0, times=1) == 10
    assert fleet.see("b", 0, times=5) == 0


def test_a_service_that_leaves_takes_its_comparison_with_it() -> None:
    fleet = Fleet(10)
    fleet.see("a", 0)
    fleet.see("b", 0)
    fleet.see("c", 8)
    fleet.see("b", 0)
    assert fleet.records.distrusted == {"c"}
    for row in fleet.rows[:8]:
        fleet.records.forget(row.key)
    fleet.rows = fleet.rows[8:]
    fleet.see("a", 0, times=1)
    assert fleet.records.distrusted == frozenset()


def test_an_endpoint_that_leaves_takes_its_comparison_with_it() -> None:
    scene = Scene("eu", "us", "ap")
    for cluster in ("eu", "us", "ap"):
        scene.see(cluster, True, "a", "b", "c")
    for _ in range(3):
        for cluster in ("eu", "us"):
            scene.see(cluster, False, "c")
    assert scene.records.distrusted == frozenset()
    scene._offer(scene.row.endpoints[1:])
    scene.see("ap", False, "c", times=3)
    assert scene.records.distrusted == {"c"}, "both of the two that are left"
    scene._offer(scene.row.endpoints[1:])
    scene.see("ap", True, "c")
    assert scene.records.distrusted == frozenset()


def test_counts_return_to_nothing_when_every_share_is_taken_back() -> None:
    comparison = Comparison()
    comparison.update("t", (("a", True), ("b", False)))
    comparison.update("u", (("b", False),))
    assert comparison.standing("b") == Standing(passing=2, failing=2)
    comparison.update("t", ())
    comparison.update("u", ())
    assert comparison.standing("a") == comparison.standing("b") == Standing()
    assert distrusted(["a", "b"], comparison.standing, lambda vantage: False) == frozenset()


def test_anchors_are_probed_as_targets_one_an_address_with_the_region_as_cluster() -> None:
    found = anchor_targets(
        [
            Anchor(region="us", address="198.51.100.2", port=6443),
            Anchor(region="eu", address="198.51.100.1", port=6443),
            Anchor(region="eu", address="198.51.100.1", port=53),
        ]
    )
    assert [(t.service, t.cluster, t.address, t.port) for t in found] == [
        (ANCHORS, "eu", "198.51.100.1", 53),
        (ANCHORS, "us", "198.51.100.2", 6443),
    ]
