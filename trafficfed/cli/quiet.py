"""When a drained cluster may be taken down: nobody is given its addresses, and nobody can remember them any more."""

from collections.abc import Iterable

from trafficfed.cli.events import is_named
from trafficfed.model import Value
from trafficfed.observe.views import ServiceView, StatusView

TTLS = 3
"""How many TTLs an answer may live on in: a resolver, a cache behind it, and a client that keeps names itself."""


class Drained(Value, frozen=True):
    """One service with a drained target: what must not be given out any more at its names."""

    service: str
    hostnames: tuple[str, ...]
    ttl: int
    targets: frozenset[str]
    given_out: bool


def drained(view: StatusView, cluster: str, service: str) -> tuple[Drained, ...]:
    """The drained part of a cluster. What another cluster gives out as well is not counted as this one's."""
    return tuple(_drained(each, cluster) for each in view.services if _concerns(each, cluster, service))


def _concerns(service: ServiceView, cluster: str, text: str) -> bool:
    there = any(target.cluster == cluster and target.drained for target in service.targets)
    return there and (not text or is_named(service, text))


def _drained(service: ServiceView, cluster: str) -> Drained:
    given = {target for rule in service.rules for target in rule.answer if set(rule.clusters) != {cluster}}
    own = {target.address for target in service.targets if target.cluster == cluster}
    shared = {target.address for target in service.targets if target.cluster != cluster}
    return Drained(
        service=service.service,
        hostnames=service.hostnames,
        ttl=service.ttl,
        targets=frozenset(own - (shared & given)),
        given_out=any(cluster in rule.clusters for rule in service.rules),
    )


def given_out(parts: Iterable[Drained]) -> list[str]:
    """What the controller gives out all the same."""
    why = "is still given out: nothing else serves, or its answers are frozen"
    return [f"{', '.join(each.hostnames)} {why}" for each in parts if each.given_out]


def unwritten(view: StatusView, parts: Iterable[Drained]) -> list[str]:
    """Where the controller's answers may not stand yet. Later changes of other names are none of a drain's business,
    so this is looked at only until it begins to be quiet."""
    names = {name for each in parts for name in each.hostnames}
    return [
        f"{each.zone} at {each.name} is not written yet{f': {each.message}' if each.message else ''}"
        for each in view.providers
        if (each.pending or each.state == "Failing") and any(f".{name}".endswith(f".{each.zone}") for name in names)
    ]


class Quiet(Value, frozen=True):
    """Since when nothing was given out, None where something is or was never looked for."""

    since_s: float | None = None

    def seen(self, now_s: float, *, given_out: bool) -> "Quiet":
        """After one more look.

        >>> Quiet().seen(5.0, given_out=False).seen(7.0, given_out=False), Quiet(5.0).seen(7.0, given_out=True)
        (Quiet(since_s=5.0), Quiet(since_s=None))
        """
        if given_out:
            return Quiet()
        return self if self.since_s is not None else Quiet(now_s)

    def left_s(self, now_s: float, ttl_s: float) -> float | None:
        """Seconds until the TTL has passed often enough, None while something is given out.

        >>> Quiet(5.0).left_s(25.0, 30), Quiet(5.0).left_s(200.0, 30), Quiet().left_s(5.0, 30)
        (70.0, 0.0, None)
        """
        return None if self.since_s is None else max(0.0, self.since_s + TTLS * ttl_s - now_s)
