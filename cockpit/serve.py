"""The cockpit's web server: Streamlit on loopback, nothing sent home, our own scripts and styles served beside it.

serve(settings)                         blocks until SIGTERM or Ctrl-C
python -m cockpit.serve --settings F    the same as a process of its own
"""

from __future__ import annotations

import argparse
import importlib
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from cockpit import late_updates, theme
from cockpit.context import configure
from cockpit.entry import page_routes
from cockpit.library import chart_library
from contracts.errors import EmberlineError
from contracts.settings import Settings, load_settings

LOOPBACK = "127.0.0.1"
HERE = Path(__file__).resolve().parent
ASSETS = HERE / "assets"
FIRST_VISIT = (  # what the pages import: loaded before the server is ready, so that the first visitor does not wait for it
    "PIL.Image",  # Streamlit's own, imported by it with the first widget
    "pandas",
    "pyarrow.compute",
    "sqlalchemy.dialects.sqlite",
    "cockpit.asking",
    "cockpit.attention",
    "cockpit.counters",
    "cockpit.discovery_feeds",
    "cockpit.emergency",
    "cockpit.heat_map",
    "cockpit.kline",
    "cockpit.ledger",
    "cockpit.live",
    "cockpit.pool_life",
    "cockpit.ranking",
    "cockpit.strip",
    "cockpit.why_queries",
)
PAGES = ("discovery", "coin", "book", "why", "control")  # beside the first one, which is the root


def options(settings: Settings) -> dict[str, Any]:
    """Configuration of the web server by dotted names: loopback only, no telemetry, no developer's menu."""
    return {
        "server.address": LOOPBACK,
        "server.port": settings.cockpit.port,
        "server.allowedHosts": [LOOPBACK, "localhost"],
        "server.headless": True,
        "server.fileWatcherType": "none",
        "server.runOnSave": False,
        "server.disconnectedSessionTTL": 30,
        "browser.gatherUsageStats": False,
        "browser.serverAddress": LOOPBACK,
        "client.toolbarMode": "viewer",
        "client.showErrorDetails": "type",
        "client.showSidebarNavigation": False,
        "runner.magicEnabled": False,
        "runner.postScriptGC": False,  # a full collection after every live update was four fifths of the server's time
        "logger.hideWelcomeMessage": True,
        **theme.options(),
    }


def serve(settings: Settings, ready: Callable[[], None] | None = None) -> None:
    """Serve the pages until the process is told to stop. `ready` is called once, when pages can be fetched.

    Raises EmberlineError if the chart library is not the one we know. A port in use ends the process with status 1.
    """
    configure(settings)
    late_updates.install()
    library = chart_library()
    for module in FIRST_VISIT:
        importlib.import_module(module)

    async def chart_script(_: Request) -> Response:
        return FileResponse(library, media_type="text/javascript", headers={"Cache-Control": "public, max-age=86400"})

    @asynccontextmanager
    async def started(_: st.App) -> AsyncIterator[None]:
        if ready is not None:
            ready()
        yield

    routes = [
        Route("/assets/lightweight-charts.js", chart_script),
        Mount("/assets", StaticFiles(directory=ASSETS)),
        *page_routes(PAGES),
    ]
    app = st.App(HERE / "app.py", routes=routes, lifespan=started)
    # The server takes both signals while it runs, ends in order, and then sends the signal again: that one means nothing.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: None)
    app.run(config=options(settings))


def main(arguments: Sequence[str] | None = None) -> int:
    """Entry point of the cockpit's process."""
    parser = argparse.ArgumentParser(prog="cockpit.serve", description="Serve the cockpit on loopback.")
    parser.add_argument("--settings", type=Path, default=None, help="settings file (YAML or TOML)")
    parsed = parser.parse_args(arguments)
    try:
        serve(load_settings(parsed.settings))
    except EmberlineError as e:
        print(e, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
