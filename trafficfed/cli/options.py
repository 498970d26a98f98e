"""Options that several commands share."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from trafficfed.cli import completing

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

CONFIG: Decorator = click.option(
    "--config",
    "-c",
    type=click.Path(path_type=Path),
    envvar="TRAFFICFED_CONFIG",
    default=Path("trafficfed.yaml"),
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
)
OUTPUT: Decorator = click.option(
    "--output",
    "-o",
    type=click.Choice(["table", "wide", "json", "yaml"]),
    default="table",
    show_default=True,
    help="How to write what was found; wide has more and cuts nothing.",
)
SERVICE: Decorator = click.option(
    "--service",
    "-s",
    metavar="NAME",
    default="",
    shell_complete=completing.services,
    help="This service only: namespace/name, or a hostname of it.",
)
FOR: Decorator = click.option("--for", "for_", metavar="TIME", default="", help="End by itself, after 30m or 2h.")
WHY: Decorator = click.option("--why", metavar="TEXT", required=True, help="The reason, for whoever finds it later.")
WHO: Decorator = click.option("--who", metavar="NAME", default="", help="Who orders it; without it, your user name.")
