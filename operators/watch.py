"""Watch the market for held symbols and working orders without leaving compiled code.

One table of float64 (ROWS, S): levels of the exit rules (`exits.py`), the last market of every symbol, and what working
orders wait for. `scan` walks rows and closed seconds in the log's order and stops only where somebody must act; then it
is called again from there.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from operators import exits
from operators.jit import kernel
from operators.slices import B1, F8, I4, I8, U1, Kind
from operators.state import capacity

# Rows of the table beyond those of the exits.
PRICE: Final = exits.ROWS  # last trade, else ticker price
BID: Final = exits.ROWS + 1
ASK: Final = exits.ROWS + 2
BID_SIZE: Final = exits.ROWS + 3
ASK_SIZE: Final = exits.ROWS + 4
MARK: Final = exits.ROWS + 5  # last price of any stream; of a quote its mid
QUOTE_VOLUME_24H: Final = exits.ROWS + 6
VOLUME: Final = exits.ROWS + 7  # base units that the last row saw traded
MINUTE: Final = exits.ROWS + 8  # quote volume of the running minute
LAST_MINUTE: Final = exits.ROWS + 9
TAKERS: Final = exits.ROWS + 10  # market orders at the venue
BUY_LIMIT: Final = exits.ROWS + 11  # highest resting buy, -inf for none
SELL_LIMIT: Final = exits.ROWS + 12  # lowest resting sell, inf for none
ROWS: Final = exits.ROWS + 13

# Rows of the times, receive clock in ns.
QUOTE_AT: Final = 0
PRICE_AT: Final = 1
TRADE_AT: Final = 2
EVENT_AT: Final = 3  # event time of the last price
TIMES: Final = 4
LONG_AGO: Final = -(1 << 62)

# Cells of the clock.
NOW: Final = 0  # greatest receive time so far
TIMER: Final = 1  # receive time of the next thing that waits for time alone
STATUS_AT: Final = 2  # event times of the next status and of the next health cycle
CYCLE_AT: Final = 3
FEED: Final = 4  # last freshness status of the market
OFFSET: Final = 5  # of the last row
CLOCKS: Final = 6

# Cells of the counts: rows by kind, then
MESSAGES: Final = 5
FRAMES: Final = 6
COUNTS: Final = 7

LOOKBACK: Final = 300  # seconds of closes behind the black-swan rule
NEVER: Final = (1 << 63) - 1
DAY_S: Final = 86_400.0

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


def widen_table(table: F8, symbols: int) -> F8:
    """Table for so many symbols; new columns hold no position, no order and no price."""
    width = table.shape[1]
    if width >= symbols:
        return table
    wider = np.full((ROWS, capacity(symbols)), np.nan)
    wider[[exits.SIDE, exits.DONE, TAKERS, MINUTE, LAST_MINUTE, VOLUME], :] = 0.0
    wider[BUY_LIMIT, :] = -np.inf
    wider[SELL_LIMIT, :] = np.inf
    wider[:, :width] = table
    return wider


def widen_times(times: I8, symbols: int) -> I8:
    """Times for so many symbols, long ago where nothing was seen."""
    width = times.shape[1]
    if width >= symbols:
        return times
    wider = np.full((TIMES, capacity(symbols)), LONG_AGO, dtype=np.int64)
    wider[:, :width] = times
    return wider


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
        table[PRICE, s] = v0
        table[MARK, s] = v0
        table[VOLUME, s] = v1
        times[TRADE_AT, s] = ts_recv
        times[PRICE_AT, s] = ts_recv
        times[EVENT_AT, s] = ts_event
        return True
    if kind == _QUOTE:
        if not (v0 > 0.0 and v1 > 0.0):
            return False
        table[BID, s] = v0
        table[ASK, s] = v1
        table[BID_SIZE, s] = v2
        table[ASK_SIZE, s] = v3
        table[MARK, s] = 0.5 * (v0 + v1)
        table[VOLUME, s] = 0.0
        times[QUOTE_AT, s] = ts_recv
        times[EVENT_AT, s] = ts_event
        return True
    before = table[QUOTE_VOLUME_24H, s]
    table[QUOTE_VOLUME_24H, s] = v1
    if ts_recv - times[TRADE_AT, s] < stale_ns:
        return False
    traded = v1 - before
    if not traded > 0.0:
        elapsed = 1.0 if np.isnan(before) else max(0.0, (ts_recv - times[PRICE_AT, s]) / 1e9)
        traded = v1 / DAY_S * min(elapsed, DAY_S)
    table[PRICE, s] = v0
    table[MARK, s] = v0
    table[VOLUME, s] = traded / v0
    times[PRICE_AT, s] = ts_recv
    times[EVENT_AT, s] = ts_event
    return True


@kernel
def _wanted(table: F8, kind: int, s: int, v0: float, v1: float) -> bool:
    """Whether an order at the venue may fill on this tick."""
    if table[TAKERS, s] > 0.0:
        return True
    if kind == _QUOTE:
        return v1 <= table[BUY_LIMIT, s] or v0 >= table[SELL_LIMIT, s]
    return v0 <= table[BUY_LIMIT, s] or v0 >= table[SELL_LIMIT, s]


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
            table[MINUTE, s] = 0.0
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
        table[MINUTE, s] += quote_volume[f, s]
    if second % 60 == 59:
        for s in range(width):
            table[LAST_MINUTE, s] = table[MINUTE, s]
            table[MINUTE, s] = 0.0
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
            due = due or ts_close >= clock[STATUS_AT] or ts_close >= clock[CYCLE_AT]
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
        if k == _QUOTE and table[exits.SIDE, s] < 0.0:
            price = v1[row]
        code = exits.on_price(table, s, price)
        if code != 0 or _wanted(table, k, s, v0[row], v1[row]):
            return AT_TICK, row, f, s, code
    return END, len(kind), f, -1, 0
