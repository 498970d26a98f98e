"""The table in chunks: complete whatever a writer is stopped at, and a change costs its own chunk."""

import random
import subprocess
import sys

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.model import OperatorControl, Row, Source
from trafficfed.table.mirror import (
    CHUNK_LIMIT,
    HEADER,
    MOST_CHUNKS,
    ROWS_MOST,
    Header,
    Image,
    Names,
    Oversized,
    Shards,
    chunks_for,
    image_of,
    index_of,
    read,
    snapshot_in,
    writes,
)
from trafficfed.table.place import Chunk
from trafficfed.table.seal import Seal
from trafficfed.table.table import Delta, Snapshot, Table
from trafficfed.testing import fleets

SEAL = Seal("demo", b"k" * 32)
NAMES = [f"s{number}" for number in range(12)]
DRAIN = OperatorControl(kind="drain", cluster="us", who="ann", why="upgrade")


def row(name: str, weight: int = 100) -> Row:
    return fleets.row(fleets.endpoint("eu", weight=weight), name=name, hostnames=(f"{name}.example.org",))


class Following:
    """A table, its chunks and the last image; what ``kept`` holds is what a place holds."""

    def __init__(self, table: Table, count: int = 0, token: str = "a") -> None:
        self.names = Names(token)
        self.table = table
        self.shards = Shards(table.rows.values(), table.generation, count)
        self.image: Image | None = None
        self.standing: Header | None = None
        self.kept: dict[str, bytes] = {}

    def take(self, delta: Delta | None) -> None:
        assert delta is not None
        self.shards.take(delta)

    def chunks(self) -> tuple[Chunk, ...]:
        """What is to be written now; it counts as written."""
        table = self.table
        sources = tuple(table.sources[name] for name in sorted(table.sources))
        self.image = image_of(self.shards.cut(table.term, sources, table.controls), self.image, SEAL)
        former = self.standing.names if self.standing else frozenset()
        chunks, self.standing = writes(self.image, self.standing, self.names, SEAL)
        self.unused = former - self.standing.names
        return chunks

    def write(self) -> list[str]:
        """Write it; the names."""
        chunks = self.chunks()
        self.kept.update((chunk.name, chunk.data) for chunk in chunks)
        for name in self.names.release(self.unused):
            del self.kept[name]
        return [chunk.name for chunk in chunks]


def loaded(kept: dict[str, bytes]) -> Snapshot | None:
    return snapshot_in(read(kept, SEAL))


@settings(max_examples=60, deadline=None)
@given(
    names=st.sets(st.sampled_from(NAMES)),
    count=st.sampled_from([1, 2, 8]),
    controls=fleets.controls(),
    clusters=st.sets(st.sampled_from(["eu", "us"])),
    term=st.integers(0, 3),
)
def test_any_table_comes_back_as_it_was(
    names: set[str], count: int, controls: tuple[OperatorControl, ...], clusters: set[str], term: int
) -> None:
    snapshot = Snapshot(
        term=term,
        generation=7,
        rows=tuple(row(name) for name in sorted(names)),
        sources=tuple(Source(cluster=name, uid="u", revision=4) for name in sorted(clusters)),
        controls=controls,
    )
    snapshot = Table(snapshot).snapshot()
    followed = Following(Table(snapshot), count)
    followed.write()
    assert loaded(followed.kept) == snapshot


def test_an_empty_table_is_a_header_only() -> None:
    followed = Following(Table())
    assert followed.write() == [HEADER]
    assert loaded(followed.kept) == Snapshot()


def test_where_nothing_is_there_is_no_table() -> None:
    assert loaded({}) is None
    assert loaded({"somebody-elses": b"x"}) is None


def test_one_change_writes_one_chunk_and_the_header() -> None:
    table = Table()
    table.commit([row(f"w{number}") for number in range(1000)])
    followed = Following(table)
    assert len(followed.write()) == 1 + 8
    before = followed.image
    followed.take(table.commit([row("w7", weight=5)]))
    written = followed.write()
    assert len(written) == 2
    assert written[-1] == HEADER
    assert before is not None
    assert followed.image is not None
    changed = [old is not new for old, new in zip(before.parts, followed.image.parts, strict=True)]
    assert changed.count(True) == 1
    assert loaded(followed.kept) == table.snapshot()


