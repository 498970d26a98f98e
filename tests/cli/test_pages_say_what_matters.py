"""Each view as a person reads it, and as a program does."""

import io
import json
import sys
from collections.abc import Mapping

import pytest
import yaml
from msgspec.structs import replace

from trafficfed.cli.output import Screen, encoded
from trafficfed.cli.pages import page
from trafficfed.cli.tables import Paint
from trafficfed.delegation.report import CheckView, FindingView
from trafficfed.observe.views import (
    ChangeView,
    ClusterView,
    CopyView,
    DoneView,
    EventsView,
    EventView,
    ExplainView,
    HeldView,
    PlanView,
    ProviderView,
    RefusalView,
    RuleView,
    ServiceView,
    StatusView,
    TargetView,
    VersionView,
    View,
)

STATUS = StatusView(
    owner="demo",
    at_s=1000.0,
    term=1,
    generation=42,
    clusters=(
        ClusterView(name="eu", freshness="Fresh", region="eu-west-1", clusterset="prod", age_s=130.0, endpoints=1),
        ClusterView(
            name="us", freshness="Suspect", reason="another API server", age_s=5.0, endpoints=1, missing=("prod/a/b",)
        ),
    ),
    services=(
        ServiceView(
            service="prod/shop/web",
            hostnames=("web.fed.test",),
            steering=("geo", "failover"),
            serving=True,
            rules=(
                RuleView(where="country IE", answer=("192.0.2.1",), clusters=("eu",), standby=("us", "ap+in")),
                RuleView(where="any", answer=(), clusters=()),
            ),
            targets=(
                TargetView(
                    cluster="eu",
                    address="192.0.2.1",
                    state="Serving",
                    serving=True,
                    reason="Passing",
                    since_s=700.0,
                    rtt_s=0.0123,
                    ready=3,
                ),
                TargetView(
                    cluster="us",
                    address="198.51.100.1",
                    state="Serving",
                    serving=False,
                    reason="FailbackHold",
                    drained=True,
                ),
            ),
        ),
    ),
    refusals=(RefusalView(cluster="us", object="Service/x/y", reason="Conflict", message="eu holds web.fed.test"),),
    held=(HeldView(confirm_id="7f3a", message="12 of 20 names would go", provider="bind", zone="fed.test"),),
    providers=(ProviderView(name="bind", kind="rfc2136", zone="fed.test", state="Ready", names=3),),
    events=(EventView(at_s=3661.0, kind="cluster", text="cluster=us freshness=Suspect", level="warning"),),
)
PLAN = PlanView(
    owner="demo",
    changes=(
        ChangeView(
            provider="bind",
            zone="fed.test",
            name="web.fed.test",
            action="update",
            before=("web.fed.test 30 A 192.0.2.1", "x TXT kept"),
            after=("web.fed.test 30 A 198.51.100.1", "x TXT kept"),
            reason="eu no longer serves",
            confirm_id="7f3a",
        ),
    ),
    losses=("web.fed.test: geo is left out at bind",),
    incomplete=("us was never read",),
)
EXPLAIN = ExplainView(
    hostname="web.fed.test",
    client="192.0.2.7",
    service="prod/shop/web",
    where="country IE",
    answer=("192.0.2.1", "192.0.2.2"),
    ttl=30,
    pick=1,
    lines=("eu: 192.0.2.1 serves", "us stands by"),
)
EVENTS = EventsView(owner="demo", at_s=1000.0, seen=1, events=STATUS.events * 3)
CHECK = CheckView(
    zone="fed.test",
    parent="192.0.2.53",
    right=False,
    findings=(
        FindingView(subject="delegation", level="bad", text="the parent lacks ns2.fed.test, which the zone names"),
        FindingView(subject="SOA", level="doubt", text="serials differ"),
        FindingView(subject="CAA", level="good", text="none"),
    ),
)
EVERY: list[View] = [STATUS, PLAN, EXPLAIN, EVENTS, CHECK, DoneView(message="done"), VersionView(version="1.0")]


def text(view: View, width: int = 0) -> str:
    return "\n".join(page(view, width, Paint(on=False)))


def test_status_shows_the_fleet() -> None:
    assert (
        text(STATUS)
        == """\
demo  ready  generation 42, term 1

Clusters
NAME  FRESHNESS  SINCE  REGION     CLUSTERSET  ENDPOINTS  MISSING   REASON
eu    Fresh      2m     eu-west-1  prod        1
us    Suspect    5s                            1          prod/a/b  another API server

prod/shop/web  web.fed.test  geo,failover  TTL 30 s  serving
  CLIENTS     ANSWER     FROM  STANDBY
  country IE  192.0.2.1  eu    us > ap+in
  any         nothing
  CLUSTER  ADDRESS       STATE             SINCE  RTT      WEIGHT  READY  NOTE
  eu       192.0.2.1     Serving           5m     12.3 ms  100     3      Passing
  us       198.51.100.1  Serving held out                  100            drained; FailbackHold

Refused
CLUSTER  OBJECT       REASON    MESSAGE
us       Service/x/y  Conflict  eu holds web.fed.test

Held (trafficfed confirm ID lets one go on)
ID    PROVIDER  ZONE      MESSAGE
7f3a  bind      fed.test  12 of 20 names would go

Providers
NAME  KIND     ZONE      STATE  NAMES  PENDING
bind  rfc2136  fed.test  Ready  3      0

Events
TIME      WHAT
01:01:01  cluster  cluster=us freshness=Suspect"""
    )


