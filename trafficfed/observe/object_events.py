"""Reports become Events on the users' own Services: what `kubectl describe service` tells."""

from collections.abc import Callable, Iterable, Mapping

from trafficfed.kubernetes_api.events import Note, Subject
from trafficfed.model import Refusal, ServiceKey
from trafficfed.reports import RefusalCleared, ReportEvent, ServiceRefused, VerdictChanged

Uids = Callable[[ServiceKey], Mapping[str, str]]
"""The UIDs of a service's objects by cluster, as far as they are known."""

Tell = Callable[[str, Note], None]
"""Write a note in a cluster."""


class ObjectEvents:
    """A listener of reports. A refusal that concerns no cluster in particular is told in all that have the object."""

    def __init__(self, uids: Uids, tell: Tell) -> None:
        self._uids, self._tell = uids, tell

    def __call__(self, event: ReportEvent) -> None:
        match event:
            case ServiceRefused(refusal):
                self._refusal(refusal, refusal.reason, refusal.message, "Warning")
            case RefusalCleared(refusal):
                self._refusal(refusal, "RefusalCleared", f"no longer refused: {refusal.message}", "Normal")
            case VerdictChanged(service, before, after) if before is None or before.serving != after.serving:
                text = (
                    f"{after.address} {'serves' if after.serving else 'does not serve'}: {after.detail or after.reason}"
                )
                self._note(service, [after.cluster], after.state, text, "Normal" if after.serving else "Warning")
            case _:
                return

    def _refusal(self, refusal: Refusal, reason: str, message: str, type_: str) -> None:
        if refusal.service is not None:
            clusters = [refusal.cluster] if refusal.cluster else sorted(self._uids(refusal.service))
            self._note(refusal.service, clusters, reason, message, type_)

    def _note(self, service: ServiceKey, clusters: Iterable[str], reason: str, message: str, type_: str) -> None:
        uids = self._uids(service)
        for cluster in clusters:
            if uid := uids.get(cluster):
                subject = Subject(service.namespace, service.name, uid)
                self._tell(cluster, Note(subject, reason, message, type_))
