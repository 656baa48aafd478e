"""The kernel of `frame`: one walk over the rows, accumulating seconds in order."""

from __future__ import annotations

from typing import Any

import numpy as np

from operators.jit import kernel
from operators.slices import F8, I4, I8, SECOND, U1

WALKED, NEED_ROOM, MINUTE_CLOSED, GAP, EVENT = 0, 1, 2, 3, 4

# clock (int64)
WATERMARK, BASE, SKEW_NOW, SKEW_BEFORE, BUCKET, KNOWN, FEED, LAG, RESTART, ON_TIME, AHEAD_SINCE = range(11)
COUNTERS = 11
COUNTER_NAMES = ("late_trades", "late_tickers", "misaligned", "clock_resets", "gaps", "bad_quotes")
C_LATE_TRADES, C_LATE_TICKERS, C_MISALIGNED, C_RESETS, C_GAPS, C_BAD_QUOTES = range(COUNTERS, COUNTERS + 6)
NONE = np.int64(2**62)

# rules (int64 ns unless said)
LATENESS, AHEAD, MAX_GAP, SKEW_WINDOW, GRACE, TRADE_SOURCE, QUOTE_STALE = range(7)

# last values per symbol (float64)
CLOSE, CUM_QUOTE, CUM_BASE, QUOTE_24H, OPEN_24H, BID, ASK, BID_SIZE, ASK_SIZE, PRICE = range(10)
LAST = 10
# last times per symbol (int64)
T_PRICE, T_TRADE, T_QUOTE = range(3)
TIMES = 3
# sums of an open second per symbol (float64)
S_OPEN, S_HIGH, S_LOW, S_CLOSE, S_VOLUME, S_QUOTE, S_BUY, S_TRADES, S_UPDATES = range(9)
SUMS = 9
# a bar in progress per symbol (float64)
B_OPEN, B_HIGH, B_LOW, B_CLOSE, B_VOLUME, B_QUOTE, B_TRADES, B_UPDATES, B_WHOLE = range(9)
BAR = 9

FIELD_NAMES = (
    "open", "high", "low", "close", "volume", "quote_volume", "buy_volume", "trades", "updates", "bid", "ask", "bid_size", "ask_size",
    "quote_volume_24h", "open_24h", "age_ms", "minute_open", "minute_high", "minute_low", "minute_volume", "minute_quote_volume",
    "minute_trades",
)  # fmt: skip
FIELDS = len(FIELD_NAMES)
H_OPEN, H_ROW, H_OFFSET, H_RESTART, H_RECV, H_FEED, H_LAG, H_SKEW = range(8)
HEADS = 8


def new_clock() -> I8:
    """A clock that has seen nothing."""
    clock = np.zeros(COUNTERS + len(COUNTER_NAMES), dtype=np.int64)
    clock[[WATERMARK, BASE]] = -1
    clock[[SKEW_NOW, SKEW_BEFORE]] = NONE
    return clock


@kernel
def _skew(clock: Any) -> Any:
    least = min(clock[SKEW_NOW], clock[SKEW_BEFORE])
    return 0 if least == NONE else least


