"""Law 1: another API server, or the same one gone back in time, takes nothing away and adds nothing unconfirmed."""

from trafficfed.kubernetes_api import wire
from trafficfed.model import Freshness
from trafficfed.testing.folding import FoldingFleet, balanced, sliced

WEB = balanced("web", "web.example.org", ["192.0.2.1"])
MOVED = balanced("web", "web.example.org", ["192.0.2.99"])
NEW = balanced("new", "new.example.org", ["192.0.2.50"])


def address(fleet: FoldingFleet, name: str = "web") -> tuple[str, ...]:
    return fleet.endpoints(name)["eu"].addresses


def test_the_first_server_seen_is_the_known_one(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    assert fleet.source("eu").uid == "uid-eu"
    assert fleet.source("eu").freshness is Freshness.FRESH


def test_another_uid_is_suspect_and_nothing_is_taken_in(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.relist("eu", MOVED, NEW, uid="other")
    source = fleet.source("eu")
    assert source.freshness is Freshness.SUSPECT
    assert "kube-system UID other" in source.reason
    assert source.uid == "uid-eu"
    assert address(fleet) == ("192.0.2.1",)
    assert not fleet.endpoints("new")


def test_watch_events_of_another_server_are_not_taken_in(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.relist("eu", WEB, uid="other")
    fleet.upsert("eu", MOVED)
    fleet.upsert("eu", NEW)
    fleet.remove("eu", WEB)
    assert address(fleet) == ("192.0.2.1",)
    assert not fleet.endpoints("new")


def test_even_an_empty_other_server_takes_nothing_away(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.relist("eu", uid="other")
    fleet.list_kind("eu", wire.EndpointSlice, uid="other")
    assert address(fleet) == ("192.0.2.1",)


def test_slices_of_another_server_make_the_whole_cluster_suspect(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB, slices=[sliced("web", 2)])
    fleet.list_kind("eu", wire.EndpointSlice, [sliced("web", 0, 2)], uid="other")
    assert fleet.source("eu").freshness is Freshness.SUSPECT
    assert fleet.endpoints("web")["eu"].ready == 2


def test_the_known_server_coming_back_needs_no_confirmation(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.relist("eu", NEW, uid="other")
    fleet.relist("eu", WEB, NEW)
    assert fleet.source("eu").freshness is Freshness.FRESH
    assert set(fleet.endpoints("web")) == set(fleet.endpoints("new")) == {"eu"}


def test_confirm_takes_the_other_server_as_it_is_now(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB, balanced("old", "old.example.org"))
    fleet.relist("eu", WEB, uid="other")
    fleet.list_kind("eu", wire.EndpointSlice, uid="other")
    fleet.upsert("eu", MOVED)
    fleet.upsert("eu", NEW)
    fleet.confirm("eu")
    source = fleet.source("eu")
    assert (source.uid, source.freshness) == ("other", Freshness.FRESH)
    assert address(fleet) == ("192.0.2.99",)
    assert address(fleet, "new") == ("192.0.2.50",)
    assert not fleet.endpoints("old")


def test_after_confirm_the_former_server_is_the_stranger(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.relist("eu", MOVED, uid="other")
    fleet.confirm("eu")
    fleet.relist("eu", WEB, uid="uid-eu")
    assert fleet.source("eu").freshness is Freshness.SUSPECT
    assert address(fleet) == ("192.0.2.99",)


def test_what_once_left_and_is_offered_by_the_confirmed_server_stays(fleet: FoldingFleet) -> None:
    """The former deletion is over: a later doubt about the cluster does not bring it back."""
    fleet.listed("eu", WEB)
    fleet.remove("eu", WEB)
    fleet.relist("eu", WEB, uid="other")
    fleet.confirm("eu")
    fleet.relist("eu", WEB, uid="uid-eu")
    assert fleet.source("eu").freshness is Freshness.SUSPECT
    assert address(fleet) == ("192.0.2.1",)


def test_kinds_of_the_former_server_are_awaited_anew_after_confirm(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB, slices=[sliced("web", 2)])
    fleet.relist("eu", WEB, uid="other")
    fleet.confirm("eu")
    assert fleet.source("eu").freshness is Freshness.STALE
    assert "EndpointSlices" in fleet.source("eu").reason
    fleet.list_kind("eu", wire.EndpointSlice, [sliced("web", 1)], uid="other")
    assert fleet.source("eu").freshness is Freshness.FRESH
    assert fleet.endpoints("web")["eu"].ready == 1


def test_confirm_before_services_are_listed_removes_nothing(fleet: FoldingFleet) -> None:
    """Only the slices have been seen of the new server: its Services are awaited, the brake then judges them."""
    fleet.listed("eu", WEB)
    fleet.list_kind("eu", wire.EndpointSlice, uid="other")
    fleet.confirm("eu")
    assert address(fleet) == ("192.0.2.1",)
    fleet.relist("eu", MOVED, uid="other", revision=1)
    assert address(fleet) == ("192.0.2.99",)
    assert fleet.source("eu").freshness is Freshness.FRESH


def test_another_server_is_told_from_the_known_one_after_a_restart(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.restart()
    fleet.relist("eu", uid="other")
    assert fleet.source("eu").freshness is Freshness.SUSPECT
    assert address(fleet) == ("192.0.2.1",)


def test_a_state_older_than_the_tables_is_suspect(fleet: FoldingFleet) -> None:
    """An etcd restored from a backup: the same UID, yet it knows less than the table."""
    fleet.listed("eu", WEB)
    fleet.relist("eu", WEB, NEW, revision=500)
    fleet.relist("eu", MOVED, revision=400)
    source = fleet.source("eu")
    assert source.freshness is Freshness.SUSPECT
    assert "backup" in source.reason
    assert source.revision == 500
    assert address(fleet) == ("192.0.2.1",)
    assert set(fleet.endpoints("new")) == {"eu"}


def test_confirm_accepts_a_restored_state(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB, NEW)
    fleet.relist("eu", WEB, NEW, revision=500)
    fleet.relist("eu", MOVED, revision=400)
    fleet.confirm("eu")
    assert address(fleet) == ("192.0.2.99",)
    assert not fleet.endpoints("new")
    assert (fleet.source("eu").revision, fleet.source("eu").freshness) == (400, Freshness.FRESH)


def restored(fleet: FoldingFleet) -> None:
    """eu loses everything since revision 400, ``NEW`` among it."""
    fleet.listed("eu", WEB, slices=[sliced("web", 2)])
    fleet.relist("eu", WEB, NEW, revision=500)
    fleet.relist("eu", WEB, revision=400)


def test_a_restored_state_stays_suspect_however_far_it_grows(fleet: FoldingFleet) -> None:
    restored(fleet)
    fleet.relist("eu", MOVED, revision=600)
    fleet.take("eu", wire.Removed(WEB, 601))
    assert fleet.source("eu").freshness is Freshness.SUSPECT
    assert fleet.source("eu").revision == 500
    assert address(fleet) == ("192.0.2.1",)
    assert set(fleet.endpoints("new")) == {"eu"}


def test_a_restored_state_stays_suspect_in_the_next_process(fleet: FoldingFleet) -> None:
    restored(fleet)
    fleet.restart()
    assert fleet.source("eu").freshness is Freshness.SUSPECT
    fleet.list_kind("eu", wire.EndpointSlice, revision=600)
    fleet.relist("eu", MOVED, revision=600)
    assert "backup" in fleet.source("eu").reason
    assert fleet.source("eu").freshness is Freshness.SUSPECT
    assert set(fleet.endpoints("new")) == {"eu"}
    fleet.confirm("eu")
    assert (fleet.source("eu").freshness, fleet.source("eu").revision) == (Freshness.FRESH, 600)
    assert address(fleet) == ("192.0.2.99",)
    assert not fleet.endpoints("new")


def test_confirm_before_the_next_process_has_listed_anything_takes_its_list(fleet: FoldingFleet) -> None:
    restored(fleet)
    fleet.restart()
    fleet.confirm("eu")
    assert fleet.source("eu").freshness is Freshness.STALE
    assert (fleet.source("eu").uid, fleet.source("eu").went_back) == ("uid-eu", False)
    assert set(fleet.endpoints("new")) == {"eu"}
    fleet.list_kind("eu", wire.EndpointSlice, revision=420)
    fleet.relist("eu", WEB, revision=420)
    assert (fleet.source("eu").freshness, fleet.source("eu").revision) == (Freshness.FRESH, 420)
    assert not fleet.endpoints("new")


def test_what_follows_a_confirmed_restore_is_believed(fleet: FoldingFleet) -> None:
    restored(fleet)
    fleet.confirm("eu")
    fleet.take("eu", wire.Upserted(MOVED, 410))
    fleet.relist("eu", MOVED, NEW, revision=420)
    assert fleet.source("eu").freshness is Freshness.FRESH
    assert address(fleet) == ("192.0.2.99",)
    assert set(fleet.endpoints("new")) == {"eu"}


def test_slices_that_went_back_are_not_believed_either(fleet: FoldingFleet) -> None:
    """Each kind is listed again by itself: the slices may come first, with the readiness of days ago."""
    fleet.listed("eu", WEB, slices=[sliced("web", 2)])
    fleet.take("eu", wire.Upserted(sliced("web", 3), 700))
    fleet.list_kind("eu", wire.EndpointSlice, [sliced("web", 0, 3)], revision=650)
    assert fleet.source("eu").freshness is Freshness.SUSPECT
    assert fleet.endpoints("web")["eu"].ready == 3
    fleet.confirm("eu")
    assert fleet.endpoints("web")["eu"].ready == 0


def test_forgetting_a_restored_cluster_ends_the_doubt(fleet: FoldingFleet) -> None:
    restored(fleet)
    fleet.forget("eu")
    fleet.list_kind("eu", wire.EndpointSlice, revision=410)
    fleet.relist("eu", WEB, revision=410)
    assert fleet.source("eu").freshness is Freshness.FRESH
    assert set(fleet.endpoints("web")) == {"eu"}


def test_an_equal_revision_is_not_older(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.relist("eu", WEB, revision=500)
    fleet.relist("eu", WEB, revision=500)
    assert fleet.source("eu").freshness is Freshness.FRESH


def test_watched_changes_count_towards_the_tables_revision(fleet: FoldingFleet) -> None:
    fleet.listed("eu", WEB)
    fleet.take("eu", wire.Upserted(MOVED, 700))
    assert fleet.source("eu").revision == 700
    fleet.relist("eu", revision=650)
    assert address(fleet) == ("192.0.2.99",)


def test_what_came_by_an_unknown_clusters_stream_is_nothing(fleet: FoldingFleet) -> None:
    taken = fleet.relist("nowhere", WEB)
    assert not taken.dirty
    assert taken.source is None
    assert not fleet.table.rows


def test_objects_before_any_list_are_not_believed(fleet: FoldingFleet) -> None:
    fleet.upsert("eu", WEB)
    fleet.upsert("eu", sliced("web", 1))
    assert not fleet.table.rows
