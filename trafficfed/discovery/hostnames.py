"""The one canonical text of a hostname: lower case A-labels without the final dot, or a reason why it is none."""

import ipaddress
import re

import idna

from trafficfed.errors import ConfigError

LONGEST = 227
"""Characters: 253 (RFC 1035 section 2.3.4, without the final dot) less the 26 that the ownership marker
``_trafficfed-owner._wildcard.`` puts in place of ``*.``."""

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def canonical_hostname(text: str, *, wildcard: bool = False) -> str:
    """Letters, digits and hyphens (RFC 1123 section 2.1), other scripts by IDNA 2008 with the UTS 46 mapping.

    Raises ConfigError whose text says what is wrong. With ``wildcard`` the first label may be ``*`` (RFC 4592).

    >>> canonical_hostname("WWW.Bücher.example.org.")
    'www.xn--bcher-kva.example.org'
    >>> canonical_hostname("*.example.org", wildcard=True)
    '*.example.org'
    """
    name = text.removesuffix(".")
    if wildcard and name.startswith("*."):
        return f"*.{canonical_hostname(name[2:])}"
    if "*" in name:
        raise ConfigError(f"{quoted(text)} may have * only as its whole first label, as in *.example.org")
    name = _ascii(name).lower()
    if len(name) > LONGEST:
        raise ConfigError(f"{quoted(text)} has {len(name)} characters; at most {LONGEST} leave room for its marker")
    for label in name.split("."):
        if not _LABEL.fullmatch(label):
            raise ConfigError(f"{quoted(text)} is not a hostname: {quoted(label)} is not 1 to 63 letters, digits, -")
    if is_address(name) or name.rpartition(".")[2].isdecimal():
        raise ConfigError(f"{quoted(text)} is an address, not a hostname")
    return name


def is_address(text: str) -> bool:
    """Whether the text is an IPv4 or IPv6 literal, allowed or not."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _ascii(name: str) -> str:
    """The A-labels of a name; those already given are checked to decode (RFC 5891 section 4.4)."""
    try:
        if not name.isascii():
            return idna.encode(name, uts46=True).decode("ascii")
        for label in name.lower().split("."):
            if label.startswith("xn--"):
                idna.ulabel(label)
    except idna.IDNAError as error:
        raise ConfigError(f"{quoted(name)} is not a valid international name: {error}") from error
    return name


def quoted(text: str, longest: int = 80) -> str:
    """What a user wrote, safe for one line of log or event: escaped and cut.

    >>> quoted("a\\nb")
    "'a\\\\nb'"
    """
    return ascii(text if len(text) <= longest else f"{text[:longest]}...")
