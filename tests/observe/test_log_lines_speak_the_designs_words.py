"""One event, one line: the same facts as JSON, as columns and in the journal; a probe is no news."""

import io
import json
import logging
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.model import (
    Freshness,
    HealthCheck,
    Observation,
    OperatorControl,
    Outcome,
    Refusal,
    ServiceKey,
    State,
    Target,
    Verdict,
)
from trafficfed.observe.lines import line
from trafficfed.observe.logs import LogReports, adopt_stdlib, logger
from trafficfed.ports import Clock
from trafficfed.reports import (
    Braked,
    ClusterChanged,
    Controlled,
    Decided,
    LeadershipChanged,
    Observed,
    ProbeImpossible,
    ProviderFailed,
    Published,
    RefusalCleared,
    ReportEvent,
    ServiceRefused,
    VerdictChanged,
    Verified,
)

KEY = ServiceKey("prod", "shop", "web")
DOWN = Verdict(cluster="eu", address="192.0.2.1", state=State.NOT_SERVING, reason="ProbesFail", detail="2 of 2 fail")
REFUSAL = Refusal(cluster="us", object="Service/shop/web", reason="Conflict", message="eu holds it", service=KEY)
TARGET = Target(service=KEY, cluster="eu", address="192.0.2.1", port=80, check=HealthCheck())

SPOKEN: list[tuple[ReportEvent, str, str]] = [
    (ClusterChanged("eu", Freshness.FRESH), "info", "cluster: cluster=eu freshness=Fresh"),
    (
        ClusterChanged("eu", Freshness.STALE, "401 Unauthorized"),
        "warning",
        "cluster: cluster=eu freshness=Stale reason='401 Unauthorized'",
    ),
    (
        VerdictChanged(KEY, replace(DOWN, state=State.SERVING, serving=True), DOWN),
        "warning",
        "verdict: service=prod/shop/web cluster=eu address=192.0.2.1 was=Serving now=NotServing reason=ProbesFail "
        "detail='2 of 2 fail'",
    ),
    (
        VerdictChanged(KEY, DOWN, replace(DOWN, state=State.SERVING, reason="FailbackHold", detail="")),
        "info",
        "verdict: service=prod/shop/web cluster=eu address=192.0.2.1 was=NotServing now='Serving (held out)' "
        "reason=FailbackHold",
    ),
    (
        VerdictChanged(KEY, None, Verdict(cluster="eu", address="192.0.2.1", serving=True)),
        "info",
        "verdict: service=prod/shop/web cluster=eu address=192.0.2.1 now='Unknown (kept in)' reason=NoEvidence",
    ),
    (
        Decided(KEY, "verdict", "any: 198.51.100.1"),
        "info",
        "decided: service=prod/shop/web cause=verdict answer='any: 198.51.100.1'",
    ),
    (
        ServiceRefused(REFUSAL),
        "warning",
        "refused: cluster=us object=Service/shop/web service=prod/shop/web reason=Conflict message='eu holds it'",
    ),
    (
        RefusalCleared(REFUSAL),
        "info",
        "refusal-cleared: cluster=us object=Service/shop/web service=prod/shop/web reason=Conflict",
    ),
    (
        Published("bind", "fed.test", "web.fed.test", Outcome.DONE, 0.0123456789),
        "info",
        "published: provider=bind zone=fed.test name=web.fed.test outcome=Done after_s=0.012346",
    ),
    (
        Published("bind", "fed.test", "web.fed.test", Outcome.CONFLICT, 0.01, "changed by another"),
        "warning",
        "published: provider=bind zone=fed.test name=web.fed.test outcome=Conflict after_s=0.01 "
        "message='changed by another'",
    ),
    (
        Verified("bind", "fed.test", "web.fed.test", False, 5.0),
        "warning",
        "verified: provider=bind zone=fed.test name=web.fed.test right=false after_s=5",
    ),
    (
        Verified("bind", "fed.test", "web.fed.test", True, 0.5),
        "debug",
        "verified: provider=bind zone=fed.test name=web.fed.test right=true after_s=0.5",
    ),
    (
        Braked("bind", "fed.test", "7f3a", "12 of 20 names would go"),
        "warning",
        "held: provider=bind zone=fed.test confirm=7f3a message='12 of 20 names would go'",
    ),
    (
        ProviderFailed("bind", "fed.test", "timed out", 2.0),
        "warning",
        "provider-failed: provider=bind zone=fed.test message='timed out' retry_s=2",
    ),
    (
        Controlled(OperatorControl(kind="drain", cluster="eu", who="ann", why="new kernel", id="7f3a90c1"), True),
        "info",
        "control: id=7f3a90c1 what=drain cluster=eu by=ann why='new kernel'",
    ),
    (
        Controlled(OperatorControl(kind="freeze", service="prod/shop/web", until_s=1.8e9, id="7f3a90c2"), False),
        "info",
        "control: id=7f3a90c2 what='freeze ended' service=prod/shop/web until=2027-01-15T08:00:00Z",
    ),
    (
        LeadershipChanged(False, 7, "eu", "eu leads"),
        "info",
        "leadership: leads=false term=7 leader=eu reason='eu leads'",
    ),
    (
        ProbeImpossible(TARGET, "no route"),
        "warning",
        "probe-impossible: service=prod/shop/web cluster=eu address=192.0.2.1 message='no route'",
    ),
]


