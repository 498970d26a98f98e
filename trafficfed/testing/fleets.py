"""Fleets for tests: short ways to write rows and verdicts, and strategies that draw any row a table may hold."""

from hypothesis import strategies as st

from trafficfed.model import (
    Client,
    Cluster,
    Endpoint,
    Form,
    GlobalService,
    OperatorControl,
    Row,
    ServiceKey,
    State,
    Verdict,
    WhenAllDown,
)

KEY = ServiceKey("prod", "shop", "web")
REGIONS = {
    "ap": "ap-northeast-1",
    "br": "sa-east-1",
    "de": "eu-central-1",
    "eu": "eu-west-1",
    "us": "us-east-1",
    "uw": "us-west-2",
}
"""Cluster names used throughout and where they are; ``lab`` and others are nowhere."""


def fleet(*names: str) -> dict[str, Cluster]:
    """Clusters by name, in their regions."""
    return {name: Cluster(name=name, region=REGIONS.get(name, "")) for name in names}


def address(cluster: str, number: int = 0) -> str:
    """A documentation address (RFC 5737) of its own for each cluster name of REGIONS, others share one range."""
    index = sorted(REGIONS).index(cluster) if cluster in REGIONS else len(REGIONS)
    return f"192.0.2.{index * 10 + number + 1}"


def endpoint(cluster: str, *, weight: int = 100, tier: int = 0, drained: bool = False, targets: int = 1) -> Endpoint:
    """An endpoint with as many addresses as said."""
    addresses = tuple(address(cluster, number) for number in range(targets))
    return Endpoint(cluster=cluster, addresses=addresses, weight=weight, tier=tier, drained=drained)


def passing(cluster: str, target: str = "") -> Verdict:
    """Probes pass."""
    return Verdict(
        cluster=cluster,
        address=target or address(cluster),
        state=State.SERVING,
        serving=True,
        passed=True,
        reason="ProbesPassing",
        detail="every vantage passes",
    )


def failing(cluster: str, target: str = "", *, passed: bool = True, quarantined: bool = False) -> Verdict:
    """Probes fail; they passed before unless said otherwise."""
    return Verdict(
        cluster=cluster,
        address=target or address(cluster),
        state=State.NOT_SERVING,
        passed=passed,
        quarantined=quarantined,
        reason="ProbesFailing",
        detail="connection refused",
    )


def key(name: str) -> ServiceKey:
    """The key of a service called so, beside KEY."""
    return ServiceKey("prod", "shop", name)


def row(
    *endpoints: Endpoint,
    name: str = "web",
    hostnames: tuple[str, ...] = ("web.example.org",),
    down: tuple[str, ...] = (),
    steering: tuple[str, ...] = ("multivalue",),
    when_all_down: WhenAllDown = WhenAllDown.ALL,
    fallback: tuple[str, ...] = (),
    last_good: tuple[str, ...] = (),
) -> Row:
    """A row whose endpoints serve, but for those of the clusters named ``down``."""
    verdicts = tuple(
        failing(each.cluster, target) if each.cluster in down else passing(each.cluster, target)
        for each in endpoints
        for target in each.targets
    )
    service = GlobalService(
        key=key(name),
        hostnames=hostnames,
        steering=steering,
        when_all_down=when_all_down,
        fallback=fallback,
        origin=("eu:Service/shop/web",),
    )
    return Row(service=service, endpoints=endpoints, verdicts=verdicts, last_good=last_good)


CLIENTS = (
    *(Client("198.51.100.1", continent) for continent in ("AF", "AN", "AS", "EU", "NA", "OC", "SA")),
    Client("198.51.100.2", "EU", "IE"),
    Client("198.51.100.2", "EU", "DE"),
    Client("198.51.100.2", "EU", "FR"),
    Client("198.51.100.2", "NA", "US", "US-CA"),
    Client("198.51.100.2", "AS", "JP"),
    Client("2001:db8::1", "SA", "BR"),
    Client(),
)
"""Clients from everywhere and from nowhere."""