def test_plan_shows_each_record_that_comes_and_goes() -> None:
    assert (
        text(PLAN)
        == """\
demo  1 to update

update  web.fed.test  at bind in fed.test  held: trafficfed confirm 7f3a
  - web.fed.test 30 A 192.0.2.1
  + web.fed.test 30 A 198.51.100.1
    x TXT kept
    eu no longer serves

Cannot be expressed
web.fed.test: geo is left out at bind

Not seen whole, so nothing is removed
us was never read"""
    )


def test_a_plan_shows_what_members_would_be_told() -> None:
    steps = (
        CopyView(cluster="eu", object="Deployment.apps shop/web", action="apply", reason="Missing"),
        CopyView(cluster="us", object="Deployment.apps shop/web", action="delete", reason="NoLongerAssigned"),
    )
    shown = text(PlanView(owner="demo", copies=steps)).splitlines()
    assert shown[0] == "demo  1 copies to apply, 1 copies to delete"
    assert [line.split() for line in shown[-2:]] == [
        ["apply", "eu", "Deployment.apps", "shop/web", "Missing"],
        ["delete", "us", "Deployment.apps", "shop/web", "NoLongerAssigned"],
    ]


def test_a_plan_without_changes_says_so() -> None:
    assert text(PlanView(owner="demo")) == "demo  nothing would change"


def test_explain_leads_from_the_answer_to_its_reasons() -> None:
    assert (
        text(EXPLAIN)
        == """\
web.fed.test  for client 192.0.2.7
  answer   192.0.2.1, 192.0.2.2, 1 at a time
  TTL      30 s
  rule     country IE
  service  prod/shop/web

  eu: 192.0.2.1 serves
  us stands by"""
    )


def test_a_check_marks_each_finding_and_gives_lines_to_copy() -> None:
    assert text(replace(CHECK, add=("fed.test. 3600 IN NS ns2.fed.test.",))).splitlines() == [
        "fed.test  parent asked at 192.0.2.53  something is wrong",
        "  BAD  delegation: the parent lacks ns2.fed.test, which the zone names",
        "  note SOA: serials differ",
        "  ok   CAA: none",
        "",
        "Add to the parent's zone",
        "fed.test. 3600 IN NS ns2.fed.test.",
    ]


def test_lines_to_copy_are_never_cut() -> None:
    line = f"{'a' * 60}.fed.test. 3600 IN NS ns2.fed.test."
    assert line in text(replace(CHECK, remove=(line,)), width=60).splitlines()


def test_wide_tells_more_and_cuts_nothing() -> None:
    shown = encoded(STATUS, "wide", Screen(width=60)).splitlines()
    assert "  declared by nobody any more" in shown
    (targets,) = [line for line in shown if line.startswith("  CLUSTER  ADDRESS")]
    assert targets.split()[-5:] == ["TIER", "SERVES", "SINCE", "(UTC)", "NOTE"]
    (eu,) = [line for line in shown if line.startswith("  eu ")]
    assert eu.split()[-4:] == ["0", "yes", "1970-01-01T00:11:40Z", "Passing"]
    assert any(line.startswith("1970-01-01T01:01:01Z") for line in shown)
    assert not any("…" in line for line in shown)
    assert "SERVES" not in encoded(STATUS, "table", Screen())


@pytest.mark.parametrize("view", EVERY, ids=lambda view: type(view).__name__)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_no_page_is_wider_than_its_terminal(view: View, width: int) -> None:
    assert [line for line in text(view, width).splitlines() if len(line) > width] == []


@pytest.mark.parametrize("view", EVERY, ids=lambda view: type(view).__name__)
def test_json_and_yaml_are_the_view_itself(view: View) -> None:
    as_json = json.loads(encoded(view, "json", Screen()))
    assert as_json == yaml.safe_load(encoded(view, "yaml", Screen()))
    assert list(as_json) == list(view.__struct_fields__)


def test_a_view_nobody_laid_out_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="View has no page"):
        text(View())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("environ", "colours"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
)
def test_a_terminal_gets_colours_unless_it_declines(
    monkeypatch: pytest.MonkeyPatch, environ: Mapping[str, str], colours: bool
) -> None:
    monkeypatch.setattr(sys, "stdout", Terminal())
    monkeypatch.setenv("COLUMNS", "72")
    screen = Screen.of_terminal(environ)
    assert (screen.paint.on, screen.width, screen.terminal) == (colours, 72, True)
    assert ("\x1b[" in encoded(STATUS, "table", screen)) == colours


def test_a_pipe_gets_no_colours_and_no_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", io.StringIO())
    screen = Screen.of_terminal({})
    assert screen == Screen(0, Paint(on=False), False)
    screen.clear()
    assert "\x1b" not in encoded(STATUS, "table", screen)
