"""Which name servers a zone's answers come from, as far as the configuration tells."""

from trafficfed.assembly import provider_of
from trafficfed.config.settings import Settings
from trafficfed.delegation.asking import Server
from trafficfed.delegation.seen import Wanted
from trafficfed.feed.addresses import host_and_port

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # what is listened on, and where that is reached from here


def authorities_of(settings: Settings, zone: str) -> tuple[Server, ...]:
    """Each of them, sorted: the providers' own, and the name server of this file.

    Raises ConfigError where a provider's settings are wrong, or what it needs is not installed.
    """
    found = {served for name in _providers_of(settings, zone) for served in _stated(settings, name)}
    served = settings.nameserver
    if served is not None and zone in {each.name for each in served.zones}:
        found |= {_reached(listen) for listen in served.listen}
    return tuple(sorted(found))


def zones_of(settings: Settings) -> tuple[str, ...]:
    """Every zone that the file names, as one that is written or one that is served."""
    served = settings.nameserver.zones if settings.nameserver else ()
    return tuple(sorted({*(each.name for each in settings.zones), *(each.name for each in served)}))


def wanted_of(settings: Settings, zone: str) -> Wanted:
    """What the section ``nameserver`` of this file says of a zone's name servers, empty where it does not serve it."""
    served = settings.nameserver.zones if settings.nameserver else ()
    for each in served:
        if each.name == zone:
            addresses = (record for record in each.records if record.type in ("A", "AAAA"))
            glue = ((record.name, value) for record in addresses for value in record.values)
            names = {name.lower().removesuffix(".") for name in each.nameservers}
            return Wanted(
                nameservers=tuple(sorted(names)), addresses=tuple(sorted(one for one in glue if one[0] in names))
            )
    return Wanted()


def _providers_of(settings: Settings, zone: str) -> tuple[str, ...]:
    return next((each.providers for each in settings.zones if each.name == zone), ())


def _stated(settings: Settings, name: str) -> list[Server]:
    stated = provider_of(settings, name).capabilities.authorities
    return [Server(*host_and_port(each, f"providers.{name}", names=True)) for each in stated]


def _reached(listen: str) -> Server:
    host, port = host_and_port(listen, "nameserver.listen")
    return Server(_ANYWHERE.get(host, host), port)
