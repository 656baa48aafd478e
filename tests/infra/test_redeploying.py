"""`ember redeploy`: the supervised desk restarts under other settings, or nothing happens and one line says why."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from contracts.errors import EmberlineError, SettingsError
from contracts.settings import load_settings
from infra.processes import read_record
from infra.redeploying import redeploy_desk
from infra.supervisor import ChildProcess, Supervisor

DESK = "import pathlib, signal, sys; pathlib.Path(sys.argv[1]).write_text(''); signal.pause()"
NEVER_READY = (
    "import pathlib, signal, sys; ready = 'hot' in open(sys.argv[2]).read(); "
    "ready and pathlib.Path(sys.argv[1]).write_text(''); signal.pause()"
)


class Run:
    """A supervisor with a desk's stand-in, as `ember up` keeps one."""

    def __init__(self, folder: Path, script: str = DESK) -> None:
        self.folder = folder
        self.effective = folder / "settings.yaml"
        self.record = folder / "run" / "desk.json"
        self.write(
            {"run": {"folder": str(folder)}, "ingest": {"venue": "binance"}, "strategy": {"name": "hot_momentum"}},
            self.effective,
        )
        ready = folder / "run" / "desk.ready"
        desk = ChildProcess(
            "desk", [sys.executable, "-c", script, str(ready), str(self.effective)], folder, ready_when=ready.exists, clear_before=ready,
        )  # fmt: skip
        self.supervisor = Supervisor([desk])
        self.supervisor.start()
        self.thread = threading.Thread(target=self.supervisor.run)
        self.thread.start()

    @property
    def pid(self) -> int:
        found = read_record(self.record)
        assert found is not None
        return found.pid

    def write(self, raw: dict[str, object], file: Path) -> Path:
        file.write_text(json.dumps(raw))
        return file

    def other(self, **more: object) -> Path:
        strategy = {"name": "pullback", "shadow": ["hot_momentum"]}
        return self.write(
            {"run": {"folder": str(self.folder)}, "strategy": strategy, **more}, self.folder / "other.yaml"
        )

    def end(self) -> None:
        self.supervisor.ask_stop()
        self.thread.join()
        self.supervisor.stop()


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Run]:
    run = Run(tmp_path)
    yield run
    run.end()


def test_the_desk_restarts_under_the_new_strategy_and_other_parts_keep_their_settings(running: Run) -> None:
    first = running.pid
    before, after = redeploy_desk(running.other(ingest={"venue": "simulated"}), 30.0)
    assert running.pid != first
    runs = load_settings(running.effective)
    assert runs == after
    assert [each.markets["binance.spot"].desk.strategy.name for each in (before, runs)] == ["hot_momentum", "pullback"]
    assert runs.ingest.venue == "binance"


@pytest.mark.parametrize(
    ("more", "error", "message"),
    [
        ({"strategy": {"name": "moon"}}, SettingsError, "expected one of hot_momentum, pullback, was 'moon'"),
        ({"strategy": {"options": {"hot_momentum": {"moon": 1.0}}}}, SettingsError, "strategy.options.hot_momentum"),
        ({"strategy": {"options": {"moon": {"trend": 1.0}}}}, SettingsError, "`strategy.options.moon`: expected one of"),
        ({"strategy": {"shadow": ["pullback", "moon"]}}, SettingsError, r"other.yaml: .*`strategy\.shadow\[1\]`: expected one of"),
        ({"strategy": {"options": {"pullback": {"dip_min": 0.5}}}}, SettingsError, "`strategy.options.pullback.dip_min`: expected up to"),
        ({"entry": {"moon": 1}}, SettingsError, "moon"),
        ({"markets": {"binance.usdm": {"partition": 1}}}, EmberlineError, "expected the markets that run"),
    ],
)
def test_settings_that_cannot_run_change_nothing(
    running: Run, more: dict[str, object], error: type[Exception], message: str
) -> None:
    first, content = running.pid, running.effective.read_bytes()
    with pytest.raises(error, match=message):
        redeploy_desk(running.other(**more), 30.0)
    assert (running.pid, running.effective.read_bytes()) == (first, content)


def test_a_desk_that_does_not_come_up_gets_its_settings_back(tmp_path: Path) -> None:
    run = Run(tmp_path, NEVER_READY)
    try:
        content = run.effective.read_bytes()
        file = run.write({"run": {"folder": str(tmp_path)}, "strategy": {"name": "pullback"}}, tmp_path / "other.yaml")
        with pytest.raises(EmberlineError, match="did not come up within 3 s, its settings were put back"):
            redeploy_desk(file, 3.0)
        assert run.effective.read_bytes() == content
    finally:
        run.end()


def test_without_a_running_desk_the_line_names_the_way_out(tmp_path: Path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text(json.dumps({"run": {"folder": str(tmp_path)}}))
    with pytest.raises(EmberlineError, match=r"no desk of `ember up` runs in .*; start it with `ember up --settings"):
        redeploy_desk(file, 1.0)
