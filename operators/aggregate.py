"""Bars of a longer interval from bars of a shorter one, as the exchange itself makes them.

The longer bar covers [k * seconds, (k + 1) * seconds) since the epoch. Its open, high and low are those of its traded
parts only: where a part has no volume the exchange knows no price of it (it repeats the last close), so the open is
that of the first part that traded. A window in which nothing traded repeats the close of the part it has.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from operators.jit import kernel
from operators.slices import F8, I8, SECOND
from operators.state import State, capacity, grow

NONE: Final = -(1 << 62)
OPEN: Final = 0
HIGH: Final = 1
LOW: Final = 2
CLOSE: Final = 3
VOLUME: Final = 4
QUOTE_VOLUME: Final = 5


@dataclass
class AggregateState(State):
    """The forming bar of each symbol: start (S,) its open time, ns; last (S,) its newest part; bar (6, S) open ..

    Quote volume.
    """

    start: I8
    last: I8
    bar: F8


class Aggregator:
    """Join bars of `part_s` seconds into bars of `seconds`.

    A bar is whole as soon as its last part came, or, where that part is missing, when a part of a later window comes;
    the caller gets it then. `take` works on columns (one part of every symbol), `join` on the history of one symbol.
    """

    def __init__(self, part_s: int, seconds: int) -> None:
        if part_s <= 0 or seconds % part_s:
            raise ValueError(f"`seconds`: expected a multiple of {part_s}, was {seconds}")
        self.part = part_s * SECOND
        self.whole = seconds * SECOND

    def start(self) -> AggregateState:
        """Nothing forming."""
        s = capacity(1)
        return AggregateState(np.full(s, NONE, np.int64), np.full(s, NONE, np.int64), np.full((6, s), np.nan))

    def widen(self, state: AggregateState, symbols: int) -> None:
        """Make room for so many symbols."""
        state.start = grow(state.start, symbols, NONE)
        state.last = grow(state.last, symbols, NONE)
        state.bar = grow(state.bar, symbols, np.nan)

    def take(self, state: AggregateState, ts_open: int, columns: F8) -> tuple[I8, F8]:
        """Take one part of every symbol: columns (6, S), NaN close where there is none.

        Returns (starts (S,), bars (6, S)) of what this part completed; start is `NONE` and the bar NaN elsewhere. With
        a part missing at a window's end, the bar completed is the one before, and the new part begins the next.
        """
        width = columns.shape[1]
        self.widen(state, width)
        starts = np.full(width, NONE, np.int64)
        bars = np.full((6, width), np.nan)
        _take_all(ts_open, self.part, self.whole, columns, state.start, state.last, state.bar, starts, bars)
        return starts, bars

    def join(self, state: AggregateState, symbol: int, ts_open: I8, columns: F8) -> tuple[I8, F8]:
        """Take parts of one symbol, oldest first: columns (6, n).

        Returns (starts (m,), bars (6, m)) of what they completed.
        """
        self.widen(state, symbol + 1)
        n = ts_open.shape[0]
        starts = np.empty(n + 1, np.int64)
        bars = np.empty((6, n + 1))
        made = _join(symbol, ts_open, self.part, self.whole, columns, state.start, state.last, state.bar, starts, bars)
        return starts[:made].copy(), bars[:, :made].copy()

    def forget(self, state: AggregateState, symbol: int) -> None:
        """Drop what is forming of this symbol."""
        self.widen(state, symbol + 1)
        state.start[symbol] = NONE
        state.last[symbol] = NONE
        state.bar[:, symbol] = np.nan


def aggregate(ts_open: I8, columns: F8, part_s: int, seconds: int) -> tuple[I8, F8]:
    """Join a history of one symbol at once, the unfinished last bar left out.

    Ts_open (n,), columns (6, n) -> (m,), (6, m).
    """
    aggregator = Aggregator(part_s, seconds)
    return aggregator.join(aggregator.start(), 0, ts_open, columns)


@kernel
def _hand_out(s: int, to: int, start: I8, bar: F8, starts: I8, bars: F8) -> None:
    starts[to] = start[s]
    for row in range(bar.shape[0]):
        bars[row, to] = bar[row, s]
    start[s] = NONE


@kernel
def _add(s: int, i: int, window: int, columns: F8, start: I8, bar: F8) -> None:
    """Add part i to the forming bar, or begin one."""
    traded = columns[VOLUME, i] > 0.0
    if start[s] != window:
        start[s] = window
        for row in range(bar.shape[0]):
            bar[row, s] = columns[row, i]
        return
    if traded and not bar[VOLUME, s] > 0.0:
        bar[OPEN, s] = columns[OPEN, i]
        bar[HIGH, s] = columns[HIGH, i]
        bar[LOW, s] = columns[LOW, i]
    elif traded:
        bar[HIGH, s] = max(bar[HIGH, s], columns[HIGH, i])
        bar[LOW, s] = min(bar[LOW, s], columns[LOW, i])
    bar[CLOSE, s] = columns[CLOSE, i]
    bar[VOLUME, s] += columns[VOLUME, i]
    bar[QUOTE_VOLUME, s] += columns[QUOTE_VOLUME, i]


@kernel
def _take_all(
    ts_open: int, part: int, whole: int, columns: F8, start: I8, last: I8, bar: F8, starts: I8, bars: F8
) -> None:
    window = ts_open // whole * whole
    ends = ts_open + part == window + whole
    for s in range(columns.shape[1]):
        if math.isnan(columns[CLOSE, s]) or ts_open <= last[s]:
            continue
        last[s] = ts_open
        if start[s] != NONE and start[s] != window:
            _hand_out(s, s, start, bar, starts, bars)
        _add(s, s, window, columns, start, bar)
        if ends and starts[s] == NONE:
            _hand_out(s, s, start, bar, starts, bars)


@kernel
def _join(
    s: int, ts_open: I8, part: int, whole: int, columns: F8, start: I8, last: I8, bar: F8, starts: I8, bars: F8
) -> int:
    made = 0
    for i in range(ts_open.shape[0]):
        if math.isnan(columns[CLOSE, i]) or ts_open[i] <= last[s]:
            continue
        last[s] = ts_open[i]
        window = ts_open[i] // whole * whole
        if start[s] != NONE and start[s] != window:
            _hand_out(s, made, start, bar, starts, bars)
            made += 1
        _add(s, i, window, columns, start, bar)
        if ts_open[i] + part == window + whole:
            _hand_out(s, made, start, bar, starts, bars)
            made += 1
    return made
