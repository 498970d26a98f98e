"""From a decision to the plain record sets that say the same, as far as plain record sets can; every loss is named."""

from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from trafficfed.model import Capabilities, Decision, Form, RecordSet, Value, Zone
from trafficfed.zones.pools import carrying, evened, families, one_hostname, uneven
from trafficfed.zones.routing_policy import lower_to_policies
from trafficfed.zones.routing_tree import lower_to_tree

UNSHIFTED = "shift: what is shifted in part has no effect, answers are those without it; a whole shift (100 %) has"
"""Nothing that has to be accepted: the answers are right, they are but not yet as the operator wants them."""

_MEANS = {"": "plain record sets", "policy": "routing policies", "tree": "record sets with routing"}


class Lowered(Value, frozen=True, kw_only=True):
    """What a provider can hold of one decision in one zone.

    ``names`` are the decision's hostnames in the zone, also those without any record now. ``losses`` are sentences that
    begin with the loss's word. ``refusal`` is not empty where a loss is not accepted: then nothing may change.
    """

    names: tuple[str, ...] = ()
    sets: tuple[RecordSet, ...] = ()
    losses: tuple[str, ...] = ()
    refusal: str = ""


def lower(decision: Decision, capabilities: Capabilities, zone: Zone, zones: Sequence[Zone] = ()) -> Lowered:
    """The default rule's pool as A, AAAA or CNAME, or as much of all rules as the provider's routing can hold.

    ``zones`` are all configured ones: a name belongs to the deepest. A loss (``geo``, ``weighted``) must be listed in
    ``zone.approximate``, else the decision is refused; a shift that cannot be expressed is left out and told.
    """
    names = tuple(name for name in sorted(set(decision.hostnames)) if zone_of(name, (zone, *zones)) == zone.name)
    if not names:
        return Lowered()
    ttl = max(decision.ttl, capabilities.ttl_floor)
    sets, losses = _lowered(decision, capabilities, zone, names, ttl)
    unshifted = any(rule.shares for rule in decision.rules)
    if unshifted and capabilities.routing:
        spread, lost = _lowered(_spread(decision), capabilities, zone, names, ttl)
        unshifted = not lost.items() <= losses.items()
        sets, losses = (sets, losses) if unshifted else (spread, lost)
    texts = tuple(f"{word}: {text}" for word, text in sorted(losses.items()))
    missing = sorted(losses.keys() - set(zone.approximate))
    if missing:
        return Lowered(names=names, losses=texts, refusal=_refusal(texts, missing, zone, _MEANS[capabilities.routing]))
    return Lowered(names=names, sets=sets, losses=(*texts, UNSHIFTED) if unshifted else texts)


def _lowered(
    decision: Decision, capabilities: Capabilities, zone: Zone, names: tuple[str, ...], ttl: int
) -> tuple[tuple[RecordSet, ...], dict[str, str]]:
    if capabilities.routing == "policy":
        return lower_to_policies(decision, names, ttl, zone.approximate)
    if capabilities.routing == "tree":
        return lower_to_tree(decision, names, ttl, capabilities)
    sets = tuple(record_set for name in names for record_set in _sets(name, ttl, decision))
    return sets, {word: text for word, text in (_geo_loss(decision), _weight_loss(decision)) if text}


def _spread(decision: Decision) -> Decision:
    """The decision with what operators have shifted as weights of its pools."""
    rules = tuple(
        replace(rule, pool=rule.members if rule.shares or decision.pick else evened(rule.pool), shares=())
        for rule in decision.rules
    )
    return replace(decision, rules=rules, pick=1)


def zone_of(name: str, zones: Iterable[Zone]) -> str:
    """The name of the deepest zone that a name lies in, empty where none does.

    >>> zone_of("a.eu.example.org", (Zone(name="example.org"), Zone(name="eu.example.org")))
    'eu.example.org'
    """
    inside = [zone.name for zone in zones if name == zone.name or name.endswith(f".{zone.name}")]
    return max(inside, key=len, default="")


def _sets(name: str, ttl: int, decision: Decision) -> list[RecordSet]:
    pool = carrying(decision.default)
    if decision.form is Form.HOSTNAME:
        target = one_hostname(pool)
        return [RecordSet(name=name, type="CNAME", ttl=ttl, values=(target,))] if target else []
    return [
        RecordSet(name=name, type=rdtype, ttl=ttl, values=tuple(sorted(values)))
        for rdtype, values in sorted(families(pool).items())
    ]


def _geo_loss(decision: Decision) -> tuple[str, str]:
    default = decision.default
    others = [rule for rule in decision.rules[:-1] if default is None or rule.pool != default.pool]
    places = ", ".join(f"{rule.where.kind} {rule.where.value}" for rule in others[:5])
    more = f" and {len(others) - 5} more" if len(others) > 5 else ""
    return "geo", f"clients of {places}{more} get the default answer" if others else ""


def _weight_loss(decision: Decision) -> tuple[str, str]:
    pool = carrying(decision.default)
    if decision.form is Form.HOSTNAME:
        hostnames = sorted({hostname for member in pool for hostname in member.hostnames})
        kept = one_hostname(pool).rstrip(".")
        return "weighted", f"of {len(hostnames)} hostnames a CNAME holds {kept} only" if len(hostnames) > 1 else ""
    lost = decision.pick > 0 and uneven(pool)
    return "weighted", "every address is answered with the same share" if lost else ""


def _refusal(texts: Sequence[str], missing: Sequence[str], zone: Zone, means: str) -> str:
    return (
        f"{means} cannot express this ({'; '.join(texts)}): accept it with approximate: "
        f"[{', '.join(missing)}] in zone {zone.name}, or publish the zone at a provider that can"
    )
