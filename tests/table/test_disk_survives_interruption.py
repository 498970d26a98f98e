"""Whatever step a writer is stopped at, what loads is the state before or after that step; nothing in between."""

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trafficfed.errors import Refused, Transient
from trafficfed.model import Row, Source
from trafficfed.table.disk import COMPACT_FLOOR, JOURNAL, LOCK, SNAPSHOT, DiskLog, load
from trafficfed.table.table import Delta, Snapshot, Table
from trafficfed.testing import fleets

MakeRow = Callable[..., Row]


def grow(table: Table, log: DiskLog, row: Row) -> None:
    delta = table.commit([row])
    assert delta is not None
    log.append(delta)


def test_a_directory_that_never_held_a_table_loads_empty(tmp_path: Path) -> None:
    assert load(tmp_path).snapshot() == load(tmp_path / "missing").snapshot() == Snapshot()


def test_snapshot_and_journal_together_load(tmp_path: Path, table: Table, new_row: MakeRow) -> None:
    with DiskLog(tmp_path, table.snapshot()) as log:
        assert load(tmp_path).snapshot() == table.snapshot()
        for name in "abc":
            grow(table, log, new_row(name))
            assert load(tmp_path).snapshot() == table.snapshot()
        log.sync()
    assert load(tmp_path).snapshot() == table.snapshot()


def test_a_journal_cut_anywhere_in_its_last_record_loads_the_state_before_it(
    tmp_path: Path, table: Table, new_row: MakeRow
) -> None:
    with DiskLog(tmp_path, table.snapshot()) as log:
        grow(table, log, new_row("a"))
        before, start = table.snapshot(), (tmp_path / JOURNAL).stat().st_size
        delta = table.commit(removed=[new_row("a").key], sources=[Source(cluster="us", reason="expired")])
        assert delta is not None
        log.append(delta)
    data = (tmp_path / JOURNAL).read_bytes()
    for length in range(start, len(data)):
        (tmp_path / JOURNAL).write_bytes(data[:length])
        assert load(tmp_path).snapshot() == before
    (tmp_path / JOURNAL).write_bytes(data)
    assert load(tmp_path).snapshot() == table.snapshot()


@pytest.mark.parametrize("zeros", [1, 35, 36, 4096])
def test_zeros_behind_the_last_record_are_a_torn_tail(
    tmp_path: Path, table: Table, new_row: MakeRow, zeros: int
) -> None:
    with DiskLog(tmp_path, table.snapshot()) as log:
        grow(table, log, new_row("a"))
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(bytes(zeros))
    assert load(tmp_path).snapshot() == table.snapshot()


def test_a_torn_tail_is_gone_once_the_directory_is_opened_again(tmp_path: Path, table: Table, new_row: MakeRow) -> None:
    with DiskLog(tmp_path, table.snapshot()) as log:
        grow(table, log, new_row("a"))
    with (tmp_path / JOURNAL).open("ab") as journal:
        journal.write(b"tfed torn")
    loaded = load(tmp_path)
    with DiskLog(tmp_path, loaded.snapshot()) as log:
        grow(loaded, log, new_row("b"))
    assert load(tmp_path).snapshot() == loaded.snapshot()


class Stopped(Exception):
    """The process ends here."""


