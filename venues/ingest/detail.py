"""Which symbols are streamed in detail, and so what the connection carries."""

from __future__ import annotations

from collections.abc import Collection

from contracts.errors import SettingsError
from contracts.settings.services import IngestSettings
from venues.binance.endpoints import TICKERS, stream_name, streamable


class Detail:
    """The always-detailed symbols and the desk's watchlist, most wanted first, `max_detail_symbols` at most.

    Symbols that the venue's table does not hold are left out: the venue accepts any name and then stays silent.
    Raises SettingsError where single and aggregate trades are both asked for.
    """

    def __init__(self, settings: IngestSettings) -> None:
        if {"trade", "aggTrade"} <= set(settings.detail_streams):
            raise SettingsError(
                "ingest.detail_streams: trade and aggTrade tell the same trades twice; keep one of them"
            )
        self._settings = settings
        self.watchlist: list[str] = []
        self.symbols: list[str] = []
        self.choose(())

    def choose(self, listed: Collection[str]) -> set[str]:
        """Choose anew from the watchlist and the table (empty: not known yet); returns the symbols given up."""
        always = self._settings.always_detail
        asked = dict.fromkeys([*always, *self.watchlist])
        usable = [s for s in asked if streamable(s) and (not listed or s in listed or s in always)]
        before, self.symbols = set(self.symbols), usable[: self._settings.max_detail_symbols]
        return before - set(self.symbols)

    def streams(self) -> list[str]:
        """The tickers, and each chosen symbol's streams."""
        kinds = self._settings.detail_streams
        return [TICKERS, *(stream_name(symbol, kind) for symbol in self.symbols for kind in kinds)]
