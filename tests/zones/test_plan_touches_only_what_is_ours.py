"""Law 4: at one name, only sets that the marker names and whose content we last wrote are changed or deleted."""

from collections.abc import Iterable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import NameChange, RecordSet
from trafficfed.zones.ownership import digest, done_marker, marker_set, parse_marker, pending_marker
from trafficfed.zones.plan import NameAsk, Planned, plan_name

NAME = "web.fed.test"
SERVICE = "default/shop/web"
ALL = frozenset({"192.0.2.1", "192.0.2.2", "192.0.2.3", "2001:db8::1", "lb.example.net"})


def one(rdtype: str, *values: str, ttl: int = 30) -> RecordSet:
    return RecordSet(name=NAME, type=rdtype, ttl=ttl, values=tuple(sorted(values)))


A1, A2, A12 = one("A", "192.0.2.1"), one("A", "192.0.2.2"), one("A", "192.0.2.1", "192.0.2.2")
SIX = one("AAAA", "2001:db8::1")
ALIAS = one("CNAME", "lb.example.net.")
FOREIGN = one("A", "198.51.100.7", ttl=60)
MAIL = one("MX", "10 mail.example.net.")


def mark(*sets: RecordSet, owner: str = "prod", service: str = SERVICE) -> RecordSet:
    return marker_set(NAME, done_marker(owner, service, sets))


def ask(*sets: RecordSet, **changes: object) -> NameAsk:
    fields: dict[str, object] = {
        "name": NAME, "zone": "fed.test", "owner": "prod", "service": SERVICE, "sets": sets, "known": ALL, **changes
    }  # fmt: skip
    return NameAsk(**fields)  # type: ignore[arg-type]


def plan(asked: NameAsk, *present: RecordSet, remove: bool = True) -> Planned:
    return plan_name(asked, present, remove=remove)


def after(planned: Planned) -> dict[str, tuple[str, ...]]:
    assert planned.change is not None
    return {found.type: found.values for found in planned.change.after if found.name == NAME}


def reasons(planned: Planned) -> list[str]:
    return [refusal.reason for refusal in planned.refusals]


def applied(present: Iterable[RecordSet], change: NameChange | None) -> tuple[RecordSet, ...]:
    """The present sets after a change, checked as a server checks it."""
    if change is None:
        return tuple(present)
    rest = [found for found in present if found not in change.before]
    assert len(rest) == len(tuple(present)) - len(change.before)
    taken = {(found.name, found.type) for found in rest}
    assert not taken & {(found.name, found.type) for found in change.after}
    return (*rest, *change.after)


def test_an_empty_name_is_created_with_its_marker() -> None:
    planned = plan(ask(A12, SIX))
    assert planned.change is not None
    assert planned.change.before == ()
    assert {*planned.change.after} == {A12, SIX, mark(A12, SIX)}


def test_what_is_as_wished_is_left_alone() -> None:
    assert plan(ask(A12), A12, mark(A12)) == Planned(name=NAME, service=SERVICE)


def test_values_and_ttl_of_ours_are_changed() -> None:
    assert after(plan(ask(A2), A1, mark(A1))) == {"A": A2.values}
    longer = plan(ask(one("A", "192.0.2.1", ttl=60)), A1, mark(A1)).change
    assert longer is not None
    assert [found.ttl for found in longer.after if found.type == "A"] == [60]


def test_what_is_ours_and_not_wished_goes_with_its_marker() -> None:
    planned = plan(ask(wished=False), A1, SIX, mark(A1, SIX))
    assert planned.change is not None
    assert planned.change.after == ()
    assert {*planned.change.before} == {A1, SIX, mark(A1, SIX)}


def test_a_record_made_by_hand_is_refused_and_named() -> None:
    planned = plan(ask(A1), FOREIGN)
    assert planned.change is None
    (refusal,) = planned.refusals
    assert refusal.reason == "ForeignRecord"
    assert "A 198.51.100.7" in refusal.message
    assert "adopt of zone fed.test" in refusal.message


def test_a_record_made_by_hand_with_the_very_same_values_is_foreign_too() -> None:
    assert reasons(plan(ask(A1), A1)) == ["ForeignRecord"]