def stop_at(monkeypatch: pytest.MonkeyPatch, count: int) -> list[str]:
    """Let the ``count``-th call that reaches for the disk be the last: it and all later ones fail."""
    calls: list[str] = []

    def wrap(name: str, original: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            calls.append(name)
            if len(calls) >= count:
                raise Stopped(name)
            return original(*arguments, **named)

        return call

    for name in ("open", "write", "fsync"):
        monkeypatch.setattr(os, name, wrap(name, getattr(os, name)))
    monkeypatch.setattr(Path, "rename", wrap("rename", Path.rename))
    return calls


def test_a_replacement_stopped_at_any_step_loads_the_old_or_the_new_state(
    tmp_path: Path, table: Table, new_row: MakeRow
) -> None:
    with DiskLog(tmp_path / "kept", table.snapshot()) as log:
        grow(table, log, new_row("a"))
    old = table.snapshot()
    other = Table(Snapshot(term=1, generation=1, rows=(new_row("other"),))).snapshot()
    seen, finished, step = [], False, 1
    while not finished:
        copy = tmp_path / f"step-{step}"
        shutil.copytree(tmp_path / "kept", copy)
        log = DiskLog(copy, load(copy).snapshot())
        delta = Delta(term=old.term, generation=old.generation + 1, forgotten=("eu",))
        log.append(delta)
        before = load(copy).snapshot()
        with pytest.MonkeyPatch.context() as monkeypatch:
            stop_at(monkeypatch, step)
            try:
                log.compact(other)
                finished = True
            except Stopped:
                assert log.due, "what could not be replaced is to be replaced again"
        log.close()
        found = load(copy).snapshot()
        assert found in (before, other)
        seen.append(found == other)
        step += 1
    assert seen == sorted(seen), "once the new state loads it stays"
    assert seen.count(False) >= 4
    assert seen.count(True) >= 2, "the new state counts before the new journal is there"


def test_a_failed_append_is_told_and_made_good_by_compacting(
    tmp_path: Path, table: Table, new_row: MakeRow, monkeypatch: pytest.MonkeyPatch
) -> None:
    with DiskLog(tmp_path, table.snapshot()) as log:
        before = table.snapshot()
        with monkeypatch.context() as patch:
            write = os.write

            def half(descriptor: int, data: bytes) -> int:
                if len(data) < 50:
                    raise OSError(errno.ENOSPC, "No space left on device")
                return write(descriptor, data[:-40])

            patch.setattr(os, "write", half)
            with pytest.raises(Transient, match="No space left on device; the change is not on disk yet"):
                grow(table, log, new_row("a"))
        assert log.due
        assert load(tmp_path).snapshot() == before
        with pytest.raises(Transient, match="compact first"):
            grow(table, log, new_row("b"))
        log.compact(table.snapshot())
        assert not log.due
        grow(table, log, new_row("c"))
    assert load(tmp_path).snapshot() == table.snapshot()


def test_only_the_next_delta_is_appended(tmp_path: Path, table: Table) -> None:
    with DiskLog(tmp_path, table.snapshot()) as log:
        for wrong in (Delta(term=0, generation=3), Delta(term=0, generation=5), Delta(term=1, generation=4)):
            with pytest.raises(Refused, match="does not follow generation 3 of term 0"):
                log.append(wrong)
        log.append(Delta(term=0, generation=4))
    assert load(tmp_path).generation == 4


def test_compacting_is_due_when_the_journal_outgrows_floor_and_snapshot(tmp_path: Path) -> None:
    with DiskLog(tmp_path, Snapshot()) as log:
        generation = 0
        while not log.due:
            generation += 1
            log.append(Delta(term=0, generation=generation, forgotten=("x" * 100_000,)))
        assert (tmp_path / JOURNAL).stat().st_size > COMPACT_FLOOR
        log.compact(Snapshot(generation=generation))
        assert not log.due
        assert (tmp_path / JOURNAL).stat().st_size < 100
    assert load(tmp_path).generation == generation


def test_one_directory_has_one_writer(tmp_path: Path, table: Table) -> None:
    with DiskLog(tmp_path, table.snapshot()):
        with pytest.raises(Refused, match="is in use by another process"):
            DiskLog(tmp_path, Snapshot())
        assert load(tmp_path).snapshot() == table.snapshot()
    DiskLog(tmp_path, table.snapshot()).close()


def test_a_reader_beside_a_writer_sees_a_state_that_was(tmp_path: Path, table: Table, new_row: MakeRow) -> None:
    """The writer compacts just after the reader has read the journal."""
    with DiskLog(tmp_path, table.snapshot()) as log:
        grow(table, log, new_row("a"))
        original = Path.read_bytes

        def read(path: Path) -> bytes:
            data = original(path)
            if path.name == JOURNAL:
                grow(table, log, new_row("b"))
                log.compact(table.snapshot())
            return data

        with pytest.MonkeyPatch.context() as monkeypatch:
            monkeypatch.setattr(Path, "read_bytes", read)
            assert load(tmp_path).snapshot() == table.snapshot()


def test_an_fsync_in_another_thread_is_not_cut_off_by_a_replacement(
    tmp_path: Path, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, replaced, failures = threading.Event(), threading.Event(), list[OSError]()

    def slow(descriptor: int) -> None:
        begun.set()
        replaced.wait(0.05)
        os.fstat(descriptor)

    def sync() -> None:
        try:
            log.sync()
        except OSError as error:
            failures.append(error)

    with DiskLog(tmp_path, table.snapshot()) as log:
        monkeypatch.setattr(os, "fdatasync", slow)
        other = threading.Thread(target=sync)
        other.start()
        assert begun.wait(10)
        log.compact(table.snapshot())
        replaced.set()
        other.join()
    log.sync()
    assert failures == []


def test_a_directory_that_cannot_be_written_is_told_and_given_up(tmp_path: Path, table: Table) -> None:
    (tmp_path / SNAPSHOT).mkdir()
    for _ in range(2):
        with pytest.raises(OSError, match="Is a directory"):
            DiskLog(tmp_path, table.snapshot())
    (tmp_path / SNAPSHOT).rmdir()
    DiskLog(tmp_path, table.snapshot()).close()


def test_a_new_term_goes_to_disk_as_its_snapshot(tmp_path: Path, table: Table, new_row: MakeRow) -> None:
    with DiskLog(tmp_path, table.snapshot()) as log:
        log.compact(table.begin_term(7))
        grow(table, log, new_row("a"))
    assert (load(tmp_path).term, load(tmp_path).generation) == (7, 4)


ACTIONS = st.lists(st.sampled_from(["web", "api", "gone", "compact", "reopen", "sync"]), max_size=15)


@settings(max_examples=10, deadline=None)
@given(ACTIONS)
def test_whatever_is_done_what_loads_is_the_table(actions: list[str]) -> None:
    with tempfile.TemporaryDirectory() as name:
        directory, table = Path(name), Table()
        log = DiskLog(directory, table.snapshot())
        for number, action in enumerate(actions):
            row = fleets.row(fleets.endpoint("eu", weight=number), name=action, hostnames=(f"{action}.example.org",))
            if action == "compact":
                log.compact(table.snapshot())
            elif action == "sync":
                log.sync()
            elif action == "reopen":
                log.close()
                table = load(directory)
                log = DiskLog(directory, table.snapshot())
            elif delta := table.commit([] if action == "gone" else [row], map(fleets.key, ("web", "api"))):
                log.append(delta)
            assert load(directory).snapshot() == table.snapshot()
        log.close()


def test_nothing_but_snapshot_journal_and_lock_is_left_behind(tmp_path: Path, table: Table) -> None:
    with DiskLog(tmp_path, table.snapshot()) as log:
        log.compact(table.snapshot())
    assert {path.name for path in tmp_path.iterdir()} == {SNAPSHOT, JOURNAL, LOCK}


WRITER = """
import sys
import tempfile
import threading
from pathlib import Path
from trafficfed.model import Source
from trafficfed.table.disk import DiskLog, load
table = load(Path(sys.argv[1]))
log = DiskLog(Path(sys.argv[1]), table.snapshot())
while True:
    log.append(table.commit(sources=[Source(cluster="eu", revision=table.generation + 1)]))
    if table.generation % 50 == 0:
        log.compact(table.snapshot())
    print(table.generation, flush=True)
"""


@pytest.mark.real
def test_a_killed_writer_loses_nothing_that_it_had_appended(tmp_path: Path) -> None:
    acknowledged = 0
    for rounds in (3, 60, 130):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as writer:
            assert writer.stdout is not None
            for _ in range(rounds):
                acknowledged = int(writer.stdout.readline())
            writer.kill()
            acknowledged = int(([str(acknowledged), *writer.stdout.read().split("\n")[:-1]])[-1])
        found = load(tmp_path)
        assert found.generation in (acknowledged, acknowledged + 1)
        assert found.sources["eu"].revision == found.generation
