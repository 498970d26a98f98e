"""Law 1 for what the hub declares: a stale, lost, emptied, restored or other hub takes nothing away."""

from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from trafficfed.discovery.declared import HUB
from trafficfed.kubernetes_api import wire
from trafficfed.model import Freshness, ServiceKey, Zone
from trafficfed.testing.declaring import ToldHub, written
from trafficfed.testing.folding import NAMESPACE, FoldingFleet, balanced

NAMES = tuple(f"s{number}" for number in range(8))


def plain(name: str, address: str) -> wire.Service:
    """A load balancer without any annotation of ours."""
    found = balanced(name, None, [address])
    return wire.Service(wire.Meta(name=name, namespace=NAMESPACE, uid=f"u-{name}"), found.spec, found.status)


def declares(name: str, **spec: Any) -> wire.Foreign:
    return written(name, f"{name}.example.org", **spec)


def begun(count: int = 8) -> tuple[FoldingFleet, ToldHub[Any]]:
    """A hub that declares so many services, all of them offered by one cluster without an annotation."""
    fleet = FoldingFleet(("eu",), has_hub=True)
    hub: ToldHub[Any] = ToldHub(fleet.take)
    offers(fleet, count)
    hub.listed(*map(declares, NAMES[:count]))
    assert len(fleet.table.rows) == count
    return fleet, hub


def offers(fleet: FoldingFleet, count: int = 8) -> None:
    """The one cluster shows its Services."""
    fleet.listed("eu", *(plain(name, f"192.0.2.{number}") for number, name in enumerate(NAMES[:count], 1)))


def named(fleet: FoldingFleet) -> set[str]:
    return {key.name for key in fleet.table.rows}


def test_a_lost_hub_changes_nothing_but_its_freshness() -> None:
    fleet, hub = begun()
    rows = dict(fleet.table.rows)
    assert fleet.source(HUB).freshness is Freshness.FRESH
    hub.lose("connection refused")
    assert fleet.source(HUB).freshness is Freshness.STALE
    assert fleet.source(HUB).reason == "connection refused"
    offers(fleet)
    assert fleet.table.rows == rows
    assert fleet.source("eu").freshness is Freshness.FRESH, "what has no annotation is offered all the same"
    hub.resume()
    assert fleet.source(HUB).freshness is Freshness.FRESH


def test_an_emptied_hub_is_suspect_and_all_is_kept_until_confirmed() -> None:
    fleet, hub = begun()
    rows = dict(fleet.table.rows)
    for _ in range(2):
        hub.listed()
        assert fleet.source(HUB).freshness is Freshness.SUSPECT, "a second look at it is no confirmation"
        assert len(fleet.source(HUB).missing) == 8
        assert fleet.table.rows == rows
    fleet.restart()
    hub.listed()
    assert fleet.table.rows == rows
    assert fleet.source(HUB).freshness is Freshness.SUSPECT
    offers(fleet)
    fleet.confirm(HUB)
    assert fleet.table.rows == {}
    assert fleet.source(HUB).freshness is Freshness.FRESH
    assert fleet.source(HUB).missing == ()


def test_what_is_seen_again_is_missing_no_more() -> None:
    fleet, hub = begun()
    hub.listed()
    for name in NAMES[:7]:
        hub.put(declares(name))
    assert [key.name for key in fleet.source(HUB).missing] == ["s7"]
    hub.remove(declares("s7"))
    assert fleet.source(HUB).freshness is Freshness.FRESH
    assert named(fleet) == set(NAMES[:7])


def test_a_few_absent_ones_leave_and_brakes_may_ask_why() -> None:
    fleet, hub = begun()
    hub.listed(*map(declares, NAMES[:5]))
    assert named(fleet) == set(NAMES[:5])
    assert fleet.source(HUB).freshness is Freshness.FRESH
    (departed,) = fleet.folded[fleet.key("s6")].departed
    assert not departed.watched


def test_what_cannot_be_read_is_not_absent() -> None:
    fleet, hub = begun(2)
    for _ in range(2):
        hub.listed(declares("s0"), unreadable=("s1",))
        assert named(fleet) == {"s0", "s1"}
        fleet.restart()
        offers(fleet, 2)


