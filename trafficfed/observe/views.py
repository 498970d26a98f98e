"""What the controller shows of itself, as values: status, plan and explanations.

The HTTP API and ``--output json|yaml`` are nothing but the encoding of these, so their field names are an interface.
Moments are UTC seconds since the Unix epoch, ages and latencies seconds.
"""

from msgspec import field

from trafficfed.model import Value


class View(Value, frozen=True, kw_only=True, omit_defaults=False):
    """Base of what is shown: unlike other values every field is always written, so that readers need no defaults."""


class ClusterView(View, frozen=True, kw_only=True):
    """One member. ``age_s`` is how long its freshness has stood; ``missing`` are services held until confirmed.

    Coordinates are degrees: those configured, else those of its region or the middle of its continent.
    """

    name: str
    freshness: str
    clusterset: str = ""
    region: str = ""
    reason: str = ""
    age_s: float = 0.0
    endpoints: int = 0
    missing: tuple[str, ...] = ()
    country: str = ""
    continent: str = ""
    latitude: float | None = None
    longitude: float | None = None


class TargetView(View, frozen=True, kw_only=True):
    """One address of one endpoint with its verdict. ``rtt_s`` is the last latency seen, None where none was."""

    cluster: str
    address: str
    state: str
    serving: bool
    reason: str = ""
    detail: str = ""
    since_s: float = 0.0
    rtt_s: float | None = None
    weight: int = 100
    tier: int = 0
    ready: int | None = None
    drained: bool = False


class RuleView(View, frozen=True, kw_only=True):
    """What clients of one kind get now. ``where`` reads ``any`` or ``country IE``; ``standby``: nearest first.

    ``shares`` are the part of the answers that each cluster gets (0 to 1), where one of them is picked for each answer.
    """

    where: str
    answer: tuple[str, ...]
    clusters: tuple[str, ...]
    standby: tuple[str, ...] = ()
    reason: str = ""
    shares: dict[str, float] = field(default_factory=dict)


class ServiceView(View, frozen=True, kw_only=True):
    """One GlobalService: its names, answers and evidence. ``serving`` False = ``when_all_down`` decided.

    ``frozen`` says by whom and why its answers change no more, empty where they do.
    """

    service: str
    hostnames: tuple[str, ...]
    steering: tuple[str, ...] = ()
    ttl: int = 30
    serving: bool = False
    changed_s: float = 0.0
    rules: tuple[RuleView, ...] = ()
    targets: tuple[TargetView, ...] = ()
    origin: tuple[str, ...] = ()
    frozen: str = ""


class RefusalView(View, frozen=True, kw_only=True):
    """One thing a user wrote that was not taken: where, why, and what to do."""

    cluster: str
    object: str
    reason: str
    message: str
    service: str = ""


class HeldView(View, frozen=True, kw_only=True):
    """A change that a brake holds until ``trafficfed confirm CONFIRM_ID``."""

    confirm_id: str
    message: str
    provider: str = ""
    zone: str = ""
    cluster: str = ""


class ControlView(View, frozen=True, kw_only=True):
    """An operator control in force. ``cluster`` or ``service`` empty = all of them; ``until_s`` 0 = until undone.

    A shift takes ``share`` per cent of what ``cluster`` would get ``to`` another cluster, empty = to others.
    """

    id: str
    kind: str
    cluster: str = ""
    service: str = ""
    who: str = ""
    why: str = ""
    since_s: float = 0.0
    until_s: float = 0.0
    to: str = ""
    share: int = 0


class ControlsView(View, frozen=True, kw_only=True):
    """Everything ``trafficfed controls`` shows. ``live`` is False where it was read from the table on disk."""

    owner: str
    at_s: float
    live: bool = True
    controls: tuple[ControlView, ...] = ()


class ProviderView(View, frozen=True, kw_only=True):
    """One zone at one provider. ``state`` is Ready, Loading, Failing or Feeding; ``names`` counts our own there."""

    name: str
    kind: str
    zone: str
    state: str
    message: str = ""
    names: int = 0
    pending: int = 0


