"""Keep units running: start in order, wait for health, restart what dies, stop in reverse.

A unit is a child process or a broker. The supervisor polls; it has no threads, so that a signal always finds it at a
known place. A unit that dies is started again after a wait that doubles; one that dies five times within a minute is
called failing and is tried at the longest wait, while the others keep running.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec
import psutil

from contracts.errors import EmberlineError
from infra.processes import ProcessRecord, read_record, record_of, start_detached, stop_process, write_record

BACKOFF_FIRST_S = 0.5
BACKOFF_MAX_S = 30.0
LOOP_DEATHS = 5
LOOP_WINDOW_S = 60.0
LOG_MAX_BYTES = 10 * 1024 * 1024
LOG_KEPT = 3
POLL_S = 0.1


class State(StrEnum):
    """Where a unit stands."""

    STARTING = "starting"
    UP = "up"
    WAITING = "restarting"
    FAILING = "failing"
    STOPPED = "stopped"


class Unit(Protocol):
    """Something that can be started, asked and stopped. `stop` returns whether it ended in order."""

    name: str
    ready_within_s: float
    takes_along: bool  # its death makes all later units start anew

    def start(self) -> None:
        """Start it; does not wait. Raises EmberlineError if it cannot be."""

    def ready(self) -> bool:
        """Whether it serves."""

    def alive(self) -> bool:
        """Whether its process runs."""

    def stop(self) -> bool:
        """Stop it in order."""

    def pid(self) -> int | None:
        """Its process, while it runs."""

    def about(self) -> str:
        """Where to find it: an address, a log."""

    def last_words(self) -> str:
        """The last line it wrote, for an error message."""


class ChildProcess:
    """A child in its own process group, its output in `log`, its record beside the supervisor's.

    ready_when: asked until it says True; a child without one is ready once it has lived `settle_s` seconds.
    clear_before: a file that an earlier run may have left, removed before each start.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        *,
        env: Mapping[str, str] | None = None,
        ready_when: Callable[[], bool] | None = None,
        ready_within_s: float = 60.0,
        clear_before: Path | None = None,
        settle_s: float = 1.0,
        stop_within_s: float = 15.0,
        about: str = "",
    ) -> None:
        self.name = name
        self.ready_within_s = ready_within_s
        self.takes_along = False
        self.log = folder / "log" / f"{name}.log"
        self._command = list(command)
        self._env = dict(env or {})
        self._ready_when = ready_when
        self._clear_before = clear_before
        self._settle_s = settle_s
        self._stop_within_s = stop_within_s
        self._about = about
        self._record_path = folder / "run" / f"{name}.json"
        self._process: subprocess.Popen[bytes] | None = None
        self._record: ProcessRecord | None = None
        self._started = 0.0

    def start(self) -> None:
        """Start it; one that an earlier supervisor left behind is stopped first."""
        left_behind = read_record(self._record_path)
        if left_behind is not None:
            stop_process(left_behind, self._stop_within_s)
        rotate(self.log)
        if self._clear_before is not None:
            self._clear_before.unlink(missing_ok=True)
        self._process = start_detached(self._command, self.log, {"PYTHONUNBUFFERED": "1", **self._env})
        self._started = time.monotonic()
        with contextlib.suppress(psutil.NoSuchProcess):  # it may be gone again already: `alive` tells
            self._record = record_of(self._process.pid, self.name, self._about, self.log)
            write_record(self._record_path, self._record)

    def ready(self) -> bool:
        """Whether it serves."""
        if not self.alive():
            return False
        if self._ready_when is not None:
            return self._ready_when()
        return time.monotonic() - self._started >= self._settle_s

    def alive(self) -> bool:
        """Whether it runs; also keeps its log bounded."""
        rotate(self.log)
        return self._process is not None and self._process.poll() is None

    def stop(self) -> bool:
        """SIGTERM to the child, SIGKILL to its whole group if it does not end in time."""
        if self._process is None:
            return True
        in_order = True
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(self._stop_within_s)
            except subprocess.TimeoutExpired:
                in_order = False
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # grandchildren too; nobody is left of a child that ended well
        self._process.wait()
        self._process = None
        self._record_path.unlink(missing_ok=True)
        return in_order

    def pid(self) -> int | None:
        """Its process, while it runs."""
        return self._process.pid if self._process is not None and self._process.poll() is None else None

    def about(self) -> str:
        """Its address, else its log."""
        return self._about or str(self.log)

    def last_words(self) -> str:
        """The last line of its log that is not empty."""
        try:
            lines = self.log.read_text(errors="replace").split("\n")
        except OSError:
            lines = []
        said = [line.strip() for line in lines if line.strip()]
        return f"{said[-1][:300] if said else 'it said nothing'} (log: {self.log})"


class UnitStatus(msgspec.Struct, frozen=True, kw_only=True):
    """A line of the status table."""

    name: str
    state: State
    pid: int | None
    restarts: int
    since: float  # Unix seconds of the last change of state
    about: str


class _Kept:
    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.state = State.STOPPED
        self.since = time.time()
        self.deaths: list[float] = []
        self.restarts = 0
        self.again_at = 0.0


