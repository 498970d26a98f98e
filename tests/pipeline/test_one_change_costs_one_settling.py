"""Events only mark; a service is folded, judged and decided once for any number of them, and only it."""

from trafficfed.kubernetes_api import wire
from trafficfed.reports import Decided, VerdictChanged
from trafficfed.testing.folding import balanced, sliced
from trafficfed.testing.piping import PipedFleet

WEB = balanced("web", "web.example.org", ["192.0.2.1"])


def test_many_events_of_one_service_become_one_delta_with_one_row() -> None:
    fleet = PipedFleet(["eu"])
    fleet.listed("eu")
    generation = fleet.table.generation
    for number in range(1, 20):
        service = balanced("web", "web.example.org", [f"192.0.2.{number}"])
        fleet.pipeline.take("eu", wire.Upserted(service, 100 + number), fleet.now_s)
    delta = fleet.settle().delta
    assert delta is not None
    assert delta.generation == generation + 1
    assert [row.endpoints[0].addresses for row in delta.rows] == [("192.0.2.19",)]


def test_a_change_of_one_service_leaves_the_others_rows_alone() -> None:
    fleet = PipedFleet(["eu"])
    fleet.listed("eu", *(balanced(f"s{n}", f"s{n}.example.org", [f"192.0.2.{n}"]) for n in range(1, 9)))
    step = fleet.upsert("eu", balanced("s3", "s3.example.org", ["192.0.2.77"]))
    assert step.delta is not None
    assert [row.key.name for row in step.delta.rows] == ["s3"]
    assert [key.name for key in step.decided] == ["s3"]
    assert [key.name for key, _ in step.targets] == ["s3"]


def test_objects_that_are_none_of_ours_cost_no_delta() -> None:
    fleet = PipedFleet(["eu"])
    fleet.listed("eu", WEB)
    assert fleet.upsert("eu", balanced("other", None)).delta is None
    assert fleet.upsert("eu", sliced("other", 3)).delta is None


def test_the_revision_that_waited_travels_with_the_next_change() -> None:
    fleet = PipedFleet(["eu"])
    fleet.listed("eu", WEB)
    listed = fleet.source("eu").revision
    fleet.upsert("eu", balanced("other", None))
    assert fleet.source("eu").revision == listed
    fleet.upsert("eu", balanced("web", "web.example.org", ["192.0.2.9"]))
    assert fleet.source("eu").revision == listed + 2


def test_probes_that_only_confirm_change_nothing() -> None:
    fleet = PipedFleet(["eu"])
    fleet.listed("eu", WEB)
    fleet.probe("web", times=4)
    generation = fleet.table.generation
    fleet.probe("web", times=20)
    assert fleet.table.generation == generation


def test_a_first_failure_raises_suspicion_and_a_pass_ends_it() -> None:
    fleet = PipedFleet(["eu", "us"])
    fleet.listed("eu", WEB)
    fleet.listed("us", balanced("web", "web.example.org", ["198.51.100.1"]))
    fleet.probe("web", times=4)
    fleet.now_s += 10
    step = fleet.observe("web", "eu", "192.0.2.1", False)
    assert step.suspicions == (((fleet.key("web"), "eu", "192.0.2.1"), True),)
    fleet.now_s += 1
    step = fleet.observe("web", "eu", "192.0.2.1", True)
    assert step.suspicions == (((fleet.key("web"), "eu", "192.0.2.1"), False),)


def test_reports_name_the_cause() -> None:
    fleet = PipedFleet(["eu", "us"])
    fleet.listed("eu", WEB)
    fleet.listed("us", balanced("web", "web.example.org", ["198.51.100.1"]))
    fleet.probe("web", times=4)
    fleet.now_s += 10
    fleet.reports.clear()
    fleet.probe("web", failing=["eu"], times=3)
    changed = [report for report in fleet.reports if isinstance(report, VerdictChanged)]
    decided = [report for report in fleet.reports if isinstance(report, Decided)]
    assert [report.after.reason for report in changed] == ["ProbesFailing"]
    assert [(report.cause, report.answer) for report in decided] == [("verdict", "198.51.100.1")]
