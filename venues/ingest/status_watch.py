"""The status of the coins that matter, asked for far more often than the whole table: a halt is known within seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import structlog

from contracts.errors import VenueError, VenueRefusal
from contracts.events import InstrumentRow
from contracts.settings.services import IngestSettings
from venues.binance.instruments import read_exchange_info
from venues.binance.rest import BinanceRest
from venues.binance.tickers import Dirt
from venues.ingest.universe import GONE, Universe

MOST = 200  # symbols in one question: some 4 kB of address
NO_SUCH_SYMBOL = frozenset({-1121, -1100})  # unknown, or of characters that the venue takes in no name
LEFT_OUT_S = 300.0

log = structlog.get_logger()


class StatusWatch:
    """Ask for the rows of the coins that the desk watches, every `status_refresh_s`, and publish those that changed.

    One question costs the same weight whatever the number of symbols. Every failure is tolerated: what is known stays, and
    the next question is not far. A symbol that the venue does not know makes it refuse the whole question; then each
    half is asked by itself, down to the symbol, which is left out for a while and told to `unknown()`.

    watched(): the coins, most wanted first. publish(rows), letter(source, dirt): changed rows, and those nobody could read.
    """

    def __init__(
        self,
        settings: IngestSettings,
        rest: BinanceRest,
        universe: Universe,
        watched: Callable[[], Sequence[str]],
        now: Callable[[], int],
        publish: Callable[[list[InstrumentRow]], None],
        letter: Callable[[str, Dirt], None],
        unknown: Callable[[], None],
    ) -> None:
        self._every_s = settings.status_refresh_s
        self._rest = rest
        self._universe = universe
        self._watched = watched
        self._now = now
        self._publish = publish
        self._letter = letter
        self._unknown = unknown
        self._left_out: dict[str, float] = {}  # symbol -> when it may be asked for again

    async def run(self) -> None:
        """Look again and again; without an interval, never. Runs until cancelled."""
        while self._every_s:
            await asyncio.sleep(self._every_s)
            await self.look()

    async def look(self) -> None:
        """Ask once, unless nothing is watched that the table holds."""
        symbols = self._symbols()
        if not symbols:
            return
        asked = self._now()
        try:
            rows = await self._ask(symbols)
        except VenueError as e:
            log.warning("status_failed", error=str(e), symbols=len(symbols))
            return
        changed = self._universe.refresh(rows, asked)
        if changed:
            log.info("status_changed", symbols={row.symbol: row.status for row in changed})
            self._publish(changed)

    def _symbols(self) -> list[str]:
        now = time.monotonic()
        self._left_out = {symbol: until for symbol, until in self._left_out.items() if until > now}
        rows = self._universe.rows
        listed = [s for s in self._watched() if s in rows and rows[s].status != GONE and s not in self._left_out]
        return listed[:MOST]

    async def _ask(self, symbols: Sequence[str]) -> list[InstrumentRow]:
        try:
            body = await self._rest.exchange_info(symbols)
        except VenueRefusal as e:
            if e.code not in NO_SUCH_SYMBOL:
                raise
            if len(symbols) == 1:
                self._left_out[symbols[0]] = time.monotonic() + LEFT_OUT_S
                log.warning("status_refused", symbol=symbols[0], error=str(e))
                self._unknown()
                return []
            middle = len(symbols) // 2
            return await self._ask(symbols[:middle]) + await self._ask(symbols[middle:])
        info = read_exchange_info(body, self._universe.keeps_listed)
        for dirt in info.dirt:
            self._letter("exchangeInfo", dirt)
        return info.rows
