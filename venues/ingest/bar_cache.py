"""Fetched bars on disk: after a restart only what is missing is asked of the venue."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import structlog

from venues.binance.history import MINUTE_MS, KlineRow

log = structlog.get_logger()


class CachedBars(msgspec.Struct, kw_only=True):
    """All bars that the venue has in [from_ms, until_ms), oldest first."""

    version: int = 1
    from_ms: int
    until_ms: int
    rows: list[KlineRow]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(CachedBars).decode


class BarCache:
    """One file per symbol under `folder`, each one whole range, bounded to the `most` newest bars of `step_ms`.

    A file that cannot be read, or of another version, counts as absent.
    """

    def __init__(self, folder: Path, most: int, step_ms: int = MINUTE_MS) -> None:
        self._folder = folder
        self._most_ms = most * step_ms

    def load(self, symbol: str, from_ms: int) -> CachedBars | None:
        """What is known from `from_ms` on, or None where the range begins later or ended before."""
        try:
            cached = _decode(self._file(symbol).read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.MsgspecError) as e:
            log.warning("bar_cache_unreadable", symbol=symbol, error=str(e)[:160])
            return None
        if cached.version != 1 or cached.from_ms > from_ms or cached.until_ms <= from_ms:
            return None
        rows = [row for row in cached.rows if row[0] >= from_ms * 1_000_000]
        return CachedBars(from_ms=from_ms, until_ms=cached.until_ms, rows=rows)

    def store(self, symbol: str, bars: CachedBars) -> None:
        """Replace what is kept of a symbol."""
        from_ms = max(bars.from_ms, bars.until_ms - self._most_ms)
        rows = [row for row in bars.rows if row[0] >= from_ms * 1_000_000]
        file = self._file(symbol)
        draft = file.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            draft.write_bytes(_encode(CachedBars(from_ms=from_ms, until_ms=bars.until_ms, rows=rows)))
            draft.replace(file)
        except OSError as e:
            log.warning("bar_cache_unwritable", symbol=symbol, error=str(e)[:160])

    def _file(self, symbol: str) -> Path:
        return self._folder / f"{symbol}.bars"
