"""What happened, as values: the seam between the deciding code and metrics, logs, Events and the live view.

Whoever has something to tell calls a ``Report``; the composition root decides who listens.
"""

from collections.abc import Callable

from trafficfed.model import (
    Freshness,
    Observation,
    OperatorControl,
    Outcome,
    Refusal,
    ServiceKey,
    Target,
    Value,
    Verdict,
)


class ClusterChanged(Value, frozen=True):
    """The view of one cluster became fresh, stale or suspect."""

    cluster: str
    freshness: Freshness
    reason: str = ""


class ServerCertified(Value, frozen=True):
    """A cluster's API server showed a certificate that ends at ``ends_s``, in UTC seconds."""

    cluster: str
    ends_s: float


class Observed(Value, frozen=True):
    """A probe came back."""

    observation: Observation
    late_s: float = 0.0


class ProbeImpossible(Value, frozen=True):
    """A target could not be probed for a reason on our own side: no route, no free socket, an unknown probe type.

    It is no observation: nothing is concluded from it.
    """

    target: Target
    message: str


class VerdictChanged(Value, frozen=True):
    """A target's verdict changed its meaning (state, serving or reason)."""

    service: ServiceKey
    before: Verdict | None
    after: Verdict


class Decided(Value, frozen=True):
    """A GlobalService's answer changed; ``cause`` is what came in (``verdict``, ``object``, ``control``, ``timer``)."""

    service: ServiceKey
    cause: str
    answer: str


class ServiceRefused(Value, frozen=True):
    """Something a user wrote was not taken."""

    refusal: Refusal


class RefusalCleared(Value, frozen=True):
    """What was refused before is in order now, or gone."""

    refusal: Refusal


class Published(Value, frozen=True):
    """One name's change ended at one provider, ``since_event_s`` after the event that caused it arrived.

    ``service`` is the key of whose name it is, as text; empty where that is not known.
    """

    provider: str
    zone: str
    name: str
    outcome: Outcome
    since_event_s: float
    message: str = ""
    service: str = ""


class Verified(Value, frozen=True):
    """An authority was asked for a published name; ``right`` tells whether it answered as decided."""

    provider: str
    zone: str
    name: str
    right: bool
    since_event_s: float
    service: str = ""


class Braked(Value, frozen=True):
    """A change is held until an operator confirms ``confirm_id``."""

    provider: str
    zone: str
    confirm_id: str
    message: str


class ProviderFailed(Value, frozen=True):
    """A provider could not be read or written; it is tried again after ``retry_s``, 0: not by this leadership."""

    provider: str
    zone: str
    message: str
    retry_s: float


class Controlled(Value, frozen=True):
    """An operator control came into force, or was ended before its time."""

    control: OperatorControl
    begins: bool


class LeadershipChanged(Value, frozen=True):
    """Who leads changed, as seen from here, or why this controller does not. ``leader`` is empty while unknown."""

    leads: bool
    term: int
    leader: str
    reason: str = ""


class ConfigurationRead(Value, frozen=True):
    """The configuration file of the running controller was read. ``refused`` has every mistake of one that is not taken
    over, one a line; ``outcome`` says what became of one without any."""

    path: str
    refused: str
    outcome: str = ""


ReportEvent = (
    ClusterChanged
    | ConfigurationRead
    | Controlled
    | Observed
    | ServerCertified
    | ProbeImpossible
    | VerdictChanged
    | Decided
    | ServiceRefused
    | RefusalCleared
    | Published
    | Verified
    | Braked
    | ProviderFailed
    | LeadershipChanged
)
Report = Callable[[ReportEvent], None]
