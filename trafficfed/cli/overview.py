"""The fleet on one screen: what is amiss first, as many services as there is room for."""

from collections.abc import Iterable, Sequence

from trafficfed.cli.pages import standing
from trafficfed.cli.sheet import Sheet, clock, duration, milliseconds, styled
from trafficfed.cli.tables import Cell, Paint, Row, table
from trafficfed.observe.views import ClusterView, EventView, ServiceView, StatusView

EVENTS = 5
"""Lines for what happened last, where there is room."""

KEYS = "q ends  arrows and page keys move  p shows only what is amiss"
_LEAST = 12  # lines below which there is room for services only


def overview(
    view: StatusView, width: int, height: int, paint: Paint, first: int = 0, *, amiss: bool = False
) -> list[str]:
    """At most ``height`` lines; ``first`` is the service to begin with, ``amiss`` leaves out those without trouble."""
    sheet = Sheet(width, paint)
    services = ordered(view.services, amiss=amiss)
    head = [
        sheet.text(Cell(view.owner, "title"), *standing(view), f"  {_counts(view)}"),
        *_clusters(view.clusters, sheet),
    ]
    tail = _events(view.events[-EVENTS:], sheet) if height >= _LEAST else []
    if height < _LEAST:
        head = head[:1]
    room = max(1, height - len(head) - len(tail) - 2)
    shown = services[last_first(first, len(services), room) :][:room]
    rows = table(
        ("STATE", "NAME", "FROM", "OUT", "RTT", "CHANGED"), [_row(each, view.at_s) for each in shown], width, paint
    )
    lines = [
        *head,
        *(rows if shown else [sheet.text(Cell("no service is amiss" if amiss else "no service yet", "dim"))]),
    ]
    lines += [""] * (height - len(lines) - len(tail) - 1)
    return [*lines, *tail, sheet.text(Cell(f"{_place(first, services, room)}  {KEYS}", "dim"))][:height]


def ordered(services: Iterable[ServiceView], *, amiss: bool = False) -> list[ServiceView]:
    """The worst first: nothing serves, something is out, something is drained or frozen, all is well; then by name."""
    return [
        each
        for each in sorted(services, key=lambda each: (trouble(each), each.service))
        if trouble(each) < 3 or not amiss
    ]


def trouble(service: ServiceView) -> int:
    """0 where nothing serves, 1 where a target is out, 2 where operators have a hand in it, 3 where all is well."""
    if not service.serving:
        return 0
    if any(not each.serving for each in service.targets):
        return 1
    return 2 if service.frozen or any(each.drained for each in service.targets) else 3


def last_first(first: int, count: int, room: int) -> int:
    """Where to begin so that no line stays empty.

    >>> last_first(5, 10, 4), last_first(9, 10, 4), last_first(-3, 10, 4), last_first(3, 2, 4)
    (5, 6, 0, 0)
    """
    return max(0, min(first, count - room))


def _place(first: int, services: Sequence[ServiceView], room: int) -> str:
    begin = last_first(first, len(services), room)
    return f"{min(begin + 1, len(services))}-{min(begin + room, len(services))} of {len(services)}"


def _counts(view: StatusView) -> str:
    down = sum(not each.serving for each in view.services)
    held = f", {len(view.held)} held" if view.held else ""
    return f"{len(view.services)} services, {down} down{held}, {len(view.controls)} controls  {clock(view.at_s)} UTC"


def _clusters(clusters: Sequence[ClusterView], sheet: Sheet) -> list[str]:
    return [
        sheet.text("  ", each.name, " ", styled(each.freshness), f"  {each.endpoints} endpoints  {each.reason}")
        for each in clusters
    ]


def _row(service: ServiceView, now_s: float) -> Row:
    state = ("down", "bad"), ("out", "doubt"), ("held" if service.frozen else "drain", "doubt"), ("ok", "good")
    out = (f"{each.cluster} {each.reason}" for each in service.targets if not each.serving)
    drained = (f"{each.cluster} drained" for each in service.targets if each.serving and each.drained)
    rtts = [each.rtt_s for each in service.targets if each.rtt_s is not None]
    return (
        Cell(*state[trouble(service)]),
        ", ".join(service.hostnames) or service.service,
        ", ".join(dict.fromkeys(cluster for rule in service.rules for cluster in rule.clusters)),
        "; ".join(dict.fromkeys((*out, *drained))),
        milliseconds(min(rtts)) if rtts else "",
        duration(now_s - service.changed_s) if service.changed_s else "",
    )


def _events(events: Sequence[EventView], sheet: Sheet) -> list[str]:
    return [
        sheet.text(
            f"{clock(each.at_s)}  ", Cell(each.kind, "doubt" if each.level == "warning" else ""), "  ", each.text
        )
        for each in events
    ]
