"""Payloads as Binance spot sends them, from whole ticks and lots."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from venues.simulated.bars import (
    BUY_QUOTE,
    BUY_VOLUME,
    CLOSE,
    COUNT,
    FIRST_ID,
    HIGH,
    LOW,
    OPEN,
    QUOTE,
    VOLUME,
    close_time,
)
from venues.simulated.tape import DayStatistics, PublicTrade
from venues.simulated.universe import Ints, Universe

DAY_MS = 86_400_000
_POWERS = [10**i for i in range(32)]


def text(units: int, decimals: int) -> str:
    """Return `units` of 10^-decimals with eight digits after the point, as the exchange writes numbers.

    >>> text(6173763, 2)
    '61737.63000000'
    """
    units = units * _POWERS[8 - decimals] if decimals <= 8 else units // _POWERS[decimals - 8]
    if units < 0:
        return "-" + text(-units, 8)
    return f"{units // 100_000_000}.{units % 100_000_000:08d}"


def amount(value: Decimal) -> str:
    """Return a balance or fee with eight digits after the point."""
    return f"{value:.8f}"


class Payloads:
    """Build the payloads of one universe."""

    def __init__(self, universe: Universe) -> None:
        self.names = universe.names
        self.price_decimals: list[int] = universe.price_decimals.tolist()
        self.lot_decimals: list[int] = universe.lot_decimals.tolist()
        self.quote_decimals = [p + n for p, n in zip(self.price_decimals, self.lot_decimals, strict=True)]

    def price(self, row: int, ticks: int) -> str:
        """Return a price of `ticks` as text."""
        return text(ticks, self.price_decimals[row])

    def quantity(self, row: int, lots: int) -> str:
        """Return a quantity of `lots` as text."""
        return text(lots, self.lot_decimals[row])

    def quote(self, row: int, units: int) -> str:
        """Return a quote volume of `units` (ticks x lots) as text."""
        return text(units, self.quote_decimals[row])

    def trade(self, trade: PublicTrade, event_ms: int) -> str:
        """`<symbol>@trade`."""
        row = trade.row
        return (
            f'{{"e":"trade","E":{event_ms},"s":"{self.names[row]}","t":{trade.id},'
            f'"p":"{self.price(row, trade.price)}","q":"{self.quantity(row, trade.lots)}","T":{trade.time_ms},'
            f'"m":{"true" if trade.maker else "false"},"M":true}}'
        )

    def aggregate_trade(self, trade: PublicTrade, event_ms: int) -> str:
        """`<symbol>@aggTrade`: each trade here is an aggregate of one."""
        row = trade.row
        return (
            f'{{"e":"aggTrade","E":{event_ms},"s":"{self.names[row]}","a":{trade.id},'
            f'"p":"{self.price(row, trade.price)}","q":"{self.quantity(row, trade.lots)}",'
            f'"f":{trade.id},"l":{trade.id},"T":{trade.time_ms},'
            f'"m":{"true" if trade.maker else "false"},"M":true}}'
        )

    def book_ticker(self, row: int, update_id: int, bid: int, bid_lots: int, ask: int, ask_lots: int) -> str:
        """`<symbol>@bookTicker`: the one event without a time."""
        return (
            f'{{"u":{update_id},"s":"{self.names[row]}",'
            f'"b":"{self.price(row, bid)}","B":"{self.quantity(row, bid_lots)}",'
            f'"a":"{self.price(row, ask)}","A":"{self.quantity(row, ask_lots)}"}}'
        )

    def mini_tickers(self, rows: list[int], day: DayStatistics, event_ms: int) -> list[str]:
        """One `24hrMiniTicker` per row."""
        picked = zip(
            rows, day.last[rows].tolist(), day.open[rows].tolist(), day.high[rows].tolist(), day.low[rows].tolist(),
            day.volume[rows].tolist(), day.quote[rows].tolist(), strict=True,
        )  # fmt: skip
        out = []
        for row, last, opened, high, low, volume, quote in picked:
            decimals = self.price_decimals[row]
            out.append(
                f'{{"e":"24hrMiniTicker","E":{event_ms},"s":"{self.names[row]}","c":"{text(last, decimals)}",'
                f'"o":"{text(opened, decimals)}","h":"{text(high, decimals)}","l":"{text(low, decimals)}",'
                f'"v":"{text(volume, self.lot_decimals[row])}","q":"{text(quote, self.quote_decimals[row])}"}}'
            )
        return out

    def day_ticker(
        self, row: int, day: DayStatistics, quotes: tuple[int, int, int, int], now_ms: int
    ) -> dict[str, Any]:
        """REST `ticker/24hr` of one symbol; `quotes` are bid, its lots, ask, its lots."""
        opened, last, volume = int(day.open[row]), int(day.last[row]), int(day.volume[row])
        count, quote = int(day.count[row]), int(day.quote[row])
        decimals = self.price_decimals[row]
        change = 100.0 * (last - opened) / opened if opened else 0.0
        return {
            "symbol": self.names[row],
            "priceChange": text(last - opened, decimals),
            "priceChangePercent": f"{change:.3f}",
            "weightedAvgPrice": text(quote // volume if volume else last, decimals),
            "prevClosePrice": text(int(day.previous_close[row]), decimals),
            "lastPrice": text(last, decimals),
            "lastQty": self.quantity(row, int(day.last_lots[row])),
            "bidPrice": text(quotes[0], decimals),
            "bidQty": self.quantity(row, quotes[1]),
            "askPrice": text(quotes[2], decimals),
            "askQty": self.quantity(row, quotes[3]),
            "openPrice": text(opened, decimals),
            "highPrice": text(int(day.high[row]), decimals),
            "lowPrice": text(int(day.low[row]), decimals),
            "volume": self.quantity(row, volume),
            "quoteVolume": self.quote(row, quote),
            "openTime": now_ms - DAY_MS,
            "closeTime": now_ms,
            "firstId": int(day.next_id[row]) - count if count else -1,
            "lastId": int(day.next_id[row]) - 1 if count else -1,
            "count": count,
        }

    def stream_ticker(self, ticker: dict[str, Any], event_ms: int) -> dict[str, Any]:
        """`<symbol>@ticker` from the REST form of the same."""
        return {
            "e": "24hrTicker", "E": event_ms, "s": ticker["symbol"], "p": ticker["priceChange"],
            "P": ticker["priceChangePercent"], "w": ticker["weightedAvgPrice"], "x": ticker["prevClosePrice"],
            "c": ticker["lastPrice"], "Q": ticker["lastQty"], "b": ticker["bidPrice"], "B": ticker["bidQty"],
            "a": ticker["askPrice"], "A": ticker["askQty"], "o": ticker["openPrice"], "h": ticker["highPrice"],
            "l": ticker["lowPrice"], "v": ticker["volume"], "q": ticker["quoteVolume"], "O": ticker["openTime"],
            "C": ticker["closeTime"], "F": ticker["firstId"], "L": ticker["lastId"], "n": ticker["count"],
        }  # fmt: skip

    def kline(self, row: int, interval: str, opening: int, bar: Ints, event_ms: int, closed: bool) -> dict[str, Any]:
        """`<symbol>@kline_<interval>`."""
        values: list[int] = bar.tolist()
        count = values[COUNT]
        return {
            "e": "kline", "E": event_ms, "s": self.names[row],
            "k": {
                "t": opening, "T": close_time(opening, interval), "s": self.names[row], "i": interval,
                "f": values[FIRST_ID], "L": values[FIRST_ID] + count - 1 if count else -1,
                "o": self.price(row, values[OPEN]), "c": self.price(row, values[CLOSE]),
                "h": self.price(row, values[HIGH]), "l": self.price(row, values[LOW]),
                "v": self.quantity(row, values[VOLUME]), "n": count, "x": closed,
                "q": self.quote(row, values[QUOTE]), "V": self.quantity(row, values[BUY_VOLUME]),
                "Q": self.quote(row, values[BUY_QUOTE]), "B": "0",
            },
        }  # fmt: skip

    def kline_row(self, row: int, interval: str, opening: int, bar: Ints) -> list[Any]:
        """One row of REST `klines`."""
        values: list[int] = bar.tolist()
        return [
            opening, self.price(row, values[OPEN]), self.price(row, values[HIGH]), self.price(row, values[LOW]),
            self.price(row, values[CLOSE]), self.quantity(row, values[VOLUME]), close_time(opening, interval),
            self.quote(row, values[QUOTE]), values[COUNT], self.quantity(row, values[BUY_VOLUME]),
            self.quote(row, values[BUY_QUOTE]), "0",
        ]  # fmt: skip

    def levels(self, row: int, prices: Ints, lots: Ints) -> list[list[str]]:
        """Price levels as pairs of text."""
        return [
            [self.price(row, p), self.quantity(row, n)] for p, n in zip(prices.tolist(), lots.tolist(), strict=True)
        ]
