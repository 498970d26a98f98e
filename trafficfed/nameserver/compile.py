"""Rows become lookup structures: for each client the pool of the rule that a decision has for it."""

from trafficfed.model import Decision, Form, Member, Row, Rule
from trafficfed.nameserver.names import to_wire
from trafficfed.nameserver.networks import Networks
from trafficfed.nameserver.pools import Pool, Sample, pool
from trafficfed.nameserver.whereabouts import Located

AnyPool = Pool | Sample
Given = tuple[tuple[Member, ...], int]  # members, and how many of them an answer has
PLACES = ("subdivision", "country", "continent")  # most specific first


class Service:
    """A compiled decision. ``uniform`` is the one pool where every client gets the same, else None; ``default``
    is for those of unknown place."""

    __slots__ = ("_networks", "_placed", "_places", "default", "form", "names", "owned", "uniform")

    def __init__(self, row: Row) -> None:
        """Raises ValueError where the decision holds what is no address, hostname or CIDR range."""
        decision = row.decision or Decision(service=row.key, hostnames=row.service.hostnames)
        self.names = tuple(map(to_wire, decision.hostnames))
        # A frozen decision may still have a name that the service gave up and another took.
        self.owned = frozenset(map(to_wire, row.service.hostnames))
        self.form: Form = decision.form
        pools = _pools(decision)
        last = decision.default
        self.default: AnyPool = pools[_given(last, decision)] if last else pool((), decision, decision.pick)
        self.uniform: AnyPool | None = self.default if len(pools) <= 1 else None
        of = {rule.where: pools[_given(rule, decision)] for rule in decision.rules}
        networks = [(where.value, found) for where, found in of.items() if where.kind == "network"]
        self._networks = Networks(networks) if networks else None
        # An empty place is nobody's.
        self._places = tuple(
            {where.value: found for where, found in of.items() if where.kind == kind and where.value} for kind in PLACES
        )
        self._placed = any(self._places)

    def pool_for(self, located: Located) -> tuple[AnyPool, int]:
        """The pool for a client, and the shortest prefix whose whole block gets it; never 0, as clients differ.

        Within one network rule places do not matter, so neither does the size of the place's block.
        """
        found, prefix = None, 0
        if self._networks is not None:
            found, prefix = self._networks.find(located.address, located.bits)
        if found is None:
            found = self._by_place(located)
            prefix = max(prefix, located.prefix) if self._placed else prefix
        return found, max(prefix, 1)

    def _by_place(self, located: Located) -> AnyPool:
        client = located.client
        subdivisions, countries, continents = self._places
        return (
            subdivisions.get(client.subdivision)
            or countries.get(client.country)
            or continents.get(client.continent)
            or self.default
        )


def _given(rule: Rule, decision: Decision) -> Given:
    return rule.members, decision.pick_of(rule)


def _pools(decision: Decision) -> dict[Given, AnyPool]:
    """One compiled pool for all rules that give the same, so that equal answers are one object and blocks join."""
    return {given: pool(given[0], decision, given[1]) for given in {_given(rule, decision) for rule in decision.rules}}
