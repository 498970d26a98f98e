"""What a user writes to configure an RFC 2136 provider, checked by hand so that every mistake names its key and fix."""

import base64
import binascii
import ipaddress
import os
from collections.abc import Callable, Mapping
from pathlib import Path

import dns.exception
import dns.name
import dns.tsig

from trafficfed.errors import ConfigError
from trafficfed.model import Value

ALGORITHMS = ("hmac-sha256", "hmac-sha224", "hmac-sha384", "hmac-sha512", "hmac-sha1", "hmac-md5.sig-alg.reg.int")
_KEYS = ("server", "tsig", "source", "authorities", "batch")
_TSIG_KEYS = ("name", "algorithm", "secret", "secret-file", "secret-env")
_SECRETS = ("secret", "secret-file", "secret-env")
_BATCH = 50
"""Building and signing a message holds up everything else for some 0.2 ms a name."""

_BATCH_MAX = 500


Wrong = Callable[[str, str], None]


class Server(Value, frozen=True):
    """Where a DNS server listens. ``str`` gives ``host:port`` back.

    >>> str(Server("2001:db8::1", 53))
    '[2001:db8::1]:53'
    """

    host: str
    port: int = 53

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Settings(Value, frozen=True, kw_only=True):
    """The checked settings of one RFC 2136 provider. ``batch`` is how many names go into one update message."""

    server: Server
    key_name: str = ""
    algorithm: str = ALGORITHMS[0]
    secret: bytes = b""
    source: str | None = None
    authorities: tuple[Server, ...] = ()
    batch: int = _BATCH

    def __repr__(self) -> str:
        return f"Settings(server={self.server}, key_name={self.key_name!r}, secret=hidden)"

    def key(self) -> dns.tsig.Key | None:
        """The TSIG key (RFC 8945), None where the server trusts addresses instead."""
        return dns.tsig.Key(self.key_name, self.secret, self.algorithm) if self.key_name else None


def parse_settings(name: str, settings: Mapping[str, object]) -> Settings:
    """Check what the user wrote for provider ``name``; ConfigError lists every mistake with its key and fix."""
    mistakes: list[str] = []

    def wrong(key: str, what: str) -> None:
        mistakes.append(f"providers.{name}.{key}: {what}")

    _unknown(settings, _KEYS, "", wrong)
    server = _server(settings.get("server"), "server", wrong)
    key_name, algorithm, secret = _tsig(settings.get("tsig"), wrong)
    parsed = Settings(
        server=server,
        key_name=key_name,
        algorithm=algorithm,
        secret=secret,
        source=_source(settings.get("source"), wrong),
        authorities=_authorities(settings.get("authorities"), wrong) or (server,),
        batch=_batch(settings.get("batch", _BATCH), wrong),
    )
    if mistakes:
        raise ConfigError("\n".join(mistakes))
    return parsed


def _unknown(settings: Mapping[str, object], known: tuple[str, ...], prefix: str, wrong: Wrong) -> None:
    for key in settings:
        if key not in known:
            wrong(f"{prefix}{key}", f"unknown key; known ones are {', '.join(known)}")


def _server(value: object, key: str, wrong: Wrong) -> Server:
    if not isinstance(value, str) or not value:
        wrong(key, "is missing or not a text; write host:port, for example 192.0.2.53:53 or [2001:db8::53]:53")
        return Server("")
    host, port = _split(value)
    if not host or not port.isdecimal() or not 0 < int(port) < 65536:
        wrong(key, f"{value!r} is not host:port; write for example 192.0.2.53:53 or [2001:db8::53]:53")
        return Server("")
    return Server(host, int(port))


def _split(value: str) -> tuple[str, str]:
    if value.startswith("["):
        host, _, rest = value[1:].partition("]")
        return host, rest[1:] if rest.startswith(":") else "53" if not rest else ""
    if value.count(":") == 1:
        host, _, port = value.partition(":")
        return host, port
    return value, "53"


def _authorities(value: object, wrong: Wrong) -> tuple[Server, ...]:
    if value is None:
        return ()
    if not isinstance(value, list | tuple):
        wrong("authorities", "must be a list of host:port, the name servers that clients ask")
        return ()
    return tuple(_server(item, f"authorities[{at}]", wrong) for at, item in enumerate(value))


def _source(value: object, wrong: Wrong) -> str | None:
    if value is None:
        return None
    try:
        return str(ipaddress.ip_address(str(value)))
    except ValueError:
        wrong("source", f"{value!r} is not an IP address; write one of this machine's addresses or leave it out")
        return None


def _batch(value: object, wrong: Wrong) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= _BATCH_MAX:
        wrong("batch", f"must be a number of names from 1 to {_BATCH_MAX}, not {value!r}")
        return _BATCH
    return value


def _tsig(value: object, wrong: Wrong) -> tuple[str, str, bytes]:
    if value is None:
        return "", ALGORITHMS[0], b""
    if not isinstance(value, Mapping):
        wrong("tsig", "must be a mapping with name, algorithm and one of secret, secret-file, secret-env")
        return "", ALGORITHMS[0], b""
    _unknown(value, _TSIG_KEYS, "tsig.", wrong)
    algorithm = value.get("algorithm", ALGORITHMS[0])
    if algorithm not in ALGORITHMS:
        wrong("tsig.algorithm", f"{algorithm!r} is not known; use one of {', '.join(ALGORITHMS)}")
        algorithm = ALGORITHMS[0]
    return _key_name(value.get("name"), wrong), str(algorithm), _secret(value, wrong)


def _key_name(value: object, wrong: Wrong) -> str:
    try:
        if isinstance(value, str) and value:
            return dns.name.from_text(value).to_text()
    except dns.exception.DNSException:
        pass
    wrong("tsig.name", "is missing or not a domain name; write the key's name as the server's configuration has it")
    return ""


def _secret(value: Mapping[str, object], wrong: Wrong) -> bytes:
    given = [key for key in _SECRETS if key in value]
    if len(given) != 1:
        wrong("tsig", f"needs exactly one of {', '.join(_SECRETS)}")
        return b""
    key = given[0]
    text = _secret_text(key, str(value[key]), wrong)
    if text is None:
        return b""
    try:
        secret = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        secret = b""
    if not secret:
        wrong(f"tsig.{key}", "does not hold base64; copy the secret as tsig-keygen or keymgr printed it")
    return secret


def _secret_text(key: str, value: str, wrong: Wrong) -> str | None:
    if key == "secret":
        return value
    if key == "secret-env":
        if value not in os.environ:
            wrong("tsig.secret-env", f"the environment has no variable {value}; set it or use secret-file")
        return os.environ.get(value)
    try:
        return Path(value).read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a text file"
        wrong("tsig.secret-file", f"{value} cannot be read ({reason}); check the path and its permissions")
        return None