@pytest.mark.parametrize(("event", "level", "said"), SPOKEN, ids=lambda value: type(value).__name__)
def test_each_event_is_one_line_at_its_level(event: ReportEvent, level: str, said: str) -> None:
    told = line(event)
    assert (told.level, f"{told.kind}: {told.text}") == (level, said)


def written(event: ReportEvent, clock: Clock, level: str = "info", format: str = "json") -> str:
    stream = io.StringIO()
    LogReports(logger(stream, clock, level, format))(event)
    return stream.getvalue()


def test_a_json_line_has_the_facts_as_fields(hand_clock: Clock) -> None:
    assert json.loads(written(Published("bind", "fed.test", "web.fed.test", Outcome.DONE, 0.02), hand_clock)) == {
        "timestamp": "2023-11-14T22:13:20.000Z",
        "level": "info",
        "event": "published",
        "provider": "bind",
        "zone": "fed.test",
        "name": "web.fed.test",
        "outcome": "Done",
        "after_s": 0.02,
    }


def test_columns_have_the_same_facts_and_no_colours_in_a_file(hand_clock: Clock) -> None:
    text = written(ClusterChanged("eu", Freshness.STALE, "gone"), hand_clock, format="console")
    assert "cluster=eu" in text
    assert "freshness=Stale" in text
    assert "\x1b" not in text


def test_what_is_no_terminal_gets_json_unless_told_otherwise(hand_clock: Clock) -> None:
    text = written(ClusterChanged("eu", Freshness.STALE, "gone"), hand_clock, format="auto")
    assert json.loads(text)["reason"] == "gone"


def test_probes_are_written_at_level_debug_only(hand_clock: Clock, seen: Callable[..., Observation]) -> None:
    for passed in (True, False):
        assert written(Observed(seen(passed=passed)), hand_clock, "info") == ""
    told = json.loads(written(Observed(seen(passed=False, error="refused")), hand_clock, "debug"))
    assert (told["event"], told["error"], told["passed"], told["level"]) == ("probe", "refused", "false", "debug")


@pytest.mark.parametrize(("level", "lines"), [("debug", 1), ("info", 1), ("warning", 0), ("error", 0)])
def test_the_level_decides_what_is_written(hand_clock: Clock, level: str, lines: int) -> None:
    assert written(Decided(KEY, "timer", "a"), hand_clock, level).count("\n") == lines


@given(st.text(max_size=40), st.text(max_size=40))
def test_no_text_of_a_user_ever_breaks_a_line(reason: str, message: str) -> None:
    event = ServiceRefused(replace(REFUSAL, reason=reason, message=message))
    assert "\n" not in line(event).text
    assert line(event).text.isprintable()


class Stopped:
    def now_s(self) -> float:
        return 0.0

    def monotonic_s(self) -> float:
        return 0.0


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_json_keeps_any_text_as_it_is(message: str) -> None:
    text = written(ServiceRefused(replace(REFUSAL, message=message)), Stopped())
    assert text.count("\n") == 1
    assert json.loads(text).get("message", "") == message


@pytest.fixture
def stdlib_left_as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.mark.usefixtures("stdlib_left_as_it_was")
def test_what_libraries_log_comes_out_in_the_same_shape(hand_clock: Clock) -> None:
    stream = io.StringIO()
    adopt_stdlib(logger(stream, hand_clock))
    logging.getLogger("aiohttp.server").warning("odd %s", "request")
    logging.getLogger("aiohttp.server").info("not shown")
    try:
        raise ValueError("inside")
    except ValueError:
        logging.getLogger("x").exception("broke")
    odd, broke = map(json.loads, stream.getvalue().splitlines())
    assert (odd["event"], odd["logger"], odd["level"]) == ("odd request", "aiohttp.server", "warning")
    assert broke["level"] == "error"
    assert "ValueError: inside" in broke["exception"]
