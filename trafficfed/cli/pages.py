"""Each view as a page of text."""

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from trafficfed.cli.tables import Cell, Paint, clean, cut, table
from trafficfed.observe.views import (
    ChangeView,
    ControlsView,
    ControlView,
    DoneView,
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

_STYLES = {
    "Serving": "good",
    "NotServing": "bad",
    "Unknown": "doubt",
    "Fresh": "good",
    "Stale": "doubt",
    "Suspect": "bad",
    "Ready": "good",
    "Feeding": "good",
    "Loading": "doubt",
    "Failing": "bad",
    "create": "good",
    "update": "doubt",
    "delete": "bad",
    "apply": "good",
    "release": "doubt",
}


class _Page:
    """The parts all pages share: a width and colours."""

    def __init__(self, width: int, paint: Paint) -> None:
        self.width = width
        self.paint = paint

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str | Cell]], indent: str = "") -> Iterator[str]:
        yield from table(titles, rows, self.width, self.paint, indent)

    def section(self, title: str, titles: Sequence[str], rows: Sequence[Sequence[str | Cell]]) -> Iterator[str]:
        if rows:
            yield ""
            yield self.paint(title, "title")
            yield from self.table(titles, rows)

    def text(self, *parts: str | Cell) -> str:
        """One line of styled parts, cut to the width as a whole."""
        left = self.width
        shown = []
        for part in parts:
            cell = part if isinstance(part, Cell) else Cell(part)
            text = cut(clean(cell.text), left)
            shown.append(self.paint(text, cell.style))
            if self.width and (left := left - len(text)) <= 0:
                break
        return "".join(shown)


def page(view: View, width: int, paint: Paint) -> Iterator[str]:
    """The lines of a view's page, none longer than ``width`` (0 = any)."""
    sheet = _Page(width, paint)
    match view:
        case StatusView():
            yield from _status(view, sheet)
        case PlanView():
            yield from _plan(view, sheet)
        case ExplainView():
            yield from _explain(view, sheet)
        case ControlsView():
            yield from _controls(view, sheet)
        case DoneView(message=text) | VersionView(version=text):
            yield clean(text)
        case _:
            raise TypeError(f"{type(view).__name__} has no page")


