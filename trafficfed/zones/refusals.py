"""What cannot be done for which service at which name, told once when it begins and once when it ends."""

from collections.abc import Iterable, Mapping

from trafficfed.model import Refusal, ServiceKey
from trafficfed.reports import RefusalCleared, Report, ServiceRefused

Group = tuple[Refusal, ...]


class Refusals:
    """All refusals in force by service and name."""

    def __init__(self, report: Report) -> None:
        self._report = report
        self._of: dict[str, dict[str, Group]] = {}

    def of(self, service: str) -> Mapping[str, Group]:
        return self._of.get(service, {})

    def all(self, instead: Mapping[str, Mapping[str, Group]] | None = None) -> Group:
        """Those in force, in a fixed order; for the services in ``instead`` those given there."""
        services = {**self._of, **(instead or {})}
        found = [refusal for names in services.values() for group in names.values() for refusal in group]
        return tuple(sorted(found, key=lambda refusal: (refusal.object, refusal.reason, str(refusal.service))))

    def note(self, service: str, key: ServiceKey | None, refusals: Mapping[str, Group]) -> None:
        """Take in all that is refused to a service now; what is new and what is gone is reported."""
        before = self._of.pop(service, {})
        after = {name: tuple(named(found, key) for found in group) for name, group in refusals.items() if group}
        if after:
            self._of[service] = after
        for name in sorted(before.keys() | after.keys()):
            self._tell(before.get(name, ()), after.get(name, ()))

    def _tell(self, before: Iterable[Refusal], after: Iterable[Refusal]) -> None:
        old, new = tuple(before), tuple(after)
        for refusal in new:
            if refusal not in old:
                self._report(ServiceRefused(refusal))
        for refusal in old:
            if refusal.reason not in {other.reason for other in new}:
                self._report(RefusalCleared(refusal))


def named(refusal: Refusal, key: ServiceKey | None) -> Refusal:
    """The same refusal with the service that it concerns."""
    return Refusal(
        cluster=refusal.cluster, object=refusal.object, reason=refusal.reason, message=refusal.message, service=key
    )
