"""A CIDR table answers like a longest match, and its prefix is exactly the largest block with one value."""

import ipaddress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.nameserver.networks import Networks

LOW_BITS = 5  # the ranges vary in the lowest five bits, so that every address of interest can be tried

ranges = st.lists(
    st.tuples(st.integers(0, (1 << LOW_BITS) - 1), st.integers(0, LOW_BITS), st.sampled_from("ab")), max_size=6
)


def entries(drawn: list[tuple[int, int, str]], bits: int) -> list[tuple[str, str]]:
    base = int(ipaddress.ip_address("192.0.0.0" if bits == 32 else "2001:db8::"))
    return [
        (f"{ipaddress.ip_address(base | offset)}/{bits - LOW_BITS + length}", value) for offset, length, value in drawn
    ]


def longest_match(address: int, table: list[tuple[str, str]]) -> str | None:
    best: tuple[int, str] | None = None
    for text, value in table:
        network = ipaddress.ip_network(text, strict=False)
        inside = int(network.network_address) <= address <= int(network.broadcast_address)
        if inside and (best is None or network.prefixlen > best[0]):
            best = (network.prefixlen, value)
    return best[1] if best else None


@pytest.mark.parametrize("bits", [32, 128])
@pytest.mark.slow
@settings(deadline=None)
@given(drawn=ranges, offset=st.integers(0, (1 << LOW_BITS) - 1))
def test_the_value_is_that_of_the_longest_match(bits: int, drawn: list[tuple[int, int, str]], offset: int) -> None:
    table = entries(drawn, bits)
    address = int(ipaddress.ip_address("192.0.0.0" if bits == 32 else "2001:db8::")) | offset
    assert Networks(table).find(address, bits)[0] == longest_match(address, table)


@pytest.mark.parametrize("bits", [32, 128])
@pytest.mark.slow
@settings(deadline=None)
@given(drawn=ranges, offset=st.integers(0, (1 << LOW_BITS) - 1))
def test_the_block_has_one_value_and_the_next_larger_one_has_not(
    bits: int, drawn: list[tuple[int, int, str]], offset: int
) -> None:
    table = entries(drawn, bits)
    networks = Networks(table)
    address = int(ipaddress.ip_address("192.0.0.0" if bits == 32 else "2001:db8::")) | offset
    value, prefix = networks.find(address, bits)

    def values(length: int) -> set[str | None]:
        """Every value in the block; outside the varied bits nothing but None can stand."""
        size = 1 << (bits - length)
        start = address & ~(size - 1)
        base = address & ~((1 << LOW_BITS) - 1)
        inside = range(max(start, base), min(start + size, base + (1 << LOW_BITS)))
        found = {longest_match(each, table) for each in inside}
        return found | {None} if size > 1 << LOW_BITS else found

    assert values(prefix) == {value}
    assert prefix == 0 or len(values(prefix - 1)) > 1


def test_the_families_do_not_meet() -> None:
    table = Networks([("0.0.0.0/0", "four")])
    assert table.find(1, 32) == ("four", 0)
    assert table.find(1, 128) == (None, 0)


def test_of_two_equal_ranges_the_first_counts() -> None:
    table = Networks([("192.0.2.0/24", "first"), ("192.0.2.0/24", "second")])
    assert table.find(int(ipaddress.ip_address("192.0.2.7")), 32) == ("first", 24)


def test_what_is_no_range_is_refused() -> None:
    with pytest.raises(ValueError, match="does not appear"):
        Networks([("192.0.2.0/33", "x")])
