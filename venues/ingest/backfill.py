"""Bars of the past, fetched once: history at the start, later only the minutes that a gap took."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Literal

import structlog

from contracts.errors import VenueError
from contracts.events import Klines
from contracts.settings.services import IngestSettings
from venues.binance.history import MINUTE_MS, KlineRow, read_klines
from venues.binance.rest import BinanceRest
from venues.binance.times import LATEST_MS
from venues.ingest.bar_cache import BarCache, CachedBars

PAGE = 1000  # the venue's most per request
ROWS_PER_EVENT = 500
BYTES_PER_ROW = 90
DAY_MS = 86_400_000
AGE_DAYS = 400
WORKERS = 6
CHART_LEAST = 12  # fewer bars make no chart
CHART_MINUTES: dict[Literal["5m", "15m"], int] = {"5m": 5, "15m": 15}

log = structlog.get_logger()


class Backfill:
    """Fetch closed 1 m bars and hand them on in chunks, most liquid symbol first.

    No bar is asked for twice: `asked_until` holds per symbol the open time (ms) up to which, excluded, the venue was
    asked. With a cache that holds over restarts, too; what it has is handed on like what was fetched. venue_ms() is the
    venue's clock, now() the receive clock (ns); append(event) takes each chunk.
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
        self._lock = asyncio.Lock()
        self._starts: dict[str, int] = {}  # ns; first bar of symbols that begin within the range asked for
        self.asked_until: dict[str, int] = {}
        self.bars = 0
        self.cached_bars = 0
        self.symbols_done = 0
        self.symbols_asked = 0
        self.failed = 0

    async def history(self, symbols: Sequence[str]) -> None:
        """Fetch `history_bars` bars of each symbol, as far as they were not fetched before."""
        await self._fetch([(symbol, self._venue_ms() - self._settings.history_bars * MINUTE_MS) for symbol in symbols])

    async def charts(self, symbols: Sequence[str]) -> None:
        """Fetch a day of the longer bars that charts show, as the venue has them: one request per symbol and interval."""
        async with self._lock:
            for symbol in symbols:
                for interval, minutes in CHART_MINUTES.items():
                    step = minutes * MINUTE_MS
                    until = self._venue_ms() // step * step
                    count = min(self._settings.history_bars // minutes, PAGE)
                    if count < CHART_LEAST:
                        continue
                    try:
                        answer = await self._rest.klines(symbol, until - count * step, count, interval)
                        rows = read_klines(answer, until)
                    except VenueError as e:
                        log.warning("chart_history_failed", symbol=symbol, interval=interval, error=str(e))
                        continue
                    if rows:
                        self._append(Klines(ts_recv=self._now(), symbol=symbol, interval=interval, rows=rows))
                    await self._pace(rows)

    async def gap(self, symbols: Sequence[str], from_ms: int) -> None:
        """Fetch the closed bars that a gap of the feed since `from_ms` (venue's clock) touched."""
        await self._fetch([(symbol, from_ms) for symbol in symbols if symbol in self.asked_until])

    async def listed(self, symbol: str) -> int | None:
        """When the symbol's first bar opened (ns): to the minute within the history fetched, else to the day.

        None for a symbol older than 400 days.
        """
        from_ms = (self._venue_ms() // DAY_MS - AGE_DAYS) * DAY_MS
        days = read_klines(await self._rest.klines(symbol, from_ms, AGE_DAYS + 1, "1d"), LATEST_MS)
        start = self._starts.get(symbol)
        if not days:
            return start
        first = days[0][0]
        if first <= from_ms * 1_000_000:
            return None
        return start if start is not None and first <= start < first + DAY_MS * 1_000_000 else first

    async def _fetch(self, wanted: Sequence[tuple[str, int]]) -> None:
        queue = list(reversed(wanted))
        self.symbols_asked += len(queue)
        async with self._lock:  # one range at a time, so that two callers never ask for the same bar
            await asyncio.gather(*(self._work(queue) for _ in range(WORKERS)))

    async def _work(self, queue: list[tuple[str, int]]) -> None:
        while queue:
            symbol, from_ms = queue.pop()
            try:
                await self._symbol(symbol, from_ms)
            except VenueError as e:
                self.failed += 1
                log.warning("history_failed", symbol=symbol, error=str(e))
            self.symbols_done += 1

    async def _symbol(self, symbol: str, from_ms: int) -> None:
        first = from_ms // MINUTE_MS * MINUTE_MS
        start = max(first, self.asked_until.get(symbol, 0))
        fresh = symbol not in self.asked_until
        rows: list[KlineRow] = []
        if fresh and self._cache is not None and (cached := self._cache.load(symbol, start)) is not None:
            rows = cached.rows
            self._hand_on(symbol, rows)
            self.cached_bars += len(rows)
            await self._pace(rows)
            start = self.asked_until[symbol] = cached.until_ms
        while True:
            until = self._venue_ms() // MINUTE_MS * MINUTE_MS  # the bar that opens here is still forming
            count = (until - start) // MINUTE_MS
            if count <= 0:
                break
            page = read_klines(await self._rest.klines(symbol, start, min(count, PAGE)), until)
            self._hand_on(symbol, page)
            rows.extend(page)
            # A short page was the last one: what the venue has not is not asked for again.
            start = page[-1][0] // 1_000_000 + MINUTE_MS if len(page) == PAGE else until
            self.asked_until[symbol] = start
            await self._pace(page)
        if fresh and rows and rows[0][0] > (first + MINUTE_MS) * 1_000_000:
            self._starts[symbol] = rows[0][0]
        if fresh and self._cache is not None:  # a gap's bars do not join on to what is kept
            self._cache.store(symbol, CachedBars(from_ms=first, until_ms=start, rows=rows))

    async def _pace(self, rows: list[KlineRow]) -> None:
        await asyncio.sleep(len(rows) * BYTES_PER_ROW / self._settings.history_bytes_per_second * WORKERS)

    def _hand_on(self, symbol: str, rows: list[KlineRow]) -> None:
        for i in range(0, len(rows), ROWS_PER_EVENT):
            chunk = rows[i : i + ROWS_PER_EVENT]
            self._append(Klines(ts_recv=self._now(), symbol=symbol, interval="1m", rows=chunk))
            self.bars += len(chunk)
