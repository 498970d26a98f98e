"""The one canonical text of a hostname: lower case A-labels without the final dot, or a reason why it is none."""

import re

import idna

from trafficfed.errors import ConfigError

LONGEST = 253
"""Characters, without the final dot (RFC 1035 section 2.3.4)."""

LONGEST_CLAIMED = 227
"""Less the 26 that the ownership marker ``_trafficfed-owner._wildcard.`` puts in place of ``*.``."""

_LABEL = re.compile(r"(?!-)[a-z0-9-]{1,63}(?<!-)")


def canonical_hostname(text: str) -> str:
    """Letters, digits and hyphens (RFC 1123 section 2.1), other scripts by IDNA 2008 with the UTS 46 mapping.

    Raises ConfigError whose text says what is wrong.

    >>> canonical_hostname("WWW.Bücher.example.org.")
    'www.xn--bcher-kva.example.org'
    """
    name = _ascii(text.removesuffix(".").lower())
    if len(name) > LONGEST:
        raise ConfigError(f"{quoted(text)} has {len(name)} characters, a hostname at most {LONGEST}")
    labels = name.split(".")
    for label in labels:
        if not _LABEL.fullmatch(label):
            raise ConfigError(f"{quoted(text)} is not a hostname: {quoted(label)} is not 1 to 63 letters, digits, -")
    if labels[-1].isdecimal():
        raise ConfigError(f"{quoted(text)} is an address or a number, not a hostname")
    return name


def claimed_hostname(text: str) -> str:
    """A hostname that a service may claim: the first label may be ``*`` (RFC 4592), and its marker needs room.

    >>> claimed_hostname("*.Example.org")
    '*.example.org'
    """
    wildcard, rest = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    if "*" in rest:
        raise ConfigError(f"{quoted(text)} may have * only as its whole first label, as in *.example.org")
    name = wildcard + canonical_hostname(rest)
    if len(name) > LONGEST_CLAIMED:
        raise ConfigError(f"{quoted(text)} has {len(name)} characters; {LONGEST_CLAIMED} leave room for its marker")
    return name


def _ascii(name: str) -> str:
    """The A-labels of a name; those already given are checked to decode (RFC 5891 section 4.4)."""
    try:
        if not name.isascii():
            return idna.encode(name, uts46=True).decode("ascii")
        if "xn--" in name:
            for label in name.split("."):
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
