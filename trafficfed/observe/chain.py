"""One service from what vantages saw to what stands at each provider, as views: what its status has no room for."""

from collections.abc import Iterable, Iterator, Mapping

from trafficfed.health.evidence import Evidence
from trafficfed.health.records import Place
from trafficfed.model import NameChange, RecordSet, Row, Value
from trafficfed.observe.showing import record_text
from trafficfed.observe.views import ChainView, PlacedView, PublishedView, SeenView
from trafficfed.propagation.aggregate import CopyState
from trafficfed.zones.ownership import marker_name
from trafficfed.zones.verify import Checked

_VERIFIED = {True: "right", False: "wrong", None: "being asked"}

PUBLISHED, PENDING = "published", "pending"


class PublishedAt(Value, frozen=True, kw_only=True):
    """What one provider has of one name, and the change it waits for, if any."""

    provider: str
    name: str
    sets: tuple[RecordSet, ...] = ()
    change: NameChange | None = None
    checked: Checked | None = None


def chain_view(
    row: Row,
    evidence: Mapping[Place, Evidence],
    standings: Iterable[PublishedAt],
    copies: Iterable[CopyState] = (),
) -> ChainView:
    """Copies by cluster, observations by target and vantage, records by provider; markers of ownership are left out."""
    return ChainView(
        service=str(row.key),
        copies=tuple(PlacedView(cluster=each.cluster, state=each.reason, message=each.message) for each in copies),
        observations=tuple(_seen(evidence)),
        records=tuple(record for standing in standings for record in _records(standing)),
    )


def _seen(evidence: Mapping[Place, Evidence]) -> Iterator[SeenView]:
    for (cluster, address), known in sorted(evidence.items()):
        for streak in known.streaks:
            yield SeenView(
                vantage=streak.vantage,
                cluster=cluster,
                address=address,
                passed=streak.passed,
                at_s=streak.at_s,
                in_a_row=streak.length,
                error=streak.error,
                rtt_s=streak.rtt_s,
            )


def _records(standing: PublishedAt) -> Iterator[PublishedView]:
    there = standing.sets
    wanted = standing.change.after if standing.change else ()
    for record in there:
        yield from _told(standing, record, PUBLISHED)
    for record in wanted:
        if record not in there:
            yield from _told(standing, record, PENDING)


def _told(standing: PublishedAt, record: RecordSet, state: str) -> Iterator[PublishedView]:
    if record.name != marker_name(standing.name):
        checked = standing.checked if state == PUBLISHED else None
        yield PublishedView(
            provider=standing.provider,
            record=record_text(record),
            state=state,
            verified=_VERIFIED[checked.right] if checked is not None else "",
            verified_at_s=checked.at_s if checked is not None else 0.0,
        )
