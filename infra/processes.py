"""Processes that outlive the command that started them: a record on disk says which, and stopping goes by that record.

A record names the pid together with the process's start time, so that a pid the system gave to somebody else since is
never signalled.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import psutil


class ProcessRecord(msgspec.Struct, frozen=True, kw_only=True):
    """What a pid file holds (JSON)."""

    pid: int
    created: float  # Unix seconds, as the system tells it
    kind: str
    address: str  # HOST:PORT that it serves
    log: str  # path


def start_detached(command: Sequence[str], log: Path, env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
    """Start a process in a session of its own, out of reach of Ctrl-C at our terminal; its output goes to `log`."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as out:
        return subprocess.Popen(
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )


def record_of(pid: int, kind: str, address: str, log: Path) -> ProcessRecord:
    """The record of a process that runs now. Raises psutil.NoSuchProcess if it does not."""
    return ProcessRecord(pid=pid, created=psutil.Process(pid).create_time(), kind=kind, address=address, log=str(log))


def write_record(path: Path, record: ProcessRecord) -> None:
    """Store atomically: a reader sees the old record or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(path.suffix + ".new")
    draft.write_bytes(msgspec.json.encode(record) + b"\n")
    draft.replace(path)


def read_record(path: Path) -> ProcessRecord | None:
    """The record of a process that is still running, else None (no file, not readable, or the process is gone)."""
    try:
        record = msgspec.json.decode(path.read_bytes(), type=ProcessRecord)
    except (OSError, msgspec.DecodeError):
        return None
    return record if is_running(record) else None


def is_running(record: ProcessRecord) -> bool:
    """Whether the very process of the record still runs; one that ended and was not yet waited for does not."""
    try:
        process = psutil.Process(record.pid)
        return abs(process.create_time() - record.created) < 1.0 and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def stop_process(record: ProcessRecord, within_s: float = 20.0) -> bool:
    """SIGTERM, wait, SIGKILL if it takes longer. True if it stopped in order."""
    if not is_running(record):
        return True
    with contextlib.suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGTERM)
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not is_running(record):
            return True
        time.sleep(0.02)
    with contextlib.suppress(ProcessLookupError):
        os.kill(record.pid, signal.SIGKILL)
    while is_running(record):
        time.sleep(0.02)
    return False
