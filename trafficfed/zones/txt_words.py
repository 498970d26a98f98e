"""Words in a TXT record: what trafficfed notes in a zone about itself, ``trafficfed/1`` first and ``key=value`` after.

Values of the user's choosing are percent-encoded, so that words stay words.
"""

import re
from collections.abc import Iterable
from urllib.parse import quote, unquote

from trafficfed.model import RecordSet

VERSION = "trafficfed/1"
_STRING_OCTETS = 255
"""Octets in one character-string of a TXT record (RFC 1035 section 3.3)."""

_STRING = re.compile(r'"([^"\\]*)"')


def txt_value(words: Iterable[str]) -> str:
    """The one value, in presentation form, that carries these words after the version.

    >>> txt_value(["owner=prod"])
    '"trafficfed/1 owner=prod"'
    """
    text = " ".join((VERSION, *words))
    strings = [text[at : at + _STRING_OCTETS] for at in range(0, len(text), _STRING_OCTETS)]
    return " ".join(f'"{string}"' for string in strings)


def txt_pairs(record_set: RecordSet) -> list[tuple[str, str]] | None:
    """The words after the version as keys and values, None where it is not one value of that form."""
    if len(record_set.values) != 1:
        return None
    version, *words = "".join(_STRING.findall(record_set.values[0])).split(" ")
    if version != VERSION:
        return None
    pairs = [word.partition("=") for word in words]
    return [(key, value) for key, _, value in pairs]


def word(key: str, value: str) -> str:
    """
    >>> word("owner", "team a/prod")
    'owner=team%20a/prod'
    """
    return f"{key}={quote(value, safe='/:@')}"


def word_value(text: str) -> str:
    """
    >>> word_value("team%20a/prod")
    'team a/prod'
    """
    return unquote(text)
