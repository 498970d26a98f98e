"""Names as Route 53 keeps, shows and sorts them."""

import re

_PLAIN = re.compile(r"[a-z0-9_-]")


def stored(name: str) -> str:
    """Lower case, with the final dot, and every other character as an octal escape (Developer Guide, domain names).

    >>> stored("*.Web_1.example.org")
    '\\\\052.web_1.example.org.'
    """
    text = re.sub(r"\\(\d{3})", lambda found: chr(int(found[1], 8)), name.lower()).rstrip(".")
    labels = ["".join(c if _PLAIN.match(c) else f"\\{ord(c):03o}" for c in label) for label in text.split(".")]
    return f"{'.'.join(labels)}."


def sort_key(name: str) -> str:
    """Labels reversed and with the final dot, compared as ASCII (ListResourceRecordSets, sort order).

    >>> sort_key("www.example.com.")
    'com.example.www.'
    """
    return ".".join(reversed(name.rstrip(".").split("."))) + "."


def lies_in(name: str, zone: str) -> bool:
    return name == zone or name.endswith(f".{zone}")
