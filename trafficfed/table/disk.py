"""The table on disk: a snapshot, and a journal of the deltas since.

``table.snapshot`` is replaced as a whole (temporary file, fsync, rename, fsync of the directory). ``table.journal``
opens with a frame that names the snapshot it continues, then one frame a delta; it is only appended to.
A journal that names another snapshot is what an interrupted replacement left behind: all of it is in the snapshot.

A power cut or kill can only shorten the journal's last record: such a torn tail counts as not written. Any other damage
sets both files aside as ``*.corrupt`` and is an error, now and at every later start, until someone brings a good copy
back or removes what was set aside; an empty table never takes a damaged one's place unasked.
"""

import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from trafficfed.errors import Refused, Transient
from trafficfed.table.codec import (
    CorruptTable,
    Frame,
    Kind,
    UnknownFormat,
    base_in,
    decode_snapshot,
    delta_in,
    digest,
    encode_delta,
    encode_snapshot,
    frame,
    read_frame,
)
from trafficfed.table.table import Delta, Snapshot, Table

SNAPSHOT = "table.snapshot"
JOURNAL = "table.journal"
LOCK = "table.lock"
COMPACT_FLOOR = 1 << 20
"""Bytes of journal below which compaction is never due: replaying a MiB costs about ten milliseconds."""


def load(directory: Path) -> Table:
    """The table kept in a directory; an empty one where none was ever kept there.

    Raises CorruptTable where what is there is damaged (it is set aside first), UnknownFormat where another version
    wrote it (it is left as it is), OSError where it cannot be read.
    """
    try:
        return _load(directory)
    except CorruptTable as error:
        kept = _set_aside(directory)
        raise CorruptTable(
            f"{error}. Kept aside as {', '.join(kept)}: restore a good copy of {directory / SNAPSHOT}, or remove what"
            " was set aside to start with an empty table"
        ) from error


def _load(directory: Path) -> Table:
    # The journal first: should a writer compact in between, the newer snapshot holds all that this journal says.
    journal = _bytes_of(directory / JOURNAL)
    data = _bytes_of(directory / SNAPSHOT)
    if data is None:
        return _nothing_kept(directory, journal)
    with _naming(directory / SNAPSHOT):
        table = Table(decode_snapshot(data))
    with _naming(directory / JOURNAL):
        _replay(journal or b"", digest(data), table)
    return table


def _bytes_of(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Add the file to the text of whatever is wrong with its content."""
    try:
        yield
    except UnknownFormat as error:
        raise UnknownFormat(f"{path}: {error}") from error
    except Refused as error:
        raise CorruptTable(f"{path}: {error}") from error


def _nothing_kept(directory: Path, journal: bytes | None) -> Table:
    if journal is not None:
        raise CorruptTable(f"{directory / JOURNAL} has no {SNAPSHOT} beside it")
    if aside := sorted(str(path) for path in directory.glob("*.corrupt*")):
        raise Refused(
            f"{directory} holds no table but a damaged one set aside ({', '.join(aside)}): restore a good copy of"
            f" {SNAPSHOT}, or remove what was set aside to start with an empty table"
        )
    return Table()


def _replay(journal: bytes, base: bytes, table: Table) -> None:
    opening = _next(journal, 0)
    if opening is None or base_in(opening) != base:
        return
    at = opening.end
    while (read := _next(journal, at)) is not None:
        table.apply(delta_in(read))
        at = read.end


def _next(data: bytes, at: int) -> Frame | None:
    """The next frame of a journal, None at its end or where only a torn tail follows.

    Some file systems show a torn append as zeros, up to the length that the file was given.
    """
    if not data[at:].strip(b"\0"):
        return None
    return read_frame(data, at)


def _set_aside(directory: Path) -> list[str]:
    kept = []
    for name in (SNAPSHOT, JOURNAL):
        if (path := directory / name).exists():
            number = len(list(directory.glob(f"{name}.corrupt*")))
            path.rename(aside := directory / f"{name}.corrupt{f'-{number}' if number else ''}")
            kept.append(str(aside))
    return kept


class DiskLog:
    """The one writer of a directory: opened with the table as it stands, then told of every delta.

    ``append`` hands the delta to the kernel (it survives the process), ``sync`` makes all appended ones survive a power
    cut: the caller chooses how many changes share one fsync. ``compact`` is fully durable. ``sync`` and ``compact``
    wait for the disk; ``sync`` may run in a thread of its own beside the others, which are for one thread at a time.
    """

    def __init__(self, directory: Path, snapshot: Snapshot) -> None:
        """Take the directory and write the snapshot there. Raises Refused while another process holds it, OSError."""
        directory.mkdir(parents=True, exist_ok=True)
        self._directory = directory
        self._lock = _lock(directory / LOCK)
        self._journal = -1
        self._in_use = threading.Lock()
        self._behind = True
        self._term, self._generation = snapshot.term, snapshot.generation
        self._snapshot_size = self._size = 0
        try:
            self.compact(snapshot)
        except BaseException:
            self.close()
            raise

    @property
    def due(self) -> bool:
        """Whether ``compact`` should be called: the journal outgrew the snapshot, or an append failed."""
        return self._behind or self._size > max(COMPACT_FLOOR, 2 * self._snapshot_size)

    def append(self, delta: Delta) -> None:
        """Add one delta to the journal. Raises Transient where it could not be written, until ``compact`` made good."""
        if self._behind:
            raise Transient(f"{self._directory / JOURNAL} lacks an earlier change: compact first")
        if delta.term != self._term or delta.generation != self._generation + 1:
            raise Refused(
                f"delta {delta.generation} of term {delta.term} does not follow generation {self._generation} of term"
                f" {self._term} on disk: compact with a snapshot"
            )
        data = encode_delta(delta)
        try:
            _write(self._journal, data)
        except OSError as error:
            self._behind = True
            raise Transient(f"{self._directory / JOURNAL}: {error.strerror}; the change is not on disk yet") from error
        self._size += len(data)
        self._generation = delta.generation

    def sync(self) -> None:
        """Wait until everything appended so far survives a power cut. Nothing where the log is closed."""
        with self._in_use:
            if self._journal >= 0:
                os.fdatasync(self._journal)

    def compact(self, snapshot: Snapshot) -> None:
        """Replace all that is on disk by this snapshot. Interrupted at any step, the old or the new state loads.

        Raises OSError where it cannot be written; ``due`` stays true until it could.
        """
        self._behind = True
        data = encode_snapshot(snapshot)
        _replace(self._directory / SNAPSHOT, data)
        _replace(self._directory / JOURNAL, opening := frame(Kind.BASE, digest(data)))
        self._use(os.open(self._directory / JOURNAL, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))
        self._term, self._generation = snapshot.term, snapshot.generation
        self._snapshot_size, self._size = len(data), len(opening)
        self._behind = False

    def close(self) -> None:
        """Give the directory up; what was appended stays."""
        self._use(-1)
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def _use(self, journal: int) -> None:
        """Change the journal's descriptor, but not while an fsync still waits for the former one."""
        with self._in_use:
            former, self._journal = self._journal, journal
            if former >= 0:
                os.close(former)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def _lock(path: Path) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(descriptor)
        raise Refused(f"{path.parent} is in use by another process: give each its own directory") from error
    return descriptor


def _write(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def _replace(path: Path, data: bytes) -> None:
    temporary = path.with_name(path.name + ".new")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
    try:
        _write(descriptor, data)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    temporary.rename(path)
    directory = os.open(path.parent, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