_NAMES = (*sorted(REGIONS), "lab")
_CHAINS = st.lists(st.sampled_from(("geo", "failover", "weighted", "multivalue")), max_size=4, unique=True).map(tuple)


@st.composite
def clusters(draw: st.DrawFn) -> dict[str, Cluster]:
    """Every name a row may use, some with coordinates or a country of their own, some left out."""
    found = fleet(*draw(st.sets(st.sampled_from(_NAMES))))
    for name in sorted(found):
        if draw(st.integers(0, 4)) == 0:
            found[name] = Cluster(
                name=name,
                country=draw(st.sampled_from(("", "IE", "JP"))),
                continent=draw(st.sampled_from(("", "OC"))),
                latitude=draw(st.floats(-90, 90)),
                longitude=draw(st.floats(-180, 180)),
            )
    return found


@st.composite
def verdicts(draw: st.DrawFn, cluster: str, target: str) -> Verdict:
    """Any verdict that a judge may give."""
    serving = draw(st.booleans())
    return Verdict(
        cluster=cluster,
        address=target,
        state=draw(st.sampled_from(State)),
        serving=serving,
        passed=serving or draw(st.booleans()),
        quarantined=not serving and draw(st.booleans()),
        reason="Drawn",
    )


@st.composite
def endpoints(draw: st.DrawFn, cluster: str) -> Endpoint:
    """Any endpoint, one without anything to give out included."""
    count = draw(st.integers(0, 3))
    number = _NAMES.index(cluster)
    return Endpoint(
        cluster=cluster,
        addresses=tuple(address(cluster, each) for each in range(count)),
        hostnames=tuple(f"lb{each}.{cluster}.example.net" for each in range(draw(st.integers(0, 2)))),
        resolved=draw(st.sampled_from(((), (f"2001:db8::{number + 1}",)))),
        weight=draw(st.sampled_from((0, 1, 2, 100))),
        tier=draw(st.integers(0, 2)),
        drained=draw(st.integers(0, 3)) == 0,
    )


@st.composite
def rows(draw: st.DrawFn) -> Row:
    """Any row: endpoints, verdicts for most of their targets, any chain and mode."""
    found = tuple(draw(endpoints(name)) for name in draw(st.lists(st.sampled_from(_NAMES), max_size=5, unique=True)))
    pairs = [(each.cluster, target) for each in found for target in each.targets]
    targets = st.sampled_from([target for _, target in pairs] or ["192.0.2.254"])
    return Row(
        service=GlobalService(
            key=KEY,
            hostnames=("web.example.org",),
            steering=draw(_CHAINS),
            form=draw(st.sampled_from((Form.ADDRESS, Form.ADDRESS, Form.HOSTNAME))),
            when_all_down=draw(st.sampled_from(WhenAllDown)),
            fallback=draw(st.sampled_from(((), ("192.0.2.250",), ("sorry.example.net",)))),
        ),
        endpoints=found,
        verdicts=tuple(draw(verdicts(*pair)) for pair in pairs if draw(st.integers(0, 9))),
        last_good=tuple(draw(st.lists(targets, max_size=3, unique=True))),
    )


def controls() -> st.SearchStrategy[tuple[OperatorControl, ...]]:
    """Any drains and shifts, of clusters, services or both, in force at time 100 or ended before."""
    services = st.sampled_from(("", str(KEY), "prod/shop/other"))
    shift = st.builds(
        OperatorControl,
        kind=st.just("shift"),
        cluster=st.sampled_from(_NAMES),
        to=st.sampled_from(("", *_NAMES)),
        share=st.sampled_from((1, 10, 50, 100)),
        service=services,
    )
    one = st.builds(
        OperatorControl,
        kind=st.sampled_from(("drain", "force-up")),
        cluster=st.sampled_from(("", *_NAMES)),
        service=services,
        who=st.sampled_from(("", "ann", "bob")),
        why=st.sampled_from(("", "kernel upgrade")),
        until_s=st.sampled_from((0.0, 50.0, 200.0)),
    )
    return st.lists(st.one_of(one, shift), max_size=3).map(tuple)
