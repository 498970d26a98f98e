"""What a vantage should reach whatever happens to the endpoints (law 3): API servers and the zones' name servers."""

import ipaddress
from collections.abc import Iterable
from urllib.parse import urlsplit

from trafficfed.controller import Aimed
from trafficfed.health.vantages import ANCHORS, Anchor, anchor_targets


class AnchorWatch:
    """Has all who probe keep an eye on every anchor known so far. Names are left out: no anchor may need the DNS."""

    def __init__(self, probers: Iterable[Aimed], authorities: Iterable[str]) -> None:
        self._probers = tuple(probers)
        self._anchors: set[Anchor] = set()
        for server in authorities:
            self.add("name servers", f"//{server}")

    def add(self, region: str, url: str) -> None:
        """One more: a URL, of which only address and port count."""
        parts = urlsplit(url)
        try:
            address = str(ipaddress.ip_address(parts.hostname or ""))
        except ValueError:
            return
        anchor = Anchor(region=region, address=address, port=parts.port or (443 if parts.scheme == "https" else 53))
        if anchor not in self._anchors:
            self._anchors.add(anchor)
            for prober in self._probers:
                prober.set_targets(ANCHORS, anchor_targets(self._anchors))