@kernel
def _close(
    clock: Any, rules: Any, last: Any, times: Any, seconds: Any, minute: Any, width: int, block: Any, heads: Any, used: int,
    row: int, offset: Any, recv: Any,
) -> None:  # fmt: skip
    """Write the open second `clock[BASE]` as frame `used` and empty its accumulator."""
    base = clock[BASE]
    slot = base & 1
    end = (base + 1) * SECOND
    heads[H_OPEN, used] = base * SECOND
    heads[H_ROW, used] = row
    heads[H_OFFSET, used] = offset
    heads[H_RESTART, used] = clock[RESTART]
    heads[H_RECV, used] = recv
    heads[H_FEED, used] = clock[FEED]
    heads[H_LAG, used] = clock[LAG]
    heads[H_SKEW, used] = _skew(clock)
    clock[RESTART] = 0
    for s in range(width):
        updates = seconds[slot, S_UPDATES, s]
        if updates > 0.0:
            high = seconds[slot, S_HIGH, s]
            low = seconds[slot, S_LOW, s]
            close = seconds[slot, S_CLOSE, s]
            block[0, used, s] = seconds[slot, S_OPEN, s]
            last[CLOSE, s] = close
            if minute[B_UPDATES, s] == 0.0:
                minute[B_OPEN, s] = seconds[slot, S_OPEN, s]
                minute[B_HIGH, s] = high
                minute[B_LOW, s] = low
            else:
                if high > minute[B_HIGH, s]:
                    minute[B_HIGH, s] = high
                if low < minute[B_LOW, s]:
                    minute[B_LOW, s] = low
            minute[B_CLOSE, s] = close
            minute[B_VOLUME, s] += seconds[slot, S_VOLUME, s]
            minute[B_QUOTE, s] += seconds[slot, S_QUOTE, s]
            minute[B_TRADES, s] += seconds[slot, S_TRADES, s]
            minute[B_UPDATES, s] += updates
            block[1, used, s] = high
            block[2, used, s] = low
            block[3, used, s] = close
            block[4, used, s] = seconds[slot, S_VOLUME, s]
            block[5, used, s] = seconds[slot, S_QUOTE, s]
            block[6, used, s] = seconds[slot, S_BUY, s]
            block[7, used, s] = seconds[slot, S_TRADES, s]
            for k in range(SUMS):
                seconds[slot, k, s] = 0.0
        else:
            close = last[CLOSE, s]
            block[0, used, s] = close
            block[1, used, s] = close
            block[2, used, s] = close
            block[3, used, s] = close
            block[4, used, s] = 0.0
            block[5, used, s] = 0.0
            block[6, used, s] = 0.0
            block[7, used, s] = 0.0
        block[8, used, s] = updates
        if times[T_QUOTE, s] > 0 and recv - times[T_QUOTE, s] <= rules[QUOTE_STALE]:
            block[9, used, s] = last[BID, s]
            block[10, used, s] = last[ASK, s]
            block[11, used, s] = last[BID_SIZE, s]
            block[12, used, s] = last[ASK_SIZE, s]
        else:
            block[9, used, s] = np.nan
            block[10, used, s] = np.nan
            block[11, used, s] = np.nan
            block[12, used, s] = np.nan
        block[13, used, s] = last[QUOTE_24H, s]
        block[14, used, s] = last[OPEN_24H, s]
        priced = times[T_PRICE, s]
        block[15, used, s] = max(0.0, (end - priced) / 1e6) if priced > 0 else np.inf
        if minute[B_UPDATES, s] > 0.0:
            block[16, used, s] = minute[B_OPEN, s]
            block[17, used, s] = minute[B_HIGH, s]
            block[18, used, s] = minute[B_LOW, s]
            block[19, used, s] = minute[B_VOLUME, s]
            block[20, used, s] = minute[B_QUOTE, s]
            block[21, used, s] = minute[B_TRADES, s]
        else:
            block[16, used, s] = np.nan
            block[17, used, s] = np.nan
            block[18, used, s] = np.nan
            block[19, used, s] = 0.0
            block[20, used, s] = 0.0
            block[21, used, s] = 0.0
    clock[BASE] = base + 1


@kernel
def _rebase(clock: Any, last: Any, times: Any, seconds: Any, width: int, time: Any) -> None:
    """Begin a new stretch of time at `time`: nothing is carried over but prices, and none of them is from later."""
    clock[WATERMARK] = time
    clock[BASE] = time // SECOND
    clock[RESTART] = 1
    for s in range(width):
        last[CUM_QUOTE, s] = np.nan
        last[CUM_BASE, s] = np.nan
        times[T_PRICE, s] = min(times[T_PRICE, s], time)
        times[T_TRADE, s] = min(times[T_TRADE, s], time)
        for k in range(SUMS):
            seconds[0, k, s] = 0.0
            seconds[1, k, s] = 0.0


@kernel
def _price(last: Any, times: Any, seconds: Any, slot: Any, s: int, price: float, time: Any) -> None:
    if seconds[slot, S_UPDATES, s] == 0.0:
        seconds[slot, S_OPEN, s] = price
        seconds[slot, S_HIGH, s] = price
        seconds[slot, S_LOW, s] = price
    elif price > seconds[slot, S_HIGH, s]:
        seconds[slot, S_HIGH, s] = price
    elif price < seconds[slot, S_LOW, s]:
        seconds[slot, S_LOW, s] = price
    seconds[slot, S_CLOSE, s] = price
    seconds[slot, S_UPDATES, s] += 1.0
    last[PRICE, s] = price
    times[T_PRICE, s] = time


