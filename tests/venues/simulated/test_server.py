"""The exchange as a process of its own: one line when ready, an orderly end, one line when it cannot start."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.recorded import ROOT

PROGRAM = """
import sys
from contracts.settings.simulator import SimulatorSettings
from infra.services import log_as_json
from venues.simulated.server import serve
import msgspec
log_as_json()
settings = msgspec.json.decode(sys.argv[1], type=SimulatorSettings)
serve(settings, ready=lambda: print("ready", flush=True))
"""


def started(**settings: object) -> subprocess.Popen[str]:
    """A process that serves the settings."""
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, json.dumps({"port": 0, "symbols": 10, **settings})],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_where_it_listens_and_stops_when_told(number: signal.Signals) -> None:
    with started() as process:
        assert process.stdout is not None
        line = json.loads(process.stdout.readline())
        assert (line["event"], line["level"]) == ("exchange_ready", "info")
        assert process.stdout.readline() == "ready\n"
        with urllib.request.urlopen(f"http://127.0.0.1:{line['port']}/sim/status", timeout=5) as answer:
            assert json.load(answer)["port"] == line["port"]
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")


def test_a_recording_that_cannot_be_read_is_said(tmp_path: Path) -> None:
    with started(recording=str(tmp_path / "absent.wsraw.gz")) as process:
        _, err = process.communicate(timeout=30)
        assert process.returncode == 1
        assert "found no file" in err.strip().splitlines()[-1]
