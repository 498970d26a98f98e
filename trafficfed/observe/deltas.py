"""What of the status is news to whoever was told it before: the live page gets changes, not the whole each time."""

from collections.abc import Mapping

from msgspec.structs import replace

from trafficfed.observe.views import ServiceView, StatusView, TargetView, View

NOTICEABLE = 0.2
NOTICEABLE_S = 0.001
"""A latency is news when it differs from the one last told by more than this share of it, and by more than this time:
below is the noise of networks, and of a machine's own loopback."""


class StreamView(View, frozen=True, kw_only=True):
    """One message of ``/api/stream``: in ``status`` only the services that changed, all of them where it is the
    ``whole``; ``gone`` are services that are no more."""

    status: StatusView
    whole: bool = False
    gone: tuple[str, ...] = ()


class Told:
    """What was told so far. ``next`` gives what is news since (first of all the whole), ``whole`` all of it again."""

    def __init__(self) -> None:
        self._status: StatusView | None = None
        self._services: dict[str, ServiceView] = {}

    def next(self, now: StatusView) -> StreamView | None:
        """What changed, None where nothing did that is worth telling."""
        services = {view.service: settled(self._services.get(view.service), view) for view in now.services}
        changed = tuple(view for key, view in services.items() if view != self._services.get(key))
        gone = tuple(sorted(self._services.keys() - services.keys()))
        before, self._status, self._services = self._status, replace(now, services=()), services
        if not changed and not gone and before is not None and timeless(now) == timeless(before):
            return None
        return StreamView(whole=before is None, status=replace(now, services=changed), gone=gone)

    def whole(self) -> StreamView | None:
        """Everything as it was told last, None before anything was."""
        if self._status is None:
            return None
        return StreamView(whole=True, status=replace(self._status, services=tuple(self._services.values())))


def timeless(status: StatusView) -> StatusView:
    """A status without its services and without what only the passing of time changes."""
    return replace(
        status,
        at_s=0.0,
        services=(),
        clusters=tuple(replace(cluster, age_s=0.0) for cluster in status.clusters),
        vantages=tuple(replace(vantage, heard_s=0.0) for vantage in status.vantages),
    )


def settled(before: ServiceView | None, now: ServiceView) -> ServiceView:
    """A service as it is to be told: latencies that have hardly moved stay as they were told."""
    if before is None or before == now:
        return now
    latencies = {(target.cluster, target.address): target.rtt_s for target in before.targets}
    return replace(now, targets=tuple(_settled(target, latencies) for target in now.targets))


def _settled(target: TargetView, told: Mapping[tuple[str, str], float | None]) -> TargetView:
    before_s = told.get((target.cluster, target.address))
    if before_s is None or target.rtt_s is None:
        return target
    if abs(target.rtt_s - before_s) > max(NOTICEABLE * before_s, NOTICEABLE_S):
        return target
    return replace(target, rtt_s=before_s)
