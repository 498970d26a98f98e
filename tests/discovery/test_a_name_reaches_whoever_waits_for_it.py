"""Every way a hostname comes free marks those that want it, and marks nobody else."""

from trafficfed.discovery.claim_index import ClaimIndex
from trafficfed.discovery.claims import Claim
from trafficfed.discovery.departures import Departures
from trafficfed.kubernetes_api import wire
from trafficfed.model import Endpoint, Form, GlobalService, Grant, Row, ServiceKey, Zone
from trafficfed.testing.folding import FoldingFleet, balanced

A, B = ServiceKey("default", "shop", "a"), ServiceKey("default", "shop", "b")
HOLDER = balanced("a", "web.example.org")
RIVAL = balanced("b", "web.example.org", ["192.0.2.2"])


def claim(key: ServiceKey, cluster: str, *hostnames: str) -> Claim:
    return Claim(key=key, cluster=cluster, hostnames=hostnames)


def row(key: ServiceKey, *clusters: str) -> Row:
    service = GlobalService(key=key, hostnames=(f"{key.name}.example.org",), form=Form.ADDRESS)
    return Row(service=service, endpoints=tuple(Endpoint(cluster=cluster) for cluster in clusters))


def test_by_a_watched_deletion(fleet: FoldingFleet) -> None:
    fleet.listed("eu", HOLDER)
    fleet.listed("us", RIVAL)
    taken = fleet.remove("eu", HOLDER)
    assert taken.dirty == {fleet.key("a"), fleet.key("b")}
    assert fleet.names("b") == ("web.example.org",)


def test_by_absence_from_the_first_list_of_a_new_process(fleet: FoldingFleet) -> None:
    fleet.listed("eu", HOLDER)
    fleet.restart()
    fleet.listed("us", RIVAL)
    assert fleet.reasons("b") == [("us", "Conflict")]
    fleet.listed("eu")
    assert fleet.names("b") == ("web.example.org",)


def test_by_forgetting_a_cluster_that_this_process_never_saw(fleet: FoldingFleet) -> None:
    fleet.listed("eu", HOLDER)
    fleet.restart()
    fleet.listed("us", RIVAL)
    fleet.forget("eu")
    assert not fleet.names("a")
    assert fleet.names("b") == ("web.example.org",)


def test_by_confirming_that_it_is_gone(fleet: FoldingFleet) -> None:
    others = [balanced(f"s{number}", f"s{number}.example.org") for number in range(6)]
    fleet.listed("eu", HOLDER, *others)
    fleet.listed("us", RIVAL)
    fleet.listed("eu")
    assert fleet.names("a") == ("web.example.org",)
    assert not fleet.names("b")
    fleet.confirm("eu")
    assert fleet.names("b") == ("web.example.org",)


def test_by_a_new_configuration(fleet: FoldingFleet) -> None:
    fleet.listed("eu", HOLDER)
    fleet.listed("us", RIVAL)
    fleet.configure(zones=[Zone(name="example.org", grants=(Grant(clusters=("us",)),))])
    assert not fleet.names("a")
    assert fleet.names("b") == ("web.example.org",)


def test_by_dropping_a_claim_that_was_refused_and_yet_came_first() -> None:
    """us.example.org would have put eu out of web; while that older wish stands, the younger one waits."""
    grants = (Grant(names=("www.example.org",)), Grant(clusters=("us",), names=("us.example.org",)))
    fleet = FoldingFleet(zones=[Zone(name="example.org", grants=grants)])
    fleet.listed("eu", balanced("web", "www.example.org"))
    young = balanced("young", "us.example.org", ["192.0.2.3"], created="2026-06-01T00:00:00Z")
    fleet.listed("us", balanced("web", "www.example.org,us.example.org", ["192.0.2.2"]), young)
    assert fleet.reasons("web") == [("us", "NotGranted")]
    assert fleet.reasons("young") == [("us", "Conflict")]
    fleet.upsert("us", balanced("web", "www.example.org", ["192.0.2.2"]))
    assert fleet.names("young") == ("us.example.org",)


def test_a_holder_whose_address_is_missing_for_a_moment_keeps_its_name(fleet: FoldingFleet) -> None:
    fleet.listed("eu", HOLDER)
    fleet.upsert("eu", balanced("a", "web.example.org", []))
    fleet.listed("us", RIVAL)
    assert fleet.names("a") == ("web.example.org",)
    assert fleet.reasons("b") == [("us", "Conflict")]


def test_a_cluster_that_gets_no_name_keeps_no_name_from_the_others() -> None:
    """eu's address may not stand in eu.example.org; once eu leaves for a name it cannot have, it bars nobody."""
    zones = [Zone(name="example.org", open=True), Zone(name="eu.example.org", open=True, publish=("192.0.2.0/24",))]
    fleet = FoldingFleet(zones=zones)
    fleet.listed("us", balanced("x", "a.example.org"))
    fleet.listed("eu", balanced("z", "b.example.org", ["198.51.100.1"]))
    fleet.upsert("us", balanced("z", "b.example.org,c.eu.example.org", ["192.0.2.2"]))
    assert fleet.names("z") == ("b.example.org",)
    fleet.upsert("eu", balanced("z", "a.example.org", ["198.51.100.1"]))
    assert fleet.names("z") == ("b.example.org", "c.eu.example.org")
    assert set(fleet.endpoints("z")) == {"us"}