def test_nothing_is_created_beside_a_foreign_set_of_a_wished_type() -> None:
    """Half of a service, in one address family only, is worse than none."""
    planned = plan(ask(A1, SIX), FOREIGN)
    assert planned.change is None


def test_ours_goes_on_where_another_type_became_foreign() -> None:
    """Somebody edited the A by hand: the AAAA must still fail over."""
    other = one("AAAA", "2001:db8::2")
    planned = plan(ask(A1, other), FOREIGN, SIX, mark(A1, SIX), remove=False)
    assert reasons(planned) == ["ContentChanged"]
    assert planned.change is not None
    assert FOREIGN not in (*planned.change.before, *planned.change.after)
    assert after(planned)["AAAA"] == other.values


def test_a_claim_on_content_changed_by_hand_survives_so_that_undoing_it_heals() -> None:
    other = one("AAAA", "2001:db8::2")
    planned = plan(ask(A1, other), FOREIGN, SIX, mark(A1, SIX))
    assert planned.change is not None
    healed = plan(ask(A1, other), A1, *planned.change.after)
    assert healed.change is None
    assert healed.refusals == ()


def test_content_changed_by_hand_is_not_deleted_and_the_claim_on_it_is_given_up() -> None:
    planned = plan(ask(wished=False), FOREIGN, mark(A1))
    assert planned.change == NameChange(name=NAME, before=(mark(A1),), after=(), reason="Delete")


def test_a_record_deleted_by_hand_is_written_again() -> None:
    assert after(plan(ask(A1), mark(A1))) == {"A": A1.values}


def test_mail_and_certificates_beside_ours_are_nobodys_conflict() -> None:
    caa = one("CAA", '0 issue "ca.example.net"')
    planned = plan(ask(A2), A1, mark(A1), MAIL, caa)
    assert planned.refusals == ()
    assert planned.change is not None
    assert not {MAIL, caa} & {*planned.change.before, *planned.change.after}


def test_a_cname_cannot_stand_beside_mail() -> None:
    assert reasons(plan(ask(ALIAS), MAIL)) == ["CnameBesideOthers"]
    moved = plan(ask(ALIAS), MAIL, A1, mark(A1))
    assert reasons(moved) == ["CnameBesideOthers"]
    assert moved.change is None


def test_addresses_cannot_stand_beside_a_foreign_cname() -> None:
    assert reasons(plan(ask(A1), one("CNAME", "other.example.net."))) == ["ForeignRecord"]


def test_a_name_of_another_controller_is_a_reported_conflict() -> None:
    planned = plan(ask(A1), A2, mark(A2, owner="staging", service="default/shop/other"))
    assert planned.change is None
    (refusal,) = planned.refusals
    assert refusal.reason == "OwnedByOther"
    assert "controller staging for default/shop/other" in refusal.message


def test_a_marker_alone_of_another_controller_keeps_us_away() -> None:
    assert reasons(plan(ask(A1), mark(A2, owner="staging"))) == ["OwnedByOther"]


@pytest.mark.parametrize("text", ['"something else"', '"trafficfed/9 owner=prod"'])
def test_a_marker_that_cannot_be_read_is_somebody_elses(text: str) -> None:
    strange = RecordSet(name=f"_trafficfed-owner.{NAME}", type="TXT", ttl=60, values=(text,))
    planned = plan(ask(A1), strange)
    assert reasons(planned) == ["OwnedByOther"]
    assert "cannot be read" in planned.refusals[0].message


def test_another_controllers_name_that_nobody_here_wishes_is_not_even_mentioned() -> None:
    planned = plan(ask(wished=False), A2, mark(A2, owner="staging"))
    assert planned == Planned(name=NAME, service=SERVICE)


def test_the_marker_follows_the_service_that_holds_the_name() -> None:
    planned = plan(ask(A1), A1, mark(A1, service="default/shop/old"))
    assert planned.change is not None
    assert mark(A1) in planned.change.after


def test_adoption_takes_over_the_wished_types_by_their_exact_content() -> None:
    planned = plan(ask(A1, adopt=True), FOREIGN, MAIL)
    assert planned.change is not None
    assert planned.change.before == (FOREIGN,)
    assert {*planned.change.after} == {A1, mark(A1)}


