"""What REST tells: the table of instruments and its changes, halts, 24 h figures, history, the age of each coin."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence

import structlog

from contracts.errors import VenueError
from contracts.events import Announcement, InstrumentRow, Instruments, LogEvent, Tickers
from contracts.settings.services import IngestSettings
from venues.binance.history import read_day_tickers
from venues.binance.instruments import read_exchange_info
from venues.binance.rest import BinanceRest
from venues.binance.tickers import Dirt
from venues.ingest.backfill import Backfill
from venues.ingest.bar_cache import BarCache
from venues.ingest.long_history import LongHistory
from venues.ingest.status_watch import StatusWatch
from venues.ingest.universe import ROWS_PER_EVENT, Universe

RETRY_S = 300.0
HURRY_S = 30.0  # a symbol nobody knows brings the next look at the table forward, at most this often
BACKFILL_GAP_S = 10.0  # shorter gaps cost prices between two tickers at most: 24 h volumes go on
AFTER_MINUTE_S = 2.0

log = structlog.get_logger()


class Reference:
    """Keep the table of instruments and the history of bars, tolerating every failure: the last good answer stays."""

    def __init__(
        self,
        settings: IngestSettings,
        rest: BinanceRest,
        universe: Universe,
        now: Callable[[], int],
        skew_ns: Callable[[], int],
        append: Callable[[LogEvent], None],
        letter: Callable[[str, Dirt], None],
        changed: Callable[[], None],
        watched: Callable[[], Sequence[str]],
        cache: BarCache | None = None,
        hours: BarCache | None = None,
    ) -> None:
        self._settings = settings
        self._rest = rest
        self._universe = universe
        self._now = now
        self._skew_ns = skew_ns
        self._server_skew_ns = 0
        self._append = append
        self._letter = letter
        self._changed = changed
        self._hurry = asyncio.Event()
        self._gaps: asyncio.Queue[int] = asyncio.Queue()
        self.backfill = Backfill(settings, rest, self.venue_ms, now, append, cache)
        self.long_history = LongHistory(settings, rest, self.venue_ms, now, append, hours)
        self.status = StatusWatch(settings, rest, universe, watched, now, self._publish, letter, self.unknown_symbol)

    def venue_ms(self) -> int:
        """The venue's clock: by its newest ticker, else by its last table."""
        return (self._now() + (self._skew_ns() or self._server_skew_ns)) // 1_000_000

    def unknown_symbol(self) -> None:
        """A symbol is streamed that the table does not hold, or watched that the venue does not know any more."""
        self._hurry.set()

    def gap(self, seconds: float) -> None:
        """The feed was away this long, until now."""
        if seconds >= BACKFILL_GAP_S:
            self._gaps.put_nowait(self.venue_ms() - int(seconds * 1000))

    async def run(self) -> None:
        """Table and 24 h figures first, then history beside looks at the table and at the status of watched coins. Runs
        until cancelled.
        """
        while not await self._refresh():  # noqa: ASYNC110 - a question over the net, not a flag
            await asyncio.sleep(RETRY_S)
        order = await self._by_liquidity()
        await asyncio.gather(self._history(order), self._keep_table(), self.status.run())

    async def _history(self, order: list[str]) -> None:
        started = time.monotonic()
        await self.backfill.history(order[: self._settings.history_symbols])
        log.info("history_fetched", bars=self.backfill.bars, seconds=round(time.monotonic() - started, 1))
        await self.long_history.fetch(order[: self._settings.history_symbols])
        log.info("long_history_fetched", bars=self.long_history.bars, seconds=round(time.monotonic() - started, 1))
        await self.backfill.charts(order[: self._settings.history_symbols])
        await self._ages(order)
        while True:
            since_ms = await self._gaps.get()
            # The minute in which the feed came back must have closed before its bar can be fetched.
            await asyncio.sleep(60.0 - self.venue_ms() % 60_000 / 1000 + AFTER_MINUTE_S)
            await self.backfill.gap(order[: self._settings.history_symbols], since_ms)

    async def _keep_table(self) -> None:
        while True:
            wait = self._settings.instruments_refresh_s
            await asyncio.sleep(min(HURRY_S, wait))
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._hurry.wait(), max(wait - HURRY_S, 0.0))
            self._hurry.clear()
            if not await self._refresh():
                await asyncio.sleep(max(RETRY_S - wait, 0.0))

    async def _refresh(self) -> bool:
        first = not self._universe.rows
        asked = self._now()
        try:
            info = read_exchange_info(await self._rest.exchange_info(), self._universe.keeps_listed)
        except VenueError as e:
            log.warning("instruments_failed", error=str(e), kept=len(self._universe.rows))
            return False
        if not info.rows and not first:
            log.warning("instruments_failed", error="the table is empty", kept=len(self._universe.rows))
            return False
        now = self._now()
        if info.server_time_ms:
            self._server_skew_ns = info.server_time_ms * 1_000_000 - now
        for dirt in info.dirt:
            self._letter("exchangeInfo", dirt)
        changed, new = self._universe.update(info.rows, now, asked)
        self._publish(changed, complete=first)
        if not first and new:
            for row in new:
                self._announce(row)
            log.info("symbols_listed", symbols=[row.symbol for row in new])
            trading = [row.symbol for row in new if row.status == "TRADING"]
            await self.backfill.history(trading)
            await self.long_history.fetch(trading)
        if changed:
            self._changed()
        return True

    def _publish(self, rows: list[InstrumentRow], *, complete: bool = False) -> None:
        """A table larger than one message continues in events of changed rows."""
        for i in range(0, len(rows), ROWS_PER_EVENT):
            chunk = rows[i : i + ROWS_PER_EVENT]
            self._append(Instruments(ts_recv=self._now(), rows=chunk, complete=complete and i == 0))

    def _announce(self, row: InstrumentRow) -> None:
        now = self._now()
        self._append(
            Announcement(
                ts_recv=now,
                source="exchangeInfo",
                announcement_id=f"listed:{row.symbol}",
                title=f"{row.symbol} appeared among the instruments ({row.status})",
                category="listing",
                symbols=[row.base],
                ts_event=now,
            )
        )

    async def _by_liquidity(self) -> list[str]:
        """Append the 24 h figures once; trading symbols by falling quote volume."""
        trading = self._universe.trading()
        try:
            rows, left_out = read_day_tickers(await self._rest.day_tickers(), set(trading).__contains__)
        except VenueError as e:
            log.warning("day_tickers_failed", error=str(e))
            return sorted(trading)
        log.info("day_tickers", symbols=len(rows), without_price=left_out)
        for i in range(0, len(rows), ROWS_PER_EVENT):
            self._append(Tickers(ts_recv=self._now(), rows=rows[i : i + ROWS_PER_EVENT]))
        volume = {row[0]: row[7] for row in rows}
        return sorted(trading, key=lambda symbol: (-volume.get(symbol, 0.0), symbol))

    async def _ages(self, order: list[str]) -> None:
        """Find out since when each coin is listed, and publish it in one go."""
        aged: list[InstrumentRow] = []
        for symbol in order[: self._settings.history_symbols]:
            row = self._universe.rows.get(symbol)
            if row is None or row.ts_listed is not None:
                continue
            try:
                listed = await self.backfill.listed(symbol)
            except VenueError as e:
                log.warning("listing_time_failed", symbol=symbol, error=str(e))
                continue
            known = self._universe.listed(symbol, listed) if listed is not None else None
            if known is not None:
                aged.append(known)
        self._publish(aged)
