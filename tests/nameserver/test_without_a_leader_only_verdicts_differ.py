"""Without a leader, verdicts may change which endpoints of the leader's last table serve, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from trafficfed.errors import Refused
from trafficfed.feed.messages import Beat, Overlay, Standing, controls_digest
from trafficfed.feed.notes import Note
from trafficfed.model import Endpoint, Member, OperatorControl, Row, ServiceKey, Verdict
from trafficfed.nameserver.index import Index
from trafficfed.nameserver.overlay import Overlaid, objection
from trafficfed.nameserver.replica import Replica
from trafficfed.nameserver.respond import Responder
from trafficfed.table.codec import encode_delta, encode_snapshot
from trafficfed.table.table import Delta, Snapshot, Table
from trafficfed.testing.nameservers import ask, values
from trafficfed.testing.sample_zone import EU, US, ZONE, anyone, responder_for, service_row

ENDPOINTS = (
    Endpoint(cluster="eu", addresses=("192.0.2.1",), ready=2),
    Endpoint(cluster="us", addresses=("192.0.2.2",), ready=2),
)
FREEZE = (OperatorControl(kind="freeze", service="default/prod/a"),)


def row(name: str, *pool: Member, endpoints: tuple[Endpoint, ...] = ENDPOINTS) -> Row:
    made = service_row(f"{name}.example.org", anyone(*(pool or (EU, US))), name=name)
    verdicts = tuple(
        Verdict(cluster=each.cluster, address=each.addresses[0], serving=each.cluster in {p.cluster for p in pool})
        for each in endpoints
    )
    return replace(made, endpoints=endpoints, verdicts=verdicts)


def key(name: str) -> ServiceKey:
    return row(name).key


class Server:
    """A replica that answers, at generation 5 of term 3 with services a and b."""

    def __init__(self, controls: tuple[OperatorControl, ...] = ()) -> None:
        self.responder: Responder = responder_for(())
        self.notes: list[Note] = []
        self.confirmed = 0
        self.kept: list[Delta | None] = []
        table = Table(Snapshot(term=3, generation=5, rows=(row("a"), row("b")), controls=controls))
        self.replica = Replica(table, lambda: Index((ZONE,)), self._use, self._confirm, self.notes.append)
        self.replica.changed = self.kept.append
        self.before = table.snapshot()

    def _use(self, index: Index) -> None:
        self.responder.index = index

    def _confirm(self) -> None:
        self.confirmed += 1

    async def alone(self, *rows: Row, whole: bool = True) -> None:
        """Follow a controller that has no leader and judges these rows otherwise."""
        await self.replica.compile()
        self.replica.begin(Beat(3, 5, Standing.ALONE))
        self.replica.take_overlay(overlay(*rows, whole=whole))

    def answers(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        return values(ask(self.responder, "a.example.org")), values(ask(self.responder, "b.example.org"))

    @property
    def serial(self) -> int:
        serial: int = ask(self.responder, "example.org", "SOA").answer[0][0].serial
        return serial


def overlay(
    *rows: Row,
    term: int = 3,
    dropped: tuple[ServiceKey, ...] = (),
    whole: bool = False,
    controls: tuple[OperatorControl, ...] = (),
) -> Overlay:
    return Overlay(term, controls_digest(controls), rows, dropped, whole)


BOTH, EU_ONLY, US_ONLY = ("192.0.2.1", "192.0.2.2"), ("192.0.2.1",), ("192.0.2.2",)


async def test_a_dead_region_leaves_the_answers_but_not_the_table() -> None:
    server = Server()
    await server.alone(row("a", US), row("b", US))
    assert server.answers() == (US_ONLY, US_ONLY)
    assert server.serial == 5, "the serial stands still: nothing was published"
    assert server.replica.table.snapshot() == server.before
    assert server.kept == [], "nothing of it reaches the disk"
    assert server.replica.overlaid == 2
    assert server.notes[-1] == Note("Overlaid", "no leader is heard: 2 services are answered by other verdicts")


async def test_changes_of_the_overlay_cost_only_their_rows() -> None:
    server = Server()
    await server.alone(row("a", US), row("b", US))
    server.replica.take_overlay(overlay(row("a", EU)))
    assert server.answers() == (EU_ONLY, US_ONLY)
    server.replica.take_overlay(overlay(dropped=(key("b"),)))
    assert server.answers() == (EU_ONLY, BOTH)
    server.replica.take_overlay(overlay(dropped=(key("a"), key("never.there"))))
    assert server.answers() == (BOTH, BOTH)
    assert server.replica.overlaid == 0


async def test_a_whole_overlay_replaces_another_controllers() -> None:
    server = Server()
    await server.alone(row("a", US))
    server.replica.take_overlay(overlay(row("b", EU), whole=True))
    assert server.answers() == (BOTH, EU_ONLY)


@pytest.mark.parametrize("standing", [Standing.LEADS, Standing.RELAYS])
async def test_a_leader_that_is_back_restores_the_rows(standing: Standing) -> None:
    """Its own beat or a relay's at the position where we are: the same as a complete table."""
    server = Server()
    await server.alone(row("a", US))
    server.replica.take_beat(Beat(3, 5, Standing.ALONE))
    assert server.answers() == (US_ONLY, BOTH)
    server.replica.begin(Beat(3, 5, standing))
    assert server.answers() == (US_ONLY, BOTH), "until it is certain that nothing was missed"
    server.replica.take_beat(Beat(3, 5, standing))
    assert server.answers() == (BOTH, BOTH)
    assert server.notes[-1] == Note("Overlaid", "a leader is heard again: the answers are the table's")


