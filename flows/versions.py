"""Which code and which data stand behind a decision: stamped on every packet, so that it can be decided again."""

from __future__ import annotations

from functools import cache
from importlib import metadata
from pathlib import Path

from contracts.topics import EVENTS
from operators.packets import Versions

ROOT = Path(__file__).resolve().parents[1]
DIGITS = 12


@cache
def versions() -> Versions:
    """The commit of this checkout (or the release, where it is installed without one), and the topic decided from."""
    return Versions(data=EVENTS.name, git=commit(ROOT / ".git") or metadata.version("emberline"))


def commit(folder: Path) -> str:
    """The first 12 digits of the commit that HEAD names, read from git's own files; empty where there is none."""
    try:
        head = (folder / "HEAD").read_text().strip()
        if not head.startswith("ref: "):
            return head[:DIGITS]
        name = head.removeprefix("ref: ")
        if (folder / name).is_file():
            return (folder / name).read_text().strip()[:DIGITS]
        for line in (folder / "packed-refs").read_text().splitlines():
            if line.endswith(f" {name}"):
                return line[:DIGITS]
    except OSError:
        return ""
    return ""