def test_absence_is_judged_against_the_table_not_against_an_empty_memory() -> None:
    fleet, hub = begun()
    fleet.restart()
    hub.listed()
    assert named(fleet) == set(NAMES)
    assert fleet.source(HUB).freshness is Freshness.SUSPECT


def test_a_restart_without_the_hub_goes_on_by_the_table() -> None:
    fleet, hub = begun(3)
    rows = dict(fleet.table.rows)
    fleet.restart()
    hub.lose()
    offers(fleet, 3)
    assert fleet.table.rows == rows
    fleet.upsert("eu", plain("s0", "192.0.2.99"))
    assert fleet.endpoints("s0")["eu"].addresses == ("192.0.2.99",)
    assert fleet.names("s0") == ("s0.example.org",)


def test_another_api_server_is_not_believed() -> None:
    fleet, hub = begun(2)
    rows = dict(fleet.table.rows)
    hub.listed(declares("s0", ttl=5), declares("new"), uid="uid-other")
    hub.put(declares("s1", ttl=5))
    hub.remove(declares("s0"))
    assert fleet.table.rows == rows
    assert fleet.source(HUB).freshness is Freshness.SUSPECT
    assert "another API server answers" in fleet.source(HUB).reason
    assert fleet.source(HUB).uid == "uid-hub"


def test_another_api_server_rules_once_it_is_confirmed() -> None:
    fleet, hub = begun(2)
    hub.listed(declares("s1", ttl=5), uid="uid-other")
    fleet.confirm(HUB)
    assert named(fleet) == {"s1"}
    assert fleet.row("s1").service.ttl == 5
    assert (fleet.source(HUB).uid, fleet.source(HUB).freshness) == ("uid-other", Freshness.FRESH)


def test_the_old_server_is_believed_again_without_a_word() -> None:
    fleet, hub = begun(2)
    hub.listed(uid="uid-other")
    hub.listed(declares("s0", ttl=9), declares("s1"))
    assert fleet.row("s0").service.ttl == 9
    assert fleet.source(HUB).freshness is Freshness.FRESH


def test_a_hub_restored_from_a_backup_is_suspect_though_its_revisions_grow_on() -> None:
    fleet, hub = begun(2)
    hub.put(declares("s0", ttl=7))
    hub.put(declares("new", ttl=8))
    rows = dict(fleet.table.rows)
    hub.listed(declares("s0"), revision=1)
    assert fleet.table.rows == rows
    assert "restored from a backup" in fleet.source(HUB).reason
    fleet.restart()
    hub.listed(declares("s0"), revision=1000)
    offers(fleet, 2)
    assert fleet.table.rows == rows
    assert fleet.source(HUB).freshness is Freshness.SUSPECT
    fleet.confirm(HUB)
    assert named(fleet) == {"s0"}
    assert fleet.row("s0").service.ttl == 30


def test_a_hub_that_is_configured_no_more_rules_until_it_is_forgotten() -> None:
    fleet, _ = begun(2)
    rows = dict(fleet.table.rows)
    fleet.has_hub = False
    fleet.restart()
    fleet.listed("eu", plain("s0", "192.0.2.1"), plain("s1", "192.0.2.2"))
    assert fleet.table.rows == rows
    assert "trafficfed forget hub" in fleet.source(HUB).reason
    fleet.forget(HUB)
    assert fleet.table.rows == {}


def test_a_forgotten_hub_that_is_still_configured_begins_anew() -> None:
    fleet, hub = begun(2)
    fleet.forget(HUB)
    assert fleet.table.rows == {}
    hub.listed(declares("s0"), uid="uid-other")
    assert named(fleet) == {"s0"}
    assert fleet.source(HUB).uid == "uid-other"


def test_an_endpoint_of_a_cluster_not_seen_yet_outlives_its_declaration() -> None:
    """Whether an annotation of its own names it is not known: it stays until its cluster is listed."""
    fleet, hub = begun(1)
    fleet.restart()
    hub.listed(declares("s0"))
    hub.remove(declares("s0"))
    assert named(fleet) == {"s0"}
    offers(fleet, 1)
    assert fleet.table.rows == {}


def test_a_cluster_that_is_gone_takes_no_declaration_along() -> None:
    fleet, hub = begun(1)
    fleet.listed("eu")
    assert fleet.table.rows == {}
    assert fleet.inventory.declares(fleet.key("s0"))
    fleet.upsert("eu", plain("s0", "192.0.2.1"))
    assert named(fleet) == {"s0"}
    assert hub.revision


