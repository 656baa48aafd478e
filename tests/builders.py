"""Logs for tests: small markets that heat up, with everything a log can hold. Deterministic by seed."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

from contracts import events
from contracts.events import encode_event

START = 1_786_000_020_000_000_000  # 2026-08-06 07:07:00 UTC, a full minute
SECOND = 1_000_000_000
MILLI = 1_000_000


def trade(
    second: float = 0.0, *, symbol: str = "AAAUSDT", price: float = 100.0, quantity: float = 1.0, side: int = 1, trade_id: int = 1,
    lag_ms: int = 5,
) -> bytes:  # fmt: skip
    """A trade `second` seconds after START."""
    ts = START + int(second * SECOND)
    event = events.Trade(
        ts_recv=ts + lag_ms * MILLI, symbol=symbol, price=price, quantity=quantity, side=1 if side > 0 else -1, trade_id=trade_id,
        ts_event=ts,
    )  # fmt: skip
    return encode_event(event)


def quote(
    second: float = 0.0, *, symbol: str = "AAAUSDT", bid: float = 99.99, ask: float = 100.01, size: float = 50.0, lag_ms: int = 5
) -> bytes:
    """A quote `second` seconds after START; like Binance's, without a time of its own."""
    ts = START + int(second * SECOND) + lag_ms * MILLI
    return encode_event(
        events.Quote(ts_recv=ts, symbol=symbol, bid=bid, ask=ask, bid_size=size, ask_size=size, ts_event=ts)
    )


def heartbeat(second: float = 0.0, sequence: int = 0) -> bytes:
    """A heartbeat received `second` seconds after START."""
    return encode_event(events.Heartbeat(ts_recv=START + int(second * SECOND), sequence=sequence))


def tickers(second: float, rows: Sequence[tuple[str, float, float]], *, lag_ms: int = 20) -> bytes:
    """A ticker array; rows are (symbol, close, 24 h quote volume)."""
    ts = START + int(second * SECOND)
    return encode_event(
        events.Tickers(
            ts_recv=ts + lag_ms * MILLI,
            rows=[(name, ts, close, close, close, close, volume / close, volume) for name, close, volume in rows],
        )
    )


def instruments(symbols: Sequence[str], second: float = 0.0, *, tick_size: str = "0.0001", lot_size: str = "0.001") -> bytes:
    """Trading rules for these symbols."""
    rows = [
        events.InstrumentRow(
            symbol=name, base=name.removesuffix("USDT"), quote="USDT", status="TRADING", tick_size=tick_size, lot_size=lot_size,
            min_quantity=lot_size, min_notional="5",
        )
        for name in symbols
    ]  # fmt: skip
    return encode_event(events.Instruments(ts_recv=START + int(second * SECOND), rows=rows, complete=True))


def history(symbol: str, minutes: int, price: float = 100.0, seed: int = 0, quote_volume: float = 30_000.0) -> bytes:
    """Closed 1 m bars that end at START."""
    rng = random.Random(f"{symbol}{seed}")
    rows = []
    close = price
    for minute in range(minutes, 0, -1):
        start = close
        close *= math.exp(rng.gauss(0.0, 0.0006))
        volume = quote_volume * rng.lognormvariate(0.0, 0.5)
        high, low = max(start, close) * 1.0003, min(start, close) * 0.9997
        rows.append((START - minute * 60 * SECOND, start, high, low, close, volume / close, volume, 40, volume / close / 2))
    return encode_event(events.Klines(ts_recv=START, symbol=symbol, interval="1m", rows=rows))


def market_log(
    seconds: int = 200, symbols: int = 6, *, seed: int = 0, pump: int | None = 1, pump_at: int = 60, dirty: bool = True,
    history_minutes: int = 90, extra: Sequence[tuple[float, bytes]] = (),
) -> list[bytes]:  # fmt: skip
    """A market of some coins: history, tickers each second, trades and quotes for half of them, heartbeats; one coin is pumped.

    With `dirty`: an undecodable message, a late trade, a stream gap, an event time from the future, a coin listed on the way. `extra`: more
    messages as (second, bytes).
    """
    rng = random.Random(seed)
    names = [f"C{number:02d}USDT" for number in range(symbols)]
    prices = [10.0 * (number + 1) for number in range(symbols)]
    volumes = [50_000_000.0 for _ in names]
    log: list[tuple[float, int, bytes]] = [(-1.0, 0, instruments(names))]
    log += [(-0.9, number, history(name, history_minutes, prices[number], seed)) for number, name in enumerate(names)]
    order = 100
    for second in range(seconds):
        listed = symbols if not dirty or second > seconds // 3 else symbols - 1
        rows = []
        for number in range(listed):
            drift = 0.0
            pumped = pump == number and second >= pump_at
            if pumped:
                drift = 0.0012 if second < pump_at + 90 else -0.0008
            prices[number] *= math.exp(rng.gauss(drift, 0.0002))
            volume = 500.0 * rng.lognormvariate(0.0, 0.7) * (25.0 if pumped else 1.0)
            volumes[number] += volume
            if number % 2:
                for k in range(3):
                    at = second + 0.1 + 0.25 * k + rng.random() * 0.1
                    price = round(prices[number] * (1.0 + rng.gauss(0.0, 0.0001)), 4)
                    order += 1
                    side = 1 if rng.random() < (0.75 if pumped else 0.5) else -1
                    size = round(volume / 3 / price, 3) + 0.001
                    log.append((at, order, trade(at, symbol=names[number], price=price, quantity=size, side=side, trade_id=order)))
                    order += 1
                    bid, ask = round(price * 0.9998, 4), round(price * 1.0002, 4)
                    log.append((at, order, quote(at, symbol=names[number], bid=bid, ask=ask, size=round(size * 20, 3))))
            rows.append((names[number], round(prices[number], 4), round(volumes[number], 4)))
        order += 1
        log.append((second + 0.95, order, tickers(second + 0.9, rows)))
        for k in range(4):
            order += 1
            log.append((second + 0.25 * k, order, heartbeat(second + 0.25 * k, order)))
    if dirty:
        middle = seconds / 2
        gap = events.StreamGap(
            ts_recv=START + int((middle + 3) * SECOND), stream="tickers", symbols=[], ts_from=START + int(middle * SECOND),
            ts_until=START + int((middle + 3) * SECOND), reason="socket closed",
        )  # fmt: skip
        log.append((middle, 0, b'{"type":"trade","symbol":"C00USDT","price":-1}'))
        log.append((middle, 1, b"\xff\xfe not json"))
        log.append((middle + 3, 0, encode_event(gap)))
        log.append((middle + 4, 0, trade(middle - 5, symbol=names[1], price=prices[1], trade_id=7)))
        log.append((middle + 5, 0, trade(middle + 100_000, symbol=names[1], price=prices[1], trade_id=8, lag_ms=-99_995_000)))
    log += [(at, 10_000_000 + index, message) for index, (at, message) in enumerate(extra)]
    log.sort(key=lambda item: item[:2])
    return [message for _, _, message in log]
