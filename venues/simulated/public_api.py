"""Public REST calls on the generated market: the JSON value of each answer, and its weight."""

from __future__ import annotations

from typing import Any

from venues.simulated.bars import INTERVALS_MS
from venues.simulated.clock import ExchangeClock
from venues.simulated.errors import Refusal
from venues.simulated.market import GeneratedMarket
from venues.simulated.parameters import Parameters
from venues.simulated.rules import Rules
from venues.simulated.tape import PublicTrade
from venues.simulated.wire import Payloads

_DEPTH_WEIGHTS = ((100, 5), (500, 25), (1000, 50), (5000, 250))


def depth_weight(parameters: Parameters) -> int:
    """Weight of GET depth."""
    limit = parameters.integer("limit", 100) or 100
    return next((weight for size, weight in _DEPTH_WEIGHTS if limit <= size), 250)


def day_ticker_weight(parameters: Parameters) -> int:
    """Weight of GET ticker/24hr."""
    names = parameters.symbols()
    if names is None or len(names) > 100:
        return 80
    return 2 if len(names) <= 20 else 40


def quote_weight(parameters: Parameters) -> int:
    """Weight of GET ticker/price and ticker/bookTicker."""
    return 2 if parameters.get("symbol") else 4


class PublicApi:
    """Answers from the market's tape and book."""

    def __init__(self, market: GeneratedMarket, rules: Rules, payloads: Payloads, clock: ExchangeClock) -> None:
        self._market = market
        self._rules = rules
        self._payloads = payloads
        self._clock = clock

    def time(self, parameters: Parameters) -> dict[str, int]:
        """GET time."""
        return {"serverTime": self._clock.now_ms()}

    def ping(self, parameters: Parameters) -> dict[str, Any]:
        """GET ping."""
        return {}

    def exchange_info(self, parameters: Parameters) -> dict[str, Any]:
        """GET exchangeInfo."""
        return self._rules.exchange_info(parameters.symbols(), self._clock.now_ms())

    def klines(self, parameters: Parameters) -> list[list[Any]]:
        """GET klines."""
        row = self._rules.row(parameters.symbol())
        interval = parameters.require("interval")
        if interval not in INTERVALS_MS:
            raise Refusal(-1120, "Invalid interval.")
        limit = max(1, min(1000, parameters.integer("limit", 500) or 500))
        start, end = parameters.integer("startTime"), parameters.integer("endTime")
        candles = self._market.tape.candles(row, interval, start, end, limit, self._market.now_ms)
        return [self._payloads.kline_row(row, interval, opening, bar) for opening, bar in candles]

    def day_tickers(self, parameters: Parameters) -> Any:
        """GET ticker/24hr."""
        day, now = self._market.tape.day(), self._market.now_ms
        rows, single = self._rows(parameters)
        mini = parameters.get("type") == "MINI"
        answers = [self._payloads.day_ticker(row, day, self._market.quote(row), now) for row in rows]
        if mini:
            keys = ("symbol", "openPrice", "highPrice", "lowPrice", "lastPrice", "volume", "quoteVolume", "openTime",
                    "closeTime", "firstId", "lastId", "count")  # fmt: skip
            answers = [{key: answer[key] for key in keys} for answer in answers]
        return answers[0] if single else answers

    def prices(self, parameters: Parameters) -> Any:
        """GET ticker/price."""
        rows, single = self._rows(parameters)
        tape = self._market.tape
        answers = [
            {"symbol": self._payloads.names[row], "price": self._payloads.price(row, int(tape.last[row]))}
            for row in rows
        ]
        return answers[0] if single else answers

    def book_tickers(self, parameters: Parameters) -> Any:
        """GET ticker/bookTicker."""
        rows, single = self._rows(parameters)
        answers = []
        for row in rows:
            bid, bid_lots, ask, ask_lots = self._market.quote(row)
            answers.append(
                {
                    "symbol": self._payloads.names[row],
                    "bidPrice": self._payloads.price(row, bid),
                    "bidQty": self._payloads.quantity(row, bid_lots),
                    "askPrice": self._payloads.price(row, ask),
                    "askQty": self._payloads.quantity(row, ask_lots),
                }
            )
        return answers[0] if single else answers

    def average_price(self, parameters: Parameters) -> dict[str, Any]:
        """GET avgPrice."""
        row = self._rules.row(parameters.symbol())
        price = self._payloads.price(row, round(self._market.tape.average_price(row)))
        return {"mins": 5, "price": price, "closeTime": self._market.now_ms}

    def depth(self, parameters: Parameters) -> dict[str, Any]:
        """GET depth."""
        row = self._rules.row(parameters.symbol())
        limit = max(1, min(5000, parameters.integer("limit", 100) or 100))
        bids, asks = (self._market.depth(row, side) for side in (0, 1))
        return {
            "lastUpdateId": self._market.update_id,
            "bids": self._payloads.levels(row, *bids)[:limit],
            "asks": self._payloads.levels(row, *asks)[:limit],
        }

    def trades(self, parameters: Parameters) -> list[dict[str, Any]]:
        """GET trades."""
        row, recent = self._recent(parameters)
        return [
            {
                "id": trade.id,
                "price": self._payloads.price(row, trade.price),
                "qty": self._payloads.quantity(row, trade.lots),
                "quoteQty": self._payloads.quote(row, trade.price * trade.lots),
                "time": trade.time_ms,
                "isBuyerMaker": trade.maker,
                "isBestMatch": True,
            }
            for trade in recent
        ]

    def aggregate_trades(self, parameters: Parameters) -> list[dict[str, Any]]:
        """GET aggTrades: each trade is an aggregate of one."""
        row, recent = self._recent(parameters)
        return [
            {
                "a": trade.id,
                "p": self._payloads.price(row, trade.price),
                "q": self._payloads.quantity(row, trade.lots),
                "f": trade.id,
                "l": trade.id,
                "T": trade.time_ms,
                "m": trade.maker,
                "M": True,
            }
            for trade in recent
        ]

    def _recent(self, parameters: Parameters) -> tuple[int, list[PublicTrade]]:
        row = self._rules.row(parameters.symbol())
        limit = max(1, min(1000, parameters.integer("limit", 500) or 500))
        start, end = parameters.integer("startTime"), parameters.integer("endTime")
        from_id = parameters.integer("fromId")
        trades = [
            trade
            for trade in self._market.tape.recent[row]
            if (start is None or trade.time_ms >= start)
            and (end is None or trade.time_ms <= end)
            and (from_id is None or trade.id >= from_id)
        ]
        return row, trades[-limit:] if start is None and from_id is None else trades[:limit]

    def _rows(self, parameters: Parameters) -> tuple[list[int], bool]:
        names = parameters.symbols()
        if names is None:
            return [row for row in range(self._market.universe.size) if self._rules.begun(row)], False
        return [self._rules.row(name) for name in names], parameters.get("symbol") is not None
