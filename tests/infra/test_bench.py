"""A benchmark that cannot be run says why in one line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from contracts.errors import CommandError
from infra.bench import latency


def desk(folder: Path, program: str) -> subprocess.Popen[bytes]:
    with (folder / "desk.log").open("wb") as log:
        return subprocess.Popen([sys.executable, "-c", program], stdout=log, stderr=log)


def test_a_desk_that_ends_is_told_with_its_last_line(tmp_path: Path) -> None:
    process = desk(tmp_path, "print('first'); print('no broker'); raise SystemExit(3)")
    with pytest.raises(CommandError, match=r"^the desk ended with status 3; its last line: no broker$"):
        latency._wait_for(process, tmp_path)


def test_a_desk_that_never_gets_ready_is_told_after_a_while(tmp_path: Path) -> None:
    process = desk(tmp_path, "import time; time.sleep(60)")
    with pytest.raises(CommandError, match=r"was not ready within 0 s; its last line: none"):
        latency._wait_for(process, tmp_path, 0.2)
    process.kill()
    process.wait()
    (tmp_path / "ready").write_text("")
    latency._wait_for(process, tmp_path)