@pytest.mark.parametrize("standing", Standing)
async def test_a_complete_table_of_a_higher_term_ends_it_whoever_sends_it(standing: Standing) -> None:
    server = Server()
    await server.alone(row("a", US))
    server.replica.begin(Beat(4, 1, standing))
    await server.replica.take_full("e", encode_snapshot(Snapshot(term=4, generation=6, rows=(row("a"), row("b", EU)))))
    assert server.answers() == (BOTH, EU_ONLY)
    assert server.replica.overlaid == 0


async def test_the_leaders_next_change_ends_all_of_it() -> None:
    server = Server()
    await server.alone(row("a", US))
    server.replica.begin(Beat(3, 5, Standing.LEADS))
    await server.replica.take_change(encode_delta(Delta(term=3, generation=6, rows=(row("b", EU),))))
    assert server.answers() == (BOTH, EU_ONLY)


async def test_another_that_is_alone_with_the_same_table_lets_the_verdicts_stand() -> None:
    """Between its table and its own overlay no dead endpoint comes back."""
    server = Server()
    await server.alone(row("a", US), row("b", US))
    server.replica.begin(Beat(3, 6, Standing.ALONE))
    changed = row("b", endpoints=(*ENDPOINTS, Endpoint(cluster="ap", addresses=("192.0.2.3",))))
    await server.replica.take_full("e", encode_snapshot(Snapshot(term=3, generation=6, rows=(row("a"), changed))))
    assert server.answers() == (US_ONLY, BOTH)
    assert (server.serial, server.replica.overlaid) == (6, 1)


async def test_a_change_of_the_table_ends_what_rested_on_the_row_before() -> None:
    server = Server()
    await server.alone(row("a", US), row("b", US))
    await server.replica.take_change(encode_delta(Delta(term=3, generation=6, rows=(row("a", EU),))))
    assert server.answers() == (EU_ONLY, US_ONLY)
    await server.replica.take_change(encode_delta(Delta(term=3, generation=7, removed=(key("b"),))))
    assert server.answers() == (EU_ONLY, ())
    assert server.replica.overlaid == 0


async def test_an_overlay_in_the_midst_of_following_needs_no_beat_before_it() -> None:
    server = Server()
    await server.replica.compile()
    server.replica.begin(Beat(3, 5, Standing.RELAYS))
    server.replica.take_overlay(overlay(row("a", US), whole=True))
    assert server.answers() == (US_ONLY, BOTH)
    assert not server.replica.led


@pytest.mark.parametrize(
    ("other", "why"),
    [
        (row("c", US), "the leader's last table does not have it"),
        (replace(row("a", US), service=replace(row("a").service, ttl=5)), "its declaration is not the leader's last"),
        (row("a", US, endpoints=ENDPOINTS[1:]), "its endpoints are not those of the leader's last table"),
        (
            row("a", US, endpoints=(ENDPOINTS[0], replace(ENDPOINTS[1], addresses=("203.0.113.9",)))),
            "its endpoints are not those of the leader's last table",
        ),
        (
            row("a", US, endpoints=(ENDPOINTS[0], replace(ENDPOINTS[1], uid="another"))),
            "its endpoints are not those of the leader's last table",
        ),
        (
            row("a", US, endpoints=(ENDPOINTS[0], replace(ENDPOINTS[1], drained=True))),
            "its endpoints are not those of the leader's last table",
        ),
        (replace(row("a", US), decision=None), "it is not decided"),
    ],
    ids=["new service", "declaration", "endpoint gone", "address", "identity", "drain", "undecided"],
)
async def test_what_differs_in_more_than_verdicts_is_not_answered(other: Row, why: str) -> None:
    server = Server()
    await server.alone(other, row("b", US))
    assert server.answers() == (BOTH, US_ONLY), "one bad row harms itself only"
    refused = [note.message for note in server.notes if note.event == "OverlayRefused"]
    assert refused == [f"verdicts made without a leader are not taken: {other.key}: {why}"]


async def test_how_many_are_ready_is_no_declaration() -> None:
    server = Server()
    await server.alone(row("a", US, endpoints=(replace(ENDPOINTS[0], ready=0), ENDPOINTS[1])))
    assert server.answers() == (US_ONLY, BOTH)


async def test_verdicts_on_another_terms_table_are_not_taken() -> None:
    server = Server()
    await server.alone(row("a", US))
    for term in (2, 4):
        server.replica.take_overlay(overlay(row("b", US), term=term, whole=True))
        assert server.answers() == (BOTH, BOTH), "and as it is whole, what was taken before has ended"
    refused = [note.message for note in server.notes if note.event == "OverlayRefused"]
    assert refused == [
        "verdicts made without a leader are not taken: they rest on a table of term 2, ours is of 3",
        "verdicts made without a leader are not taken: they rest on a table of term 4, ours is of 3",
    ]


