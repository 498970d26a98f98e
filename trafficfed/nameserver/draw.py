"""The chance in an answer: which member a weighted pick takes, and where a rotated list begins."""

import random
from collections.abc import Callable
from hashlib import blake2b
from typing import Protocol

PICK_WINDOW_S = 5  # long enough for a client's A and AAAA questions to meet the same pick, short against any TTL


class Draw(Protocol):
    """A source of chance; tests script it."""

    def fraction(self, name: bytes, client: bytes | str) -> float:
        """In [0, 1): the pick of one client at one name."""
        ...

    def rotation(self, count: int) -> int:
        """In range(count): where a list of answers begins."""
        ...


class KeyedDraw:
    """Picks that one client keeps for a while, on every name server that shares the key.

    The fraction is a keyed hash of name, client network and time, cut into windows of PICK_WINDOW_S. So A and AAAA
    questions of one client get the same member when they fall into one window, whichever server is asked. Over
    clients, and for one client over windows, picks are independent and follow the weights. The key keeps
    outsiders from computing which networks are given which member.
    """

    def __init__(self, key: bytes, now_s: Callable[[], float]) -> None:
        self._key = blake2b(key, digest_size=16, person=b"trafficfed draw").digest()
        self._now_s = now_s
        self._random = random.Random()

    def fraction(self, name: bytes, client: bytes | str) -> float:
        window = int(self._now_s()) // PICK_WINDOW_S
        text = client if isinstance(client, bytes) else client.encode()
        # Key and text in one block: BLAKE2 needs no nesting to be keyed, and a keyed one would hash a block more.
        digest = blake2b(b"%b%d %b %b" % (self._key, window, text, name), digest_size=8).digest()
        return (int.from_bytes(digest) >> 11) / (1 << 53)  # 53 bits: what a float holds exactly

    def rotation(self, count: int) -> int:
        return int(self._random.random() * count)
