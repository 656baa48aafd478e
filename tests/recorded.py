"""Recorded market data for tests: real frames, trades and candles of the venues.

The recordings are larger than a repository should be. They lie beside the project, in `../shared/data` of its root,
or where `EMBERLINE_RECORDED_DATA` says. A test that wants one asks `recorded("relative/path")`: without the recordings
it is skipped with the reason; under continuous integration (`CI=true`) it fails instead, so that nobody mistakes a skip
for a pass.
"""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def recorded_root() -> Path:
    """The folder of recordings; it need not exist."""
    configured = os.environ.get("EMBERLINE_RECORDED_DATA")
    return Path(configured) if configured else ROOT.parent / "shared" / "data"


def recorded(relative: str) -> Path:
    """The path of one recording (file or folder); skips the test where it is absent, fails it under CI.

    Called at module level it skips or fails the whole module.
    """
    path = recorded_root() / relative
    if path.exists():
        return path
    reason = f"recording {relative} not found under {recorded_root()}; EMBERLINE_RECORDED_DATA names the folder"
    if os.environ.get("CI", "").lower() in ("1", "true", "yes"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason, allow_module_level=True)
