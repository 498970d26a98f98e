"""CIDR tables that also tell how large a block of addresses shares one entry: the basis of correct ECS scopes."""

import ipaddress
from bisect import bisect_right
from collections.abc import Iterable
from typing import Generic, TypeVar

T = TypeVar("T")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Networks(Generic[T]):
    """Longest-match lookup over CIDR ranges of both families; of two equal ranges the first counts.

    The ranges are cut into intervals of one value each and equal neighbours joined, so the prefix that a lookup
    returns is the shortest whose whole block has that value. Values are compared by equality.

    >>> table = Networks([("192.0.2.0/24", "a"), ("192.0.2.128/25", "b")])
    >>> table.find(int(ipaddress.ip_address("192.0.2.200")), 32)
    ('b', 25)
    >>> table.find(int(ipaddress.ip_address("192.0.3.1")), 32)
    (None, 24)
    >>> Networks([]).find(1, 128)
    (None, 0)
    """

    __slots__ = ("_families",)

    def __init__(self, entries: Iterable[tuple[str, T]]) -> None:
        """Raises ValueError for what is no CIDR range."""
        ranges: dict[int, dict[Network, T]] = {32: {}, 128: {}}
        for text, value in entries:
            network = ipaddress.ip_network(text, strict=False)
            ranges[network.max_prefixlen].setdefault(network, value)
        self._families = {bits: _intervals(found, bits) for bits, found in ranges.items()}

    def find(self, address: int, bits: int) -> tuple[T | None, int]:
        """The value for an address of a family (``bits`` 32 or 128), and the prefix length that shares it."""
        starts, values = self._families[bits]
        at = bisect_right(starts, address) - 1
        low, high = starts[at], starts[at + 1] - 1
        return values[at], _shortest_prefix(address, low, high, bits)


def _shortest_prefix(address: int, low: int, high: int, bits: int) -> int:
    """The shortest prefix of an address whose whole block lies within [low, high].

    The block must leave out both neighbours of the interval, so it is smaller than the highest bit in which the
    address differs from either.
    """
    free = bits
    if low:
        free = (address ^ (low - 1)).bit_length() - 1
    if high + 1 < 1 << bits:
        free = min(free, (address ^ (high + 1)).bit_length() - 1)
    return bits - free


def _intervals(ranges: dict[Network, T], bits: int) -> tuple[list[int], list[T | None]]:
    """Starts of the intervals, closed by one past the last address, and the value of each."""
    edges: list[tuple[int, T | None]] = [(0, None)]
    open_ranges: list[tuple[int, T | None]] = [((1 << bits) - 1, None)]

    def close(before: int) -> None:
        while open_ranges[-1][0] < before:
            end, _ = open_ranges.pop()
            edges.append((end + 1, open_ranges[-1][1]))

    for network in sorted(ranges, key=lambda n: (int(n.network_address), n.prefixlen)):
        first, last = int(network.network_address), int(network.broadcast_address)
        close(first)
        open_ranges.append((last, ranges[network]))
        edges.append((first, ranges[network]))
    close((1 << bits) - 1)
    return _joined(edges, bits)


def _joined(edges: list[tuple[int, T | None]], bits: int) -> tuple[list[int], list[T | None]]:
    """Of edges at one place the last counts; neighbours with one value become one interval."""
    latest = dict(edges)
    starts: list[int] = []
    values: list[T | None] = []
    for start in sorted(latest):
        if start < 1 << bits and (not values or values[-1] != latest[start]):
            starts.append(start)
            values.append(latest[start])
    return [*starts, 1 << bits], values
