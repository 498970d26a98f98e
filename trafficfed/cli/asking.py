"""Commands that ask the running controller, or read the table it left on disk."""

import ipaddress
import os
import threading
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import TYPE_CHECKING

from trafficfed.cli.configured import note, settings_of
from trafficfed.cli.controller import Controller
from trafficfed.cli.failures import EXIT_FOUND, EXIT_UNREACHABLE, Unreachable
from trafficfed.cli.output import Screen, write
from trafficfed.config.settings import Settings
from trafficfed.errors import ConfigError
from trafficfed.observe import api_token
from trafficfed.observe.views import DoneView, ExplainView, StatusView, VersionView

if TYPE_CHECKING:
    from trafficfed.table.table import Table

WATCH_S = 2.0


def status(config: Path, output: str, *, watch: bool) -> int:
    """Show the fleet once, or again and again until interrupted."""
    settings = settings_of(config)
    screen = Screen.of_terminal(os.environ)
    while True:
        view = _status(settings)
        if watch:
            screen.clear()
        write(view, output, screen)
        if not watch:
            return EXIT_UNREACHABLE if not view.live else 0 if view.ready else EXIT_FOUND
        threading.Event().wait(WATCH_S)


def _status(settings: Settings) -> StatusView:
    try:
        return Controller(settings.api).get("/api/status", StatusView)
    except Unreachable as error:
        table = last_table(settings, error)
    from trafficfed.clock import SystemClock
    from trafficfed.observe.stored import stored_status

    return stored_status(table, settings.owner, settings.clusters, SystemClock().now_s())


def explain(config: Path, hostname: str, client: str, output: str) -> int:
    """Show why a client gets its answer."""
    if client:
        _check_address(client)
    settings = settings_of(config)
    name = hostname.lower().removesuffix(".")
    try:
        view = Controller(settings.api).get("/api/explain", ExplainView, host=name, client=client)
    except Unreachable as error:
        view = _stored_explanation(settings, last_table(settings, error), name, client)
    write(view, output, Screen.of_terminal(os.environ))
    return EXIT_UNREACHABLE if not view.live else 0 if view.serving else EXIT_FOUND


def _check_address(client: str) -> None:
    try:
        ipaddress.ip_address(client)
    except ValueError:
        raise ConfigError(f"--client {client}: is no IP address; write it like 192.0.2.7") from None


def _stored_explanation(settings: Settings, table: "Table", name: str, client: str) -> ExplainView:
    from trafficfed.clock import SystemClock
    from trafficfed.model import Client
    from trafficfed.nameserver.whereabouts import Whereabouts
    from trafficfed.observe.stored import stored_explanation

    served = settings.nameserver
    places = Whereabouts(served.places, served.mmdb) if served else Whereabouts()
    who = places.locate(client).client if client else Client()
    clusters = {cluster.name: cluster for cluster in settings.clusters}
    return stored_explanation(table, name, who, clusters, SystemClock().now_s())


def last_table(settings: Settings, error: Unreachable) -> "Table":
    """The table on disk, with a note that it is that one; raises ``error`` where there is none."""
    from trafficfed.observe.stored import stored_table

    try:
        table = stored_table(settings.state_dir)
    except ConfigError:
        raise error from None
    note(f"{error} What follows is the last table on disk.")
    return table


def confirm(config: Path, confirm_id: str, output: str) -> int:
    """Lift one brake."""
    return _order(config, "/api/confirm", confirm_id, output)


def forget(config: Path, cluster: str, output: str) -> int:
    """Let a cluster's endpoints leave."""
    return _order(config, "/api/forget", cluster, output)


def _order(config: Path, path: str, argument: str, output: str) -> int:
    settings = settings_of(config)
    token = api_token.read(settings.state_dir)
    write(Controller(settings.api).post(path, argument, DoneView, token), output, Screen.of_terminal(os.environ))
    return 0


def version(output: str) -> int:
    """Show which version this is."""
    try:
        number = installed_version("trafficfed")
    except PackageNotFoundError:
        number = "unknown (not installed)"
    write(VersionView(version=number), output, Screen.of_terminal(os.environ))
    return 0
