"""One closed bar of all symbols moves all indicators on, in one kernel."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Final

import numpy as np

from contracts.settings.decisions import IndicatorSettings
from operators.indicators import layout
from operators.indicators.averages import M_CLOSE, M_HIGH, M_LOW, step_averages, step_directional, step_rsi
from operators.indicators.layout import Memory, Out, Ring
from operators.indicators.windows import (
    R_CLOSE,
    R_HIGH,
    R_LOW,
    R_VOLUME,
    step_bands,
    step_channels,
    step_stochastic,
    step_volume,
)
from operators.jit import kernel
from operators.slices import F8, I8, SECOND
from operators.state import State, capacity, grow
from operators.strided import strided, widen_strided

NEVER: Final = -(1 << 62)


@dataclass
class IndicatorState(State):
    """Indicators of one interval. S columns of capacity.

    count (S,) bars seen since the start or the last hole; last (S,) open time of the newest bar, ns; values (len(Out),
    S) the outputs, NaN until warm; memory (len(Memory), S) and ring (len(Ring), depth, S) are the recursions' own; made_with: the
    numbers of the settings, empty in what was written before they were kept.
    """

    count: I8
    last: I8
    values: F8
    memory: F8
    ring: F8
    made_with: F8 = field(default_factory=lambda: np.zeros(0))


class Indicators:
    """All indicators of one bar interval over all symbols.

    advance(state, ts_open, high, low, close, volume): (S,) columns of the bar [ts_open, ts_open + seconds); NaN close:
    no such bar. replay(state, symbol, ts_open, high, low, close, volume): (n,) bars of one symbol, oldest first. Read
    `state.values[Out.RSI, symbol]`.
    """

    def __init__(self, seconds: int, settings: IndicatorSettings | None = None) -> None:
        self.seconds = seconds
        self.settings = settings if settings is not None else IndicatorSettings()
        self._periods = layout.periods(self.settings)
        self._widths = layout.widths(self.settings)
        self.made_with = layout.made_with(self.settings)

    def start(self) -> IndicatorState:
        """No bars seen."""
        s = capacity(1)
        return IndicatorState(
            count=np.zeros(s, np.int64),
            last=np.full(s, NEVER, np.int64),
            values=strided(len(Out)),
            memory=strided(len(Memory), fill=0.0),
            ring=strided(len(Ring), layout.depth(self.settings), fill=0.0),
            made_with=self.made_with,
        )

    def adopt(self, state: IndicatorState) -> bool:
        """Start over where the state was made with other settings, whose recursions and windows mean nothing here. Returns whether."""
        if state.made_with is self.made_with:
            return False
        if not len(state.made_with) and state.ring.shape[1] == layout.depth(self.settings):
            state.made_with = self.made_with
        if np.array_equal(state.made_with, self.made_with):
            state.made_with = self.made_with
            return False
        width, anew = state.count.shape[0], self.start()
        self.widen(anew, width)
        for kept in fields(state):
            setattr(state, kept.name, getattr(anew, kept.name))
        return True

    def widen(self, state: IndicatorState, symbols: int) -> None:
        """Make room for so many symbols."""
        if state.count.shape[0] >= symbols:
            return
        state.count = grow(state.count, symbols, 0)
        state.last = grow(state.last, symbols, NEVER)
        state.values = widen_strided(state.values, symbols)
        state.memory = widen_strided(state.memory, symbols, 0.0)
        state.ring = widen_strided(state.ring, symbols, 0.0)

    def advance(self, state: IndicatorState, ts_open: int | I8, high: F8, low: F8, close: F8, volume: F8) -> None:
        """Take one bar of every symbol; `ts_open` is common to all or (S,)."""
        self.widen(state, close.shape[0])
        _advance(
            np.full(close.shape[0], ts_open, np.int64) if isinstance(ts_open, int) else ts_open,
            self.seconds * SECOND,
            self.settings.max_missing,
            high,
            low,
            close,
            volume,
            self._periods,
            self._widths,
            state.count,
            state.last,
            state.values,
            state.memory,
            state.ring,
        )

    def replay(self, state: IndicatorState, symbol: int, ts_open: I8, high: F8, low: F8, close: F8, volume: F8) -> None:
        """Take bars of one symbol."""
        self.widen(state, symbol + 1)
        _replay(
            symbol,
            ts_open,
            self.seconds * SECOND,
            self.settings.max_missing,
            high,
            low,
            close,
            volume,
            self._periods,
            self._widths,
            state.count,
            state.last,
            state.values,
            state.memory,
            state.ring,
        )

    def trace(
        self, state: IndicatorState, symbol: int, ts_open: I8, high: F8, low: F8, close: F8, volume: F8
    ) -> tuple[F8, F8]:
        """Take bars of one symbol as `replay` does; returns values (len(Out), n) and memory (len(Memory), n) after each."""
        self.widen(state, symbol + 1)
        values = np.empty((len(Out), ts_open.shape[0]))
        memory = np.empty((len(Memory), ts_open.shape[0]))
        _trace(
            symbol,
            ts_open,
            self.seconds * SECOND,
            self.settings.max_missing,
            high,
            low,
            close,
            volume,
            self._periods,
            self._widths,
            state.count,
            state.last,
            state.values,
            state.memory,
            state.ring,
            values,
            memory,
        )
        return values, memory

    def forget(self, state: IndicatorState, symbol: int) -> None:
        """Start this symbol over."""
        self.widen(state, symbol + 1)
        _forget(symbol, state.count, state.last, state.values, state.memory)


@kernel
def _forget(s: int, count: I8, last: I8, values: F8, memory: F8) -> None:
    count[s] = 0
    last[s] = NEVER
    for row in range(values.shape[0]):
        values[row, s] = math.nan
    for row in range(memory.shape[0]):
        memory[row, s] = 0.0


@kernel
def _take(
    s: int,
    ts_open: int,
    step: int,
    max_missing: int,
    high: float,
    low: float,
    close: float,
    volume: float,
    periods: I8,
    widths: F8,
    count: I8,
    last: I8,
    values: F8,
    memory: F8,
    ring: F8,
) -> None:
    """Take one bar of one symbol."""
    if math.isnan(close) or ts_open <= last[s]:
        return
    if count[s] > 0 and (ts_open - last[s]) // step - 1 > max_missing:
        _forget(s, count, last, values, memory)
    count[s] += 1
    last[s] = ts_open
    seen = count[s]
    at = (seen - 1) % ring.shape[1]
    ring[R_HIGH, at, s] = high
    ring[R_LOW, at, s] = low
    ring[R_CLOSE, at, s] = close
    ring[R_VOLUME, at, s] = volume
    step_averages(memory, values, s, close, seen, periods)
    step_rsi(memory, values, s, close, seen, periods)
    step_directional(memory, values, s, high, low, seen, periods)
    step_bands(ring, values, s, seen, periods, widths)
    step_stochastic(ring, values, s, close, seen, periods)
    step_channels(memory, values, s, high, low, close, seen, periods, widths)
    step_volume(memory, ring, values, s, ts_open, high, low, close, volume, seen, periods)
    memory[M_HIGH, s] = high
    memory[M_LOW, s] = low
    memory[M_CLOSE, s] = close


@kernel
def _advance(
    ts_open: I8,
    step: int,
    max_missing: int,
    high: F8,
    low: F8,
    close: F8,
    volume: F8,
    periods: I8,
    widths: F8,
    count: I8,
    last: I8,
    values: F8,
    memory: F8,
    ring: F8,
) -> None:
    for s in range(close.shape[0]):
        _take(
            s,
            ts_open[s],
            step,
            max_missing,
            high[s],
            low[s],
            close[s],
            volume[s],
            periods,
            widths,
            count,
            last,
            values,
            memory,
            ring,
        )


@kernel
def _replay(
    s: int,
    ts_open: I8,
    step: int,
    max_missing: int,
    high: F8,
    low: F8,
    close: F8,
    volume: F8,
    periods: I8,
    widths: F8,
    count: I8,
    last: I8,
    values: F8,
    memory: F8,
    ring: F8,
) -> None:
    for b in range(ts_open.shape[0]):
        _take(
            s,
            ts_open[b],
            step,
            max_missing,
            high[b],
            low[b],
            close[b],
            volume[b],
            periods,
            widths,
            count,
            last,
            values,
            memory,
            ring,
        )


@kernel
def _trace(
    s: int,
    ts_open: I8,
    step: int,
    max_missing: int,
    high: F8,
    low: F8,
    close: F8,
    volume: F8,
    periods: I8,
    widths: F8,
    count: I8,
    last: I8,
    values: F8,
    memory: F8,
    ring: F8,
    all_values: F8,
    all_memory: F8,
) -> None:
    for b in range(ts_open.shape[0]):
        _take(
            s,
            ts_open[b],
            step,
            max_missing,
            high[b],
            low[b],
            close[b],
            volume[b],
            periods,
            widths,
            count,
            last,
            values,
            memory,
            ring,
        )
        for row in range(values.shape[0]):
            all_values[row, b] = values[row, s]
        for row in range(memory.shape[0]):
            all_memory[row, b] = memory[row, s]
