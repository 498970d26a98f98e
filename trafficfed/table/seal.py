"""What makes a chunk of the table's mirror ours: a MAC with the controllers' key over everything it says of itself.

Whoever may write ConfigMaps in an elector could otherwise give the fleet a table. Nothing is encrypted: a table holds
no secrets.
"""

import hashlib
import hmac

import msgspec

from trafficfed.errors import Refused
from trafficfed.model import Value
from trafficfed.table.codec import UnknownFormat
from trafficfed.unreadable import UNREADABLE

FORMAT = 1
_PURPOSE = b"trafficfed table mirror/1"


class NotAuthentic(Refused):
    """Bytes that were altered, are no chunk at all, or were sealed with another key. The text names the chunk."""


class ForeignMirror(Refused):
    """A chunk of another federation's table: it is neither read nor overwritten."""


class Sealed(Value, frozen=True, kw_only=True):
    """One chunk as it is kept: whose table, which part of it, as of which position."""

    owner: str
    name: str
    term: int
    generation: int
    payload: bytes
    format: int = FORMAT
    mac: bytes = b""


class Seal:
    """Closes and opens chunks of one owner's table."""

    def __init__(self, owner: str, key: bytes) -> None:
        self.owner = owner
        # A key of its own for this purpose, so that nothing said elsewhere under the shared key can pass for a chunk.
        self._key = hmac.digest(key, _PURPOSE, hashlib.sha256)

    def close(self, name: str, term: int, generation: int, payload: bytes) -> bytes:
        """A chunk, ready to be kept."""
        bare = Sealed(owner=self.owner, name=name, term=term, generation=generation, payload=payload)
        return _ENCODER.encode(msgspec.structs.replace(bare, mac=self._mac(bare)))

    def open(self, name: str, kept: str, data: bytes) -> Sealed:
        """The chunk called ``name`` in what is kept as ``kept``.

        Raises NotAuthentic, ForeignMirror where it says to be another owner's, UnknownFormat for another program's.
        """
        try:
            found = _DECODER.decode(data)
        except UNREADABLE:
            raise NotAuthentic(f"{kept} is no part of a table") from None
        if found.owner != self.owner:
            raise ForeignMirror(
                f"{kept} belongs to the federation {found.owner!r} and this one is {self.owner!r}:"
                " give each a namespace of its own"
            )
        if found.format != FORMAT:
            raise UnknownFormat(f"{kept} is of format {found.format}, this program reads format {FORMAT}")
        if not hmac.compare_digest(found.mac, self._mac(found)):
            raise NotAuthentic(f"{kept} is not authentic: it was altered, or sealed with another key")
        if found.name != name:
            raise NotAuthentic(f"{kept} is not authentic: what is there was moved from elsewhere ({found.name})")
        return found

    def _mac(self, chunk: Sealed) -> bytes:
        said = (chunk.format, chunk.owner, chunk.name, chunk.term, chunk.generation, chunk.payload)
        return hmac.digest(self._key, _ENCODER.encode(said), hashlib.sha256)


_ENCODER = msgspec.msgpack.Encoder()
_DECODER = msgspec.msgpack.Decoder(Sealed)
