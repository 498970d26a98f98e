"""Exports of one Service come to one import: a union of ports, the oldest's word otherwise, and each conflict told."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.services.exports import Common, Export, ImportType, Port, Preference, Reason
from trafficfed.services.merge import FIELDS, merge, served_ports

HTTP, HTTPS = Port(name="http", port=80), Port(name="https", port=443)
FEW = settings(max_examples=80, deadline=None)
PORTS = st.builds(
    Port,
    name=st.sampled_from(("", "http", "https", "dns")),
    port=st.sampled_from((53, 80, 443)),
    protocol=st.sampled_from(("TCP", "UDP")),
    app_protocol=st.sampled_from(("", "h2c")),
)
COMMONS = st.builds(
    Common,
    type=st.sampled_from(ImportType),
    session_affinity=st.sampled_from(("None", "ClientIP")),
    affinity_timeout_s=st.sampled_from((None, 600)),
    ip_families=st.sampled_from((("IPv4",), ("IPv4", "IPv6"))),
    internal_traffic_policy=st.sampled_from(("Cluster", "Local")),
    traffic_distribution=st.sampled_from(("", "PreferSameZone")),
    labels=st.sampled_from(((), (("a", "b"),))),
    annotations=st.sampled_from(((), (("c", "d"),))),
    preference=st.sampled_from((Preference(), Preference(others=False))),
)
EXPORTS = st.lists(
    st.builds(
        Export,
        cluster=st.sampled_from(("ap", "eu", "us", "lab")),
        created_s=st.sampled_from((1.0, 2.0, 3.0)),
        common=COMMONS,
        ports=st.lists(PORTS, max_size=3, unique=True).map(tuple),
    ),
    max_size=4,
    unique_by=lambda each: each.cluster,
)


def export(cluster: str, *ports: Port, created_s: float = 1.0, **common: object) -> Export:
    return Export(cluster=cluster, created_s=created_s, common=replace(Common(), **common), ports=ports)


def told(*exports: Export) -> list[tuple[Reason, tuple[str, ...]]]:
    merged = merge(exports)
    assert merged is not None
    return [(each.reason, each.losers) for each in merged.conflicts]


@FEW
@given(EXPORTS, st.randoms(use_true_random=False))
def test_the_order_in_which_exports_are_known_does_not_matter(exports: list[Export], chance: object) -> None:
    shuffled = list(exports)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert merge(shuffled) == merge(exports)


@FEW
@given(EXPORTS)
def test_the_oldest_keeps_all_of_its_own_word(exports: list[Export]) -> None:
    merged = merge(exports)
    assert (merged is None) == (not exports)
    if merged is None:
        return
    oldest = min(exports, key=lambda each: (each.created_s, each.cluster))
    assert merged.common == oldest.common
    alone = merge([oldest])
    assert alone is not None
    assert set(alone.ports) <= set(merged.ports)
    assert merged.clusters == tuple(sorted(each.cluster for each in exports))


@FEW
@given(EXPORTS)
def test_what_is_served_could_stand_in_one_service(exports: list[Export]) -> None:
    merged = merge(exports)
    ports = merged.ports if merged else ()
    assert len({port.name for port in ports}) == len(ports)
    assert len({(port.protocol, port.port) for port in ports}) == len(ports)
    assert len(ports) < 2 or all(port.name for port in ports)


@FEW
@given(EXPORTS)
def test_no_cluster_stands_under_a_port_that_is_not_its_own(exports: list[Export]) -> None:
    merged = merge(exports)
    for each in exports:
        assert merged is not None
        assert set(served_ports(merged, each)) == set(each.ports) & set(merged.ports)


@FEW
@given(EXPORTS)
def test_there_is_a_conflict_exactly_where_exports_differ(exports: list[Export]) -> None:
    merged = merge(exports)
    found = {each.reason for each in merged.conflicts} if merged else set()
    for reason, field in FIELDS:
        assert (reason in found) == (len({getattr(each.common, field) for each in exports}) > 1)
    ports = {frozenset(each.ports) for each in exports}
    clashing = merged is not None and any(not set(each.ports) <= set(merged.ports) for each in exports)
    assert (Reason.PORT in found) == (len(ports) > 1 or clashing)


@pytest.mark.parametrize(
    ("older", "younger", "ports", "losers"),
    [
        ([HTTP], [HTTPS], [HTTP, HTTPS], ()),
        ([HTTP], [replace(HTTP, port=8080)], [HTTP], ("us",)),
        ([HTTP], [replace(HTTP, name="web")], [HTTP], ("us",)),
        ([HTTP], [replace(HTTP, app_protocol="h2c")], [HTTP], ("us",)),
        ([Port(port=80)], [HTTP], [Port(port=80)], ("us",)),
        ([HTTP], [Port(port=443)], [HTTP], ("us",)),
        ([Port(name="dns", port=53)], [Port(name="dns-udp", port=53, protocol="UDP")], None, ()),
    ],
)
def test_ports_are_a_union_in_which_the_oldest_wins(
    older: list[Port], younger: list[Port], ports: list[Port] | None, losers: tuple[str, ...]
) -> None:
    exports = export("eu", *older), export("us", *younger, created_s=2.0)
    merged = merge(exports)
    assert merged is not None
    assert list(merged.ports) == (ports if ports is not None else [*older, *younger])
    assert told(*exports) == [(Reason.PORT, losers)]


def test_equal_exports_have_no_conflict() -> None:
    assert told(export("eu", HTTP, HTTPS), export("us", HTTPS, HTTP, created_s=9.0)) == []


def test_who_lost_and_to_whom_is_told() -> None:
    merged = merge([export("us", HTTP, created_s=5.0, type=ImportType.HEADLESS), export("eu", HTTP)])
    assert merged is not None
    (conflict,) = merged.conflicts
    assert (conflict.reason, conflict.losers) == (Reason.TYPE, ("us",))
    assert conflict.message == "type of us is another than that of eu, whose export is older"


def test_of_one_age_the_first_by_name_is_the_oldest() -> None:
    assert told(export("us", HTTP, session_affinity="ClientIP"), export("eu", HTTP)) == [
        (Reason.SESSION_AFFINITY, ("us",))
    ]