def _status(view: StatusView, sheet: _Page) -> Iterator[str]:
    yield sheet.text(Cell(view.owner, "title"), *_standing(view), f"  generation {view.generation}, term {view.term}")
    for reason in view.not_ready:
        yield sheet.text("  ", reason)
    yield from _leadership(view, sheet)
    yield from sheet.section(
        "Clusters",
        ("NAME", "FRESHNESS", "SINCE", "REGION", "CLUSTERSET", "ENDPOINTS", "MISSING", "REASON"),
        [
            (
                each.name,
                _styled(each.freshness),
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


def _leadership(view: StatusView, sheet: _Page) -> Iterator[str]:
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


def _standing(view: StatusView) -> tuple[str | Cell, ...]:
    if not view.live:
        return ("  ", Cell("last table on disk", "doubt"))
    return ("  ", Cell("ready", "good") if view.ready else Cell("not ready", "bad"))


def _service(service: ServiceView, now_s: float, sheet: _Page) -> Iterator[str]:
    yield ""
    state = Cell("serving", "good") if service.serving else Cell("nothing serves", "bad")
    frozen = Cell(f"  frozen {service.frozen}" if service.frozen else "", "doubt")
    facts = f"  {','.join(service.steering)}  TTL {service.ttl} s  "
    yield sheet.text(Cell(service.service, "title"), f"  {', '.join(service.hostnames)}", facts, state, frozen)
    rules = [
        (rule.where, ", ".join(rule.answer) or "nothing", ", ".join(rule.clusters), " > ".join(rule.standby))
        for rule in service.rules
    ]
    yield from sheet.table(("CLIENTS", "ANSWER", "FROM", "STANDBY"), rows=rules, indent="  ")
    yield from sheet.table(
        ("CLUSTER", "ADDRESS", "STATE", "SINCE", "RTT", "WEIGHT", "READY", "NOTE"),
        rows=[_target(target, now_s) for target in service.targets],
        indent="  ",
    )


def _target(target: TargetView, now_s: float) -> tuple[str | Cell, ...]:
    held = "" if target.serving == (target.state == "Serving") else " kept in" if target.serving else " held out"
    note = ": ".join(part for part in (target.reason, target.detail) if part)
    return (
        target.cluster,
        target.address,
        Cell(target.state + held, _STYLES.get(target.state, "")),
        duration(now_s - target.since_s) if target.since_s else "",
        "" if target.rtt_s is None else milliseconds(target.rtt_s),
        str(target.weight),
        "" if target.ready is None else str(target.ready),
        f"drained; {note}" if target.drained else note,
    )


def _rest_of_status(view: StatusView, sheet: _Page) -> Iterator[str]:
    yield from _refusals(view.refusals, sheet)
    yield from _held(view.held, sheet)
    yield from sheet.section(
        "Operator controls", _CONTROL_TITLES, [_control(each, view.at_s) for each in view.controls]
    )
    yield from sheet.section(
        "Providers",
        ("NAME", "KIND", "ZONE", "STATE", "NAMES", "PENDING", "MESSAGE"),
        [
            (each.name, each.kind, each.zone, _styled(each.state), str(each.names), str(each.pending), each.message)
            for each in view.providers
        ],
    )
    yield from _survival(view.survival, sheet)
    yield from sheet.section(
        "Events",
        ("TIME", "WHAT", ""),
        [
            (clock(event.at_s), Cell(event.kind, "doubt" if event.level == "warning" else ""), event.text)
            for event in view.events
        ],
    )


def _refusals(refusals: Sequence[RefusalView], sheet: _Page) -> Iterator[str]:
    yield from sheet.section(
        "Refused",
        ("CLUSTER", "OBJECT", "REASON", "MESSAGE"),
        [(each.cluster, each.object, Cell(each.reason, "bad"), each.message) for each in refusals],
    )


def _survival(survival: Sequence[SurvivalView], sheet: _Page) -> Iterator[str]:
    yield from sheet.section(
        "Failover", ("",), [(Cell(each.text, "doubt" if each.losses else ""),) for each in survival]
    )


def _held(held: Sequence[HeldView], sheet: _Page) -> Iterator[str]:
    yield from sheet.section(
        "Held (trafficfed confirm ID lets one go on)",
        ("ID", "PROVIDER", "ZONE", "CLUSTER", "MESSAGE"),
        [(Cell(each.confirm_id, "doubt"), each.provider, each.zone, each.cluster, each.message) for each in held],
    )


_CONTROL_TITLES = ("ID", "KIND", "CLUSTER", "SERVICE", "SINCE", "ENDS IN", "BY", "WHY")


def _control(control: ControlView, now_s: float) -> tuple[str | Cell, ...]:
    return (
        control.id,
        Cell(control.kind, "doubt"),
        control.cluster or "all",
        control.service or "all",
        duration(now_s - control.since_s),
        duration(control.until_s - now_s) if control.until_s else "never",
        control.who,
        control.why,
    )


def _controls(view: ControlsView, sheet: _Page) -> Iterator[str]:
    if not view.controls:
        yield "no operator control is in force"
    else:
        yield from sheet.table(_CONTROL_TITLES, [_control(each, view.at_s) for each in view.controls])


def _plan(view: PlanView, sheet: _Page) -> Iterator[str]:
    yield sheet.text(Cell(view.owner, "title"), f"  {_summary(view) or 'nothing would change'}")
    for change in view.changes:
        yield from _change(change, sheet)
    yield from sheet.section(
        "In the members",
        ("ACTION", "CLUSTER", "OBJECT", "WHY"),
        [(_styled(each.action), each.cluster, each.object, each.reason) for each in view.copies],
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


def _change(change: ChangeView, sheet: _Page) -> Iterator[str]:
    held = f"  held: trafficfed confirm {change.confirm_id}" if change.confirm_id else ""
    place = f"  {change.name}  at {change.provider} in {change.zone}"
    yield ""
    yield sheet.text(Cell(change.action, _STYLES[change.action]), place, Cell(held, "doubt"))
    for record in change.before:
        if record not in change.after:
            yield sheet.text(Cell("  - ", "bad"), record)
    for record in change.after:
        yield sheet.text(*(("    ",) if record in change.before else (Cell("  + ", "good"),)), record)
    if change.reason:
        yield sheet.text("    ", Cell(change.reason, "dim"))


def _explain(view: ExplainView, sheet: _Page) -> Iterator[str]:
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


def _styled(word: str) -> Cell:
    return Cell(word, _STYLES.get(word, ""))


def duration(seconds: float) -> str:
    """A length of time in its largest whole unit.

    >>> duration(5.2), duration(125), duration(7300), duration(200000)
    ('5s', '2m', '2h', '2d')
    """
    for unit, size in (("d", 86400), ("h", 3600), ("m", 60)):
        if seconds >= size:
            return f"{int(seconds // size)}{unit}"
    return f"{int(max(0.0, seconds))}s"


def milliseconds(seconds: float) -> str:
    """A latency with three digits that matter.

    >>> milliseconds(0.0123456), milliseconds(0.25)
    ('12.3 ms', '250 ms')
    """
    return f"{seconds * 1000:.3g} ms"


def clock(at_s: float) -> str:
    """A moment as time of day, in UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")
