"""Whether queries come from resolvers, or from what stands before the name server: then geo sees nodes, not clients."""

import ipaddress
from collections import deque

SAMPLES = 100
"""One every half second, so that a verdict rests on the better part of a minute."""

NEARLY_ALL = 0.95
"""Resolvers inside of private networks ask public names too, but never nearly alone."""

_SHARED = ipaddress.ip_network("100.64.0.0/10")  # RFC 6598: carriers, and clouds for nodes and Pods


def is_inside(address: str) -> bool | None:
    """Whether an address is none of the internet's; None for what says nothing, as this machine's own does.

    >>> is_inside("10.0.0.7"), is_inside("fd00::7"), is_inside("8.8.8.8"), is_inside("127.0.0.1")
    (True, True, False, None)
    """
    found = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    if found.is_loopback:
        return None
    return found.is_private or (found.version == 4 and found in _SHARED)


class Sources:
    """The newest samples of whom was located by his own address."""

    def __init__(self) -> None:
        self._inside: deque[bool] = deque(maxlen=SAMPLES)
        self._told = False

    @property
    def inside_ratio(self) -> float:
        """Share of the newest samples that come from inside, 0 where there are none."""
        return sum(self._inside) / len(self._inside) if self._inside else 0.0

    def take(self, address: str) -> bool:
        """One sample; True once when it turns out that nearly all come from inside, and again after they did not."""
        inside = is_inside(address)
        if inside is None:
            return False
        self._inside.append(inside)
        alarming = len(self._inside) == SAMPLES and self.inside_ratio >= NEARLY_ALL
        news = alarming and not self._told
        self._told = alarming
        return news