class Supervisor:
    """Run units in the given order until `stop`. `tell` gets one line per change, `changed` the statuses."""

    def __init__(
        self,
        units: Sequence[Unit],
        tell: Callable[[str], None] = lambda _: None,
        changed: Callable[[list[UnitStatus]], None] = lambda _: None,
    ) -> None:
        self._kept = [_Kept(unit) for unit in units]
        self._tell = tell
        self._changed = changed
        self._stopping = threading.Event()

    def ask_stop(self, *_: object) -> None:
        """Leave `start` or `run` at the next look; usable as a signal handler."""
        self._stopping.set()

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stopping.is_set()

    def status(self) -> list[UnitStatus]:
        """All units as they stand."""
        return [
            UnitStatus(
                name=kept.unit.name,
                state=kept.state,
                pid=kept.unit.pid(),
                restarts=kept.restarts,
                since=kept.since,
                about=kept.unit.about(),
            )
            for kept in self._kept
        ]

    def start(self) -> None:
        """Start all in order, each after the one before is ready.

        Raises EmberlineError naming the unit that could not start; what was started stays for `stop`.
        """
        for kept in self._kept:
            if self._stopping.is_set():
                return
            self._launch(kept)
            deadline = time.monotonic() + kept.unit.ready_within_s
            while not kept.unit.ready():
                if self._stopping.is_set():
                    return
                if not kept.unit.alive():
                    raise EmberlineError(f"{kept.unit.name}: ended while starting: {kept.unit.last_words()}")
                if time.monotonic() > deadline:
                    raise EmberlineError(
                        f"{kept.unit.name}: not ready within {kept.unit.ready_within_s:.0f} s: {kept.unit.last_words()}"
                    )
                time.sleep(POLL_S / 2)
            self._enter(kept, State.UP)

    def run(self, for_s: float | None = None) -> None:
        """Watch until `ask_stop`, or for so many seconds."""
        ends = None if for_s is None else time.monotonic() + for_s
        while not self._stopping.is_set() and (ends is None or time.monotonic() < ends):
            for kept in self._kept:
                self._look(kept)
                if kept.unit.takes_along and kept.state is not State.UP:
                    break  # the later ones follow from it
            time.sleep(POLL_S)

    def stop(self) -> bool:
        """Stop all in reverse order. True if each ended in order."""
        in_order = True
        for kept in reversed(self._kept):
            if kept.state is State.STOPPED:
                continue
            ended = kept.unit.stop()
            in_order = in_order and ended
            self._enter(kept, State.STOPPED, "" if ended else "it had to be killed")
        return in_order

    def _look(self, kept: _Kept) -> None:
        now = time.monotonic()
        if kept.state in (State.UP, State.STARTING) and not kept.unit.alive():
            self._died(kept, now)
        elif kept.state is State.STARTING and kept.unit.ready():
            self._enter(kept, State.UP)
        elif kept.state in (State.WAITING, State.FAILING) and now >= kept.again_at:
            kept.restarts += 1
            try:
                self._launch(kept)
            except EmberlineError as e:
                self._tell(str(e))
                self._died(kept, now)

    def _died(self, kept: _Kept, now: float) -> None:
        kept.unit.stop()  # what is left of its group
        kept.deaths = [at for at in kept.deaths if now - at < LOOP_WINDOW_S] + [now]
        wait = min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** (len(kept.deaths) - 1))
        looping = len(kept.deaths) >= LOOP_DEATHS
        if looping:
            wait = BACKOFF_MAX_S
        kept.again_at = now + wait
        self._enter(kept, State.FAILING if looping else State.WAITING, f"{kept.unit.last_words()}; again in {wait:g} s")
        if kept.unit.takes_along:
            self._take_along(kept)

    def _take_along(self, dead: _Kept) -> None:
        for kept in reversed(self._kept[self._kept.index(dead) + 1 :]):
            if kept.state is not State.STOPPED:
                kept.unit.stop()
                kept.again_at = dead.again_at
                self._enter(kept, State.WAITING, f"{dead.unit.name} starts anew")

    def _launch(self, kept: _Kept) -> None:
        kept.unit.start()
        self._enter(kept, State.STARTING)

    def _enter(self, kept: _Kept, state: State, why: str = "") -> None:
        kept.state, kept.since = state, time.time()
        self._tell(f"{kept.unit.name}: {state}{': ' + why if why else ''}")
        self._changed(self.status())


def rotate(log: Path) -> None:
    """Move a log that grew past 10 MB aside and start it anew; three old ones are kept.

    The writer keeps the file open for appending, so the content is copied and the file emptied.
    """
    try:
        if log.stat().st_size < LOG_MAX_BYTES:
            return
    except OSError:
        return
    for number in range(LOG_KEPT - 1, 0, -1):
        older = log.with_name(f"{log.name}.{number}")
        if older.exists():
            older.replace(log.with_name(f"{log.name}.{number + 1}"))
    log.with_name(f"{log.name}.1").write_bytes(log.read_bytes())
    os.truncate(log, 0)
