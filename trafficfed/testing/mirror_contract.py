"""What every place that keeps a copy of the table promises. A test class inherits it and gives its ``place``."""

import os
from collections.abc import Callable

import pytest

from trafficfed.table.mirror import CHUNK_LIMIT
from trafficfed.table.place import Chunk, MirrorPlace, Overtaken

DEADLINE_S = 30.0
ONE, TWO, HEADER = "trafficfed-table-1", "trafficfed-table-2", "trafficfed-table"

Place = Callable[[], MirrorPlace]


class MirrorPlaceContract:
    """``place`` makes one controller's view of the store of this test, which is empty at first."""

    @pytest.fixture
    def place(self) -> Place:
        raise NotImplementedError

    async def test_at_first_nothing_is_there(self, place: Place) -> None:
        assert await place().load(DEADLINE_S) == {}

    async def test_what_one_stores_another_loads(self, place: Place) -> None:
        every_octet = bytes(range(256))
        await place().store([Chunk(ONE, every_octet), Chunk(HEADER, b"head")], DEADLINE_S)
        assert await place().load(DEADLINE_S) == {ONE: every_octet, HEADER: b"head"}

    async def test_a_chunk_of_the_largest_size_is_kept(self, place: Place) -> None:
        data = os.urandom(CHUNK_LIMIT)
        await place().store([Chunk(HEADER, data)], DEADLINE_S)
        assert (await place().load(DEADLINE_S))[HEADER] == data

    async def test_more_chunks_than_a_page_are_all_kept(self, place: Place) -> None:
        chunks = {f"trafficfed-table-{number}": b"%d" % number for number in range(120)}
        await place().store([*(Chunk(*each) for each in chunks.items()), Chunk(HEADER, b"head")], DEADLINE_S)
        assert await place().load(DEADLINE_S) == {**chunks, HEADER: b"head"}

    async def test_the_same_writer_goes_on_without_loading(self, place: Place) -> None:
        ours = place()
        await ours.store([Chunk(ONE, b"1"), Chunk(HEADER, b"head")], DEADLINE_S)
        await ours.store([Chunk(ONE, b"2"), Chunk(TWO, b"new"), Chunk(HEADER, b"head 2")], DEADLINE_S)
        assert await place().load(DEADLINE_S) == {ONE: b"2", TWO: b"new", HEADER: b"head 2"}

    async def test_who_has_loaded_what_stands_may_replace_it(self, place: Place) -> None:
        await place().store([Chunk(HEADER, b"theirs")], DEADLINE_S)
        ours = place()
        await ours.load(DEADLINE_S)
        await ours.store([Chunk(HEADER, b"ours")], DEADLINE_S)
        assert await place().load(DEADLINE_S) == {HEADER: b"ours"}

    async def test_what_somebody_else_wrote_meanwhile_is_not_overwritten(self, place: Place) -> None:
        ours, theirs = place(), place()
        await ours.store([Chunk(HEADER, b"ours")], DEADLINE_S)
        await theirs.load(DEADLINE_S)
        await theirs.store([Chunk(HEADER, b"theirs")], DEADLINE_S)
        with pytest.raises(Overtaken, match=f"somebody else wrote {HEADER} in "):
            await ours.store([Chunk(HEADER, b"ours again")], DEADLINE_S)
        assert await place().load(DEADLINE_S) == {HEADER: b"theirs"}

    async def test_a_look_by_others_lets_nothing_be_overwritten(self, place: Place) -> None:
        """Nobody but the writer itself decides upon what it sees."""
        ours = place()
        await ours.store([Chunk(HEADER, b"ours")], DEADLINE_S)
        theirs = place()
        await theirs.load(DEADLINE_S)
        await theirs.store([Chunk(HEADER, b"theirs")], DEADLINE_S)
        assert await ours.look(DEADLINE_S) == {HEADER: b"theirs"}
        with pytest.raises(Overtaken):
            await ours.store([Chunk(HEADER, b"ours again")], DEADLINE_S)
        assert await place().look(DEADLINE_S) == {HEADER: b"theirs"}

    async def test_what_was_not_seen_is_not_overwritten(self, place: Place) -> None:
        await place().store([Chunk(HEADER, b"theirs")], DEADLINE_S)
        with pytest.raises(Overtaken):
            await place().store([Chunk(HEADER, b"ours")], DEADLINE_S)
        assert await place().load(DEADLINE_S) == {HEADER: b"theirs"}

    async def test_the_last_is_kept_only_with_all_others(self, place: Place) -> None:
        ours, theirs = place(), place()
        await ours.store([Chunk(HEADER, b"old")], DEADLINE_S)
        await theirs.store([Chunk(ONE, b"theirs"), Chunk(TWO, b"theirs")], DEADLINE_S)
        with pytest.raises(Overtaken):
            await ours.store([Chunk(ONE, b"1"), Chunk(TWO, b"2"), Chunk(HEADER, b"new")], DEADLINE_S)
        assert (await place().load(DEADLINE_S))[HEADER] == b"old"

    async def test_after_loading_again_an_overtaken_writer_goes_on(self, place: Place) -> None:
        ours = place()
        await place().store([Chunk(HEADER, b"theirs")], DEADLINE_S)
        with pytest.raises(Overtaken):
            await ours.store([Chunk(HEADER, b"ours")], DEADLINE_S)
        assert await ours.load(DEADLINE_S) == {HEADER: b"theirs"}
        await ours.store([Chunk(HEADER, b"ours")], DEADLINE_S)
        assert await ours.load(DEADLINE_S) == {HEADER: b"ours"}

    async def test_what_is_dropped_is_gone_and_the_rest_stays(self, place: Place) -> None:
        ours = place()
        await ours.store([Chunk(ONE, b"1"), Chunk(TWO, b"2"), Chunk(HEADER, b"head")], DEADLINE_S)
        await ours.drop([ONE], DEADLINE_S)
        assert await ours.load(DEADLINE_S) == {TWO: b"2", HEADER: b"head"}

    async def test_what_is_gone_already_may_be_dropped(self, place: Place) -> None:
        ours = place()
        await ours.store([Chunk(ONE, b"1"), Chunk(HEADER, b"head")], DEADLINE_S)
        await ours.drop([ONE, "trafficfed-table-never"], DEADLINE_S)
        await ours.drop([ONE], DEADLINE_S)
        assert await ours.load(DEADLINE_S) == {HEADER: b"head"}

    async def test_what_was_dropped_may_be_stored_again(self, place: Place) -> None:
        ours = place()
        await ours.store([Chunk(ONE, b"1"), Chunk(HEADER, b"head")], DEADLINE_S)
        await ours.drop([ONE], DEADLINE_S)
        await ours.store([Chunk(ONE, b"again"), Chunk(HEADER, b"head 2")], DEADLINE_S)
        assert await place().load(DEADLINE_S) == {ONE: b"again", HEADER: b"head 2"}

    async def test_what_somebody_else_dropped_is_not_stored_unseen(self, place: Place) -> None:
        ours, theirs = place(), place()
        await ours.store([Chunk(ONE, b"1"), Chunk(HEADER, b"head")], DEADLINE_S)
        await theirs.load(DEADLINE_S)
        await theirs.drop([ONE], DEADLINE_S)
        with pytest.raises(Overtaken):
            await ours.store([Chunk(ONE, b"2"), Chunk(HEADER, b"head 2")], DEADLINE_S)
        assert await place().load(DEADLINE_S) == {HEADER: b"head"}