class LossView(View, frozen=True, kw_only=True):
    """A region whose loss would end failover, and why."""

    region: str
    why: str


class SurvivalView(View, frozen=True, kw_only=True):
    """What the failover of one zone at one provider survives; ``text`` says all of it in one line."""

    zone: str
    provider: str
    text: str
    survives: tuple[str, ...] = ()
    losses: tuple[LossView, ...] = ()
    notes: tuple[str, ...] = ()


class EventView(View, frozen=True, kw_only=True):
    """One line of what happened lately. ``level`` is info or warning; what it is about is empty where it is about
    none in particular (``name`` is a DNS name)."""

    at_s: float
    kind: str
    text: str
    level: str = "info"
    service: str = ""
    cluster: str = ""
    name: str = ""


class EventsView(View, frozen=True, kw_only=True):
    """What a controller remembers of what happened, oldest first. ``seen`` counts all since it started, so that who
    asks again says ``after=seen`` and gets what is new."""

    owner: str
    at_s: float
    seen: int = 0
    events: tuple[EventView, ...] = ()


class ViolationView(View, frozen=True, kw_only=True):
    """One object that breaks a rule of a baseline in one cluster: where in it, why, and since when it is known (UTC
    seconds)."""

    cluster: str
    baseline: str
    rule: str
    object: str
    path: str = ""
    message: str = ""
    since_s: float = 0.0


class BaselineClusterView(View, frozen=True, kw_only=True):
    """How a baseline stands in a cluster: Compliant, Violating, or Unknown where not everything could be seen."""

    cluster: str
    state: str
    violations: int = 0
    message: str = ""


class BaselineView(View, frozen=True, kw_only=True):
    """One baseline; ``faults`` say what of it cannot be used or is not carried out."""

    name: str
    mode: str
    faults: tuple[str, ...] = ()
    clusters: tuple[BaselineClusterView, ...] = ()
    violations: tuple[ViolationView, ...] = ()


class AuditView(View, frozen=True, kw_only=True):
    """Every baseline, cluster by cluster. ``compliant``: all of them hold, and everything could be seen."""

    owner: str
    at_s: float
    compliant: bool
    baselines: tuple[BaselineView, ...] = ()


class LeadershipView(View, frozen=True, kw_only=True):
    """One controller among several: whether it leads, whom it knows to, and why it does not lead itself.

    ``standing`` is leads, relays or alone; ``kept`` are the electors that have this leader's table, ``unkept`` those
    that lag, with the reason; ``vantages`` are the probers that report here, ``overlaid`` counts the services that are
    judged otherwise than the leader does.
    """

    name: str
    standing: str
    leads: bool
    leader: str = ""
    reason: str = ""
    kept: tuple[str, ...] = ()
    unkept: tuple[str, ...] = ()
    overlaid: int = 0


class VantageView(View, frozen=True, kw_only=True):
    """One prober that reports here. ``heard_s`` ago it last did; ``distrusted`` while nothing that it sees counts."""

    name: str
    cluster: str = ""
    connected: bool = True
    distrusted: bool = False
    heard_s: float = 0.0


class StatusView(View, frozen=True, kw_only=True):
    """Everything ``trafficfed status`` shows. ``live`` is False where it was read from the table on disk.

    ``leadership`` is there where the controller is one of several; ``configuration`` are the mistakes of the file where
    it is another one than what is in force.
    """

    owner: str
    at_s: float
    live: bool = True
    ready: bool = True
    not_ready: tuple[str, ...] = ()
    term: int = 0
    generation: int = 0
    leadership: LeadershipView | None = None
    configuration: tuple[str, ...] = ()
    vantages: tuple[VantageView, ...] = ()
    clusters: tuple[ClusterView, ...] = ()
    services: tuple[ServiceView, ...] = ()
    refusals: tuple[RefusalView, ...] = ()
    held: tuple[HeldView, ...] = ()
    controls: tuple[ControlView, ...] = ()
    providers: tuple[ProviderView, ...] = ()
    survival: tuple[SurvivalView, ...] = ()
    events: tuple[EventView, ...] = ()