@kernel
def walk(
    kind: U1,
    symbol: I4,
    ts_event: I8,
    ts_recv: I8,
    offset: I8,
    v0: F8,
    v1: F8,
    v2: F8,
    v3: F8,
    row: int,
    resume: bool,
    clock: I8,
    rules: I8,
    last: F8,
    times: I8,
    seconds: F8,
    minute: F8,
    width: int,
    block: F8,
    heads: I8,
    used: int,
) -> tuple[int, int, int]:
    """Walk from `row` on; returns (status, row, frames used).

    Call again with `resume` True after NEED_ROOM, MINUTE_CLOSED and GAP: the row's clock work is then not done twice.
    """
    while row < len(kind):
        k = kind[row]
        recv = ts_recv[row]
        if not resume:
            time = clock[WATERMARK]
            if k == 1 or k == 3:
                time = ts_event[row]
                delay = recv - time
                known = clock[KNOWN]
                if known == 0:
                    clock[KNOWN] = 1
                    clock[SKEW_NOW] = delay
                    clock[SKEW_BEFORE] = NONE
                    clock[BUCKET] = recv
                    clock[ON_TIME] = 0
                    if clock[BASE] < 0 or time < clock[BASE] * SECOND or time > clock[WATERMARK] + rules[AHEAD]:
                        _rebase(clock, last, times, seconds, width, time)
                        clock[FEED] = recv
                        return GAP, row, used
                elif delay < _skew(clock) - rules[AHEAD]:
                    clock[C_MISALIGNED] += 1
                    since = clock[AHEAD_SINCE]
                    if since == 0 or recv < since:
                        clock[AHEAD_SINCE] = recv
                        time = clock[WATERMARK]
                    elif recv - since < rules[SKEW_WINDOW]:
                        time = clock[WATERMARK]
                    else:
                        # Not one tick of a whole window was to be believed: our own clock was set back.
                        clock[C_RESETS] += 1
                        clock[AHEAD_SINCE] = 0
                        clock[SKEW_NOW] = delay
                        clock[SKEW_BEFORE] = NONE
                        clock[BUCKET] = recv
                        for number in range(width):
                            times[T_QUOTE, number] = min(times[T_QUOTE, number], recv)
                else:
                    clock[AHEAD_SINCE] = 0
                    if recv - clock[BUCKET] >= rules[SKEW_WINDOW]:
                        stuck = clock[ON_TIME] == 0
                        clock[BUCKET] = recv
                        clock[SKEW_BEFORE] = clock[SKEW_NOW]
                        clock[SKEW_NOW] = delay
                        clock[ON_TIME] = 0
                        if stuck and time < clock[BASE] * SECOND:
                            # Not one tick of a whole window was on time: the venue's clock was set back, or a recording began anew.
                            clock[C_RESETS] += 1
                            clock[SKEW_BEFORE] = NONE
                            _rebase(clock, last, times, seconds, width, time)
                            return GAP, row, used
                    elif delay < clock[SKEW_NOW]:
                        clock[SKEW_NOW] = delay
                clock[LAG] = delay - _skew(clock)
                clock[FEED] = recv
            elif k == 0:
                time = recv - _skew(clock) - rules[GRACE]
                if clock[BASE] < 0:
                    _rebase(clock, last, times, seconds, width, time)
                    return GAP, row, used
            if time > clock[WATERMARK]:
                clock[WATERMARK] = time
        resume = False
        while clock[BASE] >= 0 and (clock[BASE] + 1) * SECOND + rules[LATENESS] <= clock[WATERMARK]:
            if clock[WATERMARK] // SECOND - clock[BASE] > rules[MAX_GAP]:
                clock[C_GAPS] += 1
                _rebase(clock, last, times, seconds, width, clock[WATERMARK])
                return GAP, row, used
            if used >= block.shape[1]:
                return NEED_ROOM, row, used
            _close(clock, rules, last, times, seconds, minute, width, block, heads, used, row, offset[row], recv)
            used += 1
            if clock[BASE] % 60 == 0:
                return MINUTE_CLOSED, row, used
        s = symbol[row]
        if k == 1:
            time = ts_event[row]
            if time > clock[WATERMARK]:
                time = clock[WATERMARK]  # not believed: applied as of now
            second = time // SECOND
            if second < clock[BASE]:
                clock[C_LATE_TRADES] += 1
            else:
                clock[ON_TIME] += 1
                slot = second & 1
                _price(last, times, seconds, slot, s, v0[row], time)
                seconds[slot, S_VOLUME, s] += v1[row]
                seconds[slot, S_QUOTE, s] += v0[row] * v1[row]
                if v2[row] > 0.0:
                    seconds[slot, S_BUY, s] += v0[row] * v1[row]
                seconds[slot, S_TRADES, s] += 1.0
                times[T_TRADE, s] = time
        elif k == 3:
            time = ts_event[row]
            if time > clock[WATERMARK]:
                time = clock[WATERMARK]
            second = time // SECOND
            if second < clock[BASE]:
                clock[C_LATE_TICKERS] += 1
                second = clock[BASE]
            else:
                clock[ON_TIME] += 1
            slot = second & 1
            traded = times[T_TRADE, s]
            own = traded == 0 or time - traded > rules[TRADE_SOURCE]
            if own and time < times[T_PRICE, s]:
                row += 1  # overtaken by a newer one, whose 24 h figures hold already what this one tells
                continue
            if (time > traded or traded == 0) and time >= times[T_PRICE, s]:
                _price(last, times, seconds, slot, s, v0[row], time)
            quote = v1[row]
            base = v2[row]
            if own and quote > last[CUM_QUOTE, s] and base > last[CUM_BASE, s]:  # never where they are NaN
                seconds[slot, S_QUOTE, s] += quote - last[CUM_QUOTE, s]
                seconds[slot, S_VOLUME, s] += base - last[CUM_BASE, s]
            last[CUM_QUOTE, s] = quote
            last[CUM_BASE, s] = base
            last[QUOTE_24H, s] = quote
            last[OPEN_24H, s] = v3[row]
        elif k == 2:
            # A crossed or one-sided book is shown as it is: an older quote in its place would hide that nothing can be traded at it.
            last[BID, s] = v0[row]
            last[ASK, s] = v1[row]
            last[BID_SIZE, s] = v2[row]
            last[ASK_SIZE, s] = v3[row]
            times[T_QUOTE, s] = recv
            if not (v0[row] > 0.0 and v1[row] >= v0[row]):
                clock[C_BAD_QUOTES] += 1
        elif k == 4:
            return EVENT, row, used
        row += 1
    return WALKED, row, used
