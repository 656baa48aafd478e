"""The market's table of instruments as ingest knows it: what changed, what is new, which symbols belong to it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import msgspec

from contracts.events import InstrumentRow

ROWS_PER_EVENT = 1500  # some 400 kB, well below a broker's largest message
GONE = "DELISTED"


class Universe:
    """Symbols of one quote asset, and those named in `always`. An empty quote asset keeps every symbol."""

    def __init__(self, quote_asset: str, always: Iterable[str]) -> None:
        self._quote = quote_asset
        self._always = frozenset(always)
        self.rows: dict[str, InstrumentRow] = {}
        self._bases: frozenset[str] = frozenset()
        self._asked = 0  # when the newest whole table was asked for, ns
        self._refreshed: dict[str, int] = {}  # when a row was asked for by itself after that, ns
        self.known = asyncio.Event()  # set with the first table

    def keeps(self, symbol: str) -> bool:
        """Whether a symbol of the ticker stream belongs to the market; unlisted ones by their ending (a listing is seen
        here first).
        """
        if symbol in self.rows or symbol in self._always:
            return True
        return symbol.endswith(self._quote) and len(symbol) > len(self._quote)

    def keeps_listed(self, symbol: str, quote_asset: str) -> bool:
        """Whether a row of the venue's table belongs to the market."""
        return not self._quote or quote_asset == self._quote or symbol in self._always

    def has_base(self, base: str) -> bool:
        """Whether a coin of this name is in the market."""
        return base in self._bases

    def trading(self) -> list[str]:
        """Symbols that trade now."""
        return [row.symbol for row in self.rows.values() if row.status == "TRADING"]

    def update(
        self, rows: Iterable[InstrumentRow], ts_recv: int, asked: int | None = None
    ) -> tuple[list[InstrumentRow], list[InstrumentRow]]:
        """Take over a fresh table, asked for at `asked` (ns; None: at ts_recv). Returns (changed rows, those of them that
        are new).

        Symbols that vanished come back once with status DELISTED. A symbol that appears after the first table was
        listed now; what is known of a listing's time is kept where the venue does not tell it. A row that was asked for
        by itself meanwhile is newer than the table's.
        """
        first = not self.rows
        self._asked = ts_recv if asked is None else asked
        self._refreshed = {symbol: at for symbol, at in self._refreshed.items() if at > self._asked}
        fresh: dict[str, InstrumentRow] = {}
        for row in rows:
            known = self.rows.get(row.symbol)
            if known is not None and row.symbol in self._refreshed:
                row = known
            if row.ts_listed is None:
                listed = known.ts_listed if known is not None else None if first else ts_recv
                if listed is not None:
                    row = msgspec.structs.replace(row, ts_listed=listed)
            fresh[row.symbol] = row
        changed = [row for symbol, row in fresh.items() if self.rows.get(symbol) != row]
        new = [row for row in changed if row.symbol not in self.rows]
        for symbol, row in self.rows.items():
            if symbol not in fresh:
                gone = msgspec.structs.replace(row, status=GONE)
                fresh[symbol] = gone
                if gone != row:
                    changed.append(gone)
        self.rows = fresh
        self._bases = frozenset(row.base for row in fresh.values())
        self.known.set()
        return changed, new

    def refresh(self, rows: Iterable[InstrumentRow], asked: int) -> list[InstrumentRow]:
        """Take over fresh rows of some symbols, asked for at `asked` (ns); returns those that changed.

        Symbols that the table does not hold are left to the next table, and so is everything if one was asked for later.
        """
        changed: list[InstrumentRow] = []
        for row in rows if asked >= self._asked else ():
            known = self.rows.get(row.symbol)
            if known is None:
                continue
            self._refreshed[row.symbol] = asked
            if row.ts_listed is None:
                row = msgspec.structs.replace(row, ts_listed=known.ts_listed)
            if row != known:
                self.rows[row.symbol] = row
                changed.append(row)
        return changed

    def listed(self, symbol: str, ts_listed: int) -> InstrumentRow | None:
        """Note when a symbol was listed; the changed row, or None if that was known or the symbol is not."""
        row = self.rows.get(symbol)
        if row is None or row.ts_listed is not None:
            return None
        self.rows[symbol] = changed = msgspec.structs.replace(row, ts_listed=ts_listed)
        return changed
