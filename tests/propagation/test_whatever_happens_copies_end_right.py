"""The engine over any history of users, members, hub and restarts: it settles, and what stands is what is wanted."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.propagation.hub import Hub
from trafficfed.propagation.objects import ObjectKey
from trafficfed.propagation.plan import Delete
from trafficfed.propagation.settling import Deed
from trafficfed.propagation.troubles import Failure
from trafficfed.testing.propagating import deployment
from trafficfed.testing.propagation_bench import NAMES, Bench, Json

OBJECTS = ("api", "db", "web")
WANTED = (NAMES, ("eu",), ("ap", "us"))

ACTIONS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(OBJECTS), st.integers(1, 5)),
    st.tuples(st.just("remove"), st.sampled_from(OBJECTS)),
    st.tuples(st.just("place"), st.sampled_from(WANTED)),
    st.tuples(st.just("unplace")),
    st.tuples(st.just("lose"), st.sampled_from(NAMES)),
    st.tuples(st.just("list"), st.sampled_from(NAMES)),
    st.tuples(st.just("busy"), st.sampled_from(NAMES)),
    st.tuples(st.just("calm")),
    st.tuples(st.just("drift"), st.sampled_from(NAMES), st.sampled_from(OBJECTS)),
    st.tuples(st.just("restart")),
    st.tuples(st.just("hub away")),
    st.tuples(st.just("hub back")),
    st.tuples(st.just("hub emptied")),
    st.tuples(st.just("run"), st.floats(0.1, 20.0)),
)


def key(name: str) -> ObjectKey:
    return ObjectKey("apps", "Deployment", "shop", name)


class History(Bench):
    """Users and fate on one side, and what should stand on the other."""

    def __init__(self) -> None:
        super().__init__()
        self.wanted: tuple[str, ...] = ()
        self.objects: dict[str, int] = {}
        self.believed = True
        self.list_all()

    def act(self, what: str, *with_: Any) -> None:
        getattr(self, "_" + what.replace(" ", "_"))(*with_)

    def take(self, deed: Deed) -> None:
        assert self.believed or not isinstance(deed, Delete), "nothing is deleted by a hub that is not believed"
        super().take(deed)

    def _write(self, name: str, replicas: int) -> None:
        self.objects[name] = replicas
        self._tell_hub(deployment(name, replicas))

    def _tell_hub(self, manifest: Json) -> None:
        if self.believed:
            self.write(manifest)
        else:
            self.store(manifest)

    def _remove(self, name: str) -> None:
        if self.objects.pop(name, None) is not None:
            self._gone("Deployment", name)

    def _gone(self, kind: str, name: str) -> None:
        if self.believed:
            self.remove(kind, name)
        else:
            self.hub = {place: each for place, each in self.hub.items() if (place[0].kind, place[2]) != (kind, name)}
            self.revision += 1

    def _place(self, clusters: tuple[str, ...]) -> None:
        self.wanted = clusters
        spec = {
            "resourceSelectors": [{"apiVersion": "apps/v1", "kind": "Deployment"}],
            "placement": {"clusterAffinity": {"clusterNames": list(clusters)}},
        }
        metadata = {"namespace": "shop", "name": "all"}
        self._tell_hub({"kind": "PropagationPolicy", "metadata": metadata, "spec": spec})

    def _unplace(self) -> None:
        if self.wanted:
            self.wanted = ()
            self._gone("PropagationPolicy", "all")

    def _lose(self, name: str) -> None:
        self.lose_member(name)

    def _list(self, name: str) -> None:
        self.list_member(name)

    def _busy(self, name: str) -> None:
        self.refuse = lambda deed: Failure(reason="Throttled", message="x") if deed.cluster == name else None

    def _calm(self) -> None:
        self.refuse = lambda deed: None

    def _drift(self, cluster: str, name: str) -> None:
        if key(name) in self.members[cluster]:
            self.change(cluster, key(name), spec={"replicas": 77})

    def _restart(self) -> None:
        known = self.engine.hub.known
        self.start(Hub(uid=known.uid, revision=known.revision), went_back=self.engine.hub.went_back)
        if self.believed:
            self.list_hub()

    def _hub_away(self) -> None:
        self.believed = False
        self.lose_hub()

    def _hub_back(self) -> None:
        self.believed = True
        self.list_hub()

    def _hub_emptied(self) -> None:
        """Another, empty one answers; the one before is not lost for ever."""
        self.believed = False
        hub, records, self.hub, self.records, self.uid = self.hub, self.records, {}, {}, "hub-2"
        self.list_hub()
        self.hub, self.records, self.uid = hub, records, "hub-1"

    def _run(self, seconds: float) -> None:
        self.run(seconds)

    def heal(self) -> None:
        """Everybody is back, and time passes; workloads run."""
        self._calm()
        self._hub_back()
        for name in NAMES:
            self.list_member(name)
        for _ in range(4):
            self.run(700)
            for cluster, copies in self.members.items():
                for each in list(copies):
                    counts = dict.fromkeys(("updatedReplicas", "availableReplicas"), 99)
                    self.report(cluster, each, observedGeneration=10**6, **counts)
        self.run(700)


@given(st.lists(ACTIONS, max_size=30))
@settings(max_examples=60, deadline=None)
def test_once_all_are_back_what_stands_is_what_is_wanted(actions: list[tuple[Any, ...]]) -> None:
    history = History()
    for action in actions:
        history.act(*action)
    history.heal()
    standing = {
        (cluster, each.name): copy["spec"]["replicas"]
        for cluster, copies in history.members.items()
        for each, copy in copies.items()
    }
    expected = {(cluster, name): count for cluster in history.wanted for name, count in history.objects.items()}
    assert standing == expected


@given(st.lists(ACTIONS, max_size=20))
@settings(max_examples=30, deadline=None)
def test_a_restart_after_anything_writes_nothing_more(actions: list[tuple[Any, ...]]) -> None:
    history = History()
    for action in actions:
        history.act(*action)
    history.heal()
    history.log.clear()
    history.act("restart")
    for name in NAMES:
        history.list_member(name)
    history.run(60)
    assert [each for each in history.log if not each.startswith("status")] == []
