"""Recent bars: the last closed bars of every coin, kept by time, so that a chart's past can be told when somebody looks.

Window number w (open time / length) of every coin stands in slot w % depth: one row for the whole market, written once a bar.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from operators.slices import F4, F8, I8, SECOND
from operators.state import capacity, grow

HIGH: Final = 0
LOW: Final = 1
CLOSE: Final = 2
VOLUME: Final = 3
ROWS: Final = 4


class RecentBars:
    """The last `depth` windows of `seconds`.

    State is a pair: `newest` (1,) number of the newest window told, -1 before the first; `bars` (ROWS, depth, S) float32 high,
    low, close and base volume, close NaN where a coin has no such bar. Single precision: six digits are shown.
    """

    def __init__(self, seconds: int, depth: int) -> None:
        self.seconds = seconds
        self.depth = depth
        self._length = seconds * SECOND

    def start(self) -> tuple[I8, F4]:
        """No bars."""
        return np.full(1, -1, np.int64), np.full((ROWS, self.depth, capacity(0)), np.nan, np.float32)

    def widen(self, bars: F4, symbols: int) -> F4:
        """Make room for so many symbols."""
        return grow(bars, symbols, np.nan)

    def take(self, newest: I8, bars: F4, ts_open: int, columns: F8) -> None:
        """Take one closed bar of every coin: columns (ROWS, n). What the venue's history told of that window stays."""
        window = ts_open // self._length
        if not self._turn(newest, bars, window):
            return
        slot = bars[:, window % self.depth, : columns.shape[1]]
        np.copyto(slot, columns, where=np.isnan(slot[CLOSE]))

    def tell(self, newest: I8, bars: F4, symbol: int, ts_open: I8, columns: F8) -> None:
        """Take the venue's history of one coin, oldest first: columns (ROWS, n)."""
        if not len(ts_open):
            return
        windows = ts_open // self._length
        if not self._turn(newest, bars, int(windows[-1])):
            return
        kept = windows > int(newest[0]) - self.depth
        bars[:, windows[kept] % self.depth, symbol] = columns[:, kept]

    def of(self, newest: I8, bars: F4, symbol: int) -> tuple[I8, F8]:
        """Bars of one coin, oldest first: open times (n,), columns (ROWS, n)."""
        last = int(newest[0])
        windows = np.arange(max(last - self.depth + 1, 0), last + 1)
        columns = bars[:, windows % self.depth, symbol].astype(np.float64)
        known = ~np.isnan(columns[CLOSE])
        return windows[known] * self._length, np.ascontiguousarray(columns[:, known])

    def _turn(self, newest: I8, bars: F4, window: int) -> bool:
        """Forget what `window` pushes out. False if the window is older than all that is kept."""
        last = int(newest[0])
        if window <= last:
            return window > last - self.depth
        first = max(last + 1, window - self.depth + 1)
        bars[:, np.arange(first, window + 1) % self.depth] = np.nan
        newest[0] = window
        return True
