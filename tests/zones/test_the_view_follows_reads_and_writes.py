"""The view knows what is published and whose it is, without reading the zone again."""

from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import NameChange, RecordSet
from trafficfed.zones.ownership import done_marker, marker_name, marker_set
from trafficfed.zones.view import ZoneView

ZONE = "fed.test"


def records(label: str, *values: str, owner: str = "prod", service: str = "default/shop/web") -> tuple[RecordSet, ...]:
    name = f"{label}.{ZONE}"
    data = RecordSet(name=name, type="A", ttl=30, values=values)
    return (data, marker_set(name, done_marker(owner, service, (data,))))


def note(label: str) -> RecordSet:
    return RecordSet(name=f"{label}.{ZONE}", type="TXT", ttl=60, values=('"note"',))


def test_names_are_ours_by_their_marker_and_owner() -> None:
    view = ZoneView(ZONE, "prod", (*records("a", "1"), *records("b", "1", owner="staging"), note("c")))
    assert len(view) == 1
    assert view.service_of("a.fed.test") == "default/shop/web"
    assert view.service_of("b.fed.test") is None
    assert view.names_of("default/shop/web") == {"a.fed.test"}
    assert view.services() == {"default/shop/web"}


def test_everything_at_a_name_and_its_marker_is_shown_together() -> None:
    view = ZoneView(ZONE, "prod", (*records("a", "1"), note("a")))
    assert {found.name for found in view.at("a.fed.test")} == {"a.fed.test", marker_name("a.fed.test")}
    assert [found.type for found in view.at("a.fed.test")] == ["A", "TXT", "TXT"]
    assert view.at("none.fed.test") == ()


def test_only_values_of_claimed_types_count_for_a_service() -> None:
    view = ZoneView(ZONE, "prod", (*records("a", "1", "2"), *records("b", "3"), note("a")))
    assert view.values_of("default/shop/web") == 3
    assert view.values_of("default/shop/none") == 0


def test_a_change_carried_out_leaves_foreign_sets_standing() -> None:
    view = ZoneView(ZONE, "prod", (*records("a", "1"), note("a")))
    view.carry_out(NameChange(name="a.fed.test", before=records("a", "1")))
    assert view.at("a.fed.test") == (note("a"),)
    assert len(view) == 0
    assert view.services() == frozenset()


def test_what_is_read_anew_replaces_what_was_known_and_tells_whether_it_differs() -> None:
    view = ZoneView(ZONE, "prod", records("a", "1"))
    assert not view.replace("a.fed.test", records("a", "1"))
    assert view.replace("a.fed.test", records("a", "2"))
    assert view.replace("a.fed.test", ())
    assert view.service_of("a.fed.test") is None


def test_the_marker_tells_which_service_a_name_went_over_to() -> None:
    view = ZoneView(ZONE, "prod", records("a", "1"))
    view.replace("a.fed.test", records("a", "1", service="default/shop/new"))
    assert view.names_of("default/shop/web") == frozenset()
    assert view.names_of("default/shop/new") == {"a.fed.test"}


def test_a_delegation_above_a_name_is_found_and_the_apex_is_none() -> None:
    def delegated(name: str) -> RecordSet:
        return RecordSet(name=name, type="NS", ttl=60, values=("ns.example.net.",))

    view = ZoneView(ZONE, "prod", (delegated(ZONE), delegated("eu.fed.test")))
    assert view.cut_above("a.b.eu.fed.test") == "eu.fed.test"
    assert view.cut_above("a.fed.test") == ""
    assert view.cut_above("fed.test") == ""


def test_markers_count_to_their_names_when_two_views_are_compared() -> None:
    one, other = ZoneView(ZONE, "prod", records("a", "1")), ZoneView(ZONE, "prod", records("*", "1"))
    assert one.marked_names(other) == {"a.fed.test", "*.fed.test"}


labels = st.sampled_from(["a", "b", "c"])
contents = st.lists(st.sampled_from(["1", "2", "3"]), max_size=2, unique=True)
services = st.sampled_from(["default/shop/web", "default/shop/api"])


@settings(max_examples=50)
@given(st.lists(st.tuples(labels, contents, services), max_size=12))
def test_following_writes_gives_the_same_view_as_reading_everything(
    history: list[tuple[str, list[str], str]],
) -> None:
    followed = ZoneView(ZONE, "prod")
    state: dict[str, tuple[RecordSet, ...]] = {}
    for label, values, service in history:
        after = records(label, *sorted(values), service=service) if values else ()
        followed.carry_out(NameChange(name=f"{label}.{ZONE}", before=state.get(label, ()), after=after))
        state[label] = after
    read = ZoneView(ZONE, "prod", [found for sets in state.values() for found in sets])
    for label in "abc":
        assert followed.at(f"{label}.{ZONE}") == read.at(f"{label}.{ZONE}")
    assert followed.services() == read.services()
    assert [followed.names_of(service) for service in sorted(read.services())] == [
        read.names_of(service) for service in sorted(read.services())
    ]
    assert len(followed) == len(read)
