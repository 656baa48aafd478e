"""The supervisor with small real children."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from contracts.errors import EmberlineError
from infra import supervisor as module
from infra.ports import free_port, port_answers
from infra.processes import read_record
from infra.supervisor import ChildProcess, State, Supervisor, rotate

SLEEPER = [sys.executable, "-c", "import time; print('here', flush=True); time.sleep(600)"]
ORDERLY_CODE = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit(0)))
print('here', flush=True)
time.sleep(600)
"""
STUBBORN_CODE = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print('here', flush=True)
time.sleep(600)
"""
ORDERLY = [sys.executable, "-c", ORDERLY_CODE]
STUBBORN = [sys.executable, "-c", STUBBORN_CODE]


def child(name: str, command: list[str], folder: Path, stop_within_s: float = 10.0) -> ChildProcess:
    log = folder / "log" / f"{name}.log"
    return ChildProcess(
        name,
        command,
        folder,
        ready_when=lambda: log.exists() and "here" in log.read_text(),
        ready_within_s=30,
        stop_within_s=stop_within_s,
    )


def run_until(running: Supervisor, wanted: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not wanted():
        assert time.monotonic() < deadline
        running.run(for_s=0.1)


def test_units_start_in_order_and_stop_in_reverse(var: Path) -> None:
    told: list[str] = []
    running = Supervisor([child("first", ORDERLY, var), child("second", ORDERLY, var)], told.append)
    running.start()
    assert [status.state for status in running.status()] == [State.UP, State.UP]
    assert running.stop()
    assert told == [
        "first: starting", "first: up", "second: starting", "second: up", "second: stopped", "first: stopped",
    ]  # fmt: skip
    assert (var / "log" / "first.log").read_text() == "here\nbye\n"
    assert list((var / "run").iterdir()) == []


def test_a_killed_child_is_started_again(var: Path) -> None:
    running = Supervisor([child("a", ORDERLY, var), child("b", ORDERLY, var)])
    running.start()
    before = running.status()
    assert before[0].pid is not None
    os.kill(before[0].pid, signal.SIGKILL)
    run_until(running, lambda: running.status()[0].restarts == 1 and running.status()[0].state is State.UP)
    after = running.status()
    assert after[0].pid not in (None, before[0].pid)
    assert after[1].pid == before[1].pid
    running.stop()


def test_a_child_that_keeps_dying_is_called_failing(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BACKOFF_FIRST_S", 0.01)
    flag = var / "die"
    code = (
        "import pathlib, time\nprint('here', flush=True)\n"
        f"while not pathlib.Path({str(flag)!r}).exists(): time.sleep(0.01)"
    )
    told: list[str] = []
    running = Supervisor([child("short", [sys.executable, "-c", code], var)], told.append)
    running.start()
    flag.touch()
    run_until(running, lambda: running.status()[0].state is State.FAILING)
    assert told[-1] == f"short: failing: here (log: {var / 'log' / 'short.log'}); again in 30 s"
    assert running.status()[0].restarts == module.LOOP_DEATHS - 1
    running.stop()


def test_a_child_that_cannot_start_is_named_with_its_last_words(var: Path) -> None:
    broken = child("broken", [sys.executable, "-c", "raise SystemExit('no such thing')"], var)
    running = Supervisor([child("fine", ORDERLY, var), broken, child("never", ORDERLY, var)])
    with pytest.raises(EmberlineError, match=r"broken: ended while starting: no such thing \(log: .*broken.log\)"):
        running.start()
    assert running.stop()
    assert not (var / "log" / "never.log").exists()


def test_a_child_that_ignores_sigterm_is_killed(var: Path) -> None:
    running = Supervisor([child("stubborn", STUBBORN, var, stop_within_s=0.3)])
    running.start()
    pid = running.status()[0].pid
    assert pid is not None
    assert not running.stop()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_what_a_killed_supervisor_left_behind_is_stopped_first(var: Path) -> None:
    lost = child("child", ORDERLY, var)
    lost.start()
    run_until(Supervisor([]), lost.ready)
    record = read_record(var / "run" / "child.json")
    assert record is not None
    fresh = child("child", ORDERLY, var)
    fresh.start()
    assert not lost.alive()
    assert fresh.pid() not in (None, record.pid)
    fresh.stop()
    lost.stop()


def test_readiness_can_be_a_port(var: Path) -> None:
    port = free_port()
    server = ChildProcess(
        "server",
        [sys.executable, "-m", "http.server", str(port), "--bind", "127.0.0.1"],
        var,
        ready_when=lambda: port_answers(port),
    )
    running = Supervisor([server])
    running.start()
    assert port_answers(port)
    running.stop()


def test_a_stop_asked_while_starting_ends_the_start(var: Path) -> None:
    never_ready = ChildProcess("slow", SLEEPER, var, ready_when=lambda: bool(running.ask_stop()), ready_within_s=60)
    running = Supervisor([never_ready, child("next", ORDERLY, var)])
    running.start()
    running.stop()
    assert not (var / "log" / "next.log").exists()


def test_logs_are_bounded(var: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOG_MAX_BYTES", 10)
    log = var / "a.log"
    with log.open("ab") as out:  # the child's end, which stays open
        for i in range(6):
            out.write(b"line %d which is long\n" % i)
            out.flush()
            rotate(log)
    assert sorted(file.name for file in var.iterdir()) == ["a.log", "a.log.1", "a.log.2", "a.log.3"]
    assert log.read_bytes() == b""
    assert (var / "a.log.1").read_bytes() == b"line 5 which is long\n"
