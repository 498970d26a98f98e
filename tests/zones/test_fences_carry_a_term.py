"""A fence says whose leadership of which term may write, and is read back as written; the rest is foreign."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trafficfed.model import RecordSet
from trafficfed.zones.fence import Fence, fallen, fence_name, fence_set, parse_fence, term_in
from trafficfed.zones.ownership import Marker, marker_set, parse_marker

ZONE = "fed.test"
NAME = "_trafficfed.fed.test"

owners = st.text(min_size=1, max_size=300)
terms = st.integers(min_value=0, max_value=10**18 - 1)


def txt(*values: str, name: str = NAME) -> RecordSet:
    return RecordSet(name=name, type="TXT", ttl=300, values=values)


def test_it_stands_at_one_name_of_the_zone_and_can_be_read_by_a_person() -> None:
    assert fence_name(ZONE) == NAME
    assert fence_set(ZONE, "prod", 7) == txt('"trafficfed/1 owner=prod term=7"')


@given(owners, terms)
def test_what_is_written_is_read_back(owner: str, term: int) -> None:
    assert parse_fence(fence_set(ZONE, owner, term)) == Fence(owner, term)


@given(owners, terms)
def test_no_string_of_it_is_longer_than_a_txt_record_holds_and_none_needs_an_escape(owner: str, term: int) -> None:
    """RFC 1035 section 3.3: a character-string has 255 octets at most."""
    (value,) = fence_set(ZONE, owner, term).values
    assert value.isascii()
    assert all(len(string) <= 255 and "\\" not in string for string in value[1:-1].split('" "'))


@given(owners, owners, terms, terms)
def test_different_leaderships_have_different_fences(one: str, other: str, first: int, second: int) -> None:
    same = (one, first) == (other, second)
    assert (fence_set(ZONE, one, first) == fence_set(ZONE, other, second)) == same


@pytest.mark.parametrize(
    "values",
    [
        ('"v=spf1 -all"',),
        ('"trafficfed/2 owner=prod term=7"',),
        ('"trafficfed/1 owner=prod"',),
        ('"trafficfed/1 term=7 owner=prod"',),
        ('"trafficfed/1 owner=prod term=7 more=1"',),
        ('"trafficfed/1 owner=prod term=-7"',),
        ('"trafficfed/1 owner=prod term="',),
        ('"trafficfed/1 owner=prod term=seven"',),
        ('"trafficfed/1 owner=prod term=\u0667"',),
        ('"trafficfed/1 owner=prod term=1000000000000000000"',),
        ('"trafficfed/1 owner=prod term=7"', '"trafficfed/1 owner=prod term=8"'),
        (),
    ],
)
def test_what_is_not_understood_whole_is_no_fence(values: tuple[str, ...]) -> None:
    assert parse_fence(txt(*values)) is None
    assert term_in((txt(*values),), ZONE, "prod") == 0


def test_a_marker_is_no_fence_and_a_fence_no_marker() -> None:
    assert parse_fence(marker_set(NAME, Marker(owner="prod", service="default/shop/web"))) is None
    assert parse_marker(fence_set(ZONE, "prod", 7)) is None


def test_the_term_of_a_zone_is_that_of_our_owners_fence() -> None:
    zone = (txt('"note"', name=f"web.{ZONE}"), fence_set(ZONE, "prod", 7), fence_set("other.test", "prod", 9))
    assert term_in(zone, ZONE, "prod") == 7
    assert term_in(zone, ZONE, "dev") == 0
    assert term_in((), ZONE, "prod") == 0


def test_a_fallen_fence_tells_what_stands_instead() -> None:
    ours = fence_set(ZONE, "prod", 7)
    higher = fallen(ours, (fence_set(ZONE, "prod", 8),))
    assert higher.term == 8
    assert str(higher) == (
        'the fence _trafficfed.fed.test no longer says "trafficfed/1 owner=prod term=7": '
        'it says "trafficfed/1 owner=prod term=8"'
    )
    gone = fallen(ours, (txt('"note"', name=f"web.{ZONE}"),))
    assert (gone.term, str(gone).endswith("it is gone")) == (0, True)


def test_the_term_of_another_owner_is_nothing_to_go_by() -> None:
    assert fallen(fence_set(ZONE, "prod", 7), (fence_set(ZONE, "dev", 8),)).term == 0
