"""Each view as a page of text."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from trafficfed.cli.sheet import STYLES, Sheet, clock, duration, milliseconds, moment, styled
from trafficfed.cli.tables import Cell, Paint, clean
from trafficfed.delegation.report import CheckView
from trafficfed.observe.views import (
    AuditView,
    ChangeView,
    ControlsView,
    ControlView,
    DoneView,
    EventsView,
    EventView,
    ExplainView,
    HeldView,
    PlanView,
    RefusalView,
    ServiceView,
    StatusView,
    SurvivalView,
    TargetView,
    VantageView,
    VersionView,
    View,
)

_KIND = 16
"""Width of the longest kind of event."""


def page(view: View, width: int, paint: Paint, *, wide: bool = False) -> Iterator[str]:
    """The lines of a view's page, none longer than ``width`` (0 = any); ``wide``: with all that is known."""
    sheet = Sheet(width, paint, wide=wide)
    match view:
        case StatusView():
            yield from _status(view, sheet)
        case PlanView():
            yield from _plan(view, sheet)
        case ExplainView():
            yield from _explain(view, sheet)
        case ControlsView():
            yield from _controls(view, sheet)
        case CheckView():
            yield from _check(view, sheet)
        case AuditView():
            yield from _audit(view, sheet)
        case EventsView():
            yield from event_lines(view.events, sheet)
        case DoneView(message=text) | VersionView(version=text):
            yield clean(text)
        case _:
            raise TypeError(f"{type(view).__name__} has no page")


def _audit(view: AuditView, sheet: Sheet) -> Iterator[str]:
    held = Cell("every baseline holds", "good") if view.compliant else Cell("not every baseline holds", "bad")
    yield sheet.text(Cell(view.owner, "title"), "  ", held if view.baselines else "there are no baselines")
    for each in view.baselines:
        for fault in each.faults:
            yield sheet.text("  ", Cell(f"{each.name}: ", "bad"), fault)
    yield from sheet.section(
        "Baselines",
        ("NAME", "MODE", "CLUSTER", "STATE", "VIOLATIONS", "MESSAGE"),
        [
            (each.name, each.mode, at.cluster, styled(at.state), str(at.violations), at.message)
            for each in view.baselines
            for at in each.clusters
        ],
    )
    yield from sheet.section(
        "Violations",
        ("BASELINE", "RULE", "CLUSTER", "OBJECT", "PATH", "SINCE", "MESSAGE"),
        [
            (
                each.name,
                violation.rule,
                violation.cluster,
                violation.object,
                violation.path,
                duration(max(0.0, view.at_s - violation.since_s)),
                violation.message,
            )
            for each in view.baselines
            for violation in each.violations
        ],
    )


def _status(view: StatusView, sheet: Sheet) -> Iterator[str]:
    yield sheet.text(Cell(view.owner, "title"), *standing(view), f"  generation {view.generation}, term {view.term}")
    for reason in view.not_ready:
        yield sheet.text("  ", reason)
    if view.configuration:
        yield sheet.text("  ", Cell("the configuration file is not what is in force:", "doubt"))
        yield from (sheet.text("    ", mistake) for mistake in view.configuration)
    yield from _leadership(view, sheet)
    yield from sheet.section(
        "Clusters",
        ("NAME", "FRESHNESS", "SINCE", "REGION", "CLUSTERSET", "ENDPOINTS", "MISSING", "REASON"),
        [
            (
                each.name,
                styled(each.freshness),
                duration(each.age_s),
                each.region,
                each.clusterset,
                str(each.endpoints),
                ", ".join(each.missing),
                each.reason,
            )
            for each in view.clusters
        ],
    )
    for service in view.services:
        yield from _service(service, view.at_s, sheet)
    yield from _rest_of_status(view, sheet)


def _leadership(view: StatusView, sheet: Sheet) -> Iterator[str]:
    if (among := view.leadership) is not None:
        role = (
            Cell("leads", "good") if among.leads else Cell(among.standing, "doubt" if among.standing == "alone" else "")
        )
        leader = "" if among.leads or not among.leader else f"  {among.leader} leads"
        kept = f"  table kept in {', '.join(among.kept) or 'no elector yet'}" if among.leads else ""
        yield sheet.text("  ", f"controller {among.name} ", role, leader, kept)
        for told in (*((among.reason,) if among.reason and not among.leader else ()), *among.unkept):
            yield sheet.text("  ", told)
        if among.overlaid:
            yield sheet.text("  ", f"{among.overlaid} services are judged otherwise here than by the last leader")
    if view.vantages:
        yield from sheet.section(
            "Vantages",
            ("NAME", "CLUSTER", "STANDING", "HEARD"),
            [(each.name, each.cluster, _vantage(each), duration(each.heard_s)) for each in view.vantages],
        )


