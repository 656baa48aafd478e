"""Which code and which data stand behind a decision: stamped on every packet, so that it can be decided again."""

from __future__ import annotations

import subprocess
from functools import cache
from importlib import metadata
from pathlib import Path

from contracts.topics import EVENTS
from operators.packets import Versions

ROOT = Path(__file__).resolve().parents[1]


@cache
def versions() -> Versions:
    """The commit of this checkout (or the release, where it is installed without one), the topic decided from, no model."""
    return Versions(model="", data=EVENTS.name, git=_commit() or metadata.version("emberline"))


def _commit() -> str:
    if not (ROOT / ".git").exists():
        return ""
    try:
        asked = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "--short=12", "HEAD"],
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return asked.stdout.strip() if asked.returncode == 0 else ""
