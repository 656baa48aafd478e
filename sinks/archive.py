"""The archive of the log: Parquet by market and day, written as the log comes, bounded by age and size.

    <folder>/<market>/<YYYY-MM-DD>/<first offset>-<last offset>.parquet

A file's name says which offsets it covers; one file begins where the one before ended. Files appear whole: they are
written under another name and renamed. What was not renamed when a process died is thrown away and read from the log
again.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, NamedTuple

import pyarrow.parquet as pq

from contracts.errors import ArchiveError
from contracts.events import StreamGap, encode_event
from contracts.settings.services import ArchiveSettings
from sinks.archive_format import Rows, open_writer, parse

GROUP_ROWS = 50_000  # rows of a row group: what a replay reads at once
DAY_NS = 86_400 * 1_000_000_000
LOG_ID = "log_id"


class ArchiveFile(NamedTuple):
    """A finished file: offsets [first, last] of one market."""

    path: Path
    first: int
    last: int


class ArchiveWriter:
    """Writes one market's messages, in order of offsets, without gap or overlap.

    `add` messages; `due` says whether the open file is old enough; `finish` completes it. Raises ArchiveError when
    another writer holds the market, or when an offset does not follow. OSError when the disk is full: free it and
    start the archive again.
    """

    def __init__(
        self, folder: Path, market: str, settings: ArchiveSettings, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._root = folder
        self._folder = folder / market
        self._market = market
        self._settings = settings
        self._clock = clock
        self._rows = Rows()
        self._writer: pq.ParquetWriter | None = None
        self._written = 0  # rows in the open file's finished groups
        self._first = 0
        self._day = ""
        self._opened = 0.0
        self._last_recv = 0
        self.next: int | None = None  # offset expected; None before the first message ever
        self.files = 0
        self.total_rows = 0
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = self._hold()

    def _hold(self) -> IO[str]:
        lock = (self._folder / ".lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as e:
            lock.close()
            raise ArchiveError(f"{self._folder}: another process archives here; stop it first") from e
        return lock

    def start(self, log_id: str) -> Path | None:
        """Find out where to go on: `next` afterwards. Returns where files of another log were moved to, None if there were none.

        Offsets of one log mean nothing in another: its files stay readable under a name of their own beside the
        market's folder.
        """
        for left in self._folder.rglob("*.tmp"):
            left.unlink()
        marker = self._folder / LOG_ID
        known = marker.read_text() if marker.exists() else None
        moved = None
        if known not in (None, log_id) and market_files(self._folder):
            moved = self._root / f"{self._market}@{datetime.now(UTC):%Y%m%dT%H%M%S}"
            self._folder.rename(moved)
            (moved / ".lock").unlink(missing_ok=True)
            self._folder.mkdir(parents=True)
            self._lock.close()
            self._lock = self._hold()
        marker.write_text(log_id)
        files = market_files(self._folder)
        self.next = files[-1].last + 1 if files else None
        return moved

    def add(self, offset: int, raw: bytes, ts_broker: int) -> None:
        """Take the next message. ts_broker: Unix ns when the broker took it.

        Bytes without a readable time get that of the message before them.
        """
        if self.next is not None and offset < self.next:
            raise ArchiveError(f"{self._folder}: offset {offset} came again, expected {self.next}")
        message = parse(raw, self._last_recv or ts_broker)
        if self._writer is not None and (
            day_of(message.ts_recv) > self._day or self._written + len(self._rows) >= self._settings.rows_per_file
        ):
            self.finish()
        if self._writer is None:
            self._begin(offset, message.ts_recv)
        if len(self._rows) and len(self._rows) + message.rows > GROUP_ROWS:
            self._group()
        self._rows.add(offset, message)
        self._last_recv = message.ts_recv
        self.next = offset + 1

    def lose(self, first: int, end: int, ts: int) -> None:
        """Note that offsets [first, end) were gone before they could be read, as an event at the last of them."""
        gap = StreamGap(
            ts_recv=ts, stream="log", symbols=[], ts_from=ts, ts_until=ts,
            reason=f"retention passed the archive: offsets {first} to {end - 1} are lost",
        )  # fmt: skip
        self.add(end - 1, encode_event(gap), ts)

    def due(self) -> bool:
        """Whether the open file has been open for long enough."""
        return self._writer is not None and self._clock() - self._opened >= self._settings.seconds_per_file

    def _begin(self, offset: int, ts_recv: int) -> None:
        # The name covers what the broker skipped too, so that a file that is missing shows.
        self._first = offset if self.next is None else self.next
        self._day = day_of(ts_recv)
        self._opened = self._clock()
        self._written = 0
        self._writer = open_writer(self._open_path())

    def _open_path(self) -> Path:
        return self._folder / f"{self._first:012d}.tmp"

    def _group(self) -> None:
        assert self._writer is not None
        self._writer.write_table(self._rows.table())
        self._written += len(self._rows)
        self._rows.clear()

    def finish(self) -> ArchiveFile | None:
        """Complete the open file and give it its name; None if none is open."""
        if self._writer is None or self.next is None:
            return None
        if len(self._rows):
            self._group()
        self._writer.close()
        self._writer = None
        last = self.next - 1
        path = self._folder / self._day / f"{self._first:012d}-{last:012d}.parquet"
        path.parent.mkdir(exist_ok=True)
        with self._open_path().open("rb") as file:
            os.fsync(file.fileno())
        self._open_path().replace(path)
        self._rows = Rows()
        self.files += 1
        self.total_rows += self._written
        return ArchiveFile(path, self._first, last)

    def close(self) -> None:
        """Complete the open file and let go of the market."""
        self.finish()
        self._lock.close()


def day_of(ts_ns: int) -> str:
    """The UTC day of a time, YYYY-MM-DD."""
    return datetime.fromtimestamp(ts_ns // DAY_NS * 86_400, UTC).strftime("%Y-%m-%d")


def market_files(folder: Path) -> list[ArchiveFile]:
    """The finished files of a market's folder, in order of offsets. Raises ArchiveError on a name that says none."""
    found = []
    for path in folder.glob("*/*.parquet"):
        first, _, last = path.stem.partition("-")
        if not (first.isdigit() and last.isdigit()):
            raise ArchiveError(f"{path}: expected a name <first offset>-<last offset>.parquet; move it away")
        found.append(ArchiveFile(path, int(first), int(last)))
    return sorted(found, key=lambda file: (file.first, file.last))


def prune(folder: Path, keep_days: float, max_bytes: int, now: float | None = None) -> list[Path]:
    """Delete the oldest files of an archive until none is older than `keep_days` and all together fit `max_bytes`.

    Age is since a file was written. The newest file of each market stays: its name says where to go on. Returns what
    was deleted.
    """
    oldest = (time.time() if now is None else now) - keep_days * 86_400
    files = []
    total = 0
    for market in sorted(path for path in folder.iterdir() if path.is_dir()):
        of_market = market_files(market)
        total += sum(file.path.stat().st_size for file in of_market)
        files += [(file.path.stat().st_mtime, file.first, file.path) for file in of_market[:-1]]
    deleted = []
    for written, _, path in sorted(files):
        if written >= oldest and total <= max_bytes:
            break
        total -= path.stat().st_size
        path.unlink()
        deleted.append(path)
        if not any(path.parent.iterdir()):
            path.parent.rmdir()
    return deleted
