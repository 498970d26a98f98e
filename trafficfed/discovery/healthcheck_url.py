"""A health check as one URL: ``https://:8443/healthz``, ``tcp://:5432``."""

import re

from trafficfed.discovery.addresses import canonical_literal
from trafficfed.discovery.hostnames import canonical_hostname, quoted
from trafficfed.errors import ConfigError
from trafficfed.model import HealthCheck

SCHEMES = ("http", "https", "tcp")
LATER = ("grpc", "dns")

# by hand, because urllib drops tabs and line ends silently (they would reach the request line) and takes user:password
_URL = re.compile(
    r"(?P<scheme>[a-z]+)://(?P<host>\[[^\]/]*\]|[^/:@?#]*)(?::(?P<port>[0-9]{1,5}))?(?P<path>/[!-~]*)?", re.I
)


def parse_health_check(text: str) -> HealthCheck:
    """Scheme, port and path of a probe. A host in it is the Host header and TLS server name, never where to connect.

    Raises ConfigError whose text names what is supported.

    >>> check = parse_health_check("https://:8443/healthz")
    >>> check.scheme, check.port, check.path
    ('https', 8443, '/healthz')
    """
    match = _URL.fullmatch(text)
    if match is None:
        raise ConfigError(f"{quoted(text)} is not a check such as https://:8443/healthz or tcp://:5432")
    scheme, path = match["scheme"].lower(), match["path"] or ""
    _check_scheme(scheme, text)
    if "#" in path or len(path) > 1024:
        raise ConfigError(f"{quoted(text)} has a fragment or more than 1024 characters of path")
    if scheme == "tcp" and (path.strip("/") or match["host"]):
        raise ConfigError(f"{quoted(text)}: tcp has only a port, as in tcp://:5432")
    return HealthCheck(
        scheme=scheme, port=_port(match["port"], text), path=path or "/", host=_host(match["host"], text)
    )


def _check_scheme(scheme: str, text: str) -> None:
    if scheme in LATER:
        raise ConfigError(f"{quoted(text)}: {scheme} checks are not supported yet; use {', '.join(SCHEMES)}")
    if scheme not in SCHEMES:
        raise ConfigError(f"{quoted(text)}: {scheme} is not one of {', '.join(SCHEMES)}")


def _port(text: str | None, url: str) -> int:
    """0 means the endpoint's first port."""
    if text is None:
        return 0
    if not 1 <= int(text) <= 65535:
        raise ConfigError(f"{quoted(url)}: port {int(text)} is not from 1 to 65535")
    return int(text)


def _host(text: str, url: str) -> str:
    """Law 11: a probe goes to the endpoint's own addresses and nowhere else."""
    if not text:
        return ""
    if text.startswith("[") or canonical_literal(text) is not None:
        raise ConfigError(f"{quoted(url)}: a probe goes to the endpoint's own addresses; leave the address out")
    return canonical_hostname(text)