class ChangeView(View, frozen=True, kw_only=True):
    """One step of a plan at one provider. ``action`` is create, update or delete; records read ``A 30 192.0.2.1``."""

    provider: str
    zone: str
    name: str
    action: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    reason: str = ""
    confirm_id: str = ""


class CopyView(View, frozen=True, kw_only=True):
    """One step of propagation in a member. ``action`` is apply, delete or release (let go of, left where it is);
    ``reason`` is why: Missing, Changed, Drifted, TakenOver or NoLongerAssigned."""

    cluster: str
    object: str
    action: str
    reason: str = ""


class PlanView(View, frozen=True, kw_only=True):
    """What would change: names at ``changes``, propagated objects at ``copies``. ``losses`` name what a provider cannot
    express, ``incomplete`` why the view is not whole."""

    owner: str
    changes: tuple[ChangeView, ...] = ()
    copies: tuple[CopyView, ...] = ()
    refusals: tuple[RefusalView, ...] = ()
    held: tuple[HeldView, ...] = ()
    losses: tuple[str, ...] = ()
    incomplete: tuple[str, ...] = ()
    survival: tuple[SurvivalView, ...] = ()


class ExplainView(View, frozen=True, kw_only=True):
    """Why a client gets its answer: ``lines`` lead from the policy and the observations down to ``answer``."""

    hostname: str
    client: str
    service: str
    where: str
    answer: tuple[str, ...]
    ttl: int
    serving: bool = True
    pick: int = 0
    live: bool = True
    lines: tuple[str, ...] = ()


class ForeseenView(View, frozen=True, kw_only=True):
    """What one kind of client of a service gets now, and what it would get, from which clusters, in which shares."""

    service: str
    where: str
    before: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()
    shares: dict[str, float] = field(default_factory=dict)


class PreviewView(View, frozen=True, kw_only=True):
    """What an order would do. It may touch ``concerned`` services, the first ``looked`` of them were looked at;
    ``changes`` are the first of ``differs`` changes; ``notes`` are what to know before giving it."""

    order: str
    concerned: int = 0
    looked: int = 0
    differs: int = 0
    changes: tuple[ForeseenView, ...] = ()
    notes: tuple[str, ...] = ()


class SeenView(View, frozen=True, kw_only=True):
    """What one vantage saw last of one target, and how often in a row (counted no further than it matters)."""

    vantage: str
    cluster: str
    address: str
    passed: bool
    at_s: float
    in_a_row: int = 1
    error: str = ""
    rtt_s: float | None = None


class PublishedView(View, frozen=True, kw_only=True):
    """One record set of a service at a provider. ``state`` is published or pending.

    ``verified``: how the authorities answered since it was written here, ``right``, ``wrong`` or ``being asked``; empty
    where they were not asked.
    """

    provider: str
    record: str
    state: str
    verified: str = ""
    verified_at_s: float = 0.0


class PlacedView(View, frozen=True, kw_only=True):
    """The copy of a propagated Service in one cluster. ``state`` is InPlace, or the reason why it is not."""

    cluster: str
    state: str
    message: str = ""


class ChainView(View, frozen=True, kw_only=True):
    """One service beyond its status: where it was placed, what vantages saw, and what stands at each provider."""

    service: str
    copies: tuple[PlacedView, ...] = ()
    observations: tuple[SeenView, ...] = ()
    records: tuple[PublishedView, ...] = ()


class AccessView(View, frozen=True, kw_only=True):
    """Whether orders are taken from who asks."""

    orders: bool


class DoneView(View, frozen=True, kw_only=True):
    """What an order did, in a sentence or two."""

    message: str


class VersionView(View, frozen=True, kw_only=True):
    """Which trafficfed this is."""

    version: str