def test_one_change_has_only_its_chunk_encoded() -> None:
    """The cost is the chunk's, not the table's: nothing else is even looked at."""
    table = Table()
    table.commit([row(f"w{number}") for number in range(1000)])
    followed = Following(table)
    followed.write()
    followed.take(table.commit([row("w7", weight=5)]))
    cut = followed.shards.cut(0)
    (changed,) = cut.changed
    assert len(changed[1]) <= ROWS_MOST
    assert changed[0] == index_of(row("w7").key, cut.count)


def test_two_names_are_enough_for_a_chunk_that_changes_again_and_again() -> None:
    table = Table(Snapshot(rows=(row("web"),)))
    followed = Following(table)
    followed.write()
    for weight in range(1, 20):
        followed.take(table.commit([row("web", weight)]))
        followed.write()
        assert loaded(followed.kept) == table.snapshot()
    assert len(followed.kept) == 3


def test_what_a_former_writer_made_is_dropped_once_nothing_names_it() -> None:
    table = Table(Snapshot(rows=(row("web"), row("api"))))
    former = Following(table, 1, "former")
    former.write()
    latter = Following(table, 1, "latter")
    latter.kept, latter.standing = former.kept, former.standing
    table.commit([row("web", 5)])
    latter.shards = Shards(table.rows.values(), table.generation, 1)
    assert latter.write() == ["trafficfed-table-latter-1", HEADER]
    assert sorted(latter.kept) == [HEADER, "trafficfed-table-latter-1"]


def test_abandoned_names_are_never_used_again() -> None:
    names = Names("a")
    used = {names.take() for _ in range(3)}
    names.release(used)
    assert names.take() in used
    names.abandon()
    assert not {names.take() for _ in range(3)} & used


def test_what_changes_nothing_writes_nothing() -> None:
    followed = Following(Table(Snapshot(generation=3, rows=(row("web"),))))
    followed.write()
    assert followed.write() == []


def test_a_writer_begun_anew_writes_nothing_where_all_is_as_it_was() -> None:
    table = Table(Snapshot(generation=3, rows=tuple(row(name) for name in sorted(NAMES))))
    first = Following(table)
    first.write()
    again = Following(table)
    again.standing = read(first.kept, SEAL).header
    assert again.write() == []


def test_a_new_term_and_a_control_write_the_header_only() -> None:
    table = Table(Snapshot(generation=3, rows=(row("web"),)))
    followed = Following(table)
    followed.write()
    table.begin_term(4)
    assert followed.write() == [HEADER]
    followed.take(table.commit(controls=(DRAIN,)))
    assert followed.write() == [HEADER]
    assert loaded(followed.kept) == table.snapshot()


def test_a_row_that_went_and_came_back_unchanged_costs_the_header_only() -> None:
    table = Table(Snapshot(generation=3, rows=(row("web"),)))
    followed = Following(table)
    followed.write()
    followed.take(table.commit([row("web", weight=1)]))
    followed.take(table.commit([row("web")]))
    assert followed.write() == [HEADER]


def test_a_chunk_that_loses_its_last_row_is_named_no_more() -> None:
    table = Table(Snapshot(generation=3, rows=(row("web"),)))
    followed = Following(table)
    followed.write()
    followed.take(table.commit(removed=[row("web").key]))
    assert followed.write() == [HEADER]
    assert loaded(followed.kept) == table.snapshot()


@pytest.mark.parametrize(("before", "after"), [(8, 2), (2, 8)])
def test_another_number_of_chunks_is_written_beside_the_former(before: int, after: int) -> None:
    table = Table(Snapshot(generation=3, rows=tuple(row(name) for name in sorted(NAMES))))
    former = Following(table, before)
    former.write()
    latter = Following(table, after, "b")
    latter.standing = former.standing
    kept = dict(former.kept)
    for chunk in latter.chunks():
        assert loaded(kept) == table.snapshot()
        kept[chunk.name] = chunk.data
    assert loaded(kept) == table.snapshot()