def test_adoption_takes_over_another_controllers_marker() -> None:
    theirs = mark(A2, owner="staging")
    planned = plan(ask(A1, adopt=True), A2, theirs)
    assert planned.change is not None
    assert {*planned.change.before} == {A2, theirs}
    assert {*planned.change.after} == {A1, mark(A1)}


def test_adoption_makes_room_for_a_cname_among_addresses_only() -> None:
    planned = plan(ask(ALIAS, adopt=True), FOREIGN)
    assert planned.change is not None
    assert planned.change.before == (FOREIGN,)
    assert reasons(plan(ask(ALIAS, adopt=True), FOREIGN, MAIL)) == ["CnameBesideOthers"]


@pytest.mark.parametrize("name", ["_trafficfed.fed.test", "_trafficfed-owner.web.fed.test"])
def test_names_of_our_own_records_cannot_be_taken(name: str) -> None:
    asked = ask(RecordSet(name=name, type="A", ttl=30, values=("192.0.2.1",)), name=name)
    assert reasons(plan(asked)) == ["ReservedName"]


def test_the_zone_itself_cannot_be_a_cname_but_can_have_addresses() -> None:
    alias = RecordSet(name="fed.test", type="CNAME", ttl=30, values=("lb.example.net.",))
    assert reasons(plan(ask(alias, name="fed.test"))) == ["ApexCname"]
    address = RecordSet(name="fed.test", type="A", ttl=30, values=("192.0.2.1",))
    ns = RecordSet(name="fed.test", type="NS", ttl=30, values=("ns.fed.test.",))
    assert plan(ask(address, name="fed.test"), ns).change is not None


def test_below_a_delegation_nothing_is_published() -> None:
    assert reasons(plan(ask(A1, cut="fed.test"))) == ["Delegated"]
    assert reasons(plan(ask(A1), one("NS", "ns.example.net."))) == ["Delegated"]


def test_a_held_name_without_anything_to_answer_keeps_its_marker() -> None:
    planned = plan(ask(), A1, mark(A1))
    assert planned.change is not None
    assert planned.change.after == (mark(),)
    assert plan(ask(), mark()).change is None
    assert plan(ask()).change is None


def test_known_targets_leave_by_verdict_and_others_are_kept_without_a_cause() -> None:
    stray = one("A", "192.0.2.2", "192.0.2.9")
    planned = plan(ask(A1), stray, mark(stray), remove=False)
    assert planned.kept == ("192.0.2.9",)
    assert after(planned) == {"A": ("192.0.2.1", "192.0.2.9")}
    assert planned.change is not None
    assert planned.change.removes_without_cause == 0


def test_a_removal_without_a_cause_is_counted_when_it_is_let_go() -> None:
    stray = one("A", "192.0.2.1", "192.0.2.9")
    planned = plan(ask(A1), stray, mark(stray), remove=True)
    assert planned.change is not None
    assert planned.change.removes_without_cause == 1
    assert planned.kept == ()


def test_a_watched_departure_is_a_cause() -> None:
    stray = one("A", "192.0.2.1", "192.0.2.9")
    planned = plan(ask(A1, departed=frozenset({"192.0.2.9"})), stray, mark(stray), remove=False)
    assert after(planned) == {"A": ("192.0.2.1",)}
    assert planned.kept == ()


def test_a_name_goes_at_once_only_when_released_or_departed() -> None:
    kept = plan(ask(wished=False), A12, mark(A12), remove=False)
    assert kept.change is None
    assert kept.kept == A12.values
    released = plan(ask(wished=False, released=True), A12, mark(A12), remove=False)
    assert released.change is not None
    assert released.change.after == ()
    half = plan(ask(wished=False, departed=frozenset({"192.0.2.1"})), A12, mark(A12), remove=False)
    assert after(half) == {"A": ("192.0.2.2",)}


def test_a_change_of_form_is_no_verdict() -> None:
    planned = plan(ask(ALIAS), A12, mark(A12), remove=False)
    assert planned.kept == A12.values
    assert planned.change is None
    moved = plan(ask(ALIAS), A12, mark(A12), remove=True)
    assert after(moved) == {"CNAME": ALIAS.values}
    assert moved.change is not None
    assert moved.change.removes_without_cause == 2


