"""What one GlobalService wants in one zone at one provider, and why what it no longer wants may go."""

from collections.abc import Iterable, Sequence

from trafficfed.model import Capabilities, RecordSet, Row, ServiceKey, Value, Zone
from trafficfed.zones.lowering import Lowered, lower
from trafficfed.zones.ownership import name_of_pool


class Wish(Value, frozen=True, kw_only=True):
    """The newest wish of a service replaces the one before; a service that is gone wishes no names.

    ``names`` are the hostnames it holds in the zone, ``sets`` what shall stand there. A value that leaves has a cause
    where it is in ``known`` (a target still in the table: a verdict or a rule took it out) or ``departed`` (it
    left the table by a watched deletion or change); a whole name where it is in ``released`` (dropped by a watched
    edit or deletion of the object). Whatever leaves without a cause is braked, and kept while the view of the fleet is
    incomplete. ``refusal``: what stands is left as it is, for this reason.
    """

    service: ServiceKey
    names: tuple[str, ...] = ()
    sets: tuple[RecordSet, ...] = ()
    known: frozenset[str] = frozenset()
    departed: frozenset[str] = frozenset()
    released: frozenset[str] = frozenset()
    refusal: str = ""
    event_at_s: float = 0.0

    def sets_of(self, name: str) -> tuple[RecordSet, ...]:
        """What shall stand at one name and at the branches of its routing."""
        return tuple(found for found in self.sets if name in (found.name, name_of_pool(found.name)))

    def after(self, earlier: "Wish", published: frozenset[str]) -> "Wish":
        """This wish with the causes of an earlier one that is not carried out yet, for what is still published."""
        return Wish(
            service=self.service,
            names=self.names,
            sets=self.sets,
            known=self.known,
            departed=self.departed | (earlier.departed & published),
            released=(self.released | earlier.released) - set(self.names),
            refusal=self.refusal,
            event_at_s=self.event_at_s,
        )


def make_wish(
    row: Row,
    zone: Zone,
    capabilities: Capabilities,
    zones: Sequence[Zone] = (),
    *,
    departed: Iterable[str] = (),
    released: Iterable[str] = (),
    event_at_s: float = 0.0,
) -> tuple[Wish, Lowered]:
    """The wish of a row with a decision, and the lowering it came from (for its losses)."""
    lowered = lower(row.decision, capabilities, zone, zones) if row.decision else Lowered()
    wish = Wish(
        service=row.key,
        names=lowered.names,
        sets=lowered.sets,
        known=known_targets(row),
        departed=frozenset(target.lower() for target in departed),
        released=frozenset(released),
        refusal=lowered.refusal,
        event_at_s=event_at_s,
    )
    return wish, lowered


def known_targets(row: Row) -> frozenset[str]:
    """Every address and hostname that the row may make us answer, now or after the next verdict."""
    offered = {target for endpoint in row.endpoints for target in (*endpoint.targets, *endpoint.hostnames)}
    return frozenset(target.lower() for target in {*offered, *row.service.fallback, *row.last_good})