def test_without_a_hub_a_member_may_be_called_so() -> None:
    fleet = FoldingFleet((HUB,))
    fleet.listed(HUB, balanced("web", "web.example.org"))
    assert sorted(fleet.endpoints("web")) == [HUB]
    fleet.lose(HUB)
    assert fleet.source(HUB).freshness is Freshness.STALE


# ---------------------------------------------------------------------- any history


class History(RuleBasedStateMachine):
    """A hub, one cluster that offers every service (half of them annotated too), and whatever may befall the hub.

    ``may_leave`` are the services that a watched deletion, an operator, or a small absence has let go.
    """

    names = st.sampled_from(NAMES)

    @initialize()
    def begin(self) -> None:
        zones = [Zone(name="example.org", open=True)]
        self.fleet = FoldingFleet(("eu",), zones, has_hub=True)
        self.hub: ToldHub[Any] = ToldHub(self.fleet.take)
        self.hub.revision = 10  # what it was before anybody looked
        self.cluster_shows()
        self.exists: dict[str, int] = {}
        self.linked = self.known = False
        self.allowed: set[str] = set()

    def cluster_shows(self) -> None:
        services = []
        for number, name in enumerate(NAMES):
            hostname = f"{name}.example.org"
            address = f"192.0.2.{number + 1}"
            services.append(balanced(name, hostname, [address]) if number % 2 else plain(name, address))
        self.fleet.listed("eu", *services)

    def declared(self) -> set[str]:
        return {key.name for key, row in self.fleet.table.rows.items() if row.service.origin[0].startswith("hub:")}

    def objects(self) -> list[wire.Foreign]:
        return [declares(name, ttl=ttl) for name, ttl in sorted(self.exists.items())]

    @rule(name=names, ttl=st.integers(40, 45))
    def write(self, name: str, ttl: int) -> None:
        self.exists[name] = ttl
        if self.linked:
            self.hub.put(declares(name, ttl=ttl))

    @rule(name=names)
    def delete(self, name: str) -> None:
        if self.exists.pop(name, None) is not None and self.linked:
            self.allowed = {name}
            self.hub.remove(declares(name))

    @rule()
    def list_again(self) -> None:
        gone = self.before - self.exists.keys()
        held = {key.name for key in self.source_missing()}
        if not (self.fleet.inventory.declarations.source.went_back or (gone & held)) and len(gone) <= 5:
            self.allowed = gone
        self.hub.listed(*self.objects())
        self.linked = self.known = True

    @rule()
    def another_server_answers(self) -> None:
        if self.known:
            self.hub.listed(*(declares(name, ttl=50) for name in NAMES[:3]), uid="uid-other")
            self.linked = False

    @precondition(lambda self: self.linked)
    @rule()
    def restored(self) -> None:
        self.hub.listed(revision=1)

    @rule()
    def lost(self) -> None:
        self.hub.lose()
        self.linked = False

    @rule()
    def restart(self) -> None:
        self.fleet.restart()
        self.linked = False
        self.cluster_shows()

    @precondition(lambda self: self.known and self.linked)
    @rule()
    def confirm(self) -> None:
        self.allowed = self.before
        self.hub.revision += 1000
        self.hub.listed(*self.objects())
        self.fleet.confirm(HUB)

    def source_missing(self) -> tuple[ServiceKey, ...]:
        source = self.fleet.table.sources.get(HUB)
        return source.missing if source else ()

    before: set[str] = frozenset()  # type: ignore[assignment] # nothing is declared before anything happened

    @invariant()
    def nothing_left_without_leave(self) -> None:
        now = self.declared()
        assert self.before - now <= self.allowed
        self.before, self.allowed = now, set()

    @invariant()
    def annotated_names_are_answered_whoever_rules(self) -> None:
        rows = {key.name for key in self.fleet.table.rows}
        assert rows >= set(NAMES[1::2])

    @invariant()
    def what_nobody_names_is_in_no_table(self) -> None:
        rows = {key.name for key in self.fleet.table.rows}
        assert rows - set(NAMES[1::2]) <= self.declared()


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=20, stateful_step_count=25, deadline=None)
