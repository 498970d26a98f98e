"""Whether the world finds a zone, and its name servers answer alike."""

import ipaddress
import os
from pathlib import Path

from trafficfed.cli.authorities import authorities_of, wanted_of, zones_of
from trafficfed.cli.configured import settings_of
from trafficfed.cli.failures import EXIT_FOUND
from trafficfed.cli.output import Screen, write
from trafficfed.delegation.asking import Server
from trafficfed.delegation.judge import check as judged
from trafficfed.delegation.look import Looker, system_resolvers
from trafficfed.errors import ConfigError
from trafficfed.feed.addresses import host_and_port


def check(config: Path, zone: str, output: str, *, parents: tuple[str, ...], resolver: str, port: int) -> int:
    """Look a configured zone up from its parent down, and print what is wrong with what to add there."""
    settings = settings_of(config)
    name = zone.lower().removesuffix(".")
    if name not in (known := zones_of(settings)):
        raise ConfigError(f"{zone}: no zone of {config}; known are {', '.join(known)}")
    wanted = wanted_of(settings, name)
    looker = Looker(
        (_server(resolver, "--resolver", 53),) if resolver else system_resolvers(),
        tuple(_server(each, "--parent", port) for each in parents),
        port,
    )
    view = judged(looker.look(name, wanted, authorities_of(settings, name)), wanted)
    write(view, output, Screen.of_terminal(os.environ))
    return 0 if view.right else EXIT_FOUND


def _server(text: str, option: str, port: int) -> Server:
    """An address, with a port or without one."""
    try:
        return Server(str(ipaddress.ip_address(text.removeprefix("[").removesuffix("]"))), port)
    except ValueError:
        return Server(*host_and_port(text, option))
