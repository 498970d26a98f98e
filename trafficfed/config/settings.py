"""What a configuration file means, as frozen values: the rest of the program sees these and never a YAML mapping."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple

from trafficfed.errors import ConfigError
from trafficfed.model import Cluster, HealthCheck, Zone
from trafficfed.nameserver.settings import NameServerSettings


class ListenAddress(NamedTuple):
    """An IP address (or host name) and a port, as sockets take them.

    >>> str(ListenAddress("127.0.0.1", 8080)), str(ListenAddress("::1", 53))
    ('127.0.0.1:8080', '[::1]:53')
    """

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def read_key(path: Path) -> bytes:
    """The key that a feed's two ends share: the file without the white space around it. Raises ConfigError."""
    try:
        return path.read_bytes().strip()
    except OSError as error:
        raise ConfigError(f"{path}: the key cannot be read ({error.strerror}); mend its permissions") from None


@dataclass(frozen=True, slots=True)
class Access:
    """How one cluster's API server is reached: a context of a kubeconfig, or the pod's own service account.

    ``kubeconfig`` None is the client's default (``$KUBECONFIG``, else ``~/.kube/config``); ``context`` None its
    current context. ``place`` is where it stands in the configuration, for errors.
    """

    kubeconfig: Path | None = None
    context: str | None = None
    in_cluster: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True)
class ProviderSettings:
    """One configured DNS provider: its entry point's name and whatever that adapter reads.

    ``options`` may hold secrets written inline, so it shows in no repr. Values of keys that end in ``-file``
    are absolute paths of files that exist. ``place`` is ``file:line``, to prefix what the adapter finds wrong.
    ``region`` is where what is written to stands, where that is one place.
    """

    name: str
    kind: str
    options: Mapping[str, object] = field(default_factory=dict, repr=False)
    place: str = ""
    region: str = ""


@dataclass(frozen=True, slots=True)
class FeedSettings:
    """Where name servers fetch the table, and the file with the key both sides share."""

    listen: ListenAddress
    key_file: Path
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class VantageSettings:
    """The place this controller probes from. ``cluster`` names the member it runs in, empty = none of them."""

    name: str = "local"
    region: str = ""
    cluster: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ElectorSettings:
    """One place that decides who leads: a member cluster, or a zone at one of its providers."""

    cluster: str = ""
    zone: str = ""
    provider: str = ""

    @property
    def name(self) -> str:
        """What it is called in every controller's electorate."""
        return f"cluster/{self.cluster}" if self.cluster else f"zone/{self.zone}@{self.provider}"


@dataclass(frozen=True, slots=True)
class PeerSettings:
    """Another controller: its name, where its feed listens, and its region where that is stated."""

    name: str
    feed: ListenAddress
    region: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeadershipSettings:
    """Several controllers of which one leads. ``name`` is this one's; ``key`` is what only controllers share."""

    name: str
    key_file: Path
    key: bytes = field(repr=False)
    electorate: tuple[ElectorSettings, ...]
    peers: tuple[PeerSettings, ...] = ()
    lease_s: float = 10.0
    renew_s: float = 2.0
    namespace: str = "trafficfed"


@dataclass(frozen=True, slots=True)
class RemoteVantage:
    """A prober that reports here. ``cluster`` names the member it runs in, empty = none; ``key`` is its own."""

    name: str
    cluster: str
    key_file: Path
    key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PropagationSettings:
    """``kinds`` are (apiVersion, kind), empty = the usual ones; ``namespace`` is the record's on the hub."""

    kinds: tuple[tuple[str, str], ...] = ()
    namespace: str = "trafficfed"


@dataclass(frozen=True, slots=True)
class ServicesSettings:
    """``imports``: write what members export into the others, only read, or ``none``. ``meshes`` are told of writes."""

    imports: str = "none"
    meshes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class BaselinesSettings:
    """``members``: what is done about baselines there, ``none``, ``read`` or ``write``."""

    members: str = "none"


@dataclass(frozen=True, slots=True)
class LogSettings:
    """``level`` is debug, info, warning or error; ``format`` json, console, or auto (console on a terminal)."""

    level: str = "info"
    format: str = "auto"


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """``services``: whether there are series of each service; ``series``: at most so many of each metric of those."""

    services: bool = True
    series: int = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One configuration file, validated.

    ``access`` and ``providers`` are keyed by the cluster's and the provider's name, in the order of the file.
    ``hub``, ``leadership`` and ``nameserver`` are None where the file has no such section. ``warnings`` are lines
    ``file:line: key: text`` about what works but should be mended; whoever starts up prints them.
    """

    path: Path
    owner: str
    state_dir: Path
    api: ListenAddress
    api_hosts: tuple[str, ...] = ()
    feed: FeedSettings | None = None
    clusters: tuple[Cluster, ...] = ()
    access: Mapping[str, Access] = field(default_factory=dict)
    zones: tuple[Zone, ...] = ()
    providers: Mapping[str, ProviderSettings] = field(default_factory=dict)
    health: HealthCheck = field(default_factory=HealthCheck)
    vantage: VantageSettings = VantageSettings()
    vantages: tuple[RemoteVantage, ...] = ()
    leadership: LeadershipSettings | None = None
    hub: Access | None = None
    propagation: PropagationSettings = PropagationSettings()
    services: ServicesSettings = ServicesSettings()
    baselines: BaselinesSettings = BaselinesSettings()
    allow_exec: tuple[str, ...] = ()
    nameserver: NameServerSettings | None = None
    log: LogSettings = LogSettings()
    metrics: MetricsSettings = MetricsSettings()
    warnings: tuple[str, ...] = ()

    @property
    def meaning(self) -> "Settings":
        """Without where in the file things stand: equal for files that say the same on other lines."""
        return replace(
            self,
            access={name: replace(each, place="") for name, each in self.access.items()},
            providers={name: replace(each, place="") for name, each in self.providers.items()},
            hub=replace(self.hub, place="") if self.hub is not None else None,
            warnings=(),
        )
