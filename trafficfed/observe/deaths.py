"""How long clients may have been sent to an endpoint that had died: from its first failed probe to the new answer."""

from collections.abc import Collection
from typing import Any

from trafficfed.model import Observation
from trafficfed.reports import Published, VerdictChanged, Verified

Target = tuple[str, str]
"""Cluster and address."""


class Deaths:
    """Remembers when targets began to fail, and what each death took until it was in a provider's answers.

    Each provider's first answer after a death counts, and no later one. A target that passes a probe in between did not
    die. Deaths that readiness alone tells of have no first failed probe and do not count.
    """

    def __init__(self) -> None:
        self._failing: dict[str, dict[Target, float]] = {}
        self._lead_s: dict[str, float] = {}
        self._told: dict[str, set[tuple[str, str]]] = {}

    def seen(self, seen: Observation) -> None:
        """One probe came back."""
        if seen.passed and not self._failing:
            return
        service, target = str(seen.service), (seen.cluster, seen.address)
        if not seen.passed:
            self._failing.setdefault(service, {}).setdefault(target, seen.at_s)
        elif (failing := self._failing.get(service)) is not None:
            failing.pop(target, None)
            if not failing:
                del self._failing[service]

    def judged(self, event: VerdictChanged) -> None:
        """A verdict changed: from here on answers can be without the target."""
        before, after, service = event.before, event.after, str(event.service)
        self._lead_s.pop(service, None)
        self._told.pop(service, None)
        began_s = self._failing.get(service, {}).get((after.cluster, after.address))
        if began_s is not None and not after.serving and before is not None and before.serving:
            self._lead_s[service] = max(0.0, after.since_s - began_s)

    def published(self, event: Published) -> float | None:
        """Seconds from the death to this answer of the provider, None where it answers no death, or not first."""
        return self._first(event.service, event.provider, "published", event.since_event_s)

    def verified(self, event: Verified) -> float | None:
        """Seconds from the death to this right answer of the authorities, None as above."""
        return self._first(event.service, event.provider, "verified", event.since_event_s)

    def keep(self, services: Collection[str]) -> None:
        """Forget every service that is not among these."""
        known: tuple[dict[str, Any], ...] = (self._failing, self._lead_s, self._told)
        for each in known:
            for gone in each.keys() - services:
                del each[gone]

    def _first(self, service: str, provider: str, what: str, since_event_s: float) -> float | None:
        lead_s = self._lead_s.get(service)
        told = self._told.setdefault(service, set()) if lead_s is not None else set()
        if lead_s is None or (provider, what) in told:
            return None
        told.add((provider, what))
        return lead_s + since_event_s
