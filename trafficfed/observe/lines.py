"""What happened, as one line a person reads: shared by the log, the journal and the live view."""

from datetime import UTC, datetime

from trafficfed.model import Freshness, Outcome, Refusal, State, Value, Verdict
from trafficfed.reports import (
    Braked,
    ClusterChanged,
    ConfigurationRead,
    Controlled,
    Decided,
    LeadershipChanged,
    Observed,
    ProbeImpossible,
    ProviderFailed,
    Published,
    RefusalCleared,
    ReportEvent,
    ServerCertified,
    ServiceRefused,
    VerdictChanged,
    Verified,
)


class Line(Value, frozen=True):
    """One event: ``kind`` is its stable name, ``fields`` its facts, ``level`` debug, info or warning."""

    level: str
    kind: str
    fields: tuple[tuple[str, str | float], ...]

    @property
    def text(self) -> str:
        """The facts as ``key=value``; white space inside a value is quoted."""
        return " ".join(f"{name}={_quoted(value)}" for name, value in self.fields if value != "")


def line(event: ReportEvent) -> Line:
    """The one line of an event.

    >>> line(ClusterChanged("eu", Freshness.STALE, "the stream ended")).text
    "cluster=eu freshness=Stale reason='the stream ended'"
    """
    match event:
        case ClusterChanged():
            return _cluster(event)
        case Observed():
            return _observed(event)
        case ProbeImpossible(target, message):
            facts = (("service", str(target.service)), ("cluster", target.cluster), ("address", target.address))
            return Line("warning", "probe-impossible", (*facts, ("message", message)))
        case VerdictChanged():
            return _verdict(event)
        case Decided(service, cause, answer):
            return Line("info", "decided", (("service", str(service)), ("cause", cause), ("answer", answer)))
        case ServiceRefused(refusal):
            return Line("warning", "refused", _refusal(refusal))
        case RefusalCleared(refusal):
            return Line("info", "refusal-cleared", _refusal(refusal)[:-1])
        case Controlled():
            return _controlled(event)
        case LeadershipChanged(leads, term, leader, reason):
            who = (("leads", str(leads).lower()), ("term", term), ("leader", leader), ("reason", reason))
            return Line("info", "leadership", who)
        case ServerCertified(cluster, ends_s):
            until = datetime.fromtimestamp(ends_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            return Line("debug", "server-certificate", (("cluster", cluster), ("until", until)))
        case ConfigurationRead(path, refused, outcome):
            said = refused.replace("\n", "; ") or outcome
            facts = (("file", path), ("taken", str(not refused).lower()), ("message", said))
            return Line("warning" if refused else "info", "configuration-read", facts)
        case _:
            return _at_provider(event)


def _at_provider(event: Published | Verified | Braked | ProviderFailed) -> Line:
    place = (("provider", event.provider), ("zone", event.zone))
    match event:
        case Published():
            level = "info" if event.outcome is Outcome.DONE else "warning"
            facts = (("name", event.name), ("outcome", str(event.outcome)), ("after_s", _rounded(event.since_event_s)))
            return Line(level, "published", (*place, *facts, ("message", event.message)))
        case Verified():
            level = "debug" if event.right else "warning"
            facts = (
                ("name", event.name),
                ("right", str(event.right).lower()),
                ("after_s", _rounded(event.since_event_s)),
            )
            return Line(level, "verified", (*place, *facts))
        case Braked():
            return Line("warning", "held", (*place, ("confirm", event.confirm_id), ("message", event.message)))
        case ProviderFailed():
            return Line("warning", "provider-failed", (*place, ("message", event.message), ("retry_s", event.retry_s)))


def _cluster(event: ClusterChanged) -> Line:
    level = "info" if event.freshness is Freshness.FRESH else "warning"
    facts = (("cluster", event.cluster), ("freshness", str(event.freshness)), ("reason", event.reason))
    return Line(level, "cluster", facts)


def _controlled(event: Controlled) -> Line:
    control = event.control
    until = datetime.fromtimestamp(control.until_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if control.until_s else ""
    facts = (
        ("id", control.id),
        ("what", control.kind if event.begins else f"{control.kind} ended"),
        ("cluster", control.cluster),
        ("service", control.service),
        ("by", control.who),
        ("why", control.why),
        ("until", until),
    )
    return Line("info", "control", facts)


def _observed(event: Observed) -> Line:
    seen = event.observation
    facts: list[tuple[str, str | float]] = [
        ("service", str(seen.service)),
        ("cluster", seen.cluster),
        ("address", seen.address),
        ("vantage", seen.vantage),
        ("passed", str(seen.passed).lower()),
        ("error", seen.error),
    ]
    if seen.rtt_s is not None:
        facts.append(("rtt_s", _rounded(seen.rtt_s)))
    return Line("debug", "probe", tuple(facts))


def _verdict(event: VerdictChanged) -> Line:
    after, before = event.after, event.before
    worse = after.state is State.NOT_SERVING and (before is None or before.state is not State.NOT_SERVING)
    facts = (
        ("service", str(event.service)),
        ("cluster", after.cluster),
        ("address", after.address),
        ("was", _standing(before) if before else ""),
        ("now", _standing(after)),
        ("reason", after.reason),
        ("detail", after.detail),
    )
    return Line("warning" if worse else "info", "verdict", facts)


def _standing(verdict: Verdict) -> str:
    """The state, and where a latch makes steering act otherwise, that too."""
    if verdict.serving == (verdict.state is State.SERVING):
        return str(verdict.state)
    return f"{verdict.state} ({'kept in' if verdict.serving else 'held out'})"


def _refusal(refusal: Refusal) -> tuple[tuple[str, str | float], ...]:
    service = str(refusal.service) if refusal.service else ""
    return (
        ("cluster", refusal.cluster),
        ("object", refusal.object),
        ("service", service),
        ("reason", refusal.reason),
        ("message", refusal.message),
    )


def _rounded(seconds: float) -> float:
    return round(seconds, 6)


def _quoted(value: str | float) -> str:
    text = str(value) if isinstance(value, str) else f"{value:g}"
    return repr(text) if not text.isprintable() or " " in text or "'" in text else text