async def test_verdicts_under_other_operator_controls_are_not_taken() -> None:
    """A freeze or drain of the leader's last table stays, whatever a controller alone knows of."""
    server = Server(controls=FREEZE)
    await server.alone(row("a", US))
    assert server.answers() == (BOTH, BOTH)
    assert "they rest on other operator controls than ours" in server.notes[-1].message
    server.replica.take_overlay(overlay(row("a", US), controls=FREEZE))
    assert server.answers() == (US_ONLY, BOTH)


async def test_the_same_refusal_is_told_once() -> None:
    server = Server()
    await server.alone(row("c", US))
    for _ in range(5):
        server.replica.take_overlay(overlay(row("c", US)))
    assert [note.event for note in server.notes] == ["OverlayRefused"]


async def test_a_table_behind_ours_is_waited_for_where_its_sender_does_not_lead() -> None:
    """It lacks no service, but its leader's last change: taken back, the answers would be older than they were."""
    for standing in (Standing.RELAYS, Standing.ALONE):
        server = Server()
        await server.replica.compile()
        server.replica.begin(Beat(3, 4, standing))
        old = encode_snapshot(Snapshot(term=3, generation=4, rows=(row("a", EU), row("b", EU))))
        await server.replica.take_full("e", old)
        server.replica.take_beat(Beat(3, 4, standing))
        assert (server.answers(), server.serial, server.confirmed) == ((BOTH, BOTH), 5, 0)
        assert server.notes[-1].message.endswith("is at generation 4, ours at 5: it waits for the leader's changes")
        await server.replica.take_change(encode_delta(Delta(term=3, generation=5, rows=(row("b", US),))))
        assert (server.answers(), server.confirmed) == ((EU_ONLY, US_ONLY), 1)


async def test_a_relay_that_is_behind_in_our_own_history_is_no_error() -> None:
    server = Server()
    await server.replica.compile()
    server.replica.begin(Beat(3, 5, Standing.RELAYS))
    server.replica.take_beat(Beat(3, 4, Standing.RELAYS))
    assert server.confirmed == 0, "nor does it confirm what we have"
    server.replica.take_beat(Beat(3, 5, Standing.RELAYS))
    assert server.confirmed == 1
    with pytest.raises(Refused, match="it is at generation 4, we at 5"):
        server.replica.take_beat(Beat(3, 4, Standing.LEADS))


async def test_verdicts_are_taken_although_the_senders_table_is_behind() -> None:
    server = Server()
    await server.replica.compile()
    server.replica.begin(Beat(3, 4, Standing.ALONE))
    await server.replica.take_full("e", encode_snapshot(Snapshot(term=3, generation=4, rows=(row("a", EU), row("b")))))
    server.replica.take_overlay(overlay(row("a", US), whole=True))
    assert server.answers() == (US_ONLY, BOTH)


names = st.sampled_from("abcd")
pools = st.sampled_from(((EU,), (US,), (EU, US)))
own_rows = st.dictionaries(names, st.sampled_from((ENDPOINTS, ENDPOINTS[:1])), max_size=4)
others = st.lists(
    st.tuples(names, pools, st.sampled_from((ENDPOINTS, ENDPOINTS[:1], ENDPOINTS[1:])), st.booleans()), max_size=4
)
messages = st.lists(st.tuples(others, st.lists(names, max_size=2), st.booleans(), st.sampled_from((2, 3))), max_size=6)


@given(own_rows, messages)
def test_over_any_overlays_only_verdicts_of_our_own_rows_differ_and_all_of_it_can_end(
    own: dict[str, tuple[Endpoint, ...]],
    sent: list[tuple[list[tuple[str, tuple[Member, ...], tuple[Endpoint, ...], bool]], list[str], bool, int]],
) -> None:
    """And whoever applies only the rows that are given back answers exactly what is overlaid."""
    table = Table(Snapshot(term=3, rows=tuple(row(name, endpoints=own[name]) for name in sorted(own))))
    overlaid, answered = Overlaid(), dict(table.rows)
    for rows, dropped, whole, term in sent:
        made = [
            replace(each, service=replace(each.service, ttl=5)) if foreign else each
            for name, pool, endpoints, foreign in rows
            for each in [row(name, *pool, endpoints=endpoints)]
        ]
        message = overlay(*made, term=term, dropped=tuple(key(name) for name in dropped), whole=whole)
        changed, _ = overlaid.take(table, message)
        answered.update((each.key, each) for each in changed)
        assert answered == {**table.rows, **overlaid.rows}
        assert len({each.key for each in changed}) == len(changed)
        assert all(objection(table.rows.get(at), each) == "" for at, each in overlaid.rows.items())
    answered.update((each.key, each) for each in overlaid.end_all(table))
    assert answered == table.rows
    assert not overlaid.rows
