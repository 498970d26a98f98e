"""Which losses the failover of a zone survives, from where things stand: a pure function of the configuration.

A region is lost with all that stands in it. Then failover at a provider of record sets goes on where a controller is
left that can lead (a majority of the electors is left), and the place that is written to is. At name servers of our own
it goes on where one is left with a controller to follow: without a majority they follow the nearest one. What stands
nobody knows where may stand in any region, so that with it nothing is promised.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from trafficfed.model import Value

EMBEDDED = "embedded"
MANAGED = frozenset({"route53", "google"})
"""Provider kinds that are a service of their vendor, in no region of ours."""


class Placed(Value, frozen=True):
    """Something that stands in a region; the empty region is an unknown one."""

    name: str
    region: str = ""


class Layout(Value, frozen=True, kw_only=True):
    """Where things stand. ``regions`` are those that may be lost. No ``electors``: one controller alone.

    ``nameservers`` are those of our own, empty where they are not known.
    """

    regions: tuple[str, ...]
    controllers: tuple[Placed, ...] = ()
    electors: tuple[Placed, ...] = ()
    nameservers: tuple[Placed, ...] = ()


class Target(Value, frozen=True, kw_only=True):
    """One zone at one provider. ``region`` is where its primary stands, empty = not stated.

    ``checks``: the provider's own health checks take dead endpoints out by themselves.
    """

    zone: str
    provider: str
    kind: str
    region: str = ""
    checks: bool = False


class Loss(Value, frozen=True):
    """A region whose loss ends failover, and why."""

    region: str
    why: str


class Survival(Value, frozen=True, kw_only=True):
    """What the failover of one zone at one provider survives. ``notes`` say what else it hangs on."""

    zone: str
    provider: str
    survives: tuple[str, ...] = ()
    losses: tuple[Loss, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All of it in one line.

        >>> Survival(zone="fed.test", provider="bind", survives=("eu", "us"), losses=(Loss("ap", "why"),)).text
        'fed.test at bind: survives the loss of eu, us; not of ap (why)'
        """
        parts = [f"survives the loss of {', '.join(self.survives)}"] if self.survives else []
        for why in dict.fromkeys(loss.why for loss in self.losses):
            regions = ", ".join(loss.region for loss in self.losses if loss.why == why)
            parts.append(f"{'not of' if self.survives else 'not the loss of'} {regions} ({why})")
        return f"{self.zone} at {self.provider}: " + "; ".join((*parts, *self.notes))


def survivals(targets: Iterable[Target], layout: Layout) -> tuple[Survival, ...]:
    """One for each zone at each provider, in the order given."""
    return tuple(_survival(target, layout) for target in targets)


def _survival(target: Target, layout: Layout) -> Survival:
    ends = _ended_by(target, layout)
    found = [(region, ends(region)) for region in sorted(set(layout.regions))]
    return Survival(
        zone=target.zone,
        provider=target.provider,
        survives=tuple(region for region, why in found if not why),
        losses=tuple(Loss(region, why) for region, why in found if why),
        notes=tuple(_notes(target, layout)),
    )


def _ended_by(target: Target, layout: Layout) -> Callable[[str], str]:
    """What tells why the loss of a region ends failover, empty where it does not."""

    def ends(region: str) -> str:
        if target.checks:
            return ""
        if why := _no_controller(layout, region):
            return why
        if target.kind == EMBEDDED:
            return _no_nameserver(layout.nameservers, region)
        return _no_majority(layout.electors, region) or _no_primary(target, region)

    return ends


def _no_controller(layout: Layout, region: str) -> str:
    if _left(layout.controllers, region):
        return ""
    only = "this controller" if not layout.electors else "every controller"
    return _where(only, layout.controllers)


def _no_majority(electors: Sequence[Placed], region: str) -> str:
    if not electors or len(_left(electors, region)) * 2 > len(electors):
        return ""
    what = "a majority of the electors" if len(electors) > 1 else f"the only elector, {electors[0].name},"
    return _where(what, electors)


def _no_nameserver(nameservers: Sequence[Placed], region: str) -> str:
    if not nameservers or _left(nameservers, region):
        return ""
    return _where("every name server", nameservers)


def _no_primary(target: Target, region: str) -> str:
    if target.region:
        return "the primary stands there" if target.region == region else ""
    return "" if target.kind in MANAGED else f"the primary may stand there: state the region of {target.provider}"


def _left(things: Iterable[Placed], region: str) -> tuple[Placed, ...]:
    """What certainly stands elsewhere."""
    return tuple(each for each in things if each.region not in ("", region))


def _where(what: str, things: Iterable[Placed]) -> str:
    """Whether it is known to stand there, or only not known to stand elsewhere."""
    unplaced = sorted(each.name for each in things if not each.region)
    return f"{what} may stand there: state the region of {unplaced[0]}" if unplaced else f"{what} stands there"


def _notes(target: Target, layout: Layout) -> Iterator[str]:
    if target.checks:
        yield "its own health checks fail over, where every cluster has one"
        return
    if target.kind in MANAGED:
        yield "depends on the provider's API"
    if target.kind == EMBEDDED and not layout.nameservers:
        yield "as far as a name server is left"
    if not layout.electors:
        yield "no electorate: not the loss of this controller"
