"""The document behind a page's address: Streamlit's own, told where its server is.

Opened below the root (`/coin`), Streamlit's script does not know whether the server's root is `/coin` or `/`: it asks both, and
the first answers 404. Our server is always at the root of its origin.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import streamlit
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

SAY_ROOT = '<script>window.__streamlit = { BACKEND_BASE_URL: location.origin + "/" }</script>'


@lru_cache(maxsize=1)
def document() -> str:
    """Streamlit's document with the server's root said before its own scripts run."""
    found = Path(streamlit.__file__).parent / "static" / "index.html"
    return found.read_text(encoding="utf-8").replace("<head>", f"<head>{SAY_ROOT}", 1)


async def _page(_: Request) -> Response:
    return HTMLResponse(document(), headers={"Cache-Control": "no-cache"})


def page_routes(names: Sequence[str]) -> list[BaseRoute]:
    """A route for each page that has an address of its own."""
    return [Route(f"/{name}", _page) for name in names]
