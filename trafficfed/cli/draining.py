"""Waiting for a drain to take effect: at the controller, at every authority, and in every cache that keeps the TTL."""

import threading
from collections.abc import Callable, Iterable

from msgspec.structs import replace

from trafficfed.cli.authorities import authorities_of, zones_of
from trafficfed.cli.configured import note
from trafficfed.cli.controller import Controller
from trafficfed.cli.failures import Unreachable
from trafficfed.cli.quiet import Drained, Quiet, drained, given_out, unwritten
from trafficfed.config.settings import Settings
from trafficfed.delegation.asking import Server, given_at
from trafficfed.errors import ConfigError, Transient
from trafficfed.observe.views import StatusView
from trafficfed.ports import Clock

LOOK_S = 1.0
_SHOWN = 3

Found = tuple[tuple[Drained, ...], list[str]]
"""What is drained, and why it is not over."""


class Draining:
    """Looks again and again until nobody is given the drained cluster and three TTLs have passed since."""

    def __init__(self, settings: Settings, clock: Clock, tell: Callable[[str], None] = note) -> None:
        self._controller, self._clock, self._tell = Controller(settings.api), clock, tell
        self._authorities = {zone: authorities_of(settings, zone) for zone in zones_of(settings)}
        self._told: set[str] = set()

    def wait(self, cluster: str, service: str, timeout_s: float) -> str:
        """What came of it, in one sentence. Raises Transient where it is not over in time, with what stands in the
        way, and ConfigError where the drain has ended meanwhile."""
        quiet, ttl, begun_s = Quiet(), 0, self._clock.monotonic_s()
        while True:
            parts, why = self._look(cluster, service, begins=quiet.since_s is None)
            now_s = self._clock.monotonic_s()
            quiet = quiet.seen(now_s, given_out=bool(why))
            ttl = max((ttl, *(each.ttl for each in parts)))  # the longest that any answer was ever given with
            left_s = quiet.left_s(now_s, ttl)
            if left_s == 0.0:
                _, why = self._look(cluster, service, ends=True)
                if not why:
                    return f"cluster {cluster} is given out nowhere, and the TTL of {ttl} s has passed thrice since"
                quiet, left_s = Quiet(), None
            self._once(_few(why) or f"given out nowhere; waiting until the TTL of {ttl} s has passed thrice")
            if now_s - begun_s >= timeout_s:
                raise Transient(f"not over after {timeout_s:g} s: {_few(why) or 'the TTL has not passed thrice'}")
            threading.Event().wait(LOOK_S if left_s is None else min(LOOK_S, left_s))

    def _look(self, cluster: str, service: str, *, begins: bool = False, ends: bool = False) -> Found:
        """The authorities are asked at the beginning and the end of quiet, where the controller itself sees nothing."""
        try:
            view = self._controller.get("/api/status", StatusView)
        except Unreachable as error:
            return (), [str(error)]
        if not any(each.kind == "drain" and each.cluster == cluster for each in view.controls):
            raise ConfigError(f"the drain of cluster {cluster} has ended meanwhile")
        parts = drained(view, cluster, service)
        why = [*given_out(parts), *(unwritten(view, parts) if begins else ())]
        return self._asked(parts) if (begins or ends) and not why else (parts, why)

    def _asked(self, parts: Iterable[Drained]) -> Found:
        found, why = [], []
        for part in parts:
            ttl = part.ttl
            for name in part.hostnames:
                for server in self._servers(name):
                    answer = given_at(server, name)
                    if answer is None:
                        self._once(f"{server} does not answer, so it is not known what it gives out")
                    elif still := answer.values & part.targets:
                        why.append(f"{name} is still {', '.join(sorted(still))} at {server}")
                    ttl = max(ttl, answer.ttl if answer else 0)
            found.append(replace(part, ttl=ttl))
        return tuple(found), why

    def _servers(self, name: str) -> tuple[Server, ...]:
        zones = [zone for zone in self._authorities if name == zone or name.endswith(f".{zone}")]
        return self._authorities[max(zones, key=len)] if zones else ()

    def _once(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            self._tell(text)


def _few(why: list[str]) -> str:
    more = [f"and {len(why) - _SHOWN} more"] if len(why) > _SHOWN else []
    return "; ".join([*why[:_SHOWN], *more])