def _vantage(view: VantageView) -> Cell:
    if view.distrusted:
        return Cell("distrusted", "bad")
    return Cell("reports", "good") if view.connected else Cell("silent", "doubt")


def standing(view: StatusView) -> tuple[str | Cell, ...]:
    """Whether the controller is in working order, behind its name."""
    if not view.live:
        return ("  ", Cell("last table on disk", "doubt"))
    return ("  ", Cell("ready", "good") if view.ready else Cell("not ready", "bad"))


def _service(service: ServiceView, now_s: float, sheet: Sheet) -> Iterator[str]:
    yield ""
    state = Cell("serving", "good") if service.serving else Cell("nothing serves", "bad")
    frozen = Cell(f"  frozen {service.frozen}" if service.frozen else "", "doubt")
    facts = f"  {','.join(service.steering)}  TTL {service.ttl} s  "
    yield sheet.text(Cell(service.service, "title"), f"  {', '.join(service.hostnames)}", facts, state, frozen)
    if sheet.wide:
        yield sheet.text(f"  declared by {', '.join(service.origin) or 'nobody any more'}")
        yield sheet.text(f"  answer changed {moment(service.changed_s) if service.changed_s else 'never'}")
    rules = [
        (
            rule.where,
            ", ".join(rule.answer) or "nothing",
            ", ".join(_part(name, rule.shares) for name in rule.clusters),
            " > ".join(rule.standby),
            *((rule.reason,) if sheet.wide else ()),
        )
        for rule in service.rules
    ]
    titles = ("CLIENTS", "ANSWER", "FROM", "STANDBY", *(("WHY",) if sheet.wide else ()))
    yield from sheet.table(titles, rows=rules, indent="  ")
    more = ("TIER", "SERVES", "SINCE (UTC)") if sheet.wide else ()
    yield from sheet.table(
        ("CLUSTER", "ADDRESS", "STATE", "SINCE", "RTT", "WEIGHT", "READY", *more, "NOTE"),
        rows=[_target(target, now_s, wide=sheet.wide) for target in service.targets],
        indent="  ",
    )


def _target(target: TargetView, now_s: float, *, wide: bool) -> tuple[str | Cell, ...]:
    held = "" if target.serving == (target.state == "Serving") else " kept in" if target.serving else " held out"
    note = ": ".join(part for part in (target.reason, target.detail) if part)
    return (
        target.cluster,
        target.address,
        Cell(target.state + held, STYLES.get(target.state, "")),
        duration(now_s - target.since_s) if target.since_s else "",
        "" if target.rtt_s is None else milliseconds(target.rtt_s),
        str(target.weight),
        "" if target.ready is None else str(target.ready),
        *((str(target.tier), "yes" if target.serving else "no", _when(target.since_s)) if wide else ()),
        f"drained; {note}" if target.drained else note,
    )


def _when(at_s: float) -> str:
    return moment(at_s) if at_s else ""


def _rest_of_status(view: StatusView, sheet: Sheet) -> Iterator[str]:
    yield from _refusals(view.refusals, sheet)
    yield from _held(view.held, sheet)
    yield from sheet.section(
        "Operator controls", _CONTROL_TITLES, [_control(each, view.at_s) for each in view.controls]
    )
    yield from sheet.section(
        "Providers",
        ("NAME", "KIND", "ZONE", "STATE", "NAMES", "PENDING", "MESSAGE"),
        [
            (each.name, each.kind, each.zone, styled(each.state), str(each.names), str(each.pending), each.message)
            for each in view.providers
        ],
    )
    yield from _survival(view.survival, sheet)
    yield from sheet.section("Events", ("TIME", "WHAT", ""), [_event(event, wide=sheet.wide) for event in view.events])


def _event(event: EventView, *, wide: bool) -> tuple[str, Cell, str]:
    when = moment(event.at_s) if wide else clock(event.at_s)
    return when, Cell(event.kind, "doubt" if event.level == "warning" else ""), event.text


def event_lines(events: Sequence[EventView], sheet: Sheet) -> Iterator[str]:
    """One line an event, in columns that stay where they are when more events follow."""
    for event in events:
        when, kind, text = _event(event, wide=sheet.wide)
        yield sheet.text(f"{when}  ", Cell(f"{kind.text:<{_KIND}}", kind.style), "  ", text)


def _refusals(refusals: Sequence[RefusalView], sheet: Sheet) -> Iterator[str]:
    yield from sheet.section(
        "Refused",
        ("CLUSTER", "OBJECT", "REASON", "MESSAGE"),
        [(each.cluster, each.object, Cell(each.reason, "bad"), each.message) for each in refusals],
    )


def _survival(survival: Sequence[SurvivalView], sheet: Sheet) -> Iterator[str]:
    yield from sheet.section(
        "Failover", ("",), [(Cell(each.text, "doubt" if each.losses else ""),) for each in survival]
    )


