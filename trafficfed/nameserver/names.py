"""Domain names between text and wire form (RFC 1035 section 3.1), lower case, for building the lookup structures.

Text is lower case without the final dot, as everywhere in the project; ``""`` is the root.
"""

LABEL_LIMIT = 63  # octets of one label, RFC 1035 section 2.3.4
NAME_LIMIT = 255  # octets of a whole name on the wire, RFC 1035 section 2.3.4
ASTERISK = b"\x01*"  # the label that begins a wildcard, RFC 4592 section 2.1.1


def to_wire(name: str) -> bytes:
    r"""The wire form of a name. Raises ValueError where a label is empty, too long or not ASCII.

    >>> to_wire("Web.example.org.")
    b'\x03web\x07example\x03org\x00'
    >>> to_wire("")
    b'\x00'
    """
    text = name.removesuffix(".").lower()
    parts: list[bytes] = []
    for label in text.split(".") if text else ():
        octets = label.encode("ascii")
        if not 0 < len(octets) <= LABEL_LIMIT:
            raise ValueError(f"{name!r}: a label has 1 to {LABEL_LIMIT} octets")
        parts.append(bytes((len(octets),)) + octets)
    wire = b"".join(parts) + b"\0"
    if len(wire) > NAME_LIMIT:
        raise ValueError(f"{name!r} is longer than {NAME_LIMIT} octets")
    return wire


def to_text(wire: bytes) -> str:
    r"""The text of a wire name, for messages; octets that are not printable ASCII become ``?``.

    >>> to_text(b"\x03web\x07example\x03org\x00")
    'web.example.org'
    """
    labels: list[str] = []
    at = 0
    while length := wire[at]:
        labels.append("".join(chr(c) if 32 < c < 127 else "?" for c in wire[at + 1 : at + 1 + length]))
        at += 1 + length
    return ".".join(labels)


def parent(wire: bytes) -> bytes:
    r"""The name one label up; the root's parent is empty.

    >>> parent(b"\x03web\x03org\x00")
    b'\x03org\x00'
    """
    return wire[wire[0] + 1 :]


def name_end(packet: bytes, at: int) -> int:
    r"""Offset just after the uncompressed name that starts at ``at``, 0 where it is malformed or compressed.

    >>> name_end(b"\x03org\x00rest", 0)
    5
    >>> name_end(b"\xc0\x0c", 0)
    0
    """
    start, limit = at, len(packet)
    while at < limit:
        length = packet[at]
        if length == 0:
            return at + 1 if at + 1 - start <= NAME_LIMIT else 0
        if length > LABEL_LIMIT:
            return 0
        at += length + 1
    return 0