def test_a_hostname_that_gives_way_to_another_known_one_needs_no_brake() -> None:
    other = one("CNAME", "lb2.example.net.")
    planned = plan(ask(other), ALIAS, mark(ALIAS), remove=False)
    assert after(planned) == {"CNAME": other.values}


def test_either_end_of_a_pending_change_is_ours() -> None:
    pending = marker_set(NAME, pending_marker(done_marker("prod", SERVICE, (A2,)), {"A": A1}, {"A": A2}))
    assert after(plan(ask(A2), A1, pending)) == {"A": A2.values}
    finished = plan(ask(A2), A2, pending)
    assert finished.change is not None
    assert {*finished.change.after} == {A2, mark(A2)}
    assert reasons(plan(ask(A2), FOREIGN, pending)) == ["ContentChanged"]


addresses = st.frozensets(st.sampled_from(["192.0.2.1", "192.0.2.2", "192.0.2.3"]), min_size=1)
six = st.frozensets(st.sampled_from(["2001:db8::1", "2001:db8::2"]), min_size=1)


@st.composite
def wished_sets(draw: st.DrawFn) -> tuple[RecordSet, ...]:
    if draw(st.integers(0, 3)) == 0:
        return (ALIAS,)
    found = []
    if draw(st.booleans()):
        found.append(one("A", *draw(addresses), ttl=draw(st.sampled_from([30, 60]))))
    if draw(st.booleans()):
        found.append(one("AAAA", *draw(six)))
    return tuple(found)


@st.composite
def places(draw: st.DrawFn) -> tuple[RecordSet, ...]:
    """What may stand at a name: ours, foreign, or both, with our marker, another's, or none."""
    ours, foreign = draw(wished_sets()), draw(st.lists(st.sampled_from([FOREIGN, MAIL, SIX, A1, ALIAS]), max_size=2))
    data = {found.type: found for found in (*foreign, *ours)}
    if "CNAME" in data:
        data = {"CNAME": data["CNAME"]}
    owner = draw(st.sampled_from(["prod", "prod", "staging", ""]))
    return (*data.values(), *((mark(*ours, owner=owner),) if owner else ()))


def is_ours(found: RecordSet, marker_record: RecordSet | None, wished: tuple[RecordSet, ...]) -> bool:
    """Whether a set may be touched, judged apart from the code: our marker, or what it claims, or already as wished."""
    marker = parse_marker(marker_record) if marker_record else None
    if marker is None or marker.owner != "prod":
        return False
    if found == marker_record:
        return True
    claim = marker.digests().get(found.type, ())
    return digest(found) in claim or (bool(claim) and found.values in {new.values for new in wished})


@settings(max_examples=50)
@given(places(), wished_sets(), st.booleans(), st.booleans(), st.booleans())
def test_foreign_sets_never_change_and_the_second_plan_is_empty(
    present: tuple[RecordSet, ...], sets: tuple[RecordSet, ...], wished: bool, remove: bool, all_known: bool
) -> None:
    asked = ask(*(sets if wished else ()), wished=wished, known=ALL if all_known else frozenset())
    planned = plan(asked, *present, remove=remove)
    marker_record = next((found for found in present if found.name != NAME), None)
    for found in planned.change.before if planned.change else ():
        assert is_ours(found, marker_record, sets)
    then = applied(present, planned.change)
    assert plan(asked, *then, remove=remove).change is None
    types = [found.type for found in then if found.name == NAME]
    assert "CNAME" not in types or len(types) == 1


@settings(max_examples=50)
@given(places(), wished_sets())
def test_without_leave_no_value_of_ours_goes_unless_it_has_a_cause(
    present: tuple[RecordSet, ...], sets: tuple[RecordSet, ...]
) -> None:
    planned = plan(ask(*sets, known=frozenset()), *present, remove=False)
    then = applied(present, planned.change)
    before = {value for found in present if found.name == NAME for value in found.values}
    assert before <= {value for found in then if found.name == NAME for value in found.values}
