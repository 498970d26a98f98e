"""A controller starts from the newest of the places and its disk; what could not be read is named, not ignored."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import Refused, Transient
from trafficfed.model import Row
from trafficfed.table.mirror import HEADER, Names, Shards, image_of, writes
from trafficfed.table.mirroring import Loaded, newest
from trafficfed.table.place import Chunk, Overtaken
from trafficfed.table.seal import Seal
from trafficfed.table.table import Snapshot
from trafficfed.testing import fleets
from trafficfed.testing.mirror_places import MemoryPlace, Shelf

pytestmark = pytest.mark.looptime

KEY = b"k" * 32
DEADLINE_S = 5.0


def row(name: str) -> Row:
    return fleets.row(fleets.endpoint("eu"), name=name, hostnames=(f"{name}.example.org",))


def table(term: int, generation: int) -> Snapshot:
    """One that tells by its rows which it is."""
    return Snapshot(term=term, generation=generation, rows=(row(f"t{term}-g{generation}"),))


def shelf_with(snapshot: Snapshot, *, key: bytes = KEY, owner: str = "demo") -> Shelf:
    shelf, seal = Shelf(), Seal(owner, key)
    cut = Shards(snapshot.rows, snapshot.generation).cut(snapshot.term, snapshot.sources, snapshot.controls)
    for chunk in writes(image_of(cut, None, seal), None, Names("a"), seal)[0]:
        shelf.put(chunk.name, chunk.data)
    return shelf


async def start(*shelves: Shelf, disk: Snapshot | None = None) -> Loaded:
    names = ("eu", "us", "ap")
    places = [MemoryPlace(name, shelf) for name, shelf in zip(names, shelves, strict=False)]
    return await newest(places, disk, DEADLINE_S, key=KEY, owner="demo")


async def test_where_nobody_has_a_table_the_fleet_is_new() -> None:
    found = await start(Shelf(), Shelf(), Shelf(), disk=Snapshot())
    assert found == Loaded(None, "", ("eu", "us", "ap"), ())
    assert found.is_new_fleet


async def test_a_silent_place_may_hold_a_table_so_the_fleet_is_not_known_to_be_new() -> None:
    silent = Shelf()
    silent.hangs = True
    found = await start(Shelf(), silent, Shelf())
    assert found.snapshot is None
    assert found.missing == (("us", "no answer in 5 s"),)
    assert not found.is_new_fleet


async def test_the_newest_of_the_places_is_taken() -> None:
    found = await start(shelf_with(table(2, 9)), shelf_with(table(2, 11)), shelf_with(table(2, 10)))
    assert found == Loaded(table(2, 11), "us", ("eu", "us", "ap"), ())


async def test_the_term_counts_before_the_generation() -> None:
    found = await start(shelf_with(table(2, 90)), shelf_with(table(3, 4)))
    assert found.snapshot == table(3, 4)


async def test_a_newer_table_on_the_disk_is_taken() -> None:
    found = await start(shelf_with(table(2, 9)), disk=table(2, 10))
    assert (found.snapshot, found.source) == (table(2, 10), "disk")


async def test_an_older_table_on_the_disk_is_not() -> None:
    found = await start(shelf_with(table(2, 9)), disk=table(1, 100))
    assert (found.snapshot, found.source) == (table(2, 9), "eu")


async def test_of_equals_the_disks_is_taken() -> None:
    found = await start(shelf_with(table(2, 9)), disk=table(2, 9))
    assert found.source == "disk"


async def test_without_places_there_is_the_disk() -> None:
    assert (await start(disk=table(1, 4))).snapshot == table(1, 4)
    assert (await start()).is_new_fleet


async def test_all_places_are_asked_at_once_and_none_beyond_the_deadline() -> None:
    silent = [Shelf(), Shelf()]
    for shelf in silent:
        shelf.hangs = True
    began_s = asyncio.get_running_loop().time()
    found = await start(*silent, shelf_with(table(2, 9)))
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(DEADLINE_S)
    assert found.snapshot == table(2, 9)


@pytest.mark.parametrize("failure", [Transient("cannot connect to it"), Refused("403 Forbidden")])
async def test_a_place_that_fails_is_missing_for_its_reason(failure: Transient | Refused) -> None:
    broken = shelf_with(table(9, 9))
    broken.failure = failure
    found = await start(broken, shelf_with(table(2, 9)))
    assert found == Loaded(table(2, 9), "us", ("us",), (("eu", str(failure)),))


async def test_a_forged_newer_table_is_missing_and_the_older_true_one_is_taken() -> None:
    forged = shelf_with(table(9, 9), key=b"guessed" * 5)
    found = await start(forged, shelf_with(table(2, 9)))
    assert (found.snapshot, found.answered) == (table(2, 9), ("us",))
    assert found.missing == (("eu", "trafficfed-table is not authentic: it was altered, or sealed with another key"),)


async def test_another_federations_table_is_missing_for_that_reason() -> None:
    ((place, why),) = (await start(shelf_with(table(2, 9), owner="other"))).missing
    assert place == "eu"
    assert why.startswith("trafficfed-table belongs to the federation 'other'")


async def test_a_newer_but_incomplete_table_is_missing_and_the_complete_one_is_taken() -> None:
    torn = shelf_with(table(3, 9))
    del torn.chunks["trafficfed-table-a-1"]
    found = await start(torn, shelf_with(table(2, 9)))
    assert found == Loaded(
        table(2, 9),
        "us",
        ("us",),
        (("eu", "its generation 9 of term 3 cannot be read: trafficfed-table-a-1 is missing"),),
    )


async def test_an_older_incomplete_table_is_told_too() -> None:
    torn = shelf_with(table(1, 1))
    del torn.chunks["trafficfed-table-a-1"]
    found = await start(shelf_with(table(2, 9)), torn)
    assert found.snapshot == table(2, 9)
    assert [place for place, _ in found.missing] == ["us"]


async def test_a_place_that_lost_its_header_is_no_new_fleet() -> None:
    headless = shelf_with(table(2, 9))
    del headless.chunks[HEADER]
    found = await start(headless)
    assert not found.is_new_fleet
    assert found.missing == (("eu", "trafficfed-table is missing, though there are chunks of it"),)


async def test_a_place_restored_from_a_backup_is_outvoted_by_any_newer_one() -> None:
    restored = shelf_with(table(1, 3))
    assert (await start(restored, shelf_with(table(2, 9)), restored)).snapshot == table(2, 9)


async def test_looking_for_the_newest_lets_the_places_writer_overwrite_nothing() -> None:
    shelf = Shelf()
    place = MemoryPlace("eu", shelf)
    await place.load(DEADLINE_S)
    shelf.put(HEADER, b"another leader's")
    await newest([place], None, DEADLINE_S, key=KEY, owner="demo")
    with pytest.raises(Overtaken):
        await place.store([Chunk(HEADER, b"ours")], DEADLINE_S)


positions = st.lists(st.tuples(st.integers(0, 3), st.integers(1, 4)), max_size=3)


@settings(max_examples=50, deadline=None)
@given(places=positions, disk=st.none() | st.tuples(st.integers(0, 3), st.integers(1, 4)))
def test_whatever_is_where_the_newest_is_found(places: list[tuple[int, int]], disk: tuple[int, int] | None) -> None:
    found = asyncio.run(start(*(shelf_with(table(*each)) for each in places), disk=table(*disk) if disk else None))
    everything = [*places, *([disk] if disk else [])]
    assert found.snapshot == (table(*max(everything)) if everything else None)
    assert found.missing == ()
