"""Watch the market for held symbols and working orders without leaving compiled code.

The table (`columns.py`) holds the levels of the exit rules, the last market of every symbol, and what working orders
wait for. `scan` walks rows and closed seconds in the log's order and stops only where somebody must act; then it
is called again from there.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from operators import closes, exits
from operators.columns import (
    ASK,
    ASK_SIZE,
    BAR_AT,
    BID,
    BID_SIZE,
    BUY_LIMIT,
    CYCLE_AT,
    EVENT_AT,
    FEED,
    FRAME_AT,
    FRAMES,
    LONG_AGO,
    LOOKBACK,
    MARK,
    MARKS_AT,
    MESSAGES,
    NOW,
    OFFSET,
    OPENED,
    PRICE,
    PRICE_AT,
    QUOTE_AT,
    QUOTE_VOLUME_24H,
    ROOM,
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
def _silence_ms(table: F8, times: I8, s: int, ts_close: int) -> float:
    """How long a held symbol had no price of any stream, quote or candle; from its entry on where it had none at all."""
    since = times[s, EVENT_AT]
    if table[s, OPENED] > since:
        since = int(table[s, OPENED])
    return (ts_close - since) / 1e6 if since > LONG_AGO else np.inf


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
    times: I8,
    ring: F8,
    minutes: F8,
    clock: I8,
) -> bool:
    """One closed second: its closes, the exit rules of the held symbols (codes go to `found`), its volumes."""
    second = ts_open[f] // 1_000_000_000
    ts_close = ts_open[f] + 1_000_000_000
    width = close.shape[1]
    if restart[f]:
        closes.start_anew(ring, table, second, clock[FRAME_AT])
        for s in range(width):
            minutes[0, s] = 0.0
    closes.on_frame(ring, table, second, f, close, age_ms)
    clock[FRAME_AT] = ts_close
    some = False
    for h in range(len(held)):
        s = held[h]
        found[h] = 0
        if s < width:
            warmth = heat[f, s] if len(heat) > 0 else np.nan
            agreement = consensus[f, s] if len(consensus) > 0 else np.nan
            age = _silence_ms(table, times, s, ts_close)
            now = ring[second % ROOM, s]
            # A candle that reaches beyond this second was judged by its close.
            before = np.nan if table[s, BAR_AT] > ts_close else ring[(second - LOOKBACK) % ROOM, s]
            found[h] = exits.on_second(table, s, now, before, age, warmth, agreement, ts_close)
            some = some or found[h] != 0
    for s in range(width):
        minutes[0, s] += quote_volume[f, s]
    if second % 60 == 59:
        for s in range(width):
            minutes[1, s] = minutes[0, s]
            minutes[0, s] = 0.0
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
    minutes: F8,
    clock: I8,
    counts: I8,
    mute_ns: int,
) -> tuple[int, int, int, int, int]:
    """Walk on from row `i`, frame `f`; returns (why, row, frame, symbol, exit code).

    AT_FRAME: second `frame` closed and something follows from it (call again with frame + 1 at the same row); AT_TIMER:
    time has come, the row is not applied yet; AT_EVENT and AT_TICK: the row is applied, go on behind it. Rows of one
    message count as one.

    A ticker repeats, up to a second late, what the trade stream of the coin has told; so it says nothing for `mute_ns`
    after a trade. The volume of a ticker is the rise of the venue's 24 h figure since the one before; where that figure
    fell (yesterday leaves the window faster than today enters), its mean rate over the time between both.
    """
    frames = len(frame_row)
    rows = len(kind)
    next_frame = frame_row[f] if f < frames else rows
    next_second = min(clock[STATUS_AT], clock[CYCLE_AT], clock[MARKS_AT])
    # Local copies: the loop would otherwise write them back at every row.
    now, timer, last, messages = clock[NOW], clock[TIMER], clock[OFFSET], 0
    beats, trades, quotes, tickers, events = 0, 0, 0, 0, 0
    why, s, code = END, -1, 0
    row = i
    while row < rows:
        # A second is known to be over when the row that closes it comes, not before.
        now = max(now, ts_recv[row])
        if next_frame <= row:
            counts[FRAMES] += 1
            due = _second(
                f, ts_open, restart, close, quote_volume, age_ms, heat, consensus, held, found, table, times, ring, minutes,
                clock,
            )  # fmt: skip
            due = due or restart[f] or f == decision_frame or ts_open[f] + 1_000_000_000 >= next_second
            if len(feed) > 0:
                due = due or feed[f] != clock[FEED]
            if due:
                why = AT_FRAME
                break
            f += 1
            next_frame = frame_row[f] if f < frames else rows
            continue
        if now >= timer:
            why = AT_TIMER
            break
        if offset[row] != last:
            last = offset[row]
            messages += 1
        k = kind[row]
        if k == _HEARTBEAT:
            beats += 1
            row += 1
            continue
        if k == _EVENT:
            events += 1
            why = AT_EVENT
            break
        s = symbol[row]
        # Written out here: a call with two arrays costs more than all that follows.
        price = low = high = v0[row]
        if k == _TRADE:
            trades += 1
            table[s, VOLUME] = v1[row]
            times[s, TRADE_AT] = now
        elif k == _QUOTE:
            quotes += 1
            low, high = v0[row], v1[row]
            if not (low > 0.0 and high > 0.0):
                row += 1
                continue
            table[s, BID] = low
            table[s, ASK] = high
            table[s, BID_SIZE] = v2[row]
            table[s, ASK_SIZE] = v3[row]
            times[s, QUOTE_AT] = now
            price = high if table[s, SIDE] < 0.0 else low
        else:
            tickers += 1
            before = table[s, QUOTE_VOLUME_24H]
            table[s, QUOTE_VOLUME_24H] = v1[row]
            if now - times[s, TRADE_AT] < mute_ns:
                row += 1
                continue
            traded = v1[row] - before
            if not traded > 0.0:
                elapsed = 1.0 if np.isnan(before) else max(0.0, (now - times[s, PRICE_AT]) / 1e9)
                traded = v1[row] / DAY_S * min(elapsed, DAY_S)
            table[s, VOLUME] = traded / price
        if k != _QUOTE:
            table[s, PRICE] = price
            times[s, PRICE_AT] = now
        table[s, MARK] = 0.5 * (low + high)
        times[s, EVENT_AT] = ts_event[row]
        if table[s, SIDE] != 0.0:
            code = exits.on_price(table, s, price)
        # An order at the venue may fill: a market order on any tick, a resting one where the market came to its price.
        reached = high <= table[s, BUY_LIMIT] or low >= table[s, SELL_LIMIT]
        if code != 0 or reached or table[s, TAKERS] > 0.0:
            why = AT_TICK
            break
        row += 1
    clock[NOW], clock[OFFSET] = now, last
    counts[_HEARTBEAT] += beats
    counts[_TRADE] += trades
    counts[_QUOTE] += quotes
    counts[_TICKER] += tickers
    counts[_EVENT] += events
    counts[MESSAGES] += messages
    return why, row, f, s, code


def count_event(clock: I8, counts: I8, offset: int) -> None:
    """Count an event row that was taken before the kernel came to it."""
    counts[_EVENT] += 1
    counts[MESSAGES] += int(offset != clock[OFFSET])
    clock[OFFSET] = offset
