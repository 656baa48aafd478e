"""`ember up`: everything started, one part killed, stopped in order; and what it refuses."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from contracts.settings import load_settings, parse_settings
from infra.broker import EmbeddedBroker, KafkaBroker, running_broker
from infra.ports import free_port, port_answers
from infra.supervisor import ChildProcess, State, Supervisor
from infra.up import (
    ExternalBrokerUnit,
    LocalBrokerUnit,
    UpOptions,
    forget_what_followed,
    keep,
    only_one,
    settings_of_run,
    units_of,
)
from tests.infra.test_supervisor import ORDERLY, child, run_until

SMALL = """
broker: {{kind: embedded, address: "127.0.0.1:{broker}"}}
simulator: {{port: {simulator}, symbols: 12, market: {{history_minutes: 60, history_days: 1, listings: 0}}}}
ingest: {{history_bars: 60}}
cockpit: {{port: {cockpit}}}
"""


def wait_until(wanted: Callable[[], bool], within_s: float = 90.0) -> None:
    deadline = time.monotonic() + within_s
    while not wanted():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.fixture
def settings_file(tmp_path: Path) -> Path:
    file = tmp_path / "small.yaml"
    file.write_text(SMALL.format(broker=free_port(), simulator=free_port(), cockpit=free_port()))
    return file


@pytest.fixture
def running(settings_file: Path) -> Iterator[subprocess.Popen[str]]:
    out = (settings_file.parent / "out.txt").open("w")
    process = subprocess.Popen(
        [sys.executable, "-m", "infra.cli", "up", "--settings", str(settings_file), "--no-browser"],
        stdout=out, stderr=subprocess.STDOUT, cwd=settings_file.parent, text=True,
    )  # fmt: skip
    out.close()
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    process.wait(60)


@pytest.mark.timeout(240)
def test_everything_starts_survives_a_killed_part_and_stops_in_order(
    running: subprocess.Popen[str], settings_file: Path
) -> None:
    folder = settings_file.parent
    out = folder / "out.txt"
    wait_until(lambda: "Ctrl-C stops" in out.read_text() or running.poll() is not None)
    said = out.read_text()
    assert running.poll() is None, said
    settings = load_settings(settings_file)
    assert f"Cockpit: http://127.0.0.1:{settings.cockpit.port}" in said
    assert port_answers(settings.cockpit.port)
    assert "Password of its controls for this run: " in said

    def status() -> dict[str, Any]:
        return {part["name"]: part for part in json.loads((folder / "var" / "status.json").read_text())}

    before = status()
    assert {part["state"] for part in before.values()} == {"up"}
    assert list(before) == ["broker", "simulate", "desk", "project", "archive", "ingest", "cockpit"]

    second = subprocess.run(
        [sys.executable, "-m", "infra.cli", "up", "--settings", str(settings_file)],
        capture_output=True, text=True, cwd=folder, timeout=60, check=False,
    )  # fmt: skip
    assert second.returncode == 1
    assert second.stderr.count("\n") == 1
    assert f"another `ember up` (pid {running.pid}) runs in " in second.stderr

    os.kill(before["desk"]["pid"], signal.SIGKILL)
    wait_until(lambda: status()["desk"]["restarts"] == 1 and status()["desk"]["state"] == "up")
    assert status()["project"]["pid"] == before["project"]["pid"]

    pids = [part["pid"] for part in status().values()]
    running.send_signal(signal.SIGINT)
    assert running.wait(60) == 0
    stopped = [line for line in out.read_text().splitlines() if line.endswith(": stopped")]
    assert stopped == [f"{name}: stopped" for name in reversed(before)]
    assert not any(psutil.pid_exists(pid) for pid in pids)
    manifest = json.loads((folder / "var" / "manifest.json").read_text())
    assert manifest["settings_hash"]["binance.spot"]
    assert manifest["packages"]["bytewax"] == "0.21.1"


def test_the_embedded_brokers_death_takes_what_followed_from_its_log_along(var: Path) -> None:
    forgotten: list[int] = []
    broker = EmbeddedBroker(var)
    supervised = Supervisor([LocalBrokerUnit(broker, lambda: forgotten.append(1)), child("desk", ORDERLY, var)])
    supervised.start()
    assert len(forgotten) == 1
    first = supervised.status()
    assert first[0].pid is not None
    os.kill(first[0].pid, signal.SIGKILL)
    run_until(supervised, lambda: all(s.state is State.UP and s.restarts == 1 for s in supervised.status()))
    second = supervised.status()
    assert len(forgotten) == 2
    assert {first[0].pid, first[1].pid}.isdisjoint({second[0].pid, second[1].pid})
    supervised.stop()
    assert running_broker(var) is None


@pytest.mark.kafka
def test_kafkas_death_leaves_the_others_running_and_forgets_nothing(var: Path) -> None:
    forgotten: list[int] = []
    supervised = Supervisor(
        [LocalBrokerUnit(KafkaBroker(var), lambda: forgotten.append(1)), child("desk", ORDERLY, var)]
    )
    supervised.start()
    first = supervised.status()
    assert first[0].pid is not None
    os.kill(first[0].pid, signal.SIGKILL)
    run_until(supervised, lambda: supervised.status()[0].restarts == 1 and supervised.status()[0].state is State.UP)
    assert supervised.status()[1].pid == first[1].pid
    assert forgotten == []
    supervised.stop()


def test_a_broker_that_ran_before_is_used_and_left_running(embedded_broker: EmbeddedBroker) -> None:
    forgotten: list[int] = []
    again = EmbeddedBroker(embedded_broker.folder, embedded_broker.port)
    supervised = Supervisor([LocalBrokerUnit(again, lambda: forgotten.append(1))])
    supervised.start()
    supervised.stop()
    assert embedded_broker.status().answers
    assert forgotten == []


def test_an_external_broker_gets_its_topics(embedded_broker: EmbeddedBroker) -> None:
    unit = ExternalBrokerUnit(embedded_broker.address)
    unit.start()
    assert unit.ready()


def test_the_command_lines_choices_reach_every_part_in_one_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.toml").write_text("[risk]\nmax_positions = 3\n[cockpit]\nrefresh_s = 2.0\n")
    options = UpOptions(settings=Path("mine.toml"), venue="binance", broker="kafka.example:9092", cockpit_port=9999)
    settings, file = settings_of_run(options)
    assert load_settings(file) == settings
    assert settings.ingest.venue == "binance"
    assert (settings.broker.kind, settings.broker.address) == ("external", "kafka.example:9092")
    assert (settings.cockpit.port, settings.cockpit.refresh_s) == (9999, 2.0)
    assert settings.markets["binance.spot"].desk.risk.max_positions == 3
    units = units_of(settings, file)
    assert [unit.name for unit in units] == ["broker", "desk", "project", "archive", "ingest", "cockpit"]
    assert all(isinstance(unit, ChildProcess) for unit in units[1:])


def test_what_followed_from_a_lost_log_is_forgotten_and_nothing_else(tmp_path: Path) -> None:
    var = tmp_path / "var"
    (var / "recovery" / "desk").mkdir(parents=True)
    (var / "archive").mkdir()
    for name in ("read_model.db", "read_model.db-wal", "settings.yaml"):
        (var / name).write_text("x")
    url = f"sqlite:///{var / 'read_model.db'}"
    forget_what_followed(parse_settings({"run": {"folder": str(var)}, "read_model": {"url": url}}, "test"))
    assert sorted(file.name for file in var.iterdir()) == ["archive", "settings.yaml"]


def test_the_lock_is_free_again_after_its_holder(var: Path) -> None:
    with only_one(var):
        pass
    with only_one(var):
        assert (var / "up.lock").read_text() == f"{os.getpid()}\n"


def test_a_status_that_cannot_be_written_is_told_and_stops_nothing(tmp_path: Path) -> None:
    told: list[str] = []
    keep(tmp_path / "gone" / "status.json", [], told.append)  # a folder that was deleted is made again
    assert (tmp_path / "gone" / "status.json").read_bytes() == b"[]\n"
    assert not told
    (tmp_path / "file").write_text("")
    keep(tmp_path / "file" / "status.json", [], told.append)
    assert "cannot be written" in told[0]
