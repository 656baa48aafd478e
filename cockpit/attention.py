"""Tell the desk which coin somebody looks at, so that its trades and quotes are streamed: once per coin and five minutes."""

from __future__ import annotations

import threading
import time

import structlog

from cockpit import commands
from cockpit.context import settings
from cockpit.session import market
from contracts.errors import CommandError

EVERY_S = 300.0

_asked: dict[tuple[str, str], float] = {}
_guard = threading.Lock()
_log = structlog.get_logger("cockpit")


def look_at(symbol: str) -> None:
    """Ask for the coin's streams in the background; a page never waits for it and works without."""
    key = (market(), symbol)
    now = time.monotonic()
    with _guard:
        if now - _asked.get(key, -EVERY_S) < EVERY_S:
            return
        _asked[key] = now
    threading.Thread(target=_ask, args=key, name="look_at", daemon=True).start()


def _ask(name: str, symbol: str) -> None:
    try:
        commands.watch(settings(), name, "viewer", symbol)
    except CommandError as e:
        _log.warning("watch_not_sent", symbol=symbol, reason=str(e))