def _part(cluster: str, shares: Mapping[str, float]) -> str:
    """A cluster, with its part of the answers where there are others."""
    return f"{cluster} {shares[cluster]:.0%}" if len(shares) > 1 else cluster


def _held(held: Sequence[HeldView], sheet: Sheet) -> Iterator[str]:
    yield from sheet.section(
        "Held (trafficfed confirm ID lets one go on)",
        ("ID", "PROVIDER", "ZONE", "CLUSTER", "MESSAGE"),
        [(Cell(each.confirm_id, "doubt"), each.provider, each.zone, each.cluster, each.message) for each in held],
    )


_CONTROL_TITLES = ("ID", "KIND", "CLUSTER", "SERVICE", "SINCE", "ENDS IN", "BY", "WHY")


def _control(control: ControlView, now_s: float) -> tuple[str | Cell, ...]:
    return (
        control.id,
        Cell(_kind(control), "doubt"),
        control.cluster or "all",
        control.service or "all",
        duration(now_s - control.since_s),
        duration(control.until_s - now_s) if control.until_s else "never",
        control.who,
        control.why,
    )


def _kind(control: ControlView) -> str:
    return f"{control.kind} {control.share} % to {control.to or 'others'}" if control.share else control.kind


def _controls(view: ControlsView, sheet: Sheet) -> Iterator[str]:
    if not view.controls:
        yield "no operator control is in force"
    else:
        yield from sheet.table(_CONTROL_TITLES, [_control(each, view.at_s) for each in view.controls])


def _plan(view: PlanView, sheet: Sheet) -> Iterator[str]:
    yield sheet.text(Cell(view.owner, "title"), f"  {_summary(view) or 'nothing would change'}")
    for change in view.changes:
        yield from _change(change, sheet)
    yield from sheet.section(
        "In the members",
        ("ACTION", "CLUSTER", "OBJECT", "WHY"),
        [(styled(each.action), each.cluster, each.object, each.reason) for each in view.copies],
    )
    yield from _held(view.held, sheet)
    yield from _refusals(view.refusals, sheet)
    yield from sheet.section("Cannot be expressed", ("",), [(loss,) for loss in view.losses])
    yield from sheet.section("Not seen whole, so nothing is removed", ("",), [(why,) for why in view.incomplete])
    yield from _survival(view.survival, sheet)


def _summary(view: PlanView) -> str:
    names = Counter(change.action for change in view.changes)
    copies = Counter(copy.action for copy in view.copies)
    of_names = [f"{names[action]} to {action}" for action in ("create", "update", "delete") if names[action]]
    of_copies = [f"{copies[action]} copies to {action}" for action in ("apply", "delete", "release") if copies[action]]
    return ", ".join((*of_names, *of_copies))


def _change(change: ChangeView, sheet: Sheet) -> Iterator[str]:
    held = f"  held: trafficfed confirm {change.confirm_id}" if change.confirm_id else ""
    place = f"  {change.name}  at {change.provider} in {change.zone}"
    yield ""
    yield sheet.text(Cell(change.action, STYLES[change.action]), place, Cell(held, "doubt"))
    for record in change.before:
        if record not in change.after:
            yield sheet.text(Cell("  - ", "bad"), record)
    for record in change.after:
        yield sheet.text(*(("    ",) if record in change.before else (Cell("  + ", "good"),)), record)
    if change.reason:
        yield sheet.text("    ", Cell(change.reason, "dim"))


def _explain(view: ExplainView, sheet: Sheet) -> Iterator[str]:
    count = f", {view.pick} at a time" if 0 < view.pick < len(view.answer) else ""
    who = view.client or "of unknown place"
    yield sheet.text(Cell(view.hostname, "title"), f"  for client {who}", "" if view.live else "  (last table on disk)")
    yield sheet.text("  answer   ", Cell(", ".join(view.answer) or "nothing", "good" if view.serving else "bad"), count)
    yield sheet.text(f"  TTL      {view.ttl} s")
    yield sheet.text(f"  rule     {view.where}")
    yield sheet.text(f"  service  {view.service}")
    yield ""
    for why in view.lines:
        yield sheet.text("  ", why)


def _check(view: CheckView, sheet: Sheet) -> Iterator[str]:
    state = Cell("clients find it", "good") if view.right else Cell("something is wrong", "bad")
    yield sheet.text(Cell(view.zone, "title"), f"  parent asked at {view.parent or 'nobody'}  ", state)
    for each in view.findings:
        mark = {"good": "  ok   ", "doubt": "  note "}.get(each.level, "  BAD  ")
        yield sheet.text(Cell(mark, each.level), Cell(each.subject, "title"), f": {each.text}")
    for title, lines in (("Add to the parent's zone", view.add), ("Remove from the parent's zone", view.remove)):
        if lines:
            yield ""
            yield sheet.paint(title, "title")
            yield from (clean(line) for line in lines)
