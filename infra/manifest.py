"""What exactly runs: written to `var/manifest.json` at every start, so that a run can be told from another later."""

from __future__ import annotations

import platform
import subprocess
import time
from importlib.metadata import PackageNotFoundError, distributions, version
from pathlib import Path

import msgspec

from contracts.settings import Settings

ROOT = Path(__file__).resolve().parents[1]


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """One run. `git_commit` ends in `+` if files differ from it, and is empty outside a checkout."""

    started_at: float  # Unix seconds
    emberline: str
    git_commit: str
    python: str
    machine: str
    settings_hash: dict[str, str]  # by market
    packages: dict[str, str]


def git_commit() -> str:
    """The commit this code is, with `+` if files differ; empty if it is no checkout or there is no git."""
    try:
        head = subprocess.run(
            ["git", "-C", str(ROOT), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        ).stdout.strip()
        changed = subprocess.run(
            ["git", "-C", str(ROOT), "status", "--porcelain", "--untracked-files=no"],
            capture_output=True, text=True, timeout=10, check=True,
        ).stdout.strip()  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return ""
    return head + ("+" if changed else "")


def build_manifest(settings: Settings) -> Manifest:
    """Describe this process's code, settings and packages."""
    try:
        own = version("emberline")
    except PackageNotFoundError:
        own = ""
    return Manifest(
        started_at=time.time(),
        emberline=own,
        git_commit=git_commit(),
        python=platform.python_version(),
        machine=f"{platform.system()} {platform.machine()}",
        settings_hash={name: market.desk.hash() for name, market in settings.markets.items()},
        packages={
            dist.name.lower(): dist.version for dist in sorted(distributions(), key=lambda found: found.name.lower())
        },
    )


def write_manifest(settings: Settings) -> Manifest:
    """Write the manifest into the folder of the run and return it."""
    manifest = build_manifest(settings)
    folder = Path(settings.run.folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "manifest.json").write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n")
    return manifest
