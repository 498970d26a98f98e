"""A stage for the judge: one service in some clusters, seen by some vantages, over time that passes when told to."""

from collections.abc import Mapping

from msgspec.structs import replace

from trafficfed.health.records import Records
from trafficfed.health.vantages import ANCHORS
from trafficfed.model import (
    Endpoint,
    Freshness,
    GlobalService,
    HealthCheck,
    Observation,
    OperatorControl,
    Row,
    ServiceKey,
    Source,
    State,
    Verdict,
)

SERVICE = ServiceKey("default", "shop", "web")
NOON_S = 1_800_000_000.0
LONG_AGO_S = 1_000.0
CHECK = HealthCheck()


class Scene:
    """Judges exactly when a controller would: on results that matter, on changes, and when a wake-up is due.

    Cluster number n (from 1) offers 192.0.2.n. ``serving`` and ``state`` show the verdicts as the table has them.
    """

    def __init__(
        self,
        *clusters: str,
        ready: int | None = None,
        check: HealthCheck = CHECK,
        ports: tuple[int, ...] = (443,),
        homes: Mapping[str, str] | None = None,
    ) -> None:
        self.now_s = NOON_S
        self.check = check
        self.homes = homes or {}
        self.sources = {c: Source(cluster=c, freshness=Freshness.FRESH, since_s=LONG_AGO_S) for c in clusters}
        self.controls: tuple[OperatorControl, ...] = ()
        self.suspicious: tuple[tuple[str, str], ...] = ()
        self.judgements = 0
        self._wake_at_s: float | None = None
        endpoints = tuple(
            Endpoint(cluster=cluster, addresses=(f"192.0.2.{n}",), ports=ports, ready=ready)
            for n, cluster in enumerate(clusters, 1)
        )
        service = GlobalService(key=SERVICE, hostnames=("web.fed.test",), health_check=check)
        self.row = Row(service=service, endpoints=endpoints)
        self.restart(watching_since_s=LONG_AGO_S)

    @property
    def serving(self) -> set[str]:
        return {verdict.cluster for verdict in self.row.verdicts if verdict.serving}

    @property
    def suspected(self) -> set[str]:
        return {cluster for cluster, _ in self.suspicious}

    def verdict(self, cluster: str) -> Verdict:
        return next(verdict for verdict in self.row.verdicts if verdict.cluster == cluster)

    def state(self, cluster: str) -> State:
        return self.verdict(cluster).state

    def see(
        self, cluster: str, passed: bool, *vantages: str, times: int = 1, every_s: float = 1.0, error: str = "refused"
    ) -> None:
        """Each vantage reports this result so many times, the last time now."""
        for nth in range(times):
            if nth:
                self.wait(every_s)
            for vantage in vantages or ("local",):
                self.observe(self._observation(vantage, cluster, passed, error))

    def observe(self, seen: Observation) -> None:
        if SERVICE in self.records.observe(seen, self.now_s):
            self.judge()

    def anchors(self, vantage: str, **regions: bool) -> None:
        """What a vantage sees of one anchor in each region."""
        for region, passed in regions.items():
            self.observe(
                Observation(
                    vantage=vantage,
                    service=ANCHORS,
                    cluster=region,
                    address="198.51.100.1",
                    at_s=self.now_s,
                    passed=passed,
                )
            )

    def wait(self, seconds: float) -> None:
        """Let time pass, judging at every wake-up on the way and only then."""
        until_s = self.now_s + seconds
        while self._wake_at_s is not None and self._wake_at_s <= until_s:
            self.now_s = self._wake_at_s
            self.judge()
        self.now_s = until_s

    def api_server(self, cluster: str, freshness: Freshness) -> None:
        """The view of a cluster becomes this from now on."""
        self.sources[cluster] = replace(self.sources[cluster], freshness=freshness, since_s=self.now_s)
        self.judge()

    def ready(self, cluster: str, ready: int | None) -> None:
        """The readiness behind one cluster's endpoint changes."""
        endpoints = tuple(replace(e, ready=ready) if e.cluster == cluster else e for e in self.row.endpoints)
        self._offer(endpoints)

    def join(self, cluster: str, *, ready: int | None = None) -> None:
        """One cluster more offers the service."""
        address = f"192.0.2.{len(self.row.endpoints) + 1}"
        self.sources[cluster] = Source(cluster=cluster, freshness=Freshness.FRESH, since_s=self.now_s)
        self._offer((*self.row.endpoints, Endpoint(cluster=cluster, addresses=(address,), ports=(443,), ready=ready)))

    def control(self, *controls: OperatorControl) -> None:
        self.controls = controls
        self.judge()

    def restart(self, watching_since_s: float | None = None) -> None:
        """A new process takes over the table: it has the row, and has seen nothing."""
        since_s = self.now_s if watching_since_s is None else watching_since_s
        self.records = Records(self.homes, since_s)
        self.records.follow(self.row, self.now_s)
        self.judge()

    def judge(self) -> None:
        judged = self.records.judge(self.row, self.sources, self.controls, self.now_s)
        if judged.wake_at_s is not None and judged.wake_at_s <= self.now_s:
            raise AssertionError(f"the judge asks to be woken at {judged.wake_at_s}, not after {self.now_s}")
        self.judgements += 1
        self.row = replace(self.row, verdicts=judged.verdicts)
        self.suspicious = judged.suspicious
        self._wake_at_s = judged.wake_at_s

    def _offer(self, endpoints: tuple[Endpoint, ...]) -> None:
        self.row = replace(self.row, endpoints=endpoints)
        self.records.follow(self.row, self.now_s)
        self.judge()

    def _observation(self, vantage: str, cluster: str, passed: bool, error: str) -> Observation:
        endpoint = next(e for e in self.row.endpoints if e.cluster == cluster)
        return Observation(
            vantage=vantage,
            service=SERVICE,
            cluster=cluster,
            address=endpoint.addresses[0],
            at_s=self.now_s,
            passed=passed,
            error="" if passed else error,
        )
