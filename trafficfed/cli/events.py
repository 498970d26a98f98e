"""What happened lately, and what happens from now on."""

import os
import threading
from collections.abc import Callable, Iterable
from pathlib import Path

from msgspec.structs import replace

from trafficfed.cli.configured import settings_of
from trafficfed.cli.controller import Controller
from trafficfed.cli.output import Screen, write
from trafficfed.observe.views import EventsView, EventView, ServiceView, StatusView

FOLLOW_S = 1.0
Wanted = Callable[[EventView], bool]


def events(config: Path, output: str, *, follow: bool, service: str, cluster: str, warnings: bool, last: int) -> int:
    """Show the newest ``last`` events, and with ``follow`` each further one until interrupted."""
    controller = Controller(settings_of(config).api)
    screen = Screen.of_terminal(os.environ)
    known = controller.get("/api/status", StatusView).services if service else ()
    wanted = choice(known, service=service, cluster=cluster, warnings=warnings)
    view = controller.get("/api/events", EventsView)
    chosen = tuple(filter(wanted, view.events))
    write(replace(view, events=chosen[-last:] if last > 0 else ()), output, screen)
    while follow:
        threading.Event().wait(FOLLOW_S)
        view = controller.get("/api/events", EventsView, after=str(view.seen))
        if chosen := tuple(filter(wanted, view.events)):
            write(replace(view, events=chosen), output, screen)
    return 0


def choice(known: Iterable[ServiceView], *, service: str, cluster: str, warnings: bool) -> Wanted:
    """Which events are shown. What is about a service's names, as their publication is, counts as about the service;
    a service that is no more is still found by its key or name."""
    meant = [each for each in known if is_named(each, service)] if service else []
    keys = {each.service for each in meant}
    names = {service.lower().rstrip("."), *(name for each in meant for name in each.hostnames)}

    def wanted(event: EventView) -> bool:
        about = not service or event.service in keys or event.name in names or _ends(event.service, service)
        return about and cluster in ("", event.cluster) and not (warnings and event.level != "warning")

    return wanted


def is_named(service: ServiceView, text: str) -> bool:
    """Whether people mean this service: by its key, the end of its key or a hostname, as orders are understood."""
    return text.lower().rstrip(".") in service.hostnames or _ends(service.service, text)


def _ends(key: str, text: str) -> bool:
    return "/" in text and f"/{key}".endswith(f"/{text}")
