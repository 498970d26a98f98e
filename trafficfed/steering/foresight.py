"""What an operator's order would change, before it is given: the same decisions, made with the order in force."""

from collections.abc import Iterable, Mapping, Sequence

from trafficfed.model import Client, Cluster, Decision, OperatorControl, Row, Rule, ServiceKey, Value, Where
from trafficfed.steering.controls import concerns
from trafficfed.steering.decide import decide
from trafficfed.steering.geography import CONTINENTS
from trafficfed.steering.select import rule_for, shares


class Foreseen(Value, frozen=True, kw_only=True):
    """One kind of client of one service would get something else. Answers are sorted targets.

    ``shares`` are the part of the answers that each cluster gets then, where one of them is picked for each answer.
    """

    service: ServiceKey
    where: Where
    before: tuple[str, ...]
    after: tuple[str, ...]
    clusters: tuple[str, ...]
    shares: tuple[tuple[str, float], ...] = ()


class Foresight(Value, frozen=True, kw_only=True):
    """``concerned`` services may be touched, the first ``looked`` were looked at, and ``changes`` would follow."""

    concerned: int
    looked: int
    changes: tuple[Foreseen, ...] = ()


def foresee(
    rows: Iterable[Row],
    clusters: Mapping[str, Cluster],
    control: OperatorControl,
    will: Sequence[OperatorControl],
    now_s: float,
    most: int,
) -> Foresight:
    """What follows when ``will`` are the controls in force, which differ from those there are by ``control``.

    At most ``most`` services are looked at, in the order of their keys: the look must not take longer than a probe may
    be late.
    """
    concerned = sorted((row for row in rows if concerns(control, row)), key=lambda row: row.key)
    looked = concerned[:most]
    changes = tuple(
        change for row in looked for change in _changes(row, row.decision, decide(row, clusters, will, now_s))
    )
    return Foresight(concerned=len(concerned), looked=len(looked), changes=changes)


def _changes(row: Row, before: Decision | None, after: Decision) -> Iterable[Foreseen]:
    """Each kind of client that either decision tells apart, where what it gets differs."""
    rules = (*(before.rules if before else ()), *after.rules)
    for where in dict.fromkeys(rule.where for rule in rules):
        client = _client(where)
        was, will = rule_for(before, client) if before else None, rule_for(after, client)
        part = shares(after, will)
        if given(was) != given(will) or (before is not None and shares(before, was) != part):
            yield Foreseen(
                service=row.key,
                where=where,
                before=given(was),
                after=given(will),
                clusters=tuple(sorted({member.cluster for member in will.members})) if will else (),
                shares=tuple((name, float(share)) for name, share in sorted(part.items())),
            )


def _client(where: Where) -> Client:
    """A client of this kind and of no narrower one."""
    if where.kind == "network":
        return Client(where.value.partition("/")[0])
    country = where.value[:2] if where.kind in ("country", "subdivision") else ""
    continent = where.value if where.kind == "continent" else CONTINENTS.get(country, "")
    return Client("", continent, country, where.value if where.kind == "subdivision" else "")


def given(rule: Rule | None) -> tuple[str, ...]:
    """All that a rule may give out, sorted."""
    pool = rule.members if rule else ()
    return tuple(sorted({target for member in pool for target in (*member.addresses, *member.hostnames)}))
