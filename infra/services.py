"""The processes of a desk: which module serves each, and how one says that it is ready.

Every service module has `serve(settings, ready=...)`: it blocks until SIGTERM or SIGINT, and calls `ready`.
Under the supervisor that call writes the file that `EMBERLINE_READY_FILE` names.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable
from pathlib import Path

import structlog

from contracts.errors import CommandError
from contracts.settings import Settings

READY_ENV = "EMBERLINE_READY_FILE"

# In the order of their start. Ingest comes after the log's readers: it opens with some 40 MB of history, and a broker
# in memory keeps 5 MB for those who come late.
SERVICES: dict[str, str] = {
    "desk": "flows.live",
    "project": "flows.project",
    "archive": "flows.archive",
    "ingest": "venues.ingest",
    "cockpit": "cockpit.serve",
}
SIMULATOR = "venues.simulated.server"


def tell_ready() -> None:
    """Write the file the supervisor waits for; without a supervisor nothing happens."""
    file = os.environ.get(READY_ENV)
    if file:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).write_text(f"{os.getpid()}\n")


def run_service(name: str, settings: Settings, *, rebuild: bool = False) -> None:
    """Run one of SERVICES, or `simulate`, in this process until told to stop. Raises CommandError for other names."""
    log_as_json()
    if name == "simulate":
        serve: Callable[..., None] = importlib.import_module(SIMULATOR).serve
        serve(settings.simulator, ready=tell_ready)
        return
    if name not in SERVICES:
        raise CommandError(f"run: expected one of {', '.join(SERVICES)}, was {name}")
    if rebuild and name != "desk":
        raise CommandError(f"run {name}: --rebuild is for the desk, whose state follows from the log")
    serve = importlib.import_module(SERVICES[name]).serve
    more = {"rebuild": True} if rebuild else {}
    serve(settings, ready=tell_ready, **more)


def log_as_json() -> None:
    """One JSON object per line on stdout: what the log files of the supervisor hold."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    )
