"""Rows, sources and explanations as they are shown, live or from the table on disk."""

from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from trafficfed.errors import ConfigError
from trafficfed.model import (
    Client,
    Cluster,
    Endpoint,
    Freshness,
    NameChange,
    RecordSet,
    Refusal,
    Row,
    ServiceKey,
    Source,
)
from trafficfed.observe import views
from trafficfed.observe.showing import change_view, cluster_views, refusal_view, service_view
from trafficfed.observe.stored import stored_explanation, stored_status, stored_table
from trafficfed.observe.views import ClusterView, RuleView, StatusView, TargetView, View
from trafficfed.table.disk import DiskLog
from trafficfed.table.table import Table

KEY = ServiceKey("prod", "shop", "web")


def test_a_service_shows_its_answer_for_each_kind_of_client(row: Row) -> None:
    view = service_view(row)
    assert view.rules == (
        RuleView(where="country IE", answer=("192.0.2.1",), clusters=("eu",), standby=("us",), reason="nearest"),
        RuleView(where="any", answer=("192.0.2.1",), clusters=("eu",), standby=("us",)),
    )
    assert (view.service, view.hostnames, view.serving) == ("prod/shop/web", ("web.fed.test",), True)


def test_a_target_shows_its_verdict_its_endpoint_and_its_latency(row: Row) -> None:
    view = service_view(row, lambda service, cluster, address: 0.02 if (service, cluster) == (str(KEY), "eu") else None)
    eu, us = view.targets
    assert eu == TargetView(
        cluster="eu",
        address="192.0.2.1",
        state="Serving",
        serving=True,
        reason="Passing",
        since_s=900.0,
        rtt_s=0.02,
        ready=3,
    )
    assert (us.state, us.serving, us.drained, us.rtt_s) == ("NotServing", False, True, None)


def test_a_target_without_a_verdict_is_unknown_and_not_left_out(row: Row) -> None:
    assert {target.state for target in service_view(replace(row, verdicts=())).targets} == {"Unknown"}


def test_an_endpoint_that_is_only_a_hostname_is_shown_by_it(row: Row) -> None:
    named = replace(row, endpoints=(Endpoint(cluster="eu", hostnames=("lb.example.org",)),))
    assert [target.address for target in service_view(named).targets] == ["lb.example.org"]


def test_a_row_that_was_never_decided_serves_nothing_yet(row: Row) -> None:
    view = service_view(replace(row, decision=None))
    assert (view.serving, view.rules, view.ttl) == (False, (), 30)


def test_every_configured_cluster_is_shown_with_its_freshness_and_age(row: Row, clusters: dict[str, Cluster]) -> None:
    source = Source(cluster="eu", freshness=Freshness.SUSPECT, since_s=970.0, reason="another server", missing=(KEY,))
    eu, us = cluster_views(clusters.values(), {"eu": source}, [row], 1000.0)
    assert eu == ClusterView(
        name="eu",
        freshness="Suspect",
        clusterset="prod",
        region="eu-west-1",
        reason="another server",
        age_s=30.0,
        endpoints=1,
        missing=("prod/shop/web",),
        country="IE",
        continent="EU",
        latitude=53.3,
        longitude=-6.3,
    )
    assert (us.freshness, us.reason, us.age_s) == ("Stale", "never read", 0.0)


def test_a_cluster_of_unknown_place_has_none(row: Row) -> None:
    view = cluster_views([Cluster(name="eu", region="rack-7")], {}, [row], 1000.0)[0]
    assert (view.country, view.continent, view.latitude, view.longitude) == ("", "", None, None)


def test_a_cluster_that_only_the_table_knows_is_shown_with_the_way_out(row: Row) -> None:
    views = cluster_views([], {"eu": Source(cluster="eu")}, [row], 1000.0)
    assert [view.name for view in views] == ["eu", "us"]
    assert "trafficfed forget" in views[0].reason


@pytest.mark.parametrize(
    ("before", "after", "action"),
    [((), ("192.0.2.1",), "create"), (("192.0.2.1",), (), "delete"), (("a",), ("b",), "update")],
)
def test_a_change_is_named_by_what_it_does(before: tuple[str, ...], after: tuple[str, ...], action: str) -> None:
    def sets(values: tuple[str, ...]) -> tuple[RecordSet, ...]:
        return (RecordSet(name="web.fed.test", type="A", ttl=30, values=values),) if values else ()

    view = change_view("bind", "fed.test", NameChange(name="web.fed.test", before=sets(before), after=sets(after)))
    assert view.action == action
    assert [*view.before, *view.after] == [f"web.fed.test 30 A {value}" for value in (*before, *after)]


def test_a_refusal_is_shown_with_and_without_a_service() -> None:
    refusal = Refusal(cluster="eu", object="Service/a/b", reason="NoAddress", message="none")
    assert refusal_view(refusal).service == ""
    assert refusal_view(replace(refusal, service=KEY)).service == "prod/shop/web"


@pytest.fixture
def state(tmp_path: Path, row: Row) -> Path:
    table = Table()
    table.commit([row], [], sources=[Source(cluster="eu", freshness=Freshness.FRESH, since_s=990.0)])
    with DiskLog(tmp_path, table.snapshot()):
        pass
    return tmp_path


def test_the_table_on_disk_shows_all_it_knows_and_says_that_it_is_old(
    state: Path, clusters: dict[str, Cluster]
) -> None:
    view = stored_status(stored_table(state), "demo", tuple(clusters.values()), 1000.0)
    assert (view.live, view.ready, view.not_ready) == (False, False, ("no controller answers",))
    assert [service.service for service in view.services] == ["prod/shop/web"]
    assert [(each.name, each.freshness) for each in view.clusters] == [("eu", "Fresh"), ("us", "Stale")]
    assert view.generation == 1


def test_the_table_on_disk_explains_an_answer(state: Path, clusters: dict[str, Cluster], irish: Client) -> None:
    view = stored_explanation(stored_table(state), "web.fed.test", irish, clusters, 1000.0)
    assert (view.where, view.answer, view.live, view.serving) == ("country IE", ("192.0.2.1",), False, True)
    assert view.client == irish.address
    assert any("eu" in why for why in view.lines)


def test_a_name_nobody_has_is_told_with_those_there_are(state: Path, clusters: dict[str, Cluster]) -> None:
    with pytest.raises(ConfigError, match=r"^none\.test: no service has this name; known are web\.fed\.test$"):
        stored_explanation(stored_table(state), "none.test", Client(), clusters, 1000.0)


def test_a_folder_without_a_table_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no table; start the controller there first"):
        stored_table(tmp_path)


def test_every_view_writes_every_field_and_is_read_back() -> None:
    view = StatusView(owner="demo", at_s=1.0, clusters=(ClusterView(name="eu", freshness="Fresh"),))
    encoded = msgspec.json.encode(view)
    assert b'"missing":[]' in encoded
    assert b'"region":""' in encoded
    assert msgspec.json.decode(encoded, type=StatusView) == view


def test_all_that_is_shown_is_a_view() -> None:
    shown = [each for name, each in vars(views).items() if name.endswith("View")]
    assert len(shown) > 12
    assert all(issubclass(each, View) and not each.__struct_config__.omit_defaults for each in shown)
