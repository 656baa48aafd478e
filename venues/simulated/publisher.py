"""Turn the generated market's steps into stream events for whoever listens."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np

from venues.simulated.bars import close_time
from venues.simulated.generator import STEP_MS, STEPS
from venues.simulated.hub import Hub
from venues.simulated.market import GeneratedMarket
from venues.simulated.streams import parse_stream
from venues.simulated.tape import PublicTrade
from venues.simulated.universe import Ints
from venues.simulated.wire import Payloads

WHOLE_MARKET = -1  # the row of streams without a symbol


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()


class DepthTrack:
    """The book as the listeners of one diff stream know it."""

    def __init__(self, update_id: int, sides: list[tuple[Ints, Ints]]) -> None:
        self.update_id = update_id
        self.sides = sides

    def changes(self, sides: list[tuple[Ints, Ints]]) -> list[tuple[Ints, Ints]]:
        """Return per side the levels that differ from what was known, with 0 for those gone, and remember `sides`."""
        out = []
        for (old_prices, old_lots), (prices, lots) in zip(self.sides, sides, strict=True):
            everything = np.union1d(old_prices, prices)
            before, after = np.zeros(len(everything), dtype=np.int64), np.zeros(len(everything), dtype=np.int64)
            before[np.searchsorted(everything, old_prices)] = old_lots
            after[np.searchsorted(everything, prices)] = lots
            differ = before != after
            out.append((everything[differ], after[differ]))
        self.sides = sides
        return out


def _nothing_rests(trades: list[PublicTrade]) -> None:
    """Stand in for a matching engine."""


class Publisher:
    """Step the market, match what rests in it, and send what changed.

    `step` makes the next 100 ms public: trades and quotes of the step, depth, and at the end of a second tickers and
    candles. Only streams with listeners cost anything beyond the step itself.
    """

    def __init__(self, market: GeneratedMarket, hub: Hub) -> None:
        self.market = market
        self.payloads = Payloads(market.universe)
        self._hub = hub
        self.on_step: Callable[[list[PublicTrade]], None] = _nothing_rests  # resting orders are matched here
        self._wanted: dict[str, dict[int, list[str]]] = {}  # kind -> row -> names
        self._arguments: dict[str, str] = {}
        self._quotes: dict[int, tuple[int, int, int, int]] = {}
        self._tracks: dict[str, DepthTrack] = {}
        self._ladders: dict[int, list[tuple[Ints, Ints]]] = {}
        hub.changed = self.listen

    def listen(self) -> None:
        """Take over the hub's current streams."""
        self._wanted, self._arguments = {}, {}
        for name in self._hub.names():
            stream = parse_stream(name)
            if stream is None:
                continue
            row = self.market.universe.row.get(stream.symbol, WHOLE_MARKET)
            if row >= 0 or name.startswith("!"):
                self._wanted.setdefault(stream.kind, {}).setdefault(row, []).append(name)
                self._arguments[name] = stream.argument
        diffs = self._wanted.get("depth", {})
        live = {name for names in diffs.values() for name in names}
        self._tracks = {name: track for name, track in self._tracks.items() if name in live}
        for row, names in diffs.items():
            for name in names:
                if name not in self._tracks:
                    self._tracks[name] = DepthTrack(self.market.update_id, self._ladder(row))
        self._quotes = {row: quote for row, quote in self._quotes.items() if row in self._wanted.get("bookTicker", {})}

    def step(self) -> None:
        """Make the next 100 ms public."""
        market = self.market
        market.advance()
        self._ladders.clear()
        event_ms = market.now_ms
        trades = market.trades()
        for trade in trades:
            self.send_trade(trade, event_ms)
        self.on_step(trades)
        self._send_quotes()
        self._send_depth(event_ms)
        if market.step_index == STEPS - 1:
            self._close_second(event_ms)

    def send_trade(self, trade: PublicTrade, event_ms: int) -> None:
        """Send one trade on `@trade` and `@aggTrade`."""
        for name in self._wanted.get("trade", {}).get(trade.row, ()):
            self._hub.send(name, self.payloads.trade(trade, event_ms))
        for name in self._wanted.get("aggTrade", {}).get(trade.row, ()):
            self._hub.send(name, self.payloads.aggregate_trade(trade, event_ms))

    def _send_quotes(self) -> None:
        for row, names in self._wanted.get("bookTicker", {}).items():
            if row in self.market.halts:
                continue
            quote = self.market.quote(row)
            if quote[0] and quote != self._quotes.get(row):
                self._quotes[row] = quote
                data = self.payloads.book_ticker(row, self.market.update_id, *quote)
                for name in names:
                    self._hub.send(name, data)

    def _ladder(self, row: int) -> list[tuple[Ints, Ints]]:
        if row not in self._ladders:
            self._ladders[row] = [self.market.depth(row, side) for side in (0, 1)]
        return self._ladders[row]

    def _send_depth(self, event_ms: int) -> None:
        ends_second = self.market.step_index == STEPS - 1
        halts = self.market.halts
        for row, names in self._wanted.get("depth", {}).items():
            if row in halts:
                continue
            for name in names:
                if int(self._arguments[name]) > STEP_MS and not ends_second:
                    continue
                track = self._tracks[name]
                bids, asks = track.changes(self._ladder(row))
                if not len(bids[0]) and not len(asks[0]):
                    continue
                event = {
                    "e": "depthUpdate", "E": event_ms, "s": self.market.universe.names[row], "U": track.update_id + 1,
                    "u": self.market.update_id, "b": self.payloads.levels(row, *bids),
                    "a": self.payloads.levels(row, *asks),
                }  # fmt: skip
                track.update_id = self.market.update_id
                self._hub.send(name, _json(event))
        for kind, levels in (("depth5", 5), ("depth10", 10), ("depth20", 20)):
            for row, names in self._wanted.get(kind, {}).items():
                if row in halts:
                    continue
                (bids_p, bids_n), (asks_p, asks_n) = self._ladder(row)
                for name in names:
                    if int(self._arguments[name]) > STEP_MS and not ends_second:
                        continue
                    event = {
                        "lastUpdateId": self.market.update_id,
                        "bids": self.payloads.levels(row, bids_p[:levels], bids_n[:levels]),
                        "asks": self.payloads.levels(row, asks_p[:levels], asks_n[:levels]),
                    }
                    self._hub.send(name, _json(event))

    def _close_second(self, event_ms: int) -> None:
        market, wanted, hub = self.market, self._wanted, self._hub
        tape = market.tape
        changed, minute_ends = tape.close_second(market.second)
        rows: list[int] = changed.tolist()
        day = tape.day()
        if rows and any(kind.startswith("!miniTicker") or kind == "miniTicker" for kind in wanted):
            tickers = self.payloads.mini_tickers(rows, day, event_ms)
            whole = "[" + ",".join(tickers) + "]"
            for kind, by_row in wanted.items():
                if kind.startswith("!miniTicker"):
                    for name in by_row[WHOLE_MARKET]:
                        hub.send(name, whole)
            for row, ticker in zip(rows, tickers, strict=True):
                for name in wanted.get("miniTicker", {}).get(row, ()):
                    hub.send(name, ticker)
        seen = set(rows)
        for row, names in wanted.get("ticker", {}).items():
            if row in seen:
                day_ticker = self.payloads.day_ticker(row, day, market.quote(row), event_ms)
                for name in names:
                    hub.send(name, _json(self.payloads.stream_ticker(day_ticker, event_ms)))
        for row, names in wanted.get("avgPrice", {}).items():
            if row in seen:
                average = self.payloads.price(row, round(tape.average_price(row)))
                event = {"e": "avgPrice", "E": event_ms, "s": market.universe.names[row], "i": "5m", "w": average}
                for name in names:
                    hub.send(name, _json({**event, "T": event_ms - 1}))
        self._send_klines(event_ms, seen)
        if minute_ends:
            tape.close_minute()

    def _send_klines(self, event_ms: int, changed: set[int]) -> None:
        for row, names in self._wanted.get("kline", {}).items():
            for name in names:
                interval = self._arguments[name]
                opening, bar = self.market.tape.candle(row, interval, event_ms - 1)
                closed = close_time(opening, interval) < event_ms
                if self.market.tape.born_s[row] <= self.market.second and (closed or row in changed):
                    self._hub.send(name, _json(self.payloads.kline(row, interval, opening, bar, event_ms, closed)))
