"""What is right and wrong about a delegation, by what was seen; and the lines that would make it right."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.delegation.judge import check
from trafficfed.delegation.report import CheckView
from trafficfed.delegation.seen import CaaSeen, ParentSeen, ServerSeen, SoaSeen, Wanted, ZoneSeen

NS = ("ns1.fed.test", "ns2.fed.test")
GLUE = (("ns1.fed.test", "192.0.2.1"), ("ns2.fed.test", "2001:db8::2"))
PARENT = ParentSeen(server="192.0.2.53", nameservers=NS, glue=GLUE)
SOA = SoaSeen(serial=7)
SERVERS = tuple(ServerSeen(name=name, address=address, udp=SOA, tcp=SOA, nameservers=NS) for name, address in GLUE)
RIGHT = ZoneSeen(zone="fed.test", parent=PARENT, servers=SERVERS, addresses=GLUE)
NOTHING = Wanted()


def found(view: CheckView, level: str) -> list[str]:
    return [f"{each.subject}: {each.text}" for each in view.findings if each.level == level]


def bad(seen: ZoneSeen, wanted: Wanted = NOTHING) -> list[str]:
    view = check(seen, wanted)
    assert view.right == (not found(view, "bad"))
    return found(view, "bad")


def test_what_is_in_order_is_told_as_such_and_nothing_is_to_be_done() -> None:
    view = check(RIGHT, NOTHING)
    assert found(view, "bad") == found(view, "doubt") == []
    assert (view.right, view.add, view.remove) == (True, (), ())
    assert "SOA: all have serial 7" in found(view, "good")


def test_a_zone_that_is_not_delegated_gets_the_whole_delegation_to_add() -> None:
    seen = replace(RIGHT, parent=ParentSeen(server="192.0.2.53"))
    (said,) = bad(seen)
    assert "does not delegate the zone" in said
    assert check(seen, NOTHING).add == (
        "fed.test. 3600 IN NS ns1.fed.test.",
        "fed.test. 3600 IN NS ns2.fed.test.",
        "ns1.fed.test. 3600 IN A 192.0.2.1",
        "ns2.fed.test. 3600 IN AAAA 2001:db8::2",
    )


def test_before_any_server_runs_the_configuration_tells_what_to_add() -> None:
    wanted = Wanted(nameservers=("ns1.fed.test",), addresses=(("ns1.fed.test", "192.0.2.9"),))
    view = check(ZoneSeen(zone="fed.test", parent=ParentSeen(server="192.0.2.53")), wanted)
    assert view.add == ("fed.test. 3600 IN NS ns1.fed.test.", "ns1.fed.test. 3600 IN A 192.0.2.9")


def test_without_the_parent_the_lines_are_told_all_the_same() -> None:
    seen = replace(RIGHT, parent=ParentSeen())
    assert "no name server of the parent zone answers" in bad(seen)[0]
    assert len(check(seen, NOTHING).add) == 4


def test_a_name_server_that_the_parent_lacks_or_has_too_many_is_told_with_the_line() -> None:
    seen = replace(RIGHT, parent=replace(PARENT, nameservers=("ns1.fed.test", "old.example.org"), glue=GLUE[:1]))
    view = check(seen, NOTHING)
    assert "it lacks ns2.fed.test" in bad(seen)[0] or "lacks ns2.fed.test" in bad(seen)[0]
    assert "has old.example.org, which the zone has not" in bad(seen)[0]
    assert view.add == ("fed.test. 3600 IN NS ns2.fed.test.", "ns2.fed.test. 3600 IN AAAA 2001:db8::2")
    assert view.remove == ("fed.test. 3600 IN NS old.example.org.",)


def test_what_the_configuration_says_goes_before_what_the_servers_say() -> None:
    wanted = Wanted(nameservers=("ns9.fed.test",), addresses=(("ns9.fed.test", "192.0.2.9"),))
    assert check(RIGHT, wanted).add == ("fed.test. 3600 IN NS ns9.fed.test.", "ns9.fed.test. 3600 IN A 192.0.2.9")


def test_glue_must_be_there_and_right() -> None:
    assert any(
        "has no address of ns2.fed.test" in each for each in bad(replace(RIGHT, parent=replace(PARENT, glue=GLUE[:1])))
    )
    moved = (("ns1.fed.test", "192.0.2.99"), GLUE[1])
    seen = replace(RIGHT, parent=replace(PARENT, glue=moved))
    assert any("has 192.0.2.99 for ns1.fed.test, the zone 192.0.2.1" in each for each in bad(seen))
    assert check(seen, NOTHING).add == ("ns1.fed.test. 3600 IN A 192.0.2.1",)


def test_a_name_server_outside_the_zone_needs_no_glue() -> None:
    outside = ("ns.example.org",)
    server = replace(SERVERS[0], name="ns.example.org", nameservers=outside)
    seen = replace(RIGHT, parent=ParentSeen(server="192.0.2.53", nameservers=outside), servers=(server,))
    assert bad(seen) == []
    assert any("one name server only" in each for each in found(check(seen, NOTHING), "doubt"))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"udp": None}, "UDP: no answer"),
        ({"tcp": None}, "TCP: no answer"),
        ({"tcp": SoaSeen("REFUSED", authoritative=False)}, "TCP: says REFUSED"),
        ({"udp": SoaSeen(authoritative=False, serial=7)}, "UDP: does not serve the zone"),
        ({"udp": SoaSeen(serial=0)}, "UDP: does not serve the zone"),
    ],
)
def test_each_name_server_must_serve_over_udp_and_tcp(change: dict[str, Any], said: str) -> None:
    assert bad(replace(RIGHT, servers=(replace(SERVERS[0], **change), SERVERS[1]))) == [
        f"ns1.fed.test 192.0.2.1: {said}"
    ]


def test_a_name_server_without_an_address_is_told() -> None:
    assert "ns2.fed.test: has no address, so nobody can ask it" in bad(replace(RIGHT, servers=SERVERS[:1]))


def test_serials_that_differ_are_a_note_as_name_servers_of_our_own_count_by_themselves() -> None:
    behind = replace(SERVERS[1], udp=SoaSeen(serial=6))
    view = check(replace(RIGHT, servers=(SERVERS[0], behind)), NOTHING)
    assert view.right
    assert any("192.0.2.1 has 7, 2001:db8::2 has 6" in each for each in found(view, "doubt"))


def test_name_servers_that_disagree_about_each_other_are_told() -> None:
    other = replace(SERVERS[1], nameservers=("ns1.fed.test",))
    assert any(
        each.startswith("NS: the name servers disagree") for each in bad(replace(RIGHT, servers=(SERVERS[0], other)))
    )


@pytest.mark.parametrize(
    ("parent", "zone", "level"),
    [(True, False, "bad"), (True, True, "good"), (False, True, "doubt"), (False, False, "")],
)
def test_signatures_are_of_use_only_where_both_have_them(parent: bool, zone: bool, level: str) -> None:
    view = check(replace(RIGHT, parent=replace(PARENT, signed=parent), signed=zone), NOTHING)
    assert [each.level for each in view.findings if each.subject == "DNSSEC"] == ([level] if level else [])


def test_who_may_issue_certificates_is_told_or_said_to_be_unknown() -> None:
    def said(caa: CaaSeen) -> list[tuple[str, str]]:
        view = check(replace(RIGHT, caa=caa), NOTHING)
        return [(each.level, each.text) for each in view.findings if each.subject == "CAA"]

    assert said(CaaSeen(at="test", records=('0 issue "ca.example"',))) == [("good", '0 issue "ca.example" (at test)')]
    assert said(CaaSeen())[0][1].startswith("none, so any authority may issue")
    assert said(CaaSeen(known=False))[0][0] == "doubt"


@given(st.sets(st.sampled_from(["ns1.fed.test", "ns2.fed.test", "ns.example.org"])), st.sets(st.sampled_from(GLUE)))
def test_who_adds_and_removes_the_lines_has_a_right_delegation(there: set[str], glue: set[tuple[str, str]]) -> None:
    parent = ParentSeen(server="192.0.2.53", nameservers=tuple(sorted(there)), glue=tuple(sorted(glue)))
    view = check(replace(RIGHT, parent=parent), NOTHING)
    for line in view.add:
        owner, _, _, kind, value = line.replace(". ", " ").removesuffix(".").split()
        there = there | {value} if kind == "NS" else there
        glue = glue | {(owner, value)} if kind != "NS" else glue
    there -= {line.split()[-1].removesuffix(".") for line in view.remove}
    mended = replace(parent, nameservers=tuple(sorted(there)), glue=tuple(sorted(glue)))
    again = check(replace(RIGHT, parent=mended), NOTHING)
    assert (again.right, again.add, again.remove) == (True, (), ())