steps = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 3), st.randoms()), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(steps=steps, count=st.sampled_from([1, 4]))
def test_stopped_anywhere_the_old_or_the_new_table_loads(
    steps: list[tuple[str, int, random.Random]], count: int
) -> None:
    """Each step changes the table; then some of what is to be written arrives, in any order but the header last.

    Whoever goes on knows only what is kept, as after a kill.
    """
    table = Table(Snapshot(rows=(row("web"),)))
    first = Following(table, count)
    first.write()
    kept, whole = first.kept, table.snapshot()
    for number, (name, weight, chance) in enumerate(steps):
        table.commit(removed=[row(name).key]) if weight == 0 else table.commit([row(name, weight)])
        writer = Following(table, count, f"w{number}")
        writer.standing = read(kept, SEAL).header
        chunks = list(writer.chunks())
        order = chance.sample(chunks[:-1], len(chunks[:-1])) + chunks[-1:]
        for chunk in order[: chance.randint(0, len(order))]:
            kept[chunk.name] = chunk.data
            if chunk.name == HEADER:
                whole = table.snapshot()
            assert loaded(kept) == whole


def test_chunks_are_counted_by_rows_in_powers_of_two() -> None:
    counts = [chunks_for(rows) for rows in range(0, 100_000, 37)]
    assert counts == sorted(counts)
    assert all(count & (count - 1) == 0 for count in counts)
    assert all(rows / chunks_for(rows) <= ROWS_MOST for rows in range(1, 100_000, 37))


def test_too_many_rows_for_the_chunks_ends_the_following() -> None:
    table = Table()
    shards = Shards((), 0)
    for number in range(ROWS_MOST):
        delta = table.commit([row(f"w{number}")])
        assert delta is not None
        shards.take(delta)
    assert shards.generation == ROWS_MOST
    delta = table.commit([row("one-more")])
    assert delta is not None
    shards.take(delta)
    assert shards.generation == -1


def test_rows_replaced_again_and_again_do_not_count_as_more() -> None:
    table = Table()
    shards = Shards((), 0)
    for number in range(3 * ROWS_MOST):
        delta = table.commit([row("web", weight=1 + number)])
        assert delta is not None
        shards.take(delta)
    assert shards.generation == table.generation


def test_a_change_that_is_not_the_next_ends_the_following() -> None:
    shards = Shards((row("web"),), 3)
    shards.take(Delta(term=0, generation=5, rows=(row("api"),)))
    assert shards.generation == -1
    shards.take(Delta(term=0, generation=6))
    assert shards.generation == -1


def incompressible(octets: int) -> str:
    """Text of so many octets' worth of randomness."""
    return random.Random(1).randbytes(octets).hex()


def test_a_chunk_that_would_not_fit_is_told() -> None:
    large = row("web")
    large = msgspec.structs.replace(large, last_good=(incompressible(CHUNK_LIMIT),))
    with pytest.raises(Oversized, match=f"of which {CHUNK_LIMIT} can be kept") as caught:
        image_of(Shards([large], 1).cut(0), None, SEAL)
    assert not caught.value.divisible
    with pytest.raises(Oversized, match="chunk 0 of the table's mirror takes") as caught:
        image_of(Shards([large, row("api")], 1).cut(0), None, SEAL)
    assert caught.value.divisible


def test_a_header_that_would_not_fit_is_told() -> None:
    source = Source(cluster="eu", reason=incompressible(CHUNK_LIMIT))
    image = image_of(Shards((), 1).cut(0, [source]), None, SEAL)
    with pytest.raises(Oversized, match="the header of the table's mirror takes"):
        writes(image, None, Names("a"), SEAL)


def test_every_process_puts_a_row_into_the_same_chunk() -> None:
    """Python's own hash differs from process to process."""
    code = (
        "from trafficfed.model import ServiceKey as K; from trafficfed.table.mirror import index_of;"
        "print([index_of(K('prod', 'shop', f's{n}'), 64) for n in range(12)])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == str([index_of(fleets.key(name), 64) for name in NAMES])


def test_the_rows_spread_over_the_chunks() -> None:
    filled = [0] * 64
    for number in range(64 * 100):
        filled[index_of(fleets.key(f"web-{number}"), 64)] += 1
    assert min(filled) > 50
    assert max(filled) < 160
    assert MOST_CHUNKS * ROWS_MOST >= 1_000_000
