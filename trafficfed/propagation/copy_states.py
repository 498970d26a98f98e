"""How all copies stand: counted as they change, and those apart that are not as they should be."""

from collections import Counter
from collections.abc import Iterator, Mapping

from trafficfed.propagation.aggregate import CopyState
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.troubles import Place

UNDER_WAY = frozenset({"Applying", "Leaving"})
"""Reasons of copies that will be in order without anybody's doing: they are no trouble."""

Census = Counter[tuple[str, str, str]]


class CopyStates:
    """``census`` counts copies by cluster, kind (``Deployment.apps``) and reason: never by object, so that what is
    shown of it does not grow with them."""

    def __init__(self) -> None:
        self.census: Census = Counter()
        self._of: dict[ObjectKey, dict[str, CopyState]] = {}
        self._troubled: dict[Place, CopyState] = {}

    def of(self, key: ObjectKey) -> Mapping[str, CopyState]:
        """An object's copies by cluster; empty where it has none."""
        return self._of.get(key, {})

    def put(self, key: ObjectKey, states: Mapping[str, CopyState]) -> bool:
        """How an object's copies stand now; whether that is news."""
        if self._of.get(key) == states:
            return False
        self.drop(key)
        self._of[key] = dict(states)
        for name, state in states.items():
            self.census[_place_of(state)] += 1
            if not (state.good or state.reason in UNDER_WAY):
                self._troubled[name, key] = state
        return True

    def put_one(self, state: CopyState) -> None:
        """How one copy stands now, the object's others as before."""
        self.put(state.object, {**self.of(state.object), state.cluster: state})

    def drop(self, key: ObjectKey) -> None:
        """An object has no copies any more."""
        for name, state in self._of.pop(key, {}).items():
            self._troubled.pop((name, key), None)
            place = _place_of(state)
            self.census[place] -= 1
            if not self.census[place]:
                del self.census[place]

    def troubled(self) -> Iterator[CopyState]:
        """Copies that something stands in the way of, by cluster and object."""
        yield from (state for _, state in sorted(self._troubled.items()))


def kind_of(key: ObjectKey) -> str:
    """A kind as kubectl names it.

    >>> kind_of(ObjectKey("apps", "Deployment", "shop", "web")), kind_of(ObjectKey("", "Secret", "shop", "key"))
    ('Deployment.apps', 'Secret')
    """
    return f"{key.kind}.{key.group}" if key.group else key.kind


def _place_of(state: CopyState) -> tuple[str, str, str]:
    return state.cluster, kind_of(state.object), state.reason
