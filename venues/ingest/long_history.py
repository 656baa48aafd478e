"""Hourly bars of the last month, fetched once: what the correlation of coins is measured on."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final

import structlog

from contracts.errors import VenueError
from contracts.events import Klines
from contracts.settings.services import IngestSettings
from venues.binance.history import KlineRow, read_klines
from venues.binance.rest import BinanceRest
from venues.ingest.backfill import BYTES_PER_ROW, ROWS_PER_EVENT, WORKERS
from venues.ingest.bar_cache import BarCache, CachedBars

HOUR_MS: Final = 3_600_000

log = structlog.get_logger()


class LongHistory:
    """Fetch `history_hours` closed hourly bars of each symbol with one request and hand them on in chunks.

    No bar is asked for twice: `asked_until` holds per symbol the open time (ms) up to which, excluded, the venue was asked; with a
    cache that holds over restarts, too. venue_ms(), now() and append(event) as in `Backfill`.
    """

    def __init__(
        self,
        settings: IngestSettings,
        rest: BinanceRest,
        venue_ms: Callable[[], int],
        now: Callable[[], int],
        append: Callable[[Klines], None],
        cache: BarCache | None = None,
    ) -> None:
        self._settings = settings
        self._rest = rest
        self._venue_ms = venue_ms
        self._now = now
        self._append = append
        self._cache = cache
        self.asked_until: dict[str, int] = {}
        self.bars = 0
        self.failed = 0

    async def fetch(self, symbols: Sequence[str]) -> None:
        """Fetch what was not fetched before; a symbol that fails is logged and left for the next call."""
        queue = list(reversed(symbols)) if self._settings.history_hours else []
        await asyncio.gather(*(self._work(queue) for _ in range(WORKERS)))

    async def _work(self, queue: list[str]) -> None:
        while queue:
            symbol = queue.pop()
            try:
                rows = await self._symbol(symbol)
            except VenueError as e:
                self.failed += 1
                log.warning("long_history_failed", symbol=symbol, error=str(e))
                continue
            await asyncio.sleep(len(rows) * BYTES_PER_ROW / self._settings.history_bytes_per_second * WORKERS)

    async def _symbol(self, symbol: str) -> list[KlineRow]:
        until = self._venue_ms() // HOUR_MS * HOUR_MS  # the hour that opens here is still forming
        first = until - self._settings.history_hours * HOUR_MS
        start = max(first, self.asked_until.get(symbol, 0))
        known: list[KlineRow] = []
        if symbol not in self.asked_until and self._cache is not None:
            cached = self._cache.load(symbol, first)
            if cached is not None:
                known, start = cached.rows, cached.until_ms
        fetched: list[KlineRow] = []
        if start < until:
            fetched = read_klines(await self._rest.klines(symbol, start, (until - start) // HOUR_MS, "1h"), until)
        if symbol not in self.asked_until and self._cache is not None:
            self._cache.store(symbol, CachedBars(from_ms=first, until_ms=max(start, until), rows=known + fetched))
        self.asked_until[symbol] = max(start, until)
        rows = known + fetched
        for i in range(0, len(rows), ROWS_PER_EVENT):
            chunk = rows[i : i + ROWS_PER_EVENT]
            self._append(Klines(ts_recv=self._now(), symbol=symbol, interval="1h", rows=chunk))
        self.bars += len(rows)
        return rows
