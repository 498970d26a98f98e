"""The decision: which clients get which tiers of a GlobalService's endpoints, from its row of the table alone.

While one endpoint serves, every client gets what serves and nothing else: endpoints of weight 0 only where no other
serves, drained ones only where nothing else at all does. When none serves, the service's ``when_all_down`` decides.
"""

from collections.abc import Iterable, Mapping, Sequence

from trafficfed.model import Cluster, Decision, Form, GlobalService, OperatorControl, Row, Rule, Where
from trafficfed.steering.controls import freeze_of
from trafficfed.steering.geography import CONTINENT_CENTRES
from trafficfed.steering.last_resort import when_none_serves
from trafficfed.steering.places import Place, direction, place_of
from trafficfed.steering.shifts import Shifts, effects, shifted, shifts_of
from trafficfed.steering.standing import Candidate, Standing, candidates, reasons
from trafficfed.steering.tiers import ORDERING, Location, Tiers, offers_of, tiers_for

ANYWHERE = Location()
CONTINENTS = tuple(
    Location(Where("continent", code), code, "", (direction(*centre),)) for code, centre in CONTINENT_CENTRES.items()
)


def decide(row: Row, clusters: Mapping[str, Cluster], controls: Sequence[OperatorControl], now_s: float) -> Decision:
    """The answer for one row, the same for equal inputs in any order.

    Under a freeze the last decision stays as it is, whatever happens to its endpoints, until the freeze is lifted
    or expires: not even failover. Without a last decision there is nothing to freeze.
    """
    if row.decision is not None and freeze_of(controls, row, now_s) is not None:
        return row.decision
    found = candidates(row, controls, now_s)
    serving = tuple(each for each in found if each.serving)
    if undrained := tuple(each for each in serving if each.standing is not Standing.DRAINED):
        serving = undrained
    pick, shifts = _pick(row.service), shifts_of(controls, row.key, now_s)
    steered = _steered(row, clusters, serving) if serving else ()
    return Decision(
        service=row.key,
        hostnames=tuple(sorted(set(row.service.hostnames))),
        form=row.service.form,
        ttl=row.service.ttl,
        pick=pick,
        rules=tuple(_rule(*each, row.service.steering, shifts, pick) for each in steered)
        or when_none_serves(row, found),
        serving=bool(serving),
        reasons=(
            *(reason for each in found for reason in reasons(each)),
            *effects(shifts, [tiers for _, tiers in steered]),
        ),
    )


def given_out(decision: Decision) -> tuple[str, ...]:
    """Every target that some client gets under a decision, sorted: what ``last_good`` remembers of a serving one."""
    members = [member for rule in decision.rules for member in rule.members]
    return tuple(sorted({target for member in members for target in (*member.addresses, *member.hostnames)}))


def _pick(service: GlobalService) -> int:
    """``weighted`` gives one member an answer unless ``multivalue`` is there too; a name has one CNAME at most
    (RFC 2181 section 10.1)."""
    if service.form is Form.HOSTNAME:
        return 1
    return 1 if "weighted" in service.steering and "multivalue" not in service.steering else 0


def _steered(
    row: Row, clusters: Mapping[str, Cluster], serving: tuple[Candidate, ...]
) -> tuple[tuple[Location, Tiers], ...]:
    """The tiers for each kind of client, the most special first and anybody's last."""
    places = {
        each.cluster: place_of(clusters.get(each.cluster) or Cluster(name=each.cluster)) for each in row.endpoints
    }
    chain = row.service.steering
    offers = offers_of(serving, row.service.form)
    anywhere = tiers_for(ANYWHERE, chain, offers, places)
    if "geo" not in chain:
        return ((ANYWHERE, anywhere),)
    continents = [(each, tiers_for(each, chain, offers, places)) for each in CONTINENTS]
    broader = {each.continent: found for each, found in continents}
    countries = [(each, tiers_for(each, chain, offers, places)) for each in _countries(places.values())]
    # A rule that says what the next more general one says anyway is left out.
    special = [each for each in countries if each[1] != broader.get(each[0].continent, anywhere)]
    special += [each for each in continents if each[1] != anywhere]
    return (*special, (ANYWHERE, anywhere))


def _countries(places: Iterable[Place]) -> tuple[Location, ...]:
    """One location for each country that has an endpoint; clients there are where its endpoints are."""
    found: dict[str, list[Place]] = {}
    for place in places:
        if place.country:
            found.setdefault(place.country, []).append(place)
    return tuple(
        Location(
            Where("country", country),
            max(place.continent for place in there),
            country,
            tuple(sorted({place.point for place in there if place.point is not None})),
        )
        for country, there in sorted(found.items())
    )


def _rule(location: Location, tiers: Tiers, chain: Sequence[str], shifts: Shifts, pick: int) -> Rule:
    tiers, shares = shifted(tiers, shifts, pick) if shifts else (tiers, ())
    order = ", ".join(word for word in chain if word in ORDERING)
    first = ", ".join(dict.fromkeys(member.cluster for member in tiers[0]))
    reason = f"{first} first of {len(tiers)} tiers by {order or 'weight'}" if len(tiers) > 1 else f"{first}: one tier"
    if shares:
        reason += f"; shifted to {', '.join(dict.fromkeys(member.cluster for member in shares))} by weight"
    return Rule(where=location.where, pool=tiers[0], standby=tiers[1:], reason=reason, shares=shares)
