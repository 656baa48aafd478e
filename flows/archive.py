"""The archiver: the log into Parquet files, market by market.

    events.v1 ─ columns ─ row groups ─► <folder>/<market>/<day>/<first>-<last>.parquet

A plain loop like the projector's: the position is the name of the newest file, so that a file and the position it
stands for are one.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import structlog

from contracts.errors import ArchiveError
from contracts.settings import Settings
from contracts.topics import EVENTS
from flows.project import write_status
from flows.reader import Place, TopicReader
from flows.wiring.launch import stop_on_signals
from sinks.archive import ArchiveWriter, prune

MOST = 5000  # messages taken at once
POLL_S = 0.2
STATUS_S = 1.0
PRUNE_S = 60.0

log = structlog.get_logger("archive")


class ArchiveStatus(msgspec.Struct, frozen=True, kw_only=True):
    """`var/archive.json`: what the archiver did since it started. `behind` counts messages that wait on the broker."""

    pid: int
    started_ns: int
    written_ns: int
    messages: int
    rows: int
    files: int
    behind: int
    lost: int
    next: dict[str, int]


class Archiver:
    """Reads the log and writes the archive until told to stop. Raises BrokerError before anything is made."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings.archive
        self._status = Path(settings.run.folder) / "archive.json"
        self._folder = Path(settings.archive.folder)
        self._reader = TopicReader(settings.broker.address, {})
        self._partitions = self._reader.connect([EVENTS.name])[EVENTS.name]
        self._writers = {
            market.partition: ArchiveWriter(self._folder, name, settings.archive)
            for name, market in settings.markets.items()
        }
        self._names = {market.partition: name for name, market in settings.markets.items()}
        self._started = time.time_ns()
        self._messages = self._lost = 0
        self._told = self._pruned = time.monotonic()

    def start(self) -> None:
        """Find out where to go on. Raises BrokerError or ArchiveError."""
        partitions = self._partitions
        starts: dict[Place, int | None] = {}
        for partition, writer in self._writers.items():
            if partition >= partitions:
                raise ArchiveError(
                    f"{EVENTS.name}: market {self._names[partition]} wants partition {partition}, the topic has {partitions}"
                )
            moved = writer.start(self._reader.log_id)
            if moved is not None:
                log.warning("archive_of_another_log", moved_to=str(moved))
            starts[Place(EVENTS.name, partition)] = writer.next
        self._reader.begin_at(starts)
        self._reader.start()
        log.info("started", folder=str(self._folder), next={self._names[p]: w.next for p, w in self._writers.items()})

    def run(self, stop: threading.Event) -> None:
        """Go on until `stop` is set; complete the open files then."""
        while not stop.is_set():
            self.step(POLL_S)
        for writer in self._writers.values():
            writer.finish()
        self.tell()

    def step(self, seconds: float) -> int:
        """Read for so long and hand on; returns how many messages it were."""
        messages = self._reader.poll(MOST, seconds)
        for lost in self._reader.lost[:]:
            self._reader.lost.remove(lost)
            self._lost += lost.end - lost.first
            log.warning("lost", market=self._names[lost.place.partition], first=lost.first, end=lost.end)
            self._writers[lost.place.partition].lose(lost.first, lost.end, time.time_ns())
        for message in messages:
            writer = self._writers[message.partition() or 0]
            writer.add(message.offset() or 0, message.value() or b"", message.timestamp()[1] * 1_000_000)
        self._messages += len(messages)
        for partition, writer in self._writers.items():
            if writer.due():
                file = writer.finish()
                log.info("file", market=self._names[partition], path=str(file.path if file else ""))
        now = time.monotonic()
        if now - self._pruned >= PRUNE_S:
            self._pruned = now
            gone = prune(self._folder, self._settings.keep_days, self._settings.max_bytes)
            if gone:
                log.info("pruned", files=len(gone))
        if now - self._told >= STATUS_S:
            self.tell()
        return len(messages)

    def tell(self) -> None:
        """Write the status file."""
        self._told = time.monotonic()
        writers = self._writers
        status = ArchiveStatus(
            pid=os.getpid(), started_ns=self._started, written_ns=time.time_ns(), messages=self._messages,
            rows=sum(writer.total_rows for writer in writers.values()),
            files=sum(writer.files for writer in writers.values()),
            behind=self._reader.behind(), lost=self._lost,
            next={self._names[partition]: writer.next or 0 for partition, writer in writers.items()},
        )  # fmt: skip
        write_status(self._status, status)

    def close(self) -> None:
        """Complete the open files, leave the broker."""
        self._reader.close()
        for writer in self._writers.values():
            writer.close()


def serve(settings: Settings, ready: Callable[[], None] | None = None, stop: threading.Event | None = None) -> None:
    """Run the archiver until SIGTERM, SIGINT or `stop`; `ready` is called once it reads."""
    halt = stop if stop is not None else stop_on_signals()
    archiver = Archiver(settings)
    try:
        archiver.start()
        if ready is not None:
            ready()
        archiver.run(halt)
    finally:
        archiver.close()
    log.info("stopped")
