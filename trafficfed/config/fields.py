"""The small kinds of value a configuration is made of: each makes a value of what is written, or says what to write."""

import ipaddress
import re
from typing import Annotated, NamedTuple

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from trafficfed.config.settings import ListenAddress
from trafficfed.steering.geography import CONTINENT_CENTRES

_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?")
_UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9._-]{0,61}[a-zA-Z0-9])?")


def duration(value: object) -> float:
    """Seconds: a number, or a number with ms, s, m or h.

    >>> duration(10), duration("500ms"), duration("1m")
    (10.0, 0.5, 60.0)
    """
    found = _DURATION.fullmatch(str(value)) if isinstance(value, str | int | float) else None
    if isinstance(value, bool) or found is None:
        raise ValueError(f"{value!r} is no duration; write seconds such as 10, or 500ms, 30s, 1m")
    return float(found[1]) * _UNIT_S[found[2] or "s"]


def listen_address(value: object) -> ListenAddress:
    """An address with its port.

    >>> listen_address("[::1]:53")
    ListenAddress(host='::1', port=53)
    """
    if isinstance(value, ListenAddress):
        return value
    host, _, port = str(value).rpartition(":")
    host = host.removeprefix("[").removesuffix("]") if host.startswith("[") else host
    if not port.isdigit() or int(port) > 65535 or not _is_host(host):
        raise ValueError(f"{value!r} is no address with a port; write it like 127.0.0.1:8080 or [::1]:8080")
    return ListenAddress(host, int(port))


def _is_host(host: str) -> bool:
    if ":" in host or host.replace(".", "").isdigit():
        return _is_ip(host)
    return bool(host) and all(_LABEL.fullmatch(label) for label in host.lower().split("."))


def _is_ip(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def cidr(value: object) -> str:
    """A network in canonical text.

    >>> cidr("192.0.2.0/24"), cidr("2001:db8::1")
    ('192.0.2.0/24', '2001:db8::1/128')
    """
    try:
        return str(ipaddress.ip_network(str(value)))
    except ValueError:
        pass
    try:
        meant = ipaddress.ip_network(str(value), strict=False)
    except ValueError:
        raise ValueError(f"{value!r} is no CIDR range; write it like 192.0.2.0/24") from None
    raise ValueError(f"{value!r} has bits set beyond its prefix; write {meant}") from None


def dns_name(value: object) -> str:
    """A DNS name in lower case without its final dot.

    >>> dns_name("Fed.Example.org.")
    'fed.example.org'
    """
    name = str(value).lower().removesuffix(".")
    if not isinstance(value, str) or len(name) > 253 or not all(_LABEL.fullmatch(label) for label in name.split(".")):
        raise ValueError(f"{value!r} is no DNS name; write it like fed.example.org")
    return name


def identifier(value: object) -> str:
    """A name of our own: letters, digits, dots, dashes and underscores, at most 63 of them."""
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ValueError(
            f"{value!r} is no name; use up to 63 letters, digits, '-', '_' and '.' (quote what YAML reads as a number)"
        )
    return value


def country(value: object) -> str:
    """An ISO 3166-1 alpha-2 code in capitals."""
    code = value.upper() if isinstance(value, str) else ""
    if not re.fullmatch(r"[A-Z]{2}", code):
        raise ValueError(f"{value!r} is no country; write its two-letter ISO 3166-1 code such as IE")
    return code


def continent(value: object) -> str:
    """One of the seven two-letter continent codes, in capitals."""
    code = value.upper() if isinstance(value, str) else ""
    if code not in CONTINENT_CENTRES:
        raise ValueError(f"{value!r} is no continent; write one of {', '.join(CONTINENT_CENTRES)}")
    return code


def kind(value: object) -> str:
    """``apiVersion/Kind`` as on an object; the core group has no name.

    >>> kind("v1/ConfigMap"), kind("apps/v1/Deployment")
    ('v1/ConfigMap', 'apps/v1/Deployment')
    """
    text = value if isinstance(value, str) else ""
    if not re.fullmatch(r"(?:[a-z0-9]([a-z0-9.-]*[a-z0-9])?/)?v[0-9][a-z0-9]*/[A-Z][A-Za-z0-9]*", text):
        raise ValueError(f"{value!r} is no kind; write apiVersion/Kind such as apps/v1/Deployment")
    return text


Duration = Annotated[float, BeforeValidator(duration)]
Listen = Annotated[ListenAddress, BeforeValidator(listen_address)]
Cidr = Annotated[str, BeforeValidator(cidr)]
DnsName = Annotated[str, BeforeValidator(dns_name)]
Identifier = Annotated[str, BeforeValidator(identifier)]
Country = Annotated[str, BeforeValidator(country)]
Continent = Annotated[str, BeforeValidator(continent)]
Kind = Annotated[str, BeforeValidator(kind)]
Text = Annotated[str, Field(strict=True)]
Count = Annotated[int, Field(strict=True)]
Flag = Annotated[bool, Field(strict=True)]


def check_one_way_in(in_cluster: bool, *kubeconfig: str | None) -> None:
    """Raises ValueError where an API server is to be reached both from inside and by a kubeconfig."""
    if in_cluster and any(kubeconfig):
        raise ValueError("has both in-cluster and a kubeconfig; keep the one that reaches it")


class Empty(NamedTuple):
    """Beside a field whose default has no value of its own: the word for it in the reference."""

    word: str


class Section(BaseModel):
    """Base of every part of the file: keys in kebab-case, none beyond those that are known."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=lambda name: name.replace("_", "-"),
        hide_input_in_errors=True,
    )
