"""Record sets in wire format, written by hand for the few types that are written all day.

Names are not compressed: a server must accept that, and a batch fits its message all the same. Whatever is not
one of the usual forms goes through dnspython, which also says what is wrong with it.
"""

import re
import socket
import struct
from io import BytesIO

import dns.name
import dns.rdata
import dns.rdataclass
import dns.rdatatype

_PLAIN_NAME = re.compile(r"(?!.{252})(?:[a-z0-9_*-]{1,63}\.)*[a-z0-9_*-]{1,63}\.?", re.IGNORECASE | re.ASCII)
_PLAIN_STRINGS = re.compile(r'"[^"\\]{1,255}"(?: "[^"\\]{1,255}")*', re.ASCII)
_RECORD = struct.Struct("!HHIH")


class Records:
    """Resource records already in wire format, as one entry of a message's section.

    It stands where dnspython expects an RRset, and is asked for its wire format only.
    """

    def __init__(self) -> None:
        self._wire = bytearray()
        self._count = 0

    def add(self, name: bytes, rdtype: int, rdclass: int, ttl: int = 0, rdata: bytes = b"") -> None:
        self._wire += name
        self._wire += _RECORD.pack(rdtype, rdclass, ttl, len(rdata))
        self._wire += rdata
        self._count += 1

    def to_wire(self, file: BytesIO, *unused: object, **more: object) -> int:
        """Write all of them and return how many there are."""
        file.write(self._wire)
        return self._count


def name_wire(name: str) -> bytes:
    """A domain name, absolute with or without its final dot. Raises dns.exception.DNSException where it is none.

    >>> name_wire("a.test")
    b'\\x01a\\x04test\\x00'
    """
    if not _PLAIN_NAME.fullmatch(name):
        return dns.name.from_text(name).to_wire() or b""
    labels = name.rstrip(".").lower().encode().split(b".")
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def rdata_wire(rdtype: str, value: str) -> bytes:
    """One value in presentation form. Raises dns.exception.DNSException or OSError where it is not valid."""
    if rdtype == "A":
        return socket.inet_pton(socket.AF_INET, value)
    if rdtype == "AAAA":
        return socket.inet_pton(socket.AF_INET6, value)
    if rdtype == "CNAME" and value.endswith("."):
        return name_wire(value)
    if rdtype == "TXT" and _PLAIN_STRINGS.fullmatch(value):
        strings = value[1:-1].encode().split(b'" "')
        return b"".join(bytes((len(string),)) + string for string in strings)
    return dns.rdata.from_text(dns.rdataclass.IN, rdtype, value).to_wire() or b""


def type_number(rdtype: str) -> int:
    return int(dns.rdatatype.from_text(rdtype))
