"""Watch the market for held symbols and working orders without leaving compiled code.

The table (`columns.py`) holds the levels of the exit rules, the last market of every symbol, and what working orders
wait for. `scan` walks rows and closed seconds in the log's order and stops only where somebody must act; then it
is called again from there.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from operators import exits
from operators.columns import (
    ASK,
    ASK_SIZE,
    BID,
    BID_SIZE,
    BUY_LIMIT,
    CYCLE_AT,
    EVENT_AT,
    FEED,
    FRAMES,
    LAST_MINUTE,
    LOOKBACK,
    MARK,
    MARKS_AT,
    MESSAGES,
    MINUTE,
    NOW,
    OFFSET,
    PRICE,
    PRICE_AT,
    QUOTE_AT,
    QUOTE_VOLUME_24H,
    SELL_LIMIT,
    SIDE,
    STATUS_AT,
    TAKERS,
    TIMER,
    TRADE_AT,
    VOLUME,
)
from operators.jit import kernel
from operators.slices import B1, F8, I4, I8, U1, Kind

# Why `scan` stopped.
END: Final = 0
AT_TIMER: Final = 1
AT_EVENT: Final = 2
AT_TICK: Final = 3
AT_FRAME: Final = 4

_HEARTBEAT: Final = int(Kind.HEARTBEAT)
_TRADE: Final = int(Kind.TRADE)
_QUOTE: Final = int(Kind.QUOTE)
_TICKER: Final = int(Kind.TICKER)
_EVENT: Final = int(Kind.EVENT)
DAY_S: Final = 86_400.0


@kernel
def take_row(
    table: F8,
    times: I8,
    kind: int,
    s: int,
    ts_recv: int,
    ts_event: int,
    v0: float,
    v1: float,
    v2: float,
    v3: float,
    stale_ns: int,
) -> bool:
    """Write a tick of symbol `s` into the table; False where it tells nothing new.

    A ticker repeats, up to a second late, what the trade stream of the coin has told; so it says nothing for `stale_ns`
    after a trade. The volume of a ticker is the rise of the venue's 24 h figure since the one before; where that figure
    fell (yesterday leaves the window faster than today enters), its mean rate over the time between both.
    """
    if kind == _TRADE:
        table[s, PRICE] = v0
        table[s, MARK] = v0
        table[s, VOLUME] = v1
        times[s, TRADE_AT] = ts_recv
        times[s, PRICE_AT] = ts_recv
        times[s, EVENT_AT] = ts_event
        return True
    if kind == _QUOTE:
        if not (v0 > 0.0 and v1 > 0.0):
            return False
        table[s, BID] = v0
        table[s, ASK] = v1
        table[s, BID_SIZE] = v2
        table[s, ASK_SIZE] = v3
        table[s, MARK] = 0.5 * (v0 + v1)
        table[s, VOLUME] = 0.0
        times[s, QUOTE_AT] = ts_recv
        times[s, EVENT_AT] = ts_event
        return True
    before = table[s, QUOTE_VOLUME_24H]
    table[s, QUOTE_VOLUME_24H] = v1
    if ts_recv - times[s, TRADE_AT] < stale_ns:
        return False
    traded = v1 - before
    if not traded > 0.0:
        elapsed = 1.0 if np.isnan(before) else max(0.0, (ts_recv - times[s, PRICE_AT]) / 1e9)
        traded = v1 / DAY_S * min(elapsed, DAY_S)
    table[s, PRICE] = v0
    table[s, MARK] = v0
    table[s, VOLUME] = traded / v0
    times[s, PRICE_AT] = ts_recv
    times[s, EVENT_AT] = ts_event
    return True


@kernel
def _wanted(table: F8, kind: int, s: int, v0: float, v1: float) -> bool:
    """Whether an order at the venue may fill on this tick."""
    if table[s, TAKERS] > 0.0:
        return True
    if kind == _QUOTE:
        return bool(v1 <= table[s, BUY_LIMIT] or v0 >= table[s, SELL_LIMIT])
    return bool(v0 <= table[s, BUY_LIMIT] or v0 >= table[s, SELL_LIMIT])


@kernel
def _second(
    f: int,
    ts_open: I8,
    restart: B1,
    close: F8,
    quote_volume: F8,
    age_ms: F8,
    heat: F8,
    consensus: F8,
    held: I8,
    found: I8,
    table: F8,
    ring: F8,
) -> bool:
    """Exit rules of one closed second for the held symbols (codes go to `found`), then its volumes and closes."""
    second = ts_open[f] // 1_000_000_000
    slot = second % LOOKBACK
    ts_close = ts_open[f] + 1_000_000_000
    width = close.shape[1]
    if restart[f]:
        for i in range(LOOKBACK):
            for s in range(ring.shape[1]):
                ring[i, s] = np.nan
        for s in range(width):
            table[s, MINUTE] = 0.0
    some = False
    for h in range(len(held)):
        s = held[h]
        found[h] = 0
        if s < width:
            warmth = heat[f, s] if len(heat) > 0 else np.nan
            agreement = consensus[f, s] if len(consensus) > 0 else np.nan
            found[h] = exits.on_second(table, s, close[f, s], ring[slot, s], age_ms[f, s], warmth, agreement, ts_close)
            some = some or found[h] != 0
    for s in range(width):
        ring[slot, s] = close[f, s]
    for s in range(width):
        table[s, MINUTE] += quote_volume[f, s]
    if second % 60 == 59:
        for s in range(width):
            table[s, LAST_MINUTE] = table[s, MINUTE]
            table[s, MINUTE] = 0.0
    return some


@kernel
def scan(
    i: int,
    f: int,
    offset: I8,
    kind: U1,
    symbol: I4,
    ts_event: I8,
    ts_recv: I8,
    v0: F8,
    v1: F8,
    v2: F8,
    v3: F8,
    frame_row: I8,
    ts_open: I8,
    restart: B1,
    close: F8,
    quote_volume: F8,
    age_ms: F8,
    feed: U1,
    heat: F8,
    consensus: F8,
    decision_frame: int,
    held: I8,
    found: I8,
    table: F8,
    times: I8,
    ring: F8,
    clock: I8,
    counts: I8,
    stale_ns: int,
) -> tuple[int, int, int, int, int]:
    """Walk on from row `i`, frame `f`; returns (why, row, frame, symbol, exit code).

    AT_FRAME: second `frame` closed and something follows from it (call again with frame + 1 at the same row); AT_TIMER:
    time has come, the row is not applied yet; AT_EVENT and AT_TICK: the row is applied, go on behind it. Rows of one
    message count as one.
    """
    frames = len(frame_row)
    for row in range(i, len(kind)):
        while f < frames and frame_row[f] <= row:
            counts[FRAMES] += 1
            due = _second(f, ts_open, restart, close, quote_volume, age_ms, heat, consensus, held, found, table, ring)
            ts_close = ts_open[f] + 1_000_000_000
            due = due or restart[f] or f == decision_frame
            due = due or ts_close >= clock[STATUS_AT] or ts_close >= clock[CYCLE_AT] or ts_close >= clock[MARKS_AT]
            if len(feed) > 0:
                due = due or feed[f] != clock[FEED]
            if due:
                return AT_FRAME, row, f, -1, 0
            f += 1
        clock[NOW] = max(clock[NOW], ts_recv[row])
        if clock[NOW] >= clock[TIMER]:
            return AT_TIMER, row, f, -1, 0
        k = kind[row]
        counts[k] += 1
        if offset[row] != clock[OFFSET]:
            clock[OFFSET] = offset[row]
            counts[MESSAGES] += 1
        if k == _HEARTBEAT:
            continue
        if k == _EVENT:
            return AT_EVENT, row, f, -1, 0
        s = symbol[row]
        if not take_row(table, times, k, s, ts_recv[row], ts_event[row], v0[row], v1[row], v2[row], v3[row], stale_ns):
            continue
        price = v0[row]
        if k == _QUOTE and table[s, SIDE] < 0.0:
            price = v1[row]
        code = exits.on_price(table, s, price)
        if code != 0 or _wanted(table, k, s, v0[row], v1[row]):
            return AT_TICK, row, f, s, code
    return END, len(kind), f, -1, 0
