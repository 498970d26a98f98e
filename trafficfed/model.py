"""The words of trafficfed as frozen values; every other module speaks in them.

All times called ``*_s`` that name a moment (``since_s``, ``hold_until_s``, ``now_s``) are UTC seconds since the
Unix epoch, so that latches survive a restart in the table; durations are seconds; TTLs are int seconds.
Collections are tuples in a canonical order (sorted where order carries no meaning), so that equal
meaning is equal value and a second run writes nothing.
"""

import enum

import msgspec


class Value(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """Base of every value: immutable, hashable, encodable, never part of a reference cycle."""


class ServiceKey(Value, frozen=True, order=True):
    """Identity of a GlobalService: namespace sameness within one clusterset (Multi-Cluster Services API).

    >>> str(ServiceKey("prod", "shop", "web"))
    'prod/shop/web'
    """

    clusterset: str
    namespace: str
    name: str

    def __str__(self) -> str:
        return f"{self.clusterset}/{self.namespace}/{self.name}"


class Cluster(Value, frozen=True, kw_only=True):
    """Properties of one member cluster, as configured; empty strings mean not stated.

    ``continent`` is a two-letter code (AF AN AS EU NA OC SA), ``country`` ISO 3166-1 alpha-2, coordinates are
    degrees. ``offers`` are the CIDR ranges this cluster may publish addresses from (law 11); empty = any
    that the zone allows. ``compliance`` are the labels that placement may insist on.
    """

    name: str
    clusterset: str = "default"
    region: str = ""
    zone: str = ""
    provider: str = ""
    country: str = ""
    continent: str = ""
    latitude: float | None = None
    longitude: float | None = None
    labels: tuple[tuple[str, str], ...] = ()
    offers: tuple[str, ...] = ()
    compliance: tuple[tuple[str, str], ...] = ()


class HealthCheck(Value, frozen=True, kw_only=True):
    """What a probe does and how its results become a verdict. With the defaults a death is known about 5 s after it
    is first seen, and one lost probe harms nobody.

    ``port`` 0 means the endpoint's first port; ``host`` is the HTTP Host header and TLS server name, empty =
    the GlobalService's first hostname.
    """

    scheme: str = "tcp"
    port: int = 0
    path: str = "/"
    host: str = ""
    interval_s: float = 10.0
    timeout_s: float = 3.0
    fall: int = 3
    rise: int = 3
    failback_s: float = 60.0
    suspicion_s: float = 1.0


class Endpoint(Value, frozen=True, kw_only=True):
    """What one cluster offers a GlobalService.

    ``addresses`` are IP literals in canonical text, ``hostnames`` are load balancers' names (resolved
    by the controller into ``resolved`` where addresses are published). ``ready`` is the number of ready
    endpoints behind it, None where nothing tells. ``weight`` 0 = none of the traffic. ``tier`` 0 serves first.
    """

    cluster: str
    addresses: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()
    resolved: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()
    weight: int = 100
    tier: int = 0
    ready: int | None = None
    drained: bool = False
    uid: str = ""
    created_s: float = 0.0
    health_check: HealthCheck | None = None

    @property
    def targets(self) -> tuple[str, ...]:
        """The IP literals that are probed and can be answered: own addresses and resolved hostnames."""
        return tuple(sorted({*self.addresses, *self.resolved}))


class Form(enum.StrEnum):
    """How a name is published: as addresses (A, AAAA) or as one or more hostnames (CNAME, alias)."""

    ADDRESS = "address"
    HOSTNAME = "hostname"


class WhenAllDown(enum.StrEnum):
    """What a client gets when no eligible endpoint serves (law 2)."""

    ALL = "all"
    LAST_GOOD = "last-good"
    FALLBACK = "fallback"
    EMPTY = "empty"


class GlobalService(Value, frozen=True, kw_only=True):
    """One federated Service: its names and how clients are spread over its endpoints.

    ``steering`` is the chain, e.g. ``("geo", "failover", "weighted")``: its words are applied from left to right.
    ``form`` follows the kinds of the endpoints, not their health, unless a user stated one (``stated_form``).
    ``origin`` names the objects it was derived from (``cluster:kind/namespace/name``), for explanations.
    """

    key: ServiceKey
    hostnames: tuple[str, ...]
    steering: tuple[str, ...] = ("multivalue",)
    health_check: HealthCheck = HealthCheck()
    ttl: int = 30
    form: Form = Form.ADDRESS
    stated_form: Form | None = None
    when_all_down: WhenAllDown = WhenAllDown.ALL
    fallback: tuple[str, ...] = ()
    origin: tuple[str, ...] = ()


class Observation(Value, frozen=True, kw_only=True):
    """One raw probe result. ``rtt_s`` is the kernel's round-trip time (TCP_INFO), None where no connection stood.

    ``certificate_ends_s`` is when the target's certificate runs out, None where none was shown and found good.
    """

    vantage: str
    service: ServiceKey
    cluster: str
    address: str
    at_s: float
    passed: bool
    rtt_s: float | None = None
    total_s: float = 0.0
    error: str = ""
    certificate_ends_s: float | None = None


class Target(Value, frozen=True, kw_only=True):
    """One thing to probe: an address and port of one endpoint, with the check that says how and how often."""

    service: ServiceKey
    cluster: str
    address: str
    port: int
    check: HealthCheck


class ProbeResult(Value, frozen=True):
    """What one probe saw: ``error`` is empty where it passed; ``rtt_s`` is the kernel's, None without a connection;
    ``certificate_ends_s`` is UTC, None where no certificate was verified."""

    error: str = ""
    rtt_s: float | None = None
    total_s: float = 0.0
    certificate_ends_s: float | None = None


class State(enum.StrEnum):
    """What fresh evidence says about one target. Unknown is never treated as NotServing."""

    SERVING = "Serving"
    NOT_SERVING = "NotServing"
    UNKNOWN = "Unknown"


class Verdict(Value, frozen=True, kw_only=True):
    """The judgement on one target (service, cluster, address) with its latches; kept in the table.

    ``state`` is what evidence says; ``serving`` what steering acts on after the latches: Unknown keeps it,
    a failback hold keeps it False until ``hold_until_s``. ``passed`` tells whether it has ever passed a probe: a
    target that never did is offered only where nothing else serves. ``quarantined``: it failed while its API server was
    unreachable for over an hour, and returns only when a fresh list confirms its address. ``overruled`` is what
    ``serving`` goes back to when an operator control ends, None while none holds. ``reason`` is a CamelCase
    code, ``detail`` a stable sentence (no counters or times that change with every probe).
    """

    cluster: str
    address: str
    state: State = State.UNKNOWN
    serving: bool = False
    since_s: float = 0.0
    reason: str = "NoEvidence"
    detail: str = ""
    passed: bool = False
    hold_until_s: float = 0.0
    quarantined: bool = False
    overruled: bool | None = None


class OperatorControl(Value, frozen=True, kw_only=True):
    """Who told the fleet to do what, why and until when. ``cluster`` or ``service`` empty = all of them.

    ``kind``: drain, shift, force-up, force-down, freeze. ``until_s`` 0 = until undone. ``id`` is what undoes it, empty
    where nobody can. A shift takes ``share`` per cent of what ``cluster`` would get to the cluster ``to``, empty = to
    whoever stands beside it or next in line.
    """

    kind: str
    cluster: str = ""
    service: str = ""
    who: str = ""
    why: str = ""
    since_s: float = 0.0
    until_s: float = 0.0
    id: str = ""
    to: str = ""
    share: int = 0


class Where(Value, frozen=True, order=True):
    """Which clients a rule is for. ``kind``: any, continent, country, subdivision (``US-CA``), network (CIDR).

    In a record set's routing also region: the clients that are nearest to that region of the provider's cloud.
    """

    kind: str = "any"
    value: str = ""


class Member(Value, frozen=True, kw_only=True):
    """One endpoint inside a pool, reduced to what may be answered: only targets that may be given out now."""

    cluster: str
    weight: int
    addresses: tuple[str, ...] = ()
    hostnames: tuple[str, ...] = ()


class Client(Value, frozen=True):
    """Who asks, as far as an address tells; empty strings mean unknown. ``subdivision`` is ISO 3166-2 (``US-CA``)."""

    address: str = ""
    continent: str = ""
    country: str = ""
    subdivision: str = ""


class Rule(Value, frozen=True, kw_only=True):
    """What one kind of client gets: the serving tier as a pool, and the tiers standing by, nearest first.

    While an operator has a part of the traffic shifted, ``shares`` are the members one of which each answer gives, by
    weight. Who cannot hold weights gives the ``pool`` as ever.
    """

    where: Where
    pool: tuple[Member, ...]
    standby: tuple[tuple[Member, ...], ...] = ()
    reason: str = ""
    shares: tuple[Member, ...] = ()

    @property
    def members(self) -> tuple[Member, ...]:
        """All that is given out."""
        return self.shares or self.pool


class Decision(Value, frozen=True, kw_only=True):
    """The answer for one GlobalService: a pure function of its inputs.

    ``rules`` hold exactly one ``any`` rule, last; more specific ones before it (network, subdivision, country,
    continent). ``pick`` is how many members one answer carries, 0 = all. ``serving`` is False where no endpoint
    serves and ``when_all_down`` decided. ``reasons`` explain, per endpoint, why it is in or out.
    """

    service: ServiceKey
    hostnames: tuple[str, ...]
    form: Form = Form.ADDRESS
    ttl: int = 30
    pick: int = 0
    rules: tuple[Rule, ...] = ()
    serving: bool = True
    reasons: tuple[str, ...] = ()

    @property
    def default(self) -> Rule | None:
        """The catch-all rule, None only where there is nothing to give out at all."""
        return self.rules[-1] if self.rules else None

    def pick_of(self, rule: Rule) -> int:
        """How many members one answer of a rule carries, 0 = all."""
        return 1 if rule.shares else self.pick


class Row(Value, frozen=True, kw_only=True):
    """Everything the table keeps of one GlobalService.

    ``last_good`` are the targets given out when last something served. ``changed_s`` is when the answer last changed.
    """

    service: GlobalService
    endpoints: tuple[Endpoint, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    decision: Decision | None = None
    last_good: tuple[str, ...] = ()
    changed_s: float = 0.0

    @property
    def key(self) -> ServiceKey:
        return self.service.key


class Freshness(enum.StrEnum):
    """How far the view of one cluster can be trusted; a stale or failed view never deletes."""

    FRESH = "Fresh"
    STALE = "Stale"
    SUSPECT = "Suspect"


class Source(Value, frozen=True, kw_only=True):
    """What the table knows of one cluster's API server.

    ``uid`` is the UID of its kube-system namespace, ``revision`` the newest resourceVersion taken in.
    ``missing`` are the services held although a list no longer had them, waiting for ``confirm``. ``went_back``: the
    server once showed a state older than what was known of it; ``confirm`` alone ends it, as the revisions
    of a restored server grow on beyond those it has lost.
    """

    cluster: str
    uid: str = ""
    revision: int = 0
    freshness: Freshness = Freshness.STALE
    since_s: float = 0.0
    reason: str = ""
    missing: tuple[ServiceKey, ...] = ()
    went_back: bool = False


class Refusal(Value, frozen=True, kw_only=True):
    """One thing that was not taken, named: on which object, why, and what to do about it.

    ``reason`` is a CamelCase code such as Conflict, NotGranted, ForbiddenAddress, InvalidAnnotation, NoAddress.
    """

    cluster: str
    object: str
    reason: str
    message: str
    service: ServiceKey | None = None


class Grant(Value, frozen=True, kw_only=True):
    """Who may claim which names of a zone; an empty tuple means any. ``names`` are shell patterns.

    ``*.eu.example.org`` grants everything below ``eu.example.org``.
    """

    clusters: tuple[str, ...] = ()
    namespaces: tuple[str, ...] = ()
    names: tuple[str, ...] = ()


class Zone(Value, frozen=True, kw_only=True):
    """One DNS zone that we publish into, at every provider named.

    ``publish`` are the CIDR ranges whose addresses may be answered (law 11); empty = all but loopback, link-local,
    metadata, multicast and unspecified ones. ``open``: any namespace may claim, the first claim holds.
    ``approximate`` lists losses the user accepts where a provider cannot express a decision (``geo``, ``weighted``).
    """

    name: str
    providers: tuple[str, ...] = ()
    open: bool = False
    grants: tuple[Grant, ...] = ()
    publish: tuple[str, ...] = ()
    approximate: tuple[str, ...] = ()
    adopt: tuple[str, ...] = ()


class Routing(Value, frozen=True, kw_only=True):
    """A provider's own steering attached to one record set; unused fields stay at their defaults.

    ``set_id`` tells apart the sets of one name and type. ``failover`` is primary or secondary, ``health_check`` the
    provider's own check that takes the set out, by its id there. ``extra`` is what else the provider has attached that
    we have no word for, as text: such a set is never ours, but it can be told apart and given back unchanged.
    """

    set_id: str
    weight: int | None = None
    where: Where | None = None
    failover: str = ""
    health_check: str = ""
    extra: str = ""


class RecordSet(Value, frozen=True, kw_only=True):
    """A DNS RRset. ``name`` is lower case without the final dot, ``values`` are in presentation form, sorted.

    ``alias``: the one value is the name of another record set of the same type, whose data the provider answers; the
    TTL is that one's then, and 0 here.
    """

    name: str
    type: str
    ttl: int
    values: tuple[str, ...]
    routing: Routing | None = None
    alias: bool = False


class NameChange(Value, frozen=True, kw_only=True):
    """One step of a plan: all that is ours at one name, marker included, from ``before`` to ``after``.

    A provider carries it out only where every set of ``before`` is present exactly so and every set that only
    ``after`` has is absent (compare-and-set); ``before`` empty creates, ``after`` empty deletes.
    ``removes_without_cause`` counts values that leave without a verdict or a watched deletion; brakes look at it.
    """

    name: str
    before: tuple[RecordSet, ...] = ()
    after: tuple[RecordSet, ...] = ()
    reason: str = ""
    removes_without_cause: int = 0


class Outcome(enum.StrEnum):
    """How one NameChange ended at the provider."""

    DONE = "Done"
    CONFLICT = "Conflict"
    REFUSED = "Refused"
    FAILED = "Failed"


class Result(Value, frozen=True, kw_only=True):
    """The outcome of one NameChange; ``message`` says what stood in the way and what to do."""

    name: str
    outcome: Outcome
    message: str = ""


class Capabilities(Value, frozen=True, kw_only=True):
    """What a provider can express, as data. ``geo`` lists the Where kinds it knows; ``batch`` is names per request.

    ``atomicity``: ``batch`` (all or nothing, with preconditions), ``set`` (per record set), ``none`` (read first).
    ``authorities`` are the name servers (``host:port``) to ask whether what was written is answered; empty = unknown.
    ``routing`` is how weights and geography are put into records: empty (not at all), ``tree`` (sets with identifiers
    and aliases between them, as Route 53 has), ``policy`` (one routing policy for a name and type, as Google has).
    ``geo`` may hold ``subdivision:US`` where only those of one country are known. ``checks`` are the provider's own
    health checks by cluster (cluster, id): with them it can fail over by itself. ``tracks``: it tells when what was
    written is at all its name servers (``trafficfed.ports.Tracking``).
    """

    weighted: bool = False
    geo: tuple[str, ...] = ()
    failover: bool = False
    health: bool = False
    alias: bool = False
    ttl_floor: int = 0
    batch: int = 1
    rate_per_s: float = 0.0
    atomicity: str = "none"
    fence: str = "none"
    authorities: tuple[str, ...] = ()
    routing: str = ""
    checks: tuple[tuple[str, str], ...] = ()
    tracks: bool = False
