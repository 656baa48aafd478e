"""What ingest tells of itself: a status file, replaced as a whole every few seconds, and one log line a minute."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec

from venues.ingest.account import Account, Fates

FILE = "ingest.json"


class IngestStatus(msgspec.Struct, kw_only=True):
    """The content of the status file. Times are Unix nanoseconds, ages milliseconds (-1: never)."""

    pid: int
    market: str
    venue: str
    started: int
    ts: int
    connected: bool
    connected_since: int
    last_frame_age_ms: int
    last_error: str
    streams: list[str]
    watchlist: list[str]
    heartbeats: int
    produced: int
    delivered: int
    frames: Fates
    unaccounted: int
    account: Account
    instruments: int
    history_symbols_done: int
    history_symbols_asked: int
    history_bars: int
    rest_requests: int
    rest_throttled: int
    clock_skew_ms: int


def write_status(folder: Path, status: IngestStatus) -> None:
    """Replace `folder/ingest.json` at once, so that a reader never sees half of it."""
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / FILE
    draft = file.with_suffix(f".{os.getpid()}.tmp")
    draft.write_bytes(msgspec.json.format(msgspec.json.encode(status), indent=1))
    draft.replace(file)


def read_status(folder: Path) -> IngestStatus | None:
    """The status last written, or None where there is none (or an older program's)."""
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=IngestStatus)
    except (OSError, msgspec.MsgspecError):
        return None
