"""What execution watches: one row per symbol and one column per quantity, `float64 (S, COLUMNS)`.

The first eight columns are all that a tick of a coin touches that is neither held nor ordered: one cache line. Beside
the table stand receive times `int64 (S, TIMES)`, the clock and the counts.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from operators.slices import F8, I8
from operators.state import capacity

SIDE: Final = 0  # of the position: +1 long, -1 short, 0 none
PRICE: Final = 1  # last trade, else ticker price
MARK: Final = 2  # last price of any stream; of a quote its mid
VOLUME: Final = 3  # base units that the last row saw traded
QUOTE_VOLUME_24H: Final = 4
TAKERS: Final = 5  # market orders at the venue
BUY_LIMIT: Final = 6  # highest resting buy, -inf for none
SELL_LIMIT: Final = 7  # lowest resting sell, inf for none
BID: Final = 8
ASK: Final = 9
BID_SIZE: Final = 10
ASK_SIZE: Final = 11
BAR_AT: Final = 12  # event time in ns at which the last candle ended that told what no tick did; NaN: none
BAR_CLOSE: Final = 13
# Levels of the exit rules; NaN: no such rule.
STOP: Final = 16
BREAK_ARM: Final = 17  # best price from which the break-even stop holds
BREAK_LEVEL: Final = 18
TRAIL_ARM: Final = 19
TRAIL_DISTANCE: Final = 20  # fraction of the best price
HIGH: Final = 21  # water marks since the position opened
LOW: Final = 22
TARGET: Final = 23  # next take-profit tier
DONE: Final = 24  # 1 when everything that is left is already on its way out
BLACK_SWAN: Final = 25
HEAT_BELOW: Final = 26
HEAT_FOR: Final = 27  # ns
HEAT_SINCE: Final = 28  # event time in ns since when heat is below, NaN while it is not
OPPOSITE: Final = 29
LOST_MS: Final = 30
OPENED: Final = 31  # event time in ns
COLUMNS: Final = 32
LEVELS: Final = slice(STOP, COLUMNS)

# Columns of the times, receive clock in ns.
QUOTE_AT: Final = 0
PRICE_AT: Final = 1
TRADE_AT: Final = 2
EVENT_AT: Final = 3  # event time of the last price
TIMES: Final = 4
LONG_AGO: Final = -(1 << 62)
NEVER: Final = (1 << 63) - 1
REOPENING: Final = NEVER - 1  # a time of no clock: when the venue trades the symbol again

# Cells of the clock.
NOW: Final = 0  # greatest receive time so far
TIMER: Final = 1  # receive time of the next thing that waits for time alone
STATUS_AT: Final = 2  # event times of the next status, health cycle and marking of positions
CYCLE_AT: Final = 3
MARKS_AT: Final = 4
FEED: Final = 5  # last freshness status of the market
OFFSET: Final = 6  # of the last row
FRAME_AT: Final = 7  # event time at which the last closed second ended
CLOCKS: Final = 8

# Cells of the counts: rows by kind, then
MESSAGES: Final = 5
FRAMES: Final = 6
COUNTS: Final = 7

LOOKBACK: Final = 300  # seconds that the black-swan rule looks back
ROOM: Final = 360  # seconds of closes that are kept: a candle may come a minute late


def new_clock() -> I8:
    """A clock before the first row."""
    clock = np.zeros(CLOCKS, dtype=np.int64)
    clock[OFFSET] = -1
    clock[FRAME_AT] = LONG_AGO
    return clock


def new_table(symbols: int) -> F8:
    """A table without position, order or price."""
    table = np.full((symbols, COLUMNS), np.nan)
    table[:, [SIDE, DONE, TAKERS, VOLUME]] = 0.0
    table[:, BUY_LIMIT] = -np.inf
    table[:, SELL_LIMIT] = np.inf
    return table


def new_times(symbols: int) -> I8:
    """Times of symbols that were never seen."""
    return np.full((symbols, TIMES), LONG_AGO, dtype=np.int64)


def widen_table(table: F8, symbols: int) -> F8:
    """The table with room for so many symbols, itself where it has it."""
    if len(table) >= symbols:
        return table
    wider = new_table(capacity(symbols))
    wider[: len(table)] = table
    return wider


def widen_times(times: I8, symbols: int) -> I8:
    """The times with room for so many symbols, themselves where they have it."""
    if len(times) >= symbols:
        return times
    wider = new_times(capacity(symbols))
    wider[: len(times)] = times
    return wider
