"""Closes of the last minutes, told by ticks or by candles: what the black-swan rule looks back on.

`ring[second % ROOM, s]` is the last price of a second: carried where nothing was told, NaN where nothing is known. It is
written up to the last closed second, and for a coin with candles up to the end of its last candle where that is later.
It holds more seconds than the rule looks back, so that a candle that comes late still finds the close 300 s before its
own. Within a candle its open stands for what is not known, unless it is longer than the rule looks back.
"""

from __future__ import annotations

import numpy as np

from operators.columns import BAR_AT, BAR_CLOSE, LOOKBACK, ROOM
from operators.jit import kernel
from operators.slices import F8, SECOND


@kernel
def carry(ring: F8, s: int, told: int, until: int) -> None:
    """Write the price of second `told` into all seconds after it up to `until`."""
    price = ring[told % ROOM, s]
    for second in range(max(told, until - ROOM) + 1, until + 1):
        ring[second % ROOM, s] = price


@kernel
def start_anew(ring: F8, table: F8, second: int, frame_at: int) -> None:
    """Seconds are missing before this one: forget all closes but those of coins whose candles went on meanwhile.

    `frame_at` is the end of the last second before.
    """
    ts_close = (second + 1) * SECOND
    for s in range(ring.shape[1]):
        bar_at = table[s, BAR_AT]
        if frame_at < bar_at <= ts_close:
            carry(ring, s, int(bar_at) // SECOND - 1, second - 1)
            continue
        if bar_at > ts_close:
            table[s, BAR_AT] = np.nan  # of a time that the clock went back from
        for slot in range(ROOM):
            ring[slot, s] = np.nan


@kernel
def on_frame(ring: F8, table: F8, second: int, f: int, close: F8, age_ms: F8) -> None:
    """Note closed second `second`, row `f` of `close` (F, S): a candle that ended after a coin's last tick tells more."""
    ts_close = (second + 1) * SECOND
    slot = second % ROOM
    for s in range(close.shape[1]):
        bar_at = table[s, BAR_AT]
        if bar_at > ts_close:
            continue  # told by a candle already
        price = close[f, s]
        if (ts_close - bar_at) / 1e6 < age_ms[f, s]:
            price = table[s, BAR_CLOSE]
        ring[slot, s] = price


@kernel
def on_bar(
    ring: F8, table: F8, s: int, ts_open: int, ts_close: int, open_: float, close: float, frame_at: int
) -> float:
    """Note a candle in whose time no tick was seen; returns the close 300 s before its own, NaN where unknown."""
    first = ts_open // SECOND
    last = ts_close // SECOND - 1
    told = frame_at // SECOND - 1
    if table[s, BAR_AT] > frame_at:
        told = int(table[s, BAR_AT]) // SECOND - 1
    carry(ring, s, told, first - 1)
    within = open_ if last - first < LOOKBACK else np.nan
    told = max(told, last)  # seconds beyond a candle that comes late were closed without its price
    for second in range(max(first, told - ROOM + 1), told + 1):
        ring[second % ROOM, s] = within if second < last else close
    table[s, BAR_AT] = ts_close
    table[s, BAR_CLOSE] = close
    back = last - LOOKBACK
    return ring[back % ROOM, s] if told - ROOM < back else np.nan