def test_a_cluster_already_in_the_table_goes_before_a_newcomer() -> None:
    """A newcomer with an older object cannot put out who is there by bringing a name of its own."""
    grants = (Grant(clusters=("eu",), names=("www.*",)), Grant(clusters=("us",)))
    fleet = FoldingFleet(zones=[Zone(name="example.org", grants=grants)])
    fleet.listed("eu", balanced("web", "www.example.org"))
    older = balanced("web", "a.example.org", ["192.0.2.2"], created="2020-01-01T00:00:00Z")
    fleet.listed("us", older)
    assert fleet.names("web") == ("www.example.org",)
    assert set(fleet.endpoints("web")) == {"eu"}
    fleet.upsert("eu", balanced("web", "www.eu.example.org"))
    assert fleet.names("web") == ("www.eu.example.org",)
    assert set(fleet.endpoints("web")) == {"eu"}


def test_the_view_that_comes_to_be_trusted_again_is_judged_at_once(fleet: FoldingFleet) -> None:
    """Services of the known server were listed while its slices came from elsewhere: what they lack leaves later."""
    fleet.listed("eu", HOLDER, balanced("other", "other.example.org"))
    fleet.list_kind("eu", wire.EndpointSlice, uid="other")
    fleet.relist("eu", HOLDER)
    assert fleet.names("other") == ("other.example.org",)
    fleet.list_kind("eu", wire.EndpointSlice)
    assert not fleet.names("other")
    assert fleet.names("a") == ("web.example.org",)


def test_a_view_that_is_not_trusted_marks_nothing(fleet: FoldingFleet) -> None:
    fleet.listed("eu", HOLDER)
    fleet.relist("eu", HOLDER, uid="other")
    assert not fleet.upsert("eu", balanced("a", "new.example.org")).dirty
    assert not fleet.relist("eu", RIVAL, uid="other").dirty


def test_what_is_kept_of_a_pending_endpoint_and_then_forbidden_leaves_unwatched(fleet: FoldingFleet) -> None:
    fleet.listed("eu", HOLDER)
    fleet.upsert("eu", balanced("a", "web.example.org", []))
    fleet.configure(zones=[Zone(name="example.org", open=True, publish=("198.51.100.0/24",))])
    assert not fleet.table.rows
    assert [departed.watched for departed in fleet.folded[fleet.key("a")].departed] == [False]


def test_the_index_follows_claims_and_forgets_what_is_gone() -> None:
    index = ClaimIndex()
    first, second = claim(A, "eu", "x.example.org", "y.example.org"), claim(B, "us", "y.example.org")
    assert index.replace(A, "eu", None, first) == set()
    assert index.replace(B, "us", None, second) == set()
    assert index.stating("y.example.org") == {A, B}
    assert index.clusters(A) == {"eu"}
    assert index.replace(A, "eu", first, claim(A, "eu", "x.example.org")) == {B}
    assert index.stating("y.example.org") == {B}
    assert index.replace(A, "eu", claim(A, "eu", "x.example.org"), None) == set()
    assert index.services() == {B}
    assert not index.stating("x.example.org")
    assert not index.clusters(A)


def test_one_service_in_two_clusters_is_indexed_once_for_each() -> None:
    index = ClaimIndex()
    for cluster in ("eu", "us"):
        index.replace(A, cluster, None, claim(A, cluster, "x.example.org"))
    index.replace(A, "eu", claim(A, "eu", "x.example.org"), None)
    assert index.stating("x.example.org") == {A}
    assert index.clusters(A) == {"us"}


def test_departures_are_noted_only_where_the_table_has_something_to_lose() -> None:
    departures = Departures({A: row(A, "eu")})
    departures.withdraw("eu", A)
    departures.withdraw("us", A)
    departures.withdraw("eu", B)
    assert departures.of("eu") == {A: True}
    assert departures.of("us") == {}
    departures.stay("eu", A)
    assert departures.of("eu") == {}


def test_departures_are_judged_against_the_table_as_it_is_now() -> None:
    rows = {A: row(A, "eu", "us"), B: row(B, "eu")}
    departures = Departures(rows)
    assert departures.settle("eu", {A}, set()).leaving == {B}
    assert departures.of("eu") == {B: False}
    del rows[B]
    assert not departures.settle("eu", {A}, set()).leaving
    assert departures.of("eu") == {}
    assert departures.in_table("us") == {A}


def test_a_watched_departure_stays_watched_when_a_list_lacks_it_too() -> None:
    departures = Departures({A: row(A, "eu"), B: row(B, "eu")})
    departures.withdraw("eu", A)
    assert departures.settle("eu", set(), set()).leaving == {B}
    assert departures.of("eu") == {A: True, B: False}


def test_an_operators_word_counts_as_watched() -> None:
    departures = Departures({A: row(A, "eu")})
    departures.order("eu", [A])
    assert departures.of("eu") == {A: True}
